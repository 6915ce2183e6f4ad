//! How a run begins and ends: nothing left to happen, or a shutdown in stages.
//!
//! ```text
//!   Open ──shutdown()──▶ Asked ──end of turn──▶ Holding ──triggers done──▶ Draining ──all sent──▶ Dropping ──all dropped──▶ Open
//!                                                  └───────── or the deadline is over ─────────────▲
//! ```
//!
//! Asking changes nothing in the turn that asks. Then no more connections are accepted, the triggers set with `before_shutdown`
//! run in order, and the loop goes on until each has let go of its [`Hold`]. Then every connection sends what it has to send,
//! and closes. Both together have until the deadline. Then what is left is listed, fuses are cut, Deferreds and tasks
//! cancelled, connections aborted, their callbacks given one last round, and every handler dropped. After that the reactor
//! is as new. If a panic is carried out of the dropping, the next run goes on with it.

use super::operations::WindDown;
use super::reactor::Reactor;
use super::report::Live;
use super::turn::Turn;
use crate::parts::flat::Flat;
use crate::parts::fuses::FuseIndex;
use crate::parts::job::Job;
use crate::words::clock::{Clock, Until};
use crate::words::driver::Deed;
use crate::words::failure::{AlreadyRunning, Failure};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How long triggers and connections may take if nobody said otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// How many callbacks may run after everything was cancelled.
const LAST_CALLS: usize = 100_000;

/// How often dropping may make new things before what is left is dropped without being run.
const ROUNDS: usize = 100;

/// A trigger: run when shutdown begins, which goes on when the hold is dropped.
pub type Trigger = Box<dyn FnOnce(&Rc<Reactor>, Hold)>;

/// Delays the rest of a shutdown until it is dropped.
pub struct Hold(#[expect(dead_code, reason = "the count is what matters")] Rc<()>);

/// How a step of a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Something can still happen.
    GoOn,
    /// Nothing can ever happen by itself any more.
    Idle,
    /// A shutdown is complete.
    ShutDown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Asked,
    Holding,
    Draining,
    Dropping,
}

pub(super) struct Ending {
    stage: Cell<Stage>,
    grace: Cell<Duration>,
    deadline: Cell<Option<FuseIndex>>,
    overdue: Cell<bool>,
    triggers: RefCell<Vec<Trigger>>,
    holds: RefCell<Rc<()>>,
    left: RefCell<Vec<Live>>,
}

impl Default for Ending {
    fn default() -> Ending {
        Ending {
            stage: Cell::new(Stage::Open),
            grace: Cell::new(GRACE),
            deadline: Cell::new(None),
            overdue: Cell::new(false),
            triggers: RefCell::default(),
            holds: RefCell::default(),
            left: RefCell::default(),
        }
    }
}

impl Reactor {
    /// Runs until shutdown is complete or nothing can ever happen any more.
    ///
    /// # Errors
    /// [`AlreadyRunning`] from inside a run; what [`Reactor::turn`] says.
    pub fn run(self: &Rc<Reactor>) -> Result<(), Failure> {
        let _running = self.begin_run()?;
        while self.step(Duration::MAX)? == Step::GoOn {}
        Ok(())
    }

    /// Begins a run that the caller drives with [`Reactor::step`].
    ///
    /// # Errors
    /// [`AlreadyRunning`] from inside a run.
    pub fn begin_run(self: &Rc<Reactor>) -> Result<Running, Failure> {
        if self.running.replace(true) {
            return Err(AlreadyRunning.into());
        }
        drop(self.stop.take());
        Ok(Running(self.clone()))
    }

    /// One turn for a host that owns the loop, or for a handler that lets other things happen. Says whether anything can
    /// still happen.
    ///
    /// # Errors
    /// What the kernel said to the wait, or the failure for which the fault handler said to stop.
    ///
    /// # Panics
    /// Carries a handler's panic out, after the loop is consistent again, unless the fault handler chose to go on.
    pub fn turn(self: &Rc<Reactor>, patience: Duration) -> Result<bool, Failure> {
        if self.is_in_turn() {
            return self.take_turn(patience);
        }
        Ok(self.step(patience)? == Step::GoOn)
    }

    /// One turn of a run and, if it was asked for, one step of shutting down.
    ///
    /// # Errors
    /// As [`Reactor::turn`].
    pub fn step(self: &Rc<Reactor>, patience: Duration) -> Result<Step, Failure> {
        if self.ending.stage.get() == Stage::Dropping {
            return self.finish();
        }
        let alive = self.take_turn(patience)?;
        match self.ending.stage.get() {
            Stage::Open if alive => Ok(Step::GoOn),
            Stage::Open => self.rest(),
            Stage::Asked => {
                self.begin_holding();
                self.drain()
            }
            Stage::Holding | Stage::Draining | Stage::Dropping => self.drain(),
        }
    }

    /// Nothing can happen by itself; but the kernel may have to be told of what was closed at last.
    fn rest(&self) -> Result<Step, Failure> {
        self.hand_over()?;
        Ok(if self.is_alive() { Step::GoOn } else { Step::Idle })
    }

    /// What the next turn would wait for; `None` if nothing can ever happen. What the kernel has not been told of yet is
    /// not waited for.
    pub fn waits_until(&self) -> Option<Until> {
        let is_told = self.outbox.borrow().is_empty() && !self.is_gathering() && !self.is_ending();
        (self.is_alive() || !is_told).then(|| if is_told { self.how_long(Duration::MAX) } else { Until::NOW })
    }

    /// Whether anything can still happen.
    pub fn is_alive(&self) -> bool {
        self.has_work()
            || self.fuses.borrow().expected() > 0
            || self.is_awaiting()
            || self.is_gathering()
            || self.door.is_held()
            || self.is_awaited_outside()
            // Again: whoever wakes a task from outside comes to the door first, and only then lets go of the waker.
            || self.door.is_held()
    }

    /// Asks for a shutdown, which begins when this turn is over.
    pub fn shutdown(&self) {
        if self.ending.stage.get() == Stage::Open {
            self.ending.stage.set(Stage::Asked);
            self.saw(Deed::ShutdownAsked, self.current());
        }
    }

    /// Has the next step end everything, as when the power fails: no trigger runs, and no connection is heard out.
    pub fn perish(&self) {
        self.forget_deadline();
        drop(self.ending.triggers.take());
        self.ending.stage.set(Stage::Dropping);
    }

    /// Whether a shutdown is to begin, or to go on, that waits for nothing.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.ending.stage.get(), Stage::Asked | Stage::Dropping)
    }

    /// Whether a shutdown was asked for and is not complete.
    pub fn is_shutting_down(&self) -> bool {
        self.ending.stage.get() != Stage::Open
    }

    /// How long triggers and connections may delay a shutdown.
    pub fn set_grace(&self, grace: Duration) {
        self.ending.grace.set(grace);
    }

    /// Adds a trigger after those that are there. During a shutdown it is too late: the trigger is dropped.
    pub fn before_shutdown(&self, trigger: Trigger) {
        if matches!(self.ending.stage.get(), Stage::Open | Stage::Asked) {
            self.ending.triggers.borrow_mut().push(trigger);
        }
    }

    /// What was still alive when the last shutdown dropped it.
    pub(super) fn left(&self) -> Vec<Live> {
        self.ending.left.borrow().clone()
    }

    fn begin_holding(self: &Rc<Reactor>) {
        self.ending.stage.set(Stage::Holding);
        self.ending.overdue.set(false);
        self.wind_down(WindDown::StopAccepting);
        let triggers = std::mem::take(&mut *self.ending.triggers.borrow_mut());
        if !triggers.is_empty() || self.has_endpoints() {
            self.set_deadline();
        }
        for trigger in triggers {
            let hold = Hold(self.ending.holds.borrow().clone());
            self.queue(move |reactor| trigger(reactor, hold));
        }
    }

    fn set_deadline(self: &Rc<Reactor>) {
        let (now, place) = (self.now(), std::panic::Location::caller());
        let deadline = now + self.ending.grace.get();
        let mut fuses = self.fuses.borrow_mut();
        let fuse = fuses.light(Clock::Monotonic, deadline, now, place);
        let job = Job::new(|reactor: &Rc<Reactor>| reactor.ending.overdue.set(true));
        drop(fuses.set_handler(fuse, place, job, now));
        self.ending.deadline.set(Some(fuse));
    }

    /// Puts the shutdown's own fuse out, so that it is not among what is left.
    fn forget_deadline(&self) {
        if let Some(fuse) = self.ending.deadline.take() {
            let mut fuses = self.fuses.borrow_mut();
            drop(fuses.cut(fuse));
            fuses.release(fuse);
        }
    }

    /// Goes on to the next stage if nothing holds this one up any more.
    fn drain(self: &Rc<Reactor>) -> Result<Step, Failure> {
        let may_wait = !self.ending.overdue.get() && self.is_alive();
        if self.ending.stage.get() == Stage::Holding {
            if may_wait && Rc::strong_count(&self.ending.holds.borrow()) > 1 {
                return Ok(Step::GoOn);
            }
            self.ending.stage.set(Stage::Draining);
            self.wind_down(WindDown::Drain);
        }
        if may_wait && self.is_draining() {
            return Ok(Step::GoOn);
        }
        self.forget_deadline();
        *self.ending.left.borrow_mut() = self.live_things();
        self.ending.stage.set(Stage::Dropping);
        self.finish()
    }

    /// The last turn: only dropping, and what comes of it.
    fn finish(self: &Rc<Reactor>) -> Result<Step, Failure> {
        let turn = Turn::last(self);
        turn.phase(Reactor::drop_everything);
        self.saw(Deed::ShutDown, None);
        self.ending.stage.set(Stage::Open);
        turn.end()?;
        self.hand_over()?;
        Ok(Step::ShutDown)
    }

    /// Ends everything that lives. What is dropped may be user code, and may make new things: those go too.
    fn drop_everything(self: &Rc<Reactor>) {
        let mut calls = LAST_CALLS;
        for _ in 0..ROUNDS {
            self.cut_all();
            for (living, _) in self.all_living() {
                living.end();
            }
            self.wind_down(WindDown::Abort);
            self.run_last(&mut calls);
            self.drop_tasks();
            self.unwatch_all();
            if self.ready.borrow().is_empty() && self.live_things().is_empty() {
                break;
            }
        }
        while Flat::discard_next(&self.ready) {}
        *self.ending.holds.borrow_mut() = Rc::default();
    }

    /// Lets what was queued run: callbacks hear that they were cancelled, and failures are reported.
    fn run_last(self: &Rc<Reactor>, calls: &mut usize) {
        while *calls > 0 && Flat::run_next(&self.ready, self).is_some() {
            *calls -= 1;
        }
    }

    fn cut_all(&self) {
        let mut next = Some(0);
        while let Some(from) = next {
            let cut = self.fuses.borrow_mut().cut_any(from);
            next = cut.and_then(|(index, handlers)| {
                drop(handlers);
                index.checked_add(1)
            });
        }
        loop {
            let handler = self.crowd.borrow_mut().pop_front();
            if handler.is_none() {
                break;
            }
        }
    }
}

/// A run that has begun.
pub struct Running(Rc<Reactor>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(false);
    }
}
