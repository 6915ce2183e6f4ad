//! Where a body comes from: over which connection, and what becomes of that.

use super::one::One;
use super::pool::{Host, Pool};
use super::two::Use;
use bytes::Bytes;
use fate::{Fate, Instant, Permit};
use fate_tls::TlsError;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A body that nobody wants is gone through to its end, to use its connection again, if there is no more of it.
const WORTH_SKIPPING: usize = 64 * 1024;

/// Where a body comes from.
pub(super) enum Source {
    /// It comes over a connection of its own, which then rests.
    One(Box<OneSource>),
    Two {
        incoming: Incoming,
        by: Use,
    },
    /// All of it was received.
    Done,
}

pub(super) struct OneSource {
    incoming: Incoming,
    one: One,
    host: Rc<Host>,
    pool: Rc<Pool>,
    /// The last to go: when somebody gets it, the connection rests, or is closed.
    _token: Permit,
}

impl Source {
    pub fn one(one: One, token: Permit, host: &Rc<Host>, pool: &Rc<Pool>, incoming: Incoming) -> Source {
        Source::One(Box::new(OneSource { incoming, one, host: host.clone(), pool: pool.clone(), _token: token }))
    }

    pub fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self {
            Source::One(source) => {
                let OneSource { incoming, one, .. } = &mut **source;
                if let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(context) {
                    return Poll::Ready(frame);
                }
                one.drive(context);
                Pin::new(incoming).poll_frame(context)
            }
            Source::Two { incoming, .. } => Pin::new(incoming).poll_frame(context),
            Source::Done => Poll::Ready(None),
        }
    }

    pub fn has_ended(&self) -> bool {
        match self {
            Source::One(source) => source.incoming.is_end_stream(),
            Source::Two { incoming, .. } => incoming.is_end_stream(),
            Source::Done => true,
        }
    }

    pub fn size_hint(&self) -> SizeHint {
        match self {
            Source::One(source) => source.incoming.size_hint(),
            Source::Two { incoming, .. } => incoming.size_hint(),
            Source::Done => SizeHint::with_exact(0),
        }
    }

    /// Why encryption has failed, if it has.
    pub fn refusal(&self) -> Option<TlsError> {
        match self {
            Source::One(source) => source.one.refusal(),
            Source::Two { by, .. } => by.refusal(),
            Source::Done => None,
        }
    }

    /// How often something has come by now over a connection that is shared.
    pub fn heard(&self) -> u64 {
        if let Source::Two { by, .. } = self { by.heard() } else { 0 }
    }

    /// Somebody has waited in vain since then, when so much had come.
    pub fn doubt_if_silent(&self, silence: (Instant, u64), now: Instant) {
        if let Source::Two { by, .. } = self {
            by.doubt_if_silent(silence, now);
        }
    }

    /// Nothing came in time.
    pub fn doubt(&self) {
        if let Source::Two { by, .. } = self {
            by.doubt();
        }
    }

    /// Nobody wants it. If all of it is here already the connection can serve others; else that is closed, rather than
    /// waited for.
    pub fn discard(mut self, fate: &Fate) {
        let mut context = Context::from_waker(Waker::noop());
        let mut left = WORTH_SKIPPING;
        while !self.has_ended() {
            match self.poll_frame(&mut context) {
                Poll::Ready(Some(Ok(frame))) => match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(less) => left = less,
                    None => return,
                },
                Poll::Ready(None) => break,
                Poll::Ready(Some(Err(_))) | Poll::Pending => return,
            }
        }
        self.finish(fate);
    }

    /// All was received: the connection can serve others.
    pub fn finish(&mut self, fate: &Fate) {
        if let Source::One(source) = std::mem::replace(self, Source::Done) {
            let OneSource { one, host, pool, _token, incoming } = *source;
            drop(incoming);
            pool.put(fate, &host, one);
        }
    }
}
