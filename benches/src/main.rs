//! Fate beside its peers, in one run, printed as ratios.
//!
//! ```text
//! cargo run --release -p fate-benches                      everything, some minutes
//! cargo run --release -p fate-benches -- timers dispatch   these workloads alone
//! cargo run --release -p fate-benches -- --quick           a little of everything: does it still run?
//! ```
//!
//! libuv takes part where its headers are (Debian: `libuv1-dev`, with `pkg-config`) and is "not built" elsewhere.
//!
//! `workloads` measure, `peers` are measured, and `contender` is the seam between them. Verdicts are words in a table; the run
//! fails only when something did not do its work.

mod census;
mod clock;
mod contender;
mod deadlines;
mod ledger;
mod metronome;
mod peers;
mod processor;
mod race;
mod row;
mod scale;
mod stopwatch;
mod tally;
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let known = |name: &String| workloads::ALL.iter().any(|(workload, _)| workload == name);
    if !names.iter().all(known) || !flags.iter().all(|flag| flag == "--quick") {
        eprintln!("usage: fate-benches [--quick] [{}]...", workloads::ALL.map(|(name, _)| name).join("|"));
        return ExitCode::from(2);
    }
    let scale = if flags.is_empty() { scale::FULL } else { scale::QUICK };
    for (name, workload) in workloads::ALL {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            workload(&scale);
        }
    }
    ExitCode::SUCCESS
}
