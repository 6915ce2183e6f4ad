//! Closures handed to a pool of threads, and their results brought back: loop and threads paid for together.
//!
//! One at a time, nearly all is the waking of one thread by another, and what that costs depends on where the system puts
//! the two: beside each other on one processor, or on two, of which each must be woken from its sleep in turn. It keeps to
//! either for seconds, by chance. So that lap is run on one processor too, where chance has no say.

use super::count;
use crate::contender::MakeThreads;
use crate::peers;
use crate::processor::OneProcessor;
use crate::race::{Contender, race};
use crate::scale::Scale;
use crate::stopwatch::{Reading, Stopwatch};
use crate::tally::{Demand, Rival, Tally, Unit};

/// A runtime as programs have it, which waits for sockets too.
const TOKIO: &str = "tokio";
/// One that can wait for nothing but threads.
const BARE: &str = "tokio, bare";

struct Lap {
    name: &'static str,
    at_once: usize,
    on_one_processor: bool,
}

const LAPS: [Lap; 3] = [
    Lap { name: "one at a time, on one processor", at_once: 1, on_one_processor: true },
    Lap { name: "one at a time", at_once: 1, on_one_processor: false },
    Lap { name: "100 at once", at_once: 100, on_one_processor: false },
];

pub fn run(scale: &Scale) {
    let play = |make: MakeThreads| {
        move |watch: &mut Stopwatch| {
            for Lap { name, at_once, on_one_processor } in LAPS {
                let _bound = on_one_processor.then(OneProcessor::bind);
                let mut work = make(at_once);
                watch.lap(name, || work(scale.trips));
            }
        }
    };
    let contenders: Vec<_> = peers::threads().iter().map(|peer| Contender::new(peer.name, play(peer.make))).collect();
    let standings = race(&contenders, scale.rounds.1);
    let title = format!("round trip of each of {} closures", count(scale.trips));
    let mut tally = Tally::new(title, Unit::Nanoseconds, &[TOKIO, BARE]);
    let demands = [Demand::Times(Rival::Named(TOKIO), 1.0)];
    for Lap { name: lap, .. } in LAPS {
        tally.row(format!("{lap}, CPU"), |name| standings.nanoseconds(name, lap, scale.trips), &demands);
        let wall = |reading: Reading| reading.wall.as_nanos() as f64 / scale.trips as f64;
        tally.row(format!("{lap}, wall"), |name| standings.median(name, lap, wall), &demands);
    }
    tally.print();
}
