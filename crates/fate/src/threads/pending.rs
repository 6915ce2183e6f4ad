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
use super::lane::{Begun, Lane};
use super::work::Work;
use crate::sim::Errand;
use crate::{Failure, Place, Promise};
use fate_core::machine::report::Kind;
use fate_core::parts::parcel::Parcel;
use fate_core::{Endpoint, EndpointSight, Event, Interest, Key, Op, Reactor, Socket, WindDown};
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
    /// What a simulated thread is busy with.
    busy: Cell<Option<Busy>>,
    is_wanted: Cell<bool>,
    /// A shutdown came before a thread did.
    is_too_late: Cell<bool>,
}

/// Work that is done, and takes its time all the same.
struct Busy {
    /// Its result, if somebody wants it.
    work: Option<Box<dyn Work>>,
    errand: Errand,
    watch: Key,
    /// Whether it is no reason for a run to go on.
    is_aside: bool,
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
                busy: Cell::new(None),
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
            if let Some(pending) = weak.upgrade().filter(|pending| pending.is_unbegun()) {
                pending.begin_here(reactor);
            }
        });
    }

    /// Whether the loop is still to do it.
    pub fn is_unbegun(&self) -> bool {
        let here = self.here.take();
        let is_unbegun = here.is_some();
        self.here.set(here);
        is_unbegun
    }

    /// The loop does the work now, if there would be a thread for it. If that takes time, the result waits for so long.
    pub fn begin_here(self: &Rc<Pending>, reactor: &Rc<Reactor>) {
        let Some(lane) = self.lane.upgrade() else { return };
        let begun = lane.begin(reactor, self);
        if matches!(begun, Begun::Waits) {
            return;
        }
        let Some(mut work) = self.here.take() else { return };
        reactor.enter(work.ticket().place);
        work.run();
        match begun {
            Begun::Busy(errand) => {
                let watch = reactor.submit(self.clone(), watching(&errand));
                self.busy.set(Some(Busy { work: Some(work), errand, watch, is_aside: false }));
            }
            _ => work.deliver(reactor),
        }
    }

    /// Takes the result of what a simulated thread is busy with, if it is, which the thread does not know.
    fn leave_busy(&self) -> (Option<Box<dyn Work>>, bool) {
        let Some(busy) = self.busy.take() else { return (None, false) };
        let Busy { work, .. } = busy;
        self.busy.set(Some(Busy { work: None, ..busy }));
        (work, true)
    }

    /// A run goes on for what a simulated thread is busy with, though nobody wants the result, if somebody waits for the thread.
    pub fn watch_unwanted(self: &Rc<Pending>, reactor: &Reactor, is_aside: bool) {
        let Some(mut busy) = self.busy.take() else { return };
        if busy.work.is_none() && busy.is_aside != is_aside {
            reactor.forget(busy.watch);
            let (endpoint, op) = (self.clone(), watching(&busy.errand));
            busy.watch = if is_aside { reactor.submit_aside(endpoint, op) } else { reactor.submit(endpoint, op) };
            busy.is_aside = is_aside;
        }
        self.busy.set(Some(busy));
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
    pub fn fail<T: 'static>(self: &Rc<Pending>, error: io::Error) {
        self.fire::<T>(Err(Failure::born_at(error, self.place)));
        drop(self.give_up());
    }

    /// Nobody wants the result any more. Gives the work back, if it was not begun or is done; if it runs, it stays in the
    /// reports until its thread comes back.
    fn withdraw(self: &Rc<Pending>) -> Option<Box<dyn Work>> {
        let lane = self.lane.upgrade()?;
        let (unbegun, is_running) = match lane.withdraw(self.number) {
            Withdrawn::Unbegun(work) => (Some(work), false),
            Withdrawn::Running => (None, true),
            Withdrawn::Done => {
                let (done, is_busy) = self.leave_busy();
                let unbegun = self.here.take().or(done);
                lane.settle();
                (unbegun, is_busy)
            }
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
    fn give_up(self: &Rc<Pending>) -> Option<Box<dyn Work>> {
        let unbegun = self.withdraw();
        if let Some(lane) = self.lane.upgrade() {
            if let (Some(reactor), Some(busy)) = (lane.reactor(), self.busy.take()) {
                reactor.forget(busy.watch);
                lane.come_back();
            }
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
        let is_here = self.is_unbegun();
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

/// What is submitted for a simulated thread: it waits until its work would be done.
fn watching(errand: &Errand) -> impl FnOnce(Key) -> Op + use<> {
    let descriptor = errand.descriptor();
    move |key| Op::Watch { key, descriptor, interest: Interest::Read }
}

/// Work has no socket, and where there are threads it submits nothing; but it is reported, and it has its part in a shutdown.
impl Endpoint for Pending {
    /// A simulated thread comes back.
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, _: Key, _: Event) {
        let Some(Busy { work, errand, .. }) = self.busy.take() else { return };
        drop(errand);
        let lane = self.lane.upgrade();
        match work {
            Some(work) => work.deliver(reactor),
            None => lane.iter().for_each(|lane| lane.forget(self.number)),
        }
        lane.iter().for_each(|lane| lane.go_on(reactor));
    }

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
