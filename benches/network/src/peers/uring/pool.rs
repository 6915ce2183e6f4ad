//! Buffers that the kernel takes by itself when bytes arrive.
//!
//! A ring of entries, each naming a buffer that is free; the kernel takes from the head, we give back at the tail.
//!
//! # Invariants
//! - P1 `ring` and `buffers` are lent to the kernel until the io_uring is closed, so they live on the heap, are reached only
//!   through raw pointers once lent, and a `Pool` is dropped after its io_uring.
//! - P2 A buffer is the kernel's from `give_back` until a completion names it, and ours from then until `give_back`.

#![allow(unsafe_code, reason = "buffers are lent to the kernel by address")]

use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

/// How many buffers: enough that a thousand connections do not run dry, few enough to stay in the cache.
pub const COUNT: u16 = 256;
/// How long each is.
pub const SIZE: usize = 16 * 1024;
/// The number by which operations name the pool.
pub const GROUP: u16 = 0;

/// One entry of the ring is two words long.
#[repr(C, align(4096))]
struct Ring(UnsafeCell<[[u64; 2]; COUNT as usize]>);

pub struct Pool {
    ring: Box<Ring>,
    buffers: Box<[UnsafeCell<u8>]>,
    /// Where the next entry goes; counts on through all the laps.
    tail: u16,
}

impl Pool {
    /// A pool that `submitter`'s io_uring takes from, full.
    pub fn register(submitter: &Submitter) -> io::Result<Pool> {
        let ring = Box::new(Ring(UnsafeCell::new([[0; 2]; COUNT as usize])));
        let buffers = (0..COUNT as usize * SIZE).map(|_| UnsafeCell::new(0)).collect();
        // SAFETY: P1; the ring is as long as said, and on a page of its own.
        unsafe { submitter.register_buf_ring_with_flags(ring.0.get() as u64, COUNT, GROUP, 0) }?;
        let mut pool = Pool { ring, buffers, tail: 0 };
        (0..COUNT).for_each(|buffer| pool.give_back(buffer));
        pool.publish();
        Ok(pool)
    }

    /// Where a buffer begins.
    pub fn address(&self, buffer: u16) -> *const u8 {
        self.buffers.as_ptr().wrapping_add(buffer as usize * SIZE).cast()
    }

    /// Gives a buffer back; the kernel sees it from the next `publish` on.
    pub fn give_back(&mut self, buffer: u16) {
        let place = self.entries().wrapping_add((self.tail % COUNT) as usize);
        // SAFETY: the place is within the ring, and the kernel does not read it before the tail has passed it.
        let entry = unsafe { &mut *place };
        entry.set_addr(self.address(buffer) as u64);
        entry.set_len(SIZE as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was given back.
    pub fn publish(&self) {
        // SAFETY: the ring's first entry, as `tail` asks.
        let tail = unsafe { BufRingEntry::tail(self.entries()) };
        // SAFETY: the kernel keeps the tail in words of the first entry that `set_` does not touch, and reads it atomically.
        unsafe { AtomicU16::from_ptr(tail.cast_mut()) }.store(self.tail, Ordering::Release);
    }

    fn entries(&self) -> *mut BufRingEntry {
        self.ring.0.get().cast()
    }
}
