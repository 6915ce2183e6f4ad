//! The body of a response.

use bytes::Bytes;
use fate::Failure;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, StreamBody};
use std::error::Error;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

type AnyError = Box<dyn Error + Send + Sync>;

/// The body of a response: nothing, bytes that are there already, or what comes piece by piece.
///
/// ```
/// use bytes::Bytes;
/// use fate::sim::Sim;
/// use fate_web::{Incoming, Outgoing, Server};
/// use futures_lite::stream;
/// use http::{Request, Response};
/// use std::time::Duration;
///
/// # let mut sim = Sim::new(1);
/// # let fate = sim.host("server");
/// let here = fate.clone();
/// let server = Server::new().serve(&fate, fate.listen_tcp("0.0.0.0:80")?, move |_: Request<Incoming>| {
///     let here = here.clone();
///     let countdown = stream::unfold(3, move |number| {
///         let here = here.clone();
///         async move {
///             here.sleep(Duration::from_secs(1)).await;
///             (number > 0).then(|| (fate::Ok(Bytes::from(format!("{number}\n"))), number - 1))
///         }
///     });
///     async { Response::new(Outgoing::pieces(countdown)) }
/// });
/// # let client = sim.host("client");
/// # client.clone().spawn(async move {
/// #     let stream = client.connect_tcp("server:80").await?;
/// #     stream.write_bytes("GET / HTTP/1.0\r\n\r\n".into()).await?;
/// #     while let Some(line) = stream.read_line(100).await? { if line.is_empty() { break } }
/// #     for number in ["3", "2", "1"] { assert_eq!(stream.read_line(100).await?.as_deref(), Some(number)); }
/// #     server.stop();
/// #     fate::Ok(())
/// # });
/// # sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Default)]
pub struct Outgoing(Inside);

#[derive(Default)]
enum Inside {
    #[default]
    Nothing,
    Whole(Bytes),
    Pieces(Pin<Box<dyn Body<Data = Bytes, Error = AnyError>>>),
}

impl Outgoing {
    /// A body of another kind.
    pub fn of<B>(body: B) -> Outgoing
    where
        B: Body<Data = Bytes, Error: Into<AnyError>> + 'static,
    {
        Outgoing(Inside::Pieces(Box::pin(body.map_err(Into::into))))
    }

    /// Pieces that are sent as they come, when the other side has taken those before. A piece that is an error ends the
    /// connection, so that the other side does not take what it has for the whole.
    pub fn pieces<E: Into<Failure>>(pieces: impl Stream<Item = Result<Bytes, E>> + 'static) -> Outgoing {
        let pieces = StreamBody::new(Framed(Box::pin(pieces)));
        let pieces = pieces.map_err(|error: E| AnyError::from(error.into().to_string()));
        Outgoing(Inside::Pieces(Box::pin(pieces)))
    }
}

/// A stream of pieces, as frames.
struct Framed<S>(Pin<Box<S>>);

impl<S: Stream<Item = Result<Bytes, E>>, E> Stream for Framed<S> {
    type Item = Result<Frame<Bytes>, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

impl<T: Into<Bytes>> From<T> for Outgoing {
    fn from(bytes: T) -> Outgoing {
        Outgoing(Inside::Whole(bytes.into()))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = AnyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnyError>>> {
        if let Inside::Pieces(pieces) = &mut self.0 {
            return pieces.as_mut().poll_frame(context);
        }
        Poll::Ready(match mem::take(&mut self.0) {
            Inside::Whole(bytes) if !bytes.is_empty() => Some(Ok(Frame::data(bytes))),
            _ => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inside::Nothing => true,
            Inside::Whole(bytes) => bytes.is_empty(),
            Inside::Pieces(pieces) => pieces.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inside::Nothing => SizeHint::with_exact(0),
            Inside::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inside::Pieces(pieces) => pieces.size_hint(),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
