//! Deferreds against a plain model.
//!
//! A [`Program`] is a list of operations on Deferreds, which it names by number. It is carried out on Fate, under virtual
//! time, and on the [model](crate::models::deferreds), and whenever a turn is over the two must agree on the sequence of calls
//! on each Deferred, on what was reported unheard, on how often something panicked, and on how many Deferreds and timers
//! wait to be fired, unpaused or burned. In the end everything that was captured must have been dropped.
//!
//! # The rules of programs
//! Fate promises an order of calls *on each Deferred*, and programs are such that nothing else matters:
//! - a step gives back a Deferred with a lower number than its own, and sets off one with a higher number, so nothing ever
//!   waits for itself;
//! - between two turns there is at most one cancelling; and where steps set off other Deferreds, a turn follows every
//!   operation. For what a cancelling finds may depend on who came first in the ready queue.
//!
//! [`Program::decode`] makes such programs of any bytes.

mod bench;
mod decode;
mod text;

use self::bench::Bench;
use crate::models::deferreds::{Call, Canceller, Does, Error, Id, Side};

/// What is done, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program(pub Vec<Op>);

/// One operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Makes a Deferred, which has the next number.
    Make(Option<Canceller>),
    /// Adds a step.
    Step(Id, Side, Does),
    /// Adds a limit of so many seconds.
    Timeout(Id, u8),
    /// Fires the Promise with a value.
    Fire(Id),
    /// Fires the Promise with a failure.
    Fail(Id),
    /// Drops the Promise.
    Abandon(Id),
    /// Pauses, by the handle or, if that is gone, by the Control.
    Pause(Id),
    /// Unpauses, likewise.
    Unpause(Id),
    /// Cancels, likewise.
    Cancel(Id),
    /// Takes a Control.
    TakeControl(Id),
    /// Drops the Control.
    DropControl(Id),
    /// Drops the handle.
    LetGo(Id),
    /// Lets everything happen that can happen now.
    Turn,
    /// Lets so many seconds pass.
    Wait(u8),
}

/// What came of a program.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// What was called when the last operation was done, Deferred by Deferred.
    pub calls: Vec<Vec<Call>>,
    /// What was reported when every handle was dropped after that, sorted.
    pub unheard: Vec<Error>,
}

/// Decodes a program from the bytes and carries it out on Fate and on the model.
///
/// # Panics
/// If the two disagree.
pub fn deferreds_against_a_plain_model(bytes: &[u8]) {
    Program::decode(bytes).run();
}

impl Program {
    /// Carries the program out on Fate and on the model.
    ///
    /// # Panics
    /// If the two disagree, or something is left over.
    pub fn run(&self) -> Trace {
        let mut bench = Bench::new(self);
        for (number, op) in self.0.iter().enumerate() {
            bench.carry_out(number, *op);
        }
        bench.finish()
    }
}
