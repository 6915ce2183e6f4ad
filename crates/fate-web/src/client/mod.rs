//! The client: from an address to a page.
//!
//! ```text
//!   get_page ─▶ Client ─▶ Request ─▶ trip ─▶ route ─▶ pool ─▶ connecting ─▶ one, two
//!                                     ▲                                        │
//!                        redirect ────┘◀─── header ────────────────────────────┤
//!                        received ◀──── body, piece by piece ──────────────────┘
//! ```
//!
//! - `get_page`: the whole in one call; `request`, `response`: what is asked, and what comes back; `builder`,
//!   `settings`: what can be said of a client, and `shared`: what its handles have in common;
//! - `trip`: a request on its way, with its deadlines (`patience`), to where it is sent (`redirect`), by which `route`;
//! - `proxies`, `credentials`, `jar`: who else is asked, who asks, and what he was told to say;
//! - `pool`: connections that are open, or may be; `bell`: who is told when one stirs that nobody uses; `connecting`:
//!   how they are made; `one`, `two`: by which version they speak; `leash`: what goes on beside the latter;
//!   `wire`: what is under both;
//! - `sent`, `received`: bodies; `source`: what they come from; `unpacker`: those that come packed; `json`: what is made
//!   of them;
//! - `error`, `phase`: what went wrong, and how far it had come.

mod bell;
mod builder;
mod connecting;
mod credentials;
mod error;
mod get_page;
mod jar;
#[cfg(feature = "json")]
mod json;
mod leash;
mod one;
mod patience;
mod phase;
mod pool;
mod proxies;
mod received;
mod redirect;
mod request;
mod response;
mod route;
mod sent;
mod settings;
mod shared;
mod source;
mod trip;
mod two;
mod unpacker;
mod wire;

pub use builder::ClientBuilder;
pub use error::{Deadline, WebError};
pub use get_page::get_page;
pub use phase::Phase;
pub use received::{ResponseBody, ResponseReader};
pub use request::Request;
pub use response::Response;
pub use sent::RequestBody;

use fate::Fate;
use http::Method;
use jar::Jar;
use settings::Settings;
use shared::Shared;
use std::fmt;
use std::rc::Rc;

/// Asks servers for what they have, over connections that it keeps as long as they are of use. A clonable handle.
///
/// ```
/// use fate::sim::Sim;
/// use fate_web::Client;
/// # use futures_lite::io::AsyncWriteExt;
///
/// let mut sim = Sim::new(1); // on the network: `Fate::new()?`
/// let (server, fate) = (sim.host("server"), sim.host("here"));
/// # let listener = server.listen_tcp("0.0.0.0:80")?;
/// # server.spawn(async move {
/// #     let (mut stream, _) = listener.accept().await?;
/// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nraven").await?;
/// #     fate::Ok(())
/// # });
/// let client = Client::builder().connections_per_host(2).build(&fate);
/// fate.spawn(async move {
///     let response = client.get("http://server/riddle").query("like", "desk").send().await?;
///     assert_eq!(response.status(), 200);
///     assert_eq!(response.text().await?, "raven");
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
///
/// # What it does unless told otherwise
/// It speaks HTTP/2 where the other side agrees to it by TLS, and else HTTP/1.1; opens six connections to a host at
/// most; goes where it is sent, up to ten times, and takes no secrets along to another origin; unpacks gzip, Brotli,
/// Zstandard and zlib; goes by the proxies that the environment names; keeps no cookies; and gives up after the
/// deadlines that [`ClientBuilder`] lists.
///
/// A request is tried again if it met a connection that the other side had just closed: any if not a byte of it was
/// sent, or the other side says that it has not looked at it, and else one that may be sent twice, such as GET, as long
/// as no header came back.
///
/// A connection of HTTP/2 on which the deadline of a header or of a body was over is used by nobody who comes later, nor
/// one on which a request was given up for other reasons when nothing at all had come over it for two seconds. It is
/// closed when all that use it have ended; as long as some do, it counts as a connection.
///
/// Connections that nobody uses keep no program going.
#[derive(Clone)]
pub struct Client {
    fate: Fate,
    shared: Rc<Shared>,
    mistake: Option<Rc<WebError>>,
}

/// The client of those who make none.
struct Usual(Rc<Shared>);

impl Client {
    /// A client with connections of its own.
    pub fn new(fate: &Fate) -> Client {
        Client::builder().build(fate)
    }

    /// Settings for a client that differs from what [`Client::new`] gives.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// The client that [`get_page`] uses: one for each Fate.
    pub fn usual(fate: &Fate) -> Client {
        let usual = fate.belonging(|fate| Usual(Client::new(fate).shared));
        Client { fate: fate.clone(), shared: usual.0.clone(), mistake: None }
    }

    fn of(fate: &Fate, settings: Settings, jar: Option<Jar>, mistake: Option<WebError>) -> Client {
        let shared = Shared::new(fate, settings, jar);
        Client { fate: fate.clone(), shared, mistake: mistake.map(Rc::new) }
    }

    /// Asks for a page.
    pub fn get(&self, url: &str) -> Request {
        self.request(Method::GET, url)
    }

    /// Asks for the header of a page alone.
    pub fn head(&self, url: &str) -> Request {
        self.request(Method::HEAD, url)
    }

    /// Hands something in.
    pub fn post(&self, url: &str) -> Request {
        self.request(Method::POST, url)
    }

    /// Puts something in the place of what is there.
    pub fn put(&self, url: &str) -> Request {
        self.request(Method::PUT, url)
    }

    /// Takes away what is there.
    pub fn delete(&self, url: &str) -> Request {
        self.request(Method::DELETE, url)
    }

    /// Any method.
    pub fn request(&self, method: Method, url: &str) -> Request {
        Request::new(self, method, url)
    }

    /// Closes the connections that nobody uses.
    pub fn close_idle(&self) {
        self.shared.pool.clear();
    }

    fn fate(&self) -> &Fate {
        &self.fate
    }

    fn shared(&self) -> &Rc<Shared> {
        &self.shared
    }

    /// What made no sense in the settings.
    fn mistake(&self) -> Result<(), WebError> {
        let mistake = self.mistake.as_ref().map(|mistake| mistake.again());
        mistake.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
