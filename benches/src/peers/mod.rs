//! Everybody who takes part, by workload: Fate first, then its peers. One file for each.

mod async_executor;
mod async_io;
mod fate;
#[cfg(libuv)]
mod libuv;
mod stakker;
mod tokio;
mod xargs;

use crate::contender::{MakeChildren, MakeRemote, MakeThreads, MakeTimers, MakeWork, Peer};
use crate::tally::FATE;

/// Who is missing because this machine has not what it is built from.
pub const NOT_BUILT: &[&str] = if cfg!(libuv) { &[] } else { &["libuv"] };

/// The columns of the tables about timers.
pub const TIMERS: [&str; 6] = ["Fate sim", "tokio", "tokio Sleep", "stakker", "async-io", "libuv"];

/// Timers: lit, cut, burned.
pub fn timers() -> Vec<Peer<MakeTimers>> {
    vec![
        Peer { name: FATE, make: fate::paced },
        Peer { name: "Fate sim", make: fate::simulated },
        Peer { name: "tokio", make: tokio::tasks },
        Peer { name: "tokio Sleep", make: tokio::sleeps },
        Peer { name: "stakker", make: stakker::timers },
        Peer { name: "async-io", make: async_io::timers },
        #[cfg(libuv)]
        Peer { name: "libuv", make: libuv::timers },
    ]
}

/// Closures queued, then run.
pub fn dispatch() -> Vec<Peer<MakeWork>> {
    vec![
        Peer { name: FATE, make: fate::dispatch },
        Peer { name: "stakker", make: stakker::dispatch },
        Peer { name: "tokio", make: tokio::dispatch },
        Peer { name: "async-executor", make: async_executor::dispatch },
    ]
}

/// A value on its way, and one who waits for it.
pub fn deferred() -> Vec<Peer<MakeWork>> {
    vec![Peer { name: FATE, make: fate::deferred }, Peer { name: "tokio", make: tokio::oneshot }]
}

/// Trivial futures spawned and run to the end: to these peers the same thing as a queued closure.
pub fn spawn() -> Vec<Peer<MakeWork>> {
    vec![
        Peer { name: FATE, make: fate::spawn },
        Peer { name: "tokio", make: tokio::dispatch },
        Peer { name: "async-executor", make: async_executor::dispatch },
    ]
}

/// Closures sent from other threads.
pub fn remote() -> Vec<Peer<MakeRemote>> {
    vec![
        Peer { name: FATE, make: fate::remote },
        Peer { name: "tokio mpsc, Box<dyn FnOnce>", make: tokio::boxed_calls },
        Peer { name: "tokio mpsc, u64", make: tokio::plain_numbers },
    ]
}

/// Closures that a thread of a pool runs, and whose results come back.
pub fn threads() -> Vec<Peer<MakeThreads>> {
    vec![
        Peer { name: FATE, make: fate::threads },
        Peer { name: "tokio", make: tokio::blocking },
        Peer { name: "tokio, bare", make: tokio::bare_blocking },
    ]
}

/// Programs that run and end: their output kept, or connected to nothing.
pub fn children() -> Vec<Peer<MakeChildren>> {
    vec![
        Peer { name: FATE, make: fate::outputs },
        Peer { name: "tokio", make: tokio::outputs },
        Peer { name: "Fate, no pipes", make: fate::children },
        Peer { name: "tokio, no pipes", make: tokio::children },
        Peer { name: "xargs", make: xargs::children },
    ]
}

/// Chains of a thousand callbacks on one Deferred: nobody else has anything of the kind.
pub fn chain() -> Vec<Peer<MakeWork>> {
    vec![Peer { name: FATE, make: fate::chain }]
}
