//! What can go wrong with TLS.

use crate::meaning;
use rustls::{AlertDescription, CertificateError, Error as Rustls, InvalidMessage};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// What went wrong with TLS: in which phase, and with whom.
///
/// The Deferreds of this crate fail with it ([`Failure::check`](fate::Failure::check) finds it); what a stream or a protocol is told
/// later carries it, and [`TlsError::find`] finds it there.
///
/// ```
/// use fate::sim::Sim;
/// use fate_tls::{Phase, TlsClient, TlsError, TlsServer};
///
/// # let key = rcgen::KeyPair::generate()?;
/// # let certificate = rcgen::CertificateParams::new(["somebody.else".to_string()])?.self_signed(&key)?.pem();
/// let mut sim = Sim::new(1);
/// let (there, here) = (sim.host("server"), sim.host("client"));
/// let client = TlsClient::builder().only_roots(&certificate).build()?;
/// let server = TlsServer::new(&certificate, &key.serialize_pem())?;
/// let listener = there.listen_tcp("0.0.0.0:443")?;
/// there.spawn(async move { server.accept(&listener).await.unwrap_err() });
/// here.clone().spawn(async move {
///     let failure = client.connect(&here, "server:443").await.unwrap_err();
///     let error: &TlsError = failure.check().unwrap();
///     assert!(error.is_wrong_host());
///     assert_eq!(error.phase(), Phase::Handshake);
///     assert_eq!(error.to_string(), "no TLS with server at 10.0.0.1:443: the certificate is for another host");
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct TlsError(Arc<Inside>);

struct Inside {
    phase: Phase,
    peer: Option<Peer>,
    cause: Cause,
}

/// When it went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// Before any connection: in what was given to a client or a server.
    Setup,
    /// While the two sides were about to agree.
    Handshake,
    /// Afterwards.
    Session,
}

/// With whom.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// What a client has asked for.
    pub name: Option<Arc<str>>,
    pub address: fate::Address,
}

#[derive(Debug)]
pub(crate) enum Cause {
    Rustls(Rustls),
    Io(io::Error),
    Truncated,
    TimedOut(Duration),
    /// What was given is not what it should be.
    Words(String),
}

impl TlsError {
    pub(crate) fn new(phase: Phase, peer: Option<Peer>, cause: Cause) -> TlsError {
        TlsError(Arc::new(Inside { phase, peer, cause }))
    }

    pub(crate) fn setup(cause: impl Into<Cause>) -> TlsError {
        TlsError::new(Phase::Setup, None, cause.into())
    }

    /// Finds the error of TLS in an error of whatever type, such as what a stream gave that was read from.
    ///
    /// ```
    /// # use fate_tls::{TlsClient, TlsError};
    /// let error = std::io::Error::from(TlsClient::builder().only_roots("no certificate").build().unwrap_err());
    /// assert!(TlsError::find(&error).is_some());
    /// assert!(TlsError::find(&std::io::Error::other("else")).is_none());
    /// ```
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // What an error of the system carries is not its source, but itself.
            let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = carried.map_or_else(|| error.source(), |carried| Some(carried as &(dyn Error + 'static)));
        }
        None
    }

    /// When it went wrong.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// With whom: the name that was asked for, and the address. Nothing in [`Phase::Setup`].
    pub fn peer(&self) -> Option<String> {
        self.0.peer.as_ref().map(Peer::to_string)
    }

    /// What rustls says, if it was rustls.
    pub fn rustls(&self) -> Option<&Rustls> {
        if let Cause::Rustls(error) = &self.0.cause { Some(error) } else { None }
    }

    /// What the system says, if it was the system: that the connection was reset, for one.
    pub fn os_error(&self) -> Option<&io::Error> {
        if let Cause::Io(error) = &self.0.cause { Some(error) } else { None }
    }

    fn certificate(&self) -> Option<&CertificateError> {
        if let Some(Rustls::InvalidCertificate(error)) = self.rustls() { Some(error) } else { None }
    }

    /// Whether the other side's certificate was not believed, for whatever reason; or it has shown none and should have.
    pub fn is_bad_certificate(&self) -> bool {
        self.certificate().is_some() || matches!(self.rustls(), Some(Rustls::NoCertificatesPresented))
    }

    /// Whether its time is over.
    pub fn is_expired(&self) -> bool {
        matches!(self.certificate(), Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }))
    }

    /// Whether its time is still to come: mostly, the clock of this machine is wrong.
    pub fn is_not_yet_valid(&self) -> bool {
        matches!(self.certificate(), Some(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }))
    }

    /// Whether nobody who is believed has vouched for it: a private authority, or itself.
    pub fn is_unknown_issuer(&self) -> bool {
        matches!(self.certificate(), Some(CertificateError::UnknownIssuer))
    }

    /// Whether it is for another host.
    pub fn is_wrong_host(&self) -> bool {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        matches!(self.certificate(), Some(NotValidForName | NotValidForNameContext { .. }))
    }

    /// Whether the other side has refused, by an alert. [`TlsError::alert`] says why.
    pub fn is_refused(&self) -> bool {
        self.alert().is_some()
    }

    /// Why the other side has refused, if it has.
    pub fn alert(&self) -> Option<AlertDescription> {
        if let Some(Rustls::AlertReceived(alert)) = self.rustls() { Some(*alert) } else { None }
    }

    /// Whether the connection came to its end without a word: what was read may not be all that was sent.
    pub fn is_truncated(&self) -> bool {
        matches!(self.0.cause, Cause::Truncated)
    }

    /// Whether the two sides have not agreed in time.
    pub fn is_timed_out(&self) -> bool {
        matches!(self.0.cause, Cause::TimedOut(_))
    }

    /// Whether the other side has been reset, or has reset the connection.
    pub fn is_reset(&self) -> bool {
        self.os_error().is_some_and(|error| matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe))
    }

    /// Whether what came was no TLS at all: something else is spoken there.
    pub fn is_not_tls(&self) -> bool {
        use InvalidMessage::{InvalidContentType, InvalidEmptyPayload, MessageTooLarge, UnknownProtocolVersion};
        let is_strange = matches!(
            self.rustls(),
            Some(Rustls::InvalidMessage(
                InvalidContentType | InvalidEmptyPayload | MessageTooLarge | UnknownProtocolVersion
            ))
        );
        is_strange && self.0.phase == Phase::Handshake
    }

    fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::Io(error) => error.kind(),
            Cause::Truncated => ErrorKind::UnexpectedEof,
            Cause::TimedOut(_) => ErrorKind::TimedOut,
            _ if self.0.phase == Phase::Setup => ErrorKind::InvalidInput,
            Cause::Rustls(_) | Cause::Words(_) => ErrorKind::InvalidData,
        }
    }
}

impl From<Rustls> for Cause {
    fn from(error: Rustls) -> Cause {
        Cause::Rustls(error)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        Cause::Io(error)
    }
}

impl From<&str> for Cause {
    fn from(words: &str) -> Cause {
        Cause::Words(words.to_string())
    }
}

impl From<String> for Cause {
    fn from(words: String) -> Cause {
        Cause::Words(words)
    }
}

/// For code that speaks of errors of the system alone. [`TlsError::find`] finds it again.
impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} at {}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inside { phase, peer, cause } = &*self.0;
        match (phase, peer) {
            (Phase::Handshake, Some(peer)) => write!(f, "no TLS with {peer}: ")?,
            (_, Some(peer)) => write!(f, "TLS with {peer}: ")?,
            (_, None) => f.write_str("TLS cannot be set up: ")?,
        }
        match cause {
            Cause::Rustls(_) if self.is_not_tls() => f.write_str("what is spoken there is no TLS"),
            Cause::Rustls(error) => f.write_str(&meaning::of(error, *phase)),
            Cause::Io(_) => f.write_str("the connection has failed"),
            Cause::Truncated => f.write_str("the connection ended without a word"),
            Cause::TimedOut(limit) => write!(f, "no agreement within {limit:?}"),
            Cause::Words(words) => f.write_str(words),
        }
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inside { phase, peer, cause } = &*self.0;
        f.debug_struct("TlsError").field("phase", phase).field("peer", peer).field("cause", cause).finish()
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.cause {
            Cause::Rustls(error) => Some(error),
            Cause::Io(error) => Some(error),
            _ => None,
        }
    }
}
