//! A listener that is given away: its descriptor, and connections that were accepted and not asked for.

use super::{Accepting, Listener};
use fate_core::Reactor;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll};

impl Listener {
    /// The loop it belongs to, as long as there is one.
    pub fn reactor(&self) -> Option<Rc<Reactor>> {
        self.reactor.upgrade()
    }

    /// Accepts nothing more, and gives away the descriptor and the connections that nobody has asked for. Until then it is
    /// as it was. Its file, if it has one, goes with the descriptor.
    pub async fn release(&self) -> io::Result<(OwnedFd, Vec<OwnedFd>)> {
        let reactor = || self.reactor.upgrade().ok_or(io::ErrorKind::NotConnected);
        self.is_paused.set(true);
        poll_fn(|context| self.poll_quiet(&*reactor()?, context).map(io::Result::Ok)).await?;
        self.give_away(&*reactor()?)
    }

    /// Waits until nothing is being accepted.
    fn poll_quiet(&self, reactor: &Reactor, context: &Context<'_>) -> Poll<()> {
        self.stop_accepting(reactor);
        if let Accepting::Idle = self.accepting.get() {
            return Poll::Ready(());
        }
        self.waiter.wait(reactor, context);
        Poll::Pending
    }

    fn give_away(&self, reactor: &Reactor) -> io::Result<(OwnedFd, Vec<OwnedFd>)> {
        let socket = self.socket.get().ok_or(io::ErrorKind::NotConnected)?;
        let descriptor = reactor.network().release(socket)?;
        self.socket.set(None);
        if let Some(listing) = self.listing.take() {
            reactor.retire(listing);
        }
        let accepted = self.accepted.take().into_iter().map(|socket| reactor.network().release(socket));
        Ok((descriptor, accepted.filter_map(Result::ok).collect()))
    }
}
