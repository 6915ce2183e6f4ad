//! Which directions of which descriptors are watched, and what the kernel's word for a readiness means.
//!
//! To the ring each watch is an operation by itself, and it would take any number of them for one direction. The contract
//! says that there is one.
//!
//! # Invariants
//! - W1 A direction is in the table while an operation that watches it lives: not told, not refused, not cancelled.

use fate_core::{Interest, Readiness};
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::collections::HashSet;
use std::io;
use std::os::fd::RawFd;

/// The directions that are watched.
#[derive(Default)]
pub(crate) struct Watches(HashSet<(RawFd, Interest)>);

impl Watches {
    /// Enters a direction; `EEXIST` if it is watched already, `EBADF` if it cannot be.
    pub fn enter(&mut self, descriptor: RawFd, interest: Interest) -> io::Result<()> {
        if descriptor < 0 {
            return Err(Errno::BADF.into());
        }
        if self.0.insert((descriptor, interest)) { Ok(()) } else { Err(Errno::EXIST.into()) }
    }

    /// Strikes a direction out.
    pub fn leave(&mut self, descriptor: RawFd, interest: Interest) {
        self.0.remove(&(descriptor, interest));
    }
}

/// What the kernel is asked to look for; a hang-up and an error it tells in any case.
pub(crate) fn wanted(interest: Interest) -> PollFlags {
    match interest {
        Interest::Read => PollFlags::IN | PollFlags::PRI | PollFlags::RDHUP,
        Interest::Write => PollFlags::OUT,
        Interest::HangUp => PollFlags::RDHUP,
    }
}

/// What the kernel found.
pub(crate) fn readiness(interest: Interest, found: PollFlags) -> Readiness {
    let gone = if interest == Interest::HangUp { PollFlags::HUP | PollFlags::RDHUP } else { PollFlags::HUP };
    Readiness {
        readable: interest == Interest::Read,
        writable: interest == Interest::Write,
        hang_up: found.intersects(gone),
        error: found.contains(PollFlags::ERR),
    }
}
