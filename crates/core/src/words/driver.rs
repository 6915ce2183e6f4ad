//! The contract that a kernel must meet: what stands between the machine and the world.
//!
//! A driver is essentially one function, [`Driver::exchange`], called once a turn: it takes the outbox, waits if it may,
//! and fills the inbox. Batching is by construction, no type parameter reaches user code, and the simulated kernel is an
//! equal citizen. "Read the sim driver first" is good advice.
//!
//! # Invariants
//! - D1 A driver never calls user code, and the machine never calls a driver from inside `exchange`.
//! - D2 Once the exchange that was handed an `Op::Cancel` has returned, the driver does not touch that operation's
//!   descriptor again. Bytes that a cancelled `Op::Receive` had taken are delivered; a connection that a cancelled
//!   `Op::Accept` had taken is delivered too, and closed by the machine; memory is the driver's until it is idle.
//! - D3 `exchange` returns no later than the first moment in `until` that comes, no earlier than that without a reason
//!   (a completion, a ring), and never rounds.
//! - D4 Kernel objects are made when first needed, not in the constructor: a daemon may fork before `run`. Once they are
//!   made, a driver is for its own process: in a forked child it fails with [`Forked`](super::failure::Forked), touches none
//!   of them, and of the operations that it is handed does `Op::Close` alone.

use super::clock::{Time, Until};
use super::network::Network;
use super::op::{Completion, Op};
use super::system::System;
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;

/// A kernel as the machine sees it.
pub trait Driver {
    /// The driver's name in reports: `sim`, `poll`, …
    fn name(&self) -> &'static str;

    /// Where time is read.
    fn time(&self) -> Rc<dyn Time>;

    /// What never waits: making, binding, configuring and naming sockets.
    fn network(&self) -> Rc<dyn Network>;

    /// Other programs, signals, and the streams that this program was born with.
    fn system(&self) -> Rc<dyn System>;

    /// What there is to say about this driver, such as why it stands in for a better one.
    fn note(&self) -> Option<String> {
        None
    }

    /// Hands `outbox` (left empty) to the kernel, waits for something to happen but at most until `until`, and appends
    /// what happened to `inbox`. Every exchange answers what was rung before it, also one that does not wait.
    ///
    /// # Errors
    /// The kernel refused the wait itself. An operation's own error comes as its completion instead.
    fn exchange(&mut self, outbox: &mut Vec<Op>, inbox: &mut VecDeque<Completion>, until: &Until) -> io::Result<()>;

    /// A bell that ends a wait, from any thread. Ringing while nobody waits ends the next exchange at once.
    ///
    /// # Errors
    /// The kernel would not give the objects that a bell is made of.
    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>>;

    /// A descriptor that is readable whenever a wait would end early: with it, a foreign loop can wait for this driver.
    /// It must be asked for before the foreign loop waits, and says nothing of deadlines.
    ///
    /// # Errors
    /// `Unsupported` where there is no such thing (the simulation).
    fn pollable(&mut self) -> io::Result<RawFd>;

    /// Sixty-four random bits, from the operating system or from the simulation's seed.
    fn random(&mut self) -> u64;

    /// Who is told of what the machine does, if anybody is. Asked for once, when the machine is made.
    fn witness(&self) -> Option<Rc<dyn Witness>> {
        None
    }
}

/// Ends a driver's wait.
pub trait Ring: Send + Sync {
    /// Ends the present wait, or the next one if nobody waits.
    fn ring(&self);

    /// Whether this is a forked child of the process that it belongs to.
    fn is_foreign(&self) -> bool {
        false
    }
}

/// What the machine did, for those who keep a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// A fuse's handlers are called.
    Burned,
    /// A task was spawned.
    Spawned,
    /// A task ran to its end.
    Finished,
    /// A task was dropped before its end.
    Dropped,
    /// A handler failed, or a failure was dropped unheard.
    Failed,
    /// Shutdown was asked for.
    ShutdownAsked,
    /// Shutdown is complete.
    ShutDown,
    /// Something was still alive at the end.
    Left,
}

/// Keeps a history of what the machine does.
pub trait Witness {
    /// Told before the deed has effects of its own; `place` is the line that set it up.
    fn saw(&self, deed: Deed, place: Option<super::failure::Place>);
}
