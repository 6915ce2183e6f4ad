//! Descriptors that travel with the bytes of a Unix connection.
//!
//! The kernel hands a descriptor over together with the byte that it was sent with, or never. So these two go past what the
//! connection gathers and holds, in its order: what was written before is sent first, and what came in already is read
//! first.

use super::Connection;
use crate::net::watching::Ready;
use fate_core::{Interest, Reactor};
use std::future::poll_fn;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

impl Connection {
    /// Sends bytes, and descriptors with the first of them.
    pub async fn pass(self: &Rc<Self>, bytes: &[u8], passed: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.check_bare()?;
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "descriptors travel with at least one byte"));
        }
        loop {
            poll_fn(|context| self.poll_clear(&*self.loop_of()?, context)).await?;
            match self.with_socket(|network, socket| network.send_descriptors(socket, bytes, passed)) {
                Ok(count) => {
                    self.write(&self.loop_of()?, &bytes[count..]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _held = Held::begin(self);
                    self.wait_for(Interest::Write).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads bytes, and the descriptors that came with them.
    pub async fn take_passed(self: &Rc<Self>, into: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.check_bare()?;
        if into.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "descriptors travel with at least one byte"));
        }
        loop {
            let came_before = poll_fn(|context| self.poll_held(&*self.loop_of()?, context, into)).await?;
            if let Some(count) = came_before {
                return Ok((count, Vec::new()));
            }
            let mut passed = Vec::new();
            match self.with_socket(|network, socket| network.receive_descriptors(socket, into, &mut passed)) {
                Ok(count) => return Ok((count, passed)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_for(Interest::Read).await?,
                Err(error) => return Err(error),
            }
        }
    }

    fn loop_of(&self) -> io::Result<Rc<Reactor>> {
        self.reactor().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Waits until bytes may be sent, and none is waiting to be.
    fn poll_clear(&self, reactor: &Reactor, context: &Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_room(reactor, context))?;
        self.poll_flush(reactor, context)
    }

    /// What has come in already, once no more does; nothing if that is nothing.
    fn poll_held(
        self: &Rc<Self>,
        reactor: &Reactor,
        context: &Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<Option<usize>>> {
        ready!(self.poll_quiet(reactor, context));
        if self.inbound.has_unread() || self.inbound.has_ended() {
            return self.poll_read(reactor, context, into).map_ok(Some);
        }
        Poll::Ready(Ok(None))
    }

    async fn wait_for(&self, interest: Interest) -> io::Result<()> {
        let reactor = self.loop_of()?;
        let socket = self.with_socket(|_, socket| Ok(socket))?;
        let ready = Ready::of(&reactor, socket.0, interest, self.place.get());
        drop(reactor);
        ready.await.map(|_| ())
    }
}

/// While this is there, nothing else is sent: what waits for room comes before what is written meanwhile.
struct Held<'a>(&'a Rc<Connection>);

impl Held<'_> {
    fn begin(connection: &Rc<Connection>) -> Held<'_> {
        if let Some(reactor) = connection.reactor() {
            connection.hold_sending(&reactor, true);
        }
        Held(connection)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(reactor) = self.0.reactor() {
            self.0.hold_sending(&reactor, false);
        }
    }
}
