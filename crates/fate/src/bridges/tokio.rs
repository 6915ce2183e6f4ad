//! tokio beside a Fate: for a library that insists on it, a client of a database for example.
//!
//! What needs tokio runs on a runtime of its own, on one thread, started when it is first needed. The Promises stay at home: a future
//! over there knows its own by a number, and sends its output home by the door for other threads. So nothing that belongs
//! to the Fate ever leaves its thread.
//!
//! ```text
//!    loop:    expected ──────────────────────────────▶ fires ──▶ Deferred
//!                │ number, future            ▲ number, output
//!    tokio:      └──▶ spawned ──▶ polled ────┘
//! ```
//!
//! In a forked child there is no such thread: what is handed in there is refused, and what was inherited is let be.

use crate::{Deferred, Failure, Fate, Place, Promise, Remote, ThreadPanicked};
use ::tokio::runtime::{Builder, Handle, Runtime};
use ::tokio::task::AbortHandle;
use fate_core::Forked;
use fate_core::parts::parcel::Parcel;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::process;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// How long the end of a Fate waits for a future over there that does not return from a poll.
const PATIENCE: Duration = Duration::from_secs(1);

impl Fate {
    /// Runs a future on tokio, and gives its output (with the feature `tokio`): for a library that insists on that runtime.
    ///
    /// A Fate has one thread for it, with a runtime that has time and network; it is started when it is first needed, and goes
    /// when the Fate does. As long as the future is under way it keeps [`Fate::run`] going.
    ///
    /// # Errors
    /// [`ThreadPanicked`] if the future panicked; `io::Error` if the system gives no thread, or no runtime; `Unsupported` on a host of
    /// a [`Sim`](crate::sim::Sim), because that thread has a time and a network of its own; [`Forked`](crate::Forked) in a child that was forked off
    /// after the thread was started. An error that the future gives is a value: `.and_then(|result| result)` makes a failure of it.
    ///
    /// # Cancellation
    /// The future is dropped over there, as soon as it next waits for something.
    ///
    /// # Shutdown
    /// It is cancelled with everything else, and nobody waits for it; those that [`Fate::before_shutdown`] gives are
    /// waited for until the deadline.
    ///
    /// ```
    /// use fate::Fate;
    /// use std::time::Duration;
    ///
    /// let fate = Fate::new()?;
    /// fate.defer_to_tokio(async {
    ///     tokio::time::sleep(Duration::from_millis(1)).await; // panics without its runtime
    ///     6 * 7
    /// })
    /// .add_callback(|answer| assert_eq!(answer, 42));
    /// fate.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn defer_to_tokio<T, F>(&self, future: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let place = Location::caller();
        let (promise, deferred) = self.deferred_of(place);
        let bridge = Bridge::of(self);
        match bridge.runtime(self) {
            Ok(runtime) => bridge.expect(self, place, promise, runtime, future),
            Err(error) => promise.errback(Failure::born_at(error, place)),
        }
        deferred
    }

    /// The runtime of [`Fate::defer_to_tokio`] (with the feature `tokio`): for what is made outside a future and wants to know where it
    /// will run. What is spawned by this keeps nothing going.
    ///
    /// # Errors
    /// As [`Fate::defer_to_tokio`].
    ///
    /// ```
    /// let fate = fate::Fate::new()?;
    /// let handle = fate.tokio_handle()?;
    /// let _inside = handle.enter();
    /// let timer = tokio::time::interval(std::time::Duration::from_secs(1)); // panics elsewhere
    /// assert_eq!(timer.period().as_secs(), 1);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn tokio_handle(&self) -> io::Result<Handle> {
        Bridge::of(self).runtime(self).cloned()
    }
}

/// What one Fate has of tokio.
#[derive(Default)]
struct Bridge {
    over_there: OnceCell<OverThere>,
    expected: RefCell<BTreeMap<u64, Expected>>,
    numbers: Cell<u64>,
}

/// Somebody waits for the output of a future.
struct Expected {
    /// A `Promise` of it.
    promise: Parcel,
    future: AbortHandle,
    /// A run goes on as long as this is here.
    _keep_alive: Remote,
}

impl Bridge {
    fn of(fate: &Fate) -> Rc<Bridge> {
        fate.reactor().belonging(|_| Bridge::default())
    }

    /// Where futures run: started when it is first asked for.
    fn runtime(&self, fate: &Fate) -> io::Result<&Handle> {
        let over_there = match self.over_there.get() {
            Some(over_there) => over_there,
            None => {
                let begun = OverThere::begin(fate)?;
                self.over_there.get_or_init(|| begun)
            }
        };
        if over_there.is_foreign() { Err(Forked.into()) } else { Ok(&over_there.handle) }
    }

    /// Sends a future over there, and expects its output here.
    fn expect<T, F>(self: &Rc<Bridge>, fate: &Fate, place: Place, promise: Promise<T>, runtime: &Handle, future: F)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let weak = Rc::downgrade(self);
        promise.on_cancel(move |_| drop(weak.upgrade().and_then(|bridge| bridge.withdraw(number))));
        let (remote, future) = (fate.remote(), caught(Box::pin(future)));
        let future = runtime.spawn(async move {
            let result = future.await;
            remote.call(move |fate| Bridge::of(fate).came_home::<T>(number, place, result));
        });
        let expected = Expected {
            promise: Parcel::new(promise),
            future: future.abort_handle(),
            _keep_alive: fate.remote().keep_alive(),
        };
        self.expected.borrow_mut().insert(number, expected);
    }

    /// Nobody wants the output any more.
    fn withdraw(&self, number: u64) -> Option<Expected> {
        let expected = self.expected.borrow_mut().remove(&number)?;
        expected.future.abort();
        Some(expected)
    }

    fn came_home<T: 'static>(&self, number: u64, place: Place, result: thread::Result<T>) {
        let expected = self.expected.borrow_mut().remove(&number);
        if let Some(expected) = expected {
            let result = result.map_err(|payload| Failure::born_at(ThreadPanicked::new(payload), place));
            expected.promise.open::<Promise<T>>().fire_with(result);
        }
    }
}

/// The same future, but what it panics with is a value.
async fn caught<F: Future>(mut future: Pin<Box<F>>) -> thread::Result<F::Output> {
    let outcome = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await;
    catch_unwind(AssertUnwindSafe(|| drop(future))).and(outcome)
}

/// The thread with the runtime.
struct OverThere {
    handle: Handle,
    /// A task that never ends of itself: the thread goes when it is aborted.
    forever: AbortHandle,
    /// Is cut off when the thread is at its end.
    gone: Receiver<()>,
    /// In which process the thread is.
    process: u32,
}

impl OverThere {
    fn begin(fate: &Fate) -> io::Result<OverThere> {
        if fate.is_simulated() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no tokio in a simulation"));
        }
        // Outputs come home by the bell, so it is there first.
        fate.reactor().hang_bell()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, forever) = (runtime.handle().clone(), runtime.spawn(pending::<()>()));
        let (abort, (here, gone)) = (forever.abort_handle(), channel::<()>());
        let life = move || {
            live(runtime, forever);
            drop(here);
        };
        thread::Builder::new().name("fate-tokio".into()).spawn(life)?;
        Ok(OverThere { handle, forever: abort, gone, process: process::id() })
    }

    fn is_foreign(&self) -> bool {
        self.process != process::id()
    }
}

/// The life of the thread.
fn live(runtime: Runtime, forever: ::tokio::task::JoinHandle<()>) {
    drop(runtime.block_on(forever));
    // Those who block a thread of its pool are not waited for.
    runtime.shutdown_background();
}

/// The Fate goes: the runtime goes before it, unless a future over there is stuck in a poll.
impl Drop for Bridge {
    fn drop(&mut self) {
        let Some(over_there) = self.over_there.take() else { return };
        if over_there.is_foreign() {
            return mem::forget((over_there, self.expected.take()));
        }
        over_there.forever.abort();
        let _ = over_there.gone.recv_timeout(PATIENCE);
    }
}
