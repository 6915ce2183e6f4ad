//! TLS for the connections of Fate, by [rustls](https://docs.rs/rustls).
//!
//! There is no stream of another kind: encryption is a [`Layer`](fate::Layer) of the connection that is there, so a
//! [`TcpStream`](fate::TcpStream), a [`UnixStream`](fate::UnixStream) or the [`Transport`](fate::Transport) of a protocol stays what
//! it is, and does what it did: reading, writing, framing, marks, closing one direction or both. A [`TlsClient`] or a
//! [`TlsServer`] is wrapped around it, at the beginning or in mid-stream, and a [`Session`] tells what was agreed.
//!
//! ```
//! use fate::sim::Sim;
//! use fate_tls::{TlsClient, TlsServer};
//! use futures_lite::io::AsyncWriteExt;
//!
//! # let key = rcgen::KeyPair::generate()?;
//! # let certificate = rcgen::CertificateParams::new(["server".to_string()])?.self_signed(&key)?.pem();
//! # let key = key.serialize_pem();
//! let mut sim = Sim::new(1); // on the network: `Fate::new()?`, and `TlsClient::new()?`, which believes whom the platform does
//! let (there, here) = (sim.host("server"), sim.host("client"));
//! let client = TlsClient::builder().only_roots(&certificate).build()?;
//! let server = TlsServer::new(&certificate, &key)?;
//!
//! let listener = there.listen_tcp("0.0.0.0:443")?;
//! there.spawn(async move {
//!     let (mut stream, _session) = server.accept(&listener).await?;
//!     let name = stream.read_line(100).await?.unwrap_or_default();
//!     stream.write_all(format!("Curiouser and curiouser, {name}\n").as_bytes()).await?;
//!     fate::Ok(())
//! });
//! here.clone().spawn(async move {
//!     let (mut stream, session) = client.connect(&here, "server:443").await?;
//!     assert_eq!(session.server_name(), Some("server"));
//!     stream.write_all(b"Alice\n").await?;
//!     assert_eq!(stream.read_line(100).await?.as_deref(), Some("Curiouser and curiouser, Alice"));
//!     fate::Ok(())
//! });
//! sim.run()?;
//! # Ok::<(), fate::Failure>(())
//! ```
//!
//! # What is so unless you say otherwise
//! - A client believes the roots of the platform, asks for the host by name, and checks that the certificate is for it.
//! - Versions 1.2 and 1.3, and no others.
//! - The two sides have ten seconds to agree; then the connection is aborted.
//! - Sessions are resumed.
//!
//! # Ends
//! Closing a connection, or one direction of it, says so to the other side (`close_notify`), and whoever reads to the end knows that
//! it is one: a connection that is cut off instead fails to be read further, with `UnexpectedEof` and an error that
//! [is truncated](TlsError::is_truncated). Closing does not wait for the other side's `close_notify`.
//!
//! # Time and chance
//! Certificates are checked by the [wall clock of the Fate](fate::Fate::wall_time), which under simulation is the simulated one.
//! Keys and nonces come from the operating system also there: they are what must not be repeated. So the bytes on the wire
//! differ from run to run; with Ed25519 or RSA keys their number does not, and the history is the same.

mod carrier;
mod certificates;
mod client;
mod error;
mod layer;
mod meaning;
mod pem;
mod roots;
mod server;
mod serving;
mod session;
mod time;
mod unverified;

pub use carrier::Carrier;
pub use client::{TlsClient, TlsClientBuilder};
pub use error::{Phase, TlsError};
pub use rustls;
pub use server::{TlsServer, TlsServerBuilder};
pub use session::Session;
