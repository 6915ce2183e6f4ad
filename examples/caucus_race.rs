//! Many at once: wait for the first, wait for all, and a clock that ticks meanwhile.
//!
//! Three run two rounds. In the first only the winner counts: as soon as one has arrived, the others stop where they are. In
//! the second nobody is left out: "everybody has won, and all must have prizes". Meanwhile a clock ticks every second, on
//! whole seconds, whatever else goes on.
//!
//! Nobody calls `shutdown` here. When the clock is stopped and all are home, nothing is left that could happen, so `run`
//! returns.
//!
//! Prints, here with the seconds at which:
//! ```text
//! 0.7  The Eaglet is first!
//! 1    tick
//! 1.4  The Eaglet is home.
//! 1.9  The Mouse is home.
//! 2    tick
//! 3    tick
//! 3.2  The Duck is home.
//! 3.2  All 3 have won, after 3.2 seconds.
//! ```

use fate::{Deferred, Fate};
use std::time::Duration;

/// Who runs, and for how many milliseconds.
const RUNNERS: [(&str, u64); 3] = [("Mouse", 1200), ("Duck", 2500), ("Eaglet", 700)];

/// Sends everybody round; each Deferred brings a name. To spawn a future makes a Deferred of it, and it goes on by itself.
fn send_round(fate: &Fate) -> [Deferred<&'static str>; 3] {
    RUNNERS.map(|(name, millis)| fate.spawn(fate.sleep(Duration::from_millis(millis))).add_callback(move |()| name))
}

async fn caucus_race(fate: Fate) -> fate::Result {
    let start = fate.now();
    let clock = fate.every(Duration::from_secs(1), |_, _| println!("tick"));

    let first = fate.first_ok(send_round(&fate)).await?;
    println!("The {first} is first!");

    let arrivals = send_round(&fate).map(|runner| runner.add_callback(|name| println!("The {name} is home.")));
    let winners = fate.gather_results(arrivals).await?;
    println!("All {} have won, after {:.1} seconds.", winners.len(), (fate.now() - start).as_secs_f64());

    clock.stop();
    Ok(())
}

/// Starts the race, which goes on by itself.
pub fn set_up(fate: &Fate) {
    fate.spawn(caucus_race(fate.clone()));
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    set_up(&fate);
    fate.run()
}
