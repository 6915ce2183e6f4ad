//! An allocator that counts, for each thread by itself, so that tests do not see each other.
//!
//! A test binary makes it the global one: `#[global_allocator] static COUNTING: Counting = Counting;`.

#![allow(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a ledger.
pub struct Counting;

thread_local! {
    static LEDGER: Cell<Ledger> = const { Cell::new(Ledger { live: 0, peak: 0, allocations: 0 }) };
}

/// What one thread has allocated so far.
#[derive(Clone, Copy)]
pub struct Ledger {
    /// Bytes taken and not given back; less than none if this thread gave back what another took.
    pub live: isize,
    /// The most that `live` was since [`forget_peak`].
    pub peak: isize,
    /// How often memory was asked for.
    pub allocations: usize,
}

/// What the present thread has allocated so far.
pub fn ledger() -> Ledger {
    LEDGER.get()
}

/// Begins to look for a new peak.
pub fn forget_peak() {
    LEDGER.set(Ledger { peak: LEDGER.get().live, ..LEDGER.get() });
}

fn note(taken: usize, given: usize) {
    let Ledger { live, peak, allocations } = LEDGER.get();
    let live = live + taken as isize - given as isize;
    LEDGER.set(Ledger { live, peak: peak.max(live), allocations: allocations + usize::from(taken > 0) });
}

// SAFETY: every call is handed to the system's allocator as it is; the ledger neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(place, layout, size) }
    }
}
