//! The side that connects.

use crate::carrier::{self, Carrier};
use crate::layer::Side;
use crate::roots::Roots;
use crate::time::FateTime;
use crate::unverified::Unverified;
use crate::{Session, TlsError, pem};
use fate::{Deferred, Fate, TcpStream};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long the two sides have to agree.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The side that connects: whom it believes, and what it offers. A clonable value; all clones resume each other's sessions.
///
/// ```
/// # use fate::sim::Sim;
/// # use fate_tls::{TlsClient, TlsServer};
/// # let key = rcgen::KeyPair::generate()?;
/// # let certificate = rcgen::CertificateParams::new(["library".to_string()])?.self_signed(&key)?.pem();
/// # let mut sim = Sim::new(1);
/// # let (there, fate) = (sim.host("library"), sim.host("client"));
/// # let server = TlsServer::builder().certificate(&certificate, key.serialize_pem()).alpn(["h2"]).build()?;
/// # let listener = there.listen_tcp("0.0.0.0:443")?;
/// # there.spawn(async move { server.accept(&listener).await.map(drop) });
/// // `TlsClient::new()?` believes whom the platform does, which is what you want of hosts that you do not run yourself.
/// let client = TlsClient::builder().only_roots(&certificate).alpn(["h2", "http/1.1"]).build()?;
/// client.connect(&fate, "library:443").add_callback(|(_stream, session)| {
///     assert_eq!(session.alpn(), Some(&b"h2"[..]));
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    deadline: Duration,
}

impl TlsClient {
    /// A client that believes whom the platform does, offers no protocol and shows no certificate. Reads the platform's roots,
    /// which are files: make one, and clone it.
    ///
    /// # Errors
    /// [`TlsError`] if the platform has no roots.
    pub fn new() -> Result<TlsClient, TlsError> {
        TlsClient::builder().build()
    }

    /// A client with settings.
    pub fn builder() -> TlsClientBuilder {
        TlsClientBuilder::default()
    }

    /// A client with a configuration of rustls, of which everything is kept but its clock: that is the Fate's.
    ///
    /// ```
    /// # use fate_tls::{TlsClient, rustls};
    /// # use std::sync::Arc;
    /// let provider = Arc::new(rustls::crypto::ring::default_provider());
    /// let config = rustls::ClientConfig::builder_with_provider(provider)
    ///     .with_protocol_versions(&[&rustls::version::TLS13])?
    ///     .with_root_certificates(rustls::RootCertStore::empty())
    ///     .with_no_client_auth();
    /// let client = TlsClient::from_config(config);
    /// assert!(client.config().alpn_protocols.is_empty());
    /// # Ok::<(), rustls::Error>(())
    /// ```
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> TlsClient {
        let mut config = config.into();
        Arc::make_mut(&mut config).time_provider = Arc::new(FateTime);
        TlsClient { config, deadline: DEADLINE }
    }

    /// The configuration of rustls.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The same client, offering other protocols, the preferred one first.
    #[must_use]
    pub fn with_alpn(&self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> TlsClient {
        let mut client = self.clone();
        Arc::make_mut(&mut client.config).alpn_protocols = names(protocols);
        client
    }

    /// The same client, with so much time to agree.
    #[must_use]
    pub fn with_handshake_deadline(&self, deadline: Duration) -> TlsClient {
        TlsClient { deadline, ..self.clone() }
    }

    /// From here on TLS is spoken over this stream or transport, with the host of that name or address: the other side must show
    /// a certificate for it. Fires when they have agreed; what is written before is held, and sent then.
    ///
    /// In mid-stream as at the beginning. What has come in and was not read is taken for TLS: so nothing that somebody has
    /// slipped in before can be taken for what was said in secret. (What a buffer of your own around the stream holds, was
    /// read: read lines from the stream itself.)
    ///
    /// ```
    /// # use fate::sim::Sim;
    /// # use fate_tls::{TlsClient, TlsServer};
    /// # use futures_lite::io::AsyncWriteExt;
    /// # let key = rcgen::KeyPair::generate()?;
    /// # let certificate = rcgen::CertificateParams::new(["server".to_string()])?.self_signed(&key)?.pem();
    /// # let mut sim = Sim::new(1);
    /// # let (there, here) = (sim.host("server"), sim.host("client"));
    /// # let client = TlsClient::builder().only_roots(&certificate).build()?;
    /// # let server = TlsServer::new(&certificate, key.serialize_pem())?;
    /// # let listener = there.listen_tcp("0.0.0.0:25")?;
    /// # there.spawn(async move {
    /// #     let (mut stream, _) = listener.accept().await?;
    /// #     stream.read_line(80).await?;
    /// #     stream.write_all(b"220 go ahead\r\n").await?;
    /// #     server.wrap(&stream).await?;
    /// #     stream.write_all(b"250 pleased to meet you\r\n").await?;
    /// #     fate::Ok(())
    /// # });
    /// # here.clone().spawn(async move {
    /// let mut stream = here.connect_tcp("server:25").await?;
    /// stream.write_all(b"STARTTLS\r\n").await?;
    /// assert_eq!(stream.read_line(80).await?.as_deref(), Some("220 go ahead"));
    /// client.wrap(&stream, "server").await?;
    /// stream.write_all(b"EHLO alice\r\n").await?; // in secret
    /// assert_eq!(stream.read_line(80).await?.as_deref(), Some("250 pleased to meet you"));
    /// # fate::Ok(())
    /// # });
    /// # sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Errors
    /// [`TlsError`]. The connection is closed then: nobody goes on in the open unawares. One that speaks TLS already goes on.
    ///
    /// # Cancellation
    /// Aborts the connection.
    #[track_caller]
    pub fn wrap(&self, carrier: &impl Carrier, host: &str) -> Deferred<Session> {
        carrier::wrap(carrier, Side::Client(self.config.clone()), Some(host), self.deadline)
    }

    /// Connects to `host:port`, and has the two sides agree.
    ///
    /// # Errors
    /// As [`Fate::connect_tcp`]; then [`TlsError`].
    ///
    /// # Cancellation
    /// Gives up, and aborts what was connected.
    #[track_caller]
    pub fn connect(&self, fate: &Fate, address: &str) -> Deferred<(TcpStream, Session)> {
        let (client, host) = (self.clone(), address.rsplit_once(':').map_or(address, |(host, _)| host).to_string());
        fate.connect_tcp(address)
            .and_then(move |stream| client.wrap(&stream, &host).add_callback(move |session| (stream, session)))
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alpn: Vec<_> = self.config.alpn_protocols.iter().map(|name| String::from_utf8_lossy(name)).collect();
        f.debug_struct("TlsClient").field("alpn", &alpn).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Settings for a [`TlsClient`].
#[derive(Clone)]
#[must_use = "it is `build` that gives a client"]
pub struct TlsClientBuilder {
    roots: Roots,
    alpn: Vec<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    deadline: Duration,
    resumes: bool,
    unverified: Option<String>,
}

impl Default for TlsClientBuilder {
    fn default() -> TlsClientBuilder {
        let (roots, alpn) = (Roots::default(), Vec::new());
        TlsClientBuilder { roots, alpn, identity: None, deadline: DEADLINE, resumes: true, unverified: None }
    }
}

impl TlsClientBuilder {
    /// Believes these as well, as PEM: certificates of authorities, or those of hosts that vouch for themselves.
    pub fn roots(mut self, pem: impl AsRef<[u8]>) -> TlsClientBuilder {
        self.roots.add(pem.as_ref());
        self
    }

    /// Believes these, and those given by [`TlsClientBuilder::roots`], and nobody whom the platform believes.
    pub fn only_roots(mut self, pem: impl AsRef<[u8]>) -> TlsClientBuilder {
        self.roots.leave_platform();
        self.roots(pem)
    }

    /// Offers these protocols, the preferred one first: `["h2", "http/1.1"]`.
    pub fn alpn(mut self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> TlsClientBuilder {
        self.alpn = names(protocols);
        self
    }

    /// Shows this certificate to servers that ask for one, as PEM: its own first, then those that vouch for it; and its key.
    pub fn identity(mut self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> TlsClientBuilder {
        self.identity = Some((chain.as_ref().to_vec(), key.as_ref().to_vec()));
        self
    }

    /// How long the two sides have to agree: ten seconds, unless you say otherwise.
    pub fn handshake_deadline(mut self, deadline: Duration) -> TlsClientBuilder {
        self.deadline = deadline;
        self
    }

    /// Begins each session anew.
    pub fn without_resumption(mut self) -> TlsClientBuilder {
        self.resumes = false;
        self
    }

    /// Believes everybody. Whoever is in between can then read and change all that is said, and nothing will tell you. The reason
    /// is there for those who read the program; it must not be empty. For a host that vouches for itself there is
    /// [`TlsClientBuilder::only_roots`], which is as easy, and safe.
    pub fn dangerous_believe_everybody_because(mut self, reason: &str) -> TlsClientBuilder {
        self.unverified = Some(reason.to_string());
        self
    }

    /// The client. Reads the platform's roots, which are files, unless it was told not to believe them.
    ///
    /// # Errors
    /// [`TlsError`] if what was given is no PEM of what it should be, if a key does not fit its certificate, or if the platform
    /// has no roots.
    pub fn build(self) -> Result<TlsClient, TlsError> {
        let provider = Arc::new(default_provider());
        let config = ClientConfig::builder_with_details(provider.clone(), Arc::new(FateTime))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::setup)?;
        let config = match self.unverified {
            Some(reason) if reason.trim().is_empty() => {
                return Err(TlsError::setup("to believe everybody takes a reason"));
            }
            Some(reason) => {
                let unverified = Unverified { provider, reason };
                config.dangerous().with_custom_certificate_verifier(Arc::new(unverified))
            }
            None => config.with_root_certificates(self.roots.read()?),
        };
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                config.with_client_auth_cert(pem::certificates(chain)?, pem::key(key)?).map_err(TlsError::setup)?
            }
        };
        config.alpn_protocols = self.alpn;
        if !self.resumes {
            config.resumption = Resumption::disabled();
        }
        Ok(TlsClient { config: Arc::new(config), deadline: self.deadline })
    }
}

/// Protocols by name.
pub(crate) fn names(protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> Vec<Vec<u8>> {
    protocols.into_iter().map(|name| name.as_ref().to_vec()).collect()
}
