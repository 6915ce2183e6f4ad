//! Work that was handed in: the half of it that stays on the loop.
//!
//! ```text
//!    handed in ──▶ waits ──▶ runs ──▶ done: the Promise fires
//!                    │         └──cancelled──▶ runs, unwanted ──▶ its thread comes back
//!                    ├──cancelled──▶ gone, with its closure
//!                    └──shutdown──▶ too late ──▶ gone, with everything else
//! ```
//!
//! The machine knows it as an [`Endpoint`]: it is in the reports, and each stage of a shutdown is told to it.

use super::ThreadPanicked;
use super::crew::Withdrawn;
use super::lane::Lane;
use super::work::Work;
use crate::{Failure, Place, Promise};
use fate_core::machine::report::Kind;
use fate_core::parts::parcel::Parcel;
use fate_core::{Endpoint, EndpointSight, Event, Key, Reactor, Socket, WindDown};
use std::cell::Cell;
use std::io;
use std::rc::{Rc, Weak};
use std::thread;

/// One piece of work of a lane.
pub(super) struct Pending {
    lane: Weak<Lane>,
    number: u64,
    place: Place,
    /// By which the reactor knows it.
    key: Cell<Option<Key>>,
    /// A `Promise` of what the closure gives.
    promise: Cell<Option<Parcel>>,
    /// The work itself, if the loop is to do it.
    here: Cell<Option<Box<dyn Work>>>,
    is_wanted: Cell<bool>,
    /// A shutdown came before a thread did.
    is_too_late: Cell<bool>,
}

impl Pending {
    /// Work that somebody wants to have done.
    pub fn new<T: 'static>(
        lane: &Rc<Lane>,
        reactor: &Reactor,
        number: u64,
        place: Place,
        promise: Promise<T>,
    ) -> Rc<Pending> {
        Rc::new_cyclic(|weak: &Weak<Pending>| {
            let own = weak.clone();
            promise.on_cancel(move |_| drop(own.upgrade().and_then(|pending| pending.withdraw())));
            Pending {
                lane: Rc::downgrade(lane),
                number,
                place,
                key: Cell::new(None),
                promise: Cell::new(Some(Parcel::new(promise))),
                here: Cell::new(None),
                is_wanted: Cell::new(true),
                is_too_late: Cell::new(false),
            }
        })
        .enlisted(reactor)
    }

    fn enlisted(self: Rc<Pending>, reactor: &Reactor) -> Rc<Pending> {
        self.key.set(Some(reactor.enlist(self.clone())));
        self
    }

    /// It is in no list any more.
    pub fn retire(&self, reactor: &Reactor) {
        if let Some(key) = self.key.take() {
            reactor.retire(key);
        }
    }

    /// The loop does the work itself, when the ready queue reaches it.
    pub fn do_here(self: &Rc<Pending>, reactor: &Rc<Reactor>, work: Box<dyn Work>) {
        self.here.set(Some(work));
        let weak = Rc::downgrade(self);
        reactor.queue(move |reactor| {
            if let Some(mut work) = weak.upgrade().and_then(|pending| pending.here.take()) {
                reactor.enter(work.ticket().place);
                work.run();
                work.deliver(reactor);
            }
        });
    }

    /// The closure has returned, or panicked.
    pub fn finish<T: 'static>(&self, result: thread::Result<T>) {
        self.fire(result.map_err(|payload| Failure::born_at(ThreadPanicked::new(payload), self.place)));
        self.unwant();
    }

    fn fire<T: 'static>(&self, result: Result<T, Failure>) {
        if let Some(promise) = self.promise.take() {
            promise.open::<Promise<T>>().fire_with(result);
        }
    }

    /// There is no thread for it.
    pub fn fail<T: 'static>(&self, error: io::Error) {
        self.fire::<T>(Err(Failure::born_at(error, self.place)));
        drop(self.give_up());
    }

    /// Nobody wants the result any more. Gives the work back, if it was not begun; if it runs, it stays in the reports until
    /// its thread comes back.
    fn withdraw(&self) -> Option<Box<dyn Work>> {
        let lane = self.lane.upgrade()?;
        let (unbegun, is_running) = match lane.withdraw(self.number) {
            Withdrawn::Unbegun(work) => (Some(work), false),
            Withdrawn::Running => (None, true),
            Withdrawn::Done => (self.here.take(), false),
        };
        drop(self.promise.take());
        self.unwant();
        if !is_running {
            lane.forget(self.number);
        }
        unbegun
    }

    /// A shutdown begins: what was not begun never will be.
    fn take_back(&self) -> Option<Box<dyn Work>> {
        let unbegun = self.lane.upgrade()?.take_back(self.number).or_else(|| self.here.take())?;
        self.is_too_late.set(true);
        self.unwant();
        Some(unbegun)
    }

    /// The end of all things: whatever it does, the loop knows it no more.
    fn give_up(&self) -> Option<Box<dyn Work>> {
        let unbegun = self.withdraw();
        if let Some(lane) = self.lane.upgrade() {
            lane.forget(self.number);
        }
        unbegun
    }

    fn unwant(&self) {
        if self.is_wanted.replace(false)
            && let Some(lane) = self.lane.upgrade()
        {
            lane.want_one_less();
        }
    }

    /// What it waits for, in words.
    fn waits_for(&self) -> &'static str {
        let here = self.here.take();
        let is_here = here.is_some();
        self.here.set(here);
        let is_waiting = || self.lane.upgrade().is_some_and(|lane| lane.is_waiting(self.number));
        match (self.is_too_late.get(), self.is_wanted.get()) {
            (true, _) => "nothing, for its turn did not come before the shutdown",
            (false, false) => "its closure to return, though nobody wants the result",
            (false, true) if is_here => "its turn",
            (false, true) if is_waiting() => "a free thread",
            (false, true) => "its closure to return",
        }
    }
}

/// Work has no socket and submits nothing; but it is reported, and it has its part in a shutdown.
impl Endpoint for Pending {
    fn complete(self: Rc<Self>, _: &Rc<Reactor>, _: Key, _: Event) {}

    fn gather(self: Rc<Self>, _: &Reactor) {}

    fn wind_down(self: Rc<Self>, reactor: &Rc<Reactor>, stage: WindDown) {
        let unbegun = match stage {
            WindDown::StopAccepting => self.take_back(),
            WindDown::Drain => None,
            WindDown::Abort => self.give_up(),
        };
        if unbegun.is_some() {
            reactor.queue(move |_| drop(unbegun));
        }
    }

    fn is_draining(&self) -> bool {
        self.is_wanted.get() && self.lane.upgrade().is_some_and(|lane| lane.is_patient())
    }

    fn socket(&self) -> Option<Socket> {
        None
    }

    fn sight(&self) -> EndpointSight {
        EndpointSight { kind: Kind::Thread, place: self.place, waits_for: self.waits_for().into() }
    }
}
