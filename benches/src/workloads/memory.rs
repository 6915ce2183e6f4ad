//! What a pending fuse weighs, and how often the allocator is called once an engine is warm.

use super::count;
use crate::census::Census;
use crate::contender::{Handles, MakeTimers};
use crate::deadlines::{delays, shuffled};
use crate::peers;
use crate::race::{Contender, race};
use crate::scale::Scale;
use crate::stopwatch::{Reading, Stopwatch};
use crate::tally::{Demand, Tally, Unit};
use std::time::Duration;

const PENDING: &str = "made and lit";
const LIGHT: &str = "light";
const CUT: &str = "cut";
const BURN: &str = "light and burn";

/// Allocations do not depend on how many fuses there are; this many are quickly done.
const WARM: usize = 100_000;

pub fn run(scale: &Scale) {
    Census::switch(true);
    weight(scale.pending).print();
    calls(scale.pending.min(WARM)).print();
    Census::switch(false);
}

fn weight(pending: usize) -> Tally {
    let delays = delays(pending);
    let play = |make: MakeTimers| {
        let delays = &delays;
        move |watch: &mut Stopwatch| {
            let mut engine = None;
            watch.lap(PENDING, || engine.insert(make(pending)).light(delays, Handles::Dropped));
        }
    };
    let contenders: Vec<_> = peers::timers().iter().map(|peer| Contender::new(peer.name, play(peer.make))).collect();
    let standings = race(&contenders, 1);
    let mut tally = Tally::new(format!("memory for each of {} pending", count(pending)), Unit::Bytes, &peers::TIMERS);
    let grown = |reading: Reading| reading.grown as f64 / pending as f64;
    let figure = |name: &str| standings.median(name, PENDING, grown);
    tally.row("bytes, a 24-byte capture included", figure, &[Demand::AtMost(96.0)]);
    tally
}

fn calls(pending: usize) -> Tally {
    let (delays, order) = (delays(pending), shuffled(pending));
    let play = |make: MakeTimers| {
        let (delays, order) = (&delays, &order);
        move |watch: &mut Stopwatch| warm_life(make, delays, order, watch)
    };
    let contenders: Vec<_> = peers::timers().iter().map(|peer| Contender::new(peer.name, play(peer.make))).collect();
    let standings = race(&contenders, 1);
    let mut tally = Tally::new("calls to the allocator, once warm", Unit::Calls, &peers::TIMERS);
    for lap in [LIGHT, CUT, BURN] {
        let calls = |reading: Reading| reading.calls as f64 / pending as f64;
        tally.row(lap, |name| standings.median(name, lap, calls), &[Demand::AtMost(0.0)]);
    }
    tally
}

/// Everything twice; the first time only warms.
fn warm_life(make: MakeTimers, delays: &[Duration], order: &[usize], watch: &mut Stopwatch) {
    let mut engine = make(delays.len());
    for watch in [&mut Stopwatch::default(), watch] {
        watch.lap(LIGHT, || engine.light(delays, Handles::Kept));
        watch.lap(CUT, || engine.cut(order));
        watch.lap(BURN, || {
            engine.light(delays, Handles::Dropped);
            engine.burn();
        });
    }
}
