//! What TLS can be spoken over.

use crate::error::{Cause, Peer};
use crate::layer::{Side, TlsLayer};
use crate::{Phase, Session, TlsError};
use fate::{Address, Cancelled, Deferred, Elapsed, Failure, Layer, TcpStream, Transport, UnixStream};
use std::cell::OnceCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// What TLS can be spoken over: a stream, or the transport of a protocol.
pub trait Carrier: sealed::Sealed {
    #[doc(hidden)]
    #[track_caller]
    fn put_layer(&self, layer: impl Layer) -> Deferred<()>;

    #[doc(hidden)]
    fn other_side(&self) -> Address;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for fate::TcpStream {}
    impl Sealed for fate::UnixStream {}
    impl Sealed for fate::Transport {}
}

macro_rules! carrier {
    ($($carrier:ty),+) => {
        $(impl Carrier for $carrier {
            fn put_layer(&self, layer: impl Layer) -> Deferred<()> {
                self.set_layer(layer)
            }

            fn other_side(&self) -> Address {
                self.peer_address().clone()
            }
        })+
    };
}

carrier!(TcpStream, UnixStream, Transport);

/// Has the two sides agree, within the deadline.
#[track_caller]
pub(crate) fn wrap(carrier: &impl Carrier, side: Side, name: Option<&str>, deadline: Duration) -> Deferred<Session> {
    let peer = Peer { name: name.map(Into::into), address: carrier.other_side() };
    let agreed = Rc::new(OnceCell::new());
    let layer = TlsLayer::new(side, peer.clone(), &agreed);
    carrier.put_layer(layer).add_timeout(deadline).and_both(move |result| match (result, agreed.get()) {
        (Ok(()), Some(session)) => Ok(session.clone()),
        (Ok(()), None) => unreachable!("the layer is ready when there is a session"),
        (Err(failure), _) => Err(explain(failure, peer, deadline)),
    })
}

/// What a newcomer can read. That somebody has cancelled it stays what it is.
fn explain(failure: Failure, peer: Peer, deadline: Duration) -> Failure {
    if failure.is::<Cancelled>() {
        return failure;
    }
    let place = failure.born();
    let told = TlsError::find(failure.error()).cloned();
    let error = told.unwrap_or_else(|| TlsError::new(Phase::Handshake, Some(peer), cause_of(failure, deadline)));
    Failure::born_at(error, place)
}

/// What has kept two sides from agreeing, where it was not TLS that said so.
fn cause_of(failure: Failure, deadline: Duration) -> Cause {
    if failure.is::<Elapsed>() {
        return Cause::TimedOut(deadline);
    }
    match failure.trap::<io::Error>() {
        Ok(error) if error.kind() == io::ErrorKind::UnexpectedEof => Cause::Truncated,
        Ok(error) => Cause::Io(error),
        Err(other) => other.to_string().into(),
    }
}
