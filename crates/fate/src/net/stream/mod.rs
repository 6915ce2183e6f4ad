//! Connections that tasks read from and write to.
//!
//! A stream is a connection that nobody is told of: it is asked. Bytes are received as they come and held, up to 64 KiB, until
//! they are read; what is written is taken up to the upper mark and sent at the end of the turn.
//!
//! What a stream can do follows from what it is: this file says what reading and writing are, once, and which stream has
//! which of them; `held` has how it is done; `tcp`, `unix`, `pipe` and `terminal` have what is each one's own.

mod held;
mod pipe;
mod tcp;
mod terminal;
mod tether;
mod unix;

pub use pipe::{PipeReader, PipeWriter};
pub use tcp::TcpStream;
pub(super) use tcp::inet;
pub use terminal::TerminalStream;
pub use tether::Tether;
pub use unix::UnixStream;

use super::connection::Connection;
use super::layer::Layer;
use super::protocol::Protocol;
use super::transport::Transport;
use crate::framing::Framing;
use crate::{Deferred, Fate};
use bytes::Bytes;
use fate_core::{Address, Setting};
use futures_io::{AsyncRead, AsyncWrite};
#[cfg_attr(not(feature = "futures"), allow(unused_imports, reason = "a bridge uses it"))]
pub(crate) use held::Held;
use std::fmt;
use std::io::{self, IoSlice};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What every stream can do.
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

            /// From here on all bytes pass through a layer; those that have come in and were not read are the layer's. Fires
            /// once the two sides have agreed. There is one layer at most.
            ///
            /// # Errors
            /// `NotConnected` if the connection is closed, or closing; whatever the layer says; `UnexpectedEof` if the
            /// other side goes before they have agreed.
            ///
            /// # Cancellation
            /// Aborts the connection.
            #[track_caller]
            pub fn set_layer(&self, layer: impl Layer) -> Deferred<()> {
                match self.0.0.reactor() {
                    Some(reactor) => {
                        let (promise, ready) = Fate::of(&reactor).deferred();
                        self.0.0.set_layer(&reactor, Box::new(layer), promise);
                        ready
                    }
                    None => Deferred::orphan(),
                }
            }

            /// Waits until the other side has closed its direction, or is gone altogether; what it sent before that may still
            /// be there to be read.
            pub async fn peer_closed(&self) {
                self.0.peer_closed().await;
            }

            #[allow(dead_code, reason = "a bridge uses it, for some families")]
            pub(crate) fn held(&self) -> &Held {
                &self.0
            }

            #[allow(dead_code, reason = "not every family uses it")]
            pub(crate) fn connection(&self) -> &Rc<Connection> {
                &self.0.0
            }
        }

        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($stream), "({})"), self.0.0.other_side())
            }
        }
    };
}

/// What can be read from.
macro_rules! reading {
    ($stream:ident) => {
        impl $stream {
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
    };
}

/// What can be written to.
macro_rules! writing {
    ($stream:ident) => {
        impl $stream {
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

            /// How many bytes are waiting to be sent.
            pub fn buffered(&self) -> usize {
                self.0.0.buffered()
            }

            /// Fires once all that was written so far is with the kernel.
            #[track_caller]
            pub fn drained(&self, fate: &Fate) -> Deferred<()> {
                self.0.drained(fate)
            }
        }

        writing!(trait $stream);
        writing!(trait &$stream);
    };
    (trait $stream:ty) => {
        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.0.poll_write(context, &[IoSlice::new(bytes)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(context, pieces)
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

/// What has an address and settings of a socket.
macro_rules! addressed {
    ($stream:ident) => {
        impl $stream {
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
        }
    };
}

stream!(TcpStream);
reading!(TcpStream);
writing!(TcpStream);
addressed!(TcpStream);

stream!(UnixStream);
reading!(UnixStream);
writing!(UnixStream);
addressed!(UnixStream);

stream!(PipeReader);
reading!(PipeReader);

stream!(PipeWriter);
writing!(PipeWriter);

stream!(TerminalStream);
reading!(TerminalStream);
writing!(TerminalStream);
