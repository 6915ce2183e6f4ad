//! What is no socket: pipes, terminals and files.
//!
//! No driver receives from these or sends to them by itself, for they have nothing in common but readiness. So they are
//! watched, and read or written when they are ready. A plain file cannot be watched, and is always ready: it is read once
//! a turn.

use super::Connection;
use super::inbound::Receiving;
use crate::Fate;
use fate_core::{Buffer, Interest, Key, Op, Outgoing, Reactor, Socket};
use std::fmt::{self, Display};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::Duration;

/// What a connection stands on, and in which directions bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Nature {
    /// A socket: both directions, which close one by one.
    Socket,
    /// The end of a pipe that is read from, or a file.
    Reader,
    /// The end of a pipe that a child prints to: it is heard out, also in a shutdown.
    Outlet,
    /// The end of a pipe that is written to, or a file.
    Writer,
    /// A terminal: both directions, which close together.
    Terminal,
}

impl Nature {
    pub fn is_socket(self) -> bool {
        self == Nature::Socket
    }

    /// Whether anything can come in.
    pub fn is_readable(self) -> bool {
        self != Nature::Writer
    }

    /// Whether it brings what a child prints.
    pub fn is_outlet(self) -> bool {
        matches!(self, Nature::Outlet | Nature::Terminal)
    }

    /// Whether anything can go out.
    pub fn is_writable(self) -> bool {
        !matches!(self, Nature::Reader | Nature::Outlet)
    }
}

/// What is at the other end of what has no address: put into words when somebody asks.
#[derive(Clone)]
pub(crate) struct Title {
    what: &'static str,
    whose: Option<Rc<dyn Display>>,
}

impl Title {
    /// A thing of its own.
    pub fn of(what: &'static str) -> Title {
        Title { what, whose: None }
    }

    /// A thing of somebody's.
    pub fn whose(what: &'static str, whose: Rc<dyn Display>) -> Title {
        Title { what, whose: Some(whose) }
    }
}

impl Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whose {
            Some(whose) => write!(f, "{} of {whose}", self.what),
            None => f.write_str(self.what),
        }
    }
}

/// How many pieces of memory are written at a time.
const PIECES: usize = 16;

impl Connection {
    /// Begins to receive.
    pub(super) fn begin_receiving(self: &Rc<Self>, reactor: &Reactor, socket: Socket) -> Receiving {
        if self.nature.is_socket() {
            return Receiving::Active(reactor.submit(self.clone(), |key| Op::Receive { key, socket }));
        }
        let (descriptor, interest) = (socket.0, Interest::Read);
        Receiving::Active(reactor.submit(self.clone(), |key| Op::Watch { key, descriptor, interest }))
    }

    /// Ends the receiving; of a socket, once the driver has told what it took.
    pub(super) fn end_receiving(&self, reactor: &Reactor, key: Key) -> Receiving {
        if self.nature.is_socket() {
            reactor.stop(key);
            return Receiving::Stopping(key);
        }
        reactor.forget(key);
        Receiving::Idle
    }

    /// Something can be read, or the end.
    pub(super) fn readable(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        self.inbound.set_idle();
        let Some(socket) = self.socket.get() else { return };
        let shelf = reactor.network().shelf();
        let mut memory = shelf.take();
        match reactor.system().read(socket, &mut memory) {
            Ok(count @ 1..) => self.received(reactor, Buffer::shelved(memory, count, &shelf)),
            Ok(_) => {
                shelf.put(memory);
                self.ended(reactor, Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => shelf.put(memory),
            Err(error) => {
                shelf.put(memory);
                self.ended(reactor, Err(error));
            }
        }
        self.update_reading(reactor);
    }

    /// It cannot be watched. If that is because it is a plain file, it is read in the next turn.
    pub(super) fn unwatchable(self: &Rc<Self>, reactor: &Rc<Reactor>, error: io::Error) {
        if self.nature.is_socket() || error.kind() != io::ErrorKind::PermissionDenied {
            return self.ended(reactor, Err(error));
        }
        let connection = Rc::downgrade(self);
        self.inbound.set_later();
        Fate::of(reactor).get_fuse(Duration::ZERO).set_handler(move |fate| {
            if let Some(connection) = connection.upgrade().filter(|connection| connection.inbound.is_later()) {
                connection.readable(fate.reactor());
            }
        });
    }

    /// Waits until something can be written.
    pub(super) fn begin_sending(self: &Rc<Self>, reactor: &Reactor, socket: Socket) -> Key {
        let (descriptor, interest) = (socket.0, Interest::Write);
        reactor.submit(self.clone(), |key| Op::Watch { key, descriptor, interest })
    }

    /// Something can be written, or nothing ever again.
    pub(super) fn writable(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let (Some(socket), Some(mut outgoing)) = (self.socket.get(), self.take_pending()) else { return };
        let result = match self.write_out(reactor, socket, &mut outgoing) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        };
        self.sent(reactor, outgoing, result);
    }

    /// Writes what can be written now.
    pub(super) fn write_out(&self, reactor: &Reactor, socket: Socket, outgoing: &mut Outgoing) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let count = outgoing.slices(&mut slices);
        match reactor.system().write(socket, &slices[..count])? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => {
                outgoing.advance(count);
                Ok(())
            }
        }
    }
}
