//! The buffers that the kernel receives into: it takes one when bytes have come, and not before, so an idle connection
//! has none.
//!
//! Free buffers lie in a ring that is shared with the kernel: it takes from the head, we give back at the tail. A buffer
//! that was filled is lent to the machine, and comes back when the machine has read it.
//!
//! ```text
//!            give, publish            takes when bytes come            lend
//!   ours ────────────────────▶ free ───────────────────────▶ filled ─────────▶ lent
//!    ▲                                                                          │
//!    └────────────────────────────────── take_back ─────────────────────────────┘
//! ```
//!
//! There are few at first. When the kernel has run out of them there will be twice as many, up to a limit: that they are
//! used in turn keeps a ring that is larger than the load out of the cache.
//!
//! # Invariants
//! - B1 The memory is mapped until nobody lends or borrows of it any more and the kernel does not write to it: whoever
//!   closes the ring sees to the latter, or lets the memory be for ever.
//! - B2 A buffer is in one state at a time. `is_lent` says whether it is lent; its bytes are read in no other state, and
//!   the kernel does not write to it in this one.
//! - B3 One `Buffer` stands for each lending, and nothing but a `Buffer` has a lender of this kind in hands. It takes
//!   its bytes back before it gives the number back.
//! - B4 Entries of the ring from the head to the published tail are the kernel's, the others are ours. The tail lies in
//!   the first entry, in words that are otherwise unused.
//!
//! # Cost
//! Memory is taken by the page when the kernel first writes to it: a load of small messages takes one page a buffer.

#![allow(unsafe_code, reason = "buffers are lent to the kernel by address")]

use crate::ring::Ring;
use fate_core::{Buffer, Lender};
use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::cell::Cell;
use std::io;
use std::ptr;
use std::rc::Rc;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};

/// How long a buffer is.
const SIZE: usize = 16 * 1024;

/// How many there are at first.
const FIRST: u16 = 32;

/// How many there may be: a power of two.
const MOST: u16 = 256;

/// What the ring's entries take up in front of the buffers: whole pages, however large these are.
const RING: usize = 64 * 1024;

/// What is mapped.
const LENGTH: usize = RING + MOST as usize * SIZE;

const _: () = assert!(size_of::<BufRingEntry>() * MOST as usize <= RING);

/// All buffers of one driver.
pub(crate) struct Buffers {
    memory: *mut u8,
    /// Where the next entry goes, through all the laps.
    tail: Cell<u16>,
    /// What the kernel was shown of it.
    published: Cell<u16>,
    provided: Cell<u16>,
    lent: Cell<u16>,
    is_lent: [Cell<bool>; MOST as usize],
}

impl Buffers {
    /// Buffers that `ring` receives into.
    pub fn new(ring: &Ring) -> io::Result<Rc<Buffers>> {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::NORESERVE);
        // SAFETY: no address is asked for, so nothing is mapped over.
        let memory = unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, access, kind) }?;
        let (tail, published, provided, lent) = Default::default();
        let is_lent = [const { Cell::new(false) }; MOST as usize];
        let buffers = Rc::new(Buffers { memory: memory.cast(), tail, published, provided, lent, is_lent });
        // SAFETY: B1.
        unsafe { ring.register(buffers.entries(), MOST) }?;
        buffers.provide(FIRST);
        Ok(buffers)
    }

    fn entries(&self) -> *mut BufRingEntry {
        self.memory.cast()
    }

    fn address(&self, number: u16) -> *mut u8 {
        self.memory.wrapping_add(RING + usize::from(number) * SIZE)
    }

    /// Provides buffers that were not there before, up to so many in all.
    fn provide(&self, count: u16) {
        (self.provided.get()..count).for_each(|number| self.give(number));
        self.provided.set(count);
        self.publish();
    }

    /// Twice as many buffers as before, up to a limit.
    pub fn grow(&self) {
        self.provide((self.provided.get() * 2).min(MOST));
    }

    /// How many are neither lent nor, as far as was told, filled.
    pub fn free(&self) -> usize {
        usize::from(self.provided.get() - self.lent.get())
    }

    /// A buffer that was filled, as far as that.
    ///
    /// # Panics
    /// If it was not the kernel's to fill.
    #[inline]
    pub fn lend(self: &Rc<Buffers>, number: u16, length: u32) -> Buffer {
        assert!(
            number < self.provided.get() && length as usize <= SIZE,
            "the kernel fills the buffers that it was given"
        );
        assert!(!self.is_lent[usize::from(number)].replace(true), "a buffer is lent once at a time");
        self.lent.set(self.lent.get() + 1);
        Buffer::lent(self.clone(), number, length)
    }

    /// Gives a buffer to the kernel, which sees it from the next [`Buffers::publish`] on.
    #[inline]
    pub fn give(&self, number: u16) {
        let place = self.entries().wrapping_add(usize::from(self.tail.get() % MOST));
        // SAFETY: B4: the place lies in the ring and is ours; what is written to leaves out the words of the tail.
        let entry = unsafe { &mut *place };
        entry.set_addr(self.address(number) as u64);
        entry.set_len(SIZE as u32);
        entry.set_bid(number);
        self.tail.set(self.tail.get().wrapping_add(1));
    }

    /// Shows the kernel what it was given.
    #[inline]
    pub fn publish(&self) {
        if self.published.replace(self.tail.get()) == self.tail.get() {
            return;
        }
        // SAFETY: B4: it is the address of the first entry.
        let tail = unsafe { BufRingEntry::tail(self.entries()) }.cast_mut();
        // SAFETY: B4: these words are the tail's, which both sides use as an atomic number.
        unsafe { AtomicU16::from_ptr(tail) }.store(self.tail.get(), Ordering::Release);
    }
}

impl Lender for Buffers {
    #[inline]
    fn bytes(&self, number: u16, length: u32) -> &[u8] {
        assert!(self.is_lent[usize::from(number)].get() && length as usize <= SIZE, "the buffer is lent");
        // SAFETY: B2: it is lent, so nobody writes to it; B3: the `Buffer` that asks ends the borrow before it gives the
        // number back; B1: until then it is mapped.
        unsafe { slice::from_raw_parts(self.address(number), length as usize) }
    }

    #[inline]
    fn take_back(&self, number: u16) {
        if self.is_lent[usize::from(number)].replace(false) {
            self.lent.set(self.lent.get() - 1);
            self.give(number);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: B1: nobody borrows of it, for there is no lender left, and the kernel has done with it.
        let outcome = unsafe { munmap(self.memory.cast(), LENGTH) };
        debug_assert!(outcome.is_ok(), "what was mapped can be unmapped");
    }
}
