//! What goes wrong between a server and one that it serves.

use super::line::Line;
use fate::Address;
use std::error::Error;
use std::fmt;
use std::io;

/// What went wrong on one connection of a [`Server`](crate::Server), or in answering one request: told to
/// [`Server::on_error`](crate::Server::on_error), and to nobody else. The server goes on.
///
/// [`source`](Error::source) has what hyper, TLS, the system or the service said of it.
#[derive(Debug)]
pub struct ServerError {
    kind: Kind,
    peer: Address,
    source: Option<Box<dyn Error>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Handshake,
    SlowHeader,
    SlowReader,
    Lingering,
    BadRequest,
    HeaderTooLarge,
    Restless,
    Disconnected,
    Service,
}

impl ServerError {
    pub(super) fn new(kind: Kind, line: &Line, source: impl Into<Box<dyn Error>>) -> ServerError {
        ServerError { kind, peer: line.stream.peer().0, source: Some(source.into()) }
    }

    /// There is nothing more to say of it.
    pub(super) fn bare(kind: Kind, line: &Line) -> ServerError {
        ServerError { kind, peer: line.stream.peer().0, source: None }
    }

    pub(super) fn of_hyper(line: &Line, error: hyper::Error) -> ServerError {
        let kind = match &error {
            error if error.is_parse_too_large() => Kind::HeaderTooLarge,
            error if error.is_parse() => Kind::BadRequest,
            error if error.is_user() => Kind::Service,
            error if error.is_incomplete_message() || comes_of_io(error) => Kind::Disconnected,
            error if error.is_closed() || error.is_canceled() || error.is_shutdown() => Kind::Disconnected,
            _ => Kind::BadRequest,
        };
        ServerError::new(kind, line, error)
    }

    /// Who is on the other side.
    pub fn peer(&self) -> &Address {
        &self.peer
    }

    /// The two sides have not agreed on TLS; [`TlsError`](fate_tls::TlsError) has the reason.
    pub fn is_handshake(&self) -> bool {
        self.kind == Kind::Handshake
    }

    /// A deadline is past: a request has begun and did not come in time, what was asked for is not taken, or the other side was told
    /// that this is the end, and asks on.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::SlowHeader | Kind::SlowReader | Kind::Lingering)
    }

    /// What came is no HTTP, or what nobody may say in it; or there is too much of what brings nothing: requests that are given up
    /// again and again, or talk about the connection.
    pub fn is_bad_request(&self) -> bool {
        matches!(self.kind, Kind::BadRequest | Kind::HeaderTooLarge | Kind::Restless)
    }

    /// There are more headers than are allowed, or longer ones.
    pub fn is_header_too_large(&self) -> bool {
        self.kind == Kind::HeaderTooLarge
    }

    /// The other side went away in the middle of something.
    pub fn is_disconnected(&self) -> bool {
        self.kind == Kind::Disconnected
    }

    /// The service failed, or a body that it gave. The other side was told `500 Internal Server Error`, if it could be.
    pub fn is_service(&self) -> bool {
        self.kind == Kind::Service
    }
}

fn comes_of_io(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.kind {
            Kind::Handshake => "TLS was not agreed on",
            Kind::SlowHeader => "a request has begun and did not come in time",
            Kind::SlowReader => "what was asked for was not taken in time",
            Kind::Lingering => "the end was told of and not heeded",
            Kind::Restless => "there is much ado about nothing",
            Kind::BadRequest => "what came is no request",
            Kind::HeaderTooLarge => "the headers of a request are too many or too long",
            Kind::Disconnected => "the other side went away",
            Kind::Service => "the service failed",
        };
        write!(f, "{}: {words}", self.peer)
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref()
    }
}
