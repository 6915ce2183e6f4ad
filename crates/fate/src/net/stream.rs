//! Connections that tasks read from and write to.
//!
//! A stream is a connection that nobody is told of: it is asked. Bytes are received as they come and held, up to 64 KiB, until
//! they are read; what is written is taken up to the upper mark and sent at the end of the turn.

use super::connection::Connection;
use super::protocol::Protocol;
use super::transport::Transport;
use crate::framing::Framing;
use crate::{Deferred, Fate};
use bytes::Bytes;
use fate_core::{Address, Credentials, KeepAlive, Network, Reactor, Setting, Socket};
use futures_io::{AsyncRead, AsyncWrite};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A TCP connection, to be read from and written to by a task, with the traits of `futures-io`.
///
/// A shared reference can do both as well, so two tasks or two branches of one may read and write at the same time.
///
/// # Cancellation
/// Dropping a read or a write half way loses nothing: what was not handed out is there for the next read, also after
/// [`TcpStream::read_exact`], [`TcpStream::read_line`] and [`TcpStream::read_until`]. (A `read_exact` of an extension trait on
/// something wrapped around the stream cannot promise that.) Dropping the stream closes it: what was written before is still
/// sent.
///
/// ```
/// use fate::sim::Sim;
/// use futures_lite::io::AsyncWriteExt;
///
/// let mut sim = Sim::new(1);
/// let (server, client) = (sim.host("server"), sim.host("client"));
/// let listener = server.listen_tcp("0.0.0.0:7000")?;
/// server.spawn(async move {
///     let (mut stream, _peer) = listener.accept().await?;
///     let name = stream.read_line(100).await?.unwrap_or_default();
///     stream.write_all(format!("Why is {name} like a writing desk?").as_bytes()).await?;
///     fate::Ok(())
/// });
/// client.clone().spawn(async move {
///     let mut stream = client.connect_tcp("server:7000").await?;
///     stream.write_all(b"a raven\n").await?;
///     let mut answer = [0; 34];
///     stream.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"Why is a raven like a writing desk");
///     fate::Ok(())
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct TcpStream(Held);

/// A Unix connection, to be read from and written to by a task. All else is as in [`TcpStream`].
pub struct UnixStream(Held);

/// A connection that is held by a stream: it goes when this goes.
struct Held(Rc<Connection>);

impl Held {
    fn reactor(&self) -> io::Result<Rc<Reactor>> {
        self.0.reactor().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn with_socket<R>(&self, ask: impl FnOnce(&dyn Network, Socket) -> io::Result<R>) -> io::Result<R> {
        self.0.with_socket(ask)
    }

    fn poll_read(&self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(&*self.reactor()?, context, into)
    }

    fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(&self.reactor()?, context, bytes)
    }

    fn poll_write_vectored(&self, context: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut total = 0;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            match self.poll_write(context, piece) {
                Poll::Ready(Ok(count)) => {
                    total += count;
                    if count < piece.len() {
                        break;
                    }
                }
                _ if total > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(total))
    }

    fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(&*self.reactor()?, context)
    }

    fn poll_close(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reactor = self.reactor()?;
        ready!(self.0.poll_flush(&reactor, context))?;
        self.0.finish_writing(&reactor);
        Poll::Ready(Ok(()))
    }

    async fn read_exact(&self, into: &mut [u8]) -> io::Result<()> {
        let _wanted = self.0.want(into.len());
        poll_fn(|context| self.0.poll_read_exact(&*self.reactor()?, context, into)).await
    }

    async fn read_until(&self, end: u8, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let _wanted = self.0.want(limit.saturating_add(1));
        poll_fn(|context| self.0.poll_read_until(&*self.reactor()?, context, end, limit)).await
    }

    async fn read_line(&self, limit: usize) -> io::Result<Option<String>> {
        let Some(mut line) = self.read_until(b'\n', limit).await? else { return Ok(None) };
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        String::from_utf8(line).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    async fn read_frame(&self, framing: &dyn Framing) -> io::Result<Option<Vec<u8>>> {
        let _wanted = self.0.want(framing.longest());
        poll_fn(|context| self.0.poll_read_frame(&*self.reactor()?, context, framing)).await
    }

    async fn write_frame(&self, framing: &dyn Framing, frame: &[u8]) -> io::Result<()> {
        let envelope = framing.envelope(frame)?;
        poll_fn(|context| {
            let reactor = self.reactor()?;
            ready!(self.0.poll_room(&reactor, context))?;
            for piece in envelope.around(frame) {
                self.0.write(&reactor, &piece);
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    async fn write_bytes(&self, bytes: Bytes) -> io::Result<()> {
        poll_fn(|context| {
            let reactor = self.reactor()?;
            ready!(self.0.poll_room(&reactor, context))?;
            self.0.write_shared(&reactor, bytes.clone());
            Poll::Ready(Ok(()))
        })
        .await
    }

    async fn peer_closed(&self) {
        poll_fn(|context| match self.0.reactor() {
            Some(reactor) => self.0.poll_peer_closed(&reactor, context),
            None => Poll::Ready(()),
        })
        .await;
    }

    fn drained(&self, fate: &Fate) -> Deferred<()> {
        self.0.drained(fate)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.leave();
    }
}

macro_rules! stream {
    ($stream:ident) => {
        impl $stream {
            pub(crate) fn of(connection: Rc<Connection>) -> $stream {
                $stream(Held(connection))
            }

            /// Gives the connection to a protocol, which is told of it from the ready queue on. Bytes that came in and were
            /// not read yet are the first that it is told of.
            ///
            /// # Panics
            /// If the Fate that the connection belongs to is gone.
            #[track_caller]
            pub fn drive<P: Protocol>(self, protocol: P) -> Transport {
                let reactor = self.0.0.reactor().expect("a connection is driven by the Fate that made it");
                let connection = self.0.0.clone();
                connection.drive(&reactor, Location::caller(), Box::new(protocol));
                Transport::new(connection, Fate::of(&reactor).clone())
            }

            /// Reads exactly as many bytes as there is room for.
            ///
            /// # Errors
            /// `UnexpectedEof` if the other side ends before that; what it sent is still there to be read.
            ///
            /// # Cancellation
            /// Dropping the future half way leaves every byte for the next read.
            pub async fn read_exact(&self, into: &mut [u8]) -> io::Result<()> {
                self.0.read_exact(into).await
            }

            /// Reads up to and with the byte `end`; what is left before the other side ends, or nothing if nothing is left.
            ///
            /// # Errors
            /// `InvalidData` if `end` is not among the first `limit` bytes, which are still there to be read.
            ///
            /// # Cancellation
            /// Dropping the future half way leaves every byte for the next read.
            pub async fn read_until(&self, end: u8, limit: usize) -> io::Result<Option<Vec<u8>>> {
                self.0.read_until(end, limit).await
            }

            /// Reads a line of at most `limit` bytes, its end included, and gives it without its end (`\n` or `\r\n`); nothing once there are no
            /// more.
            ///
            /// # Errors
            /// `InvalidData` if the line is longer, or not UTF-8.
            ///
            /// # Cancellation
            /// Dropping the future half way leaves every byte for the next read.
            pub async fn read_line(&self, limit: usize) -> io::Result<Option<String>> {
                self.0.read_line(limit).await
            }

            /// Reads a frame; nothing once there are no more.
            ///
            /// # Errors
            /// `InvalidData`, with a [`FrameError`](crate::framing::FrameError) inside, if what comes is no frame;
            /// `UnexpectedEof` if the other side ends in the middle of one. What is not a whole frame is still there to be read.
            ///
            /// # Cancellation
            /// Dropping the future half way leaves every byte for the next read.
            pub async fn read_frame(&self, framing: &impl Framing) -> io::Result<Option<Vec<u8>>> {
                self.0.read_frame(framing).await
            }

            /// Sends a frame, once there is room.
            ///
            /// # Errors
            /// `InvalidData` if the other side would not read it as one frame; `BrokenPipe` and its kin if nothing can be
            /// sent any more.
            ///
            /// # Cancellation
            /// Dropping the future half way sends nothing.
            pub async fn write_frame(&self, framing: &impl Framing, frame: &[u8]) -> io::Result<()> {
                self.0.write_frame(framing, frame).await
            }

            /// Sends bytes without copying them, once there is room.
            ///
            /// # Errors
            /// `BrokenPipe` and its kin if nothing can be sent any more.
            pub async fn write_bytes(&self, bytes: Bytes) -> io::Result<()> {
                self.0.write_bytes(bytes).await
            }

            /// Waits until the other side has closed its direction, or is gone altogether; what it sent before that may still
            /// be there to be read.
            pub async fn peer_closed(&self) {
                self.0.peer_closed().await;
            }

            /// Fires once all that was written so far is with the kernel.
            #[track_caller]
            pub fn drained(&self, fate: &Fate) -> Deferred<()> {
                self.0.drained(fate)
            }

            /// The address of the other side, of whatever family.
            pub fn peer_address(&self) -> &Address {
                self.0.0.peer()
            }

            /// The address of this side.
            ///
            /// # Errors
            /// `NotConnected` once the connection is closed.
            pub fn local_address(&self) -> io::Result<Address> {
                self.0.with_socket(|network, socket| network.local_address(socket))
            }

            /// Sets something on the socket.
            ///
            /// # Errors
            /// What the kernel says, and `NotConnected` once the connection is closed.
            pub fn set(&self, setting: Setting) -> io::Result<()> {
                self.0.with_socket(|network, socket| network.set(socket, setting))
            }

            #[allow(dead_code, reason = "not every family uses it")]
            pub(crate) fn connection(&self) -> &Rc<Connection> {
                &self.0.0
            }
        }

        impl AsyncRead for $stream {
            fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
                self.0.poll_read(context, into)
            }
        }

        impl AsyncRead for &$stream {
            fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
                self.0.poll_read(context, into)
            }
        }

        stream!(writes $stream);
        stream!(writes &$stream);

        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($stream), "({})"), self.peer_address())
            }
        }
    };
    (writes $stream:ty) => {
        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.0.poll_write(context, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write_vectored(context, pieces)
            }

            /// Waits until all that was written is with the kernel.
            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_flush(context)
            }

            /// Waits until all that was written is with the kernel, and closes this direction: the other side reads to the
            /// end.
            fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_close(context)
            }
        }
    };
}

stream!(TcpStream);
stream!(UnixStream);

impl TcpStream {
    /// The address of the other side.
    ///
    /// # Errors
    /// None for a connection that was made or accepted here; `InvalidInput` for one that was adopted and is no TCP.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(self.peer_address())
    }

    /// The address of this side.
    ///
    /// # Errors
    /// `NotConnected` once the connection is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(&self.local_address()?)
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
}

impl UnixStream {
    /// Who is at the other end.
    ///
    /// # Errors
    /// What the kernel says, and `NotConnected` once the connection is closed.
    pub fn peer_credentials(&self) -> io::Result<Credentials> {
        self.0.with_socket(|network, socket| network.credentials(socket))
    }
}

pub(super) fn inet(address: &Address) -> io::Result<SocketAddr> {
    address.inet().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an internet address"))
}
