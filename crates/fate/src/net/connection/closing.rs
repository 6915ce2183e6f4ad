//! How a connection ends.

use super::{Connection, Consumer, Stage};
use crate::{Fate, Fuse, Reason};
use fate_core::{Direction, Reactor};
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How long the other side may take to take what is left to be sent.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the other side may take to close after this side has.
const LINGER: Duration = Duration::from_secs(2);

impl Connection {
    /// Closes: sends what is to be sent, reads nothing more.
    pub fn lose(self: &Rc<Self>, reactor: &Rc<Reactor>, deadline: Option<Duration>) {
        match self.stage.get() {
            Stage::Open => {}
            Stage::Flushing if deadline.is_some() => {}
            _ => return,
        }
        self.stage.set(Stage::Flushing);
        if let Some(error) = self.outbound.take_error() {
            return self.lost(reactor, Reason::Lost(error));
        }
        if self.buffered() == 0 && !self.part(reactor) {
            return self.flushed(reactor);
        }
        self.update_reading(reactor);
        // Who reads from a pipe may take his time.
        let patience = if self.nature.is_socket() { PATIENCE } else { Duration::MAX };
        self.set_deadline(reactor, deadline.unwrap_or(patience), |connection, reactor| {
            connection.lost(reactor, Reason::TimedOut);
        });
        self.gather_later(reactor);
    }

    /// All is sent.
    pub(super) fn flushed(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        if !self.has_layer_failed() {
            if let Some(error) = self.reset() {
                return self.lost(reactor, Reason::Lost(error));
            }
            if self.inbound.has_ended() || !self.nature.is_socket() {
                return self.lost(reactor, Reason::Closed);
            }
        }
        self.stage.set(Stage::Lingering);
        self.outbound.shut();
        self.forget_layer();
        self.tell_reason(reactor, Reason::Closed);
        if self.with_socket(|network, socket| network.shut_down(socket, Direction::Write)).is_err() {
            return self.close_socket(reactor, false);
        }
        self.set_deadline(reactor, LINGER, |connection, reactor| connection.close_socket(reactor, false));
        self.update_reading(reactor);
    }

    /// What the kernel has to say of a connection that is gone, if reading was paused and nobody has heard it.
    fn reset(&self) -> Option<std::io::Error> {
        let is_unheard = self.inbound.is_peer_closed() && !self.inbound.has_ended();
        let pending =
            if is_unheard { self.with_socket(|network, socket| network.take_error(socket)).ok() } else { None };
        self.inbound.take_error().or(pending.flatten())
    }

    /// Ends it now, for a reason of our own.
    pub fn abort(self: &Rc<Self>, reactor: &Rc<Reactor>, reason: Reason) {
        if matches!(self.stage.get(), Stage::Open | Stage::Flushing) {
            self.lost(reactor, reason);
        }
    }

    /// As `abort`, for those who keep no connection alive.
    pub fn abort_if_there(connection: &Weak<Connection>, reason: Reason) {
        let connection = connection.upgrade();
        if let Some((connection, reactor)) = connection.and_then(|it| it.reactor().map(|reactor| (it, reactor))) {
            connection.abort(&reactor, reason);
        }
    }

    /// It is over, and who speaks over it is to know why.
    pub(super) fn lost(self: &Rc<Self>, reactor: &Rc<Reactor>, reason: Reason) {
        let is_abort = !matches!(reason, Reason::Closed | Reason::Lost(_));
        self.close_socket(reactor, is_abort);
        self.tell_reason(reactor, reason);
    }

    /// A shutdown has no more patience.
    pub(super) fn shut_down(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        match self.stage.get() {
            Stage::Open if self.buffered() == 0 => {
                self.close_socket(reactor, false);
                self.tell_reason(reactor, Reason::ShutDown);
            }
            Stage::Open | Stage::Flushing => self.lost(reactor, Reason::ShutDown),
            Stage::Lingering => self.close_socket(reactor, false),
            Stage::Closed => {}
        }
    }

    /// B4.
    pub(super) fn close_socket(self: &Rc<Self>, reactor: &Rc<Reactor>, is_abort: bool) {
        self.stage.set(Stage::Closed);
        self.cut_deadline();
        let Some(socket) = self.socket.get() else { return };
        self.forget_reading(reactor);
        self.forget_writing(reactor);
        self.forget_layer();
        self.socket.set(None);
        reactor.close(socket, is_abort);
        if let Some(listing) = self.listing.take() {
            reactor.retire(listing);
        }
    }

    fn tell_reason(self: &Rc<Self>, reactor: &Rc<Reactor>, reason: Reason) {
        self.reason.borrow_mut().get_or_insert(reason);
        self.advance_later(reactor);
    }

    /// The stream is gone: what it wrote is still sent.
    pub fn leave(self: &Rc<Self>) {
        if !self.is_read_by_stream() {
            return;
        }
        *self.consumer.borrow_mut() = Consumer::Nobody;
        drop(self.inbound.take_unread());
        if let Some(reactor) = self.reactor() {
            self.lose(&reactor, None);
        }
    }

    fn set_deadline(
        self: &Rc<Self>,
        reactor: &Rc<Reactor>,
        patience: Duration,
        act: impl FnOnce(&Rc<Connection>, &Rc<Reactor>) + 'static,
    ) {
        self.cut_deadline();
        let connection = Rc::downgrade(self);
        let fuse: Fuse = Fate::of(reactor).get_fuse(patience);
        fuse.set_handler(move |fate| {
            if let Some(connection) = connection.upgrade() {
                act(&connection, fate.reactor());
            }
        });
        *self.deadline.borrow_mut() = Some(fuse);
    }

    fn cut_deadline(&self) {
        let fuse = self.deadline.borrow_mut().take();
        if let Some(fuse) = fuse {
            fuse.cut();
        }
    }
}
