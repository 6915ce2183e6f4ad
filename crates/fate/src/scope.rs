//! Children that may borrow from their parent, and do not outlive it.

#![allow(unsafe_code, reason = "a child's lifetime is hidden from the type of its parent's list")]

use crate::{Fate, Place};
use fate_core::machine::children::Guardian;
use fate_core::{Key, Reactor};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

/// Where the children of one [`Fate::scope`] are started.
///
/// # Invariants
/// - S1 A child is polled only while its scope's future is polled, and dropped no later than that future, before the scope.
/// - S2 When the scope is dropped, `fresh` is empty: a child may hold the scope, and start others in its own drop.
pub struct Scope<'scope, 'env: 'scope> {
    fresh: RefCell<Vec<Fresh>>,
    reactor: Weak<Reactor>,
    /// Invariant in both lifetimes, as `std::thread::Scope` is.
    scope: PhantomData<Cell<&'scope ()>>,
    env: PhantomData<Cell<&'env ()>>,
}

/// A child whose borrows are hidden: its true lifetime is the scope's.
type HiddenFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A child that was started and is not yet admitted, and the line that started it.
type Fresh = (HiddenFuture, Place);

impl Fate {
    /// Runs `body` with a scope in which it may start children that borrow from outside the scope, and waits for the body
    /// and all children. Gives the body's output.
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::{cell::Cell, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// let here = fate.clone();
    /// fate.spawn(async move {
    ///     let total = Cell::new(0); // on the parent's stack, borrowed by three children
    ///     here.scope(async |scope| {
    ///         for number in 1..=3 {
    ///             let (total, here) = (&total, &here);
    ///             scope.spawn(async move {
    ///                 here.sleep(Duration::from_secs(number)).await;
    ///                 total.set(total.get() + number);
    ///             });
    ///         }
    ///     }).await;
    ///     assert_eq!(total.get(), 6);
    /// });
    /// sim.run()?;
    /// assert_eq!(sim.elapsed(), Duration::from_secs(3));
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Cancellation
    /// Dropping the future drops the body and every child where it waits.
    pub async fn scope<'env, T>(&self, body: impl for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
        let reactor = Rc::downgrade(self.reactor());
        let scope = Scope { fresh: RefCell::default(), reactor, scope: PhantomData, env: PhantomData };
        // Declared after the scope and before the body, so that the children go after the body and before the scope.
        let mut children = Children::new(self, &scope.fresh);
        let mut body = pin!(body(&scope));
        let mut output = None;
        poll_fn(|context| {
            if output.is_none() {
                output = match body.as_mut().poll(context) {
                    Poll::Ready(output) => Some(output),
                    Poll::Pending => None,
                };
            }
            let are_done = children.poll(context);
            if are_done && let Some(output) = output.take() { Poll::Ready(output) } else { Poll::Pending }
        })
        .await
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a child, which may borrow whatever outlives the scope. It is first polled after the body, or the child that
    /// started it, has waited.
    ///
    /// Dropping what this gives detaches the child; the scope waits for it all the same.
    #[track_caller]
    pub fn spawn<T: 'scope>(&'scope self, future: impl Future<Output = T> + 'scope) -> Scoped<'scope, T> {
        let reactor = self.reactor.clone();
        let state = Rc::new(ScopedState { output: Cell::new(None), waiter: Cell::new(None), reactor });
        let told = state.clone();
        let child: Pin<Box<dyn Future<Output = ()> + 'scope>> = Box::pin(async move {
            let output = future.await;
            told.output.set(Some(output));
            if let (Some(waiter), Some(reactor)) = (told.waiter.take(), told.reactor.upgrade()) {
                waiter.wake(&reactor);
            }
        });
        // SAFETY: S1: the child is polled and dropped only within its scope's future, and that cannot outlive `'env`, which it
        // names, nor the scope itself, which it owns; a future that is leaked polls nothing any more. The two types differ in
        // nothing but the lifetime.
        let child = unsafe { mem::transmute::<Pin<Box<dyn Future<Output = ()> + 'scope>>, HiddenFuture>(child) };
        self.fresh.borrow_mut().push((child, Location::caller()));
        Scoped { state, scope: PhantomData }
    }
}

/// The children of one scope, owned by its future alone.
struct Children<'a> {
    fate: &'a Fate,
    fresh: &'a RefCell<Vec<Fresh>>,
    living: BTreeMap<Key, Child<'a>>,
    parent: Rc<Parent>,
}

struct Child<'a> {
    future: HiddenFuture,
    key: Key,
    fate: &'a Fate,
}

/// Which children were woken, and who has the scope.
#[derive(Default)]
struct Parent {
    woken: RefCell<Vec<Key>>,
    waiter: Cell<Option<Waiter>>,
}

/// Who waits: a task or child of the same Fate, which is woken by its key, or somebody else.
enum Waiter {
    Task(Key),
    Waker(Waker),
}

impl<'a> Children<'a> {
    fn new(fate: &'a Fate, fresh: &'a RefCell<Vec<Fresh>>) -> Children<'a> {
        Children { fate, fresh, living: BTreeMap::new(), parent: Rc::default() }
    }

    /// Polls every child that was woken or is new, once: one that is woken or started meanwhile has its turn when the parent
    /// is polled again, so none can keep the others or the loop waiting. Says whether no child is left.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        self.parent.waiter.set(Some(Waiter::polled(context, self.fate.reactor())));
        self.admit();
        for key in self.parent.woken.take() {
            self.poll_child(key);
        }
        if !self.fresh.borrow().is_empty() {
            context.waker().wake_by_ref();
            return false;
        }
        self.living.is_empty()
    }

    /// Takes in the children that were started since.
    fn admit(&mut self) {
        for (future, place) in self.fresh.take() {
            let key = self.fate.reactor().admit_child(place, self.parent.clone());
            self.living.insert(key, Child { future, key, fate: self.fate });
            self.parent.woken.borrow_mut().push(key);
        }
    }

    fn poll_child(&mut self, key: Key) {
        let Some(child) = self.living.get_mut(&key) else { return };
        if self.fate.reactor().poll_child(key, child.future.as_mut()).is_ready() {
            let finished = self.living.remove(&key);
            drop(finished);
        }
    }
}

/// S2: what a child starts when it is dropped is dropped too.
impl Drop for Children<'_> {
    fn drop(&mut self) {
        let _rest = Forgotten(self.fresh);
        drop(mem::take(&mut self.living));
        let mut late = self.fresh.take();
        while !late.is_empty() {
            drop(late);
            late = self.fresh.take();
        }
    }
}

/// If dropping the children panics, those that were started last are leaked rather than dropped with the scope (S2).
struct Forgotten<'a>(&'a RefCell<Vec<Fresh>>);

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        mem::forget(self.0.take());
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        self.fate.reactor().dismiss_child(self.key);
    }
}

impl Guardian for Parent {
    fn wake_child(&self, child: Key, reactor: &Reactor) {
        self.woken.borrow_mut().push(child);
        if let Some(waiter) = self.waiter.take() {
            waiter.wake(reactor);
        }
    }
}

impl Waiter {
    /// Whoever is polled now.
    fn polled(context: &Context<'_>, reactor: &Reactor) -> Waiter {
        match reactor.polled_task(context.waker()) {
            Some(task) => Waiter::Task(task),
            None => Waiter::Waker(context.waker().clone()),
        }
    }

    fn wake(self, reactor: &Reactor) {
        match self {
            Waiter::Task(task) => reactor.wake(task),
            Waiter::Waker(waker) => waker.wake(),
        }
    }
}

/// Waits for the output of a child started with [`Scope::spawn`].
pub struct Scoped<'scope, T> {
    state: Rc<ScopedState<T>>,
    scope: PhantomData<&'scope ()>,
}

struct ScopedState<T> {
    output: Cell<Option<T>>,
    waiter: Cell<Option<Waiter>>,
    reactor: Weak<Reactor>,
}

impl<T> Future for Scoped<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.state.output.take() {
            Some(output) => Poll::Ready(output),
            None => {
                let waiter = self.state.reactor.upgrade().map(|reactor| Waiter::polled(context, &reactor));
                self.state.waiter.set(waiter);
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Scoped<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").finish_non_exhaustive()
    }
}
