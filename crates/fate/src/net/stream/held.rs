//! A connection in the hand of a stream: all that streams of every kind do with it.

use crate::framing::{Envelope, Framing};
use crate::net::connection::{Connection, Want};
use crate::{Deferred, Fate};
use bytes::Bytes;
use fate_core::{Network, Reactor, Socket};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A connection that is held by a stream: it goes when this goes.
pub(crate) struct Held(pub Rc<Connection>);

impl Held {
    pub fn reactor(&self) -> io::Result<Rc<Reactor>> {
        self.0.reactor().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    pub fn with_socket<R>(&self, ask: impl FnOnce(&dyn Network, Socket) -> io::Result<R>) -> io::Result<R> {
        self.0.with_socket(ask)
    }

    pub fn poll_read(&self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(&*self.reactor()?, context, into)
    }

    pub fn poll_write(&self, context: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.0.poll_write(&self.reactor()?, context, pieces)
    }

    pub fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(&*self.reactor()?, context)
    }

    pub fn poll_close(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reactor = self.reactor()?;
        ready!(self.0.poll_flush(&reactor, context))?;
        self.0.finish_writing(&reactor);
        Poll::Ready(Ok(()))
    }

    pub async fn read_exact(&self, into: &mut [u8]) -> io::Result<()> {
        let _wanted = self.0.want(into.len());
        poll_fn(|context| self.0.poll_read_exact(&*self.reactor()?, context, into)).await
    }

    pub async fn read_until(&self, end: u8, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let want = self.0.want(limit.saturating_add(1));
        poll_fn(|context| self.0.poll_read_until(&*self.reactor()?, context, end, limit, &want)).await
    }

    pub async fn read_line(&self, limit: usize) -> io::Result<Option<String>> {
        let Some(mut line) = self.read_until(b'\n', limit).await? else { return Ok(None) };
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        String::from_utf8(line).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    pub async fn read_frame(&self, framing: &dyn Framing) -> io::Result<Option<Vec<u8>>> {
        let want = self.0.want(framing.longest());
        poll_fn(|context| self.poll_read_frame(context, framing, &want)).await
    }

    pub fn poll_read_frame(
        &self,
        context: &mut Context<'_>,
        framing: &dyn Framing,
        want: &Want<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        self.0.poll_read_frame(&*self.reactor()?, context, framing, want)
    }

    pub fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_room(&*self.reactor()?, context)
    }

    pub async fn write_frame(&self, framing: &dyn Framing, frame: &[u8]) -> io::Result<()> {
        let envelope = framing.envelope(frame)?;
        poll_fn(|context| self.poll_room(context)).await?;
        self.write_around(&envelope, frame)
    }

    /// Sends a frame in its envelope, whether there is room or not.
    pub fn write_around(&self, envelope: &Envelope<'_>, frame: &[u8]) -> io::Result<()> {
        let reactor = self.reactor()?;
        for piece in envelope.around(frame) {
            self.0.write(&reactor, &piece);
        }
        Ok(())
    }

    pub async fn write_bytes(&self, bytes: Bytes) -> io::Result<()> {
        poll_fn(|context| {
            let reactor = self.reactor()?;
            ready!(self.0.poll_room(&reactor, context))?;
            self.0.write_shared(&reactor, bytes.clone());
            Poll::Ready(Ok(()))
        })
        .await
    }

    pub async fn peer_closed(&self) {
        poll_fn(|context| match self.0.reactor() {
            Some(reactor) => self.0.poll_peer_closed(&reactor, context),
            None => Poll::Ready(()),
        })
        .await;
    }

    pub fn drained(&self, fate: &Fate) -> Deferred<()> {
        self.0.drained(fate)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.leave();
    }
}
