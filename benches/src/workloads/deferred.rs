//! A value on its way: made, given a callback, fired, run; and what each further callback adds.

use super::dispatch::{WARM, cold_and_warm};
use crate::contender::LINKS;
use crate::peers;
use crate::scale::Scale;
use crate::tally::{Demand, Rival, Tally, Unit};

pub fn run(scale: &Scale) {
    let one = cold_and_warm(&peers::deferred(), scale.deferreds, scale.rounds.1);
    let mut tally = Tally::new("CPU time for each Deferred, against a oneshot channel", Unit::Nanoseconds, &["tokio"]);
    let figure = |name: &str| one.nanoseconds(name, WARM, scale.deferreds);
    tally.row("make, one callback, fire, run", figure, &[Demand::Times(Rival::Named("tokio"), 1.0 / 3.0)]);
    let chains = scale.deferreds / LINKS;
    let long = cold_and_warm(&peers::chain(), chains, scale.rounds.1);
    let figure = |name: &str| long.nanoseconds(name, WARM, chains * LINKS);
    let label = format!("each callback in a chain of {}", LINKS);
    tally.row(label, figure, &[Demand::AtMost(20.0)]);
    tally.print();
}
