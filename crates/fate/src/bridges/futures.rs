//! The traits of the `futures` crates, for what gives or takes one thing after another: `Stream` and `Sink`.
//!
//! - [`Signals`], [`TcpListener`] and [`UnixListener`] are streams;
//! - [`DeferredQueue::items`] is a stream of what is put into a queue;
//! - `frames` of a connection is a stream of what comes in and a sink for what goes out.
//!
//! A Deferred is a future and a stream of bytes is an `AsyncRead` and an `AsyncWrite` without this.

use crate::framing::Framing;
use crate::net::connection::Want;
use crate::net::stream::Held;
use crate::{Awaiting, DeferredQueue, Signal, Signals, TcpListener, TcpStream, UnixListener, UnixStream};
use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The signals that come; it ends with a shutdown (with the feature `futures`).
impl Stream for Signals {
    type Item = Signal;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.poll_signal(context)
    }
}

/// The connections that come; it ends when it listens no more (with the feature `futures`).
impl Stream for TcpListener {
    type Item = io::Result<(TcpStream, SocketAddr)>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_accept(context).map(unless_over)
    }
}

/// The connections that come; it ends when it listens no more (with the feature `futures`).
impl Stream for UnixListener {
    type Item = io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_accept(context).map(unless_over)
    }
}

/// That a listener listens no more is the end of its connections, and no error.
fn unless_over<T>(accepted: io::Result<T>) -> Option<io::Result<T>> {
    match accepted {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
        accepted => Some(accepted),
    }
}

/// What is put into a [`DeferredQueue`], as a stream (with the feature `futures`): of [`DeferredQueue::items`].
///
/// It ends when getting an item fails, which is with its Fate. An item that was on its way when it is dropped goes back to the queue.
pub struct Items<T: 'static> {
    queue: DeferredQueue<T>,
    next: Option<Awaiting<T>>,
}

impl<T: 'static> DeferredQueue<T> {
    /// The items of the queue, as a stream (with the feature `futures`). There may be several; each item goes to one of them.
    ///
    /// ```
    /// use fate::{DeferredQueue, sim::Sim};
    /// use futures_lite::StreamExt;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let queue = DeferredQueue::new(&fate);
    /// for number in [1, 2, 3, 4] {
    ///     drop(queue.put(number));
    /// }
    /// let sum = fate.spawn(async move { queue.items().map(|number| 10 * number).take(3).fold(0, |sum, ten| sum + ten).await });
    /// sum.add_callback(|sum| assert_eq!(sum, 60));
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn items(&self) -> Items<T> {
        Items { queue: self.clone(), next: None }
    }
}

impl<T: 'static> Stream for Items<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Items { queue, next } = &mut *self;
        if next.is_none() && queue.is_homeless() {
            return Poll::Ready(None);
        }
        let got = ready!(Pin::new(next.get_or_insert_with(|| queue.get().into_future())).poll(context));
        *next = None;
        Poll::Ready(got.ok())
    }
}

impl<T: 'static> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// The frames of a connection (with the feature `futures`): a stream of those that come in, and a sink for those that are to go out.
/// Of [`TcpStream::frames`] and [`UnixStream::frames`].
///
/// The stream ends with the other side's last frame, and after an error. What came in and is not a whole frame stays to be read. A
/// frame is taken by the sink when there is room, and leaves at the end of the turn; closing it closes this direction.
pub struct Frames<'a, F> {
    stream: &'a Held,
    framing: F,
    /// While somebody waits for the next.
    want: Option<Want<'a>>,
    is_over: bool,
}

/// The same for each kind of stream.
macro_rules! frames_of {
    ($($stream:ident),+) => {$(
        impl $stream {
            /// Its frames, as a stream and a sink (with the feature `futures`). There may be several: one to read, one to write.
            ///
            /// ```
            /// use fate::framing::Lines;
            /// use fate::sim::Sim;
            /// use futures_util::{SinkExt, StreamExt};
            ///
            /// # let mut sim = Sim::new(1);
            /// # let (fate, here) = (sim.host("server"), sim.host("client"));
            /// let listener = fate.listen_tcp("0.0.0.0:7000")?;
            /// fate.spawn(async move {
            ///     let (stream, _) = listener.accept().await?;
            ///     let lines = stream.frames(Lines::new(1000));
            ///     lines.forward(stream.frames(Lines::new(1000))).await // an echo, line by line
            /// });
            /// here.clone().spawn(async move {
            ///     let stream = here.connect_tcp("server:7000").await?;
            ///     let mut lines = stream.frames(Lines::new(1000));
            ///     lines.send("slithy toves".into()).await?;
            ///     assert_eq!(lines.next().await.transpose()?.as_deref(), Some(&b"slithy toves"[..]));
            ///     lines.close().await?;
            ///     assert!(lines.next().await.is_none());
            ///     fate::Ok(())
            /// });
            /// sim.run()?;
            /// # Ok::<(), fate::Failure>(())
            /// ```
            pub fn frames<F: Framing>(&self, framing: F) -> Frames<'_, F> {
                Frames { stream: self.held(), framing, want: None, is_over: false }
            }
        }
    )+};
}

frames_of!(TcpStream, UnixStream);

impl<F: Framing + Unpin> Stream for Frames<'_, F> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Frames { stream, framing, want, is_over } = &mut *self;
        if *is_over {
            return Poll::Ready(None);
        }
        let asked = want.get_or_insert_with(|| stream.0.want(framing.longest()));
        let frame = ready!(stream.poll_read_frame(context, framing, asked)).transpose();
        *want = None;
        *is_over = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame.map(|frame| frame.map(Bytes::from)))
    }
}

impl<F: Framing + Unpin> Sink<Bytes> for Frames<'_, F> {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_room(context)
    }

    fn start_send(self: Pin<&mut Self>, frame: Bytes) -> io::Result<()> {
        let envelope = self.framing.envelope(&frame)?;
        self.stream.write_around(&envelope, &frame)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(context)
    }
}

impl<F: fmt::Debug> fmt::Debug for Frames<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("peer", self.stream.0.peer())
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}
