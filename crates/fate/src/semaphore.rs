//! So many at a time.

use crate::line::Line;
use crate::{Deferred, Fate, IntoDeferred};
use fate_core::Reactor;
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};

/// A number of tokens that are lent out, first come, first served. A clonable handle.
///
/// ```
/// use fate::{sim::Sim, DeferredSemaphore};
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("tea party");
/// let cups = DeferredSemaphore::new(&fate, 2);
/// for _guest in 0..6 {
///     let (cups, here) = (cups.clone(), fate.clone());
///     fate.spawn(async move {
///         let _cup = cups.acquire().await?;
///         here.sleep(Duration::from_secs(10)).await;
///         Ok::<_, fate::Failure>(())
///     });
/// }
/// sim.run()?;
/// assert_eq!(sim.elapsed(), Duration::from_secs(30));
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone)]
pub struct DeferredSemaphore(Rc<State>);

struct State {
    reactor: Weak<Reactor>,
    free: Cell<usize>,
    waiters: Line<(), Permit>,
}

/// One token. Dropping it gives the token to the one who has waited longest.
#[must_use = "the token is given back when this is dropped"]
pub struct Permit(Rc<State>);

impl DeferredSemaphore {
    /// A semaphore with so many tokens. With none, everybody waits until [`DeferredSemaphore::add`].
    pub fn new(fate: &Fate, tokens: usize) -> DeferredSemaphore {
        let state = State { reactor: Rc::downgrade(fate.reactor()), free: Cell::new(tokens), waiters: Line::new() };
        DeferredSemaphore(Rc::new(state))
    }

    /// Waits for a token.
    ///
    /// # Cancellation
    /// One who cancels leaves the line; no token is lost.
    ///
    /// # Panics
    /// If the Fate is gone.
    #[track_caller]
    pub fn acquire(&self) -> Deferred<Permit> {
        let reactor = self.0.reactor.upgrade().expect("the Fate of this semaphore is alive");
        let (promise, deferred) = Fate::of(&reactor).deferred();
        match self.try_acquire() {
            Some(permit) => promise.callback(permit),
            None => self.0.waiters.join((), promise),
        }
        deferred
    }

    /// Takes a token, if one is free and nobody waits for it.
    pub fn try_acquire(&self) -> Option<Permit> {
        let free = self.0.free.get().checked_sub(1)?;
        self.0.free.set(free);
        Some(Permit(self.0.clone()))
    }

    /// Adds tokens.
    pub fn add(&self, tokens: usize) {
        self.0.add(tokens);
    }

    /// How many tokens are free.
    pub fn free(&self) -> usize {
        self.0.free.get()
    }

    /// Waits for a token, calls `work`, and gives the token back when what that gave has fired.
    #[track_caller]
    pub fn run<R: IntoDeferred>(&self, work: impl FnOnce() -> R + 'static) -> Deferred<R::Value> {
        let place = Location::caller();
        let reactor = self.0.reactor.clone();
        self.acquire().and_then(move |permit| {
            let reactor = reactor.upgrade().expect("the Fate is alive while its callbacks run");
            work().into_deferred(Fate::of(&reactor), place).and_both(move |result| {
                drop(permit);
                result
            })
        })
    }
}

impl State {
    /// Gives tokens to those who still wait, first come, first served; what is left is free.
    fn add(self: &Rc<State>, tokens: usize) {
        for given in 0..tokens {
            let Some(((), waiter)) = self.waiters.next() else {
                return self.free.set(self.free.get().saturating_add(tokens - given));
            };
            waiter.callback(Permit(self.clone()));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.add(1);
    }
}

impl fmt::Debug for DeferredSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredSemaphore").field("free", &self.free()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
