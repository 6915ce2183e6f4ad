//! What a peer must be able to do to take part: the seam between the workloads, which measure, and the peers, which are measured.
//!
//! Nothing in `peers/` looks at a clock to measure, and nothing in `workloads/` knows whom it measures.

use crate::ledger::Order;
use std::process::Command;
use std::time::Duration;

/// A peer's timers. All calls are for a whole batch, so that the call itself costs nothing and each peer can prepare (enter its
/// runtime, take its lock) once.
pub trait Timers {
    /// Lights one timer for each of `delays`, counted from now. Where the peer has handlers, each captures 24 bytes.
    fn light(&mut self, delays: &[Duration], handles: Handles);

    /// Cuts the timers lit last, in the `order` given by their numbers. Afterwards none is pending.
    fn cut(&mut self, order: &[usize]);

    /// Lets the time of all deadlines come and burns whatever is lit. Afterwards none is pending and their memory is free again.
    fn burn(&mut self);

    /// Lights and burns `delays` once more and tells in what order their handlers ran, where there are any.
    fn order(&mut self, delays: &[Duration]) -> Option<Order>;
}

/// Whether the one who lights wants to be able to cut. Peers whose timers exist only as long as somebody holds them keep them
/// in any case.
#[derive(Clone, Copy, PartialEq)]
pub enum Handles {
    Kept,
    Dropped,
}

/// Does a workload's operation so and so many times over, to the end, and asserts that it was done.
pub type Work = Box<dyn FnMut(usize)>;

/// A peer's entry in one workload: its name, and how to make a fresh instance of it.
pub struct Peer<M> {
    pub name: &'static str,
    pub make: M,
}

/// Makes timers for at most so many pending.
pub type MakeTimers = fn(usize) -> Box<dyn Timers>;

/// Makes something that does a workload's operation.
pub type MakeWork = fn() -> Work;

/// Makes something that does calls from so many threads.
pub type MakeRemote = fn(usize) -> Work;

/// Makes something that has closures run by a pool of threads, so many at a time.
pub type MakeThreads = fn(usize) -> Work;

/// Makes something that has programs run, so many at a time.
pub type MakeChildren = fn(usize) -> Work;

/// Callbacks in one long chain, where the operation is a chain.
pub const LINKS: usize = 1_000;

/// The program that is run where programs are run: it does nothing.
pub const PROGRAM: &str = "true";

/// It, ready to be started.
pub fn program() -> Command {
    Command::new(PROGRAM)
}
