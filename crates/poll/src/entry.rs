//! What there is to know of a descriptor: who waits for what, how the kernel was asked, and what it has told.
//!
//! The numbered invariants are those of [`crate::registry`], the table of these.

use crate::poller::{Interests, News, Poller};
use crate::sending::Parked;
use crate::token::Token;
use fate_core::Key;
use std::io;
use std::mem;
use std::os::fd::RawFd;

/// What there is to know of a descriptor.
pub(crate) struct Entry {
    pub reader: Reader,
    pub writer: Writer,
    /// Who waits for the other side's end.
    pub mourner: Option<Key>,
    pub arming: u32,
    /// What the kernel was asked for, when it is armed for edges.
    pub asked: Interests,
    pub mode: Mode,
    /// Whether the kernel knew the descriptor when it was last told.
    pub known: bool,
    /// Whether it is among those that changed.
    pub changed: bool,
    /// Whether it is in the queue.
    pub queued: bool,
    /// Whether an operation was cancelled since the kernel was last told.
    pub cancelled: bool,
    /// Whether the kernel must look again even if it need not be told anything new.
    look_again: bool,
    /// Whether the kernel told of what nobody wanted: then it is asked for no more than is wanted.
    in_vain: bool,
    /// Reading may find something.
    pub readable: bool,
    /// Writing may find room.
    pub writable: bool,
    /// The other side has closed its direction, or there was an error.
    pub closed: bool,
    /// Urgent bytes were told of: a reception may stop at them.
    pub urgent: bool,
    /// A reception that does not fill its buffer has found all there was. Not so for Unix sockets: it stops where
    /// descriptors were passed.
    pub gives_all: bool,
    /// It was accepted here, so nobody else has a duplicate that would keep its registration alive.
    pub accepted: bool,
}

const _: () = assert!(size_of::<Entry>() <= 64);

/// How a descriptor is armed.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// G2.
    #[default]
    Once,
    /// G3.
    Edges,
}

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reader {
    #[default]
    Nobody,
    Watch(Key),
    Receive(Key),
    Accept(Key),
}

/// Who writes.
#[derive(Default)]
pub(crate) enum Writer {
    #[default]
    Nobody,
    Watch(Key),
    Send(Box<Parked>),
}

impl Default for Entry {
    /// Nothing is known: a try will tell.
    fn default() -> Entry {
        Entry {
            reader: Reader::Nobody,
            writer: Writer::Nobody,
            mourner: None,
            arming: 0,
            asked: Interests::NONE,
            mode: Mode::Once,
            known: false,
            changed: false,
            queued: false,
            cancelled: false,
            look_again: false,
            in_vain: false,
            readable: false,
            writable: true,
            closed: false,
            urgent: false,
            gives_all: false,
            accepted: false,
        }
    }
}

impl Reader {
    pub fn key(self) -> Option<Key> {
        match self {
            Reader::Nobody => None,
            Reader::Watch(key) | Reader::Receive(key) | Reader::Accept(key) => Some(key),
        }
    }
}

impl Writer {
    pub fn key(&self) -> Option<Key> {
        match self {
            Writer::Nobody => None,
            Writer::Watch(key) => Some(*key),
            Writer::Send(parked) => Some(parked.key),
        }
    }
}

impl Entry {
    /// What somebody waits for.
    pub fn wanted(&self) -> Interests {
        let mut wanted = Interests::NONE;
        if self.reader != Reader::Nobody {
            wanted |= Interests::READ;
        }
        if self.writer.key().is_some() {
            wanted |= Interests::WRITE;
        }
        if self.mourner.is_some() {
            wanted |= Interests::HANG_UP;
        }
        wanted
    }

    /// Has the kernel look again at what it was asked for already.
    pub fn look_again(&mut self) {
        self.look_again = self.mode == Mode::Edges;
    }

    /// Whether the kernel will tell whoever came without being told anything.
    pub fn is_asked_for_all(&self) -> bool {
        self.mode == Mode::Edges && self.known && !self.look_again && self.asked.contain(self.wanted())
    }

    /// A new life for the number, of which nothing is known. Places and queues are what they were.
    pub fn begin_anew(&mut self) {
        self.arming = self.arming.wrapping_add(1);
        (self.asked, self.mode, self.known) = (Interests::NONE, Mode::Once, false);
        (self.cancelled, self.look_again, self.in_vain) = (false, false, false);
        (self.readable, self.writable, self.closed) = (false, true, false);
        (self.urgent, self.gives_all, self.accepted) = (false, false, false);
    }

    /// Has the kernel tell once what is wanted now (G2).
    pub fn arm_once(&mut self, descriptor: RawFd, poller: &Poller) -> io::Result<()> {
        let (wanted, cancelled) = (self.wanted(), mem::take(&mut self.cancelled));
        if !wanted.are_none() {
            self.arming = self.arming.wrapping_add(1);
            poller.arm_once(descriptor, Token::new(descriptor, self.arming), wanted, self.known)?;
            self.known = true;
        } else if cancelled && mem::take(&mut self.known) {
            poller.disarm(descriptor);
        }
        Ok(())
    }

    /// Has the kernel tell at each edge of what is wanted, or was.
    pub fn arm_edges(&mut self, descriptor: RawFd, poller: &Poller) -> io::Result<()> {
        let (look_again, in_vain) = (mem::take(&mut self.look_again), mem::take(&mut self.in_vain));
        let wanted = self.wanted();
        if !self.known && wanted.are_none() {
            return Ok(());
        }
        let asking = if in_vain { wanted } else { self.asked | wanted } | Poller::UNASKED;
        if asking != self.asked || look_again || !self.known {
            poller.arm_edges(descriptor, Token::new(descriptor, self.arming), asking, self.known)?;
            (self.asked, self.known) = (asking, true);
        }
        Ok(())
    }

    /// Remembers what the kernel told (G5). Says whether it is to be told something: to tell less.
    #[inline]
    pub fn take_in(&mut self, news: &News) -> bool {
        self.readable |= news.readable | news.closed;
        self.writable |= news.writable;
        self.closed |= news.closed;
        self.urgent |= news.urgent;
        self.in_vain |= self.is_in_vain(news);
        self.in_vain
    }

    /// Whether the kernel was asked for this and nobody wants it: each further edge would end a wait for nothing.
    fn is_in_vain(&self, news: &News) -> bool {
        let reading = news.readable && self.reader == Reader::Nobody && self.asked.contain(Interests::READ);
        let writing = news.writable && !news.readable;
        reading || writing && self.asked.contain(Interests::WRITE) && self.writer.key().is_none()
    }
}
