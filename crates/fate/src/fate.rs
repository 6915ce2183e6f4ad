//! The handle to one event manager.

#![allow(unsafe_code, reason = "a handler is lent the machine's own handle as a `&Fate`")]

use crate::builder::Builder;
use crate::outcome::Outcome;
use crate::signals::RunSignals;
use crate::{Failure, Fuse, Instant, IntoDeferred, Looping, Remote, Report, Tick};
use fate_core::{Clock, Reactor};
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A handle to one event manager: cheap to clone, and bound to its thread.
///
/// It is a plain value. There may be many in a process, one after another or at once on several threads; there is no
/// "current" one, and each can run again after it was shut down.
///
/// ```
/// use fate::Fate;
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// let fate = Fate::new()?;
/// let bangs = Rc::new(Cell::new(0));
/// for number in [1, 2, 3] {
///     let bangs = bangs.clone();
///     fate.get_fuse(Duration::from_millis(number)).set_handler(move |_| bangs.set(bangs.get() + number));
/// }
/// fate.run()?; // ends when nothing is left to happen
/// assert_eq!(bangs.get(), 6);
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
#[repr(transparent)]
pub struct Fate(Rc<Reactor>);

impl Fate {
    /// An event manager on the best driver there is; the environment variable `FATE_DRIVER` may name one.
    ///
    /// Makes no kernel object yet: that happens when one is first needed.
    ///
    /// # Errors
    /// `InvalidInput` if `FATE_DRIVER` names a driver that does not exist.
    pub fn new() -> io::Result<Fate> {
        Fate::builder().build()
    }

    /// Settings for an event manager that differs from what [`Fate::new`] gives.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn from_reactor(reactor: Rc<Reactor>) -> Fate {
        Fate(reactor)
    }

    /// The machine's own handle, seen as a Fate.
    #[inline]
    pub(crate) fn of(reactor: &Rc<Reactor>) -> &Fate {
        // SAFETY: `Fate` is a transparent wrapper of `Rc<Reactor>`, so a reference to one is a reference to the other.
        unsafe { &*std::ptr::from_ref(reactor).cast::<Fate>() }
    }

    #[inline]
    pub(crate) fn reactor(&self) -> &Rc<Reactor> {
        &self.0
    }

    /// Runs until a shutdown is complete or nothing can ever happen any more.
    ///
    /// What can happen: a fuse with a handler and a deadline, a call that is queued, a task whose waker somebody outside has
    /// kept, a [`Remote::keep_alive`]. An unused [`Remote`] does not count, nor does a Deferred that only other
    /// callbacks wait for. What is left waiting stays: it may be fired later and `run` called again.
    ///
    /// # Signals
    /// As long as it runs, SIGINT (Ctrl-C) and SIGTERM do not kill the program: the first of them [shuts down](Fate::shutdown), in
    /// stages. From then on the signal does what it always does, so a second one kills at once, even while a handler holds the
    /// loop. When the shutdown is complete, what was there before is there again, and the program dies of the signal that
    /// asked for it, so that whoever started it can tell: `run` does not return then. If several event managers of a process run,
    /// all of them shut down, and the last one ends the program.
    ///
    /// Nothing of this is done to a signal that the program hears itself ([`Fate::on_signal`]), nor to one that was ignored or
    /// had a handler when the run began, nor at all after [`Builder::leave_signals`](crate::Builder::leave_signals). A host that
    /// calls [`Fate::turn`] keeps its signals.
    ///
    /// # Errors
    /// [`AlreadyRunning`](crate::AlreadyRunning) from inside `run`; the failure for which a fault handler said to stop; what
    /// the kernel said if it refused to wait.
    ///
    /// # Panics
    /// Carries a handler's panic out, after the loop is consistent again; `run` may be called once more.
    pub fn run(&self) -> Result<(), Failure> {
        let signals = RunSignals::begin(self);
        self.0.run()?;
        signals.end()
    }

    /// Runs until `future` is done, and gives its output. The future may borrow from the caller. Signals are as in
    /// [`Fate::run`].
    ///
    /// ```
    /// use fate::Fate;
    /// use std::time::Duration;
    ///
    /// let fate = Fate::new()?;
    /// let name = String::from("Alice");
    /// let length = fate.run_until(async {
    ///     fate.sleep(Duration::from_millis(1)).await;
    ///     name.len()
    /// });
    /// assert_eq!(length, 5);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If nothing is left that could ever wake the future, as after a shutdown that it did not end with; from inside `run`;
    /// and as [`Fate::run`].
    #[track_caller]
    pub fn run_until<F: Future>(&self, future: F) -> F::Output {
        let signals = RunSignals::begin(self);
        let result = self.0.run_future(Location::caller(), pin!(future));
        match result.and_then(|output| signals.end().map(|()| output)) {
            Ok(Some(output)) => output,
            Ok(None) => panic!("run_until: shut down, or nothing is left that could wake the future"),
            Err(failure) => panic!("run_until: {failure:?}"),
        }
    }

    /// Takes one turn: waits for at most `patience` if nothing is ready, and not at all if nothing can ever happen. Says
    /// whether anything can still happen.
    ///
    /// For hosts that own the loop, for whom it does all that [`Fate::run`] does, a shutdown included; and from inside a
    /// handler, to let other things happen before it goes on.
    ///
    /// # Errors
    /// As [`Fate::run`], but for `AlreadyRunning`.
    ///
    /// # Panics
    /// As [`Fate::run`].
    pub fn turn(&self, patience: Duration) -> Result<bool, Failure> {
        self.0.turn(patience)
    }

    /// The first moment at which something is due: how long a host loop may wait before it calls [`Fate::turn`].
    pub fn next_due(&self) -> Option<Instant> {
        self.0.next_due()
    }

    /// A descriptor that is readable whenever [`Fate::turn`] has something to do other than a fuse: what a host loop
    /// watches. It stays this Fate's own.
    ///
    /// # Errors
    /// `Unsupported` for a simulated host; what the kernel says if it refuses the descriptor.
    pub fn pollable(&self) -> io::Result<RawFd> {
        self.0.pollable()
    }

    /// Asks for a shutdown. Returns at once; the rest of this turn still runs.
    ///
    /// Then what was set with [`Fate::before_shutdown`] runs, and is waited for until the deadline; then every fuse is cut,
    /// every Deferred and task cancelled, and every handler dropped. [`Fate::report`] tells what was still alive. After
    /// that `run` returns, and this Fate is as good as new.
    pub fn shutdown(&self) {
        self.0.shutdown();
    }

    /// Adds something to do when a shutdown begins, after those that were added before; if it gives a Deferred, the
    /// shutdown waits for it, all of them at once, until the deadline ([`Builder::grace`]). Once a shutdown has begun it is
    /// too late for that one: the trigger is dropped.
    ///
    /// ```
    /// use fate::{Fate, Result};
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    ///
    /// let fate = Fate::new()?;
    /// let saved = Rc::new(Cell::new(false));
    /// let flag = saved.clone();
    /// fate.before_shutdown(move |fate| {
    ///     let fate = fate.clone();
    ///     fate.clone().spawn(async move {
    ///         fate.sleep(Duration::from_millis(2)).await;
    ///         flag.set(true);
    ///     })
    /// });
    /// fate.call_soon(|fate| fate.shutdown());
    /// fate.run()?;
    /// assert!(saved.get());
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn before_shutdown<R: IntoDeferred>(&self, trigger: impl FnOnce(&Fate) -> R + 'static) {
        let place = Location::caller();
        self.0.before_shutdown(Box::new(move |reactor, hold| {
            reactor.enter(place);
            let fate = Fate::of(reactor);
            let done = trigger(fate).into_deferred(fate, place);
            drop(done.add_callback(drop).add_both(move |result| {
                drop(hold);
                result
            }));
        }));
    }

    /// The present moment on the monotonic clock. Within a turn it does not move: everything in a turn happens at once.
    #[inline]
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// Whether this is a host of a simulation, so that nothing should be asked of this machine on its behalf.
    ///
    /// ```
    /// use fate::{Fate, sim::Sim};
    ///
    /// assert!(Sim::new(1).host("here").is_simulated());
    /// assert!(!Fate::new()?.is_simulated());
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn is_simulated(&self) -> bool {
        self.0.driver_name() == "sim"
    }

    /// What the wall clock shows.
    pub fn wall_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.0.now_on(Clock::Wall).as_nanos())
    }

    /// Lights a fuse that burns after `delay`. `Duration::MAX` means never.
    ///
    /// Within a turn the delay counts from the turn's present, outside from a fresh reading of the clock: two fuses lit with
    /// the same delay share a deadline, and burn in the order in which they were lit, for certain only within a turn.
    #[inline]
    #[track_caller]
    #[must_use = "a fuse without a handler is put out when it is dropped"]
    pub fn get_fuse(&self, delay: Duration) -> Fuse {
        let now = self.now();
        Fuse::light(self, Clock::Monotonic, now + delay, now, Location::caller())
    }

    /// Lights a fuse that burns at `moment`; in the next turn if that is past.
    #[track_caller]
    #[must_use = "a fuse without a handler is put out when it is dropped"]
    pub fn get_fuse_at(&self, moment: Instant) -> Fuse {
        Fuse::light(self, Clock::Monotonic, moment, self.now(), Location::caller())
    }

    /// Lights a fuse that burns after `delay` on the given clock: [`Clock::Boot`] goes on while the machine sleeps,
    /// [`Clock::Wall`] follows when somebody sets the clock.
    ///
    /// In a turn, fuses of the monotonic clock burn first, then those of the boot clock, then those of the wall clock.
    #[track_caller]
    #[must_use = "a fuse without a handler is put out when it is dropped"]
    pub fn get_fuse_on(&self, clock: Clock, delay: Duration) -> Fuse {
        Fuse::light(self, clock, self.0.now_on(clock) + delay, self.now(), Location::caller())
    }

    /// Lights a fuse that burns when the wall clock shows `time`, however it gets there.
    #[track_caller]
    #[must_use = "a fuse without a handler is put out when it is dropped"]
    pub fn get_fuse_at_time(&self, time: SystemTime) -> Fuse {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Fuse::light(self, Clock::Wall, Instant::START + since_1970, self.now(), Location::caller())
    }

    /// Queues a call: it runs in this turn if there is one, after what is queued already.
    ///
    /// # Errors
    /// What the closure returns as a failure goes to the fault handler, with the line of this call.
    #[inline]
    #[track_caller]
    pub fn call_soon<R: Outcome>(&self, call: impl FnOnce(&Fate) -> R + 'static) {
        let place = Location::caller();
        self.0.queue(move |reactor| {
            reactor.enter(place);
            let fate = Fate::of(reactor);
            call(fate).conclude(fate);
        });
    }

    /// Calls `handler` every `period`, first after one period, until [`Looping::stop`].
    ///
    /// It keeps to its grid: a late tick does not move the later ones, and ticks that were missed are not made up for but
    /// counted, in [`Tick::missed`]. A handler that returns a [`Deferred`](crate::Deferred) is not called again before that has fired.
    /// A period of zero means once a turn.
    ///
    /// ```
    /// use fate::{sim::Sim, Tick};
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("clock");
    /// let mut ticks = 0;
    /// fate.every(Duration::from_secs(1), move |fate, _: Tick| {
    ///     ticks += 1;
    ///     if ticks == 60 { fate.shutdown() }
    /// });
    /// sim.run()?;
    /// assert_eq!(sim.elapsed(), Duration::from_secs(60));
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn every<R: Outcome + 'static>(
        &self,
        period: Duration,
        handler: impl FnMut(&Fate, Tick) -> R + 'static,
    ) -> Looping {
        Looping::start(self, period, Location::caller(), handler)
    }

    /// A handle by which other threads can have something called here.
    pub fn remote(&self) -> Remote {
        Remote::new(self)
    }

    /// Sixty-four random bits: from the operating system, or under simulation from the seed.
    pub fn random(&self) -> u64 {
        self.0.random()
    }

    /// Who lives: every fuse, Deferred and task, who made it, how old it is and what it waits for; and what was dropped
    /// by the last shutdown.
    pub fn report(&self) -> Report {
        self.0.report()
    }
}

/// Says which driver it stands on and how much is alive.
impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report();
        f.debug_struct("Fate").field("driver", &report.driver).field("live", &report.live.len()).finish_non_exhaustive()
    }
}
