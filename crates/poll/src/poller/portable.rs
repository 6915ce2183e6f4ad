//! The poller of other systems, by the crate `polling`. It must know edges, as kqueue does.
//!
//! # Invariants
//! - O1 kqueue tells of reading and writing separately, so both at once mean that the other side has closed; epoll says so
//!   itself, but only of both directions.
//! - O2 A descriptor that was closed without being deleted is forgotten by the kernel; what is told of a duplicate of it
//!   bears an old token. No memory depends on either.

#![allow(unsafe_code, reason = "`polling` wants descriptors to be deleted before they are closed")]

use super::number::borrow;
use super::{BATCH, Interests, News};
use crate::token::Token;
use polling::{Event, Events, PollMode};
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

/// A kqueue, or what else there is.
pub(crate) struct Poller(polling::Poller);

/// Where the kernel writes what it tells.
pub(crate) struct Batch(Events);

impl Batch {
    pub fn new() -> Batch {
        Batch(Events::with_capacity(NonZeroUsize::new(BATCH).expect("it is not zero")))
    }
}

/// How long to wait.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// Until a moment, or for ever.
    Until(Option<Instant>),
}

impl Poller {
    /// What is told of a descriptor that is armed for edges, asked or not.
    pub const UNASKED: Interests = Interests::NONE;

    /// Whether an edge that bytes came with says so if the end came with it too (O1).
    pub const TELLS_OF_ENDS: bool = cfg!(not(any(target_os = "linux", target_os = "android")));

    /// Asks the kernel for one.
    pub fn open() -> io::Result<Poller> {
        let poller = polling::Poller::new()?;
        if poller.supports_edge() { Ok(Poller(poller)) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// Has the kernel tell once, under `token`, when the descriptor is ready; replaces what was asked of it before.
    /// `known` says whether it was registered when last seen, and only saves a call if it is right.
    pub fn arm_once(&self, descriptor: RawFd, token: Token, interests: Interests, known: bool) -> io::Result<()> {
        self.register(descriptor, event(token, interests), PollMode::Oneshot, known)
    }

    /// Has the kernel tell at every edge, under `token`; replaces what was asked of it before.
    pub fn arm_edges(&self, descriptor: RawFd, token: Token, interests: Interests, known: bool) -> io::Result<()> {
        self.register(descriptor, event(token, interests), PollMode::Edge, known)
    }

    fn register(&self, descriptor: RawFd, event: Event, mode: PollMode, known: bool) -> io::Result<()> {
        let descriptor = borrow(descriptor)?;
        match if known { self.0.modify_with_mode(descriptor, event, mode) } else { self.add(descriptor, event, mode) } {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.add(descriptor, event, mode),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.0.modify_with_mode(descriptor, event, mode)
            }
            outcome => outcome,
        }
    }

    fn add(&self, descriptor: BorrowedFd<'_>, event: Event, mode: PollMode) -> io::Result<()> {
        // SAFETY: O2: it is open now, and may be closed later.
        unsafe { self.0.add_with_mode(&descriptor, event, mode) }
    }

    /// Ends what was asked of a descriptor. If it is closed already, there is nothing to end.
    pub fn disarm(&self, descriptor: RawFd) {
        if let Ok(descriptor) = borrow(descriptor) {
            let _ = self.0.delete(descriptor);
        }
    }

    /// Waits until something is to be told or somebody rings, but at most so long; it may also return for nothing.
    /// Whatever is told is handed to `hear`: all that is ready now, of which there are `most` at most. What comes meanwhile
    /// may wait.
    pub fn wait(
        &self,
        batch: &mut Batch,
        patience: Patience,
        most: usize,
        mut hear: impl FnMut(News),
    ) -> io::Result<()> {
        let (mut patience, mut left) = (patience, most);
        loop {
            batch.0.clear();
            match patience {
                Patience::None => self.0.wait_deadline(&mut batch.0, Instant::now())?,
                Patience::Until(Some(deadline)) => self.0.wait_deadline(&mut batch.0, deadline)?,
                Patience::Until(None) => self.0.wait(&mut batch.0, None)?,
            };
            batch.0.iter().for_each(|event| hear(news(&event)));
            // Some of a full batch may be the poller's own, which are not counted here.
            left = left.saturating_sub(batch.0.len());
            if batch.0.len() <= BATCH / 2 || left == 0 {
                return Ok(());
            }
            patience = Patience::None;
        }
    }

    /// Ends the present wait, or the next one; from any thread.
    pub fn ring(&self) {
        // It can only fail if the descriptor is not a poller any more, and then there is nobody to tell.
        let _ = self.0.notify();
    }

    /// Makes dropping it safe in a forked child, where it would withdraw its bell from what is the parent's too, or close a
    /// number that the child never had, since a kqueue is not inherited: it stays.
    pub fn let_be(self: &Arc<Poller>) {
        mem::forget(self.clone());
    }

    /// The poller's own descriptor: readable when a wait would end.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// An end is told to whoever reads.
fn event(token: Token, interests: Interests) -> Event {
    let readable = interests.contain(Interests::READ) || interests.contain(Interests::HANG_UP);
    Event::new(token.0, readable, interests.contain(Interests::WRITE))
}

/// O1.
fn news(event: &Event) -> News {
    let error = event.is_err() == Some(true);
    let hang_up = event.is_interrupt();
    let is_closed = Poller::TELLS_OF_ENDS && event.readable && event.writable;
    News {
        token: Token(event.key),
        readable: event.readable,
        writable: event.writable,
        closed: is_closed || hang_up || error,
        hang_up,
        error,
        urgent: event.is_priority(),
    }
}
