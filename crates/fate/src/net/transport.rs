//! The hand that a protocol has on its connection.

use super::connection::Connection;
use super::layer::Layer;
use crate::{Deferred, Failure, Fate};
use bytes::Bytes;
use fate_core::{Address, Credentials, KeepAlive, Setting};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// A connection, to whoever speaks over it. A clonable handle: the connection is closed by its words, not by dropping them.
///
/// Nothing here waits, and nothing calls back before the turn gets to it.
///
/// It holds its [`Fate`]. A protocol that keeps a clone of its transport, or of another's, keeps the Fate until the connection
/// is lost: so a Fate with such connections is shut down, not just dropped.
#[derive(Clone)]
pub struct Transport {
    connection: Rc<Connection>,
    fate: Fate,
}

/// What became of what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// It will be sent.
    Taken,
    /// It will be sent, but more is waiting now than the upper mark: it would be better to wait for
    /// [`Transport::drained`] or [`Protocol::resume_writing`](crate::Protocol::resume_writing).
    OverTheMark,
    /// It was thrown away: the connection is closed, or closing.
    Refused,
}

impl Transport {
    pub(super) fn new(connection: Rc<Connection>, fate: Fate) -> Transport {
        Transport { connection, fate }
    }

    pub(crate) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// The event manager it belongs to.
    pub fn fate(&self) -> &Fate {
        &self.fate
    }

    /// Sends bytes: they are copied, gathered with what else is written in this turn, and sent at its end. Never blocks.
    ///
    /// Memory is bounded by what you do with the answer. While more is waiting than the upper mark nothing is read from this
    /// connection (or from those that [`Transport::pause_while_full`] named), so a protocol that only answers is safe.
    pub fn write(&self, bytes: &[u8]) -> Written {
        self.connection.write(self.fate.reactor(), bytes)
    }

    /// Sends bytes without copying them.
    pub fn write_bytes(&self, bytes: Bytes) -> Written {
        self.connection.write_shared(self.fate.reactor(), bytes)
    }

    /// Sends several pieces, one after another.
    pub fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> Written {
        pieces.iter().fold(Written::Taken, |_, piece| self.write(piece))
    }

    /// From here on all bytes pass through a layer, in mid-stream as at the beginning. Fires once the two sides have agreed; what
    /// is written before that is held, and sent after it. There is one layer at most.
    ///
    /// Bytes that have come in and were not told of are the layer's. Those of the piece that is being told of, behind what has
    /// the layer set, are to be [put back](Transport::put_back); [`Framed`](crate::framing::Framed) does that by itself.
    ///
    /// # Errors
    /// `NotConnected` if the connection is closed, or closing; whatever the layer says; `UnexpectedEof` if the other side
    /// goes before they have agreed.
    ///
    /// # Cancellation
    /// Aborts the connection.
    #[track_caller]
    pub fn set_layer(&self, layer: impl Layer) -> Deferred<()> {
        let (promise, ready) = self.fate.deferred();
        self.connection.set_layer(self.fate.reactor(), Box::new(layer), promise);
        ready
    }

    /// Gives bytes back that the protocol was told of too early: they come again, before all others, when reading is resumed
    /// or a layer is set.
    pub fn put_back(&self, bytes: &[u8]) {
        self.connection.put_back(bytes);
    }

    /// How many bytes are waiting to be sent.
    pub fn buffered(&self) -> usize {
        self.connection.buffered()
    }

    /// Fires once all that was written so far is with the kernel.
    ///
    /// # Errors
    /// What the kernel says if it cannot be sent; `NotConnected` if the connection was closed or aborted before.
    #[track_caller]
    pub fn drained(&self) -> Deferred<()> {
        self.connection.drained(&self.fate)
    }

    /// Over how many waiting bytes a writer is told to wait, and at how many it may go on: 64 KiB and 16 KiB if nobody says
    /// otherwise. A lower mark above the upper one counts as the upper one.
    pub fn set_write_marks(&self, low: usize, high: usize) {
        self.connection.set_write_marks(self.fate.reactor(), low, high);
    }

    /// Reads nothing from this connection while `sink` has more to send than its upper mark, instead of while this one has:
    /// for those who pass on what they read. One that was paused by hand stays so.
    pub fn pause_while_full(&self, sink: &Transport) {
        self.connection.pause_while_full(self.fate.reactor(), &sink.connection);
    }

    /// Delivers nothing until [`Transport::resume_reading`]; the other side has to wait once the kernel's buffers are full.
    /// That the other side is gone is told all the same ([`Protocol::peer_closed`](crate::Protocol::peer_closed)).
    pub fn pause_reading(&self) {
        self.connection.pause_reading(self.fate.reactor());
    }

    /// Undoes [`Transport::pause_reading`], however often that was called.
    pub fn resume_reading(&self) {
        self.connection.resume_reading(self.fate.reactor());
    }

    /// Closes: nothing more is read, what was written before is sent, what is written after is refused. If the other side does
    /// not take it within 30 seconds, the connection is aborted.
    pub fn lose_connection(&self) {
        self.connection.lose(self.fate.reactor(), None);
    }

    /// As [`Transport::lose_connection`], with a deadline of your own.
    pub fn lose_connection_within(&self, deadline: Duration) {
        self.connection.lose(self.fate.reactor(), Some(deadline));
    }

    /// Says that no more will be written: the other side reads to the end of what was, and may go on sending.
    pub fn lose_write_connection(&self) {
        self.connection.finish_writing(self.fate.reactor());
    }

    /// Resets the connection now: what was not sent is thrown away.
    pub fn abort_connection(&self) {
        self.connection.abort(self.fate.reactor(), crate::Reason::Aborted);
    }

    /// Ends the connection because of `failure`, which becomes the reason.
    #[track_caller]
    pub fn fail(&self, failure: impl Into<Failure>) {
        self.connection.abort(self.fate.reactor(), crate::Reason::Failed(failure.into()));
    }

    /// Whether it can be written to.
    pub fn is_open(&self) -> bool {
        self.connection.is_writable()
    }

    /// The internet address of the other side. For a Unix connection, which has none, the unspecified one: there
    /// [`Transport::peer_address`] tells more.
    pub fn peer(&self) -> SocketAddr {
        self.connection.peer().inet().unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// The address of the other side, of whatever family.
    pub fn peer_address(&self) -> Address {
        self.connection.peer().clone()
    }

    /// The address of this side.
    ///
    /// # Errors
    /// `NotConnected` once the connection is closed.
    pub fn local_address(&self) -> io::Result<Address> {
        self.connection.with_socket(|network, socket| network.local_address(socket))
    }

    /// Who is at the other end of a Unix connection.
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn peer_credentials(&self) -> io::Result<Credentials> {
        self.connection.with_socket(|network, socket| network.credentials(socket))
    }

    /// Whether small writes are sent at once: yes unless told otherwise (TCP_NODELAY).
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.set(Setting::NoDelay(nodelay))
    }

    /// When a silent connection is tried and given up; never, unless told otherwise.
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn set_keepalive(&self, keepalive: Option<KeepAlive>) -> io::Result<()> {
        self.set(Setting::KeepAlive(keepalive))
    }

    /// Sets something on the socket.
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn set(&self, setting: Setting) -> io::Result<()> {
        self.connection.with_socket(|network, socket| network.set(socket, setting))
    }
}

/// Equal if they are the same connection.
impl PartialEq for Transport {
    fn eq(&self, other: &Transport) -> bool {
        Rc::ptr_eq(&self.connection, &other.connection)
    }
}

impl Eq for Transport {}

impl Hash for Transport {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.connection).hash(state);
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({})", self.connection.peer())
    }
}
