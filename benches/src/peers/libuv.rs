//! libuv: how it is used and how it comes by virtual time is told in `libuv.c`; this is the door to it.

#![allow(unsafe_code, reason = "libuv is a C library")]

use crate::contender::{Handles, Timers};
use crate::deadlines::SPAN;
use crate::ledger::{Order, nanoseconds};
use std::time::Duration;

/// A `struct bench` of `libuv.c`.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

// SAFETY: these are the signatures in `libuv.c`.
unsafe extern "C" {
    safe fn bench_seat_size() -> usize;
    fn bench_open(seats: *mut u128) -> *mut Opaque;
    fn bench_set_back(bench: *mut Opaque, milliseconds: u64);
    fn bench_light(bench: *mut Opaque, number: usize, nanoseconds: u64);
    fn bench_cut(bench: *mut Opaque, number: usize);
    fn bench_burn(bench: *mut Opaque, out_of_order: *mut usize) -> usize;
    fn bench_close(bench: *mut Opaque);
}

/// # Invariants
/// - U1 `bench` comes from `bench_open` and is closed once, by `drop`.
/// - U2 `seats` is where `bench` was told to put its handles, has room for `count` of them, is aligned for anything, and does not
///   move or go before `bench` is closed.
struct Handled {
    bench: *mut Opaque,
    /// Only C looks into it.
    _seats: Box<[u128]>,
    count: usize,
    lit: usize,
}

pub fn timers(count: usize) -> Box<dyn Timers> {
    let mut seats = vec![0_u128; (bench_seat_size() * count).div_ceil(size_of::<u128>())].into_boxed_slice();
    // SAFETY: this is where U1 and U2 begin to hold; a box's contents stay where they are when the box is moved.
    let bench = unsafe { bench_open(seats.as_mut_ptr()) };
    Box::new(Handled { bench, _seats: seats, count, lit: 0 })
}

impl Handled {
    fn run(&mut self) -> Order {
        let mut out_of_order = 0;
        // SAFETY: U1, U2, and C writes one number to the place given to it.
        let burned = unsafe { bench_burn(self.bench, &mut out_of_order) };
        Order { burned, out_of_order }
    }
}

impl Timers for Handled {
    fn light(&mut self, delays: &[Duration], _: Handles) {
        assert!(delays.len() <= self.count);
        // SAFETY: U1.
        unsafe { bench_set_back(self.bench, SPAN.as_millis() as u64 + 1) };
        for (number, delay) in delays.iter().enumerate() {
            // SAFETY: U1, U2, and `number` is below `count`, as asserted.
            unsafe { bench_light(self.bench, number, nanoseconds(*delay)) };
        }
        self.lit = delays.len();
    }

    fn cut(&mut self, order: &[usize]) {
        for number in order {
            assert!(*number < self.lit);
            // SAFETY: U1, U2, and the handle has been initialised, because it is among those that were lit.
            unsafe { bench_cut(self.bench, *number) };
        }
    }

    fn burn(&mut self) {
        assert_eq!(self.run().burned, self.lit);
    }

    fn order(&mut self, delays: &[Duration]) -> Option<Order> {
        self.light(delays, Handles::Dropped);
        Some(self.run())
    }
}

impl Drop for Handled {
    fn drop(&mut self) {
        // SAFETY: U1 and U2; the seats are dropped after this.
        unsafe { bench_close(self.bench) };
    }
}
