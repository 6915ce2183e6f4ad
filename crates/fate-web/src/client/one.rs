//! A connection that speaks HTTP/1.1.
//!
//! Whoever uses it drives it: hyper's machine is polled by the request that waits for its response, and by whoever
//! reads the body of that. No task runs for it, and while nobody uses it nothing does.

use super::bell::Bell;
use super::sent::Outgoing;
use super::wire::{Watch, Wire};
use fate::{TcpStream, Tether};
use fate_tls::TlsError;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// The longest header of a response.
pub(super) const LONGEST_HEADER: usize = 256 * 1024;

/// The most lines in it.
const MOST_LINES: usize = 256;

/// A connection that speaks HTTP/1.1.
pub(super) struct One {
    sender: SendRequest<Outgoing>,
    connection: Box<Connection<Wire, Outgoing>>,
    tether: Tether,
    watch: Watch,
    bell: Option<Bell>,
    has_ended: bool,
    /// Whether it has served before: then the other side may just have closed it.
    pub is_used: bool,
}

impl One {
    pub async fn begin(stream: TcpStream) -> hyper::Result<One> {
        let (tether, watch) = (stream.tether(), Watch::default());
        let mut builder = http1::Builder::new();
        builder.max_headers(MOST_LINES).max_header_size(LONGEST_HEADER);
        let (sender, connection) = builder.handshake(Wire::new(stream, &watch)).await?;
        let connection = Box::new(connection);
        Ok(One { sender, connection, tether, watch, bell: None, has_ended: false, is_used: false })
    }

    /// Sends a request, and waits for the header of the response. On an error it gives the request back, if not a byte
    /// of it was sent.
    pub async fn ask(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|context| {
            if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            drive(&mut self.connection, &mut self.has_ended, context);
            answer.as_mut().poll(context)
        })
        .await
    }

    /// Why encryption has failed, if it has.
    pub fn refusal(&self) -> Option<TlsError> {
        self.watch.refusal()
    }

    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Has hyper do what there is to do.
    pub fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.connection, &mut self.has_ended, context);
    }

    /// Puts it to rest, if it can serve again: no run goes on for it, and the bell is told of what comes.
    pub fn rest(mut self, make_bell: impl FnOnce() -> Bell) -> Option<One> {
        self.is_used = true;
        self.tether.loosen();
        self.bell.get_or_insert_with(make_bell).turn(true);
        self.look().then_some(self)
    }

    /// Whether it is still open, and waits for a request, as far as can be known.
    pub fn is_fresh(&mut self) -> bool {
        // Of all that could have changed the bell would have been told.
        !self.bell.as_ref().is_some_and(Bell::has_rung) || self.look()
    }

    /// Has a look at it while it rests. Says whether it is still open, and waits for a request.
    pub fn look(&mut self) -> bool {
        let waker = self.bell.as_ref().map_or(Waker::noop().clone(), Bell::waker);
        self.drive(&mut Context::from_waker(&waker));
        !self.has_ended && self.sender.is_ready()
    }

    /// Puts it to use again.
    pub fn rouse(&self) {
        self.bell.iter().for_each(|bell| bell.turn(false));
        self.tether.fasten();
    }
}

fn drive(connection: &mut Connection<Wire, Outgoing>, has_ended: &mut bool, context: &mut Context<'_>) {
    // What went wrong is told to whoever waits for the response, or reads its body.
    if !*has_ended {
        *has_ended = Pin::new(connection).poll(context).is_ready();
    }
}
