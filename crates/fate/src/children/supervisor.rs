//! A command that is kept running.
//!
//! ```text
//!             ┌──────────── ended, or did not start ◀──────────┐
//!             ▼                                                │
//!          waiting ──the delay is over──▶ running ─────────────┘
//!             │                              │ stop
//!             │ stop                         ▼
//!             └─────────▶ over ◀──────── ending: TERM, then KILL
//! ```
//!
//! The delay doubles with each end that came soon, and begins anew after one that came late: a command that cannot start does
//! not keep the machine busy, and one that has run for days is back at once.

use super::Child;
use super::options::ChildOptions;
use super::supervision::Supervision;
use crate::{Awaiting, Deferred, Failure, Fate, Instant, Place, Promise, Signal, SpawnFailed};
use fate_core::Reactor;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::process::{Command, ExitStatus};
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

/// Whether a command that has ended is started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// In any case.
    Always,
    /// If it failed: with another exit status than 0, by a signal, or because it could not be started.
    OnFailure,
    /// Never.
    Never,
}

/// The delay after one of nothing.
const LEAST: Duration = Duration::from_millis(1);

type Started = Box<dyn FnMut(&Fate, &mut Child)>;
type Told = Box<dyn FnMut(&Fate, &Supervision)>;

/// Keeps a command running: starts it again when it ends, sooner or later.
///
/// ```
/// use fate::{Fate, Restart, Supervision, Supervisor};
/// use std::{cell::Cell, process::Command, rc::Rc, time::Duration};
///
/// let fate = Fate::new()?;
/// let starts = Rc::new(Cell::new(0));
/// let count = starts.clone();
/// let settings = Supervisor::new(|| Command::new("false"))
///     .backoff(Duration::from_millis(1)..=Duration::from_millis(4))
///     .on_event(move |fate, event| {
///         if let Supervision::Started { .. } = event {
///             count.set(count.get() + 1);
///             if count.get() == 3 {
///                 fate.shutdown();
///             }
///         }
///     });
/// fate.supervise(settings);
/// fate.run()?;
/// assert_eq!(starts.get(), 3);
/// # Ok::<(), fate::Failure>(())
/// ```
#[must_use = "a supervisor does nothing until it is handed to `Fate::supervise`"]
pub struct Supervisor {
    command: Box<dyn FnMut() -> Command>,
    options: Box<dyn FnMut() -> ChildOptions>,
    restart: Restart,
    backoff: RangeInclusive<Duration>,
    steady_after: Duration,
    patience: Duration,
    started: Started,
    told: Told,
}

impl Supervisor {
    /// A supervisor of what `command` gives, which is asked before each start. Its standard streams are what the command says,
    /// or this program's own.
    pub fn new(command: impl FnMut() -> Command + 'static) -> Supervisor {
        Supervisor {
            command: Box::new(command),
            options: Box::new(|| ChildOptions::default().as_set()),
            restart: Restart::Always,
            backoff: Duration::from_millis(100)..=Duration::from_secs(30),
            steady_after: Duration::from_secs(10),
            patience: Duration::from_secs(5),
            started: Box::new(|_, _| {}),
            told: Box::new(|_, _| {}),
        }
    }

    /// What it is connected to, asked before each start. Pipes are for whoever takes their ends, in
    /// [`Supervisor::on_start`]; what nobody takes there is closed.
    pub fn options(self, options: impl FnMut() -> ChildOptions + 'static) -> Supervisor {
        Supervisor { options: Box::new(options), ..self }
    }

    /// Whether it is started again once it has ended: always, unless told otherwise.
    pub fn restart(self, restart: Restart) -> Supervisor {
        Supervisor { restart, ..self }
    }

    /// The shortest and the longest delay before a start: 100 ms and 30 s, unless told otherwise. It doubles each time, a
    /// delay of nothing to a millisecond.
    pub fn backoff(self, backoff: RangeInclusive<Duration>) -> Supervisor {
        Supervisor { backoff, ..self }
    }

    /// After how long a run the delay is the shortest again: 10 s, unless told otherwise.
    pub fn steady_after(self, steady_after: Duration) -> Supervisor {
        Supervisor { steady_after, ..self }
    }

    /// How long it may take to end once it was asked to (SIGTERM), before it is killed: 5 s, unless told otherwise.
    pub fn patience(self, patience: Duration) -> Supervisor {
        Supervisor { patience, ..self }
    }

    /// Has `started` called with each child that was started, to take the ends of its pipes.
    pub fn on_start(self, started: impl FnMut(&Fate, &mut Child) + 'static) -> Supervisor {
        Supervisor { started: Box::new(started), ..self }
    }

    /// Has `told` called with whatever happens to it.
    pub fn on_event(self, told: impl FnMut(&Fate, &Supervision) + 'static) -> Supervisor {
        Supervisor { told: Box::new(told), ..self }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("restart", &self.restart).finish_non_exhaustive()
    }
}

/// A command that is kept running. A clonable handle: dropping it stops nothing.
#[derive(Clone)]
pub struct Supervised(Rc<Orders>);

/// What was asked of a supervisor.
#[derive(Default)]
struct Orders {
    /// Fired by whoever asks it to stop.
    stop: RefCell<Option<Promise<()>>>,
    /// Whom to tell when it is over; nobody any more once it is.
    over: RefCell<Option<Vec<Promise<()>>>>,
}

impl Supervised {
    /// Has the command end, and not start again. Fires once it has ended.
    #[track_caller]
    pub fn stop(&self, fate: &Fate) -> Deferred<()> {
        if let Some(stop) = self.0.stop.take() {
            stop.callback(());
        }
        let (promise, stopped) = fate.deferred_of(Location::caller());
        match &mut *self.0.over.borrow_mut() {
            Some(waiting) => waiting.push(promise),
            None => promise.callback(()),
        }
        stopped
    }

    /// Whether it is supervised still.
    pub fn is_supervised(&self) -> bool {
        self.0.over.borrow().is_some()
    }
}

impl fmt::Debug for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised").field("is_supervised", &self.is_supervised()).finish()
    }
}

impl Fate {
    /// Keeps a command running, from now on and until it is told to [stop](Supervised::stop), or it will not be started
    /// again. A shutdown stops it first of all, and waits for its end until the deadline.
    #[track_caller]
    pub fn supervise(&self, supervisor: Supervisor) -> Supervised {
        let (stop, stopped) = self.deferred();
        let orders = Rc::new(Orders { stop: Some(stop).into(), over: Some(Vec::new()).into() });
        let supervised = Supervised(orders.clone());
        Wards::of(self).add(self, &orders);
        let over = Over(orders.clone());
        let reactor = Rc::downgrade(self.reactor());
        let post = Post { reactor, place: Location::caller(), supervisor, orders };
        drop(self.spawn(async move {
            let _over = over;
            post.hold(stopped).await;
        }));
        supervised
    }
}

/// Everything that is supervised, so that a shutdown stops it.
#[derive(Default)]
struct Wards {
    list: RefCell<Vec<Weak<Orders>>>,
    /// A shutdown will ask.
    is_expected: Cell<bool>,
}

impl Wards {
    fn of(fate: &Fate) -> Rc<Wards> {
        fate.reactor().belonging(|_| Wards::default())
    }

    fn add(&self, fate: &Fate, orders: &Rc<Orders>) {
        let mut list = self.list.borrow_mut();
        list.retain(|ward| ward.strong_count() > 0);
        list.push(Rc::downgrade(orders));
        if !self.is_expected.replace(true) {
            fate.before_shutdown(|fate| Wards::of(fate).stop_all(fate));
        }
    }

    fn stop_all(&self, fate: &Fate) -> Deferred<()> {
        self.is_expected.set(false);
        let wards: Vec<Rc<Orders>> = self.list.take().iter().filter_map(Weak::upgrade).collect();
        fate.gather_results(wards.into_iter().map(|orders| Supervised(orders).stop(fate))).add_callback(drop)
    }
}

/// Tells those who wait that it is over, whichever way it is.
struct Over(Rc<Orders>);

impl Drop for Over {
    fn drop(&mut self) {
        let waiting = self.0.over.take();
        waiting.into_iter().flatten().for_each(|promise| promise.callback(()));
    }
}

/// Holds the command at its post.
struct Post {
    reactor: Weak<Reactor>,
    place: Place,
    supervisor: Supervisor,
    orders: Rc<Orders>,
}

/// How a command's run went.
enum Run {
    Succeeded,
    Failed,
    Stopped,
}

impl Post {
    async fn hold(mut self, stopped: Deferred<()>) {
        let mut stopped = pin!(stopped.into_future());
        let mut delay = *self.supervisor.backoff.start();
        while let Some(begun) = self.now().filter(|_| !self.is_stopped()) {
            let run = match self.start() {
                Ok(child) => self.watch(child, stopped.as_mut()).await,
                Err(failed) => {
                    self.tell(&Supervision::NotStarted(failed));
                    Run::Failed
                }
            };
            let is_wanted = match run {
                Run::Stopped => false,
                Run::Succeeded => self.supervisor.restart == Restart::Always,
                Run::Failed => self.supervisor.restart != Restart::Never,
            };
            if !is_wanted {
                break;
            }
            if self.now().is_some_and(|now| now - begun >= self.supervisor.steady_after) {
                delay = *self.supervisor.backoff.start();
            }
            self.tell(&Supervision::Waiting(delay));
            if self.pause(delay, stopped.as_mut()).await {
                break;
            }
            delay = delay.saturating_mul(2).max(LEAST).min(*self.supervisor.backoff.end());
        }
        self.tell(&Supervision::Over);
    }

    /// Whether it was told to stop.
    fn is_stopped(&self) -> bool {
        self.orders.stop.borrow().is_none()
    }

    fn start(&mut self) -> Result<Child, SpawnFailed> {
        let command = (self.supervisor.command)();
        // A supervisor that goes leaves nobody behind.
        let options = (self.supervisor.options)().kill_on_drop(true);
        let reactor = self.reactor.upgrade().expect("a task runs on its reactor");
        Fate::of(&reactor).start_child(command, options, self.place)
    }

    /// Sees a run to its end.
    async fn watch(&mut self, mut child: Child, stopped: Pin<&mut Awaiting<()>>) -> Run {
        let (id, begun) = (child.id(), self.now());
        if let Some(reactor) = self.reactor.upgrade() {
            (self.supervisor.started)(Fate::of(&reactor), &mut child);
        }
        drop((child.take_stdin(), child.take_stdout(), child.take_stderr(), child.take_terminal()));
        self.tell(&Supervision::Started { id });
        let (ended, is_stopped) = match first_of(child.exited().into_future(), stopped).await {
            Some(ended) => (ended, false),
            None => (self.end(&child).await, true),
        };
        let Ok(status) = ended else {
            self.tell(&Supervision::Lost { id });
            return if is_stopped { Run::Stopped } else { Run::Failed };
        };
        let after = self.now().zip(begun).map_or(Duration::ZERO, |(now, begun)| now - begun);
        self.tell(&Supervision::Ended { id, status, after });
        match status.success() {
            _ if is_stopped => Run::Stopped,
            true => Run::Succeeded,
            false => Run::Failed,
        }
    }

    /// Asks it to end, and kills it if it does not.
    async fn end(&mut self, child: &Child) -> Result<ExitStatus, Failure> {
        // What cannot be asked any more has ended.
        let _ = child.signal(Signal::TERM);
        let patience = self.supervisor.patience;
        let Some(reactor) = self.reactor.upgrade() else { return child.exited().await };
        let sleep = pin!(Fate::of(&reactor).sleep(patience));
        drop(reactor);
        if let Some(ended) = first_of(child.exited().into_future(), sleep).await {
            return ended;
        }
        self.tell(&Supervision::Killed { id: child.id() });
        child.kill();
        child.exited().await
    }

    /// Waits for the next start. Says whether it was stopped meanwhile.
    async fn pause(&self, delay: Duration, stopped: Pin<&mut Awaiting<()>>) -> bool {
        let Some(sleep) = self.reactor.upgrade().map(|reactor| Fate::of(&reactor).sleep(delay)) else { return true };
        first_of(sleep, stopped).await.is_none()
    }

    fn now(&self) -> Option<Instant> {
        self.reactor.upgrade().map(|reactor| reactor.now())
    }

    fn tell(&mut self, event: &Supervision) {
        if let Some(reactor) = self.reactor.upgrade() {
            (self.supervisor.told)(Fate::of(&reactor), event);
        }
    }
}

/// The output of the first future, unless the second is done before.
async fn first_of<F: Future>(first: F, mut second: Pin<&mut impl Future>) -> Option<F::Output> {
    let mut first = pin!(first);
    poll_fn(|context| match first.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => second.as_mut().poll(context).map(|_| None),
    })
    .await
}
