//! What a server speaks over: a TCP or a Unix connection, with or without a layer, and what hyper sees of it.

use super::line::Line;
use crate::server::listening::Peer;
use bytes::Buf;
use fate::{Homebound, TcpStream, UnixStream};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// So many bytes of a line that is shared are read at once: a frame, as the other side is told how long that may be.
const PIECE: usize = 16 << 10;

/// A connection that was accepted.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The same call for either.
macro_rules! on_either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
        }
    };
}

impl Stream {
    pub fn peer(&self) -> Peer {
        on_either!(self, stream => Peer(stream.peer_address().clone()))
    }

    pub fn poll_read(&self, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        on_either!(self, stream => Read::poll_read(Pin::new(&mut &*stream), context, into))
    }

    pub fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_either!(self, stream => Write::poll_write(Pin::new(&mut &*stream), context, bytes))
    }

    /// How many bytes are waiting to be sent.
    pub fn buffered(&self) -> usize {
        on_either!(self, stream => stream.buffered())
    }

    fn poll_write_vectored(&self, context: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        on_either!(self, stream => Write::poll_write_vectored(Pin::new(&mut &*stream), context, pieces))
    }

    fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, stream => Write::poll_shutdown(Pin::new(&mut &*stream), context))
    }
}

/// What hyper sees of a line. It can be carried anywhere, because an upgraded connection is, and works at home.
pub(super) struct Wire(Homebound<Rc<Line>>);

impl Wire {
    pub fn of(line: &Rc<Line>) -> Wire {
        Wire(line.fate().keep_home(line.clone()))
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let line = &*self.0;
        if let Some(mut early) = line.take_early() {
            let count = early.len().min(into.remaining());
            into.put_slice(&early[..count]);
            line.came_frames(&early[..count]);
            early.advance(count);
            line.put_early(early);
            return Poll::Ready(Ok(()));
        }
        if line.is_shared() {
            return poll_shared(line, context, into);
        }
        let room = into.remaining();
        let result = line.stream.poll_read(context, into);
        if room > 0 && matches!(result, Poll::Ready(Ok(()))) {
            line.came();
        }
        result
    }
}

/// Reads what is looked at on its way.
fn poll_shared(line: &Rc<Line>, context: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
    let mut room = [const { MaybeUninit::uninit() }; PIECE];
    let most = into.remaining().min(PIECE);
    let mut piece = ReadBuf::uninit(&mut room[..most]);
    ready!(line.stream.poll_read(context, piece.unfilled()))?;
    line.came();
    line.came_frames(piece.filled());
    into.put_slice(piece.filled());
    Poll::Ready(Ok(()))
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.0.stream.poll_write(context, bytes);
        self.0.wrote_frames(&[IoSlice::new(bytes)], &result);
        self.0.wrote(&result);
        result
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.0.stream.poll_shutdown(context);
        if result.is_pending() {
            self.0.wrote(&Poll::Pending);
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.0.stream.poll_write_vectored(context, pieces);
        self.0.wrote_frames(pieces, &result);
        self.0.wrote(&result);
        result
    }
}
