//! Something that happens again and again, on a grid.

use crate::outcome::Outcome;
use crate::{Fate, Fuse, Instant, Place};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// What a repeating handler is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Tick {
    /// Ticks of the grid that passed since the last call without one of their own.
    pub missed: u32,
}

/// A repeating handler. Dropping this handle stops nothing.
#[derive(Clone)]
pub struct Looping(Rc<State>);

type Step = Box<dyn FnMut(&Fate, Tick) -> Option<crate::Deferred<()>>>;

struct State {
    period: u64,
    place: Place,
    /// The grid point of the next call.
    next: Cell<Instant>,
    /// Grid points that passed while a Deferred was awaited.
    missed: Cell<u64>,
    fuse: RefCell<Option<Fuse>>,
    /// Out of its place while it runs, and gone once it was stopped.
    handler: RefCell<Option<Step>>,
    is_running: Cell<bool>,
}

impl Looping {
    pub(crate) fn start<R: Outcome + 'static>(
        fate: &Fate,
        period: Duration,
        place: Place,
        mut handler: impl FnMut(&Fate, Tick) -> R + 'static,
    ) -> Looping {
        let step: Step = Box::new(move |fate, tick| handler(fate, tick).conclude(fate));
        let state = State {
            period: u64::try_from(period.as_nanos()).unwrap_or(u64::MAX),
            place,
            next: Cell::new(fate.now() + period),
            missed: Cell::new(0),
            fuse: RefCell::new(None),
            handler: RefCell::new(Some(step)),
            is_running: Cell::new(true),
        };
        let looping = Looping(Rc::new(state));
        looping.light(fate);
        looping
    }

    /// Stops: the handler is not called again, and is dropped (after it returned, if it is the one that says so). Says
    /// whether it was running.
    pub fn stop(&self) -> bool {
        let was_running = self.0.is_running.replace(false);
        let fuse = self.0.fuse.take();
        if let Some(fuse) = fuse {
            fuse.cut();
        }
        drop(self.0.handler.take());
        was_running
    }

    /// Whether the handler will be called again.
    pub fn is_running(&self) -> bool {
        self.0.is_running.get()
    }

    fn light(&self, fate: &Fate) {
        let fuse = Fuse::light(fate, fate_core::Clock::Monotonic, self.0.next.get(), fate.now(), self.0.place);
        let coming = Coming(Some(self.clone()));
        fuse.set_handler_of(self.0.place, move |fate| coming.go(|looping| looping.tick(fate)));
        *self.0.fuse.borrow_mut() = Some(fuse);
    }

    fn tick(&self, fate: &Fate) {
        let Some(mut handler) = self.0.handler.take() else { return };
        let missed = self.advance(fate.now());
        let calling = Calling(self);
        let wait = handler(fate, Tick { missed });
        std::mem::forget(calling);
        if !self.is_running() {
            return drop(handler);
        }
        *self.0.handler.borrow_mut() = Some(handler);
        match wait {
            None => self.go_on(fate),
            Some(wait) => self.go_on_after(fate, wait),
        }
    }

    fn go_on_after(&self, fate: &Fate, wait: crate::Deferred<()>) {
        let (coming, reactor) = (Coming(Some(self.clone())), Rc::downgrade(fate.reactor()));
        drop(wait.and_both(move |result| {
            if let Some(reactor) = reactor.upgrade() {
                coming.go(|looping| looping.go_on(Fate::of(&reactor)));
            }
            result
        }));
    }

    /// Moves on to the first grid point after `now`, which is a tick's own or later. Says how many were missed till now.
    fn advance(&self, now: Instant) -> u32 {
        let (due, period) = (self.0.next.get(), self.0.period);
        let behind = (now - due).as_nanos() as u64;
        let late = behind.checked_div(period).unwrap_or(0);
        let next = late.saturating_add(1).saturating_mul(period).saturating_add(due.as_nanos());
        self.0.next.set(if period == 0 { now } else { Instant::from_nanos(next) });
        u32::try_from(late.saturating_add(self.0.missed.take())).unwrap_or(u32::MAX)
    }

    /// Lights the next tick; grid points that passed while the handler's Deferred was awaited are missed.
    fn go_on(&self, fate: &Fate) {
        if !self.is_running() {
            return;
        }
        let (now, next, period) = (fate.now(), self.0.next.get(), self.0.period);
        if next < now {
            let skipped = ((now - next).as_nanos() as u64).checked_div(period).map_or(0, |whole| whole + 1);
            self.0.missed.set(self.0.missed.get().saturating_add(skipped));
            self.0.next.set(Instant::from_nanos(next.as_nanos().saturating_add(skipped.saturating_mul(period))));
        }
        self.light(fate);
    }
}

/// The call that is to come. If it is dropped, none will: its fuse was cut, or what was awaited is gone.
struct Coming(Option<Looping>);

impl Coming {
    fn go(mut self, on: impl FnOnce(Looping)) {
        if let Some(looping) = self.0.take() {
            on(looping);
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        if let Some(looping) = self.0.take() {
            looping.stop();
        }
    }
}

/// A call that has begun. If it panics, the handler is gone, and with it the repetition.
struct Calling<'a>(&'a Looping);

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.0.is_running.set(false);
    }
}

impl fmt::Debug for Looping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Looping").field("is_running", &self.is_running()).finish_non_exhaustive()
    }
}
