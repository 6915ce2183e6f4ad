//! One lane of work for threads: what the loop knows of it.
//!
//! For each piece of work there is a [`Pending`] here, with the Promise that its result will fire, until the result has come
//! or nobody wants it; the closure is with the [`Crew`]. What is pending and wanted keeps the loop running.
//!
//! A shutdown takes back what was not begun: it never runs. What runs is waited for until the deadline, if the lane is
//! patient, and so is what is handed in while the shutdown lasts. When nothing is left to wait for the threads go.
//!
//! In a simulation a lane has no threads: the loop does the work itself, piece by piece from the ready queue, so that one
//! seed gives one history. If the script says that work takes time, a thread that is not there is busy for so long with each
//! piece, and there are no more of them than there may be threads.

use super::crew::{Crew, Withdrawn};
use super::pending::Pending;
use super::work::{Piece, Ticket, Work};
use super::{LaneName, Threads};
use crate::sim::{Errand, begin_errand};
use crate::{Deferred, Fate, Place, Promise};
use fate_core::Reactor;
use fate_core::parts::door::Door;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
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

/// What becomes of work that a simulated thread is to do.
pub(super) enum Begun {
    /// It takes no time.
    Done,
    /// It takes time.
    Busy(Errand),
    /// All threads are busy.
    Waits,
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
    /// How many simulated threads are busy.
    busy: Cell<usize>,
    /// What waits for one of them.
    in_line: RefCell<VecDeque<Weak<Pending>>>,
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
            busy: Cell::new(0),
            in_line: RefCell::default(),
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
        } else if let Err(error) = self.hand_over(fate.reactor(), number, work) {
            pending.fail::<T>(error);
        }
        deferred
    }

    /// A thread comes home by the bell; so it is there before the thread is, and a Fate with threads is at work: not for a
    /// forked child, in which the threads would never come home.
    fn hand_over(&self, reactor: &Rc<Reactor>, number: u64, work: Box<dyn Work>) -> io::Result<()> {
        reactor.hang_bell()?;
        self.crew(reactor).hand_in(number, work)
    }

    pub(super) fn reactor(&self) -> Option<Rc<Reactor>> {
        self.reactor.upgrade()
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
        let is_first = self.wanted.replace(self.wanted.get() + 1) == 0;
        if is_first && !self.rules.is_simulated {
            self.door.hold();
        }
    }

    /// Nobody wants the result of some work any more, or it has come.
    pub(super) fn want_one_less(&self) {
        self.wanted.set(self.wanted.get() - 1);
        if self.wanted.get() == 0 {
            if !self.rules.is_simulated {
                self.door.release();
            }
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

    /// A simulated thread begins with some work: says how long it takes, if it takes time; or has it wait for its turn.
    pub(super) fn begin(&self, reactor: &Rc<Reactor>, pending: &Rc<Pending>) -> Begun {
        if self.busy.get() >= self.rules.most {
            self.in_line.borrow_mut().push_back(Rc::downgrade(pending));
            self.settle();
            return Begun::Waits;
        }
        let errand = if self.rules.name == LaneName::Work { begin_errand(reactor) } else { None };
        match errand {
            None => Begun::Done,
            Some(errand) => {
                self.busy.set(self.busy.get() + 1);
                Begun::Busy(errand)
            }
        }
    }

    /// Work waits for a simulated thread, or does so no more: for those that do what nobody wants a run goes on as long as
    /// somebody waits.
    pub(super) fn settle(&self) {
        let Some(reactor) = self.reactor().filter(|_| self.busy.get() > 0) else { return };
        let is_waited_for = |next: &Weak<Pending>| next.upgrade().is_some_and(|pending| pending.is_unbegun());
        let is_aside = !self.in_line.borrow().iter().any(is_waited_for);
        let pending: Vec<Rc<Pending>> = self.pending.borrow().values().cloned().collect();
        pending.iter().for_each(|pending| pending.watch_unwanted(&reactor, is_aside));
    }

    /// A simulated thread is free again.
    pub(super) fn come_back(&self) {
        self.busy.set(self.busy.get() - 1);
    }

    /// A simulated thread is free again, and takes what waits.
    pub(super) fn go_on(&self, reactor: &Rc<Reactor>) {
        self.come_back();
        let next = std::iter::from_fn(|| self.in_line.borrow_mut().pop_front());
        if let Some(pending) = next.filter_map(|next| next.upgrade()).find(|pending| pending.is_unbegun()) {
            pending.begin_here(reactor);
        }
        self.settle();
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
