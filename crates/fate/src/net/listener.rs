//! Sockets that accept connections, as people hold them.

use super::accepting::Listener;
use super::connection::Connection;
use super::options::TcpOptions;
use super::protocol::Protocol;
use super::stream::{TcpStream, UnixStream, inet};
use crate::{Fate, Place, Reason};
use fate_core::{Address, Reactor, SocketKind, UnixName};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A socket that accepts TCP connections: give it to [`TcpListener::serve`], or ask it for one after another.
///
/// Dropping it stops it.
pub struct TcpListener(Held);

/// A socket that accepts Unix connections: give it to [`UnixListener::serve`], or ask it for one after another.
///
/// Dropping it stops it, and removes its file.
pub struct UnixListener(Held);

/// A listener that is held by who asks it: it goes when this goes.
struct Held(Option<Rc<Listener>>);

impl Held {
    fn listener(&self) -> &Rc<Listener> {
        self.0.as_ref().expect("it is taken out only by those who take the whole")
    }

    fn serve(mut self, place: Place, server: impl FnMut(&Rc<Reactor>, Rc<Connection>) + 'static) -> Port {
        let listener = self.0.take().expect("it is taken out once");
        listener.begin_serving(place, Box::new(server));
        Port(listener)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(listener) = &self.0 {
            listener.close();
        }
    }
}

impl TcpListener {
    pub(crate) fn of(listener: Rc<Listener>) -> TcpListener {
        TcpListener(Held(Some(listener)))
    }

    pub(crate) fn listener(&self) -> &Rc<Listener> {
        self.0.listener()
    }

    /// Makes a protocol for each connection, and tells it what happens to that. `make` is given the address of the other
    /// side. Goes on until [`Port::stop`] or a shutdown, whether what this gives is kept or not.
    #[track_caller]
    pub fn serve<P: Protocol>(self, mut make: impl FnMut(SocketAddr) -> P + 'static) -> Port {
        let place = Location::caller();
        self.0.serve(place, move |reactor, connection| match connection.peer().inet() {
            Some(peer) => {
                let protocol = make(peer);
                connection.begin(reactor, place, Box::new(protocol));
            }
            None => connection.abort(reactor, Reason::Aborted),
        })
    }

    /// Hands over each connection as a stream, with the address of the other side: to a task of its own, say, or to be wrapped
    /// before anybody speaks over it. All else is as in [`TcpListener::serve`]. Unlike a loop around
    /// [`TcpListener::accept`] it needs nobody to decide what to do when accepting fails: it pauses, says so once, and goes on.
    ///
    /// ```
    /// # use fate::sim::Sim;
    /// # use futures_lite::io::AsyncWriteExt;
    /// # let mut sim = Sim::new(1);
    /// # let (fate, here) = (sim.host("server"), sim.host("client"));
    /// let spawner = fate.clone();
    /// let port = fate.listen_tcp("0.0.0.0:7000")?.serve_streams(move |mut stream, peer| {
    ///     spawner.spawn(async move { stream.write_all(format!("who are you, {}?", peer.ip()).as_bytes()).await });
    /// });
    /// # here.clone().spawn(async move {
    /// #     let stream = here.connect_tcp("server:7000").await?;
    /// assert_eq!(stream.read_until(b'?', 100).await?.as_deref(), Some(&b"who are you, 10.0.0.2?"[..]));
    /// #     port.stop();
    /// #     fate::Ok(())
    /// # });
    /// # sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn serve_streams(self, mut take: impl FnMut(TcpStream, SocketAddr) + 'static) -> Port {
        self.0.serve(Location::caller(), move |_, connection| {
            let peer = connection.peer().inet();
            let stream = TcpStream::of(connection);
            if let Some(peer) = peer {
                take(stream, peer);
            }
        })
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// `NotConnected` once it listens no more, as after a shutdown; what else the kernel says. That there are no
    /// descriptors is no error: it is waited for.
    ///
    /// # Cancellation
    /// Dropping the future loses no connection: it is there for the next to ask.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    pub(crate) fn poll_accept(&self, context: &Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let connection = ready!(self.0.listener().poll_accept(context))?;
        let peer = inet(connection.peer())?;
        Poll::Ready(Ok((TcpStream::of(connection), peer)))
    }

    /// The address it listens on, with the port that the system chose if none was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        inet(self.0.listener().address()).expect("a TCP listener has an internet address")
    }
}

impl UnixListener {
    pub(crate) fn of(listener: Rc<Listener>) -> UnixListener {
        UnixListener(Held(Some(listener)))
    }

    pub(crate) fn listener(&self) -> &Rc<Listener> {
        self.0.listener()
    }

    /// Makes a protocol for each connection, and tells it what happens to that. Goes on until [`Port::stop`] or a shutdown,
    /// whether what this gives is kept or not.
    #[track_caller]
    pub fn serve<P: Protocol>(self, mut make: impl FnMut(&Address) -> P + 'static) -> Port {
        let place = Location::caller();
        self.0.serve(place, move |reactor, connection| {
            let protocol = make(connection.peer());
            connection.begin(reactor, place, Box::new(protocol));
        })
    }

    /// Hands over each connection as a stream. All else is as in [`TcpListener::serve_streams`].
    #[track_caller]
    pub fn serve_streams(self, mut take: impl FnMut(UnixStream) + 'static) -> Port {
        self.0.serve(Location::caller(), move |_, connection| take(UnixStream::of(connection)))
    }

    /// Waits for the next connection. All else is as in [`TcpListener::accept`].
    ///
    /// # Errors
    /// As [`TcpListener::accept`].
    pub async fn accept(&self) -> io::Result<UnixStream> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    pub(crate) fn poll_accept(&self, context: &Context<'_>) -> Poll<io::Result<UnixStream>> {
        self.0.listener().poll_accept(context).map_ok(UnixStream::of)
    }

    /// What it is called.
    pub fn local_address(&self) -> &Address {
        self.0.listener().address()
    }
}

/// A listener that serves. A clonable handle: dropping it stops nothing.
#[derive(Clone)]
pub struct Port(Rc<Listener>);

impl Port {
    /// Stops listening. Connections that were accepted go on.
    pub fn stop(&self) {
        self.0.close();
    }

    /// Accepts no more connections until [`Port::resume`]; the kernel keeps a few waiting.
    pub fn pause(&self) {
        self.0.set_paused(true);
    }

    /// Undoes [`Port::pause`].
    pub fn resume(&self) {
        self.0.set_paused(false);
    }

    /// Whether it still listens.
    pub fn is_listening(&self) -> bool {
        self.0.is_listening()
    }

    /// The internet address it listens on; nothing for a Unix listener.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.address().inet()
    }

    /// The address it listens on, of whatever family.
    pub fn local_address(&self) -> &Address {
        self.0.address()
    }
}

macro_rules! debug {
    ($($type:ident: $address:expr),+) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let address: fn(&$type) -> &Address = $address;
                write!(f, concat!(stringify!($type), "({})"), address(self))
            }
        })+
    };
}

debug!(TcpListener: |this| this.0.listener().address(), UnixListener: |this| this.0.listener().address(), Port: |this| this.0.address());

impl Fate {
    /// Listens for TCP connections. Answers at once; connections are accepted once somebody serves or asks. If the address
    /// stands for several, it is the first of them that can be had. A host's name is looked up on the spot, and may block.
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`, `InvalidInput`, and what else the kernel says.
    #[track_caller]
    pub fn listen_tcp(&self, address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        self.listen_tcp_with(address, &TcpOptions::default())
    }

    /// As [`Fate::listen_tcp`], with settings.
    ///
    /// # Errors
    /// As [`Fate::listen_tcp`].
    #[track_caller]
    pub fn listen_tcp_with(&self, address: impl ToSocketAddrs, options: &TcpOptions) -> io::Result<TcpListener> {
        let place = Location::caller();
        let mut result = Err(io::Error::new(io::ErrorKind::InvalidInput, "no address"));
        for address in address.to_socket_addrs()? {
            result = self.listen(&address.into(), Some(options), place, false);
            if result.is_ok() {
                break;
            }
        }
        result.map(TcpListener::of)
    }

    /// Listens for Unix connections: at a path, or under a name that begins with `@` and is no file (Linux). A file that an
    /// earlier listener has left behind, and to which nobody listens any more, is replaced; it is removed when listening
    /// ends.
    ///
    /// # Errors
    /// `AddrInUse` if somebody listens there, and what else the kernel says.
    #[track_caller]
    pub fn listen_unix<N: Into<UnixName>>(&self, name: N) -> io::Result<UnixListener> {
        let place = Location::caller();
        let address = Address::Unix(name.into());
        let has_file = matches!(address, Address::Unix(UnixName::Path(_)));
        match self.listen(&address, None, place, has_file) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && has_file && self.is_stale(&address) => {
                self.reactor().network().remove_name(&address)?;
                self.listen(&address, None, place, has_file)
            }
            result => result,
        }
        .map(UnixListener::of)
    }

    fn listen(
        &self,
        address: &Address,
        options: Option<&TcpOptions>,
        place: Place,
        has_file: bool,
    ) -> io::Result<Rc<Listener>> {
        let (reactor, network) = (self.reactor(), self.reactor().network());
        let socket = network.socket(address.family(), SocketKind::Stream)?;
        let prepare = || {
            if let Some(options) = options {
                options.apply(&**network, socket, true)?;
            }
            network.bind(socket, address)?;
            network.listen(socket, options.copied().unwrap_or_default().waiting())?;
            network.local_address(socket)
        };
        match prepare() {
            Ok(address) => Ok(Listener::new(reactor, socket, address, place, has_file)),
            Err(error) => {
                reactor.close(socket, false);
                Err(error)
            }
        }
    }

    /// Whether a Unix name is a file to which nobody listens.
    fn is_stale(&self, address: &Address) -> bool {
        let (reactor, network) = (self.reactor(), self.reactor().network());
        let Ok(socket) = network.socket(address.family(), SocketKind::Stream) else { return false };
        let answer = network.connect(socket, address);
        reactor.close(socket, false);
        answer.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }
}
