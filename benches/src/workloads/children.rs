//! Programs that end at once, so many at a time: what it costs to start one, to learn that it has ended, and to keep what it has
//! printed, which is nothing.
//!
//! The CPU time is this process's own, without its children's; the wall time is all of it, and most of that is the kernel's, which
//! makes processes and ends them. xargs is no part of this process, so of it there is wall time alone.

use super::count;
use crate::contender::MakeChildren;
use crate::peers;
use crate::race::{Contender, race};
use crate::scale::Scale;
use crate::stopwatch::{Reading, Stopwatch};
use crate::tally::{Demand, FATE, Rival, Tally, Unit};

const AT_ONCE: usize = 8;
const LAP: &str = "programs";

const TOKIO: &str = "tokio";
const FATE_WITHOUT_PIPES: &str = "Fate, no pipes";
const TOKIO_WITHOUT_PIPES: &str = "tokio, no pipes";
const XARGS: &str = "xargs";

pub fn run(scale: &Scale) {
    let play = |make: MakeChildren| {
        move |watch: &mut Stopwatch| {
            let mut work = make(AT_ONCE);
            watch.lap(LAP, || work(scale.children));
        }
    };
    let contenders: Vec<_> = peers::children().iter().map(|peer| Contender::new(peer.name, play(peer.make))).collect();
    let standings = race(&contenders, scale.rounds.1);
    let cpu = |name: &str| standings.nanoseconds(name, LAP, scale.children);
    let wall = |reading: Reading| reading.wall.as_nanos() as f64 / scale.children as f64;
    let wall = |name: &str| standings.median(name, LAP, wall);

    let title = format!("each of {} programs, {AT_ONCE} at a time", count(scale.children));
    let mut tally = Tally::new(title, Unit::Nanoseconds, &[TOKIO, XARGS]);
    let at_most_tokio = [Demand::Times(Rival::Named(TOKIO), 1.0)];
    let about_xargs = [Demand::Times(Rival::Named(XARGS), 1.0 / 1.05)];
    for (what, contender) in [("output kept", with_pipes as fn(&str) -> &str), ("no pipes", without_pipes)] {
        tally.row(format!("{what}, CPU"), |name| cpu(contender(name)).filter(|_| name != XARGS), &at_most_tokio);
        tally.row(format!("{what}, wall"), |name| wall(contender(name)), &about_xargs);
    }
    tally.print();
}

/// Who stands in a column, in the rows about programs whose output is kept.
fn with_pipes(column: &str) -> &str {
    column
}

/// The same, in the rows about programs that are connected to nothing.
fn without_pipes(column: &str) -> &str {
    match column {
        FATE => FATE_WITHOUT_PIPES,
        TOKIO => TOKIO_WITHOUT_PIPES,
        column => column,
    }
}
