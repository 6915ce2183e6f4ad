//! Calls from other threads into the loop, sender and receiver paid for together.

use super::count;
use crate::contender::MakeRemote;
use crate::peers;
use crate::race::{Contender, race};
use crate::scale::Scale;
use crate::stopwatch::{Reading, Stopwatch};
use crate::tally::{Demand, Rival, Tally, Unit};

const BOXED: &str = "tokio mpsc, Box<dyn FnOnce>";
const PLAIN: &str = "tokio mpsc, u64";
const THREADS: [(usize, &str); 2] = [(1, "from 1 thread"), (4, "from 4 threads")];

pub fn run(scale: &Scale) {
    let play = |make: MakeRemote| {
        move |watch: &mut Stopwatch| {
            for (threads, lap) in THREADS {
                let mut work = make(threads);
                watch.lap(lap, || work(scale.calls));
            }
        }
    };
    let contenders: Vec<_> = peers::remote().iter().map(|peer| Contender::new(peer.name, play(peer.make))).collect();
    let standings = race(&contenders, scale.rounds.1);
    let title = format!("time for each of {} calls", count(scale.calls));
    let mut tally = Tally::new(title, Unit::Nanoseconds, &[BOXED, PLAIN]);
    let demands = [Demand::Times(Rival::Named(BOXED), 1.0)];
    for (_, lap) in THREADS {
        tally.row(format!("{lap}, CPU"), |name| standings.nanoseconds(name, lap, scale.calls), &demands);
        let wall = |reading: Reading| reading.wall.as_nanos() as f64 / scale.calls as f64;
        tally.row(format!("{lap}, wall"), |name| standings.median(name, lap, wall), &[]);
    }
    tally.print();
}
