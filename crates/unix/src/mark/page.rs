//! A page of memory that a forked child finds empty (madvise(2), `MADV_WIPEONFORK`).
//!
//! # Invariants
//! - M1 The page is mapped as long as this lives, and written to once, when it is made.

#![allow(unsafe_code, reason = "a page of one's own is asked for and given back by address")]

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering};

/// A page of memory; the kernel rounds it up to one of its own.
const LENGTH: usize = 1;

/// A page that begins with a one, but in a forked child with a zero.
pub(super) struct Page(NonNull<AtomicU8>);

// SAFETY: M1: it stays where it is, and all that threads share of it is an atomic byte.
unsafe impl Send for Page {}
// SAFETY: M1: as above.
unsafe impl Sync for Page {}

impl Page {
    /// A page that tells this process from its children.
    ///
    /// # Errors
    /// The kernel has no page, or does not know how to wipe it.
    pub fn new() -> io::Result<Page> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: no address is asked for, so nothing is mapped over.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, access, MapFlags::PRIVATE) }?;
        let page = Page(NonNull::new(start.cast()).expect("the kernel maps nothing at zero"));
        // SAFETY: M1: it is this page.
        unsafe { madvise(start, LENGTH, Advice::LinuxWipeOnFork) }?;
        page.byte().store(1, Ordering::Relaxed);
        Ok(page)
    }

    fn byte(&self) -> &AtomicU8 {
        // SAFETY: M1.
        unsafe { self.0.as_ref() }
    }

    /// Whether this process is a child of the one that made it.
    #[inline]
    pub fn is_wiped(&self) -> bool {
        self.byte().load(Ordering::Relaxed) == 0
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: M1: nobody has a reference to it any more.
        let outcome = unsafe { munmap(self.0.as_ptr().cast(), LENGTH) };
        debug_assert!(outcome.is_ok(), "what was mapped can be unmapped");
    }
}
