//! What goes out: gathered in a turn, sent at its end, and held back at a mark.
//!
//! What is written while an `Op::Send` is under way waits for it (B3), and leaves with what that could not send.

use super::{Connection, Stage};
use crate::net::protocol::copy;
use crate::net::transport::Written;
use crate::net::waiter::Waiter;
use crate::{Deferred, Fate, Promise};
use bytes::Bytes;
use fate_core::{Direction, Key, Op, Outgoing, Reactor, Socket};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

/// More than so many waiting bytes are too many, unless somebody said otherwise.
const HIGH: usize = 64 * 1024;

/// So few are few again.
const LOW: usize = 16 * 1024;

/// What could not be written, and why no more was, if that is for good.
type Settled = (Outgoing, io::Result<()>);

/// What goes out.
pub(super) struct Outbound {
    pending: RefCell<Option<Outgoing>>,
    sending: Cell<Option<Key>>,
    in_flight: Cell<usize>,
    /// What is waiting, whether with the driver or not.
    buffered: Cell<usize>,
    /// What is held beside that, until a layer is ready.
    held: Cell<usize>,
    /// What became of the latest bytes for what is no socket, until that is told.
    settling: RefCell<Option<Box<Settled>>>,
    /// The other side was told that no more comes.
    is_shut: Cell<bool>,
    /// What was ever written; less `buffered`, what was ever sent.
    written: Cell<u64>,
    low: Cell<usize>,
    high: Cell<usize>,
    is_over: Cell<bool>,
    /// Whom this one feeds: itself, unless it was told otherwise.
    sink: RefCell<Option<Weak<Connection>>>,
    /// Who else feeds this one.
    feeders: RefCell<Vec<Weak<Connection>>>,
    is_finishing: Cell<bool>,
    /// Something else is about to be sent that must not be overtaken.
    is_held: Cell<bool>,
    error: RefCell<Option<io::Error>>,
    draining: RefCell<VecDeque<(u64, Promise<()>)>>,
    writer: Waiter,
}

impl Default for Outbound {
    fn default() -> Outbound {
        Outbound {
            pending: RefCell::default(),
            sending: Cell::new(None),
            in_flight: Cell::new(0),
            buffered: Cell::new(0),
            held: Cell::new(0),
            settling: RefCell::default(),
            is_shut: Cell::new(false),
            written: Cell::new(0),
            low: Cell::new(LOW),
            high: Cell::new(HIGH),
            is_over: Cell::new(false),
            sink: RefCell::default(),
            feeders: RefCell::default(),
            is_finishing: Cell::new(false),
            is_held: Cell::new(false),
            error: RefCell::default(),
            draining: RefCell::default(),
            writer: Waiter::default(),
        }
    }
}

impl Outbound {
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    pub fn is_finishing(&self) -> bool {
        self.is_finishing.get()
    }

    pub fn error(&self) -> Option<io::Error> {
        self.error.borrow().as_ref().map(copy)
    }

    pub fn take_error(&self) -> Option<io::Error> {
        self.error.borrow_mut().take()
    }

    fn count_in(&self, length: usize) {
        self.buffered.set(self.buffered.get() + length);
        self.written.set(self.written.get() + length as u64);
    }

    /// What is held will not be written; who waits for it is told at the end.
    pub fn drop_held(&self) {
        self.held.set(0);
    }

    /// The other side is told that no more comes.
    pub fn shut(&self) {
        self.is_shut.set(true);
    }

    fn is_broken(&self) -> bool {
        self.error.borrow().is_some()
    }
}

impl Connection {
    /// How many bytes are waiting to be sent.
    pub fn buffered(&self) -> usize {
        self.outbound.buffered.get() + self.outbound.held.get()
    }

    /// Whether what is written will be sent.
    pub fn is_writable(&self) -> bool {
        self.is_open() && self.nature.is_writable() && !self.outbound.is_finishing.get() && !self.outbound.is_broken()
    }

    pub fn write(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &[u8]) -> Written {
        if self.is_layered() {
            return self.write_through(reactor, bytes);
        }
        self.write_with(reactor, bytes.len(), |pending| pending.push(bytes))
    }

    pub fn write_shared(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: Bytes) -> Written {
        if self.is_layered() {
            return self.write_through(reactor, &bytes);
        }
        self.write_with(reactor, bytes.len(), |pending| pending.push_shared(bytes))
    }

    #[inline]
    fn write_with(self: &Rc<Self>, reactor: &Rc<Reactor>, length: usize, push: impl FnOnce(&mut Outgoing)) -> Written {
        if !self.is_writable() {
            return Written::Refused;
        }
        self.gather_bytes(reactor, length, push)
    }

    /// A layer sends, whatever whoever speaks may do.
    pub(super) fn put_on_wire(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &[u8]) -> Written {
        let is_over = self.stage.get() == Stage::Closed || self.outbound.is_shut.get() || self.outbound.is_broken();
        if is_over || !self.nature.is_writable() {
            return Written::Refused;
        }
        if bytes.is_empty() {
            return if self.outbound.is_over.get() { Written::OverTheMark } else { Written::Taken };
        }
        self.gather_bytes(reactor, bytes.len(), |pending| pending.push(bytes))
    }

    /// So many bytes are held until a layer is ready: they are waiting to be sent like others.
    pub(super) fn hold_back(self: &Rc<Self>, reactor: &Rc<Reactor>, length: usize) -> Written {
        self.outbound.held.set(self.outbound.held.get() + length);
        self.heed_marks(reactor);
        if self.outbound.is_over.get() { Written::OverTheMark } else { Written::Taken }
    }

    /// What was held was written: those who wait for that wait for what was made of it.
    pub(super) fn held_is_written(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let outbound = &self.outbound;
        outbound.held.set(0);
        let written = outbound.written.get();
        outbound.draining.borrow_mut().iter_mut().for_each(|(target, _)| *target = written.min(*target));
        self.fire_drained();
        outbound.writer.wake(reactor);
        self.heed_marks(reactor);
    }

    #[inline]
    fn gather_bytes(
        self: &Rc<Self>,
        reactor: &Rc<Reactor>,
        length: usize,
        push: impl FnOnce(&mut Outgoing),
    ) -> Written {
        push(self.outbound.pending.borrow_mut().get_or_insert_with(|| reactor.take_outgoing()));
        self.gathered(reactor, length)
    }

    /// What a layer makes of what is written goes where it is sent from.
    pub(super) fn write_to_wire<R>(
        self: &Rc<Self>,
        reactor: &Rc<Reactor>,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> (Written, R) {
        let mut pending = self.outbound.pending.borrow_mut();
        let outgoing = pending.get_or_insert_with(|| reactor.take_outgoing());
        let before = outgoing.len();
        let result = outgoing.push_with(write);
        let length = outgoing.len() - before;
        drop(pending);
        (self.gathered(reactor, length), result)
    }

    /// So many bytes more are waiting.
    #[inline]
    fn gathered(self: &Rc<Self>, reactor: &Rc<Reactor>, length: usize) -> Written {
        let outbound = &self.outbound;
        outbound.count_in(length);
        if outbound.sending.get().is_none() && length > 0 {
            self.gather_later(reactor);
        }
        self.heed_marks(reactor);
        if outbound.is_over.get() { Written::OverTheMark } else { Written::Taken }
    }

    /// Sends nothing until told otherwise; then what was written meanwhile.
    pub(super) fn hold_sending(self: &Rc<Self>, reactor: &Reactor, is_held: bool) {
        self.outbound.is_held.set(is_held);
        if !is_held && self.buffered() > 0 {
            self.gather_later(reactor);
        }
    }

    /// Submits what is waiting, unless something is under way.
    pub(super) fn send(self: &Rc<Self>, reactor: &Reactor) {
        let (Some(socket), None) = (self.socket.get(), self.outbound.sending.get()) else { return };
        if self.outbound.is_held.get() || self.outbound.settling.borrow().is_some() {
            return;
        }
        self.outbound.draining.borrow_mut().retain(|(_, promise)| !promise.is_cancelled());
        let Some(outgoing) = self.outbound.pending.borrow_mut().take() else { return };
        if outgoing.is_empty() {
            return reactor.put_outgoing(outgoing);
        }
        let outbound = &self.outbound;
        outbound.in_flight.set(outgoing.len());
        if !self.nature.is_socket() {
            return self.send_to_pipe(reactor, socket, outgoing);
        }
        let is_awaited = outbound.is_over.get()
            || outbound.is_finishing.get()
            || !self.is_open()
            || outbound.writer.is_waiting()
            || !outbound.draining.borrow().is_empty();
        let key = reactor.submit(self.clone(), |key| Op::Send { key, socket, outgoing, is_awaited });
        outbound.sending.set(Some(key));
    }

    /// Writes at once what can be; what became of it is told from the ready queue, or when more can be written.
    fn send_to_pipe(self: &Rc<Self>, reactor: &Reactor, socket: Socket, mut outgoing: Outgoing) {
        let outbound = &self.outbound;
        match self.write_out(reactor, socket, &mut outgoing) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *outbound.pending.borrow_mut() = Some(outgoing);
                outbound.sending.set(Some(self.begin_sending(reactor, socket)));
            }
            result => {
                *outbound.settling.borrow_mut() = Some(Box::new((outgoing, result)));
                let connection = self.clone();
                reactor.queue(move |reactor| {
                    let settling = connection.outbound.settling.take();
                    if let Some(settled) = settling {
                        let (outgoing, result) = *settled;
                        connection.sent(reactor, outgoing, result);
                    }
                });
            }
        }
    }

    /// Whether this is what is being sent.
    pub(super) fn is_sending(&self, key: Key) -> bool {
        self.outbound.sending.get() == Some(key)
    }

    /// What is to be sent now; it comes back by `sent`.
    pub(super) fn take_pending(&self) -> Option<Outgoing> {
        let pending = self.outbound.pending.borrow_mut().take();
        self.outbound.in_flight.set(pending.as_ref().map_or(0, Outgoing::len));
        pending
    }

    /// The driver gives back what it could not send.
    pub(super) fn sent(self: &Rc<Self>, reactor: &Rc<Reactor>, mut outgoing: Outgoing, result: io::Result<()>) {
        let outbound = &self.outbound;
        outbound.sending.set(None);
        let count = outbound.in_flight.take() - outgoing.len();
        outbound.buffered.set(outbound.buffered.get() - count);
        if let Err(error) = result {
            reactor.put_outgoing(outgoing);
            return self.broken(reactor, error);
        }
        if outgoing.is_empty() {
            reactor.put_outgoing(outgoing);
            if self.is_calm() {
                return;
            }
        } else {
            let later = outbound.pending.borrow_mut().take();
            if let Some(mut later) = later {
                outgoing.append(&mut later);
                reactor.put_outgoing(later);
            }
            *outbound.pending.borrow_mut() = Some(outgoing);
        }
        self.send(reactor);
        self.fire_drained();
        outbound.writer.wake(reactor);
        self.heed_marks(reactor);
        if self.buffered() == 0 {
            self.all_sent(reactor);
        }
    }

    /// Whether it makes no difference to anybody that something was sent.
    fn is_calm(&self) -> bool {
        let outbound = &self.outbound;
        self.is_open()
            && !outbound.is_over.get()
            && !outbound.is_finishing.get()
            && outbound.pending.borrow().is_none()
            && outbound.draining.borrow().is_empty()
            && !outbound.writer.is_waiting()
    }

    /// Nothing is waiting any more: what was to come after it can come.
    pub(super) fn all_sent(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let is_last = self.stage.get() == Stage::Flushing || self.outbound.is_finishing.get();
        // As long as a layer begins, it may have more to say.
        let is_early = self.is_open() && self.is_layer_beginning();
        if is_last && (is_early || self.part(reactor)) {
            return;
        }
        if self.stage.get() == Stage::Flushing {
            self.flushed(reactor);
        } else if self.outbound.is_finishing.get() {
            self.outbound.is_shut.set(true);
            if self.nature.is_socket() {
                let _ = self.with_socket(|network, socket| network.shut_down(socket, Direction::Write));
            }
            if self.told.is_eof_told() || !self.nature.is_readable() {
                self.lose(reactor, None);
            }
        }
    }

    /// Nothing can be sent any more. What has come in before that is still to be read.
    fn broken(self: &Rc<Self>, reactor: &Rc<Reactor>, error: io::Error) {
        *self.outbound.error.borrow_mut() = Some(copy(&error));
        self.forget_writing(reactor);
        let is_reading_over = self.inbound.has_ended() && self.told.is_eof_told();
        match self.stage.get() {
            Stage::Open if !is_reading_over && self.nature.is_readable() => self.update_reading(reactor),
            Stage::Open | Stage::Flushing => self.lost(reactor, crate::Reason::Lost(error)),
            Stage::Lingering | Stage::Closed => {}
        }
    }

    /// Throws away what is waiting, and tells those who wait for it.
    pub(super) fn forget_writing(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        if let Some(key) = self.outbound.sending.take() {
            reactor.forget(key);
        }
        let pending = self.outbound.pending.borrow_mut().take();
        if let Some(pending) = pending {
            reactor.put_outgoing(pending);
        }
        let settling = self.outbound.settling.take();
        if let Some(settled) = settling {
            reactor.put_outgoing(settled.0);
        }
        self.outbound.in_flight.set(0);
        self.outbound.buffered.set(0);
        self.outbound.held.set(0);
        self.forget_held();
        self.heed_marks(reactor);
        self.outbound.writer.wake(reactor);
        let draining = std::mem::take(&mut *self.outbound.draining.borrow_mut());
        for (_, promise) in draining {
            promise.errback(self.write_error());
        }
    }

    /// Why nothing can be written.
    fn write_error(&self) -> io::Error {
        self.outbound.error.borrow().as_ref().map_or_else(|| io::ErrorKind::NotConnected.into(), copy)
    }

    pub fn drained(&self, fate: &Fate) -> Deferred<()> {
        if self.buffered() == 0 {
            let is_fine = !self.outbound.is_broken() && self.stage.get() != Stage::Closed;
            return if is_fine { fate.succeed(()) } else { fate.fail(self.write_error()) };
        }
        let (promise, drained) = fate.deferred();
        // How much is made of what is held is not known yet.
        let target = if self.outbound.held.get() > 0 { u64::MAX } else { self.outbound.written.get() };
        self.outbound.draining.borrow_mut().push_back((target, promise));
        drained
    }

    fn fire_drained(&self) {
        let sent = self.outbound.written.get() - self.outbound.buffered.get() as u64;
        loop {
            let mut draining = self.outbound.draining.borrow_mut();
            if draining.front().is_none_or(|(target, _)| *target > sent) {
                return;
            }
            let first = draining.pop_front();
            drop(draining);
            if let Some((_, promise)) = first {
                promise.callback(());
            }
        }
    }

    pub fn set_write_marks(self: &Rc<Self>, reactor: &Rc<Reactor>, low: usize, high: usize) {
        self.outbound.low.set(low.min(high));
        self.outbound.high.set(high);
        self.heed_marks(reactor);
    }

    /// Has everybody know whether more is waiting than should be.
    fn heed_marks(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let outbound = &self.outbound;
        let mark = if outbound.is_over.get() { outbound.low.get() } else { outbound.high.get() };
        let is_over = self.buffered() > mark;
        if outbound.is_over.replace(is_over) == is_over {
            return;
        }
        if outbound.sink.borrow().as_ref().is_none_or(|sink| sink.strong_count() == 0) {
            self.set_sink_full(reactor, is_over);
        }
        let feeders: Vec<Rc<Connection>> = outbound.feeders.borrow().iter().filter_map(Weak::upgrade).collect();
        for feeder in feeders {
            feeder.set_sink_full(reactor, is_over);
        }
        self.advance_later(reactor);
    }

    /// From here on this one feeds `sink`, and is paused while that is full.
    pub fn pause_while_full(self: &Rc<Self>, reactor: &Rc<Reactor>, sink: &Rc<Connection>) {
        let former = self.outbound.sink.take().and_then(|sink| sink.upgrade());
        for fed in former.iter().chain([sink]) {
            let mut feeders = fed.outbound.feeders.borrow_mut();
            feeders.retain(|feeder| feeder.strong_count() > 0 && !std::ptr::eq(feeder.as_ptr(), Rc::as_ptr(self)));
        }
        if !Rc::ptr_eq(self, sink) {
            sink.outbound.feeders.borrow_mut().push(Rc::downgrade(self));
            *self.outbound.sink.borrow_mut() = Some(Rc::downgrade(sink));
        }
        self.set_sink_full(reactor, sink.outbound.is_over.get());
    }

    /// Says that no more will be written.
    pub fn finish_writing(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        if self.is_writable() && !self.outbound.is_finishing.replace(true) && self.buffered() == 0 {
            self.all_sent(reactor);
        }
    }

    /// A stream writes: as much as there is room for, and waits if there is none.
    pub fn poll_write(
        self: &Rc<Self>,
        reactor: &Rc<Reactor>,
        context: &Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(reactor, context))?;
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let room = (self.outbound.high.get() + 1).saturating_sub(self.buffered());
        let mut left = room;
        let fitting = pieces.iter().map(|piece| {
            let piece = &piece[..left.min(piece.len())];
            left -= piece.len();
            piece
        });
        if self.is_layered() {
            fitting.filter(|piece| !piece.is_empty()).for_each(|piece| _ = self.write_through(reactor, piece));
        } else {
            let mut pending = self.outbound.pending.borrow_mut();
            let outgoing = pending.get_or_insert_with(|| reactor.take_outgoing());
            fitting.for_each(|piece| outgoing.push(piece));
            drop(pending);
            self.gathered(reactor, room - left);
        }
        Poll::Ready(Ok(room - left))
    }

    /// A stream waits until it may write.
    pub fn poll_room(&self, reactor: &Reactor, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.outbound.is_broken() {
            return Poll::Ready(Err(self.write_error()));
        }
        if !self.is_writable() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.outbound.is_over.get() {
            self.outbound.writer.wait(reactor, context);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until all that was written is with the kernel.
    pub fn poll_flush(&self, reactor: &Reactor, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.outbound.is_broken() {
            return Poll::Ready(Err(self.write_error()));
        }
        if self.buffered() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.outbound.writer.wait(reactor, context);
        Poll::Pending
    }
}
