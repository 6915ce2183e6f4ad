//! What went wrong with a request, in which phase, and where.

use super::phase::Phase;
use fate::{ConnectFailed, Failure};
use fate_tls::TlsError;
use http::StatusCode;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use url::Url;

pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// What went wrong with a request, in which phase of it, and for which address.
///
/// Its words are of this level only; [`source`](Error::source) has the cause, and an `io::Error` of the system is
/// unchanged in it. Passwords in an address are never shown.
///
/// ```
/// use fate::sim::Sim;
/// use fate_web::{WebError, get_page};
///
/// let mut sim = Sim::new(1);
/// let (_nobody_listens, fate) = (sim.host("server"), sim.host("here"));
/// get_page(&fate, "http://Alice:secret@server/").add_both(|page| {
///     let failure = page.unwrap_err();
///     assert_eq!(failure.to_string(), "connecting to http://server/: failed");
///     assert!(failure.check::<WebError>().unwrap().is_connect());
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct WebError(Box<Inside>);

struct Inside {
    kind: Kind,
    phase: Phase,
    place: Box<str>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// Which of a client's deadlines is over. See [`ClientBuilder`](crate::ClientBuilder).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Deadline {
    /// Everything together.
    Total,
    /// Looking up, connecting, and asking a proxy.
    Connect,
    /// Agreeing on encryption.
    Tls,
    /// From the last of the request to the header of the response.
    Header,
    /// Silence in the midst of the body.
    Idle,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The phase has failed, and the cause says why.
    Failed,
    /// What was asked for makes no sense.
    Unfit(&'static str),
    Timeout(Deadline),
    /// The other side has closed, or reset, or was cut off.
    Interrupted,
    /// What was agreed upon did not last: the other side has refused it after all, or somebody has tampered with it.
    Tls,
    /// What came is not HTTP.
    NotHttp,
    Redirect(&'static str),
    Decode,
    TooLong(&'static str),
    Status(StatusCode),
    Proxy(&'static str),
    /// The other side does not speak the only version that is wanted.
    Version(&'static str),
}

impl WebError {
    pub(super) fn new(kind: Kind, phase: Phase, url: &Url) -> WebError {
        WebError::of_place(kind, phase, &shown(url))
    }

    pub(super) fn of_place(kind: Kind, phase: Phase, place: &str) -> WebError {
        WebError(Box::new(Inside { kind, phase, place: place.into(), cause: None }))
    }

    /// The same, for the next who asks.
    pub(super) fn again(&self) -> WebError {
        let Inside { kind, phase, place, cause } = &*self.0;
        WebError(Box::new(Inside { kind: *kind, phase: *phase, place: place.clone(), cause: cause.clone() }))
    }

    /// The same, for one who asks for another address of the same host.
    pub(super) fn again_for(&self, url: &Url) -> WebError {
        let mut error = self.again();
        error.0.place = shown(url).into();
        error
    }

    pub(super) fn because(mut self, cause: impl Into<Cause>) -> WebError {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// What hyper says of an answer that did not come, unless encryption has failed under it.
    pub(super) fn of_answer(error: hyper::Error, refusal: Option<TlsError>, phase: Phase, url: &Url) -> WebError {
        match refusal {
            Some(refusal) => WebError::new(Kind::Tls, phase, url).because(refusal),
            None => WebError::of_hyper(error, phase, url),
        }
    }

    /// What hyper says, sorted.
    pub(super) fn of_hyper(error: hyper::Error, phase: Phase, url: &Url) -> WebError {
        let kind = if error.is_parse_too_large() || is_endless(&error) {
            Kind::TooLong("the header is too long")
        } else if error.is_parse() || is_nonsense(&error) {
            Kind::NotHttp
        } else if error.is_user() {
            Kind::Failed
        } else {
            Kind::Interrupted
        };
        WebError::new(kind, phase, url).because(error)
    }

    /// What looking up or connecting says.
    pub(super) fn of_failure(failure: Failure, phase: Phase, url: &Url) -> WebError {
        WebError::new(Kind::Failed, phase, url).because(portable(failure))
    }

    /// How far the request had come.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// The address that it went to last, without a password.
    pub fn url(&self) -> &str {
        &self.0.place
    }

    /// Whether the address, or the request, makes no sense, so that nothing was sent.
    pub fn is_unfit(&self) -> bool {
        matches!(self.0.kind, Kind::Unfit(_))
    }

    /// Whether a deadline was over; [`WebError::deadline`] says which.
    pub fn is_timeout(&self) -> bool {
        self.deadline().is_some()
    }

    /// The deadline that was over.
    pub fn deadline(&self) -> Option<Deadline> {
        match self.0.kind {
            Kind::Timeout(deadline) => Some(deadline),
            _ => None,
        }
    }

    /// Whether there was no connection: the name is not known, or nobody answers there.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.phase, Phase::Lookup | Phase::Connect)
    }

    /// Whether the proxy did not do its part.
    pub fn is_proxy(&self) -> bool {
        matches!(self.0.kind, Kind::Proxy(_)) || self.0.phase == Phase::Proxy
    }

    /// Whether the two sides could not agree on encryption, this side does not trust the other, or the other does not
    /// speak the [only version](crate::ClientBuilder::http2_only) that is wanted. A server that wants to know who asks
    /// may say so only when the request is on its way. [`TlsError::find`] finds what TLS says of it.
    pub fn is_tls(&self) -> bool {
        self.0.phase == Phase::Tls || self.0.kind == Kind::Tls
    }

    /// Whether the other side went before it had said everything: a reset, or an end too early.
    pub fn is_interrupted(&self) -> bool {
        self.0.kind == Kind::Interrupted
    }

    /// Whether what came is not HTTP, or contradicts itself.
    pub fn is_not_http(&self) -> bool {
        self.0.kind == Kind::NotHttp
    }

    /// Whether it was sent elsewhere too often, or to where it must not go.
    pub fn is_redirect(&self) -> bool {
        matches!(self.0.kind, Kind::Redirect(_))
    }

    /// Whether it went wrong in the midst of the body.
    pub fn is_body(&self) -> bool {
        self.0.phase == Phase::Body
    }

    /// Whether the body cannot be unpacked, or converted to what was asked for.
    pub fn is_decode(&self) -> bool {
        self.0.kind == Kind::Decode
    }

    /// Whether more came than is allowed: of header, of body, or of what a packed body holds.
    pub fn is_too_long(&self) -> bool {
        matches!(self.0.kind, Kind::TooLong(_))
    }

    /// The status, if the response was received and says that there is no page.
    pub fn status(&self) -> Option<StatusCode> {
        match self.0.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }
}

/// An address as it may be shown.
pub(super) fn shown(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.to_string();
    }
    let mut bare = url.clone();
    // They can only be refused by addresses that have no host, and so none of them either.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.to_string()
}

/// Whether hyper met bytes that are no HTTP, rather than an end.
fn is_nonsense(error: &hyper::Error) -> bool {
    let kind = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)) || complaint(error).is_some()
}

/// Whether it gave up because more and more of a header came.
fn is_endless(error: &hyper::Error) -> bool {
    complaint(error) == Some(h2::Reason::ENHANCE_YOUR_CALM)
}

/// What this side finds wrong with the HTTP/2 that came.
fn complaint(error: &hyper::Error) -> Option<h2::Reason> {
    let found = causes(error).find_map(|cause| cause.downcast_ref::<h2::Error>()).filter(|error| error.is_library());
    let is_complaint = |reason: &h2::Reason| !matches!(*reason, h2::Reason::NO_ERROR | h2::Reason::CANCEL);
    found.and_then(h2::Error::reason).filter(is_complaint)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The same, for those who may go to another thread.
fn portable(failure: Failure) -> Cause {
    let failure = match failure.trap::<io::Error>() {
        Ok(error) => return error.into(),
        Err(failure) => failure,
    };
    let failure = match failure.trap::<TlsError>() {
        Ok(error) => return error.into(),
        Err(failure) => failure,
    };
    let first = failure.check::<ConnectFailed>().and_then(|failed| failed.failures.first());
    let kind = first.and_then(|(_, failure)| failure.check::<io::Error>()).map(io::Error::kind);
    io::Error::new(kind.unwrap_or(io::ErrorKind::Other), failure.to_string()).into()
}

impl fmt::Display for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inside { kind, phase, place, .. } = &*self.0;
        match kind {
            Kind::Unfit(words) => write!(f, "{place}: {words}"),
            Kind::Status(status) => write!(f, "{place}: {status}"),
            Kind::Redirect(words) => write!(f, "{place}: {words}"),
            Kind::Failed => write!(f, "{phase} {place}: failed"),
            Kind::Timeout(Deadline::Total) => write!(f, "{phase} {place}: time for all of it is up"),
            Kind::Timeout(Deadline::Idle) => write!(f, "{phase} {place}: silent for too long"),
            Kind::Timeout(_) => write!(f, "{phase} {place}: time is up"),
            Kind::Interrupted => write!(f, "{phase} {place}: the connection was lost"),
            Kind::Tls => write!(f, "{phase} {place}: encryption failed"),
            Kind::NotHttp => write!(f, "{phase} {place}: that is not HTTP"),
            Kind::Decode => write!(f, "{phase} {place}: it cannot be decoded"),
            Kind::TooLong(words) | Kind::Proxy(words) | Kind::Version(words) => write!(f, "{phase} {place}: {words}"),
        }
    }
}

impl fmt::Debug for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inside { kind, phase, place, cause } = &*self.0;
        f.debug_struct("WebError")
            .field("kind", kind)
            .field("phase", phase)
            .field("url", place)
            .field("cause", cause)
            .finish()
    }
}

impl Error for WebError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_ref().map(|cause| &**cause as &(dyn Error + 'static))
    }
}

/// So that a body that was received can be sent, or read by what reads streams.
impl From<WebError> for io::Error {
    fn from(error: WebError) -> io::Error {
        let kind = match error.0.kind {
            Kind::Timeout(_) => io::ErrorKind::TimedOut,
            Kind::Interrupted => io::ErrorKind::UnexpectedEof,
            Kind::NotHttp | Kind::Tls | Kind::Decode | Kind::TooLong(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
