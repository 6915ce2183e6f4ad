//! HTTP for [Fate](fate): a client and a server, by [hyper](https://hyper.rs).
//!
//! ```
//! use fate::sim::Sim;
//! use fate_web::{Server, get_page};
//!
//! let mut sim = Sim::new(1); // on the network: `Fate::new()?`
//! let (there, here) = (sim.host("server"), sim.host("client"));
//! let server = Server::new().serve(&there, there.listen_tcp("0.0.0.0:80")?, async |_request| "Curiouser and curiouser!");
//! get_page(&here, "http://server/").add_callback(move |page| {
//!     assert_eq!(&page[..], b"Curiouser and curiouser!");
//!     server.stop();
//! });
//! sim.run()?;
//! # Ok::<(), fate::Failure>(())
//! ```
//!
//! - [`get_page`] gives the body of a page; a [`Client`] has all that may be said of how it is got;
//! - a [`Server`] answers by a closure, or by any tower service: an axum `Router` runs as it is.
//!
//! Both speak HTTP/1.1 and HTTP/2, over TLS by [`fate_tls`], and run unchanged in a simulation.

mod client;
mod server;

pub use bytes::Bytes;
pub use client::{
    Client, ClientBuilder, Deadline, Phase, Request, RequestBody, Response, ResponseBody, ResponseReader, WebError,
    get_page,
};
pub use http;
pub use server::{
    Html, Incoming, IncomingError, Listening, Outgoing, Peer, PeerCertificates, Reply, Server, ServerError, Serving,
    Upgraded, upgrade,
};
