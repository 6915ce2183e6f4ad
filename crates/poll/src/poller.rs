//! The kernel's poller, in safe words: each descriptor registered once, and told of once for each arming.
//!
//! # Invariants
//! - P1 No number reaches the kernel that no descriptor can have, be it negative or beyond [`Token::LARGEST`].
//! - P2 A foreign descriptor is borrowed for the length of one call, while an operation watches it or in the exchange
//!   that carries that operation's `Op::Cancel`. Until then whoever sent the `Op::Watch` keeps it open: that is the
//!   contract of `Op`. If it was closed all the same, the kernel answers with an error number, and if its number was
//!   given to another file it finds no registration of that; no memory depends on either.
//! - P3 A descriptor that was closed is forgotten by the kernel itself, so nothing need be deleted first. Where a
//!   duplicate keeps its registration alive, what is told of it bears an old token.

#![allow(unsafe_code, reason = "the descriptors belong to others: they come as bare numbers")]

use crate::token::Token;
use polling::{Event, Events, PollMode};
use rustix::io::{Errno, fcntl_getfd};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

/// An epoll, a kqueue, or what the system has in their place.
pub(crate) struct Poller(polling::Poller);

impl Poller {
    /// Asks the kernel for one.
    pub fn open() -> io::Result<Poller> {
        Ok(Poller(polling::Poller::new()?))
    }

    /// Has the kernel tell once, under `interest`'s token, when the descriptor is ready; replaces what was asked of it
    /// before. `known` says whether it was registered when last seen, and only saves a call if it is right.
    pub fn arm(&self, descriptor: RawFd, interest: Event, known: bool) -> io::Result<()> {
        let descriptor = borrow(descriptor)?;
        let first = if known { self.modify(descriptor, interest) } else { self.add(descriptor, interest) };
        match first {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.add(descriptor, interest),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.modify(descriptor, interest),
            outcome => outcome,
        }
    }

    /// Ends what was asked of a descriptor. If it is closed already, there is nothing to end.
    pub fn disarm(&self, descriptor: RawFd) {
        if let Ok(descriptor) = borrow(descriptor) {
            let _ = self.0.delete(descriptor);
        }
    }

    /// Has the kernel tell at every wait that a descriptor of ours is readable, until it is closed.
    #[allow(dead_code, reason = "only alarms that are descriptors need it")]
    pub fn keep(&self, descriptor: &OwnedFd, token: Token) -> io::Result<()> {
        // SAFETY: P3: whoever owns the descriptor may close it at any time.
        unsafe { self.0.add_with_mode(descriptor, Event::readable(token.0), PollMode::Level) }
    }

    /// Waits until something is to be told, somebody notifies, or the deadline comes; `None` is no deadline. It may
    /// also return for nothing.
    pub fn wait(&self, told: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
        told.clear();
        match deadline {
            Some(deadline) => self.0.wait_deadline(told, deadline)?,
            None => self.0.wait(told, None)?,
        };
        Ok(())
    }

    /// Ends the present wait, or the next one; from any thread.
    pub fn notify(&self) -> io::Result<()> {
        self.0.notify()
    }

    /// The poller's own descriptor: readable when a wait would end.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    fn add(&self, descriptor: BorrowedFd<'_>, interest: Event) -> io::Result<()> {
        // SAFETY: P2: it is open now; P3: it may be closed later.
        unsafe { self.0.add(&descriptor, interest) }
    }

    fn modify(&self, descriptor: BorrowedFd<'_>, interest: Event) -> io::Result<()> {
        self.0.modify(descriptor, interest)
    }
}

/// Whether the kernel knows a descriptor of this number; `EBADF` if not.
pub(crate) fn look_up(descriptor: RawFd) -> io::Result<()> {
    fcntl_getfd(borrow(descriptor)?)?;
    Ok(())
}

/// Borrows a descriptor for one call.
fn borrow<'a>(descriptor: RawFd) -> io::Result<BorrowedFd<'a>> {
    if !(0..=Token::LARGEST).contains(&descriptor) {
        return Err(Errno::BADF.into());
    }
    // SAFETY: P1: it is not negative, which is all that memory depends on; P2: it is open while it is borrowed.
    Ok(unsafe { BorrowedFd::borrow_raw(descriptor) })
}
