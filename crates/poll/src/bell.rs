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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The bell of one driver.
pub(crate) struct Bell {
    poller: Arc<Poller>,
    rung: AtomicBool,
}

impl Bell {
    /// A bell that ends the waits of `poller`.
    pub fn new(poller: Arc<Poller>) -> Bell {
        Bell { poller, rung: AtomicBool::new(false) }
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
    /// One system call, or none if an earlier ring was not answered yet.
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            self.poller.ring();
        }
    }
}
