//! The poller of Linux (epoll(7)).
//!
//! The bell is an eventfd that is told of by edges: each ring is an edge, and its count, which nobody reads, could not
//! overflow in an age.
//!
//! # Cost
//! A wait is one system call, and so is whatever is asked of a descriptor.

use super::number::borrow;
use super::{BATCH, Interests, News};
use crate::token::Token;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::{Errno, write};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// An epoll instance with a bell.
pub(crate) struct Poller {
    epoll: OwnedFd,
    bell: OwnedFd,
}

/// Where the kernel writes what it tells.
pub(crate) struct Batch(Vec<Event>);

impl Batch {
    pub fn new() -> Batch {
        Batch(Vec::with_capacity(BATCH))
    }
}

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// Until something is told, be it an alarm.
    Endless,
}

impl Poller {
    /// What is told of a descriptor that is armed for edges, asked or not.
    pub const UNASKED: Interests = Interests::HANG_UP;

    /// Whether an edge that bytes came with says so if the end came with it too.
    pub const TELLS_OF_ENDS: bool = true;

    /// Asks the kernel for one.
    pub fn open() -> io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let poller = Poller { epoll, bell };
        poller.keep(&poller.bell, Token::BELL)?;
        Ok(poller)
    }

    /// Has the kernel tell once, under `token`, when the descriptor is ready; replaces what was asked of it before.
    /// `known` says whether it was registered when last seen, and only saves a call if it is right.
    pub fn arm_once(&self, descriptor: RawFd, token: Token, interests: Interests, known: bool) -> io::Result<()> {
        let hang_up = if interests.contain(Interests::HANG_UP) { EventFlags::RDHUP } else { EventFlags::empty() };
        self.register(descriptor, token, flags(interests) | hang_up | EventFlags::ONESHOT, known)
    }

    /// Has the kernel tell at every edge, under `token`; replaces what was asked of it before. A closing is told of
    /// whatever the interests are ([`Poller::UNASKED`]).
    pub fn arm_edges(&self, descriptor: RawFd, token: Token, interests: Interests, known: bool) -> io::Result<()> {
        self.register(descriptor, token, flags(interests) | EventFlags::RDHUP | EventFlags::ET, known)
    }

    fn register(&self, descriptor: RawFd, token: Token, flags: EventFlags, known: bool) -> io::Result<()> {
        let (descriptor, data) = (borrow(descriptor)?, EventData::new_u64(token.0 as u64));
        let add = || epoll::add(&self.epoll, descriptor, data, flags);
        let modify = || epoll::modify(&self.epoll, descriptor, data, flags);
        let outcome = match if known { modify() } else { add() } {
            Err(Errno::NOENT) => add(),
            Err(Errno::EXIST) => modify(),
            outcome => outcome,
        };
        Ok(outcome?)
    }

    /// Ends what was asked of a descriptor. If it is closed already, there is nothing to end.
    pub fn disarm(&self, descriptor: RawFd) {
        if let Ok(descriptor) = borrow(descriptor) {
            let _ = epoll::delete(&self.epoll, descriptor);
        }
    }

    /// Has the kernel tell at every edge that a descriptor of ours is readable, until it is closed.
    pub fn keep(&self, descriptor: &OwnedFd, token: Token) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.epoll, descriptor, EventData::new_u64(token.0 as u64), flags)?)
    }

    /// Waits until something is to be told or somebody rings; it may also return for nothing. Whatever is told is handed
    /// to `hear`: all that is ready now, of which there are `most` at most. What comes meanwhile may wait.
    pub fn wait(
        &self,
        batch: &mut Batch,
        patience: Patience,
        most: usize,
        mut hear: impl FnMut(News),
    ) -> io::Result<()> {
        let (mut patience, mut left) = (patience, most);
        loop {
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            batch.0.clear();
            let room = rustix::buffer::spare_capacity(&mut batch.0);
            match epoll::wait(&self.epoll, room, (patience == Patience::None).then_some(&at_once)) {
                // A signal was handled: that may be what somebody waits for, and it is for nothing at worst.
                Err(Errno::INTR) => return Ok(()),
                outcome => outcome?,
            };
            batch.0.iter().for_each(|event| hear(news(event)));
            left = left.saturating_sub(batch.0.len());
            if batch.0.len() < BATCH || left == 0 {
                return Ok(());
            }
            patience = Patience::None;
        }
    }

    /// Ends the present wait, or the next one; from any thread.
    pub fn ring(&self) {
        // It can only fail if the descriptor is not a bell any more, and then there is nobody to tell.
        let _ = write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Makes dropping it safe in a forked child: it is, for what is closed there is the child's alone.
    pub fn let_be(self: &Arc<Poller>) {}

    /// The poller's own descriptor: readable when a wait would end.
    pub fn descriptor(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

fn flags(interests: Interests) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN | EventFlags::PRI, interests.contain(Interests::READ));
    flags.set(EventFlags::OUT, interests.contain(Interests::WRITE));
    flags
}

#[inline]
fn news(event: &Event) -> News {
    let flags = event.flags;
    let broken = EventFlags::HUP | EventFlags::ERR;
    News {
        token: Token(event.data.u64() as usize),
        readable: flags.intersects(EventFlags::IN | EventFlags::PRI | broken),
        writable: flags.intersects(EventFlags::OUT | broken),
        closed: flags.intersects(EventFlags::RDHUP | broken),
        hang_up: flags.contains(EventFlags::HUP),
        error: flags.contains(EventFlags::ERR),
        urgent: flags.contains(EventFlags::PRI),
    }
}
