//! Bodies that are received.
//!
//! Nothing is received that nobody asks for: who does not go on reading makes the other side wait, by way of the
//! kernel.

use super::error::{Deadline, Kind, WebError};
use super::patience::{Alarm, Silence};
use super::phase::Phase;
use super::source::Source;
use super::unpacker::{Coding, Unpacked, Unpacker};
use bytes::Bytes;
use fate::{Fate, Instant};
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use url::Url;

/// The body of a response, as a body of the crate `http-body`: unpacked, with its deadlines, received as it is asked
/// for.
///
/// Whoever polls it and is told that there is nothing yet counts as waiting until he polls it again: so long silence
/// may last until the [idle deadline](crate::ClientBuilder::idle).
///
/// # Cancellation
/// Dropping it before its end closes the connection; with HTTP/2 it tells the other side to stop.
pub struct ResponseBody(Received);

/// The same, inside.
pub(super) struct Received {
    fate: Fate,
    url: Url,
    source: Source,
    unpacker: Option<Box<Unpacker>>,
    idle: Silence,
    total: Alarm,
    /// Since when somebody waits, and how much had come over the connection by then.
    silence: Option<(Instant, u64)>,
    has_failed: bool,
}

impl Received {
    pub fn plain(
        fate: &Fate,
        url: &Url,
        source: Source,
        idle_limit: Option<Duration>,
        end: Option<Instant>,
    ) -> Received {
        let mut received = Received {
            fate: fate.clone(),
            url: url.clone(),
            source,
            unpacker: None,
            idle: Silence::of(idle_limit),
            total: Alarm::at(end),
            silence: None,
            has_failed: false,
        };
        received.finish_early();
        received
    }

    /// The same, unpacked if the headers say that it is packed; then they do not any more.
    pub fn unpacked(mut self, headers: &mut HeaderMap, allowed: u64) -> Received {
        // Packed twice it is left as it came, and says so.
        let mut codings = headers.get_all(header::CONTENT_ENCODING).into_iter();
        let only = codings.next().filter(|_| codings.next().is_none());
        let coding = only.and_then(|value| value.to_str().ok());
        if let Some(coding) = coding.and_then(Coding::of_name) {
            headers.remove(header::CONTENT_ENCODING);
            headers.remove(header::CONTENT_LENGTH);
            self.unpacker = Some(Box::new(Unpacker::new(coding, allowed)));
        }
        self
    }

    pub fn fate(&self) -> &Fate {
        &self.fate
    }

    pub fn error(&self, kind: Kind) -> WebError {
        WebError::new(kind, Phase::Body, &self.url)
    }

    /// How much is still to come, if that is known.
    pub fn length(&self) -> Option<u64> {
        if self.unpacker.is_some() { None } else { self.source.size_hint().exact() }
    }

    pub fn into_body(self) -> ResponseBody {
        ResponseBody(self)
    }

    /// Nobody wants it.
    pub fn discard(self) {
        self.source.discard(&self.fate);
    }

    /// The next piece; nothing at the end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, WebError> {
        let waiting = Waiting(self);
        loop {
            match poll_fn(|context| waiting.0.poll(context)).await {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
                Some(Err(error)) => return Err(error),
                None => return Ok(None),
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WebError>>> {
        if self.has_failed {
            return Poll::Ready(None);
        }
        let frame = ready!(self.poll_unpacked(context));
        if let Some(Err(error)) = &frame {
            if error.deadline() == Some(Deadline::Idle) {
                self.source.doubt();
            }
            // The connection is closed: what else comes over it is of no use.
            self.has_failed = true;
            self.source = Source::Done;
        }
        Poll::Ready(frame)
    }

    fn poll_unpacked(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WebError>>> {
        loop {
            if let Some(piece) = self.next_unpacked().transpose() {
                return Poll::Ready(Some(piece.map(Frame::data)));
            }
            let frame = match ready!(self.poll_packed(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(self.finish_unpacking().err().map(Err)),
            };
            let Some(unpacker) = &mut self.unpacker else { return Poll::Ready(Some(Ok(frame))) };
            match frame.into_data() {
                Ok(packed) => unpacker.feed(packed),
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
    }

    fn next_unpacked(&mut self) -> Result<Option<Bytes>, WebError> {
        let Some(unpacker) = &mut self.unpacker else { return Ok(None) };
        match unpacker.next() {
            Ok(Unpacked::Piece(piece)) => Ok(Some(piece)),
            Ok(Unpacked::Hungry) => Ok(None),
            Ok(Unpacked::TooLong) => Err(self.error(Kind::TooLong("it unpacks to more than is allowed"))),
            Err(error) => Err(self.error(Kind::Decode).because(error)),
        }
    }

    fn finish_unpacking(&mut self) -> Result<(), WebError> {
        match self.unpacker.take().map_or(Ok(()), |mut unpacker| unpacker.finish()) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.error(Kind::Decode).because(error)),
        }
    }

    fn poll_packed(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WebError>>> {
        // Also of one who never has to be waited for.
        if self.total.moment().is_some_and(|end| end <= self.fate.now()) && !self.source.has_ended() {
            return Poll::Ready(Some(Err(self.time_is_up())));
        }
        let frame = match self.source.poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => return self.poll_alarms(context).map(|error| Some(Err(error))),
        };
        self.idle.end();
        self.silence = None;
        match frame {
            Some(Ok(frame)) => {
                self.finish_early();
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                let refusal = self.source.refusal();
                Poll::Ready(Some(Err(WebError::of_answer(error, refusal, Phase::Body, &self.url))))
            }
            None => {
                self.source.finish(&self.fate);
                Poll::Ready(None)
            }
        }
    }

    /// Lets the connection go as soon as it is known that nothing more comes.
    fn finish_early(&mut self) {
        if self.source.has_ended() {
            self.source.finish(&self.fate);
        }
    }

    fn time_is_up(&self) -> WebError {
        if let Some(silence) = self.silence {
            self.source.doubt_if_silent(silence, self.fate.now());
        }
        self.error(Kind::Timeout(Deadline::Total))
    }

    fn poll_alarms(&mut self, context: &mut Context<'_>) -> Poll<WebError> {
        self.silence.get_or_insert_with(|| (self.fate.now(), self.source.heard()));
        if self.total.poll(&self.fate, context).is_ready() {
            return Poll::Ready(self.time_is_up());
        }
        // Of two deadlines at once the first is told.
        let idle = self.idle.alarm(&self.fate);
        if idle.moment() > self.total.moment() && self.total.moment().is_some() {
            return Poll::Pending;
        }
        idle.poll(&self.fate, context).map(|()| self.error(Kind::Timeout(Deadline::Idle)))
    }
}

/// Somebody waits for the next piece. When he no longer does, silence is nobody's concern.
struct Waiting<'a>(&'a mut Received);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Waiting(received) = self;
        received.idle.pause(&received.fate);
        received.silence = None;
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = WebError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WebError>>> {
        self.0.poll(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.has_failed || self.0.unpacker.is_none() && self.0.source.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.unpacker.is_some() { SizeHint::default() } else { self.0.source.size_hint() }
    }
}

/// What is read of it, for who reads streams.
impl futures_io::AsyncRead for ResponseReader {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.piece.is_empty() {
            match ready!(self.body.0.poll(context)) {
                Some(Ok(frame)) => self.piece = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Ok(0)),
            }
        }
        let count = into.len().min(self.piece.len());
        into[..count].copy_from_slice(&self.piece.split_to(count));
        Poll::Ready(Ok(count))
    }
}

/// The body of a response as a stream that is read, by the traits of `futures-io`. Made by
/// [`ResponseBody::into_reader`].
pub struct ResponseReader {
    body: ResponseBody,
    piece: Bytes,
}

impl ResponseBody {
    /// The same, to be read as a stream is.
    ///
    /// ```
    /// # use fate::sim::Sim;
    /// # use fate_web::Client;
    /// # use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
    /// # let mut sim = Sim::new(1);
    /// # let (server, fate) = (sim.host("server"), sim.host("here"));
    /// # let listener = server.listen_tcp("0.0.0.0:80")?;
    /// # server.spawn(async move {
    /// #     let (mut stream, _) = listener.accept().await?;
    /// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ntwinkle").await?;
    /// #     fate::Ok(())
    /// # });
    /// # let client = Client::new(&fate);
    /// fate.spawn(async move {
    ///     let response = client.get("http://server/").send().await?;
    ///     let mut text = String::new();
    ///     response.into_body().into_reader().read_to_string(&mut text).await?;
    ///     assert_eq!(text, "twinkle");
    ///     fate::Ok(())
    /// });
    /// # sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn into_reader(self) -> ResponseReader {
        ResponseReader { body: self, piece: Bytes::new() }
    }
}

impl fmt::Debug for ResponseReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("size_hint", &self.size_hint()).finish_non_exhaustive()
    }
}
