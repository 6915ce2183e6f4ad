//! hyper on a Fate: `hyper::rt::Read` and `Write` for streams, an executor, and a timer.
//!
//! hyper asks that a timer's sleep is `Send` and `Sync`. The sleep of a Fate is neither, and never leaves its thread either, so it
//! travels in a [`Homebound`].

use crate::net::connection::Connection;
use crate::{Fate, Fuse, Homebound, TcpStream, UnixStream};
use ::hyper::rt::{Executor, Read, ReadBufCursor, Sleep, Timer, Write};
use fate_core::Reactor;
use futures_io::AsyncWrite;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Runs the futures that hyper wants to have run, which need no `Send` (with the feature `hyper`).
///
/// HTTP/2 wants one: each request is a task of its own. It does not keep its Fate alive; when that is gone, what is to be run is
/// dropped. A future that fails is reported as a task that fails is.
///
/// ```
/// use fate::{HyperExecutor, sim::Sim};
/// use hyper::rt::Executor;
/// use std::{cell::Cell, rc::Rc};
///
/// let mut sim = Sim::new(1);
/// let executor = HyperExecutor::new(&sim.host("here"));
/// let seen = Rc::new(Cell::new(false));
/// let flag = seen.clone();
/// executor.execute(async move { flag.set(true) });
/// sim.run()?;
/// assert!(seen.get());
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct HyperExecutor(Weak<Reactor>);

impl HyperExecutor {
    /// Has tasks run on this Fate.
    pub fn new(fate: &Fate) -> HyperExecutor {
        HyperExecutor(Rc::downgrade(fate.reactor()))
    }
}

impl<F: Future<Output: 'static> + 'static> Executor<F> for HyperExecutor {
    #[track_caller]
    fn execute(&self, future: F) {
        if let Some(reactor) = self.0.upgrade() {
            drop(Fate::of(&reactor).spawn(future));
        }
    }
}

impl fmt::Debug for HyperExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HyperExecutor")
    }
}

/// The time of a Fate, for hyper's own deadlines (with the feature `hyper`). In a simulation it is virtual time.
///
/// # Panics
/// A sleep that is polled on another thread than that of its Fate panics. A connection over a stream of the Fate
/// never does that.
///
/// ```
/// use fate::{HyperTimer, sim::Sim};
/// use hyper::rt::Timer;
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let timer = HyperTimer::new(&fate);
/// fate.spawn(async move {
///     let before = timer.now();
///     timer.sleep(Duration::from_secs(3)).await;
///     assert_eq!(timer.now() - before, Duration::from_secs(3));
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct HyperTimer {
    reactor: Homebound<Weak<Reactor>>,
    /// One moment on both clocks. What hyper calls an instant is only ever compared with others from here.
    here: crate::Instant,
    there: Instant,
}

impl HyperTimer {
    /// Tells the time of this Fate.
    pub fn new(fate: &Fate) -> HyperTimer {
        let reactor = fate.keep_home(Rc::downgrade(fate.reactor()));
        HyperTimer { reactor, here: fate.now(), there: Instant::now() }
    }

    /// A fuse of the Fate, if that still lives.
    fn light(&self, light: impl FnOnce(&Fate) -> Fuse) -> Pin<Box<dyn Sleep>> {
        let reactor = self.reactor.get().and_then(Weak::upgrade);
        let fuse = reactor.map_or_else(Fuse::dead, |reactor| light(Fate::of(&reactor)));
        Box::pin(Burning(Homebound::beside(&self.reactor, fuse.into_future())))
    }
}

impl Timer for HyperTimer {
    #[track_caller]
    fn sleep(&self, delay: Duration) -> Pin<Box<dyn Sleep>> {
        self.light(|fate| fate.get_fuse(delay))
    }

    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let moment = self.here + deadline.saturating_duration_since(self.there);
        self.light(|fate| fate.get_fuse_at(moment))
    }

    fn now(&self) -> Instant {
        let reactor = self.reactor.get().and_then(Weak::upgrade);
        let now = reactor.map_or(self.here, |reactor| Fate::of(&reactor).now());
        self.there + (now - self.here)
    }
}

impl fmt::Debug for HyperTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HyperTimer")
    }
}

/// A fuse that hyper waits for.
struct Burning(Homebound<crate::fuse::Burning>);

impl Sleep for Burning {}

impl Future for Burning {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

/// Reads into the memory that hyper has not touched yet, straight from where the bytes lie.
fn poll_read(connection: &Rc<Connection>, context: &Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
    let reactor = connection.reactor().ok_or(io::ErrorKind::NotConnected)?;
    let most = into.remaining();
    connection.poll_read_pieces(&reactor, context, most, |piece| into.put_slice(piece)).map_ok(drop)
}

/// What hyper asks of a stream, and of a shared reference to one.
macro_rules! streams {
    ($($stream:ty),+) => {$(
        impl Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                into: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read(self.connection(), context, into)
            }
        }

        impl Write for $stream {
            fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, context, bytes)
            }

            /// What was written leaves at the end of the turn, in one send with what else was, and no stream holds it back:
            /// there is nothing to wait for.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_close(self, context)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, context, pieces)
            }
        }
    )+};
}

streams!(TcpStream, &TcpStream, UnixStream, &UnixStream);
