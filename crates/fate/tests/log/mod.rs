//! What happened in a test, in order; and things that tell when they are dropped.

#![allow(dead_code, reason = "each test file uses the part that it needs")]

use fate::Fate;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub const NANOSECOND: Duration = Duration::from_nanos(1);
pub const MILLISECOND: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(3600);

/// What happened, in order. Clones write to the same log.
pub struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Log<T> {
        Log(self.0.clone())
    }
}

impl<T> Default for Log<T> {
    fn default() -> Log<T> {
        Log(Rc::default())
    }
}

impl<T: 'static> Log<T> {
    pub fn note(&self, what: T) {
        self.0.borrow_mut().push(what);
    }

    /// A handler that notes this when it is called.
    pub fn noting(&self, what: T) -> impl FnOnce(&Fate) + 'static {
        let log = self.clone();
        move |_| log.note(what)
    }

    /// All that was noted since this was last asked.
    pub fn take(&self) -> Vec<T> {
        self.0.take()
    }

    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

impl<T: 'static> Log<(u64, T)> {
    /// A handler that notes this, and the nanosecond of monotonic time at which it is called.
    pub fn timing(&self, what: T) -> impl FnOnce(&Fate) + 'static {
        let log = self.clone();
        move |fate| log.note((fate.now().as_nanos(), what))
    }
}

/// Does something when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A handler that must not be called.
#[track_caller]
pub fn never() -> impl FnOnce(&Fate) + 'static {
    let place = std::panic::Location::caller();
    move |_| panic!("the handler of {place} was called")
}
