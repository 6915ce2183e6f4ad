//! The stream under HTTP: it knows what hyper does not tell.
//!
//! hyper has a buffer of its own, which it fills from the body whenever it is polled. So what it has taken of the body
//! says little of what the other side takes; what leaves here does. And of what has gone wrong under HTTP/2 it tells
//! the words alone.

use super::sent::Progress;
use fate::TcpStream;
use fate_tls::TlsError;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

/// A stream that is watched.
pub(super) struct Wire {
    stream: TcpStream,
    watch: Watch,
}

/// What is seen of a stream.
#[derive(Clone, Default)]
pub(super) struct Watch(Rc<Seen>);

#[derive(Default)]
struct Seen {
    /// Who is told when something leaves.
    listener: RefCell<Weak<Progress>>,
    /// Why encryption has failed.
    refusal: RefCell<Option<TlsError>>,
}

impl Watch {
    /// From here on this one is told when something leaves.
    pub fn tell(&self, progress: &Rc<Progress>) {
        *self.0.listener.borrow_mut() = Rc::downgrade(progress);
    }

    /// Why encryption has failed, if it has, rather than the line.
    pub fn refusal(&self) -> Option<TlsError> {
        self.0.refusal.borrow().clone()
    }

    fn see_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(_)) = written
            && let Some(progress) = self.0.listener.borrow().upgrade()
        {
            progress.note_taken();
        }
        self.see(written)
    }

    fn see<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &outcome
            && let Some(refusal) = TlsError::find(error).filter(|error| error.rustls().is_some())
        {
            *self.0.refusal.borrow_mut() = Some(refusal.clone());
        }
        outcome
    }
}

impl Wire {
    pub fn new(stream: TcpStream, watch: &Watch) -> Wire {
        Wire { stream, watch: watch.clone() }
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        self.watch.see(read)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Write::poll_write(Pin::new(&mut self.stream), context, bytes);
        self.watch.see_written(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(Pin::new(&mut self.stream), context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(&mut self.stream), context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Write::poll_write_vectored(Pin::new(&mut self.stream), context, pieces);
        self.watch.see_written(written)
    }
}
