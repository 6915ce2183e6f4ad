//! Tasks that ask for packets, and packets that are held for them.
//!
//! While nobody looks on, nothing is held: a task that asks takes its packet from the kernel. While fuses look on, packets
//! come when the fuses want them, and those for which no task waits are held for the next to ask: as many as a kernel
//! holds, and as in a kernel what comes when there is no room is lost.

use super::packet::Kept;
use super::socket::PacketSocket;
use super::waiting::{Ticket, Waiting};
use fate_core::{Network, Reactor, Socket};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

/// So many packets are held.
const MOST_PACKETS: usize = 256;

/// So many bytes are held, unless it is a single packet.
const MOST_BYTES: usize = 256 * 1024;

/// Who asks, and what is held.
#[derive(Default)]
pub(super) struct Reading {
    held: RefCell<VecDeque<io::Result<Kept>>>,
    held_bytes: Cell<usize>,
    asking: Waiting,
}

impl Reading {
    /// Whether a task waits for a packet.
    pub fn is_asked(&self) -> bool {
        !self.asking.is_empty()
    }

    pub fn has_held(&self) -> bool {
        !self.held.borrow().is_empty()
    }

    /// Holds a packet for the first who asks, if there is room.
    pub fn hold(&self, reactor: &Reactor, packet: io::Result<Kept>) {
        let bytes = self.held_bytes.get() + packet.as_ref().map_or(0, |kept| kept.data.len());
        let mut held = self.held.borrow_mut();
        if held.len() < MOST_PACKETS && (bytes <= MOST_BYTES || held.is_empty()) {
            held.push_back(packet);
            self.held_bytes.set(bytes);
        }
        drop(held);
        self.asking.wake_first(reactor);
    }

    pub fn take_held(&self) -> Option<io::Result<Kept>> {
        let first = self.held.borrow_mut().pop_front()?;
        let length = first.as_ref().map_or(0, |kept| kept.data.len());
        self.held_bytes.set(self.held_bytes.get() - length);
        Some(first)
    }

    /// Forgets what is held.
    pub fn forget(&self) {
        drop(self.held.take());
        self.held_bytes.set(0);
    }

    pub fn wake_first(&self, reactor: &Reactor) {
        self.asking.wake_first(reactor);
    }

    pub fn wake_all(&self, reactor: &Reactor) {
        self.asking.wake_all(reactor);
    }
}

/// How a packet is taken: from what is held, or from the kernel.
pub(super) trait Taking {
    type Taken;
    fn keep(&mut self, kept: Kept) -> Self::Taken;
    fn receive(&mut self, reactor: &Reactor, network: &dyn Network, socket: Socket) -> io::Result<Self::Taken>;
}

/// One who asks. Leaves when it is dropped; what it was woken for is then the next one's.
pub(super) struct Asking<'a> {
    socket: &'a Rc<PacketSocket>,
    ticket: Ticket,
}

impl<'a> Asking<'a> {
    pub fn of(socket: &'a Rc<PacketSocket>) -> Asking<'a> {
        socket.try_again();
        Asking { socket, ticket: Ticket::default() }
    }

    /// Takes a packet, or waits for one.
    pub fn poll<T: Taking>(&mut self, context: &Context<'_>, taking: &mut T) -> Poll<io::Result<T::Taken>> {
        let socket = self.socket;
        let Some(reactor) = socket.reactor().filter(|_| socket.is_open()) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match self.take(&reactor, taking) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            taken => return Poll::Ready(taken),
        }
        if let Some(refusal) = socket.take_refusal() {
            return Poll::Ready(Err(refusal));
        }
        socket.reading.asking.wait(&mut self.ticket, &reactor, context);
        socket.update(&reactor);
        Poll::Pending
    }

    fn take<T: Taking>(&self, reactor: &Reactor, taking: &mut T) -> io::Result<T::Taken> {
        let socket = self.socket;
        if socket.receiver.is_set() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(held) = socket.reading.take_held() {
            return held.map(|kept| taking.keep(kept));
        }
        if socket.is_looked_at() || !socket.incoming.spend(reactor) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        socket.with_socket(|network, number| taking.receive(reactor, network, number))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let socket = self.socket;
        let Some(reactor) = socket.reactor() else { return };
        if socket.reading.asking.leave(&mut self.ticket) && socket.reading.has_held() {
            socket.reading.wake_first(&reactor);
        }
        socket.update(&reactor);
    }
}
