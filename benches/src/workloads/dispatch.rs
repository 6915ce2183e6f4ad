//! Closures queued by the million and then run.

use super::count;
use crate::contender::{MakeWork, Peer};
use crate::peers;
use crate::race::{Contender, Standings, race};
use crate::scale::Scale;
use crate::stopwatch::Stopwatch;
use crate::tally::{Demand, Rival, Tally, Unit};

pub const COLD: &str = "memory still cold";
pub const WARM: &str = "warm";

pub fn run(scale: &Scale) {
    let standings = cold_and_warm(&peers::dispatch(), scale.closures, scale.rounds.1);
    let title = format!("CPU time for each of {} closures queued, then run", count(scale.closures));
    let mut tally = Tally::new(title, Unit::Nanoseconds, &["stakker", "tokio", "async-executor"]);
    for lap in [COLD, WARM] {
        let demands = [Demand::Times(Rival::Named("stakker"), 1.0)];
        tally.row(lap, |name| standings.nanoseconds(name, lap, scale.closures), &demands);
    }
    tally.print();
}

/// Races work done in batches: the first on a fresh instance, and one when two have gone before (queues often come in pairs).
pub fn cold_and_warm(who: &[Peer<MakeWork>], batch: usize, rounds: usize) -> Standings {
    let play = |make: MakeWork| {
        move |watch: &mut Stopwatch| {
            let mut work = make();
            watch.lap(COLD, || work(batch));
            work(batch);
            watch.lap(WARM, || work(batch));
        }
    };
    let contenders: Vec<_> = who.iter().map(|peer| Contender::new(peer.name, play(peer.make))).collect();
    race(&contenders, rounds)
}
