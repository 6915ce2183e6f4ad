//! One at a time.

use crate::semaphore::{DeferredSemaphore, Permit};
use crate::{Deferred, Fate, IntoDeferred};

/// A lock that is lent out, first come, first served: for what takes several turns and must not be mixed. A clonable
/// handle.
///
/// ```
/// use fate::{sim::Sim, DeferredLock};
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let lock = DeferredLock::new(&fate);
/// for _ in 0..3 {
///     let here = fate.clone();
///     lock.run(move || here.spawn({ let here = here.clone(); async move { here.sleep(Duration::from_secs(1)).await } }));
/// }
/// sim.run()?;
/// assert_eq!(sim.elapsed(), Duration::from_secs(3));
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeferredLock(DeferredSemaphore);

/// The lock, held. Dropping it gives the lock to the one who has waited longest.
#[must_use = "the lock is given back when this is dropped"]
#[derive(Debug)]
pub struct LockGuard(#[expect(dead_code, reason = "dropping it is what it is for")] Permit);

impl DeferredLock {
    /// A lock that nobody holds.
    pub fn new(fate: &Fate) -> DeferredLock {
        DeferredLock(DeferredSemaphore::new(fate, 1))
    }

    /// Waits for the lock.
    ///
    /// # Cancellation
    /// One who cancels leaves the line.
    ///
    /// # Panics
    /// If the Fate is gone.
    #[track_caller]
    pub fn acquire(&self) -> Deferred<LockGuard> {
        self.0.acquire().add_callback(LockGuard)
    }

    /// Takes the lock, if nobody holds it or waits for it.
    pub fn try_acquire(&self) -> Option<LockGuard> {
        self.0.try_acquire().map(LockGuard)
    }

    /// Whether somebody holds the lock.
    pub fn is_locked(&self) -> bool {
        self.0.free() == 0
    }

    /// Waits for the lock, calls `work`, and gives the lock back when what that gave has fired.
    #[track_caller]
    pub fn run<R: IntoDeferred>(&self, work: impl FnOnce() -> R + 'static) -> Deferred<R::Value> {
        self.0.run(work)
    }
}
