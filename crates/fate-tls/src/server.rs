//! The side that listens.

use crate::carrier::{self, Carrier};
use crate::certificates::Certificates;
use crate::client::{DEADLINE, names};
use crate::layer::Side;
use crate::roots::Roots;
use crate::serving;
use crate::time::FateTime;
use crate::{Session, TlsError};
use fate::{Deferred, Failure, Port, Protocol, TcpListener, TcpStream};
use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The side that listens: its certificates, and what it speaks. A clonable value; all clones resume each other's sessions.
///
/// ```
/// use fate::{Protocol, Transport, sim::Sim};
/// use fate_tls::{TlsClient, TlsServer};
/// use futures_lite::io::AsyncWriteExt;
///
/// struct Shout;
///
/// impl Protocol for Shout {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         transport.write(&data.to_ascii_uppercase());
///     }
/// }
///
/// # let key = rcgen::KeyPair::generate()?;
/// # let certificate = rcgen::CertificateParams::new(["server".to_string()])?.self_signed(&key)?.pem();
/// # let key = key.serialize_pem();
/// # let mut sim = Sim::new(1);
/// # let (fate, here) = (sim.host("server"), sim.host("client"));
/// let server = TlsServer::new(&certificate, &key)?; // two texts: std::fs::read("cert.pem")?, std::fs::read("key.pem")?
/// let port = server.serve(fate.listen_tcp("0.0.0.0:443")?, |_peer, _session| Shout);
///
/// # let client = TlsClient::builder().only_roots(&certificate).build()?;
/// # here.clone().spawn(async move {
/// #     let (mut stream, _) = client.connect(&here, "server:443").await?;
/// stream.write_all(b"off with her head").await?;
/// let mut answer = [0; 17];
/// stream.read_exact(&mut answer).await?;
/// assert_eq!(&answer, b"OFF WITH HER HEAD");
/// #     port.stop();
/// #     fate::Ok(())
/// # });
/// # sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    deadline: Duration,
}

impl TlsServer {
    /// A server with one certificate, as PEM: its own first, then those that vouch for it; and its key. It agrees upon no protocol,
    /// and asks for no certificate.
    ///
    /// # Errors
    /// [`TlsError`] if either is no PEM of what it should be, or the key does not fit the certificate.
    pub fn new(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<TlsServer, TlsError> {
        TlsServer::builder().certificate(chain, key).build()
    }

    /// A server with settings.
    pub fn builder() -> TlsServerBuilder {
        TlsServerBuilder::default()
    }

    /// A server with a configuration of rustls, of which everything is kept but its clock: that is the Fate's.
    pub fn from_config(config: impl Into<Arc<ServerConfig>>) -> TlsServer {
        let mut config = config.into();
        Arc::make_mut(&mut config).time_provider = Arc::new(FateTime);
        TlsServer { config, deadline: DEADLINE }
    }

    /// The configuration of rustls.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// The same server, speaking other protocols, the preferred one first.
    #[must_use]
    pub fn with_alpn(&self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> TlsServer {
        let mut server = self.clone();
        Arc::make_mut(&mut server.config).alpn_protocols = names(protocols);
        server
    }

    /// The same server, with so much time to agree.
    #[must_use]
    pub fn with_handshake_deadline(&self, deadline: Duration) -> TlsServer {
        TlsServer { deadline, ..self.clone() }
    }

    /// From here on TLS is spoken over this stream or transport. Fires when the two sides have agreed; what is written before is
    /// held, and sent then.
    ///
    /// In mid-stream as at the beginning. What has come in and was not read is taken for TLS: so nothing that somebody has
    /// slipped in before can be taken for what was said in secret. (What a buffer of your own around the stream holds, was
    /// read: read lines from the stream itself.)
    ///
    /// # Errors
    /// [`TlsError`]. The connection is closed then. One that speaks TLS already goes on.
    ///
    /// # Cancellation
    /// Aborts the connection.
    #[track_caller]
    pub fn wrap(&self, carrier: &impl Carrier) -> Deferred<Session> {
        carrier::wrap(carrier, Side::Server(self.config.clone()), None, self.deadline)
    }

    /// Waits for the next connection, and has the two sides agree. Whoever connects and says nothing is waited for until the
    /// deadline: to serve several at once, let [`TlsServer::serve`] do it, or accept them, and [wrap](TlsServer::wrap) each in a
    /// task of its own.
    ///
    /// # Errors
    /// As [`TcpListener::accept`]; then [`TlsError`]: what one client does wrong says nothing of the next.
    ///
    /// # Cancellation
    /// Dropping the future aborts the connection that has not agreed yet.
    pub async fn accept(&self, listener: &TcpListener) -> Result<(TcpStream, Session), Failure> {
        let (stream, _) = listener.accept().await?;
        let session = self.wrap(&stream).await?;
        Ok((stream, session))
    }

    /// Makes a protocol for each connection that has agreed, and tells it what happens to that. `make` is given the address of the
    /// other side, and what was agreed. They do not wait for each other: one that stalls is alone with it, until its deadline.
    /// All else is as in [`TcpListener::serve`]; connections that have not agreed yet when [`Port::stop`] is called go on, too.
    #[track_caller]
    pub fn serve<P: Protocol>(
        &self,
        listener: TcpListener,
        make: impl Fn(SocketAddr, &Session) -> P + 'static,
    ) -> Port {
        self.serve_or(listener, make, |_, _| {})
    }

    /// As [`TlsServer::serve`]; and tells `refused` of each connection that has not agreed, which is closed by then. There are
    /// many of them on a public network, and most are nobody's fault.
    #[track_caller]
    pub fn serve_or<P: Protocol>(
        &self,
        listener: TcpListener,
        make: impl Fn(SocketAddr, &Session) -> P + 'static,
        refused: impl Fn(SocketAddr, &TlsError) + 'static,
    ) -> Port {
        serving::serve(self.clone(), listener, make, refused)
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alpn: Vec<_> = self.config.alpn_protocols.iter().map(|name| String::from_utf8_lossy(name)).collect();
        f.debug_struct("TlsServer").field("alpn", &alpn).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Settings for a [`TlsServer`].
#[derive(Clone)]
#[must_use = "it is `build` that gives a server"]
pub struct TlsServerBuilder {
    certificates: Vec<(Vec<u8>, Vec<u8>)>,
    clients: Option<(Roots, IsRequired)>,
    alpn: Vec<Vec<u8>>,
    deadline: Duration,
    resumes: bool,
}

type IsRequired = bool;

impl Default for TlsServerBuilder {
    fn default() -> TlsServerBuilder {
        let (certificates, alpn) = (Vec::new(), Vec::new());
        TlsServerBuilder { certificates, clients: None, alpn, deadline: DEADLINE, resumes: true }
    }
}

impl TlsServerBuilder {
    /// A certificate, as PEM: its own first, then those that vouch for it; and its key. Of several, each client is shown one that is
    /// for the host it asks for and that it can check; the first, if there is none.
    pub fn certificate(mut self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> TlsServerBuilder {
        self.certificates.push((chain.as_ref().to_vec(), key.as_ref().to_vec()));
        self
    }

    /// Asks clients for a certificate that one of these vouches for, as PEM, and refuses those that have none.
    pub fn client_roots(self, pem: impl AsRef<[u8]>) -> TlsServerBuilder {
        self.believing(pem.as_ref(), true)
    }

    /// Asks clients for a certificate that one of these vouches for, as PEM. Those that have none are served too:
    /// [`Session::peer_certificates`] tells. Those that show a bad one are refused.
    pub fn optional_client_roots(self, pem: impl AsRef<[u8]>) -> TlsServerBuilder {
        self.believing(pem.as_ref(), false)
    }

    fn believing(mut self, pem: &[u8], is_required: IsRequired) -> TlsServerBuilder {
        let (roots, required) = self.clients.get_or_insert_default();
        roots.leave_platform();
        roots.add(pem);
        *required = is_required;
        self
    }

    /// Speaks these protocols, the preferred one first. A client that offers others alone is refused; one that offers none is not.
    pub fn alpn(mut self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> TlsServerBuilder {
        self.alpn = names(protocols);
        self
    }

    /// How long the two sides have to agree: ten seconds, unless you say otherwise.
    pub fn handshake_deadline(mut self, deadline: Duration) -> TlsServerBuilder {
        self.deadline = deadline;
        self
    }

    /// Has each session begun anew.
    pub fn without_resumption(mut self) -> TlsServerBuilder {
        self.resumes = false;
        self
    }

    /// The server.
    ///
    /// # Errors
    /// [`TlsError`] if there is no certificate, if what was given is no PEM of what it should be, or if a key does not fit its
    /// certificate.
    pub fn build(self) -> Result<TlsServer, TlsError> {
        let provider = Arc::new(default_provider());
        let mut certificates = Certificates::default();
        for (chain, key) in &self.certificates {
            certificates.add(chain, key, &provider)?;
        }
        if certificates.is_empty() {
            return Err(TlsError::setup("a server needs a certificate"));
        }
        let config = ServerConfig::builder_with_details(provider.clone(), Arc::new(FateTime))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::setup)?;
        let config = match &self.clients {
            None => config.with_no_client_auth(),
            Some((roots, is_required)) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.read()?, provider);
                let verifier = if *is_required { verifier } else { verifier.allow_unauthenticated() };
                config.with_client_cert_verifier(verifier.build().map_err(|error| TlsError::setup(error.to_string()))?)
            }
        };
        let mut config = config.with_cert_resolver(Arc::new(certificates));
        config.alpn_protocols = self.alpn;
        // What is to be remembered of a session is given to the client, sealed: here it takes no memory.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if self.resumes {
            config.ticketer = Ticketer::new().map_err(TlsError::setup)?;
        } else {
            config.send_tls13_tickets = 0;
        }
        Ok(TlsServer { config: Arc::new(config), deadline: self.deadline })
    }
}
