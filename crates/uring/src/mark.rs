//! Tells a process from the children that it forks, without a system call.
//!
//! The ring's memory is shared with a forked child, though the child cannot use the ring: what it pushed there, its parent
//! would hand over. So it must not. The kernel gives a child a page of zeros in place of the marked one.
//!
//! # Invariants
//! - M1 The page is mapped as long as the mark lives, and written to once, when it is made.

#![allow(unsafe_code, reason = "a page of one's own is asked for and given back by address")]

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

/// A page of memory; the kernel rounds it up to one of its own.
const LENGTH: usize = 1;

/// Says in which process it was made.
pub(crate) struct Mark(*const AtomicU8);

impl Mark {
    /// A mark of this process.
    pub fn new() -> io::Result<Mark> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: no address is asked for, so nothing is mapped over.
        let page = unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, access, MapFlags::PRIVATE) }?;
        let mark = Mark(page.cast());
        // SAFETY: M1: it is this mark's own page.
        unsafe { madvise(page, LENGTH, Advice::LinuxWipeOnFork) }?;
        mark.byte().store(1, Ordering::Relaxed);
        Ok(mark)
    }

    fn byte(&self) -> &AtomicU8 {
        // SAFETY: M1.
        unsafe { &*self.0 }
    }

    /// Whether this process is another one than that which made the mark.
    #[inline]
    pub fn is_foreign(&self) -> bool {
        self.byte().load(Ordering::Relaxed) == 0
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // SAFETY: M1: nobody has a reference to it any more.
        let outcome = unsafe { munmap(self.0.cast_mut().cast(), LENGTH) };
        debug_assert!(outcome.is_ok(), "what was mapped can be unmapped");
    }
}
