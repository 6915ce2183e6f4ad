//! Items that wait for takers, and takers that wait for items.

use crate::{Deferred, Fate, Promise};
use fate_core::Reactor;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};

/// A queue, first in, first out on both sides. A clonable handle.
///
/// ```
/// use fate::{sim::Sim, DeferredQueue};
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let queue = DeferredQueue::bounded(&fate, 2);
/// let items = queue.clone();
/// fate.spawn(async move {
///     for number in 0..10 {
///         items.put(number).await?; // waits while two are in the queue
///     }
///     Ok::<_, fate::Failure>(())
/// });
/// let sum = fate.spawn(async move {
///     let mut sum = 0;
///     for _ in 0..10 {
///         sum += queue.get().await?;
///     }
///     Ok::<_, fate::Failure>(sum)
/// });
/// sum.and_then(|sum| sum).add_callback(|sum| assert_eq!(sum, 45));
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct DeferredQueue<T: 'static>(Rc<State<T>>);

struct State<T: 'static> {
    reactor: Weak<Reactor>,
    limit: usize,
    items: RefCell<VecDeque<T>>,
    takers: RefCell<VecDeque<Promise<T>>>,
    givers: RefCell<VecDeque<(T, Promise<()>)>>,
}

/// The queue is full; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueFull<T>(pub T);

impl<T> fmt::Debug for QueueFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueFull(..)")
    }
}

impl<T> fmt::Display for QueueFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl<T> std::error::Error for QueueFull<T> {}

impl<T: 'static> DeferredQueue<T> {
    /// A queue that takes any number of items.
    pub fn new(fate: &Fate) -> DeferredQueue<T> {
        DeferredQueue::bounded(fate, usize::MAX)
    }

    /// A queue that keeps `limit` items; whoever puts one more waits. With a limit of zero an item is only ever handed
    /// over to somebody who waits for it.
    pub fn bounded(fate: &Fate, limit: usize) -> DeferredQueue<T> {
        DeferredQueue(Rc::new(State {
            reactor: Rc::downgrade(fate.reactor()),
            limit,
            items: RefCell::default(),
            takers: RefCell::default(),
            givers: RefCell::default(),
        }))
    }

    fn deferred<V>(&self) -> (Promise<V>, Deferred<V>) {
        let reactor = self.0.reactor.upgrade().expect("the Fate of this queue is alive");
        Fate::of(&reactor).deferred()
    }

    /// Puts an item in; the Deferred fires when the queue has room for it, which is at once in an unbounded one.
    ///
    /// # Cancellation
    /// Withdraws the item, if it still waits for room. Dropping the Deferred does not.
    ///
    /// # Panics
    /// If the Fate is gone.
    pub fn put(&self, item: T) -> Deferred<()> {
        let (promise, deferred) = self.deferred();
        match self.try_put(item) {
            Ok(()) => promise.callback(()),
            Err(QueueFull(item)) => self.0.givers.borrow_mut().push_back((item, promise)),
        }
        deferred
    }

    /// Puts an item in, if there is room and nobody waits to put one in.
    ///
    /// # Errors
    /// The item, if there is no room.
    pub fn try_put(&self, item: T) -> Result<(), QueueFull<T>> {
        let Err(item) = self.0.hand_over(item) else { return Ok(()) };
        let mut items = self.0.items.borrow_mut();
        if items.len() >= self.0.limit {
            return Err(QueueFull(item));
        }
        items.push_back(item);
        Ok(())
    }

    /// Waits for an item.
    ///
    /// # Cancellation
    /// One who cancels leaves the line. An item that was on its way to a Deferred or a task that is dropped without having
    /// looked at it goes back to the front of the queue.
    ///
    /// # Panics
    /// If the Fate is gone.
    pub fn get(&self) -> Deferred<T> {
        let (promise, deferred) = self.deferred();
        match self.0.take() {
            Some(item) => self.0.offer(promise, item),
            None => self.0.takers.borrow_mut().push_back(promise),
        }
        deferred
    }

    /// Takes an item, if there is one.
    pub fn try_get(&self) -> Option<T> {
        self.0.take()
    }

    /// How many items are in the queue, not counting those that wait for room.
    pub fn len(&self) -> usize {
        self.0.items.borrow().len()
    }

    /// Whether no item is in the queue.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: 'static> State<T> {
    /// Gives an item to the first who still waits for one.
    fn hand_over(self: &Rc<State<T>>, mut item: T) -> Result<(), T> {
        loop {
            let Some(taker) = self.takers.borrow_mut().pop_front() else { return Err(item) };
            let state = self.clone();
            match taker.offer(item, move |item| state.put_back(item)) {
                Ok(()) => return Ok(()),
                Err(refused) => item = refused,
            }
        }
    }

    fn offer(self: &Rc<State<T>>, promise: Promise<T>, item: T) {
        let state = self.clone();
        if let Err(item) = promise.offer(item, move |item| state.put_back(item)) {
            self.put_back(item);
        }
    }

    /// An item that nobody took: the next taker has it, or the front of the queue.
    fn put_back(self: &Rc<State<T>>, item: T) {
        if let Err(item) = self.hand_over(item) {
            self.items.borrow_mut().push_front(item);
        }
    }

    /// Takes the first item, and lets in the first that waits for room.
    fn take(&self) -> Option<T> {
        let item = self.items.borrow_mut().pop_front();
        let follower = self.next_giver();
        match (item, follower) {
            (Some(item), Some(follower)) => {
                self.items.borrow_mut().push_back(follower);
                Some(item)
            }
            (item, follower) => item.or(follower),
        }
    }

    fn next_giver(&self) -> Option<T> {
        loop {
            let (item, promise) = self.givers.borrow_mut().pop_front()?;
            if !promise.is_cancelled() {
                promise.callback(());
                return Some(item);
            }
        }
    }
}

impl<T: 'static> Clone for DeferredQueue<T> {
    fn clone(&self) -> DeferredQueue<T> {
        DeferredQueue(self.0.clone())
    }
}

impl<T: 'static> fmt::Debug for DeferredQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredQueue").field("len", &self.len()).finish_non_exhaustive()
    }
}
