//! What is told of a connection.

use crate::{Failure, Transport};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What a connection is for: is told what happens to it, bytes and all.
///
/// ```text
///   connection_made ─▶ data_received … ─▶ [eof_received] ─▶ connection_lost
///                        pause_writing ⇄ resume_writing, peer_closed in between
/// ```
///
/// Each is called from the turn, never from within another call on the same protocol, and never from within
/// [`Transport::write`] or any other method of the transport. A protocol that panics loses its connection, with the panic as
/// the reason; one that has found a fault calls [`Transport::fail`].
///
/// ```
/// use fate::{Fate, Protocol, Reason, Transport, sim::Sim};
/// use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
///
/// struct Shout;
///
/// impl Protocol for Shout {
///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
///         transport.write(&data.to_ascii_uppercase());
///     }
/// }
///
/// let mut sim = Sim::new(1);
/// let (server, client) = (sim.host("server"), sim.host("client"));
/// server.listen_tcp("0.0.0.0:7000")?.serve(|_peer| Shout);
/// let here = client.clone();
/// client.spawn(async move {
///     let mut stream = here.connect_tcp("server:7000").await?;
///     stream.write_all(b"off with her head").await?;
///     let mut answer = [0; 17];
///     stream.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"OFF WITH HER HEAD");
///     fate::Ok(())
/// });
/// # server.get_fuse(std::time::Duration::from_secs(1)).set_handler(|fate| fate.shutdown());
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub trait Protocol: 'static {
    /// The connection is there. Called once, before everything else.
    fn connection_made(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// Bytes came in, as many as the kernel gave: never none, and in pieces that have nothing to do with how they were sent.
    fn data_received(&mut self, transport: &Transport, data: &[u8]);

    /// The other side will send no more, but may still read. Closes the connection if you do not say otherwise.
    fn eof_received(&mut self, transport: &Transport) {
        transport.lose_connection();
    }

    /// While reading is paused: the other side has closed its direction, or is gone altogether. What it sent before that is
    /// delivered when reading is resumed, and the end after it.
    fn peer_closed(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// More is waiting to be sent than the upper mark ([`Transport::set_write_marks`]). Strictly alternates with
    /// [`Protocol::resume_writing`].
    fn pause_writing(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// What is waiting to be sent has come down to the lower mark.
    fn resume_writing(&mut self, transport: &Transport) {
        let _ = transport;
    }

    /// The connection is no more. Called once, after everything else; then the protocol is dropped.
    fn connection_lost(&mut self, transport: &Transport, reason: Reason) {
        let _ = (transport, reason);
    }
}

/// A protocol in a box is one.
impl Protocol for Box<dyn Protocol> {
    fn connection_made(&mut self, transport: &Transport) {
        (**self).connection_made(transport);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        (**self).data_received(transport, data);
    }

    fn eof_received(&mut self, transport: &Transport) {
        (**self).eof_received(transport);
    }

    fn peer_closed(&mut self, transport: &Transport) {
        (**self).peer_closed(transport);
    }

    fn pause_writing(&mut self, transport: &Transport) {
        (**self).pause_writing(transport);
    }

    fn resume_writing(&mut self, transport: &Transport) {
        (**self).resume_writing(transport);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: Reason) {
        (**self).connection_lost(transport, reason);
    }
}

/// Why a connection is no more.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// It was closed: what was written has been sent, and the other side has been told, or has told us.
    Closed,
    /// The kernel says that it is lost, in its own words: reset by the other side, timed out, unreachable.
    Lost(io::Error),
    /// It was aborted here.
    Aborted,
    /// It was to be closed, and the other side did not take what was left to be sent in the time that it had.
    TimedOut,
    /// The protocol failed: it panicked, or said so.
    Failed(Failure),
    /// A shutdown closed it.
    ShutDown,
}

impl Reason {
    /// Whether it was closed in an orderly manner.
    pub fn is_clean(&self) -> bool {
        matches!(self, Reason::Closed)
    }

    /// Whether the other side has reset it.
    pub fn is_reset(&self) -> bool {
        self.os_error()
            .is_some_and(|error| matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
    }

    /// What the kernel said, if it was the kernel.
    pub fn os_error(&self) -> Option<&io::Error> {
        if let Reason::Lost(error) = self { Some(error) } else { None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Closed => "closed",
            Reason::Lost(_) => "connection lost",
            Reason::Aborted => "aborted",
            Reason::TimedOut => "not taken by the other side in time",
            Reason::Failed(_) => "the protocol failed",
            Reason::ShutDown => "shut down",
        })
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Reason::Lost(error) => Some(error),
            Reason::Failed(failure) => Some(failure.error()),
            _ => None,
        }
    }
}

/// An error of which several are told.
#[derive(Clone, Debug)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// The same error, so that [`copy`] keeps what is in it.
pub(crate) fn shared(error: io::Error) -> io::Error {
    let kind = error.kind();
    if error.get_ref().is_none_or(|inner| inner.is::<Shared>()) {
        return error;
    }
    error.into_inner().map_or_else(|| kind.into(), |inner| io::Error::new(kind, Shared(Arc::from(inner))))
}

/// The same error once more.
pub(crate) fn copy(error: &io::Error) -> io::Error {
    if let Some(shared) = error.get_ref().and_then(|inner| inner.downcast_ref::<Shared>()) {
        return io::Error::new(error.kind(), shared.clone());
    }
    error.raw_os_error().map_or_else(|| io::Error::new(error.kind(), error.to_string()), io::Error::from_raw_os_error)
}
