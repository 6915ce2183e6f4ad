//! Children: futures within a task, each of which is woken by itself.
//!
//! A child lies in its parent, which polls it from within its own poll; but it has a key and a bell like any task. So what
//! is awaited in a child is awaited by key, as in a task; a waker that somebody outside has kept of it keeps the loop
//! running; and whoever wakes it tells its [`Guardian`], who knows the parent.

use super::reactor::Reactor;
use super::tasks::{Polling, State, TaskCell};
use crate::words::failure::Place;
use crate::words::key::Key;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Knows the parent of a child.
pub trait Guardian {
    /// The child was woken: has the parent poll it. May wake a waker of the parent's.
    fn wake_child(&self, child: Key, reactor: &Reactor);
}

impl Reactor {
    /// Gives a child a key, until [`Reactor::dismiss_child`]. It counts as woken.
    pub fn admit_child(&self, place: Place, guardian: Rc<dyn Guardian>) -> Key {
        let mut cell = TaskCell::new(State::Child(guardian, None), place, self.now());
        cell.queued = true;
        self.tasks.borrow_mut().cells.insert(cell)
    }

    /// Polls a child with a waker of its own.
    pub fn poll_child(self: &Rc<Reactor>, key: Key, child: Pin<&mut (dyn Future<Output = ()> + '_)>) -> Poll<()> {
        let Some(ringing) = self.lend_bell(key) else { return Poll::Pending };
        let polling = Polling::begin(self, key, &ringing);
        let state = child.poll(&mut Context::from_waker(&ringing.waker));
        polling.end();
        let tasks = &mut *self.tasks.borrow_mut();
        let kept = tasks.keep_if_unshared(ringing);
        if let Some(TaskCell { state: State::Child(_, bell), .. }) = tasks.cells.get_key_mut(key) {
            *bell = kept;
        }
        state
    }

    /// The child is gone: whoever wakes it finds nobody.
    pub fn dismiss_child(&self, key: Key) {
        let removed = self.tasks.borrow_mut().cells.remove_key(key);
        drop(removed);
    }
}
