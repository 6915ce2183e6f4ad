//! Who makes connections.

use super::connection::Connection;
use super::options::TcpOptions;
use super::stream::{TcpStream, UnixStream};
use crate::names::racing::race_of;
use crate::{Cancelled, Deferred, Fate, Place, Promise};
use fate_core::machine::report::Kind;
use fate_core::{
    Address, Endpoint, EndpointSight, Event, Interest, Key, Op, Reactor, Socket, SocketKind, UnixName, WindDown,
};
use std::cell::{Cell, RefCell};
use std::io;
use std::panic::Location;
use std::rc::Rc;

/// A socket that is about to be connected.
struct Connecting {
    place: Place,
    address: Address,
    socket: Cell<Option<Socket>>,
    listing: Cell<Option<Key>>,
    operation: Cell<Option<Key>>,
    promise: RefCell<Option<Promise<Rc<Connection>>>>,
}

impl Connecting {
    fn begin(reactor: &Rc<Reactor>, socket: Socket, address: Address, place: Place, promise: Promise<Rc<Connection>>) {
        let connecting = Rc::new(Connecting {
            place,
            address,
            socket: Cell::new(Some(socket)),
            listing: Cell::new(None),
            operation: Cell::new(None),
            promise: RefCell::default(),
        });
        connecting.listing.set(Some(reactor.enlist(connecting.clone())));
        let (descriptor, interest) = (socket.0, Interest::Write);
        let key = reactor.submit(connecting.clone(), |key| Op::Watch { key, descriptor, interest });
        connecting.operation.set(Some(key));
        let (weak, here) = (Rc::downgrade(&connecting), Rc::downgrade(reactor));
        promise.on_cancel(move |_| {
            if let (Some(connecting), Some(reactor)) = (weak.upgrade(), here.upgrade()) {
                connecting.give_up(&reactor);
            }
        });
        *connecting.promise.borrow_mut() = Some(promise);
    }

    /// Lets go of the socket, which somebody else has from here on, or nobody.
    fn release(&self, reactor: &Reactor) -> Option<Socket> {
        if let Some(key) = self.operation.take() {
            reactor.forget(key);
        }
        if let Some(listing) = self.listing.take() {
            reactor.retire(listing);
        }
        self.socket.take()
    }

    fn give_up(&self, reactor: &Reactor) {
        if let Some(socket) = self.release(reactor) {
            reactor.close(socket, true);
        }
    }

    fn fail(&self, reactor: &Reactor, error: io::Error) {
        self.give_up(reactor);
        let promise = self.promise.borrow_mut().take();
        if let Some(promise) = promise {
            promise.errback(error);
        }
    }

    fn succeed(&self, reactor: &Rc<Reactor>) {
        let promise = self.promise.borrow_mut().take();
        if let (Some(socket), Some(promise)) = (self.release(reactor), promise) {
            fulfil(reactor, promise, Connection::new(reactor, socket, self.address.clone(), self.place));
        }
    }
}

/// Hands over a connection, which is closed if nobody wants it any more.
fn fulfil(reactor: &Rc<Reactor>, promise: Promise<Rc<Connection>>, connection: Rc<Connection>) {
    if promise.is_cancelled() {
        connection.abort(reactor, crate::Reason::Aborted);
    } else {
        promise.callback(connection);
    }
}

impl Endpoint for Connecting {
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, _: Key, event: Event) {
        self.operation.set(None);
        let Some(socket) = self.socket.get() else { return };
        let error = match event {
            Event::Failed(error) => Some(error),
            _ => reactor.network().take_error(socket).unwrap_or_else(Some),
        };
        match error {
            Some(error) => self.fail(reactor, error),
            None => self.succeed(reactor),
        }
    }

    fn gather(self: Rc<Self>, _: &Reactor) {}

    fn wind_down(self: Rc<Self>, reactor: &Rc<Reactor>, stage: WindDown) {
        if stage == WindDown::Abort {
            self.give_up(reactor);
        }
    }

    fn is_draining(&self) -> bool {
        false
    }

    fn socket(&self) -> Option<Socket> {
        self.socket.get()
    }

    fn sight(&self) -> EndpointSight {
        EndpointSight { kind: Kind::Connection, place: self.place, waits_for: format!("{} to answer", self.address) }
    }
}

impl Fate {
    /// Connects to `address`, a host and a port: `"example.org:80"`, `"127.0.0.1:80"`, `"[::1]:80"`. Begins at once.
    ///
    /// A name is looked up without blocking anything ([`Fate::resolve`]), and the first of its addresses that answers is taken
    /// ([`race_addresses`](crate::race_addresses), RFC 8305).
    ///
    /// # Errors
    /// For an address `ConnectionRefused`, `HostUnreachable` and what else the kernel says; for a name what the resolver says,
    /// or a [`ConnectFailed`](crate::ConnectFailed) with what became of each of its addresses. `InvalidInput` for what is
    /// neither. There is no deadline but the kernel's: [`Deferred::add_timeout`] sets one for the whole.
    ///
    /// # Cancellation
    /// Cancelling gives up; a connection that was made and that nobody takes is closed.
    #[track_caller]
    pub fn connect_tcp(&self, address: &str) -> Deferred<TcpStream> {
        self.connect_tcp_with(address, &TcpOptions::default())
    }

    /// As [`Fate::connect_tcp`], with settings.
    ///
    /// # Errors
    /// As [`Fate::connect_tcp`].
    #[track_caller]
    pub fn connect_tcp_with(&self, address: &str, options: &TcpOptions) -> Deferred<TcpStream> {
        let (place, options) = (Location::caller(), *options);
        if let Ok(address) = address.parse() {
            return self.connect(Address::Inet(address), Some(&options), place).add_callback(TcpStream::of);
        }
        let Some((host, port)) = host_and_port(address) else {
            let error = io::Error::new(io::ErrorKind::InvalidInput, format!("{address:?} is no host and port"));
            return self.fail(error);
        };
        let here = Rc::downgrade(self.reactor());
        let found = self.resolve_of(place, host, port);
        let connected = found.and_then(move |addresses| {
            let fate = Fate::from_reactor(here.upgrade().ok_or(Cancelled)?);
            let connecting = fate.clone();
            // A stream, so that one that comes too late is closed by being dropped.
            let connect = move |address| {
                connecting.connect(Address::Inet(address), Some(&options), place).add_callback(TcpStream::of)
            };
            crate::Ok(race_of(&fate, place, addresses, connect))
        });
        connected.and_then(|stream| stream)
    }

    /// Connects to a Unix socket: to a path, or to a name that begins with `@` and is no file (Linux).
    ///
    /// # Errors
    /// `NotFound`, `ConnectionRefused` if nobody listens any more, and what else the kernel says.
    #[track_caller]
    pub fn connect_unix<N: Into<UnixName>>(&self, name: N) -> Deferred<UnixStream> {
        let place = Location::caller();
        self.connect(Address::Unix(name.into()), None, place).add_callback(UnixStream::of)
    }

    /// Connects to one address.
    pub(crate) fn connect(
        &self,
        address: Address,
        options: Option<&TcpOptions>,
        place: Place,
    ) -> Deferred<Rc<Connection>> {
        let (reactor, network) = (self.reactor(), self.reactor().network());
        let (promise, connected) = self.deferred();
        let socket = match network.socket(address.family(), SocketKind::Stream) {
            Ok(socket) => socket,
            Err(error) => {
                promise.errback(error);
                return connected;
            }
        };
        let prepared = options.map_or(Ok(()), |options| options.apply(&**network, socket, false));
        match prepared.and_then(|()| network.connect(socket, &address)) {
            Ok(true) => fulfil(reactor, promise, Connection::new(reactor, socket, address, place)),
            Ok(false) => Connecting::begin(reactor, socket, address, place, promise),
            Err(error) => {
                reactor.close(socket, false);
                promise.errback(error);
            }
        }
        connected
    }
}

/// The two parts of `host:port`; the host may be in brackets.
fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let is_whole = !host.is_empty() && (!host.contains(':') || host.starts_with('['));
    Some((host, port.parse().ok()?)).filter(|_| is_whole)
}
