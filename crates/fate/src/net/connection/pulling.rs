//! What a stream asks for.
//!
//! Whoever asks for a certain number of bytes, or for a line, is given all of it or nothing: what is there stays where it is
//! until it is enough. So nothing is lost when the asking is dropped half way. How far one has searched in vain is of no use to
//! another, who may look for something else.

use super::Connection;
use super::inbound::Inbound;
use crate::framing::{Found, Framing};
use crate::net::protocol::copy;
use fate_core::Reactor;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// Somebody who needs so many bytes to get any.
pub(crate) struct Want<'a> {
    inbound: &'a Inbound,
    count: usize,
    number: u32,
}

/// How many unread bytes are known not to hold what somebody looks for, and for whom.
#[derive(Clone, Copy, Default)]
pub(super) struct Searched {
    by: u32,
    count: usize,
}

impl Drop for Want<'_> {
    fn drop(&mut self) {
        let mut wanted = self.inbound.wanted.borrow_mut();
        if let Some(place) = wanted.iter().position(|count| *count == self.count) {
            wanted.swap_remove(place);
        }
    }
}

impl Want<'_> {
    /// How many of so many unread bytes need not be searched again; all of them are from now on.
    fn searched(&self, length: usize) -> usize {
        let before = self.inbound.searched.replace(Searched { by: self.number, count: length });
        if before.by == self.number { before.count.min(length) } else { 0 }
    }
}

impl Connection {
    /// A stream asks for bytes: as many as there are, none at the end.
    pub fn poll_read(
        self: &Rc<Self>,
        reactor: &Reactor,
        context: &Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let most = into.len();
        let mut count = 0;
        self.poll_read_pieces(reactor, context, most, |piece| {
            into[count..][..piece.len()].copy_from_slice(piece);
            count += piece.len();
        })
    }

    /// As [`Connection::poll_read`], with the bytes where they lie, in one piece or two.
    pub fn poll_read_pieces(
        self: &Rc<Self>,
        reactor: &Reactor,
        context: &Context<'_>,
        most: usize,
        take: impl FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        let count = self.inbound.unread.borrow_mut().read_pieces(most, take);
        if count > 0 || most == 0 {
            self.was_read(reactor);
            return Poll::Ready(Ok(count));
        }
        self.poll_bytes(reactor, context).map_ok(|()| 0)
    }

    /// Waits for more bytes than there are; ready at the end.
    fn poll_bytes(self: &Rc<Self>, reactor: &Reactor, context: &Context<'_>) -> Poll<io::Result<()>> {
        match &*self.inbound.end.borrow() {
            Some(Ok(())) => return Poll::Ready(Ok(())),
            Some(Err(error)) => return Poll::Ready(Err(copy(error))),
            None if !self.is_open() => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            None => {}
        }
        self.inbound.has_reader.set(true);
        self.inbound.reader.wait(reactor, context);
        self.want_more(reactor);
        Poll::Pending
    }

    /// Has so many bytes held, until what this gives is dropped.
    pub fn want(&self, count: usize) -> Want<'_> {
        self.inbound.wanted.borrow_mut().push(count);
        let number = self.inbound.wants.get().wrapping_add(1);
        self.inbound.wants.set(number);
        Want { inbound: &self.inbound, count, number }
    }

    /// A stream asks for so many bytes, or none.
    pub fn poll_read_exact(
        self: &Rc<Self>,
        reactor: &Reactor,
        context: &Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<()>> {
        if self.inbound.unread.borrow().len() >= into.len() {
            self.inbound.unread.borrow_mut().read(into);
            self.was_read(reactor);
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_bytes(reactor, context))?;
        Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
    }

    /// A stream asks for everything up to a certain byte, or nothing.
    pub fn poll_read_until(
        self: &Rc<Self>,
        reactor: &Reactor,
        context: &Context<'_>,
        end: u8,
        limit: usize,
        want: &Want<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let (found, length) = {
            let mut unread = self.inbound.unread.borrow_mut();
            let bytes = unread.in_one_piece();
            let searched = want.searched(bytes.len());
            let found = bytes[searched..].iter().position(|byte| *byte == end);
            (found.map(|position| searched + position + 1), bytes.len())
        };
        let count = match found {
            Some(count) if count <= limit => count,
            None if length <= limit => {
                ready!(self.poll_bytes(reactor, context))?;
                length
            }
            _ => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "too long"))),
        };
        let mut taken = vec![0; count];
        self.inbound.unread.borrow_mut().read(&mut taken);
        self.was_read(reactor);
        Poll::Ready(Ok((count > 0).then_some(taken)))
    }

    /// A stream asks for a whole frame, or nothing.
    pub fn poll_read_frame(
        self: &Rc<Self>,
        reactor: &Reactor,
        context: &Context<'_>,
        framing: &dyn Framing,
        want: &Want<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let (found, is_empty) = {
            let mut unread = self.inbound.unread.borrow_mut();
            let bytes = unread.in_one_piece();
            let searched = want.searched(bytes.len());
            (framing.find(bytes, searched)?, bytes.is_empty())
        };
        let Some(Found { frame, length }) = found else {
            ready!(self.poll_bytes(reactor, context))?;
            return Poll::Ready(if is_empty { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
        };
        let mut taken = vec![0; length];
        self.inbound.unread.borrow_mut().read(&mut taken);
        self.was_read(reactor);
        taken.truncate(frame.end);
        taken.drain(..frame.start);
        Poll::Ready(Ok(Some(taken)))
    }

    /// Waits until the other side has closed its direction, or is gone altogether.
    pub fn poll_peer_closed(self: &Rc<Self>, reactor: &Reactor, context: &Context<'_>) -> Poll<()> {
        if self.inbound.peer_closed.get() || !self.is_open() {
            return Poll::Ready(());
        }
        self.inbound.mourner.wait(reactor, context);
        self.update_reading(reactor);
        Poll::Pending
    }
}
