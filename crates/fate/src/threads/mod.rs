//! Work that would hold the loop up, and is done by threads.
//!
//! - `mod`: the face, and the lanes that a Fate has;
//! - `lane`: what the loop knows of the work in one lane; `pending`: of one piece of it;
//! - `crew`: the threads of a lane, and the work that waits for them;
//! - `work`: one closure, on its way to a thread and home again.
//!
//! Names are looked up by threads too, in a lane of their own: see [`names`](crate::names).

mod crew;
mod lane;
mod pending;
mod work;

use self::lane::{Lane, Rules};
use crate::{Deferred, Fate};
use fate_core::Reactor;
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::rc::Rc;

/// How many threads there may be for work, if nobody said otherwise: more than processors, because most work for threads
/// waits for something, and few enough that a burst of it costs the machine nothing.
const MOST: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// How many threads there may be that look up names: hundreds of dead ones, each waited for, delay no live one.
const MOST_LOOKUPS: usize = 512;

/// The lanes of one Fate.
pub(crate) struct Threads {
    work: Rc<Lane>,
    names: Rc<Lane>,
}

/// Which lane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneName {
    /// What the program hands in.
    Work,
    /// Names to be looked up.
    Names,
}

/// What is said of the lanes when a Fate is made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// How many threads there may be for work.
    pub most: Option<NonZeroUsize>,
    /// Whether the loop does all work itself.
    pub is_simulated: bool,
}

impl Threads {
    /// Says what the lanes of a new reactor are like.
    pub fn set_up(reactor: &Rc<Reactor>, settings: Settings) {
        drop(reactor.belonging(|reactor| Threads::new(reactor, settings)));
    }

    fn new(reactor: &Rc<Reactor>, settings: Settings) -> Threads {
        let is_simulated = settings.is_simulated;
        let most = settings.most.unwrap_or(MOST).get();
        let work = Rules { name: LaneName::Work, thread_name: "fate-work", most, is_patient: true, is_simulated };
        let names = Rules {
            name: LaneName::Names,
            thread_name: "fate-names",
            most: MOST_LOOKUPS,
            is_patient: false,
            is_simulated,
        };
        Threads { work: Lane::new(reactor, work), names: Lane::new(reactor, names) }
    }

    /// A lane of this reactor.
    pub fn lane(reactor: &Rc<Reactor>, name: LaneName) -> Rc<Lane> {
        let threads = reactor.belonging(|reactor| Threads::new(reactor, Settings::default()));
        match name {
            LaneName::Work => threads.work.clone(),
            LaneName::Names => threads.names.clone(),
        }
    }
}

impl Fate {
    /// Has a closure called on a thread, and gives what it returns: for work that would hold the loop up, because it
    /// computes for long or waits for something that is no event.
    ///
    /// A Fate has threads of its own: none until they are needed, no more than [`Builder::threads`](crate::Builder::threads)
    /// allows, each until it has been idle for some seconds. Work beyond that waits, first come, first served. Work that is
    /// under way keeps [`Fate::run`] going, whether somebody holds the Deferred or not.
    ///
    /// # Errors
    /// [`ThreadPanicked`] if the closure panicked; `io::Error` if the system gives no thread, and there is none yet, and with
    /// [`Forked`](crate::Forked) in it if this Fate is another process's. An error that the closure returns is a value:
    /// `.and_then(|result| result)` makes a failure of it.
    ///
    /// # Cancellation
    /// If the closure has not begun, it is dropped and never will. A closure that runs cannot be stopped: it goes on, but
    /// keeps nothing going any more, and what it gives is dropped on its thread.
    ///
    /// # Shutdown
    /// Closures that have not begun never will; their Deferreds fail with [`Cancelled`](crate::Cancelled) when everything else
    /// does. Those that run are waited for until the deadline, and so are those that
    /// [`Fate::before_shutdown`] hands in. One that is stuck beyond that is named in [`Fate::report`] and left to itself.
    ///
    /// # Simulation
    /// On a host of a [`Sim`](crate::sim::Sim) there are no threads: the closure is called from the ready queue, so one seed gives
    /// one history, and takes no virtual time unless the script [says so](crate::sim::Sim::thread_time). It must not wait
    /// there for anything that the loop is to do.
    ///
    /// ```
    /// use fate::Fate;
    ///
    /// let fate = Fate::new()?;
    /// fate.defer_to_thread(|| (1..=20u64).product::<u64>())
    ///     .add_callback(|product| assert_eq!(product, 2_432_902_008_176_640_000));
    /// fate.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn defer_to_thread<T, F>(&self, closure: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Threads::lane(self.reactor(), LaneName::Work).hand_in(self, Location::caller(), closure)
    }
}

/// A closure that was handed to a thread panicked there.
///
/// ```
/// use fate::{sim::Sim, ThreadPanicked};
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// fate.defer_to_thread(|| panic!("no tea")).add_errback(|failure| {
///     assert_eq!(failure.to_string(), "panicked on a thread: no tea");
///     let panicked = failure.trap::<ThreadPanicked>().unwrap();
///     assert_eq!(panicked.into_payload().downcast_ref(), Some(&"no tea"));
/// });
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct ThreadPanicked(Box<dyn Any + Send>);

impl ThreadPanicked {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> ThreadPanicked {
        ThreadPanicked(payload)
    }

    /// What `panic!` was given, for [`resume_unwind`](std::panic::resume_unwind).
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0
    }

    fn words(&self) -> &str {
        let words = self.0.downcast_ref::<&str>().copied();
        words.or_else(|| self.0.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no words)")
    }
}

impl fmt::Display for ThreadPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked on a thread: {}", self.words())
    }
}

impl fmt::Debug for ThreadPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadPanicked").field(&self.words()).finish()
    }
}

impl Error for ThreadPanicked {}
