//! What the protocol is to be told, in order, and telling it.
//!
//! What happens to a connection changes its state; this compares the state with what was told of it, and tells the difference.
//! So an event that comes while the protocol is being called, or is paused, is told later, in its order, and never twice.

use super::{Connection, Consumer, Stage};
use crate::net::transport::Transport;
use crate::{Fate, Place, Protocol, Reason};
use fate_core::{Failure, Panicked, Reactor};
use std::cell::Cell;
use std::rc::Rc;

/// What was told.
#[derive(Default)]
pub(super) struct Told {
    made: Cell<bool>,
    eof: Cell<bool>,
    peer_closed: Cell<bool>,
    is_over: Cell<bool>,
    /// `advance` is in the ready queue.
    is_queued: Cell<bool>,
    /// Something happened while the protocol was being called.
    missed: Cell<bool>,
}

impl Told {
    pub fn is_made(&self) -> bool {
        self.made.get()
    }

    pub fn is_eof_told(&self) -> bool {
        self.eof.get()
    }
}

/// What to tell next.
enum Next {
    Made,
    Marks(bool),
    Data(Vec<u8>),
    Eof,
    Lost(Reason),
    PeerClosed,
}

impl Connection {
    /// Gives the connection to a protocol, which is told of it from the ready queue.
    pub fn drive(self: &Rc<Self>, reactor: &Rc<Reactor>, place: Place, protocol: Box<dyn Protocol>) {
        self.place.set(place);
        *self.consumer.borrow_mut() = Consumer::Protocol(protocol);
        self.advance_later(reactor);
    }

    /// Gives the connection to a protocol, which is told of it now. Calls user code.
    pub fn begin(self: &Rc<Self>, reactor: &Rc<Reactor>, place: Place, protocol: Box<dyn Protocol>) {
        self.place.set(place);
        *self.consumer.borrow_mut() = Consumer::Protocol(protocol);
        self.advance(reactor);
    }

    /// Tells the protocol whatever it does not know yet. Calls user code.
    pub fn advance(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        loop {
            let is_there = match *self.consumer.borrow() {
                Consumer::Protocol(_) => true,
                Consumer::Called => return self.miss(),
                Consumer::Reader | Consumer::Nobody => false,
            };
            let Some(next) = is_there.then(|| self.next_to_tell()).flatten() else { break };
            self.tell(reactor, next);
        }
        self.end_if_broken(reactor);
    }

    /// Tells the protocol from the ready queue, for callers from which it must not be called.
    pub(super) fn advance_later(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let has_protocol = matches!(*self.consumer.borrow(), Consumer::Protocol(_) | Consumer::Called);
        if has_protocol && !self.told.is_queued.replace(true) {
            let connection = self.clone();
            reactor.queue(move |reactor| {
                connection.told.is_queued.set(false);
                connection.advance(reactor);
            });
        }
    }

    /// Something has happened that the protocol may have to be told of once it is not being called any more.
    pub(super) fn miss(&self) {
        self.told.missed.set(true);
    }

    fn next_to_tell(&self) -> Option<Next> {
        let told = &self.told;
        if !told.made.replace(true) {
            return Some(Next::Made);
        }
        if let Some(reason) = self.reason.borrow_mut().take() {
            return Some(Next::Lost(reason));
        }
        if self.stage.get() != Stage::Open {
            return None;
        }
        let is_over = self.outbound.is_over();
        if told.is_over.replace(is_over) != is_over {
            return Some(Next::Marks(is_over));
        }
        if !self.is_flowing() {
            let is_news = !self.is_layer_silent() && self.inbound.is_peer_closed() && !told.peer_closed.replace(true);
            return is_news.then_some(Next::PeerClosed);
        }
        if self.inbound.has_unread() {
            return Some(Next::Data(self.inbound.take_unread()));
        }
        let is_end = self.inbound.has_ended() && !self.inbound.has_failed();
        (is_end && !told.eof.replace(true)).then_some(Next::Eof)
    }

    fn tell(self: &Rc<Self>, reactor: &Rc<Reactor>, next: Next) {
        match next {
            Next::Made => {
                self.call(reactor, |protocol, transport| protocol.connection_made(transport));
                self.update_reading(reactor);
            }
            Next::Marks(true) => self.call(reactor, |protocol, transport| protocol.pause_writing(transport)),
            Next::Marks(false) => self.call(reactor, |protocol, transport| protocol.resume_writing(transport)),
            Next::Data(bytes) => {
                self.call(reactor, |protocol, transport| protocol.data_received(transport, &bytes));
                self.update_reading(reactor);
            }
            Next::Eof => self.call(reactor, |protocol, transport| {
                protocol.eof_received(transport);
                if self.outbound.is_finishing() {
                    transport.lose_connection();
                }
            }),
            Next::PeerClosed => self.call(reactor, |protocol, transport| protocol.peer_closed(transport)),
            Next::Lost(reason) => {
                // Not by `call`: it does not come back, whichever way this ends.
                let consumer = std::mem::replace(&mut *self.consumer.borrow_mut(), Consumer::Nobody);
                if let Consumer::Protocol(mut protocol) = consumer {
                    reactor.enter(self.place.get());
                    let transport = Transport::new(self.clone(), Fate::of(reactor).clone());
                    protocol.connection_lost(&transport, reason);
                }
            }
        }
    }

    /// Whether bytes that have just come in can be told at once.
    pub(super) fn may_tell_data(&self) -> bool {
        matches!(*self.consumer.borrow(), Consumer::Protocol(_)) && self.told.is_made() && self.inbound.is_flowing()
    }

    /// Tells the protocol of bytes.
    pub(super) fn tell_data(self: &Rc<Self>, reactor: &Rc<Reactor>, bytes: &[u8]) {
        self.call(reactor, |protocol, transport| protocol.data_received(transport, bytes));
    }

    /// A direction has failed, and all that came in before is told: that is the end.
    fn end_if_broken(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let is_read = self.inbound.has_ended() && !self.inbound.has_unread() && self.inbound.is_flowing();
        if !self.is_open() || self.is_read_by_stream() || !is_read {
            return;
        }
        if let Some(error) = self.outbound.take_error().or_else(|| self.inbound.take_error()) {
            self.lost(reactor, Reason::Lost(error));
        }
    }

    /// B1. The protocol is out of its place while it is called.
    fn call(self: &Rc<Self>, reactor: &Rc<Reactor>, act: impl FnOnce(&mut dyn Protocol, &Transport)) {
        let consumer = std::mem::replace(&mut *self.consumer.borrow_mut(), Consumer::Called);
        let Consumer::Protocol(protocol) = consumer else {
            *self.consumer.borrow_mut() = consumer;
            return;
        };
        reactor.enter(self.place.get());
        let mut calling = Calling { connection: self, reactor, protocol: Some(protocol), has_returned: false };
        let transport = Transport::new(self.clone(), Fate::of(reactor).clone());
        if let Some(protocol) = &mut calling.protocol {
            act(&mut **protocol, &transport);
        }
        calling.has_returned = true;
    }
}

/// A call of the protocol, which goes back to its place whichever way the call ends.
struct Calling<'a> {
    connection: &'a Rc<Connection>,
    reactor: &'a Rc<Reactor>,
    protocol: Option<Box<dyn Protocol>>,
    has_returned: bool,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        if let Some(protocol) = self.protocol.take() {
            *self.connection.consumer.borrow_mut() = Consumer::Protocol(protocol);
        }
        if !self.has_returned {
            let failure = Failure::born_at(Panicked, self.connection.place.get());
            self.connection.abort(self.reactor, Reason::Failed(failure));
        }
        if self.connection.told.missed.take() {
            self.connection.advance_later(self.reactor);
        }
    }
}
