//! The stream under HTTP: it knows what hyper does not tell.
//!
//! hyper has a buffer of its own, which it fills from the body whenever it is polled. So what it has taken of the body
//! says little of what the other side takes; what leaves here does. And of what has gone wrong under HTTP/2 it tells
//! the words alone.

use super::sent::Progress;
use fate::TcpStream;
use fate_tls::TlsError;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

/// A stream that is watched.
pub(super) struct Wire {
    stream: Rc<RefCell<TcpStream>>,
    watch: Watch,
}

/// What is seen of a stream.
#[derive(Clone, Default)]
pub(super) struct Watch(Rc<Seen>);

#[derive(Default)]
struct Seen {
    stream: RefCell<Weak<RefCell<TcpStream>>>,
    /// Who is told when something leaves, or comes.
    listeners: RefCell<Vec<Weak<Progress>>>,
    /// How often something came.
    heard: Cell<u64>,
    /// Why encryption has failed.
    refusal: RefCell<Option<TlsError>>,
}

impl Watch {
    /// From here on this one is told as well when something leaves, or comes.
    pub fn tell(&self, progress: &Rc<Progress>) {
        let mut listeners = self.0.listeners.borrow_mut();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Rc::downgrade(progress));
    }

    /// How many are told.
    pub fn listeners(&self) -> usize {
        self.0.listeners.borrow().len()
    }

    /// How often something came.
    pub fn heard(&self) -> u64 {
        self.0.heard.get()
    }

    /// How much of what has left here the kernel has not taken yet.
    pub fn buffered(&self) -> usize {
        let stream = self.0.stream.borrow().upgrade();
        stream.and_then(|stream| Some(stream.try_borrow().ok()?.buffered())).unwrap_or(0)
    }

    /// Why encryption has failed, if it has, rather than the line.
    pub fn refusal(&self) -> Option<TlsError> {
        self.0.refusal.borrow().clone()
    }

    fn see_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = written {
            let listeners = self.0.listeners.borrow();
            listeners.iter().filter_map(Weak::upgrade).for_each(|progress| progress.note_left(count));
        }
        self.see(written)
    }

    fn see_read(&self) {
        self.0.heard.set(self.0.heard.get() + 1);
        let listeners = self.0.listeners.borrow();
        listeners.iter().filter_map(Weak::upgrade).for_each(|progress| progress.note_heard());
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
        let stream = Rc::new(RefCell::new(stream));
        *watch.0.stream.borrow_mut() = Rc::downgrade(&stream);
        Wire { stream, watch: watch.clone() }
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut *self.stream.borrow_mut()).poll_read(context, into);
        if read.is_ready() {
            self.watch.see_read();
        }
        self.watch.see(read)
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Write::poll_write(Pin::new(&mut *self.stream.borrow_mut()), context, bytes);
        self.watch.see_written(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(Pin::new(&mut *self.stream.borrow_mut()), context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(&mut *self.stream.borrow_mut()), context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Write::poll_write_vectored(Pin::new(&mut *self.stream.borrow_mut()), context, pieces);
        self.watch.see_written(written)
    }
}
