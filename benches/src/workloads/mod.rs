//! What is measured. Each workload prints its tables; none knows whom it measures.

mod children;
mod deferred;
mod dispatch;
mod memory;
mod remote;
mod spawn;
mod threads;
mod timers;

use crate::scale::Scale;

/// Measures and prints.
type Workload = fn(&Scale);

/// Every workload with the name it is called by on the command line, in the order of the README.
pub const ALL: [(&str, Workload); 8] = [
    ("timers", timers::run),
    ("memory", memory::run),
    ("dispatch", dispatch::run),
    ("deferred", deferred::run),
    ("spawn", spawn::run),
    ("remote", remote::run),
    ("threads", threads::run),
    ("children", children::run),
];

/// A number of things as people write it: 1 k, 10 M.
fn count(things: usize) -> String {
    match things {
        _ if things >= 1_000_000 => format!("{} M", things / 1_000_000),
        _ if things >= 1_000 => format!("{} k", things / 1_000),
        _ => things.to_string(),
    }
}
