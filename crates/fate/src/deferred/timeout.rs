//! A limit on how long a Deferred may take.

use super::Deferred;
use crate::{Cancelled, Elapsed, Failure, Fate, Fuse};
use fate_core::Clock;
use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

impl<T: 'static> Deferred<T> {
    /// Cancels what was added before this, if it is not done `limit` from now, and turns the
    /// [`Cancelled`] that comes of it into [`Elapsed`]. An errback before this may recover from the `Cancelled`: then its
    /// value stands. What is added after this is not covered. The timer is gone as soon as the step is reached.
    ///
    /// ```
    /// use fate::{sim::Sim, Elapsed};
    /// use std::time::Duration;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let (promise, answer) = fate.deferred::<u32>();
    /// answer
    ///     .add_timeout(Duration::from_secs(4))
    ///     .or_else(|failure| failure.trap::<Elapsed>().map(|_| 0))
    ///     .add_callback(|answer| assert_eq!(answer, 0));
    /// sim.run()?;
    /// assert_eq!(sim.elapsed(), Duration::from_secs(4));
    /// drop(promise);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    #[track_caller]
    pub fn add_timeout(self, limit: Duration) -> Deferred<T> {
        let place = Location::caller();
        let Some(reactor) = self.node().reactor() else { return self };
        let fate = Fate::of(&reactor);
        let now = fate.now();
        let fuse = Fuse::light(fate, Clock::Monotonic, now + limit, now, place);
        let is_up = Rc::new(Cell::new(false));
        let (flag, node) = (Rc::downgrade(&is_up), Rc::downgrade(&self.node()));
        fuse.set_handler_of(place, move |_| {
            if let Some(node) = node.upgrade() {
                node.at_rest(move |innermost| {
                    if let Some(is_up) = flag.upgrade() {
                        is_up.set(innermost.cancel_here());
                    }
                });
            }
        });
        let timer = Timer(fuse);
        self.add_rescue(place, move |run, failure| {
            let is_timed_out = is_up.get() && failure.is::<Cancelled>();
            drop(timer);
            run.put(Err(if is_timed_out { Failure::born_at(Elapsed, place) } else { failure }));
        })
    }
}

/// The fuse of one timeout: out as soon as the step is reached, or dropped. With the step goes the flag, too: what comes
/// after it is not cancelled.
struct Timer(Fuse);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.cut();
    }
}
