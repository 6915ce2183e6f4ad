//! Operations under way, and the endpoints that they are for.
//!
//! An [`Endpoint`] is whatever has a socket: a connection, a listener, a place for packets. It submits operations and is
//! told what became of them. What an endpoint is beyond that, the machine does not know.
//!
//! ```text
//!   endpoint ──submit──▶ outbox ──▶ driver ──▶ inbox ──deliver──▶ endpoint.complete
//!      │                    ▲
//!      └──gather_later──▶ gather: what was written in a turn leaves at its end, in one piece
//! ```
//!
//! # Invariants
//! - O1 A key is in the table as long as a completion under it concerns somebody. Every kind of operation has its keys
//!   from this one table, so no two live ones have the same index.
//! - O2 The completion of an operation that concerns nobody is dropped, and what it carries goes where it belongs: memory to
//!   its owner, an accepted connection to be closed.
//! - O3 An endpoint stays in the register from when it gets its socket until the socket is handed to `Op::Close`, or
//!   released; so no socket is left when the reactor is dropped.

use super::reactor::Reactor;
use super::report::Kind;
use super::watch::WatchCell;
use crate::parts::slots::Slots;
use crate::words::failure::Place;
use crate::words::instant::Instant;
use crate::words::key::Key;
use crate::words::network::{Network, Socket};
use crate::words::op::{Completion, Event, Op};
use crate::words::outgoing::Outgoing;
use crate::words::system::System;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How many empty [`Outgoing`]s are kept for those who write next.
const SPARE: usize = 1024;

/// Something that submits operations: it has a socket, as a rule.
pub trait Endpoint {
    /// One of its operations came to something. Called from the turn: user code may be called. After [`Event::Received`] and
    /// [`Event::Accepted`] the operation goes on; after any other event it is over, and its key means nothing.
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, key: Key, event: Event);

    /// The kernel is about to be asked: what was gathered since [`Reactor::gather_later`] is to be submitted. Calls no user
    /// code.
    fn gather(self: Rc<Self>, reactor: &Reactor);

    /// A shutdown has come to this stage. May queue calls of user code, and calls none.
    fn wind_down(self: Rc<Self>, reactor: &Rc<Reactor>, stage: WindDown);

    /// Whether a shutdown should still wait for it.
    fn is_draining(&self) -> bool;

    /// Its socket, as long as it has one.
    fn socket(&self) -> Option<Socket>;

    /// What it is, who made it, and what it waits for.
    fn sight(&self) -> EndpointSight;
}

/// What an endpoint is to do in a shutdown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindDown {
    /// Take no more connections.
    StopAccepting,
    /// Send what is to be sent, and close.
    Drain,
    /// Close now, and drop what belongs to the user.
    Abort,
}

/// A live endpoint, for reports.
pub struct EndpointSight {
    /// What it is.
    pub kind: Kind,
    /// The line that made it.
    pub place: Place,
    /// What it waits for, in words.
    pub waits_for: String,
}

/// An operation under way.
pub(super) enum Operation {
    Watch(WatchCell),
    Of(Rc<dyn Endpoint>),
    /// As the former, but no reason to go on.
    Aside(Rc<dyn Endpoint>),
}

/// All that goes in and out.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) operations: RefCell<Slots<Operation, 64>>,
    /// How many operations are no reason to go on.
    asides: Cell<usize>,
    endpoints: RefCell<Slots<(Rc<dyn Endpoint>, Instant), 64>>,
    gathering: RefCell<Vec<Rc<dyn Endpoint>>>,
    /// Empty, and swapped with `gathering` while that is gone through.
    gathered: RefCell<Vec<Rc<dyn Endpoint>>>,
    /// Those for whom there were no descriptors.
    squeezed: RefCell<Vec<Rc<dyn Endpoint>>>,
    spare: RefCell<Vec<Outgoing>>,
    packet_memory: Cell<Vec<u8>>,
}

impl Traffic {
    /// An operation is over.
    fn note_end(&self, operation: &Operation) {
        if matches!(operation, Operation::Aside(_)) {
            self.asides.set(self.asides.get() - 1);
        }
    }
}

impl Reactor {
    /// What never waits.
    pub fn network(&self) -> &Rc<dyn Network> {
        &self.network
    }

    /// Other programs, signals, standard streams.
    pub fn system(&self) -> &Rc<dyn System> {
        &self.system
    }

    /// Enters an endpoint that got a socket; it is kept alive until [`Reactor::retire`].
    pub fn enlist(&self, endpoint: Rc<dyn Endpoint>) -> Key {
        let born = self.now();
        self.traffic.endpoints.borrow_mut().insert((endpoint, born))
    }

    /// Strikes out an endpoint that has no socket any more.
    pub fn retire(&self, key: Key) {
        let endpoint = self.traffic.endpoints.borrow_mut().remove_key(key);
        drop(endpoint);
    }

    /// Submits an operation for an endpoint.
    #[inline]
    pub fn submit(&self, endpoint: Rc<dyn Endpoint>, op: impl FnOnce(Key) -> Op) -> Key {
        let key = self.traffic.operations.borrow_mut().insert(Operation::Of(endpoint));
        self.outbox.borrow_mut().push(op(key));
        key
    }

    /// Submits an operation for an endpoint, for which alone a run does not go on.
    pub fn submit_aside(&self, endpoint: Rc<dyn Endpoint>, op: impl FnOnce(Key) -> Op) -> Key {
        let key = self.submit(endpoint, op);
        self.set_aside(key, true);
        key
    }

    /// Says whether a run goes on for an operation that is under way.
    pub fn set_aside(&self, key: Key, is_aside: bool) {
        let mut operations = self.traffic.operations.borrow_mut();
        let asides = &self.traffic.asides;
        let Some(operation) = operations.get_key_mut(key) else { return };
        match operation {
            Operation::Of(endpoint) if is_aside => {
                *operation = Operation::Aside(endpoint.clone());
                asides.set(asides.get() + 1);
            }
            Operation::Aside(endpoint) if !is_aside => {
                *operation = Operation::Of(endpoint.clone());
                asides.set(asides.get() - 1);
            }
            _ => {}
        }
    }

    /// Forgets an operation: its endpoint hears no more of it.
    pub fn forget(&self, key: Key) {
        let removed = self.traffic.operations.borrow_mut().remove_key(key);
        if let Some(operation) = &removed {
            self.traffic.note_end(operation);
            self.outbox.borrow_mut().push(Op::Cancel { key });
        }
    }

    /// Cancels an operation whose endpoint still wants what comes of it: what was received or accepted by then.
    pub fn stop(&self, key: Key) {
        self.outbox.borrow_mut().push(Op::Cancel { key });
    }

    /// Closes a socket. Whatever was under way on it is forgotten already.
    pub fn close(&self, socket: Socket, is_abort: bool) {
        self.outbox.borrow_mut().push(Op::Close { socket, is_abort });
        self.traffic.gathering.borrow_mut().append(&mut self.traffic.squeezed.borrow_mut());
    }

    /// Has [`Endpoint::gather`] called after the next [`Reactor::close`]: there may be room then.
    pub fn wait_for_room(&self, endpoint: Rc<dyn Endpoint>) {
        self.traffic.squeezed.borrow_mut().push(endpoint);
    }

    /// Has [`Endpoint::gather`] called before the kernel is asked next.
    #[inline]
    pub fn gather_later(&self, endpoint: Rc<dyn Endpoint>) {
        self.traffic.gathering.borrow_mut().push(endpoint);
    }

    /// Somewhere to gather what is written: empty, with memory of its own if possible.
    #[inline]
    pub fn take_outgoing(&self) -> Outgoing {
        self.traffic.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives back what [`Reactor::take_outgoing`] gave. What is left in it is dropped.
    #[inline]
    pub fn put_outgoing(&self, mut outgoing: Outgoing) {
        if !outgoing.is_empty() {
            outgoing.clear();
        }
        let mut spare = self.traffic.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.push(outgoing);
        }
    }

    /// Memory for whoever receives packets, to be taken for that long. Empty at first, and while somebody has it.
    pub fn packet_memory(&self) -> &Cell<Vec<u8>> {
        &self.traffic.packet_memory
    }

    /// Whether an operation is under way for which a run goes on.
    pub(super) fn is_awaiting(&self) -> bool {
        self.traffic.operations.borrow().len() > self.traffic.asides.get()
    }

    /// Whether all that is awaited is to be sent now, by sends that nobody waits for. The kernel does not wake a sleeper for these:
    /// who slept for them would not wake, though nothing is left that could happen.
    pub(super) fn is_done_when_sent(&self) -> bool {
        let awaited = self.traffic.operations.borrow().len() - self.traffic.asides.get();
        let outbox = self.outbox.borrow();
        let is_quiet = |op: &&Op| matches!(op, Op::Send { is_awaited: false, .. });
        0 < awaited && awaited <= outbox.len() && outbox.iter().filter(is_quiet).count() == awaited
    }

    /// Whether an endpoint has something to submit.
    pub(super) fn is_gathering(&self) -> bool {
        !self.traffic.gathering.borrow().is_empty()
    }

    /// Has every endpoint submit what it gathered.
    pub(super) fn gather(&self) {
        if !self.is_gathering() {
            return;
        }
        let mut gathered = self.traffic.gathered.take();
        std::mem::swap(&mut gathered, &mut self.traffic.gathering.borrow_mut());
        for endpoint in gathered.drain(..) {
            endpoint.gather(self);
        }
        *self.traffic.gathered.borrow_mut() = gathered;
    }

    /// The first phase of a turn: hands each completion to whom it concerns, if it still concerns anybody.
    pub(super) fn deliver(self: &Rc<Reactor>) {
        loop {
            let Some(Completion { key, event }) = self.inbox.borrow_mut().pop_front() else { break };
            match self.find(key, &event) {
                Found::Endpoint(endpoint) => endpoint.complete(self, key, event),
                Found::Watch => self.tell_watch(key, event),
                Found::Nobody => self.dispose(event),
            }
        }
    }

    fn find(&self, key: Key, event: &Event) -> Found {
        let mut operations = self.traffic.operations.borrow_mut();
        match operations.get_key(key) {
            None => Found::Nobody,
            Some(Operation::Watch(_)) => Found::Watch,
            Some(operation @ (Operation::Of(endpoint) | Operation::Aside(endpoint))) => {
                let endpoint = endpoint.clone();
                if !matches!(event, Event::Received(_) | Event::Accepted(_)) {
                    self.traffic.note_end(operation);
                    operations.discard(key.index);
                }
                Found::Endpoint(endpoint)
            }
        }
    }

    /// O2.
    fn dispose(&self, event: Event) {
        match event {
            Event::Accepted(socket) => self.close(socket, true),
            Event::Sent(outgoing, _) => self.put_outgoing(outgoing),
            _ => {}
        }
    }

    /// Tells every endpoint which stage a shutdown has come to.
    pub(super) fn wind_down(self: &Rc<Reactor>, stage: WindDown) {
        for (endpoint, _) in self.all_endpoints() {
            endpoint.wind_down(self, stage);
        }
    }

    /// Whether a shutdown should still wait for some endpoint.
    pub(super) fn is_draining(&self) -> bool {
        self.traffic.endpoints.borrow().iter().any(|(_, (endpoint, _))| endpoint.is_draining())
    }

    pub(super) fn has_endpoints(&self) -> bool {
        !self.traffic.endpoints.borrow().is_empty()
    }

    /// Every endpoint, with the moment at which it got its socket.
    pub(super) fn all_endpoints(&self) -> Vec<(Rc<dyn Endpoint>, Instant)> {
        self.traffic.endpoints.borrow().iter().map(|(_, (endpoint, born))| (endpoint.clone(), *born)).collect()
    }

    /// The last words to the driver: everything under way is cancelled, and every socket closed. The kernel may say what it
    /// likes, for nobody is left to hear it.
    pub(super) fn leave_kernel(&mut self) {
        // What was written is sent as far as it can be.
        let _ = self.hand_over();
        let outbox = self.outbox.get_mut();
        let traffic = &mut self.traffic;
        traffic.gathering.get_mut().clear();
        traffic.squeezed.get_mut().clear();
        outbox.retain(|op| matches!(op, Op::Close { .. } | Op::Cancel { .. }));
        outbox.extend(traffic.operations.get_mut().iter().map(|(key, _)| Op::Cancel { key }));
        let sockets = traffic.endpoints.get_mut().iter().filter_map(|(_, (endpoint, _))| endpoint.socket());
        outbox.extend(sockets.map(|socket| Op::Close { socket, is_abort: false }));
        if !outbox.is_empty() {
            let _ = self.hand_over();
        }
        let accepted = self.inbox.get_mut().drain(..).filter_map(|completion| match completion.event {
            Event::Accepted(socket) => Some(Op::Close { socket, is_abort: true }),
            _ => None,
        });
        self.outbox.get_mut().extend(accepted);
        if !self.outbox.get_mut().is_empty() {
            let _ = self.hand_over();
        }
    }
}

enum Found {
    Endpoint(Rc<dyn Endpoint>),
    Watch,
    Nobody,
}
