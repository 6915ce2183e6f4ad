//! Ends a wait, from any thread.
//!
//! The flag says that somebody rang and nobody has answered; the poller's notification is only what ends a wait that
//! has begun. A notification may come late, after its ring was answered: then it ends a wait that finds no flag, and
//! that wait is begun again.
//!
//! # Invariants
//! - B1 The flag is raised before the notification is sent and read after the wait has returned, in one order that all
//!   threads agree on (`SeqCst`). So a ring that finds the flag raised, and sends nothing, is seen by the wait that the
//!   notification of an earlier ring ends: whoever raised the flag sends one.

use crate::poller::Poller;
use fate_core::Ring;
use fate_unix::Mark;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The bell of one driver.
pub(crate) struct Bell {
    poller: Arc<Poller>,
    /// A child's rings would end its parent's waits.
    mark: Arc<Mark>,
    rung: AtomicBool,
}

impl Bell {
    /// A bell that ends the waits of `poller`, in the process of this mark.
    pub fn new(poller: Arc<Poller>, mark: Arc<Mark>) -> Bell {
        Bell { poller, mark, rung: AtomicBool::new(false) }
    }

    /// Whether somebody rang and nobody has answered.
    pub fn is_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// Says whether somebody rang since this was last asked.
    pub fn answer(&self) -> bool {
        self.is_rung() && self.rung.swap(false, Ordering::SeqCst)
    }
}

impl Ring for Bell {
    /// One system call, or none if an earlier ring was not answered yet. Nothing in a forked child, where nobody waits.
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) && !self.mark.is_foreign() {
            self.poller.ring();
        }
    }

    fn is_foreign(&self) -> bool {
        self.mark.is_foreign()
    }
}
