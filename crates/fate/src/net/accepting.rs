//! Accepting connections: the machine of a listener.
//!
//! It hands each connection to whoever serves, or keeps a few for those who ask. When descriptors run out it pauses below a
//! reserve and goes on when one is closed: what cannot be served waits in the kernel.
//!
//! # Invariants
//! - L1 At most one `Op::Accept` is under way; one that was cancelled is, until it has answered. So a connection that was
//!   accepted meanwhile is still told of.
//! - L2 A listener that is squeezed has no `Op::Accept` under way, and is woken by the next close.

mod releasing;

use super::connection::Connection;
use super::waiter::Waiter;
use crate::{Failure, Fate, Place, Reason};
use fate_core::machine::report::Kind;
use fate_core::{Address, Endpoint, EndpointSight, Event, Key, Op, Reactor, Socket, WindDown};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

/// Connections that are kept for those who ask before no more are accepted.
const ENOUGH: usize = 32;

/// Descriptors that a listener leaves to the rest of the program.
const RESERVE: u32 = 8;

/// How long to wait for descriptors that somebody else may close.
const RETRY: Duration = Duration::from_secs(1);

/// What is done with an accepted connection. User code.
pub(super) type Server = Box<dyn FnMut(&Rc<Reactor>, Rc<Connection>)>;

/// Whether an `Op::Accept` is under way.
#[derive(Clone, Copy, Default)]
enum Accepting {
    #[default]
    Idle,
    Active(Key),
    Stopping(Key),
}

/// A socket that listens.
pub(crate) struct Listener {
    reactor: Weak<Reactor>,
    place: Cell<Place>,
    address: Address,
    socket: Cell<Option<Socket>>,
    listing: Cell<Option<Key>>,
    accepting: Cell<Accepting>,
    is_squeezed: Cell<bool>,
    has_complained: Cell<bool>,
    will_retry: Cell<bool>,
    is_paused: Cell<bool>,
    /// Out of its place while it runs.
    server: RefCell<Option<Server>>,
    is_served: Cell<bool>,
    accepted: RefCell<VecDeque<Socket>>,
    /// Accepted while the server was being called.
    late: RefCell<VecDeque<Rc<Connection>>>,
    error: RefCell<Option<io::Error>>,
    waiter: Waiter,
    /// Whether a file goes with the socket.
    has_file: bool,
}

impl Listener {
    /// A listener over a socket that listens. If it has a file, that goes with it.
    pub fn new(reactor: &Rc<Reactor>, socket: Socket, address: Address, place: Place, has_file: bool) -> Rc<Listener> {
        let listener = Rc::new(Listener {
            reactor: Rc::downgrade(reactor),
            place: Cell::new(place),
            address,
            socket: Cell::new(Some(socket)),
            listing: Cell::new(None),
            accepting: Cell::default(),
            is_squeezed: Cell::new(false),
            has_complained: Cell::new(false),
            will_retry: Cell::new(false),
            is_paused: Cell::new(false),
            server: RefCell::default(),
            is_served: Cell::new(false),
            accepted: RefCell::default(),
            late: RefCell::default(),
            error: RefCell::default(),
            waiter: Waiter::default(),
            has_file,
        });
        listener.listing.set(Some(reactor.enlist(listener.clone())));
        listener
    }

    /// A listener over a socket that listens already.
    pub fn adopt(reactor: &Rc<Reactor>, socket: Socket, place: Place) -> io::Result<Rc<Listener>> {
        let address = reactor.network().local_address(socket)?;
        Ok(Listener::new(reactor, socket, address, place, false))
    }

    /// The address it listens on.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether it still listens.
    pub fn is_listening(&self) -> bool {
        self.socket.get().is_some()
    }

    /// Hands every connection to `server` from here on, those first that were accepted already.
    pub fn begin_serving(self: &Rc<Self>, place: Place, server: Server) {
        self.place.set(place);
        *self.server.borrow_mut() = Some(server);
        self.is_served.set(true);
        let Some(reactor) = self.reactor.upgrade() else { return };
        for socket in self.accepted.take() {
            let listener = self.clone();
            reactor.queue(move |reactor| listener.serve(reactor, socket));
        }
        self.update(&reactor);
    }

    /// Leaves connections to the kernel, or goes on.
    pub fn set_paused(self: &Rc<Self>, is_paused: bool) {
        self.is_paused.set(is_paused);
        if let Some(reactor) = self.reactor.upgrade() {
            self.update(&reactor);
        }
    }

    fn wants_connections(&self) -> bool {
        let is_wanted = self.is_served.get() || (self.waiter.is_waiting() && self.accepted.borrow().len() < ENOUGH);
        is_wanted && !self.is_squeezed.get() && !self.is_paused.get()
    }

    /// Accepts while somebody wants connections, and not otherwise.
    fn update(self: &Rc<Self>, reactor: &Reactor) {
        let Some(listener) = self.socket.get() else { return };
        match self.accepting.get() {
            Accepting::Idle if self.wants_connections() => {
                let key = reactor.submit(self.clone(), |key| Op::Accept { key, listener });
                self.accepting.set(Accepting::Active(key));
            }
            Accepting::Active(_) if self.is_squeezed.get() || self.is_paused.get() => self.stop_accepting(reactor),
            _ => {}
        }
    }

    /// Takes back what is under way.
    fn forget_accepting(&self, reactor: &Reactor) {
        if let Accepting::Active(key) | Accepting::Stopping(key) = self.accepting.take() {
            reactor.forget(key);
        }
    }

    fn stop_accepting(&self, reactor: &Reactor) {
        if let Accepting::Active(key) = self.accepting.get() {
            reactor.stop(key);
            self.accepting.set(Accepting::Stopping(key));
        }
    }

    fn accepted(self: &Rc<Self>, reactor: &Rc<Reactor>, socket: Socket) {
        if !reactor.network().has_room_after(socket, RESERVE) {
            self.squeeze(reactor, None);
        }
        if self.is_served.get() {
            return self.serve(reactor, socket);
        }
        self.accepted.borrow_mut().push_back(socket);
        self.waiter.wake(reactor);
        if self.accepted.borrow().len() >= ENOUGH {
            self.stop_accepting(reactor);
        }
    }

    fn serve(self: &Rc<Self>, reactor: &Rc<Reactor>, socket: Socket) {
        let Ok(peer) = reactor.network().peer_address(socket) else {
            // It came and went.
            return reactor.close(socket, true);
        };
        let connection = Connection::new(reactor, socket, peer, self.place.get());
        self.call(reactor, connection);
    }

    fn call(self: &Rc<Self>, reactor: &Rc<Reactor>, connection: Rc<Connection>) {
        if !self.is_listening() {
            return connection.abort(reactor, Reason::Aborted);
        }
        let Some(server) = self.server.borrow_mut().take() else {
            // Accepted in a turn within the server itself, which goes on with it.
            return self.late.borrow_mut().push_back(connection);
        };
        reactor.enter(self.place.get());
        let mut calling = Calling { listener: self, reactor, server: Some(server), connection, has_returned: false };
        if let Some(server) = &mut calling.server {
            server(reactor, calling.connection.clone());
        }
        calling.has_returned = true;
    }

    /// Goes on with a connection that was accepted while the server was being called.
    fn catch_up(self: &Rc<Self>, reactor: &Rc<Reactor>) {
        let next = self.late.borrow_mut().pop_front();
        if let Some(connection) = next {
            let listener = self.clone();
            reactor.queue(move |reactor| listener.call(reactor, connection));
        }
    }

    /// There are no descriptors left, or hardly any.
    fn squeeze(self: &Rc<Self>, reactor: &Rc<Reactor>, error: Option<io::Error>) {
        if self.is_squeezed.replace(true) {
            return;
        }
        self.stop_accepting(reactor);
        reactor.wait_for_room(self.clone());
        if !self.will_retry.replace(true) {
            let listener = self.clone();
            Fate::of(reactor).get_fuse(RETRY).set_handler(move |fate| {
                listener.will_retry.set(false);
                listener.relax(fate.reactor());
            });
        }
        if !self.has_complained.replace(true) {
            reactor.enter(self.place.get());
            let error = error.map_or_else(|| OutOfDescriptors(self.address.clone()).into(), Failure::from);
            reactor.failed(error);
        }
    }

    /// There may be descriptors again.
    fn relax(self: &Rc<Self>, reactor: &Reactor) {
        if self.is_squeezed.replace(false) {
            self.update(reactor);
        }
    }

    /// The kernel would not go on.
    fn failed(self: &Rc<Self>, reactor: &Rc<Reactor>, error: io::Error) {
        self.accepting.set(Accepting::Idle);
        self.waiter.wake(reactor);
        // What is wrong for a while is wrong for everybody; what is wrong for good is told to those who ask.
        if self.is_served.get() || is_shortage(&error) {
            return self.squeeze(reactor, (!is_shortage(&error)).then_some(error));
        }
        *self.error.borrow_mut() = Some(error);
    }

    /// Somebody asks for the next connection.
    pub fn poll_accept(self: &Rc<Self>, context: &Context<'_>) -> Poll<io::Result<Rc<Connection>>> {
        let Some(reactor) = self.reactor.upgrade() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        if let Some(error) = self.error.borrow_mut().take() {
            return Poll::Ready(Err(error));
        }
        loop {
            let Some(socket) = self.accepted.borrow_mut().pop_front() else { break };
            match reactor.network().peer_address(socket) {
                Ok(peer) => return Poll::Ready(Ok(Connection::new(&reactor, socket, peer, self.place.get()))),
                Err(_) => reactor.close(socket, true),
            }
        }
        if self.socket.get().is_none() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::NotConnected, "it listens no more")));
        }
        self.waiter.wait(&reactor, context);
        self.update(&reactor);
        Poll::Pending
    }

    /// Stops listening. What was accepted and not asked for is closed.
    pub fn close(&self) {
        let (Some(reactor), Some(socket)) = (self.reactor.upgrade(), self.socket.take()) else { return };
        self.forget_accepting(&reactor);
        self.accepted.take().into_iter().for_each(|socket| reactor.close(socket, true));
        self.late.take().into_iter().for_each(|connection| connection.abort(&reactor, Reason::Aborted));
        if self.has_file {
            let _ = reactor.network().remove_name(&self.address);
        }
        reactor.close(socket, false);
        self.waiter.wake(&reactor);
        let server = self.server.borrow_mut().take();
        drop(server);
        if let Some(listing) = self.listing.take() {
            reactor.retire(listing);
        }
    }
}

impl Endpoint for Listener {
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, _: Key, event: Event) {
        match event {
            Event::Accepted(socket) => self.accepted(reactor, socket),
            Event::Failed(error) => self.failed(reactor, error),
            _ => {
                self.accepting.set(Accepting::Idle);
                self.waiter.wake(reactor);
                self.update(reactor);
            }
        }
    }

    /// A descriptor was closed.
    fn gather(self: Rc<Self>, reactor: &Reactor) {
        self.relax(reactor);
    }

    fn wind_down(self: Rc<Self>, _: &Rc<Reactor>, _: WindDown) {
        self.close();
    }

    fn is_draining(&self) -> bool {
        false
    }

    fn socket(&self) -> Option<Socket> {
        self.socket.get()
    }

    fn sight(&self) -> EndpointSight {
        let state = if self.is_squeezed.get() { " and for descriptors" } else { "" };
        let waits_for = format!("connections to {}{state}", self.address);
        EndpointSight { kind: Kind::Listener, place: self.place.get(), waits_for }
    }
}

/// A call of the server, which goes back to its place whichever way the call ends. If it panics, the connection that it was
/// called for is reset.
struct Calling<'a> {
    listener: &'a Rc<Listener>,
    reactor: &'a Rc<Reactor>,
    server: Option<Server>,
    connection: Rc<Connection>,
    has_returned: bool,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        if self.listener.socket.get().is_some() {
            *self.listener.server.borrow_mut() = self.server.take();
        }
        if !self.has_returned {
            self.connection.abort(self.reactor, Reason::Aborted);
        }
        self.listener.catch_up(self.reactor);
    }
}

/// Accepting pauses because hardly any descriptor is left; it goes on when one is closed.
#[derive(Debug)]
struct OutOfDescriptors(Address);

impl fmt::Display for OutOfDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: hardly any descriptor is left, accepting pauses until one is closed", self.0)
    }
}

impl std::error::Error for OutOfDescriptors {}

/// What passes when somebody closes something: no descriptors for the process or the system, no memory.
fn is_shortage(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };
    matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE | ENOBUFS))
        || error.kind() == io::ErrorKind::OutOfMemory
}
