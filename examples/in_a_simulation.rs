//! The hare and the tortoise: an hour on two machines, in no time at all.
//!
//! A [`Sim`] is a world in which nobody waits: when nothing can happen now, time jumps to the next fuse. Each host in it is a
//! [`Fate`](fate::Fate) like any other, with a clock of its own. So a program can be tried over an hour, over years, or while a
//! laptop sleeps, at once and to the nanosecond.
//!
//! The tortoise walks for an hour. The hare needs only a quarter of that but, five minutes into the race, falls asleep: its
//! host is suspended, and its clock stands still. For how long is left to chance, and in a simulation all chance follows from
//! one seed. Another seed is another race; the same seed is the same race, byte for byte.
//!
//! `cargo run --example in_a_simulation 8` prints who won, and the history, one line an event:
//! ```text
//! The tortoise wins.
//!         0.000000000 tortoise born
//!         0.000000000 hare     born
//!       300.000000000 hare     suspend  +3360.000000000
//!      3600.000000000 tortoise burned   in_a_simulation.rs:44
//!      4260.000000000 hare     burned   in_a_simulation.rs:44
//! ```
//! `Sim`'s documentation has the legend.

use fate::sim::Sim;
use std::{cell::RefCell, env, rc::Rc, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// How a race went.
#[derive(PartialEq, Eq, Debug)]
pub struct Race {
    /// For how long the hare slept.
    pub nap: Duration,
    /// Who arrived, in this order.
    pub arrivals: Vec<&'static str>,
    /// What happened, one line an event.
    pub history: String,
}

/// Runs the race that belongs to this seed. If both arrive at the same moment the tortoise is first, for it was made first.
pub fn run_race(seed: u64) -> fate::Result<Race> {
    let mut sim = Sim::new(seed);
    let arrivals = Rc::new(RefCell::new(Vec::new()));
    for (name, walk) in [("tortoise", 60 * MINUTE), ("hare", 15 * MINUTE)] {
        let arrivals = arrivals.clone();
        sim.host(name).get_fuse(walk).set_handler(move |_| arrivals.borrow_mut().push(name));
    }

    sim.run_until(5 * MINUTE)?;
    let nap = MINUTE * (30 + sim.host("hare").random() % 31) as u32;
    sim.suspend("hare", nap);
    sim.run()?;
    Ok(Race { nap, arrivals: arrivals.take(), history: sim.history() })
}

fn main() -> fate::Result {
    let seed = env::args().nth(1).map_or(Ok(8), |seed| seed.parse())?;
    let race = run_race(seed)?;
    assert_eq!(race, run_race(seed)?, "one seed, one race");
    println!("The {} wins.", race.arrivals[0]);
    print!("{}", race.history);
    Ok(())
}
