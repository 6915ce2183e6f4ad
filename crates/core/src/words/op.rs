//! What the machine asks of a kernel, and what the kernel answers.
//!
//! The machine fills an outbox of [`Op`]s and is handed an inbox of [`Completion`]s, once a turn. An operation is named by
//! the [`Key`] under which the machine keeps it, and no two live ones have the same index, whatever they do; so an answer to an operation that is dead by then finds nobody and is
//! dropped: a stale event cannot reach a handler.
//!
//! `Op` is one closed enum: a new operation does not compile until every driver has answered for it.

use crate::words::key::Key;
use std::io;
use std::os::fd::RawFd;

/// A request to the kernel. A driver answers each with at least one [`Completion`], except for [`Op::Cancel`].
#[derive(Debug)]
pub enum Op {
    /// Tell once when a descriptor that somebody else owns is ready. Level-triggered: if it is ready already, that is
    /// told in the coming exchange. The descriptor stays open until the operation has completed or was cancelled.
    Watch {
        /// Names the operation.
        key: Key,
        /// What to watch.
        descriptor: RawFd,
        /// Readiness for what.
        interest: Interest,
    },
    /// Forget an operation. What it watched is not looked at again once the exchange that carries this has returned; a
    /// completion that is on its way may still be handed over, and finds nobody.
    Cancel {
        /// Names the operation to forget.
        key: Key,
    },
}

/// The direction of a [`Op::Watch`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Interest {
    /// Something can be read, or the other side closed, or there is an error.
    Read,
    /// Something can be written, or the other side closed, or there is an error.
    Write,
}

/// The kernel's answer to one operation.
#[derive(Debug)]
pub struct Completion {
    /// Names the operation.
    pub key: Key,
    /// What happened.
    pub event: Event,
}

/// What happened to an operation.
#[derive(Debug)]
pub enum Event {
    /// The watched descriptor is ready.
    Ready(Readiness),
    /// The kernel would not do it; the error as it gave it (`EPERM` for a plain file, `EBADF`, `EEXIST` for a direction
    /// that is watched already).
    Refused(io::Error),
}

/// Distinct reasons why a descriptor is ready; several may hold at once.
///
/// Of `readable` and `writable` only the direction that was watched is told. A hang-up or an error sets it too, for then the
/// call would not block.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Readiness {
    /// Reading would not block.
    pub readable: bool,
    /// Writing would not block.
    pub writable: bool,
    /// Both directions are closed.
    pub hang_up: bool,
    /// An error is pending on the descriptor.
    pub error: bool,
}
