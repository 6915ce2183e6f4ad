//! The global allocator, which can count: calls made and bytes alive.
//!
//! Think of it as the system allocator with a turnstile that is usually open. Counting costs two atomic additions a call, which
//! would be charged to those who allocate most; so it is switched on only for the workloads that are about memory, and those
//! report no times.
//!
//! # Not here
//! What C allocates. libuv's timers live in memory that its user provides, and here that user is Rust.

#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

#[global_allocator]
static ALLOCATOR: Census = Census;

static COUNTING: AtomicBool = AtomicBool::new(false);
pub static CALLS: AtomicU64 = AtomicU64::new(0);
pub static LIVE: AtomicI64 = AtomicI64::new(0);

/// The system allocator, counted.
pub struct Census;

/// Calls for memory so far, and bytes alive, counted from the moment the census was switched on.
#[derive(Clone, Copy)]
pub struct Count {
    pub calls: u64,
    pub live: i64,
}

impl Census {
    /// Switches counting on or off. Only differences between two counts mean anything.
    pub fn switch(on: bool) {
        COUNTING.store(on, Relaxed);
    }

    /// Reads the counters.
    pub fn count() -> Count {
        Count { calls: CALLS.load(Relaxed), live: LIVE.load(Relaxed) }
    }

    fn note(calls: u64, grown: i64) {
        if COUNTING.load(Relaxed) {
            CALLS.fetch_add(calls, Relaxed);
            LIVE.fetch_add(grown, Relaxed);
        }
    }
}

// SAFETY: every call is handed to `System` with the arguments it came with, and nothing here allocates; counting touches only atomics.
unsafe impl GlobalAlloc for Census {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Census::note(1, layout.size() as i64);
        // SAFETY: the caller keeps `alloc`'s contract, which is System's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Census::note(1, layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Census::note(0, -(layout.size() as i64));
        // SAFETY: `block` came from `System` through one of these four functions, with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Census::note(1, size as i64 - layout.size() as i64);
        // SAFETY: as for `dealloc`; the caller vouches for `size`.
        unsafe { System.realloc(block, layout, size) }
    }
}
