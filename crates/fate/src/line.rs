//! Those who wait for something, first come, first served.

use crate::Promise;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A line of Promises, each with what its owner brought along. One who cancels leaves it, wherever in it they stand.
pub(crate) struct Line<W: 'static, T: 'static>(Rc<Places<W, T>>);

struct Places<W, T: 'static> {
    waiting: RefCell<BTreeMap<u64, (W, Promise<T>)>>,
    next: Cell<u64>,
}

impl<W, T> Line<W, T> {
    /// A line that nobody stands in.
    pub fn new() -> Line<W, T> {
        Line(Rc::new(Places { waiting: RefCell::default(), next: Cell::new(0) }))
    }

    /// Goes to the end of the line.
    pub fn join(&self, brought: W, promise: Promise<T>) {
        let place = self.0.next.replace(self.0.next.get() + 1);
        let line = Rc::downgrade(&self.0);
        promise.on_cancel(move |_| {
            if let Some(line) = line.upgrade() {
                let left = line.waiting.borrow_mut().remove(&place);
                drop(left);
            }
        });
        self.0.waiting.borrow_mut().insert(place, (brought, promise));
    }

    /// The first in the line, who leaves it. One who has cancelled, and is only about to leave, is no longer asked.
    pub fn next(&self) -> Option<(W, Promise<T>)> {
        loop {
            let (_, first) = self.0.waiting.borrow_mut().pop_first()?;
            if !first.1.is_cancelled() {
                return Some(first);
            }
        }
    }
}
