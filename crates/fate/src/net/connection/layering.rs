//! A layer between the bytes of a connection and whoever speaks over it.
//!
//! ```text
//!   None ──set_layer──▶ Beginning ──the layer is ready──▶ Ready ──this side ends──▶ Parted
//! ```
//!
//! What has come in when a layer is set, and was not read, is the layer's: the other side has sent it for that. While
//! the layer begins, what is written is held, and whoever speaks is told of nothing; then first of all that it is ready. If the
//! wire ends before that, the connection is lost; if it had ended before the layer was set, the layer says what that was.

use super::{Connection, Stage};
use crate::net::layer::{Flow, Layer};
use crate::net::protocol::{copy, shared};
use crate::net::transport::Written;
use crate::{Failure, Fate, Promise, Reason};
use fate_core::{Panicked, Reactor};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How long the other side may take to take the last words about what went wrong.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Memory beyond this is not kept for the next bytes.
const KEPT: usize = 64 * 1024;

/// So many pieces of memory are kept beside, each of so many bytes at least.
const SPARE: usize = 64;
const WORTH_KEEPING: usize = 4 * 1024;

/// A layer, and how it stands with it.
pub(super) struct Layering {
    layer: RefCell<Box<dyn Layer>>,
    standing: Cell<Standing>,
    /// Whether it was given what had come in before it was set.
    is_fed: Cell<bool>,
    /// What is to be written once it is ready.
    held: RefCell<Vec<u8>>,
    /// It has refused what came, or could not send; its last words are sent.
    has_failed: Cell<bool>,
    /// Told once it is ready.
    waiting: Cell<Option<Promise<()>>>,
    /// It has become ready, and that is not told yet: until then nothing else is.
    is_announcing: Cell<bool>,
}

/// Memory for what comes of the next bytes, whoever's they are. A Fate has one.
#[derive(Default)]
struct Memory {
    /// Empty.
    flow: Cell<Flow>,
    /// What streams have read to its end. Given back to the system, it would have to be had again with each message.
    spare: RefCell<Vec<Vec<u8>>>,
}

impl Memory {
    fn take_flow(&self) -> Flow {
        let mut flow = self.flow.take();
        if flow.plain.capacity() == 0 {
            flow.plain = self.spare.borrow_mut().pop().unwrap_or_default();
        }
        flow
    }

    fn put_flow(&self, mut flow: Flow) {
        if flow.plain.capacity() + flow.wire.capacity() <= KEPT {
            flow.reset();
            self.flow.set(flow);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Beginning,
    Ready,
    Parted,
}

impl Connection {
    /// From here on all bytes pass through the layer. `promise` is told when it is ready.
    pub fn set_layer(self: &Rc<Self>, reactor: &Rc<Reactor>, layer: Box<dyn Layer>, promise: Promise<()>) {
        if !self.is_writable() {
            return promise.errback(io::Error::from(io::ErrorKind::NotConnected));
        }
        let connection = Rc::downgrade(self);
        promise.on_cancel(move |_| Connection::abort_if_there(&connection, Reason::Aborted));
        let layering = Layering {
            layer: RefCell::new(layer),
            standing: Cell::new(Standing::Beginning),
            is_fed: Cell::new(false),
            held: RefCell::default(),
            has_failed: Cell::new(false),
            waiting: Cell::new(Some(promise)),
            is_announcing: Cell::new(false),
        };
        if let Err(layering) = self.layering.set(Box::new(layering)) {
            let words = "the connection has a layer already";
            let promise = layering.waiting.take();
            promise.into_iter().for_each(|promise| promise.errback(io::Error::other(words)));
            return;
        }
        self.begin_layer(reactor);
        if self.is_read_by_stream() {
            // Now: what was said in the open is not to be read as if it had been said behind the layer.
            return self.feed_layer(reactor);
        }
        let connection = self.clone();
        // Not now: a protocol may be about to put back what it was told of too early.
        reactor.queue(move |reactor| connection.feed_layer(reactor));
    }

    /// Whether bytes go through a layer.
    pub(super) fn is_layered(&self) -> bool {
        self.layering.get().is_some()
    }

    /// Whether the layer has failed, so that only its last words are still to be sent.
    pub(super) fn has_layer_failed(&self) -> bool {
        self.layering.get().is_some_and(|layering| layering.has_failed.get())
    }

    /// An error if bytes go through a layer: then a descriptor alone is no way to what is said.
    pub(super) fn check_bare(&self) -> io::Result<()> {
        let words = "the connection has a layer";
        if self.is_layered() { Err(io::Error::new(io::ErrorKind::Unsupported, words)) } else { Ok(()) }
    }

    /// Whether a layer has whoever speaks told of nothing.
    pub(super) fn is_layer_silent(&self) -> bool {
        self.is_layer_beginning() || self.layering.get().is_some_and(|layering| layering.is_announcing.get())
    }

    /// Whether a layer is there that is not ready.
    pub(super) fn is_layer_beginning(&self) -> bool {
        self.layering.get().is_some_and(|layering| layering.standing.get() == Standing::Beginning)
    }

    fn begin_layer(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let Some(layering) = self.layering.get() else { return };
        let mut wire = Vec::new();
        let begun = layering.layer.borrow_mut().begin(Fate::of(reactor), &mut wire);
        self.put_on_wire(reactor, &wire);
        self.look_at_layer(reactor);
        if let Err(error) = begun {
            self.layer_failed(reactor, error);
        }
        self.update_reading(reactor);
    }

    /// Gives the layer what had come in before it was set.
    fn feed_layer(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let Some(layering) = self.layering.get() else { return };
        if layering.is_fed.replace(true) {
            return;
        }
        let (unread, has_ended) = (self.inbound.take_unread(), self.inbound.has_ended());
        if !unread.is_empty() {
            self.pass_through(reactor, &unread);
        }
        if has_ended {
            self.end_again(reactor);
        }
        self.update_reading(reactor);
    }

    /// The wire had come to its end before the layer was set. What that is to whoever speaks, the layer says now.
    fn end_again(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let end = self.inbound.end.take();
        if self.is_open() {
            return self.ended(reactor, end.unwrap_or(Ok(())));
        }
        // The layer has failed: that was no end.
        *self.inbound.end.borrow_mut() = Some(Err(io::ErrorKind::UnexpectedEof.into()));
    }

    /// Bytes came in from the wire.
    pub(super) fn received_from_wire(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &[u8]) {
        self.feed_layer(reactor);
        self.pass_through(reactor, bytes);
    }

    fn pass_through(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &[u8]) {
        let Some(layering) = self.layering.get() else { return };
        let is_heard = self.is_open() || (self.stage.get() == Stage::Flushing && self.is_layer_beginning());
        if !is_heard {
            return;
        }
        let memory = reactor.belonging(|_| Memory::default());
        let mut flow = memory.take_flow();
        let mut passing = Passing { connection: self, reactor, has_returned: false };
        let outcome = layering.layer.borrow_mut().received(Fate::of(reactor), bytes, &mut flow);
        passing.has_returned = true;
        self.put_on_wire(reactor, &flow.wire);
        self.look_at_layer(reactor);
        if !flow.plain.is_empty() && self.is_open() {
            self.received_copied(reactor, &mut flow.plain);
        }
        let is_ended = flow.is_ended;
        memory.put_flow(flow);
        if let Err(error) = outcome {
            self.layer_failed(reactor, error);
        } else if is_ended && self.is_open() {
            self.finished_inward(reactor, Ok(()));
        }
    }

    /// A stream has read this memory to its end.
    pub(super) fn use_again(&self, mut memory: Vec<u8>) {
        let is_fit = self.is_layered() && (WORTH_KEEPING..=KEPT).contains(&memory.capacity());
        let Some(reactor) = self.reactor().filter(|_| is_fit) else { return };
        let kept = reactor.belonging(|_| Memory::default());
        let mut spare = kept.spare.borrow_mut();
        if spare.len() < SPARE {
            memory.clear();
            spare.push(memory);
        }
    }

    /// Sends what was held, and tells who waits, if the layer has become ready.
    fn look_at_layer(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let Some(layering) = self.layering.get() else { return };
        if layering.standing.get() != Standing::Beginning || !layering.layer.borrow().is_ready() {
            return;
        }
        layering.standing.set(Standing::Ready);
        let held = layering.held.take();
        if !held.is_empty() {
            let mut wire = Vec::new();
            let written = layering.layer.borrow_mut().write(&held, &mut wire);
            self.put_on_wire(reactor, &wire);
            self.held_is_written(reactor);
            if let Err(error) = written {
                return self.layer_failed(reactor, error);
            }
        }
        if let Some(promise) = layering.waiting.take() {
            promise.callback(());
            self.announce(reactor);
        }
        let is_last = self.stage.get() == Stage::Flushing || self.outbound.is_finishing();
        if is_last && self.buffered() == 0 {
            return self.all_sent(reactor);
        }
        self.advance_later(reactor);
        self.update_reading(reactor);
    }

    /// Who waits for the layer is told from the ready queue; whoever speaks, after that.
    fn announce(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let Some(layering) = self.layering.get() else { return };
        layering.is_announcing.set(true);
        let connection = self.clone();
        reactor.queue(move |reactor| {
            connection.feed_layer(reactor);
            if let Some(layering) = connection.layering.get() {
                layering.is_announcing.set(false);
            }
            connection.advance(reactor);
            connection.update_reading(reactor);
        });
    }

    /// Whoever speaks writes.
    pub(super) fn write_through(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &[u8]) -> Written {
        let Some(layering) = self.layering.get().filter(|_| self.is_writable()) else { return Written::Refused };
        if layering.standing.get() == Standing::Beginning {
            layering.held.borrow_mut().extend_from_slice(bytes);
            return self.hold_back(reactor, bytes.len());
        }
        let mut layer = layering.layer.borrow_mut();
        let (written, outcome) = self.write_to_wire(reactor, |wire| layer.write(bytes, wire));
        drop(layer);
        match outcome {
            Ok(()) => written,
            Err(error) => {
                self.layer_failed(reactor, error);
                Written::Refused
            }
        }
    }

    /// Says the last word, unless it is said. Says whether that is on its way now.
    pub(super) fn part(self: &Rc<Self>, reactor: &Rc<Reactor>) -> bool {
        let Some(layering) = self.layering.get() else { return false };
        if layering.standing.get() != Standing::Ready {
            return false;
        }
        layering.standing.set(Standing::Parted);
        let mut wire = Vec::new();
        layering.layer.borrow_mut().finish(&mut wire);
        self.put_on_wire(reactor, &wire);
        !wire.is_empty()
    }

    /// The wire has come to its end: is that one to whoever speaks?
    pub(super) fn cut_off(&self) -> io::Result<()> {
        self.layering.get().map_or(Ok(()), |layering| layering.layer.borrow_mut().cut_off().map_err(shared))
    }

    /// The wire has come to its end before the layer was ready: it never will be, and what is held will not be written.
    pub(super) fn ended_too_early(self: &Rc<Self>, reactor: &Rc<Reactor>, end: io::Result<()>) {
        let error = shared(end.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
        self.end_inward(reactor, Err(copy(&error)));
        self.lost(reactor, Reason::Lost(error));
    }

    /// What is held will not be written.
    pub(super) fn forget_held(&self) {
        if let Some(layering) = self.layering.get() {
            layering.held.borrow_mut().clear();
        }
    }

    /// The connection is over before the layer was ready.
    pub(super) fn forget_layer(&self) {
        let waiting = self.layering.get().and_then(|layering| layering.waiting.take());
        if let Some(promise) = waiting {
            let error = match &*self.inbound.end.borrow() {
                Some(Err(error)) => copy(error),
                Some(Ok(())) => io::ErrorKind::UnexpectedEof.into(),
                None => io::ErrorKind::NotConnected.into(),
            };
            promise.errback(error);
        }
    }

    /// Nothing more can be made of what comes, or goes.
    fn layer_failed(self: &Rc<Self>, reactor: &Rc<Reactor>, error: io::Error) {
        let error = shared(error);
        let waiting = self.layering.get().and_then(|layering| layering.waiting.take());
        if let Some(promise) = waiting {
            promise.errback(copy(&error));
        }
        if !matches!(self.stage.get(), Stage::Open | Stage::Flushing) {
            return;
        }
        if let Some(layering) = self.layering.get() {
            layering.standing.set(Standing::Parted);
            layering.has_failed.set(true);
        }
        self.forget_held();
        self.outbound.drop_held();
        let failure = Failure::born_at(copy(&error), self.place.get());
        self.reason.borrow_mut().get_or_insert(Reason::Failed(failure));
        self.lose(reactor, Some(LAST_WORDS));
        self.end_inward(reactor, Err(error));
        // Not now: it may be whoever speaks that writes.
        self.advance_later(reactor);
    }
}

/// Bytes in a layer's hands. If it panics nobody knows what became of them, and the connection with it.
struct Passing<'a> {
    connection: &'a Rc<Connection>,
    reactor: &'a Rc<Reactor>,
    has_returned: bool,
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        if !self.has_returned {
            let failure = Failure::born_at(Panicked, self.connection.place.get());
            self.connection.abort(self.reactor, Reason::Failed(failure));
        }
    }
}
