//! A server of HTTP, by hyper.
//!
//! ```text
//!   listening ──▶ line ──▶ conversation ──▶ hyper ──▶ answering ──▶ service
//!    accepts      phases,   which protocol,            limits,       a closure,
//!    and drains   deadlines rests              failures     or tower's
//! ```
//!
//! - `mod`: the face: what is said of a server before it begins;
//! - `patience`: how long it waits, and how much it takes; `host`: what all of its connections share;
//! - `listening`: a server at work; `line`: one connection; `stream`: its bytes; `conversation`: what is said on it; `shared`:
//!   what there is to know of one connection of HTTP/2, `frames` and `runner`: where from;
//! - `answering`: one request; `manners`: whether it is a proper one; `incoming`: its body; `closure`, `reply` and `outgoing`:
//!   answering without tower;
//! - `upgrade`: a connection that is none of the server's any more; `error`: what is told of all this; `calendar`: the date, where hyper does not know it.
//!
//! # Cost
//! A request costs hyper's work, and a few cells for the deadlines. A connection that has been idle for a moment has no part of
//! hyper's: neither its state nor its buffers. With HTTP/2 the heads of the frames are looked at on their way.

mod answering;
mod calendar;
mod closure;
mod conversation;
mod error;
mod frames;
mod host;
mod incoming;
mod line;
mod listening;
mod manners;
mod outgoing;
mod patience;
mod reply;
mod runner;
mod shared;
mod stream;
mod upgrade;

pub use error::ServerError;
pub use incoming::{Incoming, IncomingError};
pub use listening::{Listening, Peer, PeerCertificates, Serving};
pub use outgoing::Outgoing;
pub use reply::{Html, Reply};
pub use upgrade::{Upgraded, upgrade};

use closure::Closure;
use fate::{Failure, Fate};
use fate_tls::TlsServer;
use host::{Host, Settings};
use http::{Request, Response};
use http_body::Body;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// A server of HTTP/1.1 and HTTP/2, for a closure or any tower service.
///
/// What is said of it here is so for all of its connections, once it [serves](Server::serve). Which protocol is spoken is seen by the
/// first bytes, or agreed on with TLS.
///
/// ```
/// use fate::sim::Sim;
/// use fate_web::Server;
///
/// let mut sim = Sim::new(1); // on the network: `Fate::new()?`
/// let (fate, client) = (sim.host("server"), sim.host("client"));
/// let listener = fate.listen_tcp("0.0.0.0:80")?;
/// let server = Server::new().serve(&fate, listener, async |_request| "Curiouser and curiouser!");
///
/// client.clone().spawn(async move {
///     let stream = client.connect_tcp("server:80").await?;
///     stream.write_bytes("GET / HTTP/1.1\r\nhost: server\r\n\r\n".into()).await?;
///     assert_eq!(stream.read_line(100).await?.as_deref(), Some("HTTP/1.1 200 OK"));
///     server.stop();
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
///
/// # What is so unless you say otherwise
/// - The headers of a request have 30 seconds to come, and are no more than 100 of 64 KiB altogether. A connection that is kept and
///   idle is closed after 75 seconds.
/// - The body of a request has no more than 16 MiB. It is waited for, when it is asked for, no longer than 30 seconds without bringing
///   500 bytes for each second of waiting; whoever takes a response is waited for 60 seconds, at the same pace.
/// - A connection of HTTP/2 answers 200 requests at once. Those of its deadlines that are about the reader and about headers are the
///   connection's: while any response waits for a window, all that is taken counts, and who takes less than that pace is cut off with
///   all of them, though it was only one that he paused. So is who goes on giving up requests, or talking of what brings nothing.
/// - A request of HTTP/1.1 names one host; what can be read in two ways is answered with `400`.
/// - Of a body that is not read yet no more than 256 KiB come over HTTP/2, or than a body may have if that is less (but for 64 KiB). All
///   200 of a connection may have as much, and none holds another up: those of a connection keep no more than 50 MiB.
/// - Whoever closes their side is gone, with HTTP/1.1 also if they would still have read the answer: what is worked at for them is
///   dropped. Whoever vanishes without a word is given up by the system, which asks after them when they have been silent for a
///   minute, and for a minute; it does so on each TCP connection, whatever was said of the listener.
/// - Who asks to be told whether to send a body (`Expect: 100-continue`) is told with HTTP/1.1 when it is waited for; with HTTP/2
///   nobody is, and the body comes when they have waited long enough.
/// - Whoever is too late, says what is no HTTP, or goes away, is an error for [`Server::on_error`], and for nobody else.
///
/// # Shutdown
/// When the Fate shuts down, nothing more is accepted, kept connections are closed as soon as they are idle, and requests that
/// have come are answered, until the deadline of the shutdown. [`Serving::stop`] does the same for one server.
#[derive(Clone, Default)]
#[must_use = "a server does nothing until it serves"]
pub struct Server(Settings);

impl Server {
    /// A server with the settings above.
    pub fn new() -> Server {
        Server::default()
    }

    /// Speaks TLS, and agrees by it on HTTP/2 with those who know that.
    pub fn tls(mut self, tls: TlsServer) -> Server {
        self.0.tls = Some(tls.with_alpn(["h2", "http/1.1", "http/1.0"]));
        self
    }

    /// How long the headers of a request may take from their first byte on, or a new connection to say anything; with HTTP/2 also how
    /// long the other side may take to hear that a connection ends, while nothing moves of what it asked for before.
    pub fn header_deadline(mut self, deadline: Duration) -> Server {
        self.0.patience.header = deadline;
        self
    }

    /// How long a connection is kept on which nothing is asked.
    pub fn idle_deadline(mut self, deadline: Duration) -> Server {
        self.0.patience.idle = deadline;
        self
    }

    /// How long the body of a request may keep a service waiting. Each 500 bytes make up for a second of it. One request can be
    /// excepted by [`Incoming::without_deadline`].
    pub fn body_deadline(mut self, deadline: Duration) -> Server {
        self.0.patience.body = deadline;
        self
    }

    /// How long a response may wait for the other side to take it, or to open a window for it (HTTP/2). Each 500 bytes that it takes
    /// make up for a second of it.
    pub fn write_deadline(mut self, deadline: Duration) -> Server {
        self.0.patience.write = deadline;
        self
    }

    /// How long the body of a request may be, in bytes. What says that it is longer is answered with `413` at once, and the
    /// service is not asked; what turns out to be fails with [`IncomingError::is_too_long`].
    pub fn body_limit(mut self, limit: u64) -> Server {
        self.0.limits.body = limit;
        self
    }

    /// How many headers a request may have, and how many bytes altogether. More is answered with `431`. Cookies are one of them, also
    /// if HTTP/2 has cut them into pieces; and there are never more than 24576.
    pub fn header_limits(mut self, headers: usize, bytes: usize) -> Server {
        (self.0.limits.headers, self.0.limits.header_bytes) = (headers, bytes);
        self
    }

    /// Puts a [`Peer`] among the extensions of each request.
    pub fn tell_peer(mut self) -> Server {
        self.0.tells_peer = true;
        self
    }

    /// Has errors told. Otherwise nobody hears of them.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use fate_web::Server;
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let mut sim = Sim::new(1);
    /// let (fate, client) = (sim.host("server"), sim.host("client"));
    /// let bad = Rc::new(Cell::new(0));
    /// let count = bad.clone();
    /// let server = Server::new()
    ///     .on_error(move |_, error| if error.is_bad_request() { count.set(count.get() + 1) })
    ///     .serve(&fate, fate.listen_tcp("0.0.0.0:80")?, async |_| "welcome");
    /// client.clone().spawn(async move {
    ///     let stream = client.connect_tcp("server:80").await?;
    ///     stream.write_bytes("knock, knock\r\n\r\n".into()).await?;
    ///     assert_eq!(stream.read_line(100).await?.as_deref(), Some("HTTP/1.1 400 Bad Request"));
    ///     server.stop();
    ///     fate::Ok(())
    /// });
    /// sim.run()?;
    /// assert_eq!(bad.get(), 1);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn on_error(mut self, told: impl Fn(&Fate, &ServerError) + 'static) -> Server {
        self.0.on_error = Some(Rc::new(told));
        self
    }

    /// Serves with a closure: what the future that it gives for a request ends with is the response.
    ///
    /// Goes on until [`Serving::stop`] or a shutdown, whether what this gives is kept or not.
    #[track_caller]
    pub fn serve<C, F>(&self, fate: &Fate, listener: impl Into<Listening>, closure: C) -> Serving
    where
        C: Fn(Request<Incoming>) -> F + 'static,
        F: Future<Output: Reply> + 'static,
    {
        self.serve_service(fate, listener, Closure::new(closure))
    }

    /// Serves with a tower service: an axum `Router` for example. Each request is given to a clone of it.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use fate::sim::Sim;
    /// use fate_web::Server;
    ///
    /// let mut sim = Sim::new(1);
    /// let (fate, client) = (sim.host("server"), sim.host("client"));
    /// let router = Router::new().route("/", get(async || "Why is a raven like a writing desk?"));
    /// let server = Server::new().serve_service(&fate, fate.listen_tcp("0.0.0.0:80")?, router);
    /// client.clone().spawn(async move {
    ///     let stream = client.connect_tcp("server:80").await?;
    ///     stream.write_bytes("GET / HTTP/1.1\r\nhost: server\r\n\r\n".into()).await?;
    ///     assert_eq!(stream.read_line(100).await?.as_deref(), Some("HTTP/1.1 200 OK"));
    ///     server.stop();
    ///     fate::Ok(())
    /// });
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn serve_service<S, B>(&self, fate: &Fate, listener: impl Into<Listening>, service: S) -> Serving
    where
        S: tower_service::Service<Request<Incoming>, Response = Response<B>, Error: Into<Failure>> + Clone + 'static,
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    {
        listening::begin(fate, listener.into(), Host::new(fate, service, self.0.clone()))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { patience, limits, tls, .. } = &self.0;
        f.debug_struct("Server")
            .field("patience", patience)
            .field("limits", limits)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}
