//! Packets on their way out, and who waits for room.
//!
//! A packet leaves at once, or there is no room for it. Who wants to wait joins a line; the first in it tries again when the
//! kernel says that there is room. A Unix socket says so also when it is the other side that has none, so after a vain try the
//! next one is put off a little.

use super::socket::PacketSocket;
use super::waiting::{Ticket, Waiting};
use crate::{Fate, Fuse};
use fate_core::{Address, Endpoint, Event, Interest, Key, Op, Reactor};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

/// How long to wait after the first vain try; twice as long after each further one, up to the last.
const FIRST_REST: Duration = Duration::from_millis(1);
const LONGEST_REST: Duration = Duration::from_millis(64);

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a packet for which there is no room is not sent"]
pub enum Sent {
    /// The kernel has taken it.
    Taken,
    /// There is no room for it at the moment; it was not sent.
    Full,
}

/// Who waits for room.
#[derive(Default)]
pub(super) struct Sending {
    line: Waiting,
    /// Tells when there is room.
    watch: Cell<Option<Key>>,
    /// The end of a rest.
    rest: RefCell<Option<Fuse>>,
    /// How long the last rest was.
    rested: Cell<Duration>,
    /// The kernel has just said that there is room.
    is_told: Cell<bool>,
    refusal: RefCell<Option<io::Error>>,
}

impl Sending {
    /// Whether somebody waits for room.
    pub fn is_full(&self) -> bool {
        !self.line.is_empty()
    }

    /// Ends what is under way, and wakes everybody.
    pub fn forget(&self, reactor: &Reactor) {
        self.stop(reactor);
        self.line.wake_all(reactor);
    }

    fn stop(&self, reactor: &Reactor) {
        if let Some(key) = self.watch.take() {
            reactor.forget(key);
        }
        let rest = self.rest.borrow_mut().take();
        if let Some(rest) = rest {
            rest.cut();
        }
    }
}

impl PacketSocket {
    /// Sends a packet now, if there is room.
    pub fn send(&self, packet: &[u8], to: Option<&Address>) -> io::Result<Sent> {
        match self.with_socket(|network, socket| network.send_packet(socket, packet, to)) {
            Ok(()) => Ok(Sent::Taken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Sent::Full),
            Err(error) => Err(error),
        }
    }

    /// There is room, or there will be no telling.
    pub(super) fn room_told(self: &Rc<Self>, reactor: &Rc<Reactor>, key: Key, event: Event) {
        let sending = &self.sending;
        if sending.watch.get() != Some(key) {
            return;
        }
        sending.watch.set(None);
        if let Event::Failed(error) = event {
            *sending.refusal.borrow_mut() = Some(error);
        }
        sending.is_told.set(true);
        sending.line.wake_first(reactor);
    }

    /// Waits for room while somebody wants it, and not otherwise.
    fn update_room(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let (sending, Some(socket)) = (&self.sending, self.socket()) else { return };
        if sending.line.is_empty() {
            return sending.stop(reactor);
        }
        if sending.watch.get().is_some() || sending.rest.borrow().is_some() {
            return;
        }
        if sending.is_told.take() {
            return self.rest(reactor);
        }
        let (descriptor, interest) = (socket.0, Interest::Write);
        let key = reactor.submit(self.clone(), |key| Op::Watch { key, descriptor, interest });
        sending.watch.set(Some(key));
    }

    /// The kernel has said that there is room, and there was none.
    fn rest(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let rest = (self.sending.rested.get() * 2).clamp(FIRST_REST, LONGEST_REST);
        self.sending.rested.set(rest);
        let fuse = Fate::of(reactor).get_fuse(rest);
        let socket: Weak<PacketSocket> = Rc::downgrade(self);
        fuse.set_handler(move |fate| {
            if let Some(socket) = socket.upgrade() {
                let over = socket.sending.rest.borrow_mut().take();
                drop(over);
                socket.sending.is_told.set(true);
                socket.sending.line.wake_first(fate.reactor());
            }
        });
        *self.sending.rest.borrow_mut() = Some(fuse);
    }
}

/// One who waits for room. Leaves when it is dropped; the room that it was woken for is then the next one's.
pub(super) struct Queueing<'a> {
    socket: &'a Rc<PacketSocket>,
    ticket: Ticket,
}

impl<'a> Queueing<'a> {
    pub fn of(socket: &'a Rc<PacketSocket>) -> Queueing<'a> {
        Queueing { socket, ticket: Ticket::default() }
    }

    /// Sends a packet, after those that wait already.
    pub fn poll(&mut self, context: &Context<'_>, packet: &[u8], to: Option<&Address>) -> Poll<io::Result<()>> {
        let (socket, sending) = (self.socket, &self.socket.sending);
        let Some(reactor) = socket.reactor() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        if let Some(refusal) = sending.refusal.borrow_mut().take() {
            return Poll::Ready(Err(refusal));
        }
        if !sending.line.is_led_by_another(&self.ticket) && socket.outgoing.spend(&reactor) {
            match socket.send(packet, to) {
                Ok(Sent::Full) => {}
                sent => {
                    sending.is_told.set(false);
                    sending.rested.set(Duration::ZERO);
                    return Poll::Ready(sent.map(|_| ()));
                }
            }
        } else {
            // Nothing was tried in vain.
            sending.is_told.set(false);
        }
        sending.line.wait(&mut self.ticket, &reactor, context);
        socket.update_room(&reactor);
        Poll::Pending
    }
}

/// Who comes next may find room as well.
impl Drop for Queueing<'_> {
    fn drop(&mut self) {
        let Some(reactor) = self.socket.reactor() else { return };
        if self.socket.sending.line.leave(&mut self.ticket) {
            self.socket.sending.line.wake_first(&reactor);
        }
        self.socket.update_room(&reactor);
    }
}
