//! Children that may borrow from their parent, and do not outlive it.

#![allow(unsafe_code, reason = "a child's lifetime is hidden from the type of its parent's list")]

use crate::Fate;
use fate_core::parts::slots::Slots;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Where the children of one [`Fate::scope`] are started.
///
/// # Invariants
/// - S1 A child is polled only while its scope's future is polled, and dropped no later than that future, before the scope.
pub struct Scope<'scope, 'env: 'scope> {
    fresh: RefCell<Vec<HiddenFuture>>,
    /// Invariant in both lifetimes, as `std::thread::Scope` is.
    scope: PhantomData<Cell<&'scope ()>>,
    env: PhantomData<Cell<&'env ()>>,
}

/// A child whose borrows are hidden: its true lifetime is the scope's.
type HiddenFuture = Pin<Box<dyn Future<Output = ()>>>;

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
        let scope = Scope { fresh: RefCell::default(), scope: PhantomData, env: PhantomData };
        // Declared after the scope and before the body, so that the children go after the body and before the scope.
        let mut children = Children::default();
        let mut body = pin!(body(&scope));
        let mut output = None;
        poll_fn(|context| {
            if output.is_none() {
                output = match body.as_mut().poll(context) {
                    Poll::Ready(output) => Some(output),
                    Poll::Pending => None,
                };
            }
            let are_done = children.poll(&scope.fresh, context);
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
    pub fn spawn<T: 'scope>(&'scope self, future: impl Future<Output = T> + 'scope) -> Scoped<'scope, T> {
        let state = Rc::new(ScopedState { output: Cell::new(None), waiter: Cell::new(None) });
        let told = state.clone();
        let child: Pin<Box<dyn Future<Output = ()> + 'scope>> = Box::pin(async move {
            let output = future.await;
            told.output.set(Some(output));
            if let Some(waiter) = told.waiter.take() {
                waiter.wake();
            }
        });
        // SAFETY: S1: the child is polled and dropped only within its scope's future, and that cannot outlive `'env`, which it
        // names, nor the scope itself, which it owns; a future that is leaked polls nothing any more. The two types differ in
        // nothing but the lifetime.
        let child = unsafe { mem::transmute::<Pin<Box<dyn Future<Output = ()> + 'scope>>, HiddenFuture>(child) };
        self.fresh.borrow_mut().push(child);
        Scoped { state, scope: PhantomData }
    }
}

/// The children of one scope, owned by its future alone.
#[derive(Default)]
struct Children {
    living: Slots<Child, 16>,
    calls: Arc<Calls>,
}

struct Child {
    future: HiddenFuture,
    /// Made once the child's number is known.
    bell: Option<Arc<ChildBell>>,
}

/// Which children were woken, and how their parent is.
#[derive(Default)]
struct Calls(Mutex<Called>);

#[derive(Default)]
struct Called {
    children: Vec<u32>,
    parent: Option<Waker>,
}

/// Marks its child, and wakes the parent.
struct ChildBell {
    child: u32,
    rung: AtomicBool,
    calls: Arc<Calls>,
}

impl Children {
    /// Polls every child that was woken or is new. Says whether no child is left.
    fn poll(&mut self, fresh: &RefCell<Vec<HiddenFuture>>, context: &mut Context<'_>) -> bool {
        self.calls.lock().parent = Some(context.waker().clone());
        loop {
            self.admit(fresh);
            let called = mem::take(&mut self.calls.lock().children);
            if called.is_empty() {
                break;
            }
            called.into_iter().for_each(|child| self.poll_child(child));
        }
        let are_done = self.living.is_empty();
        if are_done {
            self.calls.lock().parent = None;
        }
        are_done
    }

    /// Takes in the children that were started since.
    fn admit(&mut self, fresh: &RefCell<Vec<HiddenFuture>>) {
        for future in fresh.take() {
            let child = self.living.insert(Child { future, bell: None }).index;
            let bell = ChildBell { child, rung: AtomicBool::new(false), calls: self.calls.clone() };
            if let Some(place) = self.living.get_mut(child) {
                place.bell = Some(Arc::new(bell));
            }
            self.calls.lock().children.push(child);
        }
    }

    fn poll_child(&mut self, number: u32) {
        let Some(child) = self.living.get_mut(number) else { return };
        let Some(bell) = &child.bell else { return };
        bell.rung.store(false, Ordering::SeqCst);
        let waker = Waker::from(bell.clone());
        if child.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            let finished = self.living.remove(number);
            drop(finished);
        }
    }
}

impl Calls {
    fn lock(&self) -> std::sync::MutexGuard<'_, Called> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for ChildBell {
    fn wake(self: Arc<ChildBell>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<ChildBell>) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            let parent = {
                let mut called = self.calls.lock();
                called.children.push(self.child);
                called.parent.clone()
            };
            if let Some(parent) = parent {
                parent.wake();
            }
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
    waiter: Cell<Option<Waker>>,
}

impl<T> Future for Scoped<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.state.output.take() {
            Some(output) => Poll::Ready(output),
            None => {
                self.state.waiter.set(Some(context.waker().clone()));
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
