//! The reactor: everything one Fate has, and no algorithm.
//!
//! Each part lies in a cell of its own, borrowed for the length of one function of this crate and never while user code
//! runs, be it a handler, a callback, a poll, or the drop of what any of them captured. So whatever is called from a
//! handler finds nothing borrowed, and anything may be lit, cut or ended from anywhere.
//!
//! # Invariants
//! - M1 No cell of the reactor is borrowed while user code runs or is dropped.
//! - M2 User code runs only in the phases of a turn.
//! - M3 What jobs hold of the reactor is weak; a strong handle inside a job is the user's own, and [`super::ending`]
//!   drops the job.

use super::belongings::Belongings;
use super::ending::Ending;
use super::fault::FaultHandler;
use super::living::Register;
use super::operations::Traffic;
use super::tasks::Tasks;
use crate::parts::door::{Door, Loop};
use crate::parts::flat::Flat;
use crate::parts::fuses::{Fuses, Handler};
use crate::words::clock::{Clock, Time};
use crate::words::driver::{Deed, Driver, Witness};
use crate::words::failure::{Failure, Place};
use crate::words::instant::Instant;
use crate::words::key::Key;
use crate::words::network::Network;
use crate::words::op::{Completion, Op};
use crate::words::system::System;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// A hook around the one blocking wait: it is given the wait and calls it once.
pub type AroundWait = Rc<dyn Fn(&mut dyn FnMut())>;

/// One event manager, on one driver.
pub struct Reactor {
    pub(super) driver: RefCell<Box<dyn Driver>>,
    pub(super) time: Rc<dyn Time>,
    pub(super) network: Rc<dyn Network>,
    pub(super) system: Rc<dyn System>,
    pub(super) witness: Option<Rc<dyn Witness>>,
    pub(super) around_wait: RefCell<Option<AroundWait>>,
    pub(super) outbox: RefCell<Vec<Op>>,
    pub(super) inbox: RefCell<VecDeque<Completion>>,
    pub(super) fuses: RefCell<Fuses<Rc<Reactor>>>,
    pub(super) crowd: RefCell<VecDeque<Handler<Rc<Reactor>>>>,
    pub(super) ready: RefCell<Flat<Rc<Reactor>>>,
    pub(super) tasks: RefCell<Tasks>,
    pub(super) traffic: Traffic,
    pub(super) living: RefCell<Register>,
    pub(super) door: Arc<Door<Reactor>>,
    pub(super) has_ring: Cell<bool>,
    /// Whoever comes to the door rings, until the next turn.
    pub(super) is_dozing: Cell<bool>,
    /// A host loop sleeps in this one's stead.
    pub(super) is_guest: Cell<bool>,
    pub(super) ending: Ending,
    pub(super) fault_handler: RefCell<FaultHandler>,
    pub(super) stop: RefCell<Option<Failure>>,
    pub(super) running: Cell<bool>,
    /// The turn's one reading of the monotonic clock.
    pub(super) turn_time: Cell<Option<Instant>>,
    /// The line that set up the handler which runs now.
    pub(super) current: Cell<Option<Place>>,
    pub(super) belongings: Belongings,
    pub(super) counters: Counters,
}

/// What a reactor has done so far.
#[derive(Default, Debug)]
pub struct Counters {
    /// Turns taken.
    pub turns: Cell<u64>,
    /// Times that the kernel was asked to wait.
    pub waits: Cell<u64>,
    /// Fuses whose handlers were called.
    pub burned: Cell<u64>,
    /// Faults reported.
    pub faults: Cell<u64>,
}

pub(super) fn count(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

impl Reactor {
    /// A reactor on `driver`.
    pub fn new(driver: Box<dyn Driver>) -> Rc<Reactor> {
        let reactor = Rc::new(Reactor {
            time: driver.time(),
            network: driver.network(),
            system: driver.system(),
            witness: driver.witness(),
            driver: RefCell::new(driver),
            around_wait: RefCell::default(),
            outbox: RefCell::default(),
            inbox: RefCell::default(),
            fuses: RefCell::default(),
            crowd: RefCell::default(),
            ready: RefCell::default(),
            tasks: RefCell::default(),
            traffic: Traffic::default(),
            living: RefCell::default(),
            door: Arc::default(),
            has_ring: Cell::new(false),
            is_dozing: Cell::new(false),
            is_guest: Cell::new(false),
            ending: Ending::default(),
            fault_handler: RefCell::default(),
            stop: RefCell::default(),
            running: Cell::new(false),
            turn_time: Cell::new(None),
            current: Cell::new(None),
            belongings: Belongings::default(),
            counters: Counters::default(),
        });
        reactor.door.open(&reactor);
        reactor
    }

    /// The present moment: within a turn, the turn's one reading of the clock; outside, a fresh one.
    #[inline]
    pub fn now(&self) -> Instant {
        self.turn_time.get().unwrap_or_else(|| self.time.now(Clock::Monotonic))
    }

    /// Whether this is called from within a turn.
    pub(super) fn is_in_turn(&self) -> bool {
        self.turn_time.get().is_some()
    }

    /// The present moment on a clock. Only the monotonic one is read once a turn; the others afresh.
    #[inline]
    pub fn now_on(&self, clock: Clock) -> Instant {
        if clock == Clock::Monotonic { self.now() } else { self.time.now(clock) }
    }

    /// The fuses. Borrow them for one call, and drop what it hands out after that.
    #[inline]
    pub fn fuses(&self) -> &RefCell<Fuses<Rc<Reactor>>> {
        &self.fuses
    }

    /// The door for other threads.
    pub fn door(&self) -> &Arc<Door<Reactor>> {
        &self.door
    }

    /// The queue of what is to run in this turn or the next.
    #[inline]
    pub fn queue<F: FnOnce(&Rc<Reactor>) + 'static>(&self, call: F) {
        self.ready.borrow_mut().push(call);
    }

    /// Notes whose handler runs from here on, for all that is reported meanwhile.
    #[inline]
    pub fn enter(&self, place: Place) {
        self.current.set(Some(place));
    }

    /// The line that set up the handler which runs now.
    pub fn current(&self) -> Option<Place> {
        self.current.get()
    }

    /// Sixty-four random bits from the driver.
    pub fn random(&self) -> u64 {
        self.driver.borrow_mut().random()
    }

    /// What this reactor has done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sets the hook around the one blocking wait.
    pub fn set_around_wait(&self, hook: AroundWait) {
        *self.around_wait.borrow_mut() = Some(hook);
    }

    #[inline]
    pub(super) fn saw(&self, deed: Deed, place: Option<Place>) {
        if let Some(witness) = &self.witness {
            witness.saw(deed, place);
        }
    }
}

impl Loop for Reactor {
    fn wake_task(&self, key: Key) {
        self.wake(key);
    }
}

/// The reactor goes: other threads find the door closed, and the kernel keeps nothing of it.
impl Drop for Reactor {
    fn drop(&mut self) {
        self.door.close();
        self.leave_kernel();
    }
}
