//! One connection: what comes in, what goes out, who is told, and how it ends.
//!
//! ```text
//!            ┌────────── lost (reset, abort, fault) ─────────────┐
//!          Open ──lose──▶ Flushing ──all sent──▶ Lingering ──▶ Closed
//!                                                  the other side has read all, or two seconds are over
//! ```
//!
//! Whoever closes a socket with unread bytes in it makes the kernel reset the connection, and what was sent last may never
//! be read. So a connection lingers: its own direction is closed, and what still comes in is thrown away, until the other
//! side has closed too. The protocol is told when all is sent; what comes after concerns the machine alone.
//!
//! - `inbound`: what was received and not yet read, and when to receive;
//! - `pulling`: what a stream asks for;
//! - `outbound`: what was written and not yet sent, and the marks;
//! - `closing`: how it ends;
//! - `telling`: what the protocol is to be told, in order, and telling it;
//! - `layering`: what lies between the bytes and whoever speaks;
//! - `passing`: descriptors that travel with the bytes, and `releasing`: a connection that is given away;
//! - `piping`: what is no socket, but a pipe, a terminal or a file.
//!
//! # Invariants
//! - B1 No protocol is called but from `telling`, in the turn, and never while it is being called already.
//! - B2 A buffer that a driver has lent is kept until the kernel is asked next, and no longer.
//! - B3 At most one `Op::Receive` and one `Op::Send` is under way: the order of bytes is the order of operations.
//! - B4 After `close_socket` nothing is under way, and nothing comes in.

mod closing;
mod inbound;
mod layering;
mod outbound;
mod passing;
mod piping;
mod pulling;
mod releasing;
mod telling;

use crate::{Fuse, Place, Protocol, Reason};
use fate_core::machine::report::Kind;
use fate_core::{Address, Endpoint, EndpointSight, Event, Key, Network, Reactor, Socket, System, UnixName, WindDown};
use inbound::Inbound;
use layering::Layering;
use outbound::Outbound;
pub(crate) use piping::{Nature, Title};
pub(crate) use pulling::Want;
use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use telling::Told;

/// One connection.
pub(crate) struct Connection {
    reactor: Weak<Reactor>,
    place: Cell<Place>,
    nature: Nature,
    peer: Address,
    /// What is at the other end, if that has no address.
    title: Option<Box<Title>>,
    socket: Cell<Option<Socket>>,
    listing: Cell<Option<Key>>,
    stage: Cell<Stage>,
    consumer: RefCell<Consumer>,
    inbound: Inbound,
    outbound: Outbound,
    layering: OnceCell<Box<Layering>>,
    told: Told,
    /// Why it ended, until that is told.
    reason: RefCell<Option<Reason>>,
    /// The end of flushing, or of lingering.
    deadline: RefCell<Option<Fuse>>,
    is_gathering: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Open,
    Flushing,
    Lingering,
    Closed,
}

/// Who takes what comes in.
enum Consumer {
    /// A stream, which asks for it.
    Reader,
    /// A protocol, which is told.
    Protocol(Box<dyn Protocol>),
    /// The protocol, which is being called at this moment.
    Called,
    /// Nobody any more.
    Nobody,
}

impl Connection {
    /// A connection over a socket that is connected, for a reader.
    pub fn new(reactor: &Rc<Reactor>, socket: Socket, peer: Address, place: Place) -> Rc<Connection> {
        Connection::build(reactor, socket, Nature::Socket, peer, None, place)
    }

    /// A pipe, a terminal or a file, for a reader; `title` says what is at the other end.
    pub fn of_pipe(
        reactor: &Rc<Reactor>,
        socket: Socket,
        nature: Nature,
        title: Title,
        place: Place,
    ) -> Rc<Connection> {
        Connection::build(reactor, socket, nature, Address::Unix(UnixName::Unnamed), Some(title.into()), place)
    }

    fn build(
        reactor: &Rc<Reactor>,
        socket: Socket,
        nature: Nature,
        peer: Address,
        title: Option<Box<Title>>,
        place: Place,
    ) -> Rc<Connection> {
        let connection = Rc::new(Connection {
            reactor: Rc::downgrade(reactor),
            place: Cell::new(place),
            nature,
            peer,
            title,
            socket: Cell::new(Some(socket)),
            listing: Cell::new(None),
            stage: Cell::new(Stage::Open),
            consumer: RefCell::new(Consumer::Reader),
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            layering: OnceCell::new(),
            told: Told::default(),
            reason: RefCell::default(),
            deadline: RefCell::default(),
            is_gathering: Cell::new(false),
        });
        connection.listing.set(Some(reactor.enlist(connection.clone())));
        connection
    }

    /// The address of the other side.
    pub fn peer(&self) -> &Address {
        &self.peer
    }

    /// What is at the other end, in words.
    pub fn other_side(&self) -> String {
        self.title.as_ref().map_or_else(|| self.peer.to_string(), |title| title.to_string())
    }

    /// The loop it belongs to, as long as there is one.
    pub fn reactor(&self) -> Option<Rc<Reactor>> {
        self.reactor.upgrade()
    }

    /// Asks the network about the socket.
    pub fn with_socket<R>(&self, ask: impl FnOnce(&dyn Network, Socket) -> io::Result<R>) -> io::Result<R> {
        let (reactor, socket) = self.reactor.upgrade().zip(self.socket.get()).ok_or(io::ErrorKind::NotConnected)?;
        ask(&**reactor.network(), socket)
    }

    /// Asks the system about what is no socket.
    pub fn with_end<R>(&self, ask: impl FnOnce(&dyn System, Socket) -> io::Result<R>) -> io::Result<R> {
        let (reactor, end) = self.reactor.upgrade().zip(self.socket.get()).ok_or(io::ErrorKind::NotConnected)?;
        ask(&**reactor.system(), end)
    }

    pub fn is_open(&self) -> bool {
        self.stage.get() == Stage::Open
    }

    fn is_read_by_stream(&self) -> bool {
        matches!(*self.consumer.borrow(), Consumer::Reader)
    }

    /// Has `gather` called before the kernel is asked next.
    fn gather_later(self: &Rc<Self>, reactor: &Reactor) {
        if !self.is_gathering.replace(true) {
            reactor.gather_later(self.clone());
        }
    }
}

impl Endpoint for Connection {
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, key: Key, event: Event) {
        match event {
            Event::Received(buffer) => self.received(reactor, buffer),
            Event::Sent(outgoing, result) => self.sent(reactor, outgoing, result),
            Event::Ended => self.ended(reactor, Ok(())),
            Event::Cancelled => self.stopped(reactor),
            Event::Ready(_) if self.inbound.is_receiving(key) => self.readable(reactor),
            Event::Failed(error) if self.inbound.is_receiving(key) => self.unwatchable(reactor, error),
            Event::Ready(_) | Event::Failed(_) if self.is_sending(key) => self.writable(reactor),
            // A plain file has nobody at its other end who could go.
            Event::Failed(_) if !self.nature.is_socket() => {}
            Event::Ready(_) | Event::Failed(_) => self.hung_up(reactor, key),
            Event::Accepted(socket) => reactor.close(socket, true),
        }
    }

    fn gather(self: Rc<Self>, reactor: &Reactor) {
        self.is_gathering.set(false);
        self.inbound.spill();
        self.send(reactor);
    }

    fn wind_down(self: Rc<Self>, reactor: &Rc<Reactor>, stage: WindDown) {
        match stage {
            WindDown::StopAccepting => {}
            WindDown::Drain if self.is_read_by_stream() || self.nature.is_outlet() => {}
            WindDown::Drain => self.lose(reactor, None),
            WindDown::Abort => self.shut_down(reactor),
        }
    }

    fn is_draining(&self) -> bool {
        let is_heard_out = self.nature.is_outlet() && self.is_open() && !self.is_read_by_stream();
        is_heard_out || self.buffered() > 0 || matches!(self.stage.get(), Stage::Flushing | Stage::Lingering)
    }

    fn socket(&self) -> Option<Socket> {
        self.socket.get()
    }

    fn sight(&self) -> EndpointSight {
        let peer = self.other_side();
        let waits_for = match self.stage.get() {
            _ if self.buffered() > 0 => format!("{peer} to take {} bytes", self.buffered()),
            Stage::Lingering => format!("{peer} to close"),
            _ if !self.nature.is_readable() => format!("somebody to write to {peer}"),
            _ if self.inbound.is_idle() => format!("somebody to read from {peer}"),
            _ => format!("bytes from {peer}"),
        };
        EndpointSight { kind: Kind::Connection, place: self.place.get(), waits_for }
    }
}
