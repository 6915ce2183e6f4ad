//! What comes in: received, held until it is read, and not received while nobody wants it.
//!
//! ```text
//!   Idle ──wanted──▶ Active ──not wanted──▶ Stopping ──cancelled──▶ Idle
//! ```
//!
//! Bytes that a driver took before it heard that they are not wanted are held here, and come first when they are.

use super::{Connection, Consumer, Stage};
use crate::net::waiter::Waiter;
use fate_core::{Buffer, Interest, Key, Op, Reactor};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

/// Bytes that are held for a stream before no more are received.
const ENOUGH: usize = 64 * 1024;

/// What comes in.
#[derive(Default)]
pub(super) struct Inbound {
    receiving: Cell<Receiving>,
    pub(super) unread: RefCell<Unread>,
    /// How it ended, once nothing more comes.
    pub(super) end: RefCell<Option<io::Result<()>>>,
    pub(super) has_reader: Cell<bool>,
    is_paused: Cell<bool>,
    /// Whether the connection that this one feeds has more to send than it should.
    is_sink_full: Cell<bool>,
    /// Tells, while nothing is received, that the other side has closed.
    watch: Cell<Option<Key>>,
    pub(super) peer_closed: Cell<bool>,
    /// How many bytes somebody needs to get any.
    pub(super) wanted: RefCell<Vec<usize>>,
    /// How many unread bytes are known not to hold what somebody looks for.
    pub(super) searched: Cell<usize>,
    pub(super) reader: Waiter,
    pub(super) mourner: Waiter,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Receiving {
    #[default]
    Idle,
    Active(Key),
    Stopping(Key),
}

impl Receiving {
    fn key(self) -> Option<Key> {
        match self {
            Receiving::Idle => None,
            Receiving::Active(key) | Receiving::Stopping(key) => Some(key),
        }
    }
}

/// Bytes that nobody has read yet: what a driver has lent, and after it what was copied.
#[derive(Default)]
pub(super) struct Unread {
    lent: Option<Buffer>,
    lent_read: usize,
    copied: Vec<u8>,
    copied_read: usize,
}

impl Unread {
    pub fn len(&self) -> usize {
        self.lent.as_ref().map_or(0, |lent| lent.len() - self.lent_read) + self.copied.len() - self.copied_read
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn copy_in(&mut self, bytes: &[u8]) {
        if self.copied_read > 0 && self.copied.len() + bytes.len() > self.copied.capacity() {
            self.copied.drain(..self.copied_read);
            self.copied_read = 0;
        }
        self.copied.extend_from_slice(bytes);
    }

    /// B2: what was lent goes back, after what is left of it was copied to where it belongs.
    pub fn spill(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        let read = std::mem::take(&mut self.lent_read);
        if read < lent.len() {
            let later = std::mem::take(&mut self.copied);
            self.copied.extend_from_slice(&lent[read..]);
            self.copied.extend_from_slice(&later[self.copied_read..]);
            self.copied_read = 0;
        }
    }

    /// These come before all others.
    fn put_back(&mut self, bytes: &[u8]) {
        self.spill();
        let read = std::mem::take(&mut self.copied_read);
        self.copied.splice(..read, bytes.iter().copied());
    }

    pub fn read(&mut self, into: &mut [u8]) -> usize {
        let mut count = 0;
        if let Some(lent) = &self.lent {
            count = into.len().min(lent.len() - self.lent_read);
            into[..count].copy_from_slice(&lent[self.lent_read..][..count]);
            self.lent_read += count;
            if self.lent_read == lent.len() {
                self.lent = None;
                self.lent_read = 0;
            }
        }
        let rest = &self.copied[self.copied_read..];
        let more = (into.len() - count).min(rest.len());
        into[count..][..more].copy_from_slice(&rest[..more]);
        self.copied_read += more;
        if self.copied_read == self.copied.len() {
            // An idle connection keeps no memory.
            self.copied = Vec::new();
            self.copied_read = 0;
        }
        count + more
    }

    /// The bytes in one piece.
    pub fn in_one_piece(&mut self) -> &[u8] {
        self.spill();
        &self.copied[self.copied_read..]
    }

    fn take_all(&mut self) -> Vec<u8> {
        self.spill();
        let mut all = std::mem::take(&mut self.copied);
        all.drain(..std::mem::take(&mut self.copied_read));
        all
    }
}

impl Inbound {
    pub fn is_receiving(&self, key: Key) -> bool {
        self.receiving.get().key() == Some(key)
    }

    pub fn is_idle(&self) -> bool {
        self.receiving.get() == Receiving::Idle
    }

    pub fn spill(&self) {
        self.unread.borrow_mut().spill();
    }

    pub fn has_unread(&self) -> bool {
        !self.unread.borrow().is_empty()
    }

    pub fn take_unread(&self) -> Vec<u8> {
        self.unread.borrow_mut().take_all()
    }

    /// Whether a protocol may be told of bytes, or of the end.
    pub fn is_flowing(&self) -> bool {
        !self.is_paused.get() && !self.is_sink_full.get()
    }

    pub fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    pub fn has_failed(&self) -> bool {
        matches!(*self.end.borrow(), Some(Err(_)))
    }

    pub fn take_error(&self) -> Option<io::Error> {
        self.end.borrow_mut().as_mut().and_then(|end| std::mem::replace(end, Ok(())).err())
    }

    pub fn is_peer_closed(&self) -> bool {
        self.peer_closed.get()
    }
}

impl Connection {
    /// Bytes came in.
    pub(super) fn received(self: &Rc<Self>, reactor: &Rc<Reactor>, buffer: Buffer) {
        if !self.is_open() {
            return;
        }
        if self.may_tell_data() && !self.inbound.has_unread() {
            return self.tell_data(reactor, &buffer);
        }
        let mut unread = self.inbound.unread.borrow_mut();
        if unread.is_empty() && self.is_read_by_stream() {
            unread.lent = Some(buffer);
            drop(unread);
            self.gather_later(reactor);
        } else {
            unread.copy_in(&buffer);
            drop(unread);
            self.miss();
        }
        self.inbound.reader.wake(reactor);
        self.update_reading(reactor);
    }

    /// No more bytes will come.
    pub(super) fn ended(self: &Rc<Self>, reactor: &Rc<Reactor>, end: io::Result<()>) {
        self.inbound.receiving.set(Receiving::Idle);
        match (self.stage.get(), end) {
            (Stage::Open, end) => {
                let end = end.and_then(|()| self.truncation());
                *self.inbound.end.borrow_mut() = Some(end);
                self.inbound.peer_closed.set(true);
                self.inbound.reader.wake(reactor);
                self.inbound.mourner.wake(reactor);
                self.advance(reactor);
            }
            (Stage::Flushing, Ok(())) => *self.inbound.end.borrow_mut() = Some(Ok(())),
            (Stage::Flushing, Err(error)) => self.lost(reactor, crate::Reason::Lost(error)),
            (Stage::Lingering, _) => self.close_socket(reactor, false),
            (Stage::Closed, _) => {}
        }
    }

    /// A kernel tells of a reset once. If a send was told, what a receive is told afterwards looks like an end, and is none.
    fn truncation(&self) -> io::Result<()> {
        match self.outbound.error() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Nothing is received any more; perhaps it is wanted again by now.
    pub(super) fn stopped(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        self.inbound.receiving.set(Receiving::Idle);
        self.inbound.reader.wake(reactor);
        self.update_reading(reactor);
    }

    /// The watch is over: while nothing is received, the other side has closed.
    pub(super) fn hung_up(self: &Rc<Self>, reactor: &Rc<Reactor>, key: Key) {
        if self.inbound.watch.get() == Some(key) {
            self.inbound.watch.set(None);
            self.inbound.peer_closed.set(true);
            self.inbound.mourner.wake(reactor);
            self.advance(reactor);
        }
    }

    /// Receives what is wanted, and nothing else.
    pub(super) fn update_reading(self: &Rc<Self>, reactor: &Reactor) {
        let Some(socket) = self.socket.get() else { return };
        let is_wanted = !self.inbound.has_ended() && self.wants_bytes();
        match self.inbound.receiving.get() {
            Receiving::Idle if is_wanted => {
                self.forget_watch(reactor);
                let key = reactor.submit(self.clone(), |key| Op::Receive { key, socket });
                self.inbound.receiving.set(Receiving::Active(key));
            }
            Receiving::Idle if self.wants_watch() => {
                let (descriptor, interest) = (socket.0, Interest::HangUp);
                let key = reactor.submit(self.clone(), |key| Op::Watch { key, descriptor, interest });
                self.inbound.watch.set(Some(key));
            }
            Receiving::Active(key) if !is_wanted => {
                reactor.stop(key);
                self.inbound.receiving.set(Receiving::Stopping(key));
            }
            _ => {}
        }
    }

    fn wants_bytes(&self) -> bool {
        match (self.stage.get(), &*self.consumer.borrow()) {
            // They are thrown away; but that they end is worth knowing.
            (Stage::Flushing | Stage::Lingering, _) => true,
            (Stage::Closed, _) | (_, Consumer::Nobody) => false,
            (_, Consumer::Reader) => {
                let enough = ENOUGH.max(self.inbound.wanted.borrow().iter().copied().max().unwrap_or(0));
                self.inbound.has_reader.get() && self.inbound.unread.borrow().len() < enough
            }
            // What it has put back comes first, or more would pile up behind that.
            (_, Consumer::Protocol(_) | Consumer::Called) => {
                self.told.is_made() && self.inbound.is_flowing() && !self.inbound.has_unread()
            }
        }
    }

    fn wants_watch(&self) -> bool {
        let is_asked = match &*self.consumer.borrow() {
            Consumer::Reader => self.inbound.mourner.is_waiting(),
            Consumer::Protocol(_) | Consumer::Called => self.told.is_made(),
            Consumer::Nobody => false,
        };
        is_asked && self.is_open() && !self.inbound.peer_closed.get() && self.inbound.watch.get().is_none()
    }

    fn forget_watch(&self, reactor: &Reactor) {
        if let Some(watch) = self.inbound.watch.take() {
            reactor.forget(watch);
        }
    }

    /// Ends what is under way.
    pub(super) fn forget_reading(&self, reactor: &Reactor) {
        if let Some(key) = self.inbound.receiving.take().key() {
            reactor.forget(key);
        }
        self.forget_watch(reactor);
        self.inbound.reader.wake(reactor);
        self.inbound.mourner.wake(reactor);
    }

    /// Whether the protocol is to be told of bytes.
    pub fn is_flowing(&self) -> bool {
        self.is_open() && self.inbound.is_flowing()
    }

    /// The protocol was told of these bytes too early: it is told of them again, before all others, once they flow.
    pub fn put_back(&self, bytes: &[u8]) {
        if self.is_open() {
            self.inbound.unread.borrow_mut().put_back(bytes);
        }
    }

    pub fn pause_reading(self: &Rc<Self>, reactor: &Reactor) {
        self.inbound.is_paused.set(true);
        self.update_reading(reactor);
    }

    pub fn resume_reading(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        if self.inbound.is_paused.replace(false) {
            self.advance_later(reactor);
            self.update_reading(reactor);
        }
    }

    /// The connection that this one feeds is full, or is not any more.
    pub(super) fn set_sink_full(self: &Rc<Self>, reactor: &Rc<Reactor>, is_full: bool) {
        if self.inbound.is_sink_full.replace(is_full) == is_full {
            return;
        }
        if !is_full {
            self.advance_later(reactor);
        }
        self.update_reading(reactor);
    }
}
