//! Many fuses pending, with deadlines over ten seconds: to light one, to cut one, to light and burn one; and how that grows with
//! their number.
//!
//! Every engine lives through the same life in one go: made and lit on fresh memory, cut in the order of lighting, lit
//! again now that its memory is warm, cut at random, and at last lit and burned.

use super::count;
use crate::contender::{Handles, MakeTimers, Peer};
use crate::deadlines::{delays, shuffled};
use crate::peers;
use crate::race::{Contender, Standings, race};
use crate::scale::Scale;
use crate::stopwatch::Stopwatch;
use crate::tally::{Demand, FATE, Rival, Tally, Unit};
use std::time::Duration;

/// Those that run something when a timer is due, or at least wake somebody. A bare Sleep does neither: it takes part in what is asked
/// for cutting, and its other figures are only there to be seen.
const RIVALS: [&str; 4] = ["tokio", "stakker", "async-io", "libuv"];
const CUTTING_RIVALS: [&str; 5] = ["tokio", "tokio Sleep", "stakker", "async-io", "libuv"];

const COLD: &str = "make and light, memory cold";
const WARM: &str = "light";
const IN_ORDER: &str = "cut in order of lighting";
const AT_RANDOM: &str = "cut at random";
const BURN: &str = "light and burn";
const LAPS: [&str; 5] = [COLD, WARM, IN_ORDER, AT_RANDOM, BURN];

/// How much dearer Fate's fuses may become from the fewest to the most of them.
const GROWTH: f64 = 3.0;

/// With few fuses pending, lives are repeated until there are so many to measure.
const ENOUGH: usize = 100_000;

pub fn run(scale: &Scale) {
    let everybody = peers::timers();
    let headline = lives(&everybody, scale.pending, scale.rounds.0);
    floors(&headline, scale.pending).print();
    order(&everybody, scale.pending.min(ENOUGH));
    growth(&everybody, &headline, scale);
}

/// Races everybody's lives with `pending` fuses. Laps are for all lives of a round together.
fn lives(who: &[Peer<MakeTimers>], pending: usize, rounds: usize) -> Standings {
    let life = Life { delays: delays(pending), in_order: (0..pending).collect(), at_random: shuffled(pending) };
    let play = |make: MakeTimers| {
        let life = &life;
        move |watch: &mut Stopwatch| (0..repeats(pending)).for_each(|_| life.of(make, watch))
    };
    let contenders: Vec<_> = who.iter().map(|peer| Contender::new(peer.name, play(peer.make))).collect();
    race(&contenders, rounds)
}

fn repeats(pending: usize) -> usize {
    ENOUGH.div_ceil(pending)
}

struct Life {
    delays: Vec<Duration>,
    in_order: Vec<usize>,
    at_random: Vec<usize>,
}

impl Life {
    fn of(&self, make: MakeTimers, watch: &mut Stopwatch) {
        let mut engine = None;
        watch.lap(COLD, || engine.insert(make(self.delays.len())).light(&self.delays, Handles::Kept));
        let engine = engine.as_mut().expect("it has just been made");
        watch.lap(IN_ORDER, || engine.cut(&self.in_order));
        watch.lap(WARM, || engine.light(&self.delays, Handles::Kept));
        watch.lap(AT_RANDOM, || engine.cut(&self.at_random));
        watch.lap(BURN, || {
            engine.light(&self.delays, Handles::Dropped);
            engine.burn();
        });
    }
}

fn floors(standings: &Standings, pending: usize) -> Tally {
    let eight = |name| Demand::Times(Rival::Named(name), 8.0);
    let light = [eight("tokio"), eight("stakker"), eight("async-io"), Demand::Times(Rival::Named("libuv"), 2.0)];
    let mut tally =
        Tally::new(format!("CPU time for each of {} fuses", count(pending)), Unit::Nanoseconds, &peers::TIMERS);
    for lap in LAPS {
        let demands: &[Demand] = match lap {
            COLD | WARM => &light,
            BURN => &[Demand::Times(Rival::Best(&RIVALS), 4.0)],
            _ => &[Demand::Times(Rival::Best(&CUTTING_RIVALS), 5.0)],
        };
        tally.row(lap, |name| each(standings, name, lap, pending), demands);
    }
    tally
}

fn each(standings: &Standings, name: &str, lap: &str, pending: usize) -> Option<f64> {
    standings.nanoseconds(name, lap, pending * repeats(pending))
}

fn order(everybody: &[Peer<MakeTimers>], pending: usize) {
    let delays = delays(pending);
    println!("Order of burning, {} fuses with deadlines to the nanosecond:", count(pending));
    for peer in everybody {
        match (peer.make)(pending).order(&delays) {
            Some(order) => {
                println!("- {}: {} ran, {} of them after a later one", peer.name, order.burned, order.out_of_order)
            }
            None => println!("- {}: nothing runs", peer.name),
        }
    }
    println!();
}

/// One table for each contender would be many; so one line for each contender and operation.
fn growth(everybody: &[Peer<MakeTimers>], headline: &Standings, scale: &Scale) {
    let fewer: Vec<_> =
        scale.growth.iter().map(|pending| (*pending, lives(everybody, *pending, scale.rounds.1))).collect();
    let fate: Vec<_> = everybody.iter().filter(|peer| peer.name == FATE).map(|peer| Peer { ..*peer }).collect();
    let more = lives(&fate, scale.fate_alone, 1);
    let mut sizes: Vec<(usize, &Standings)> = fewer.iter().map(|(pending, standings)| (*pending, standings)).collect();
    sizes.extend([(scale.pending, headline), (scale.fate_alone, &more)]);
    let pending: Vec<_> = sizes.iter().map(|(pending, _)| count(*pending)).collect();
    println!("| ns for each fuse, pending: | {} | growth |", pending.join(" | "));
    println!("| --- {}|", "| ---: ".repeat(sizes.len() + 1));
    for name in [FATE].iter().chain(&peers::TIMERS) {
        for lap in [WARM, AT_RANDOM, BURN] {
            growth_line(name, lap, &sizes);
        }
    }
    println!();
}

fn growth_line(name: &str, lap: &str, sizes: &[(usize, &Standings)]) {
    let figures: Vec<_> = sizes.iter().map(|(pending, standings)| each(standings, name, lap, *pending)).collect();
    let known: Vec<f64> = figures.iter().flatten().copied().collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else { return };
    let cells: Vec<_> = figures.iter().map(|figure| figure.map_or("—".to_string(), |ns| format!("{ns:.0}"))).collect();
    let growth = last / first;
    let verdict = match name {
        FATE if growth < GROWTH => format!(" (asked < {GROWTH:.0} x: PASS)"),
        FATE => format!(" (asked < {GROWTH:.0} x: below)"),
        _ => String::new(),
    };
    println!("| {name}: {lap} | {} | {growth:.1} x{verdict} |", cells.join(" | "));
}
