//! A one-shot event in time: get it, then say what happens.

use crate::net::packets::lookout::Watched;
use crate::outcome::Outcome;
use crate::{Clock, Fate, Instant, Place};
use fate_core::Key;
use fate_core::Reactor;
use fate_core::parts::fuses::FuseIndex;
use fate_core::parts::job::Job;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

/// A lit fuse: it burns once, when its time comes; or its packet, if it is of a [`UdpSocket`](crate::UdpSocket::get_fuse).
///
/// Handlers may be set before or after it burns; either way they run exactly once, from a turn, never in place. A fuse
/// without a handler waits for one. Dropping the handle does not cut a fuse that has a handler.
///
/// ```
/// use fate::sim::Sim;
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("wonderland");
/// let fuse = fate.get_fuse(Duration::from_secs(5));
/// fuse.add_handler(|_| println!("the bomb goes off"));
/// fuse.add_handler(|_| println!("the crowd runs"));
/// assert!(fuse.has_handler() && !fuse.is_burned());
/// fuse.delay(Duration::from_secs(1));
/// sim.run()?;
/// assert!(fuse.is_burned());
/// assert_eq!(sim.elapsed(), Duration::from_secs(6));
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct Fuse {
    reactor: Weak<Reactor>,
    index: FuseIndex,
    /// Who burns it on something other than its time, and is told what happens to it.
    watched: Option<Watched>,
}

impl Fuse {
    #[inline]
    pub(crate) fn light(fate: &Fate, clock: Clock, deadline: Instant, now: Instant, place: Place) -> Fuse {
        let reactor = fate.reactor();
        let index = reactor.fuses().borrow_mut().light(clock, deadline, now, place);
        Fuse { reactor: Rc::downgrade(reactor), index, watched: None }
    }

    /// A fuse without a deadline, which is burned by whom `watch` names.
    pub(crate) fn light_watched(reactor: &Rc<Reactor>, place: Place, watch: impl FnOnce(FuseIndex) -> Watched) -> Fuse {
        let mut fuse = Fuse::light(Fate::of(reactor), Clock::Monotonic, Instant::NEVER, reactor.now(), place);
        fuse.watched = Some(watch(fuse.index));
        fuse
    }

    /// A fuse of a Fate that is gone.
    pub(crate) fn dead() -> Fuse {
        Fuse { reactor: Weak::new(), index: 0, watched: None }
    }

    /// Sets what happens when the fuse burns, in place of all that was set before.
    ///
    /// Runs in the turn in which the deadline has come, in order of deadline and then of lighting; if the fuse has burned
    /// already, in the next turn. Set on a fuse that was cut, it never runs.
    ///
    /// # Errors
    /// A failure that the handler returns goes to the fault handler, with the line of this call.
    #[inline]
    #[track_caller]
    pub fn set_handler<R: Outcome>(&self, handler: impl FnOnce(&Fate) -> R + 'static) -> &Fuse {
        self.set_handler_of(Location::caller(), handler)
    }

    /// As [`Fuse::set_handler`], on behalf of the line `place`.
    #[inline]
    pub(crate) fn set_handler_of<R: Outcome>(&self, place: Place, handler: impl FnOnce(&Fate) -> R + 'static) -> &Fuse {
        if let Some(reactor) = self.reactor.upgrade() {
            let replaced =
                reactor.fuses().borrow_mut().set_handler(self.index, place, self.job(handling(handler)), reactor.now());
            drop(replaced);
        }
        self
    }

    /// Adds one more thing that happens when the fuse burns, after those that were added before.
    ///
    /// # Errors
    /// As [`Fuse::set_handler`].
    #[track_caller]
    pub fn add_handler<R: Outcome>(&self, handler: impl FnOnce(&Fate) -> R + 'static) -> &Fuse {
        if let Some(reactor) = self.reactor.upgrade() {
            let place = Location::caller();
            let job = self.job(handling(handler));
            let refused = reactor.fuses().borrow_mut().add_handler(self.index, place, job, reactor.now());
            drop(refused);
        }
        self
    }

    /// Whether there is a handler that has not run.
    pub fn has_handler(&self) -> bool {
        self.reactor.upgrade().is_some_and(|reactor| reactor.fuses().borrow().has_handler(self.index))
    }

    /// Whether the fuse has burned: its time is past, its packet has come, or [`Fuse::call_handler`] was called. A fuse that
    /// was cut never has.
    pub fn is_burned(&self) -> bool {
        self.reactor.upgrade().is_some_and(|reactor| {
            let Some((clock, _)) = reactor.fuses().borrow().time(self.index) else { return false };
            let now = reactor.now_on(clock);
            reactor.fuses().borrow().is_burned(self.index, now)
        })
    }

    /// The moment at which the fuse burns, on its clock.
    pub fn time(&self) -> Instant {
        let time = self.reactor.upgrade().and_then(|reactor| reactor.fuses().borrow().time(self.index));
        time.map_or(Instant::NEVER, |(_, deadline)| deadline)
    }

    /// Moves the deadline to `moment` on the fuse's clock. Counts as lighting anew; says whether it was in time.
    #[inline]
    pub fn set_time(&self, moment: Instant) -> bool {
        self.reactor.upgrade().is_some_and(|reactor| reactor.fuses().borrow_mut().set_time(self.index, moment))
    }

    /// Moves the deadline to `delay` from now. Counts as lighting anew; says whether it was in time.
    pub fn reset(&self, delay: Duration) -> bool {
        self.reactor.upgrade().is_some_and(|reactor| {
            let Some((clock, _)) = reactor.fuses().borrow().time(self.index) else { return false };
            self.set_time(reactor.now_on(clock) + delay)
        })
    }

    /// Moves the deadline by `longer`. Counts as lighting anew; says whether it was in time.
    pub fn delay(&self, longer: Duration) -> bool {
        self.set_time(self.time() + longer)
    }

    /// Burns the fuse now: its handlers run from the ready queue, once. Does nothing if it has burned or was cut.
    pub fn call_handler(&self) {
        let Some(reactor) = self.reactor.upgrade() else { return };
        if let Some(watched) = &self.watched {
            watched.end();
        }
        burn(&reactor, self.index, true);
    }

    /// Puts the fuse out, and drops its handlers at once. Says whether it was in time: not if the fuse has burned, or is
    /// burning right now. A fuse that is due in this very turn can still be cut by an earlier handler of the turn.
    #[inline]
    pub fn cut(&self) -> bool {
        let Some(reactor) = self.reactor.upgrade() else { return false };
        let handlers = reactor.fuses().borrow_mut().cut(self.index);
        if let Some(watched) = &self.watched {
            watched.end();
        }
        handlers.is_some()
    }

    /// A handler of this fuse, of which whoever else burns the fuse is told as long as it waits.
    #[inline]
    fn job(&self, call: impl FnOnce(&Rc<Reactor>) + 'static) -> Job<Rc<Reactor>> {
        let Some(watched) = &self.watched else { return Job::new(call) };
        let post = watched.post();
        Job::new(move |reactor: &Rc<Reactor>| {
            post.leave();
            call(reactor);
        })
    }
}

#[inline]
fn handling<R: Outcome>(handler: impl FnOnce(&Fate) -> R + 'static) -> impl FnOnce(&Rc<Reactor>) + 'static {
    move |reactor: &Rc<Reactor>| {
        let fate = Fate::of(reactor);
        handler(fate).conclude(fate);
    }
}

/// Burns a fuse now: its handlers run from the ready queue.
pub(crate) fn burn(reactor: &Rc<Reactor>, index: FuseIndex, is_held: bool) {
    let handlers = reactor.fuses().borrow_mut().burn(index);
    if !is_held {
        reactor.fuses().borrow_mut().release(index);
    }
    for handler in handlers.into_iter().flatten() {
        reactor.queue(move |reactor| {
            reactor.enter(handler.place);
            handler.job.call(reactor);
        });
    }
}

impl Drop for Fuse {
    #[inline]
    fn drop(&mut self) {
        if let Some(reactor) = self.reactor.upgrade() {
            reactor.fuses().borrow_mut().release(self.index);
        }
    }
}

impl fmt::Debug for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fuse").field("time", &self.time()).field("is_burned", &self.is_burned()).finish_non_exhaustive()
    }
}

/// Waits for the fuse to burn; gives `true` then, and `false` if it had been cut.
///
/// # Cancellation
/// Dropping the future cuts the fuse.
impl IntoFuture for Fuse {
    type Output = bool;
    type IntoFuture = Burning;

    #[track_caller]
    fn into_future(self) -> Burning {
        Burning { fuse: self, waiter: None, place: Location::caller() }
    }
}

/// The future that waits for a [`Fuse`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Burning {
    fuse: Fuse,
    /// The task that the fuse will wake.
    waiter: Option<Key>,
    place: Place,
}

impl Future for Burning {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let Some(reactor) = self.fuse.reactor.upgrade() else { return Poll::Pending };
        if let Some(burned) = reactor.fuses().borrow().is_out(self.fuse.index) {
            return Poll::Ready(burned);
        }
        let task = reactor.polled_task(context.waker());
        if task.is_none() || task != self.waiter {
            self.waiter = task;
            let wake = match task {
                Some(task) => self.fuse.job(move |reactor: &Rc<Reactor>| reactor.wake(task)),
                None => {
                    let waker = context.waker().clone();
                    self.fuse.job(move |_: &Rc<Reactor>| waker.wake())
                }
            };
            let replaced = reactor.fuses().borrow_mut().set_handler(self.fuse.index, self.place, wake, reactor.now());
            drop(replaced);
        }
        Poll::Pending
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        self.fuse.cut();
    }
}
