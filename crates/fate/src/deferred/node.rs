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

use super::cancelling::{Canceller, Errand};
use super::remains::Remains;
use crate::{Abandoned, Cancelled, Failure, Panicked, Place};
use fate_core::Key;
use fate_core::Reactor;
use fate_core::machine::fault::Fault;
use fate_core::machine::living::Living;
use fate_core::machine::tasks::Receiver;
use fate_core::parts::flat::Flat;
use fate_core::parts::parcel::Parcel;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::Waker;

/// A value or a failure.
pub(crate) type Outcome = Result<Parcel, Failure>;

/// The Promise fired, or the node was failed in its stead.
pub(super) const FIRED: u16 = 1;
/// The node is in the ready queue.
pub(super) const QUEUED: u16 = 2;
/// The Deferred is gone: nobody will add steps.
pub(super) const DETACHED: u16 = 4;
/// Somebody cancelled: what the Promise still fires is ignored, unless its canceller does.
pub(super) const CANCELLED: u16 = 8;
/// Whoever holds the Deferred cancelled it, and need not be told that it was.
pub(super) const HUSHED: u16 = 16;
/// `outcome` is there.
pub(super) const SETTLED: u16 = 64;
/// `waiter` is somebody.
pub(super) const AWAITED: u16 = 128;
/// The value goes back to where it came from if nobody takes it: the canceller's place holds the way.
pub(super) const RETURNS: u16 = 32;

/// The shared state of one Promise and one Deferred.
pub(crate) struct Node {
    pub(super) reactor: Weak<Reactor>,
    pub(super) place: Place,
    key: Cell<Option<Key>>,
    flags: Cell<u16>,
    pub(super) pauses: Cell<u32>,
    pub(super) controls: Cell<u32>,
    pub(super) kept: Cell<Option<Rc<Node>>>,
    dropped: Cell<Option<Place>>,
    outcome: Cell<Option<Outcome>>,
    pub(super) steps: RefCell<Flat<Run>>,
    waiter: Cell<Waiter>,
    inner: Cell<Weak<Node>>,
    pub(super) canceller: Cell<Option<Canceller>>,
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
        self.node.take_outcome().unwrap_or_else(|| Err(Abandoned.into()))
    }

    /// The failure of the step before; a value stays where it is, and nobody has looked at it.
    pub fn take_failure(&self) -> Option<Failure> {
        match self.node.take_outcome() {
            Some(Err(failure)) => Some(failure),
            Some(value) => {
                self.put(value);
                None
            }
            None => None,
        }
    }

    /// The outcome of this step.
    #[inline]
    pub fn put(&self, outcome: Outcome) {
        self.node.put(outcome);
    }

    /// This step leaves the value where it is, for whoever it came from; a failure need not be heard.
    pub fn pass(&self) {
        self.node.forget_failure();
    }

    /// The outcome of this step will be that of another node, which no handle points to any more.
    pub fn wait_for(&self, inner: Rc<Node>) {
        if Rc::ptr_eq(&inner, &self.node) {
            return inner.fail_for_waiting_in_a_circle();
        }
        if inner.is(SETTLED) && inner.has_run() {
            return inner.hand_to(&self.node);
        }
        let waiting = self.node.make_way().unwrap_or_else(|| self.node.clone());
        if Rc::ptr_eq(&inner, &waiting) {
            return inner.fail_for_waiting_in_a_circle();
        }
        waiting.inner.set(Rc::downgrade(&inner));
        inner.set(DETACHED);
        inner.set_waiter(Waiter::Outer(waiting));
        inner.give_up_if_lost();
    }
}

impl Node {
    #[inline]
    pub fn new(reactor: &Rc<Reactor>, place: Place) -> Rc<Node> {
        let node = Node::unregistered(Rc::downgrade(reactor), place);
        let living: Weak<Node> = Rc::downgrade(&node);
        node.key.set(Some(reactor.enroll(living)));
        node
    }

    #[inline]
    fn unregistered(reactor: Weak<Reactor>, place: Place) -> Rc<Node> {
        Rc::new(Node {
            reactor,
            place,
            key: Cell::new(None),
            flags: Cell::new(0),
            pauses: Cell::new(0),
            controls: Cell::new(0),
            kept: Cell::new(None),
            dropped: Cell::new(None),
            outcome: Cell::new(None),
            steps: RefCell::new(Flat::new()),
            waiter: Cell::new(Waiter::Nobody),
            inner: Cell::new(Weak::new()),
            canceller: Cell::new(None),
        })
    }

    /// The node that will have what a task makes.
    pub fn of_task(reactor: &Weak<Reactor>, task: Key, place: Place) -> Rc<Node> {
        let Some(reactor) = reactor.upgrade() else { return Node::orphan(place) };
        let node = Node::new(&reactor, place);
        node.set_canceller(Canceller::Task(task));
        reactor.receive_from(task, node.clone());
        node
    }

    /// A node whose Fate is gone.
    pub fn orphan(place: Place) -> Rc<Node> {
        let node = Node::unregistered(Weak::new(), place);
        node.fire(Err(Failure::born_at(Abandoned, place)));
        node
    }

    #[inline]
    pub(super) fn is(&self, flag: u16) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline]
    pub(super) fn set(&self, flag: u16) {
        self.flags.set(self.flags.get() | flag);
    }

    #[inline]
    fn clear(&self, flag: u16) {
        self.flags.set(self.flags.get() & !flag);
    }

    /// Puts an outcome in the place of the one that is there.
    #[inline]
    fn put(&self, outcome: Outcome) {
        self.set(SETTLED);
        let replaced = self.outcome.replace(Some(outcome));
        drop(replaced);
    }

    #[inline]
    fn take_outcome(&self) -> Option<Outcome> {
        self.clear(SETTLED);
        self.outcome.take()
    }

    fn take_waiter(&self) -> Waiter {
        self.clear(AWAITED);
        self.waiter.take()
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
        self.put(outcome);
        let canceller = self.canceller.take();
        self.schedule();
        drop(canceller);
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

    /// Adds a step at the end.
    #[inline]
    pub fn add_step(self: &Rc<Node>, step: impl FnOnce(&Run) + 'static) {
        self.steps.borrow_mut().push(step);
        self.schedule();
    }

    /// Queues the node if there is anything to do: an outcome, not paused, and steps or somebody to tell.
    #[inline]
    pub(super) fn schedule(self: &Rc<Node>) {
        if !self.is(SETTLED) || self.is(QUEUED) || self.pauses.get() > 0 {
            return;
        }
        let has_work = self.is(DETACHED | AWAITED) || !self.steps.borrow().is_empty();
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
        while node.pauses.get() == 0 && node.is(SETTLED) {
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
        let waiter = self.take_waiter();
        match waiter {
            Waiter::Outer(outer) => {
                outer.inner.set(Weak::new());
                self.hand_to(&outer);
                outer.schedule();
            }
            Waiter::Task(key) => reactor.wake(key),
            Waiter::Waker(waker) => waker.wake(),
            Waiter::Nobody if self.is(DETACHED) => self.report(reactor),
            Waiter::Nobody => {}
        }
    }

    /// Gives the outcome to `outer`, and with it the way back.
    fn hand_to(&self, outer: &Node) {
        if self.is(RETURNS) {
            self.clear(RETURNS);
            outer.set(RETURNS);
            outer.canceller.set(self.canceller.take());
        }
        if let Some(outcome) = self.take_outcome() {
            outer.put(outcome);
        }
    }

    /// The outer one that waits, if there is one, learns that nothing will come.
    pub(super) fn disappoint(&self) {
        if let Waiter::Outer(outer) = self.take_waiter() {
            outer.inner.set(Weak::new());
            outer.put(Err(Failure::born_at(Abandoned, self.place)));
            outer.schedule();
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
        match self.take_outcome() {
            Some(Err(failure)) if !self.is_known(&failure) => reactor.unheard(failure.dropped_at(self.dropped.get())),
            Some(Ok(value)) => reactor.drop_unheard(value, self.dropped.get()),
            _ => {}
        }
    }

    /// The Fate went before it could report the failure that this node holds. That something was cancelled or abandoned
    /// then is no news.
    #[cold]
    fn report_too_late(&self) {
        if !self.is(SETTLED) || !self.has_run() {
            return;
        }
        match self.take_outcome() {
            Some(Err(failure)) if failure.is::<Cancelled>() || failure.is::<Abandoned>() || self.is_known(&failure) => {
            }
            Some(Err(failure)) => {
                Fault::Unheard { failure: failure.dropped_at(self.dropped.get()) }.print();
            }
            Some(value) => self.put(value),
            None => {}
        }
    }

    /// The node would have to wait for itself: the value can never come.
    fn fail_for_waiting_in_a_circle(self: &Rc<Node>) {
        self.inner.set(Weak::new());
        self.put(Err(Failure::born_at(Abandoned, self.place)));
        self.schedule();
    }

    /// The node waits for others that wait for it: it has waited long enough.
    pub(super) fn leave_circle(self: &Rc<Node>) {
        if let Some(inner) = self.inner() {
            inner.forget_waiter();
        }
        self.inner.set(Weak::new());
        self.put(Err(Failure::born_at(Cancelled, self.place)));
        self.schedule();
    }

    /// A failure that need not be heard is dropped; a value stays.
    fn forget_failure(&self) {
        match self.take_outcome() {
            Some(Ok(value)) => self.put(Ok(value)),
            Some(Err(failure)) => drop(failure),
            None => {}
        }
    }

    /// Whether this failure was told already, or is what the holder asked for.
    fn is_known(&self, failure: &Failure) -> bool {
        failure.is::<Panicked>() || (self.is(HUSHED) && failure.is::<Cancelled>())
    }

    /// Whether all steps are done, and nothing holds the outcome back.
    #[inline]
    fn has_run(&self) -> bool {
        self.pauses.get() == 0 && self.steps.borrow().is_empty()
    }

    /// The outcome, if all steps are done and nobody else is told of it.
    #[inline]
    pub fn take_settled(&self) -> Option<Outcome> {
        if !self.has_run() {
            return None;
        }
        self.forget_return();
        self.take_outcome()
    }

    /// Says where the value goes if nobody takes it.
    pub fn set_return(&self, errand: Errand) {
        self.set(RETURNS);
        self.canceller.set(Some(Canceller::Call(errand)));
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
        self.set(AWAITED);
        let replaced = self.waiter.replace(waiter);
        drop(replaced);
        self.schedule();
    }

    /// Nobody is told any more.
    pub fn forget_waiter(&self) {
        let forgotten = self.take_waiter();
        drop(forgotten);
    }

    /// A node that is to wait for another, and has nothing to do after that but tell an outer one, takes itself out of the
    /// chain: gives the outer one to wait in its stead. So a loop written as a chain needs no more memory with every round.
    /// One with Controls stays: who holds them may still cancel or pause it.
    fn make_way(&self) -> Option<Rc<Node>> {
        if !self.has_run() || self.controls.get() > 0 {
            return None;
        }
        match self.waiter.take() {
            Waiter::Outer(outer) => {
                self.clear(AWAITED);
                Some(outer)
            }
            other => {
                self.waiter.set(other);
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
        self.give_up_if_lost();
        self.schedule();
    }

    /// The node that waits for this one.
    pub(super) fn outer(&self) -> Option<Rc<Node>> {
        let waiter = self.waiter.take();
        let outer = if let Waiter::Outer(outer) = &waiter { Some(outer.clone()) } else { None };
        self.waiter.set(waiter);
        outer
    }

    /// The node that this one waits for.
    pub(super) fn inner(&self) -> Option<Rc<Node>> {
        let inner = self.inner.take();
        let upgraded = inner.upgrade();
        self.inner.set(inner);
        upgraded
    }
}

/// A step that is running. If it panics, the chain goes on with a failure.
struct Stepping<'a>(&'a Rc<Node>);

impl Drop for Stepping<'_> {
    fn drop(&mut self) {
        self.0.put(Err(Failure::born_at(Panicked, self.0.place)));
        self.0.schedule();
    }
}

impl Receiver for Node {
    fn receive(self: Rc<Node>, outcome: Outcome) {
        self.fire(outcome);
    }
}

impl Living for Node {
    fn place(&self) -> Place {
        self.place
    }

    fn waits_for(&self) -> Option<&'static str> {
        if self.is(SETTLED) {
            return (self.pauses.get() > 0).then_some("unpause");
        }
        if self.inner().is_some() { Some("another Deferred") } else { (!self.is(FIRED)).then_some("its Promise") }
    }

    fn end(self: Rc<Node>) {
        self.unpause_for_good();
        self.set(HUSHED);
        self.cancel_here();
        self.schedule();
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        let reactor = self.reactor.upgrade();
        if let (Some(key), Some(reactor)) = (self.key.take(), &reactor) {
            reactor.strike_out(key);
        }
        if self.flags.get() & (SETTLED | AWAITED) == 0 && self.steps.get_mut().is_empty() && self.is(FIRED) {
            return;
        }
        if reactor.is_none() {
            self.report_too_late();
        }
        let waiter = self.waiter.take();
        let (steps, outcome, canceller) = (self.steps.take(), self.outcome.take(), self.canceller.take());
        if !steps.is_empty() || outcome.is_some() || canceller.is_some() || matches!(waiter, Waiter::Outer(_)) {
            Remains { steps, outcome, waiter, canceller }.bury();
        }
    }
}
