//! Bodies that are sent.

use super::error::Cause;
use super::leash::Tag;
use super::two::MOST_HELD;
use super::wire::Watch;
use bytes::Bytes;
use fate::{Fate, Instant};
use http_body::{Body, Frame, SizeHint};
use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// At most so much is handed on at once: what is taken of a long body can be seen while it is sent.
const PIECE: usize = 16 * 1024;

/// In HTTP/2 a write of less than this is an answer to a ping or the like, and says nothing of any body.
const MUCH: usize = 100;

/// The body of a request: nothing, bytes, or a stream of them.
///
/// A stream is asked for more only when the other side takes what came before. It can be sent once, so a request with
/// one is neither tried again nor [sent elsewhere](crate::ClientBuilder::redirects) whole.
///
/// A response may come before all of the body is sent. Once it has come whole, or was dropped, no more of the body is
/// asked for: HTTP/2 resets the request, HTTP/1.1 closes the connection.
///
/// ```
/// use fate_web::RequestBody;
///
/// assert_eq!(RequestBody::from("twinkle").known_length(), Some(7));
/// assert_eq!(RequestBody::default().known_length(), Some(0));
/// ```
#[derive(Default)]
pub struct RequestBody(Inside);

#[derive(Default)]
enum Inside {
    #[default]
    Nothing,
    Bytes(Bytes),
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = Cause>>>),
}

impl RequestBody {
    /// A stream: any body of the crate `http-body`.
    ///
    /// With HTTP/1.1 nobody but whoever waits for the response, or reads its body, drives the connection: while a
    /// response is held and not read, nothing more of the stream is sent either. Whoever wants to send and receive by
    /// turns reads on, or has somebody else read on, while he sends.
    ///
    /// ```
    /// use fate_web::{Bytes, RequestBody};
    /// use http_body::Frame;
    /// use std::{convert::Infallible, pin::Pin, task::{Context, Poll}};
    ///
    /// struct Countdown(u8);
    ///
    /// impl http_body::Body for Countdown {
    ///     type Data = Bytes;
    ///     type Error = Infallible;
    ///
    ///     fn poll_frame(
    ///         mut self: Pin<&mut Self>,
    ///         _: &mut Context<'_>,
    ///     ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
    ///         self.0 = match self.0.checked_sub(1) {
    ///             Some(left) => left,
    ///             None => return Poll::Ready(None),
    ///         };
    ///         Poll::Ready(Some(Ok(Frame::data(Bytes::from(format!("{}\n", self.0))))))
    ///     }
    /// }
    /// assert_eq!(RequestBody::stream(Countdown(3)).known_length(), None);
    /// ```
    pub fn stream<B>(body: B) -> RequestBody
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
    {
        RequestBody(Inside::Stream(Box::pin(Converted(Box::pin(body)))))
    }

    /// How many bytes it has, if that is known.
    pub fn known_length(&self) -> Option<u64> {
        match &self.0 {
            Inside::Nothing => Some(0),
            Inside::Bytes(bytes) => Some(bytes.len() as u64),
            Inside::Stream(stream) => stream.size_hint().exact(),
        }
    }

    /// The same again, unless it can be sent once only.
    pub(super) fn again(&self) -> Option<RequestBody> {
        match &self.0 {
            Inside::Nothing => Some(RequestBody::default()),
            Inside::Bytes(bytes) => Some(bytes.clone().into()),
            Inside::Stream(_) => None,
        }
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> RequestBody {
        RequestBody(if bytes.is_empty() { Inside::Nothing } else { Inside::Bytes(bytes) })
    }
}

impl From<Vec<u8>> for RequestBody {
    fn from(bytes: Vec<u8>) -> RequestBody {
        Bytes::from(bytes).into()
    }
}

impl From<String> for RequestBody {
    fn from(text: String) -> RequestBody {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for RequestBody {
    fn from(text: &'static str) -> RequestBody {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("known_length", &self.known_length()).finish()
    }
}

/// A body whose errors are of one type.
struct Converted<B>(Pin<Box<B>>);

impl<B: Body<Data = Bytes, Error: Into<Cause>>> Body for Converted<B> {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        self.0.as_mut().poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// How far the sending of a request has come, and what else is seen of its connection meanwhile.
pub(super) struct Progress {
    fate: Fate,
    watch: Watch,
    /// Since when the other side is waited for. Nothing while the body has nothing more to send yet.
    waits_since: Cell<Option<Instant>>,
    /// Whether it goes by HTTP/2. Then whoever asks the body for a piece has got rid of the one before, and what leaves
    /// may be of others.
    is_two: bool,
    is_done: Cell<bool>,
    /// HTTP/2: with so much more that leaves, the last of this request has left as well.
    tail: Cell<usize>,
    /// How much the kernel had not taken yet when that was looked at last.
    buffered: Cell<usize>,
    /// When something came last over the connection, whomever it was for.
    heard: Cell<Instant>,
}

impl Progress {
    pub fn new(fate: &Fate, watch: &Watch, is_two: bool) -> Rc<Progress> {
        let progress = Rc::new(Progress {
            fate: fate.clone(),
            watch: watch.clone(),
            waits_since: Cell::new(Some(fate.now())),
            is_two,
            is_done: Cell::new(false),
            tail: Cell::new(0),
            buffered: Cell::new(0),
            heard: Cell::new(fate.now()),
        });
        watch.tell(&progress);
        progress
    }

    /// Since when the other side is waited for, to take more or to answer; nothing while it is not.
    pub fn waits_since(&self) -> Option<Instant> {
        self.waits_since.get()
    }

    /// Whether there is no more to send.
    pub fn is_done(&self) -> bool {
        self.is_done.get()
    }

    /// Has a look at what the kernel has not taken yet: while that grows less, the other side takes something. Says
    /// whether there is some.
    pub fn look(&self) -> bool {
        let buffered = self.watch.buffered();
        if buffered < self.buffered.replace(buffered) {
            self.note_taken();
        }
        buffered > 0
    }

    /// When something came last over the connection, whomever it was for; else when this was made.
    pub fn heard(&self) -> Instant {
        self.heard.get()
    }

    /// Something came over the connection.
    pub fn note_heard(&self) {
        self.heard.set(self.fate.now());
    }

    /// So much has left over the connection.
    pub fn note_left(&self, count: usize) {
        if self.is_two && count < MUCH {
            return;
        }
        if self.is_two && self.is_done() {
            let tail = self.tail.get();
            self.tail.set(tail.saturating_sub(count));
            if tail == 0 {
                return;
            }
        }
        self.note_taken();
    }

    /// There is no more to send, but for what hyper has not sent yet.
    fn note_end(&self) {
        if !self.is_done.replace(true) {
            // The streams of a connection take turns.
            self.tail.set(self.watch.listeners() * (MOST_HELD + PIECE));
        }
    }

    fn note_taken(&self) {
        if self.waits_since.get().is_some() {
            self.waits_since.set(Some(self.fate.now()));
        }
    }

    /// The body has nothing more to send yet.
    fn note_hunger(&self) {
        self.waits_since.set(None);
    }

    /// The body has more to send, or is at its end.
    fn note_food(&self) {
        if self.is_two || self.waits_since.get().is_none() {
            self.waits_since.set(Some(self.fate.now()));
        }
    }
}

/// A body on its way, as hyper takes it.
pub(super) struct Outgoing {
    body: RequestBody,
    /// What the stream gave, and was not handed on yet.
    rest: Bytes,
    progress: Rc<Progress>,
    /// HTTP/2: what says whose it is.
    tag: Option<Tag>,
}

impl Outgoing {
    pub fn new(body: RequestBody, progress: &Rc<Progress>, tag: Option<Tag>) -> Outgoing {
        if body.known_length() == Some(0) {
            progress.note_end();
        }
        Outgoing { body, rest: Bytes::new(), progress: progress.clone(), tag }
    }

    pub fn into_body(mut self) -> RequestBody {
        std::mem::take(&mut self.body)
    }

    fn poll_whole(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))));
        }
        match &mut self.body.0 {
            Inside::Nothing => Poll::Ready(None),
            Inside::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.body = RequestBody::default();
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Inside::Stream(stream) => stream.as_mut().poll_frame(context),
        }
    }

    /// Keeps what is too much at once.
    fn split(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(mut data) => {
                self.rest = data.split_off(data.len().min(PIECE));
                Frame::data(data)
            }
            Err(trailers) => trailers,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        if let Some(tag) = self.tag.take() {
            tag.show();
        }
        let Poll::Ready(frame) = self.poll_whole(context) else {
            self.progress.note_hunger();
            return Poll::Pending;
        };
        let frame = frame.map(|frame| frame.map(|frame| self.split(frame)));
        self.progress.note_food();
        if frame.is_none() || self.is_end_stream() {
            self.progress.note_end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
            && match &self.body.0 {
                Inside::Nothing => true,
                Inside::Bytes(_) => false,
                Inside::Stream(stream) => stream.is_end_stream(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        let hint = match &self.body.0 {
            Inside::Nothing => SizeHint::with_exact(0),
            Inside::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inside::Stream(stream) => stream.size_hint(),
        };
        more(&hint, self.rest.len() as u64)
    }
}

/// Nobody will ask the body for more: what is waited for from here on is the answer.
impl Drop for Outgoing {
    fn drop(&mut self) {
        self.progress.note_food();
    }
}

/// So much more.
fn more(hint: &SizeHint, more: u64) -> SizeHint {
    let mut sum = SizeHint::new();
    sum.set_lower(hint.lower().saturating_add(more));
    if let Some(upper) = hint.upper() {
        sum.set_upper(upper.saturating_add(more));
    }
    sum
}
