//! Trivial futures spawned and run to completion.

use super::count;
use super::dispatch::{COLD, WARM, cold_and_warm};
use crate::peers;
use crate::scale::Scale;
use crate::tally::{Demand, Rival, Tally, Unit};

pub fn run(scale: &Scale) {
    let standings = cold_and_warm(&peers::spawn(), scale.futures, scale.rounds.1);
    let title = format!("CPU time for each of {} futures spawned, then run", count(scale.futures));
    let mut tally = Tally::new(title, Unit::Nanoseconds, &["tokio", "async-executor"]);
    for lap in [COLD, WARM] {
        let demands = [Demand::Times(Rival::Named("tokio"), 3.0)];
        tally.row(lap, |name| standings.nanoseconds(name, lap, scale.futures), &demands);
    }
    tally.print();
}
