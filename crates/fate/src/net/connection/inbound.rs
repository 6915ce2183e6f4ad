//! What comes in: received, held until it is read, and not received while nobody wants it.
//!
//! ```text
//!   Idle ──wanted──▶ Active ──not wanted──▶ Stopping ──cancelled──▶ Idle
//! ```
//!
//! Bytes that a driver took before it heard that they are not wanted are held here, and come first when they are.

use super::pulling::Searched;
use super::{Connection, Consumer, Stage};
use crate::net::waiter::Waiter;
use fate_core::{Buffer, Interest, Key, Op, Reactor, Socket};
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
    /// Whether a run does not go on for what may come.
    is_loose: Cell<bool>,
    is_paused: Cell<bool>,
    /// Whether the connection that this one feeds has more to send than it should.
    is_sink_full: Cell<bool>,
    /// Tells, while nothing is received, that the other side has closed.
    watch: Cell<Option<Key>>,
    pub(super) peer_closed: Cell<bool>,
    /// How many bytes somebody needs to get any.
    pub(super) wanted: RefCell<Vec<usize>>,
    /// How many have ever needed so many.
    pub(super) wants: Cell<u32>,
    pub(super) searched: Cell<Searched>,
    pub(super) reader: Waiter,
    pub(super) mourner: Waiter,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Receiving {
    #[default]
    Idle,
    Active(Key),
    Stopping(Key),
    /// A file, which is read in the next turn.
    Later,
}

impl Receiving {
    fn key(self) -> Option<Key> {
        match self {
            Receiving::Idle | Receiving::Later => None,
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

    /// The memory itself, if nothing is there and not much of it would lie idle.
    fn take_in(&mut self, bytes: &mut Vec<u8>) {
        if self.is_empty() && bytes.capacity() <= 2 * bytes.len() {
            self.copied_read = 0;
            std::mem::swap(&mut self.copied, bytes);
            bytes.clear();
        } else {
            self.copy_in(bytes);
        }
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
        self.read_pieces(into.len(), |piece| {
            into[count..][..piece.len()].copy_from_slice(piece);
            count += piece.len();
        })
    }

    /// Takes out as many bytes as there are, but no more than `most`, in one piece or two.
    pub fn read_pieces(&mut self, most: usize, mut take: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        if let Some(lent) = &self.lent {
            count = most.min(lent.len() - self.lent_read);
            take(&lent[self.lent_read..][..count]);
            self.lent_read += count;
            if self.lent_read == lent.len() {
                self.lent = None;
                self.lent_read = 0;
            }
        }
        let rest = &self.copied[self.copied_read..];
        let more = (most - count).min(rest.len());
        take(&rest[..more]);
        self.copied_read += more;
        count + more
    }

    /// The memory in which nothing is unread any more: an idle connection keeps none.
    fn take_emptied(&mut self) -> Option<Vec<u8>> {
        if self.copied_read < self.copied.len() || self.copied.capacity() == 0 {
            return None;
        }
        self.copied_read = 0;
        Some(std::mem::take(&mut self.copied))
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

    pub fn is_later(&self) -> bool {
        self.receiving.get() == Receiving::Later
    }

    pub fn set_later(&self) {
        self.receiving.set(Receiving::Later);
    }

    pub fn set_idle(&self) {
        self.receiving.set(Receiving::Idle);
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
    /// A stream was given bytes.
    pub(super) fn was_read(self: &Rc<Self>, reactor: &Reactor) {
        self.inbound.searched.take();
        let emptied = self.inbound.unread.borrow_mut().take_emptied();
        if let Some(memory) = emptied {
            self.use_again(memory);
        }
        self.want_more(reactor);
    }

    /// Bytes came in.
    pub(super) fn received(self: &Rc<Self>, reactor: &Rc<Reactor>, buffer: Buffer) {
        if self.is_layered() {
            return self.received_from_wire(reactor, &buffer);
        }
        if !self.is_open() {
            return;
        }
        if self.may_tell_data() && !self.inbound.has_unread() {
            return self.tell_data(reactor, &buffer);
        }
        if self.inbound.has_unread() || !self.is_read_by_stream() {
            return self.hold_bytes(reactor, &buffer);
        }
        let is_enough = buffer.len() >= ENOUGH;
        self.inbound.unread.borrow_mut().lent = Some(buffer);
        self.gather_later(reactor);
        self.inbound.reader.wake(reactor);
        if is_enough {
            self.update_reading(reactor);
        }
    }

    /// Bytes came in that are in no buffer of a driver. If they are to be held, the memory is, if that can be.
    pub(super) fn received_copied(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &mut Vec<u8>) {
        if self.may_tell_data() && !self.inbound.has_unread() && !self.is_layer_silent() {
            return self.tell_data(reactor, bytes);
        }
        self.inbound.unread.borrow_mut().take_in(bytes);
        self.held(reactor);
    }

    fn hold_bytes(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &[u8]) {
        self.inbound.unread.borrow_mut().copy_in(bytes);
        self.held(reactor);
    }

    fn held(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        self.miss();
        self.inbound.reader.wake(reactor);
        self.update_reading(reactor);
    }

    /// No more bytes will come.
    pub(super) fn ended(self: &Rc<Self>, reactor: &Rc<Reactor>, end: io::Result<()>) {
        self.inbound.receiving.set(Receiving::Idle);
        match (self.stage.get(), end) {
            (Stage::Open | Stage::Flushing, end) if self.is_layer_beginning() => self.ended_too_early(reactor, end),
            (Stage::Open, end) => {
                let end = end.and_then(|()| self.truncation()).and_then(|()| self.cut_off());
                self.finished_inward(reactor, end);
            }
            (Stage::Flushing, Ok(())) => *self.inbound.end.borrow_mut() = Some(Ok(())),
            (Stage::Flushing, Err(error)) => self.lost(reactor, crate::Reason::Lost(error)),
            (Stage::Lingering, _) => self.close_socket(reactor, false),
            (Stage::Closed, _) => {}
        }
    }

    /// Nothing more comes to whoever speaks.
    pub(super) fn finished_inward(self: &Rc<Self>, reactor: &Rc<Reactor>, end: io::Result<()>) {
        self.end_inward(reactor, end);
        self.advance(reactor);
    }

    /// The same, but whoever speaks is not told yet.
    pub(super) fn end_inward(self: &Rc<Self>, reactor: &Rc<Reactor>, end: io::Result<()>) {
        self.inbound.end.borrow_mut().get_or_insert(end);
        self.forget_layer();
        self.inbound.peer_closed.set(true);
        self.inbound.reader.wake(reactor);
        self.inbound.mourner.wake(reactor);
        self.update_reading(reactor);
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
            if !self.nature.is_readable() {
                return self.ended(reactor, Ok(()));
            }
            self.advance(reactor);
        }
    }

    /// More is wanted than before, which is nothing new while it is being received.
    pub(super) fn want_more(self: &Rc<Self>, reactor: &Reactor) {
        if !matches!(self.inbound.receiving.get(), Receiving::Active(_)) {
            self.update_reading(reactor);
        }
    }

    /// Receives what is wanted, and nothing else.
    pub(super) fn update_reading(self: &Rc<Self>, reactor: &Reactor) {
        let Some(socket) = self.socket.get() else { return };
        let is_wanted = !self.inbound.has_ended() && self.nature.is_readable() && self.wants_bytes();
        match self.inbound.receiving.get() {
            Receiving::Idle if is_wanted => {
                self.forget_watch(reactor);
                self.inbound.receiving.set(self.begin_receiving(reactor, socket));
                self.tie(reactor);
            }
            Receiving::Idle if self.wants_watch() => {
                self.inbound.watch.set(Some(self.begin_mourning(reactor, socket)));
            }
            Receiving::Active(key) if !is_wanted => {
                self.inbound.receiving.set(self.end_receiving(reactor, key));
                if self.inbound.is_idle() {
                    self.update_reading(reactor);
                }
            }
            Receiving::Later if !is_wanted => self.inbound.set_idle(),
            _ => {}
        }
    }

    /// Says whether a run goes on for what may come.
    pub fn set_loose(&self, reactor: &Reactor, is_loose: bool) {
        if self.inbound.is_loose.replace(is_loose) != is_loose {
            let keys = [self.inbound.receiving.get().key(), self.inbound.watch.get()];
            keys.into_iter().flatten().for_each(|key| reactor.set_aside(key, is_loose));
        }
    }

    fn tie(&self, reactor: &Reactor) {
        if self.inbound.is_loose.get()
            && let Some(key) = self.inbound.receiving.get().key()
        {
            reactor.set_aside(key, true);
        }
    }

    /// Watches for the end of the other side. That nobody reads any more what is written there is nothing to wait for by itself.
    fn begin_mourning(self: &Rc<Self>, reactor: &Reactor, socket: Socket) -> Key {
        let watch = |key| Op::Watch { key, descriptor: socket.0, interest: Interest::HangUp };
        let is_unasked = !self.nature.is_readable() && !self.inbound.mourner.is_waiting();
        let is_aside = self.inbound.is_loose.get() || is_unasked;
        if is_aside { reactor.submit_aside(self.clone(), watch) } else { reactor.submit(self.clone(), watch) }
    }

    fn wants_bytes(&self) -> bool {
        match (self.stage.get(), &*self.consumer.borrow()) {
            (Stage::Open | Stage::Flushing, _) if self.is_layer_beginning() => true,
            // They are thrown away; but that they end is worth knowing.
            (Stage::Flushing | Stage::Lingering, _) => true,
            (Stage::Closed, _) | (_, Consumer::Nobody) => false,
            (_, Consumer::Reader) => {
                let enough = self.inbound.wanted.borrow().iter().fold(ENOUGH, |most, count| most.max(*count));
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
        self.is_open() && self.inbound.is_flowing() && !self.is_layer_silent()
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
