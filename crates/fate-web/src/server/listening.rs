//! A server at work: it accepts, keeps count of its connections, and comes to an end.

use super::conversation::converse;
use super::error::{Kind, ServerError};
use super::host::{Host, Service};
use super::line::Line;
use super::stream::Stream;
use fate::{Address, Control, Deferred, Fate, Promise, TcpListener, UnixListener};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// After an accept that failed for no reason that has to do with the listener.
const PAUSE: Duration = Duration::from_millis(100);

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
    async fn accept(&self) -> io::Result<Stream> {
        Ok(match &self.0 {
            Listener::Tcp(listener) => Stream::Tcp(listener.accept().await?.0),
            Listener::Unix(listener) => Stream::Unix(listener.accept().await?),
        })
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
    accepting: RefCell<Option<Control>>,
    is_stopping: Cell<bool>,
    waiting: RefCell<Vec<Promise<()>>>,
}

impl Serving {
    /// Accepts no more connections, and tells those that are kept that they are not any more. Fires when the last request is
    /// answered and its connection closed; how long that may take is for you to say, by
    /// [`add_timeout`](Deferred::add_timeout). A shutdown does the same, and waits until its deadline.
    ///
    /// Connections that were upgraded are none of the server's any more.
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
        accepting: RefCell::default(),
        is_stopping: Cell::new(false),
        waiting: RefCell::default(),
    });
    let task = fate.spawn(accept(Rc::new(host), listening, premises.clone()));
    *premises.accepting.borrow_mut() = Some(task.control());
    // That it was stopped is no failure.
    drop(task.add_errback(drop));
    let weak = Rc::downgrade(&premises);
    fate.before_shutdown(move |fate| match weak.upgrade() {
        Some(premises) => premises.stop(fate),
        None => fate.succeed(()),
    });
    Serving(premises)
}

async fn accept<S: Service>(host: Rc<Host<S>>, listening: Listening, premises: Rc<Premises>) {
    let fate = premises.fate.clone();
    loop {
        match listening.accept().await {
            Ok(stream) => {
                let visit = premises.admit(Line::new(&fate, stream, host.settings.patience));
                fate.spawn(attend(host.clone(), visit));
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
            Err(_) => fate.sleep(PAUSE).await,
        }
    }
}

/// Serves one connection, from its first byte to its last.
async fn attend<S: Service>(host: Rc<Host<S>>, visit: Visit) {
    let line = &visit.line;
    let result = match agree(&host, line).await {
        Ok(is_http2) => converse(&host, line, is_http2).await,
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
        let accepting = self.accepting.borrow_mut().take();
        accepting.into_iter().for_each(|accepting| accepting.cancel());
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
