//! How far a request has come.

use std::fmt;

/// How far a request has come: where it was when something went wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// The address was read, and nothing else was done yet.
    Address,
    /// As many connections to the host are open as may be, and others came before.
    Queue,
    /// The name is looked up.
    Lookup,
    /// A connection is made.
    Connect,
    /// A proxy is asked to pass the connection on.
    Proxy,
    /// The two sides agree on how to speak in secret.
    Tls,
    /// The request is sent.
    Send,
    /// It was sent, and the header of the response is waited for.
    Header,
    /// The header was received, and the body is.
    Body,
}

/// Stands before an address: `connecting to http://example.org/`.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Address => "reading the address",
            Phase::Queue => "waiting for a free connection to",
            Phase::Lookup => "looking up the host of",
            Phase::Connect => "connecting to",
            Phase::Proxy => "asking the proxy for",
            Phase::Tls => "agreeing on encryption for",
            Phase::Send => "sending the request for",
            Phase::Header => "waiting for the header of",
            Phase::Body => "receiving the body of",
        })
    }
}
