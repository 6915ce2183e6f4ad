//! One lane of work for threads: what the loop knows of it.
//!
//! For each piece of work there is a [`Pending`] here, with the Promise that its result will fire, until the result has come
//! or nobody wants it; the closure is with the [`Crew`]. What is pending and wanted keeps the loop running.
//!
//! A shutdown takes back what was not begun: it never runs. What runs is waited for until the deadline, if the lane is
//! patient, and so is what is handed in while the shutdown lasts. When nothing is left to wait for the threads go.
//!
//! In a simulation a lane has no threads: the loop does the work itself, piece by piece from the ready queue, so that one
//! seed gives one history.

use super::crew::{Crew, Withdrawn};
use super::pending::Pending;
use super::work::{Piece, Ticket, Work};
use super::{LaneName, Threads};
use crate::{Deferred, Fate, Place, Promise};
use fate_core::Reactor;
use fate_core::parts::door::Door;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long a thread stays idle before it leaves.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a lane is like.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub name: LaneName,
    /// What its threads are called in the system's own lists.
    pub thread_name: &'static str,
    /// How many threads there may be.
    pub most: usize,
    /// Whether a shutdown waits for what runs.
    pub is_patient: bool,
    /// Whether the loop does the work itself.
    pub is_simulated: bool,
}

/// One lane.
pub(crate) struct Lane {
    rules: Rules,
    reactor: Weak<Reactor>,
    door: Arc<Door<Reactor>>,
    crew: RefCell<Option<Arc<Crew>>>,
    pending: RefCell<BTreeMap<u64, Rc<Pending>>>,
    numbers: Cell<u64>,
    /// How many are pending whose result somebody wants.
    wanted: Cell<usize>,
}

impl Lane {
    pub(super) fn new(reactor: &Rc<Reactor>, rules: Rules) -> Rc<Lane> {
        Rc::new(Lane {
            rules,
            reactor: Rc::downgrade(reactor),
            door: reactor.door().clone(),
            crew: RefCell::default(),
            pending: RefCell::default(),
            numbers: Cell::new(0),
            wanted: Cell::new(0),
        })
    }

    /// Has a closure called on a thread, on behalf of the line `place`.
    pub fn hand_in<T, F>(self: &Rc<Lane>, fate: &Fate, place: Place, closure: F) -> Deferred<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (promise, deferred) = fate.deferred_of(place);
        let (number, pending) = self.enter(fate.reactor(), place, promise);
        let ticket = Ticket { lane: self.rules.name, number, place };
        let work = Box::new(Piece::new(closure, ticket));
        if self.rules.is_simulated {
            pending.do_here(fate.reactor(), work);
        } else if let Err(error) = self.crew(fate.reactor()).hand_in(number, work) {
            pending.fail::<T>(error);
        }
        deferred
    }

    fn enter<T: 'static>(self: &Rc<Lane>, reactor: &Reactor, place: Place, promise: Promise<T>) -> (u64, Rc<Pending>) {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let pending = Pending::new(self, reactor, number, place, promise);
        self.pending.borrow_mut().insert(number, pending.clone());
        self.want_one_more();
        (number, pending)
    }

    /// The threads, or the promise of some: the first is started when there is work for it.
    fn crew(&self, reactor: &Rc<Reactor>) -> Arc<Crew> {
        let Rules { name, thread_name, most, .. } = self.rules;
        let make = || {
            reactor.before_shutdown(Box::new(move |reactor, _| Threads::lane(reactor, name).rest()));
            Crew::new(self.door.clone(), thread_name, most, PATIENCE)
        };
        self.crew.borrow_mut().get_or_insert_with(make).clone()
    }

    /// The closure of this work has returned, or panicked. If nobody wants the result any more, it is dropped.
    pub fn finish<T: 'static>(&self, number: u64, result: thread::Result<T>) {
        if let Some(pending) = self.strike_out(number) {
            pending.finish(result);
        }
    }

    /// A thread has come back from work whose result nobody wants.
    pub fn forget(&self, number: u64) {
        drop(self.strike_out(number));
    }

    /// Takes work out of all lists.
    fn strike_out(&self, number: u64) -> Option<Rc<Pending>> {
        let pending = self.pending.borrow_mut().remove(&number)?;
        if let Some(reactor) = self.reactor.upgrade() {
            pending.retire(&reactor);
        }
        Some(pending)
    }

    fn want_one_more(&self) {
        if self.wanted.replace(self.wanted.get() + 1) == 0 {
            self.door.hold();
        }
    }

    /// Nobody wants the result of some work any more, or it has come.
    pub(super) fn want_one_less(&self) {
        self.wanted.set(self.wanted.get() - 1);
        if self.wanted.get() == 0 {
            self.door.release();
            if self.reactor.upgrade().is_some_and(|reactor| reactor.is_shutting_down()) {
                self.rest();
            }
        }
    }

    /// A shutdown is under way: the threads go, if they have nothing to do.
    fn rest(&self) {
        let crew = if self.wanted.get() == 0 { self.crew.take() } else { None };
        if let Some(crew) = crew {
            crew.close();
        }
    }

    /// Takes work back, or has its result dropped.
    pub(super) fn withdraw(&self, number: u64) -> Withdrawn {
        let crew = self.crew.borrow().clone();
        crew.map_or(Withdrawn::Done, |crew| crew.withdraw(number))
    }

    /// Takes work back that was not begun.
    pub(super) fn take_back(&self, number: u64) -> Option<Box<dyn Work>> {
        self.crew.borrow().as_ref()?.take_back(number)
    }

    /// Whether work waits for a thread.
    pub(super) fn is_waiting(&self, number: u64) -> bool {
        self.crew.borrow().as_ref().is_some_and(|crew| crew.is_waiting(number))
    }

    /// Whether a shutdown waits for what runs.
    pub(super) fn is_patient(&self) -> bool {
        self.rules.is_patient
    }
}

/// The Fate is gone: idle threads end, and a stuck one is left to itself.
impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(crew) = self.crew.take() {
            crew.close();
        }
    }
}
