//! A value that stays on the thread of its Fate, in the hand of whoever demands that what he holds can go anywhere.
//!
//! Much of the ecosystem asks for `Send` and `Sync` because its usual runtime has many threads, also where nothing ever moves.
//! What belongs to a Fate has neither. It is put in a box that anybody may carry, and that opens at home alone.
//!
//! # Invariants
//! - H1 The value is touched on the thread of its door alone: that is where it is made, where each look at it is let in, and
//!   where it is dropped. If there is no way home any more, it is not dropped at all.
//!
//! # Cost
//! A look compares a number of the thread.

#![allow(unsafe_code, reason = "a value that is not Send is carried by what is, and looked at on its own thread alone")]

use crate::Fate;
use fate_core::Reactor;
use fate_core::parts::door::Door;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A value that stays on the thread of its [`Fate`], in a box that is `Send` and `Sync`. Made by [`Fate::keep_home`].
///
/// For what insists on values that can go to other threads, and has no need to: the state and the handlers of an axum
/// `Router`, the extensions of a request. If the value is a future, so is the box.
///
/// # Panics
/// To look at the value on another thread, by `*` or by polling it, is a bug, and panics there; [`Homebound::get`] gives nothing.
/// To drop the box there is fine: the value travels home, and is dropped there.
///
/// ```
/// use fate::sim::Sim;
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// fn anywhere<T>(future: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
///     future
/// }
///
/// let mut sim = Sim::new(1);
/// let fate = sim.host("here");
/// let seen = fate.keep_home(Rc::new(Cell::new(0)));
/// let here = fate.keep_home(fate.clone());
/// fate.spawn(anywhere(async move {
///     here.keep_home(here.sleep(Duration::from_secs(1))).await; // neither a Fate nor its sleep is `Send`
///     seen.set(1);
/// }));
/// sim.run()?;
/// assert_eq!(sim.elapsed(), Duration::from_secs(1));
/// # Ok::<(), fate::Failure>(())
/// ```
pub struct Homebound<T: 'static> {
    door: Arc<Door<Reactor>>,
    value: Carried<T>,
}

/// A value that is dropped by whoever opens it, and by nobody else.
struct Carried<T>(ManuallyDrop<T>);

// SAFETY: H1: `Homebound` reaches the value on its own thread alone, and sends it home to be dropped.
unsafe impl<T> Send for Carried<T> {}
// SAFETY: H1: as above.
unsafe impl<T> Sync for Carried<T> {}

impl<T> Carried<T> {
    /// By a method, so that a closure takes the whole box along.
    fn open(self) -> T {
        ManuallyDrop::into_inner(self.0)
    }
}

impl Fate {
    /// Puts a value of this thread into a box that can be held anywhere.
    pub fn keep_home<T: 'static>(&self, value: T) -> Homebound<T> {
        Homebound { door: self.reactor().door().clone(), value: Carried(ManuallyDrop::new(value)) }
    }
}

impl<T: 'static> Homebound<T> {
    /// The value, on its own thread; nothing on another.
    pub fn get(&self) -> Option<&T> {
        self.door.is_home().then(|| &*self.value.0)
    }

    /// The value, on its own thread; nothing on another.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.door.is_home().then(|| &mut *self.value.0)
    }
}

impl<T: 'static> Homebound<T> {
    /// Puts a value of this thread into a box that has the same home as another.
    ///
    /// # Panics
    /// If this is another thread than that of its Fate.
    #[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "a bridge uses it"))]
    #[track_caller]
    pub(crate) fn beside<U>(other: &Homebound<U>, value: T) -> Homebound<T> {
        assert!(other.door.is_home(), "{ELSEWHERE}");
        Homebound { door: other.door.clone(), value: Carried(ManuallyDrop::new(value)) }
    }
}

const ELSEWHERE: &str = "looked at on another thread than that of its Fate";

impl<T: 'static> Deref for Homebound<T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.get().expect(ELSEWHERE)
    }
}

impl<T: 'static> DerefMut for Homebound<T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.get_mut().expect(ELSEWHERE)
    }
}

impl<T: Clone + 'static> Clone for Homebound<T> {
    #[track_caller]
    fn clone(&self) -> Homebound<T> {
        Homebound { door: self.door.clone(), value: Carried(ManuallyDrop::new(T::clone(self))) }
    }
}

impl<F: Future + Unpin + 'static> Future for Homebound<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut **self).poll(context)
    }
}

impl<T: 'static> Drop for Homebound<T> {
    fn drop(&mut self) {
        // SAFETY: H1: this is the drop of the box, after which nobody reaches the value in it.
        let carried = Carried(ManuallyDrop::new(unsafe { ManuallyDrop::take(&mut self.value.0) }));
        if self.door.is_home() {
            drop(carried.open());
        } else {
            // If the Fate is gone the call is refused, and the value is let be.
            drop(self.door.call(usize::MAX, move |_| drop(carried.open())));
        }
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Homebound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => f.debug_tuple("Homebound").field(value).finish(),
            None => f.write_str("Homebound(elsewhere)"),
        }
    }
}
