//! Ends a wait, from any thread.
//!
//! The flag says that somebody rang and nobody has answered; the eventfd is only what ends a wait that has begun. The
//! ring tells of each write to it, so nobody need read it. What was told may come late, after its ring was answered: then
//! it ends a wait that finds no flag, and that wait is begun again.
//!
//! # Invariants
//! - G1 The flag is raised before the eventfd is written to, and read after the wait has returned; it is one number that
//!   is only ever swapped, so all threads agree on its history. Who finds it raised knows that whoever raised it has
//!   written or is about to, and that nobody has answered since; so the wait that this write ends sees both rings.

use crate::beacon::Beacon;
use fate_core::Ring;
use fate_unix::Mark;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::write;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The bell of one driver.
pub(crate) struct Bell {
    clapper: OwnedFd,
    /// What a host loop looks at, if there is one.
    beacon: OnceLock<Beacon>,
    /// A child's rings would end its parent's waits.
    mark: Arc<Mark>,
    rung: AtomicBool,
}

impl Bell {
    /// A bell for the process of this mark, that nobody listens to yet.
    pub fn new(mark: Arc<Mark>) -> io::Result<Bell> {
        let clapper = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Bell { clapper, beacon: OnceLock::new(), mark, rung: AtomicBool::new(false) })
    }

    /// What is written to.
    pub fn clapper(&self) -> BorrowedFd<'_> {
        self.clapper.as_fd()
    }

    /// Has this beacon lit by every ring from now on.
    pub fn light(&self, beacon: Beacon) {
        // There is one beacon at most.
        let _ = self.beacon.set(beacon);
    }

    /// Whether somebody rang and nobody has answered.
    #[inline]
    pub fn is_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// Says whether somebody rang since this was last asked.
    #[inline]
    pub fn answer(&self) -> bool {
        self.is_rung() && self.rung.swap(false, Ordering::SeqCst)
    }
}

impl Ring for Bell {
    /// One system call, and one more for a host; or none if an earlier ring was not answered yet. Nothing in a forked child,
    /// where nobody waits.
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) && !self.mark.is_foreign() {
            // It can only fail when nobody has listened for 2^64 rings, and then it has been told of.
            let _ = write(&self.clapper, &1_u64.to_ne_bytes());
            if let Some(beacon) = self.beacon.get() {
                beacon.light();
            }
        }
    }

    fn is_foreign(&self) -> bool {
        self.mark.is_foreign()
    }
}
