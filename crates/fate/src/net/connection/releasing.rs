//! A connection that is given away: its descriptor, and what came in and was not read.

use super::{Connection, Consumer, Stage};
use crate::Fate;
use fate_core::Reactor;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

impl Connection {
    /// Receives nothing until a stream asks again, and waits until nothing is on its way.
    pub(super) fn poll_quiet(self: &Rc<Self>, reactor: &Reactor, context: &Context<'_>) -> Poll<()> {
        self.inbound.has_reader.set(false);
        self.update_reading(reactor);
        if self.inbound.is_idle() {
            return Poll::Ready(());
        }
        self.inbound.reader.wait(reactor, context);
        Poll::Pending
    }

    /// Sends what was written, receives nothing more, and gives away the descriptor and what was not read. Until then it is
    /// as it was.
    pub async fn release(self: &Rc<Self>) -> io::Result<(OwnedFd, Vec<u8>)> {
        self.check_bare()?;
        let reactor = || self.reactor().ok_or(io::ErrorKind::NotConnected);
        poll_fn(|context| self.poll_still(&*reactor()?, context)).await?;
        self.forget_reading(&*reactor()?);
        // By the next turn the kernel knows that nothing of this socket is waited for.
        let next_turn = Fate::of(&reactor()?).get_fuse(Duration::ZERO);
        next_turn.await;
        if let Some(error) = self.inbound.take_error() {
            return Err(error);
        }
        self.give_away(&*reactor()?)
    }

    /// Waits until nothing is on its way in either direction.
    fn poll_still(self: &Rc<Self>, reactor: &Reactor, context: &Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(reactor, context))?;
        self.poll_quiet(reactor, context).map(Ok)
    }

    fn give_away(&self, reactor: &Reactor) -> io::Result<(OwnedFd, Vec<u8>)> {
        let socket = self.socket.get().ok_or(io::ErrorKind::NotConnected)?;
        let descriptor = reactor.network().release(socket)?;
        self.socket.set(None);
        self.stage.set(Stage::Closed);
        *self.consumer.borrow_mut() = Consumer::Nobody;
        if let Some(listing) = self.listing.take() {
            reactor.retire(listing);
        }
        Ok((descriptor, self.inbound.take_unread()))
    }
}
