//! What nodes leave behind, and how it is dropped: in a loop, however deep they hold each other.

use super::cancelling::Canceller;
use super::node::{Outcome, Run, Waiter};
use fate_core::parts::flat::Flat;
use std::cell::RefCell;
use std::mem::{self, ManuallyDrop};

/// What a node left behind. It may hold the last handle to another node, and that to the next: they are dropped in a
/// loop, not from within each other.
pub(super) struct Remains {
    pub steps: Flat<Run>,
    pub outcome: Option<Outcome>,
    pub waiter: Waiter,
    pub canceller: Option<Canceller>,
}

thread_local! {
    /// What is still to be dropped on this thread; `None` while nothing is being dropped, so that there is nothing to drop
    /// when the thread ends.
    static GRAVEYARD: RefCell<ManuallyDrop<Option<Vec<Remains>>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

impl Remains {
    /// Drops it, now or as soon as what is being dropped already is gone.
    pub fn bury(self) {
        let is_first = GRAVEYARD.with_borrow_mut(|graveyard| {
            let is_first = graveyard.is_none();
            graveyard.get_or_insert_default().push(self);
            is_first
        });
        if is_first {
            drop_all();
        }
    }

    fn scatter(self) {
        let Remains { steps, outcome, waiter, canceller } = self;
        drop(steps);
        drop(outcome);
        drop(waiter);
        drop(canceller);
    }
}

/// Drops what is in the graveyard, and what comes into it meanwhile; also if one of the drops panics.
fn drop_all() {
    while let Some(remains) = next() {
        let rest = Rest;
        remains.scatter();
        mem::forget(rest);
    }
}

/// The last that came; if there is none, the graveyard is closed.
fn next() -> Option<Remains> {
    GRAVEYARD.with_borrow_mut(|graveyard| {
        let next = graveyard.as_mut().and_then(Vec::pop);
        if next.is_none() {
            drop(graveyard.take());
        }
        next
    })
}

/// What is still to be dropped if dropping something panics.
struct Rest;

impl Drop for Rest {
    fn drop(&mut self) {
        drop_all();
    }
}
