//! What a Promise and its Deferred share: the value on its way, and the steps that it will take.
//!
//! A node is one Deferred from birth to end, however often its type changes on the way. Steps lie in a row, closures and
//! all, and a fired node runs them one after another in a loop; a step that gives back another Deferred stops the loop
//! until that one's node has settled and hands its outcome over. So chains are never followed by recursion, neither when
//! they run nor when they are dropped.
//!
//! ```text
//!    Promise ──fires──▶ ┌──────────────── node ─────────────────┐ ◀──adds steps── Deferred
//!                       │ outcome ─▶ step ─▶ step ─▶ … ─▶ waiter │
//!                       └───────────────────────────────────────┘
//!    waiter: the node of an outer Deferred, a task, a waker, or nobody: then a failure is reported once the Deferred is
//!    gone too
//! ```
//!
//! # Invariants
//! - N1 `outcome` is empty until the node has fired, while a step runs, and while it waits for an inner node.
//! - N2 The outcome, if it is a value, has the type that the next step takes; after the last step, the type of the Deferred.
//!   The typed handles see to it: only they add steps, and each gives back a handle of the type that its step makes.
//! - N3 A node is in the ready queue at most once: `QUEUED` says so.
//! - N4 An inner node owns the outer one that waits for it; the outer knows the inner weakly. Whoever can fire owns.

use crate::{Abandoned, Cancelled, Failure, Panicked, Place};
use fate_core::Reactor;
use fate_core::machine::living::Living;
use fate_core::parts::flat::Flat;
use fate_core::parts::parcel::Parcel;
use fate_core::parts::slots::Key;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::task::Waker;

/// A value or a failure.
pub(crate) type Outcome = Result<Parcel, Failure>;

/// What is done when a node that has not fired is cancelled.
pub(crate) enum Canceller {
    /// Somebody is told.
    Call(Errand),
    /// The task that makes the value is dropped.
    Task(Key),
}

/// Something to be done with a node.
pub(crate) type Errand = Box<dyn FnOnce(&Rc<Node>)>;

/// The Promise fired, or the node was failed in its stead.
const FIRED: u8 = 1;
/// The node is in the ready queue.
const QUEUED: u8 = 2;
/// The Deferred is gone: nobody will add steps.
const DETACHED: u8 = 4;
/// Somebody cancelled: what the Promise still fires is ignored, unless its canceller does.
const CANCELLED: u8 = 8;
/// Whoever holds the Deferred cancelled it, and need not be told that it was.
const HUSHED: u8 = 16;
/// The value goes back to where it came from if nobody takes it: the canceller's place holds the way.
const RETURNS: u8 = 32;

/// The shared state of one Promise and one Deferred.
pub(crate) struct Node {
    reactor: Weak<Reactor>,
    place: Place,
    key: Cell<Option<Key>>,
    flags: Cell<u8>,
    pauses: Cell<u32>,
    dropped: Cell<Option<Place>>,
    outcome: RefCell<Option<Outcome>>,
    steps: RefCell<Flat<Run>>,
    waiter: RefCell<Waiter>,
    inner: RefCell<Weak<Node>>,
    canceller: RefCell<Option<Canceller>>,
}

/// Who is told when a node has settled.
#[derive(Default)]
pub(crate) enum Waiter {
    #[default]
    Nobody,
    Outer(Rc<Node>),
    Task(Key),
    Waker(Waker),
}

/// What a step is given: the node whose step it is. It takes the outcome, and puts another or an inner node in its place.
pub(crate) struct Run {
    pub node: Rc<Node>,
    pub reactor: Rc<Reactor>,
}

impl Run {
    /// The outcome of the step before.
    #[inline]
    pub fn take(&self) -> Outcome {
        self.node.forget_return();
        self.node.outcome.take().unwrap_or_else(|| Err(Abandoned.into()))
    }

    /// The outcome of this step.
    #[inline]
    pub fn put(&self, outcome: Outcome) {
        *self.node.outcome.borrow_mut() = Some(outcome);
    }

    /// The outcome of this step will be that of another node, which no handle points to any more.
    pub fn wait_for(&self, inner: Rc<Node>) {
        if let Some(outcome) = inner.take_settled() {
            return self.put(outcome);
        }
        let waiting = self.node.make_way().unwrap_or_else(|| self.node.clone());
        *waiting.inner.borrow_mut() = Rc::downgrade(&inner);
        *inner.waiter.borrow_mut() = Waiter::Outer(waiting);
        inner.schedule();
    }
}

impl Node {
    #[inline]
    pub fn new(reactor: &Rc<Reactor>, place: Place) -> Rc<Node> {
        let node = Rc::new(Node {
            reactor: Rc::downgrade(reactor),
            place,
            key: Cell::new(None),
            flags: Cell::new(0),
            pauses: Cell::new(0),
            dropped: Cell::new(None),
            outcome: RefCell::new(None),
            steps: RefCell::new(Flat::new()),
            waiter: RefCell::new(Waiter::Nobody),
            inner: RefCell::new(Weak::new()),
            canceller: RefCell::new(None),
        });
        let living: Weak<Node> = Rc::downgrade(&node);
        node.key.set(Some(reactor.enroll(living)));
        node
    }

    #[inline]
    fn is(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline]
    fn set(&self, flag: u8) {
        self.flags.set(self.flags.get() | flag);
    }

    #[inline]
    fn clear(&self, flag: u8) {
        self.flags.set(self.flags.get() & !flag);
    }

    /// Fires the node, unless it has fired or was cancelled.
    #[inline]
    pub fn fire(self: &Rc<Node>, outcome: Outcome) {
        if !self.is(FIRED | CANCELLED) {
            self.settle_with(outcome);
        }
    }

    /// Fires a node from its canceller, which may do so although it was cancelled.
    pub fn fire_from_canceller(self: &Rc<Node>, outcome: Outcome) {
        if !self.is(FIRED) {
            self.settle_with(outcome);
        }
    }

    #[inline]
    fn settle_with(self: &Rc<Node>, outcome: Outcome) {
        self.set(FIRED);
        *self.outcome.borrow_mut() = Some(outcome);
        let canceller = self.canceller.take();
        drop(canceller);
        self.schedule();
    }

    pub fn reactor(&self) -> Option<Rc<Reactor>> {
        self.reactor.upgrade()
    }

    /// The task that is being polled with this waker, if it is one of this reactor's.
    #[inline]
    pub fn polled_task(&self, waker: &Waker) -> Option<Key> {
        self.reactor.upgrade().and_then(|reactor| reactor.polled_task(waker))
    }

    /// Whether the Promise has fired.
    pub fn has_fired(&self) -> bool {
        self.is(FIRED)
    }

    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.is(CANCELLED)
    }

    pub fn set_canceller(&self, canceller: Canceller) {
        let replaced = if self.is(FIRED) { Some(canceller) } else { self.canceller.replace(Some(canceller)) };
        drop(replaced);
    }

    /// Adds a step at the end.
    #[inline]
    pub fn add_step(self: &Rc<Node>, step: impl FnOnce(&Run) + 'static) {
        self.steps.borrow_mut().push(step);
        self.schedule();
    }

    /// Queues the node if there is anything to do: an outcome, not paused, and steps or somebody to tell.
    #[inline]
    fn schedule(self: &Rc<Node>) {
        if self.is(QUEUED) || self.pauses.get() > 0 {
            return;
        }
        let has_work = match &*self.outcome.borrow() {
            None => false,
            Some(_) if !self.steps.borrow().is_empty() => true,
            Some(_) => self.is(DETACHED) || !matches!(*self.waiter.borrow(), Waiter::Nobody),
        };
        if has_work && let Some(reactor) = self.reactor.upgrade() {
            self.set(QUEUED);
            let node = self.clone();
            reactor.queue(move |reactor| node.run(reactor));
        }
    }

    /// Runs all steps that can run.
    fn run(self: Rc<Node>, reactor: &Rc<Reactor>) {
        self.clear(QUEUED);
        let run = Run { node: self, reactor: reactor.clone() };
        let node = &run.node;
        while node.pauses.get() == 0 && node.outcome.borrow().is_some() {
            let step = Stepping(node);
            let ran = Flat::run_next(&node.steps, &run);
            std::mem::forget(step);
            if ran.is_none() {
                return node.tell(reactor);
            }
        }
    }

    /// The last step is done: tells whoever waits.
    fn tell(self: &Rc<Node>, reactor: &Rc<Reactor>) {
        let waiter = self.waiter.take();
        match waiter {
            Waiter::Outer(outer) => {
                *outer.outcome.borrow_mut() = self.outcome.take();
                *outer.inner.borrow_mut() = Weak::new();
                outer.schedule();
            }
            Waiter::Task(key) => reactor.wake(key),
            Waiter::Waker(waker) => waker.wake(),
            Waiter::Nobody if self.is(DETACHED) => self.report(reactor),
            Waiter::Nobody => {}
        }
    }

    /// Nobody will hear the outcome any more.
    fn report(self: &Rc<Node>, reactor: &Rc<Reactor>) {
        if self.is(RETURNS) {
            self.clear(RETURNS);
            if let Some(Canceller::Call(errand)) = self.canceller.take() {
                return errand(self);
            }
        }
        let unheard = match self.outcome.take() {
            Some(Err(failure)) => Some(failure),
            Some(Ok(value)) => failure_inside(value),
            None => None,
        };
        if let Some(failure) = unheard.filter(|failure| !self.is_known(failure)) {
            reactor.unheard(failure.dropped_at(self.dropped.get()));
        }
    }

    /// Whether this failure was told already, or is what the holder asked for.
    fn is_known(&self, failure: &Failure) -> bool {
        failure.is::<Panicked>() || (self.is(HUSHED) && failure.is::<Cancelled>())
    }

    /// The outcome, if all steps are done and nobody else is told of it.
    #[inline]
    pub fn take_settled(&self) -> Option<Outcome> {
        if self.pauses.get() > 0 || !self.steps.borrow().is_empty() {
            return None;
        }
        self.forget_return();
        self.outcome.take()
    }

    /// Says where the value goes if nobody takes it.
    pub fn set_return(&self, errand: Errand) {
        self.set(RETURNS);
        *self.canceller.borrow_mut() = Some(Canceller::Call(errand));
    }

    #[inline]
    fn forget_return(&self) {
        if self.is(RETURNS) {
            self.clear(RETURNS);
            let errand = self.canceller.take();
            drop(errand);
        }
    }

    /// Has `waiter` told when the node has settled.
    pub fn set_waiter(self: &Rc<Node>, waiter: Waiter) {
        let replaced = self.waiter.replace(waiter);
        drop(replaced);
        self.schedule();
    }

    /// A node that is to wait for another, and has nothing to do after that but tell an outer one, takes itself out of the
    /// chain: gives the outer one to wait in its stead. So a loop written as a chain needs no more memory with every round.
    fn make_way(&self) -> Option<Rc<Node>> {
        if self.pauses.get() > 0 || !self.steps.borrow().is_empty() {
            return None;
        }
        let waiter = self.waiter.take();
        match waiter {
            Waiter::Outer(outer) => Some(outer),
            other => {
                *self.waiter.borrow_mut() = other;
                None
            }
        }
    }

    /// The Deferred is gone.
    pub fn detach(self: &Rc<Node>) {
        self.set(DETACHED);
        if let Some(reactor) = self.reactor.upgrade() {
            self.dropped.set(reactor.current());
        }
        if self.pauses.get() > 0 {
            self.pauses.set(0);
            let steps = self.steps.take();
            drop(steps);
        }
        self.schedule();
    }

    pub fn pause(&self) {
        self.pauses.set(self.pauses.get().saturating_add(1));
    }

    pub fn unpause(self: &Rc<Node>) {
        if self.pauses.get() > 0 {
            self.pauses.set(self.pauses.get() - 1);
            self.schedule();
        }
    }

    /// Cancels what the node waits for: the innermost Deferred, if that has not fired.
    pub fn cancel(self: &Rc<Node>) {
        let mut node = self.clone();
        loop {
            let inner = node.inner.borrow().upgrade().filter(|_| node.outcome.borrow().is_none());
            match inner {
                Some(inner) => node = inner,
                None => return node.cancel_here(),
            }
        }
    }

    /// As [`Node::cancel`], by one who need not be told of it.
    pub fn cancel_quietly(self: &Rc<Node>) {
        self.set(HUSHED);
        self.cancel();
    }

    fn cancel_here(self: &Rc<Node>) {
        if self.is(FIRED | CANCELLED) {
            return;
        }
        self.set(CANCELLED);
        let canceller = self.canceller.take();
        match (canceller, self.reactor.upgrade()) {
            (Some(canceller), Some(reactor)) => {
                let node = self.clone();
                reactor.queue(move |reactor| {
                    reactor.enter(node.place);
                    let _cancelling = Cancelling(&node);
                    match canceller {
                        Canceller::Call(errand) => errand(&node),
                        Canceller::Task(key) => reactor.drop_task(key),
                    }
                });
            }
            _ => self.fire_from_canceller(Err(Failure::born_at(Cancelled, self.place))),
        }
    }
}

/// A step that is running. If it panics, the chain goes on with a failure.
struct Stepping<'a>(&'a Rc<Node>);

impl Drop for Stepping<'_> {
    fn drop(&mut self) {
        *self.0.outcome.borrow_mut() = Some(Err(Panicked.into()));
        self.0.schedule();
    }
}

/// A canceller that is running. However it ends, the node has fired after it.
struct Cancelling<'a>(&'a Rc<Node>);

impl Drop for Cancelling<'_> {
    fn drop(&mut self) {
        self.0.fire_from_canceller(Err(Failure::born_at(Cancelled, self.0.place)));
    }
}

/// A task's own error is its value; if nobody looks at that, it is a failure that nobody heard.
fn failure_inside(value: Parcel) -> Option<Failure> {
    if value.is::<Result<(), Failure>>() {
        value.open::<Result<(), Failure>>().err()
    } else if value.is::<io::Result<()>>() {
        value.open::<io::Result<()>>().err().map(Failure::from)
    } else {
        None
    }
}

impl Living for Node {
    fn place(&self) -> Place {
        self.place
    }

    fn waits_for(&self) -> Option<&'static str> {
        if self.outcome.borrow().is_some() {
            return (self.pauses.get() > 0).then_some("unpause");
        }
        if self.inner.borrow().strong_count() > 0 {
            Some("another Deferred")
        } else {
            (!self.is(FIRED)).then_some("its Promise")
        }
    }

    fn end(self: Rc<Node>) {
        self.pauses.set(0);
        self.set(HUSHED);
        self.cancel_here();
        self.schedule();
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        if let (Some(key), Some(reactor)) = (self.key.take(), self.reactor.upgrade()) {
            reactor.strike_out(key);
        }
        let waiter = self.waiter.take();
        let (steps, outcome, canceller) = (self.steps.take(), self.outcome.take(), self.canceller.take());
        if !steps.is_empty() || outcome.is_some() || canceller.is_some() || matches!(waiter, Waiter::Outer(_)) {
            Remains { steps, outcome, waiter, canceller }.bury();
        }
    }
}

/// What a node left behind. It may hold the last handle to another node, and that to the next: they are dropped in a
/// loop, not from within each other.
struct Remains {
    steps: Flat<Run>,
    outcome: Option<Outcome>,
    waiter: Waiter,
    canceller: Option<Canceller>,
}

thread_local! {
    static GRAVEYARD: RefCell<Option<Vec<Remains>>> = const { RefCell::new(None) };
}

impl Remains {
    fn bury(self) {
        let mut own = Some(self);
        let is_first = GRAVEYARD.try_with(|graveyard| match &mut *graveyard.borrow_mut() {
            Some(others) => {
                others.extend(own.take());
                false
            }
            nobody => {
                *nobody = Some(Vec::new());
                true
            }
        });
        let Ok(true) = is_first else { return };
        while let Some(remains) = own {
            remains.scatter();
            own = GRAVEYARD.with(|graveyard| {
                let mut graveyard = graveyard.borrow_mut();
                let next = graveyard.as_mut().and_then(Vec::pop);
                if next.is_none() {
                    *graveyard = None;
                }
                next
            });
        }
    }

    fn scatter(self) {
        let Remains { steps, outcome, waiter, canceller } = self;
        drop(steps);
        drop(outcome);
        drop(waiter);
        drop(canceller);
    }
}
