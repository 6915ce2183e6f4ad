//! Where an example is played: one host under virtual time, and a `println!` that notes each line with its moment.
//!
//! The examples print with a plain `println!`, as a program does. A macro of that name that stands before the `mod` of an
//! example hides the standard one within it. So this module is declared first, with `#[macro_use]`, and what is tested is the
//! very program that users read and run.

use fate::{Fate, Instant, sim::Sim};
use std::cell::RefCell;

/// The host on which the example runs.
pub const STAGE: &str = "stage";

/// What was seen of an example.
pub struct Show {
    /// The lines, each behind the seconds of virtual time at which it was printed, exactly.
    pub lines: Vec<String>,
    /// When it ended, in seconds.
    pub ended: f64,
    /// What was still alive then.
    pub left: Vec<String>,
}

/// Hears what the present test's example prints.
struct Listener {
    fate: Fate,
    lines: Vec<String>,
}

thread_local! {
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
}

macro_rules! println {
    ($($words:tt)*) => { crate::stage::hear(&format!($($words)*)) };
}

/// Runs what `set_up` sets up to its end, in the world that belongs to `seed`, and sees to it that nothing is left behind.
#[allow(dead_code, reason = "a test that needs a world of its own plays there")]
pub fn play(seed: u64, set_up: fn(&Fate)) -> Show {
    play_in(Sim::new(seed), set_up)
}

/// As [`play`], in a world in which there may be others.
#[allow(dead_code, reason = "a test in which something happens in the middle directs that")]
pub fn play_in(sim: Sim, set_up: impl FnOnce(&Fate)) -> Show {
    let show = direct(sim, set_up, |_| ());
    assert!(show.left.is_empty(), "left behind: {:#?}", show.left);
    show
}

/// Runs what `set_up` sets up, does to the world what the script says, and runs it to its end.
pub fn direct(mut sim: Sim, set_up: impl FnOnce(&Fate), script: impl FnOnce(&mut Sim)) -> Show {
    let fate = sim.host(STAGE);
    LISTENER.set(Some(Listener { fate: fate.clone(), lines: Vec::new() }));
    set_up(&fate);
    script(&mut sim);
    sim.run().expect("the example runs to its end");
    let lines = LISTENER.take().map_or_else(Vec::new, |listener| listener.lines);
    let left = sim.leaks().iter().map(ToString::to_string).collect();
    Show { lines, ended: sim.elapsed().as_secs_f64(), left }
}

pub fn hear(line: &str) {
    LISTENER.with_borrow_mut(|listener| {
        let listener = listener.as_mut().expect("an example is playing");
        let seconds = (listener.fate.now() - Instant::START).as_secs_f64();
        listener.lines.push(format!("{seconds:<4} {line}"));
    });
}
