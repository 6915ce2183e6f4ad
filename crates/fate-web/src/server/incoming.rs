//! The body of a request, as it comes: bounded, and not slower than is bearable.

use super::line::Line;
use super::patience::{Credit, Limits};
use bytes::Bytes;
use fate::{Fate, Homebound, Instant, Sleep};
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming as Arriving;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::string::FromUtf8Error;
use std::task::{Context, Poll};
use std::time::Duration;

type AnyError = Box<dyn Error + Send + Sync>;

/// The body of a request that came to a [`Server`](crate::Server): any code for the traits of the crate `http-body` takes it.
///
/// It comes as it is asked for, and the other side is held back meanwhile. What is left of it when it is dropped is not waited for.
///
/// ```
/// use fate::sim::Sim;
/// use fate_web::{Server, Incoming};
///
/// # let mut sim = Sim::new(1);
/// # let fate = sim.host("server");
/// let server = Server::new().serve(&fate, fate.listen_tcp("0.0.0.0:80")?, async |request: http::Request<Incoming>| {
///     let name = request.into_body().text().await?;
///     fate::Ok(format!("hello, {name}\n"))
/// });
/// # let client = sim.host("client");
/// # client.clone().spawn(async move {
/// #     let stream = client.connect_tcp("server:80").await?;
/// #     stream.write_bytes("POST / HTTP/1.0\r\ncontent-length: 5\r\n\r\nAlice".into()).await?;
/// #     while let Some(line) = stream.read_line(100).await? { if line.is_empty() { break } }
/// #     assert_eq!(stream.read_line(100).await?.as_deref(), Some("hello, Alice"));
/// #     server.stop();
/// #     fate::Ok(())
/// # });
/// # sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct Incoming {
    incoming: Limited<Arriving>,
    /// How slow it is; if it is not empty, and that is asked.
    pace: Option<Box<Homebound<Pace>>>,
}

/// How long it was waited for.
struct Pace {
    fate: Fate,
    credit: Credit,
    waiting: Option<(Instant, Sleep)>,
}

impl Incoming {
    pub(super) fn new(incoming: Arriving, limits: &Limits, line: &Line, patience: Duration) -> Incoming {
        let limit = usize::try_from(limits.body).unwrap_or(usize::MAX);
        let pace = (!incoming.is_end_stream()).then(|| {
            let pace = Pace { fate: line.fate().clone(), credit: Credit::new(patience), waiting: None };
            Box::new(line.fate().keep_home(pace))
        });
        Incoming { incoming: Limited::new(incoming, limit), pace }
    }

    /// The same without the [deadline](crate::Server::body_deadline): whoever sends it may be silent for as long as they like. It is what a
    /// conversation wants that goes on over one request, both ways, and in which nobody may have anything to say for a while. What is
    /// not limited any more is for you to limit: by a fuse, or [`add_timeout`](fate::Deferred::add_timeout).
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use fate_web::{Incoming, Outgoing, Server};
    /// use http::{Request, Response};
    ///
    /// # let mut sim = Sim::new(1);
    /// # let (fate, client) = (sim.host("server"), sim.host("client"));
    /// // Says what it hears.
    /// let server = Server::new().serve(&fate, fate.listen_tcp("0.0.0.0:80")?, async |request: Request<Incoming>| {
    ///     Response::new(Outgoing::of(request.into_body().without_deadline()))
    /// });
    /// # client.clone().spawn(async move {
    /// #     let stream = client.connect_tcp("server:80").await?;
    /// #     stream.write_bytes("POST / HTTP/1.0\r\ncontent-length: 5\r\n\r\n".into()).await?;
    /// #     client.sleep(std::time::Duration::from_secs(3600)).await;
    /// #     stream.write_bytes("Alice".into()).await?;
    /// #     while let Some(line) = stream.read_line(100).await? { if line.is_empty() { break } }
    /// #     assert_eq!(stream.read_line(100).await?.as_deref(), Some("Alice"));
    /// #     server.stop();
    /// #     fate::Ok(())
    /// # });
    /// # sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[must_use]
    pub fn without_deadline(self) -> Incoming {
        Incoming { pace: None, ..self }
    }

    /// Waits for the whole of it.
    ///
    /// # Errors
    /// [`IncomingError`]. A service that fails with it has the other side told what is wrong.
    pub async fn bytes(self) -> Result<Bytes, IncomingError> {
        let collected = self.collect().await.map_err(IncomingError::from)?;
        Ok(collected.to_bytes())
    }

    /// Waits for the whole of it, which is text.
    ///
    /// # Errors
    /// As [`Incoming::bytes`], and if it is not UTF-8.
    pub async fn text(self) -> Result<String, IncomingError> {
        String::from_utf8(self.bytes().await?.into()).map_err(|error| IncomingError(Kind::NoText(error)))
    }
}

/// As a body its error is anything: [`LengthLimitError`] if it is too long, which is what others know, axum among
/// them, and [`IncomingError`] otherwise.
impl Body for Incoming {
    type Data = Bytes;
    type Error = AnyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnyError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.incoming).poll_frame(context);
        let Some(pace) = &mut this.pace else { return polled.map_err(in_our_words) };
        match polled {
            Poll::Pending if pace.poll_late(context).is_ready() => {
                Poll::Ready(Some(Err(IncomingError(Kind::TooSlow).into())))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                pace.came(data.map_or(0, Bytes::len));
                Poll::Ready(frame.map(|frame| frame.map_err(in_our_words)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// What hyper says of it, as ours; but for what others know too.
fn in_our_words(error: AnyError) -> AnyError {
    if error.is::<LengthLimitError>() { error } else { IncomingError(Kind::Broken(error)).into() }
}

impl Pace {
    /// Bytes came, or the end.
    fn came(&mut self, count: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.credit = self.credit.after(self.fate.now() - since, count);
        }
    }

    /// Ready if they should have come by now.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Pace { fate, credit, waiting } = self;
        let (_, sleep) = waiting.get_or_insert_with(|| (fate.now(), fate.sleep(credit.left())));
        Pin::new(sleep).poll(context)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}

/// Why the body of a request did not come.
///
/// If a service of a [`Server`](crate::Server) fails with it, or with an error that has it among its sources, the response is
/// [`IncomingError::status`].
#[derive(Debug)]
pub struct IncomingError(Kind);

#[derive(Debug)]
enum Kind {
    TooLong(AnyError),
    TooSlow,
    NoText(FromUtf8Error),
    Broken(AnyError),
}

/// What an [`Incoming`] gives as a body, for a service that takes it as one: by its trailers, or frame by frame.
impl From<AnyError> for IncomingError {
    fn from(error: AnyError) -> IncomingError {
        match error.downcast() {
            Ok(error) => *error,
            Err(error) if error.is::<LengthLimitError>() => IncomingError(Kind::TooLong(error)),
            Err(error) => IncomingError(Kind::Broken(error)),
        }
    }
}

impl IncomingError {
    /// It is longer than [`Server::body_limit`](crate::Server::body_limit) allows.
    pub fn is_too_long(&self) -> bool {
        matches!(self.0, Kind::TooLong(_))
    }

    /// It did not come in time.
    pub fn is_too_slow(&self) -> bool {
        matches!(self.0, Kind::TooSlow)
    }

    /// The other side went away, or what it sent is no body.
    pub fn is_broken(&self) -> bool {
        matches!(self.0, Kind::Broken(_))
    }

    /// What the other side is told: `413`, `408` or `400`.
    pub fn status(&self) -> StatusCode {
        match self.0 {
            Kind::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Kind::NoText(_) | Kind::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// What is told if a service fails with this error, or because of one.
    pub(super) fn status_for(error: &(dyn Error + 'static)) -> Option<StatusCode> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<IncomingError>() {
                return Some(found.status());
            }
            if error.is::<LengthLimitError>() {
                return Some(StatusCode::PAYLOAD_TOO_LARGE);
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for IncomingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::TooLong(_) => "the body of the request is too long",
            Kind::TooSlow => "the body of the request did not come in time",
            Kind::NoText(_) => "the body of the request is not UTF-8",
            Kind::Broken(_) => "the body of the request is broken off",
        })
    }
}

impl Error for IncomingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::TooLong(error) | Kind::Broken(error) => Some(&**error),
            Kind::NoText(error) => Some(error),
            Kind::TooSlow => None,
        }
    }
}
