//! A value on its way, and what will be done with it.
//!
//! - `promise`: the writing end; `mod`: the reading end, here;
//! - `node`: what the two share, and the whole algorithm;
//! - `cancelling`: which node of a chain stops; `pausing`: a node that is held up, and who keeps it; `remains`: how nodes
//!   that hold each other are dropped;
//! - `into_deferred`: what a step may give back;
//! - `awaiting`: the reading end as a future; `control`: cancelling and pausing from elsewhere; `timeout`.

pub(crate) mod awaiting;
mod cancelling;
pub(crate) mod control;
pub(crate) mod into_deferred;
pub(crate) mod node;
mod pausing;
pub(crate) mod promise;
mod remains;
mod timeout;

use self::control::Control;
use self::into_deferred::{IntoDeferred, Next};
use self::node::{Node, Run};
use self::promise::Promise;
use crate::{Failure, Fate, Place};
use fate_core::Key;
use fate_core::Reactor;
use fate_core::parts::parcel::Parcel;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::{Rc, Weak};

/// The reading end of a value on its way.
///
/// Say what happens with the value by adding steps; each gives back a Deferred of what the step makes of it. Steps run
/// once the [`Promise`] has fired, one after another, from the ready queue, never in place; those added later run later. A
/// failure passes by callbacks until an errback hears it, and a value passes by errbacks.
///
/// | step | runs on | takes | may give |
/// |---|---|---|---|
/// | [`add_callback`](Deferred::add_callback) | a value | `T` | a value |
/// | [`and_then`](Deferred::and_then) | a value | `T` | a `Result`, or another Deferred, which is waited for |
/// | [`add_errback`](Deferred::add_errback) | a failure | [`Failure`] | a value |
/// | [`or_else`](Deferred::or_else) | a failure | [`Failure`] | a `Result`, or another Deferred |
/// | [`add_both`](Deferred::add_both) | either | `Result<T>` | a value |
/// | [`and_both`](Deferred::and_both) | either | `Result<T>` | a `Result`, or another Deferred |
///
/// A Deferred is move-only: its value has one owner. Dropping it detaches it, the steps still run; a failure that nobody
/// heard is reported then, with the place where it was born and the handler in which the Deferred was dropped.
///
/// ```
/// use fate::{sim::Sim, Elapsed};
/// use std::time::Duration;
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let (promise, product) = fate.deferred();
/// fate.get_fuse(Duration::from_secs(3)).set_handler(move |_| promise.callback(5 * 7));
/// product
///     .and_then(|product| u8::try_from(product * 10))
///     .add_errback(|_too_large| u8::MAX)
///     .add_callback(|byte| assert_eq!(byte, 255));
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct Deferred<T: 'static> {
    source: Cell<Source>,
    value: PhantomData<fn() -> T>,
}

/// Where the value comes from.
#[derive(Default)]
enum Source {
    /// The handle was moved into a chain, or dropped.
    #[default]
    Moved,
    /// A Promise, or the steps before.
    Node(Rc<Node>),
    /// A task that nobody has asked for its output yet.
    Task(Weak<Reactor>, Key, Place),
}

impl Source {
    fn into_node(self) -> Rc<Node> {
        match self {
            Source::Node(node) => node,
            Source::Task(reactor, task, place) => Node::of_task(&reactor, task, place),
            Source::Moved => unreachable!("a handle that was moved is not used again"),
        }
    }
}

impl Fate {
    /// A Promise and its Deferred: the two ends of a value on its way.
    #[inline]
    #[track_caller]
    pub fn deferred<T: 'static>(&self) -> (Promise<T>, Deferred<T>) {
        self.deferred_of(Location::caller())
    }

    /// As [`Fate::deferred`], on behalf of the line `place`.
    #[inline]
    pub(crate) fn deferred_of<T: 'static>(&self, place: Place) -> (Promise<T>, Deferred<T>) {
        let node = Node::new(self.reactor(), place);
        (Promise::new(node.clone()), Deferred::of(node))
    }

    /// A Deferred that has a value already.
    #[track_caller]
    pub fn succeed<T: 'static>(&self, value: T) -> Deferred<T> {
        let (promise, deferred) = self.deferred();
        promise.callback(value);
        deferred
    }

    /// A Deferred that has failed already.
    #[track_caller]
    pub fn fail<T: 'static>(&self, failure: impl Into<Failure>) -> Deferred<T> {
        let (promise, deferred) = self.deferred();
        promise.errback(failure);
        deferred
    }
}

impl<T: 'static> Deferred<T> {
    #[inline]
    pub(crate) fn of(node: Rc<Node>) -> Deferred<T> {
        Deferred { source: Cell::new(Source::Node(node)), value: PhantomData }
    }

    /// A Deferred whose Fate is gone: it has failed.
    #[track_caller]
    pub(crate) fn orphan() -> Deferred<T> {
        Deferred::of(Node::orphan(Location::caller()))
    }

    /// The output of a task, whose type is `T`.
    #[inline]
    pub(crate) fn of_task(fate: &Fate, task: Key, place: Place) -> Deferred<T> {
        let source = Source::Task(Rc::downgrade(fate.reactor()), task, place);
        Deferred { source: Cell::new(source), value: PhantomData }
    }

    /// Takes the node out without detaching it.
    #[inline]
    pub(crate) fn into_node(self) -> Rc<Node> {
        self.source.take().into_node()
    }

    fn node(&self) -> Rc<Node> {
        let node = self.source.take().into_node();
        self.source.set(Source::Node(node.clone()));
        node
    }

    /// Adds a step of whatever kind; gives the handle that has the type of what the step makes.
    #[inline]
    fn add_step<U: 'static>(self, place: Place, step: impl FnOnce(&Run, Result<T, Failure>) + 'static) -> Deferred<U> {
        let node = self.into_node();
        node.add_step(move |run| {
            run.reactor.enter(place);
            step(run, run.take().map(Parcel::open));
        });
        Deferred::of(node)
    }

    /// Adds the last step, and lets go of the Deferred. If `is_wanted` says no when the outcome is there, the outcome is not
    /// taken: a value that has a way back goes it.
    #[track_caller]
    pub(crate) fn hear(
        self,
        is_wanted: impl FnOnce() -> bool + 'static,
        hear: impl FnOnce(Result<T, Failure>) + 'static,
    ) {
        let place = Location::caller();
        let node = self.into_node();
        node.add_step(move |run| {
            run.reactor.enter(place);
            if !is_wanted() {
                return run.pass();
            }
            hear(run.take().map(Parcel::open));
            run.put(Ok(Parcel::new(())));
        });
        node.detach();
    }

    /// On a value, calls `callback` with it; what that returns is the new value.
    #[inline]
    #[track_caller]
    pub fn add_callback<U: 'static>(self, callback: impl FnOnce(T) -> U + 'static) -> Deferred<U> {
        self.add_step(Location::caller(), move |run, result| run.put(result.map(|value| Parcel::new(callback(value)))))
    }

    /// Adds a step that looks at failures only: a value passes by as if the step were not there.
    fn add_rescue(self, place: Place, rescue: impl FnOnce(&Run, Failure) + 'static) -> Deferred<T> {
        let node = self.into_node();
        node.add_step(move |run| {
            run.reactor.enter(place);
            if let Some(failure) = run.take_failure() {
                rescue(run, failure);
            }
        });
        Deferred::of(node)
    }

    /// On a failure, calls `errback` with it; what that returns is the value from there on.
    #[track_caller]
    pub fn add_errback(self, errback: impl FnOnce(Failure) -> T + 'static) -> Deferred<T> {
        self.add_rescue(Location::caller(), move |run, failure| run.put(Ok(Parcel::new(errback(failure)))))
    }

    /// On either, calls `both` with it; what that returns is the new value.
    #[track_caller]
    pub fn add_both<U: 'static>(self, both: impl FnOnce(Result<T, Failure>) -> U + 'static) -> Deferred<U> {
        self.add_step(Location::caller(), move |run, result| run.put(Ok(Parcel::new(both(result)))))
    }

    /// On a value calls `callback`, on a failure `errback`: exactly one of the two. The errback does not see what goes wrong in
    /// this callback, for neither can fail.
    #[track_caller]
    pub fn add_callbacks<U: 'static>(
        self,
        callback: impl FnOnce(T) -> U + 'static,
        errback: impl FnOnce(Failure) -> U + 'static,
    ) -> Deferred<U> {
        self.add_both(move |result| match result {
            Ok(value) => callback(value),
            Err(failure) => errback(failure),
        })
    }

    /// On a value, calls `step` with it, which may fail, or give another Deferred: the chain then waits for that one.
    #[track_caller]
    pub fn and_then<R: IntoDeferred>(self, step: impl FnOnce(T) -> R + 'static) -> Deferred<R::Value> {
        self.and_then_of(Location::caller(), step)
    }

    /// As [`Deferred::and_then`], on behalf of the line `place`.
    pub(crate) fn and_then_of<R: IntoDeferred>(
        self,
        place: Place,
        step: impl FnOnce(T) -> R + 'static,
    ) -> Deferred<R::Value> {
        self.add_step(place, move |run, result| match result {
            Ok(value) => follow(run, step(value).into_next(place)),
            Err(failure) => run.put(Err(failure)),
        })
    }

    /// On a failure, calls `step` with it, which may recover, fail in its turn, or give another Deferred.
    #[track_caller]
    pub fn or_else<R: IntoDeferred<Value = T>>(self, step: impl FnOnce(Failure) -> R + 'static) -> Deferred<T> {
        let place = Location::caller();
        self.add_rescue(place, move |run, failure| follow(run, step(failure).into_next(place)))
    }

    /// On either, calls `step` with it, which may fail, or give another Deferred.
    #[track_caller]
    pub fn and_both<R: IntoDeferred>(self, step: impl FnOnce(Result<T, Failure>) -> R + 'static) -> Deferred<R::Value> {
        let place = Location::caller();
        self.add_step(place, move |run, result| follow(run, step(result).into_next(place)))
    }

    /// Cancels: if the value has not come, what makes it is told to stop ([`Promise::on_cancel`]), and the Deferred fails
    /// with [`Cancelled`](crate::Cancelled) unless that gave a value after all. A Deferred that waits for another cancels
    /// that one; if its steps are about to run, it cancels what they come to wait for. Does nothing after the value has
    /// come. A `Cancelled` of your own asking is not reported if you drop the Deferred.
    pub fn cancel(&self) {
        self.node().cancel();
    }

    /// Lets no step run until [`Deferred::unpause`] was called as often as this. A paused Deferred that is dropped, and has
    /// no [`Control`] left that could unpause it, takes its steps with it, and reports a failure that it holds.
    pub fn pause(&self) {
        self.node().pause();
    }

    /// Undoes one [`Deferred::pause`].
    pub fn unpause(&self) {
        self.node().unpause();
    }

    /// A handle to cancel or pause this Deferred when it was moved elsewhere: into a chain, a combinator or a task.
    pub fn control(&self) -> Control {
        Control::new(&self.node())
    }

    /// A way to cancel it that keeps nothing alive, and cannot unpause.
    pub(crate) fn leash(&self) -> Weak<Node> {
        Rc::downgrade(&self.node())
    }
}

/// Goes on with what a step gave.
fn follow<U: 'static>(run: &Run, next: Next<U>) {
    match next {
        Next::Now(result) => run.put(result.map(Parcel::new)),
        Next::Later(deferred) => run.wait_for(deferred.into_node()),
    }
}

impl<T: 'static> Drop for Deferred<T> {
    #[inline]
    fn drop(&mut self) {
        match self.source.take() {
            Source::Moved => {}
            Source::Node(node) => node.detach(),
            Source::Task(reactor, task, _) => {
                if let Some(reactor) = reactor.upgrade() {
                    reactor.let_go(task);
                }
            }
        }
    }
}

impl<T: 'static> fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").finish_non_exhaustive()
    }
}
