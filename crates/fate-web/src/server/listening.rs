//! A server at work: it accepts, keeps count of its connections, and comes to an end.

use super::conversation::converse;
use super::error::{Kind, ServerError};
use super::host::{Host, Service};
use super::line::Line;
use super::stream::Stream;
use fate::{Address, Deferred, Fate, KeepAlive, Port, Promise, TcpListener, UnixListener};
use fate_tls::rustls::pki_types::CertificateDer;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

/// When the system asks after who is silent, and when it gives them up: two minutes after they were last heard of.
const KEEP_ALIVE: KeepAlive = KeepAlive { idle: Duration::from_secs(60), interval: Duration::from_secs(10), probes: 6 };

/// Where a server listens: a [`TcpListener`] or a [`UnixListener`].
#[derive(Debug)]
pub struct Listening(Listener);

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl From<TcpListener> for Listening {
    fn from(listener: TcpListener) -> Listening {
        Listening(Listener::Tcp(listener))
    }
}

impl From<UnixListener> for Listening {
    fn from(listener: UnixListener) -> Listening {
        Listening(Listener::Unix(listener))
    }
}

impl Listening {
    /// Hands over who comes, until the port is stopped.
    #[track_caller]
    fn serve(self, mut take: impl FnMut(Stream) + 'static) -> Port {
        match self.0 {
            Listener::Tcp(listener) => listener.serve_streams(move |stream, _| {
                // It is a help to find out who has vanished, and no more.
                let _ = stream.set_keepalive(Some(KEEP_ALIVE));
                take(Stream::Tcp(stream));
            }),
            Listener::Unix(listener) => listener.serve_streams(move |stream| take(Stream::Unix(stream))),
        }
    }

    fn address(&self) -> Address {
        match &self.0 {
            Listener::Tcp(listener) => listener.local_addr().into(),
            Listener::Unix(listener) => listener.local_address().clone(),
        }
    }
}

/// Who asks: among the extensions of a request, if the server [tells](crate::Server::tell_peer).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer(pub Address);

/// The certificates that the other side has shown, its own first: among the extensions of each request of a connection whose TLS has
/// asked for them, as that of [`TlsServerBuilder::client_roots`](fate_tls::TlsServerBuilder::client_roots) does. They were checked by
/// then; who they are of is for you to read, with a library for that.
///
/// ```
/// use fate::sim::Sim;
/// use fate_tls::{TlsClient, TlsServer};
/// use fate_web::{Incoming, PeerCertificates, Server};
/// use http::Request;
///
/// # let key = rcgen::KeyPair::generate()?;
/// # let certificate = rcgen::CertificateParams::new(["server".to_string()])?.self_signed(&key)?.pem();
/// # let key = key.serialize_pem();
/// # let mut sim = Sim::new(1);
/// # let (fate, client) = (sim.host("server"), sim.host("client"));
/// // Who knows this certificate may ask.
/// let tls = TlsServer::builder().certificate(&certificate, &key).client_roots(&certificate).build()?;
/// let listener = fate.listen_tcp("0.0.0.0:443")?;
/// let server = Server::new().tls(tls).serve(&fate, listener, async |request: Request<Incoming>| {
///     let shown = request.extensions().get::<PeerCertificates>().ok_or("nothing was shown")?;
///     fate::Ok(format!("{} certificate\n", shown.0.len()))
/// });
/// # let tls = TlsClient::builder().only_roots(&certificate).identity(&certificate, &key).build()?;
/// # client.clone().spawn(async move {
/// #     let (stream, _) = tls.connect(&client, "server:443").await?;
/// #     stream.write_bytes("GET / HTTP/1.0\r\n\r\n".into()).await?;
/// #     while let Some(line) = stream.read_line(100).await? { if line.is_empty() { break } }
/// #     assert_eq!(stream.read_line(100).await?.as_deref(), Some("1 certificate"));
/// #     server.stop();
/// #     fate::Ok(())
/// # });
/// # sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerCertificates(pub Arc<[CertificateDer<'static>]>);

/// A server at work: made by [`Server::serve`](crate::Server::serve). A clonable handle: dropping it stops nothing.
#[derive(Clone)]
pub struct Serving(Rc<Premises>);

/// Where a server serves.
struct Premises {
    fate: Fate,
    address: Address,
    lines: RefCell<BTreeMap<u64, Weak<Line>>>,
    numbers: Cell<u64>,
    open: Cell<usize>,
    port: RefCell<Option<Port>>,
    is_stopping: Cell<bool>,
    waiting: RefCell<Vec<Promise<()>>>,
}

impl Serving {
    /// Accepts no more connections, and tells those that are kept that they are not any more. Fires when the last request is
    /// answered and its connection closed. Nobody on the other side can hold that up beyond the deadlines of the server; how long its
    /// own answers may take is for you to say, by [`add_timeout`](Deferred::add_timeout). A shutdown does the same, and waits
    /// until its deadline.
    ///
    /// Connections that were upgraded are none of the server's any more. Those of HTTP/2 of which only a stream was are, and are closed
    /// when they have been idle but for that.
    #[track_caller]
    pub fn stop(&self) -> Deferred<()> {
        self.0.stop(&self.0.fate)
    }

    /// How many connections there are that are the server's.
    pub fn connections(&self) -> usize {
        self.0.open.get()
    }

    /// The internet address it listens on; nothing if it is a Unix listener.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.address.inet()
    }

    /// The address it listens on, of whatever family.
    pub fn local_address(&self) -> &Address {
        &self.0.address
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serving({})", self.0.address)
    }
}

/// Begins to serve.
#[track_caller]
pub(super) fn begin<S: Service>(fate: &Fate, listening: Listening, host: Host<S>) -> Serving {
    let premises = Rc::new(Premises {
        fate: fate.clone(),
        address: listening.address(),
        lines: RefCell::default(),
        numbers: Cell::new(0),
        open: Cell::new(0),
        port: RefCell::default(),
        is_stopping: Cell::new(false),
        waiting: RefCell::default(),
    });
    let (host, here) = (Rc::new(host), premises.clone());
    let port = listening.serve(move |stream| {
        let visit = here.admit(Line::new(&here.fate, stream, host.settings.patience));
        here.fate.spawn(attend(host.clone(), visit));
    });
    *premises.port.borrow_mut() = Some(port);
    let weak = Rc::downgrade(&premises);
    fate.before_shutdown(move |fate| match weak.upgrade() {
        Some(premises) => premises.stop(fate),
        None => fate.succeed(()),
    });
    Serving(premises)
}

/// Serves one connection, from its first byte to its last.
async fn attend<S: Service>(host: Rc<Host<S>>, visit: Visit) {
    let line = &visit.line;
    let result = match agree(&host, line).await {
        Ok(is_http2) => {
            line.open();
            converse(&host, line, is_http2).await
        }
        Err(error) => Err(error),
    };
    line.end();
    if let Err(error) = result {
        host.complain(line.fate(), &error);
    }
}

/// Has the two sides agree on TLS, if that is spoken here, and says whether they have agreed on HTTP/2.
async fn agree<S>(host: &Host<S>, line: &Line) -> Result<bool, ServerError> {
    let Some(tls) = &host.settings.tls else { return Ok(false) };
    let session = match &line.stream {
        Stream::Tcp(stream) => tls.wrap(stream).await,
        Stream::Unix(stream) => tls.wrap(stream).await,
    };
    let session = session.map_err(|failure| ServerError::new(Kind::Handshake, line, failure.into_error()))?;
    if !session.peer_certificates().is_empty() {
        // It is asked for once.
        let _ = line.certificates.set(PeerCertificates(session.peer_certificates().into()));
    }
    Ok(session.alpn() == Some(b"h2"))
}

impl Premises {
    fn admit(self: &Rc<Self>, line: Rc<Line>) -> Visit {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        self.open.set(self.open.get() + 1);
        self.lines.borrow_mut().insert(number, Rc::downgrade(&line));
        Visit { line, number, premises: self.clone() }
    }

    #[track_caller]
    fn stop(&self, fate: &Fate) -> Deferred<()> {
        self.is_stopping.set(true);
        let port = self.port.borrow_mut().take();
        port.into_iter().for_each(|port| port.stop());
        let lines: Vec<Rc<Line>> = self.lines.borrow().values().filter_map(Weak::upgrade).collect();
        lines.iter().for_each(|line| line.drain());
        let (promise, stopped) = fate.deferred();
        self.waiting.borrow_mut().push(promise);
        self.tell_stopped();
        stopped
    }

    fn tell_stopped(&self) {
        if self.is_stopping.get() && self.open.get() == 0 {
            let waiting = self.waiting.take();
            waiting.into_iter().for_each(|promise| promise.callback(()));
        }
    }
}

/// A connection that is the server's.
struct Visit {
    line: Rc<Line>,
    number: u64,
    premises: Rc<Premises>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let premises = &self.premises;
        premises.lines.borrow_mut().remove(&self.number);
        premises.open.set(premises.open.get() - 1);
        premises.tell_stopped();
    }
}
