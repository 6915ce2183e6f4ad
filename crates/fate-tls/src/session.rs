//! What two sides have agreed upon.

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, Connection, HandshakeKind, ProtocolVersion};
use std::fmt;
use std::rc::Rc;

/// What the two sides of a connection have agreed upon. A clonable value.
///
/// ```
/// # use fate::sim::Sim;
/// # use fate_tls::{TlsClient, TlsServer, rustls::ProtocolVersion};
/// # let key = rcgen::KeyPair::generate()?;
/// # let certificate = rcgen::CertificateParams::new(["server".to_string()])?.self_signed(&key)?.pem();
/// # let mut sim = Sim::new(1);
/// # let (there, here) = (sim.host("server"), sim.host("client"));
/// # let client = TlsClient::builder().only_roots(&certificate).build()?;
/// # let server = TlsServer::new(&certificate, key.serialize_pem())?;
/// # let listener = there.listen_tcp("0.0.0.0:443")?;
/// # there.spawn(async move { server.accept(&listener).await.map(drop) });
/// let asked = client.with_alpn(["h2"]).connect(&here, "server:443");
/// asked.add_callback(|(_stream, session)| {
///     assert_eq!(session.server_name(), Some("server"));
///     assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
///     assert_eq!(session.alpn(), None); // the server speaks of no protocol
///     assert_eq!(session.peer_certificates().len(), 1);
///     assert!(!session.was_resumed());
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct Session(Rc<Agreed>);

struct Agreed {
    alpn: Option<Vec<u8>>,
    certificates: Vec<CertificateDer<'static>>,
    server_name: Option<String>,
    version: Option<ProtocolVersion>,
    suite: Option<CipherSuite>,
    was_resumed: bool,
}

impl Session {
    /// `asked_for` is the name that a client has asked for.
    pub(crate) fn of(connection: &Connection, asked_for: Option<&str>) -> Session {
        let presented = match connection {
            Connection::Server(server) => server.server_name(),
            Connection::Client(_) => None,
        };
        Session(Rc::new(Agreed {
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            certificates: connection.peer_certificates().unwrap_or_default().to_vec(),
            server_name: asked_for.or(presented).map(str::to_string),
            version: connection.protocol_version(),
            suite: connection.negotiated_cipher_suite().map(|suite| suite.suite()),
            was_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }))
    }

    /// The protocol to be spoken, such as `h2`; nothing if there was no talk of that.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.0.alpn.as_deref()
    }

    /// The certificates of the other side, its own first; none if it is a client that has shown none. Of a session that was
    /// resumed, those of the session before.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.0.certificates
    }

    /// The host that the client has asked for; to a server nothing if it has not, or asked for an address.
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// The version of TLS.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.version
    }

    /// The ciphers.
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        self.0.suite
    }

    /// Whether an earlier session was gone on with, which costs less than a new one.
    pub fn was_resumed(&self) -> bool {
        self.0.was_resumed
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("server_name", &self.server_name())
            .field("alpn", &self.alpn().map(String::from_utf8_lossy))
            .field("protocol_version", &self.protocol_version())
            .field("cipher_suite", &self.cipher_suite())
            .field("was_resumed", &self.was_resumed())
            .finish_non_exhaustive()
    }
}
