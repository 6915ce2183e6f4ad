//! Items that wait for takers, and takers that wait for items.

use crate::line::Line;
use crate::{Deferred, Fate, Promise};
use fate_core::Reactor;
use std::cell::{Cell, RefCell};
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
    /// In the order of their numbers.
    items: RefCell<VecDeque<(Number, T)>>,
    takers: Line<(), T>,
    givers: Line<T, ()>,
    next_number: Cell<Number>,
}

/// Says which item came first: one that comes back goes to where it was.
type Number = u64;

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
            takers: Line::new(),
            givers: Line::new(),
            next_number: Cell::new(0),
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
            Err(QueueFull(item)) => self.0.givers.join(item, promise),
        }
        deferred
    }

    /// Puts an item in, if there is room and nobody waits to put one in.
    ///
    /// # Errors
    /// The item, if there is no room.
    pub fn try_put(&self, item: T) -> Result<(), QueueFull<T>> {
        let Err((number, item)) = self.0.hand_over((self.0.number(), item)) else { return Ok(()) };
        if !self.0.has_room() {
            return Err(QueueFull(item));
        }
        self.0.items.borrow_mut().push_back((number, item));
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
            None => self.0.takers.join((), promise),
        }
        deferred
    }

    /// Takes an item, if there is one.
    pub fn try_get(&self) -> Option<T> {
        self.0.take().map(|(_, item)| item)
    }

    /// Whether its Fate is gone.
    #[cfg(feature = "futures")]
    pub(crate) fn is_homeless(&self) -> bool {
        self.0.reactor.strong_count() == 0
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
    fn number(&self) -> Number {
        self.next_number.replace(self.next_number.get() + 1)
    }

    fn has_room(&self) -> bool {
        self.items.borrow().len() < self.limit
    }

    /// Gives an item to the first who waits for one.
    fn hand_over(self: &Rc<State<T>>, item: (Number, T)) -> Result<(), (Number, T)> {
        match self.takers.next() {
            Some(((), taker)) => {
                self.offer(taker, item);
                Ok(())
            }
            None => Err(item),
        }
    }

    /// Sends an item on its way. If nobody looks at it there, it comes back.
    fn offer(self: &Rc<State<T>>, taker: Promise<T>, (number, item): (Number, T)) {
        let state = self.clone();
        if let Err(item) = taker.offer(item, move |item| state.put_back((number, item))) {
            self.put_back((number, item));
        }
    }

    /// An item that nobody took: the next taker has it, or the queue, in the place where it was.
    fn put_back(self: &Rc<State<T>>, item: (Number, T)) {
        if let Err(item) = self.hand_over(item) {
            let mut items = self.items.borrow_mut();
            let place = items.partition_point(|(number, _)| *number < item.0);
            items.insert(place, item);
        }
    }

    /// Takes the first item, and lets in the first that waits for room, if there is room: an item that came back may have
    /// taken it.
    fn take(&self) -> Option<(Number, T)> {
        let first = self.items.borrow_mut().pop_front();
        match first {
            Some(item) => {
                if self.has_room()
                    && let Some(follower) = self.next_given()
                {
                    self.items.borrow_mut().push_back(follower);
                }
                Some(item)
            }
            None => self.next_given(),
        }
    }

    fn next_given(&self) -> Option<(Number, T)> {
        let (item, giver) = self.givers.next()?;
        giver.callback(());
        Some((self.number(), item))
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
