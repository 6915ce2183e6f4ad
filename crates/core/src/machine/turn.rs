//! One turn: the algorithm, on one screen.
//!
//! ```text
//!        ┌───────────────────────────── one turn ──────────────────────────────┐
//!        │ gather        what was written since the last turn is sent          │
//!        │ ask_kernel    outbox out, inbox in; sleeps only if nothing is ready │
//!        │ read_clocks   once; everything in this turn happens "now"           │
//!        │ deliver       completions: their handlers                           │
//!        │ burn_due      fuses due now, by (deadline, lighting order)          │
//!        │ run_ready     calls, Deferred steps, tasks: first in, first out,    │
//!        │               with what these queue themselves, up to a budget      │
//!        └─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # Invariants
//! - T1 A fuse lit in a turn burns in a later one: its lighting number is not below the turn's limit.
//! - T2 A phase takes each thing out of its part before it calls it, so a phase that a panic ended is simply entered again.
//! - T3 A turn may be taken from within a handler; it goes on with what the outer one had left.

use super::reactor::{Reactor, count};
use crate::parts::flat::Flat;
use crate::parts::fuses::Handler;
use crate::words::clock::{Clock, Until};
use crate::words::driver::Deed;
use crate::words::failure::{Failure, Place};
use crate::words::instant::Instant;
use std::io;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

/// How many ready things run before the kernel is asked again.
const BUDGET: usize = 512;

impl Reactor {
    /// Takes one turn, sleeping for at most `patience` if nothing is ready, and not at all if nothing can ever happen.
    /// Says whether anything can still happen.
    ///
    /// # Errors
    /// What the kernel said to the wait, or the failure for which the fault handler said to stop.
    ///
    /// # Panics
    /// Carries a handler's panic out, after the loop is consistent again, unless the fault handler chose to go on.
    pub(super) fn take_turn(self: &Rc<Reactor>, patience: Duration) -> Result<bool, Failure> {
        let turn = Turn::begin(self);
        self.ask_kernel(if turn.is_outermost() && self.is_ending() { Duration::ZERO } else { patience })?;
        let moments = self.read_clocks();
        let limit = self.fuses.borrow().next_number();
        turn.phase(Reactor::deliver);
        turn.phase(|reactor| reactor.burn_due(&moments, limit));
        turn.phase(Reactor::run_ready);
        turn.end()
    }

    fn ask_kernel(&self, patience: Duration) -> Result<(), Failure> {
        self.gather();
        let until = self.how_long(patience);
        let until = if !until.is_now() && self.doze()? { until } else { Until::NOW };
        let result = self.exchange(&until);
        if !until.is_now() {
            count(&self.counters.waits);
        }
        if self.is_dozing.take() {
            self.door.wake_up();
        }
        self.door.take_all(&self.ready);
        Ok(result?)
    }

    /// Whether there is something to do that needs neither the kernel nor time.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.borrow().is_empty()
            || !self.inbox.borrow().is_empty()
            || !self.crowd.borrow().is_empty()
            || self.door.has_calls()
    }

    /// When to stop waiting for the kernel.
    pub(super) fn how_long(&self, patience: Duration) -> Until {
        if patience.is_zero() || self.has_work() || !self.is_alive() || self.is_done_when_sent() {
            return Until::NOW;
        }
        let mut until = Until::FOREVER;
        for clock in Clock::ALL {
            if let Some(due) = self.fuses.borrow_mut().next_due(clock) {
                until.at_most(clock, due);
            }
        }
        if patience != Duration::MAX {
            until.at_most(Clock::Monotonic, self.time.now(Clock::Monotonic) + patience);
        }
        until
    }

    /// Tells the door that a sleep begins, with a bell to end it: until the next turn, whoever comes rings. Says no if
    /// somebody is at the door already.
    ///
    /// # Errors
    /// The kernel would not make a bell.
    pub fn doze(&self) -> io::Result<bool> {
        self.hang_bell()?;
        self.is_dozing.set(true);
        Ok(self.door.fall_asleep())
    }

    /// Gives the door a bell, unless it has one. From here on this is for the process that it is in: see
    /// [`Driver`](crate::Driver).
    ///
    /// # Errors
    /// The kernel would not make a bell.
    pub fn hang_bell(&self) -> io::Result<()> {
        if !self.has_ring.get() {
            let ring = self.driver.borrow_mut().ringer()?;
            self.door.set_ring(ring);
            self.has_ring.set(true);
        }
        Ok(())
    }

    /// Hands the outbox to the kernel and waits, from within the hook if there is one; whatever that has made ready is not
    /// slept over.
    fn exchange(&self, until: &Until) -> io::Result<()> {
        let mut result = Ok(());
        let mut exchange = || {
            let is_undone = !until.is_now() && (self.has_work() || !self.is_dozing.get());
            let until = if is_undone { &Until::NOW } else { until };
            let (outbox, inbox) = (&mut self.outbox.borrow_mut(), &mut self.inbox.borrow_mut());
            result = self.driver.borrow_mut().exchange(outbox, inbox, until);
        };
        let hook = if until.is_now() { None } else { self.around_wait.borrow().clone() };
        match hook {
            Some(hook) => hook(&mut exchange),
            None => exchange(),
        }
        result
    }

    /// Reads every clock that a fuse follows, and fixes the turn's present.
    fn read_clocks(&self) -> [Instant; 3] {
        self.fuses.borrow_mut().begin_turn();
        let now = self.time.now(Clock::Monotonic);
        self.turn_time.set(Some(now));
        let read = |clock| if self.fuses.borrow().follows(clock) { self.time.now(clock) } else { Instant::START };
        [now, read(Clock::Boot), read(Clock::Wall)]
    }

    fn burn_due(self: &Rc<Reactor>, moments: &[Instant; 3], limit: u64) {
        for clock in Clock::ALL {
            while let Some(handler) = self.next_burning(clock, moments[clock as usize], limit) {
                self.enter(handler.place);
                handler.job.call(self);
            }
        }
    }

    /// The next handler of the fuse that burns now or, when it has no more, the first one of the next fuse.
    #[inline]
    fn next_burning(&self, clock: Clock, now: Instant, limit: u64) -> Option<Handler<Rc<Reactor>>> {
        if let Some(handler) = self.crowd.borrow_mut().pop_front() {
            return Some(handler);
        }
        let handlers = self.fuses.borrow_mut().pop_due(clock, now, limit)?;
        count(&self.counters.burned);
        self.saw(Deed::Burned, Some(handlers.first.place));
        if let Some(others) = handlers.others {
            self.crowd.borrow_mut().extend(*others);
        }
        Some(handlers.first)
    }

    fn run_ready(self: &Rc<Reactor>) {
        for _ in 0..BUDGET {
            if Flat::run_next(&self.ready, self).is_none() {
                break;
            }
        }
        self.ready.borrow_mut().relax();
    }

    /// The first moment at which something is due, on the monotonic clock: what a host loop may sleep until. For a guest
    /// ([`Reactor::pollable`]), whoever comes to the door after this makes the descriptor readable.
    pub fn next_due(&self) -> Option<Instant> {
        let now = self.time.now(Clock::Monotonic);
        let may_sleep = !self.is_guest.get() || self.prepare_host().unwrap_or(false);
        if !may_sleep || self.has_work() || self.is_ending() {
            return Some(now);
        }
        let until = |clock| {
            let due = self.fuses.borrow_mut().next_due(clock)?;
            Some(if clock == Clock::Monotonic { due } else { now + due.duration_since(self.time.now(clock)) })
        };
        Clock::ALL.into_iter().filter_map(until).min()
    }

    /// A host is about to sleep in this one's stead: the kernel must know what to watch for, and the door whom to wake.
    fn prepare_host(&self) -> io::Result<bool> {
        self.hand_over()?;
        self.doze()
    }

    /// Tells the kernel what it has not been told of yet, without waiting.
    pub(super) fn hand_over(&self) -> io::Result<()> {
        self.gather();
        if self.outbox.borrow().is_empty() { Ok(()) } else { self.exchange(&Until::NOW) }
    }

    /// A descriptor that is readable when there is something to do other than a fuse. From here on this is the guest of a
    /// loop that calls [`Reactor::next_due`] before it sleeps.
    ///
    /// # Errors
    /// What the driver says.
    pub fn pollable(&self) -> io::Result<RawFd> {
        let descriptor = self.driver.borrow_mut().pollable()?;
        self.is_guest.set(true);
        Ok(descriptor)
    }
}

/// A turn that has begun. Whichever way it ends, what it changed is put back; but the present does not go back to what it
/// was before a turn within a turn.
pub(super) struct Turn<'a> {
    reactor: &'a Rc<Reactor>,
    outer_time: Option<Instant>,
    outer_place: Option<Place>,
}

impl<'a> Turn<'a> {
    fn begin(reactor: &'a Rc<Reactor>) -> Turn<'a> {
        count(&reactor.counters.turns);
        let turn = Turn { reactor, outer_time: reactor.turn_time.get(), outer_place: reactor.current.get() };
        reactor.turn_time.set(None);
        turn
    }

    /// A turn that asks nobody anything: for the end of all things.
    pub(super) fn last(reactor: &'a Rc<Reactor>) -> Turn<'a> {
        let turn = Turn::begin(reactor);
        reactor.turn_time.set(Some(reactor.time.now(Clock::Monotonic)));
        turn
    }

    /// Runs a phase to its end, however many of its handlers panic; unless the fault handler lets a panic out.
    pub(super) fn phase(&self, phase: impl Fn(&Rc<Reactor>)) {
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| phase(self.reactor))) {
            self.reactor.panicked(panic);
        }
        self.reactor.current.set(self.outer_place);
    }

    fn is_outermost(&self) -> bool {
        self.outer_time.is_none()
    }

    pub(super) fn end(self) -> Result<bool, Failure> {
        let stop = if self.is_outermost() { self.reactor.stop.take() } else { None };
        match stop {
            Some(failure) => Err(failure),
            None => Ok(self.reactor.is_alive()),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let present = if self.outer_time.is_some() { self.outer_time.max(self.reactor.turn_time.get()) } else { None };
        self.reactor.turn_time.set(present);
        self.reactor.current.set(self.outer_place);
    }
}
