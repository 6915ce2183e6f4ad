//! What nodes leave behind, and how it is dropped: in a loop, however deep they hold each other.

use super::node::{Canceller, Outcome, Run, Waiter};
use fate_core::parts::flat::Flat;
use std::cell::RefCell;

/// What a node left behind. It may hold the last handle to another node, and that to the next: they are dropped in a
/// loop, not from within each other.
pub(super) struct Remains {
    pub steps: Flat<Run>,
    pub outcome: Option<Outcome>,
    pub waiter: Waiter,
    pub canceller: Option<Canceller>,
}

thread_local! {
    static GRAVEYARD: RefCell<Option<Vec<Remains>>> = const { RefCell::new(None) };
}

impl Remains {
    /// Drops it, now or as soon as what is being dropped already is gone.
    pub fn bury(self) {
        let mut own = Some(self);
        let is_first = GRAVEYARD.try_with(|graveyard| match &mut *graveyard.borrow_mut() {
            Some(others) => {
                others.extend(own.take());
                false
            }
            nobody => {
                *nobody = Some(Vec::new());
                true
            }
        });
        let Ok(true) = is_first else { return };
        while let Some(remains) = own {
            remains.scatter();
            own = GRAVEYARD.with(|graveyard| {
                let mut graveyard = graveyard.borrow_mut();
                let next = graveyard.as_mut().and_then(Vec::pop);
                if next.is_none() {
                    *graveyard = None;
                }
                next
            });
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
