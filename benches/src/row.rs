//! A row of seats in one piece of memory, in which futures can be pinned.
//!
//! `Vec<Pin<Box<Sleep>>>` would do, at one allocation a future. The peers shall be measured as cheap as they can be had, and their
//! cheapest is many futures side by side.

#![allow(unsafe_code, reason = "pinning into the middle of a slice has no safe form")]

use std::pin::Pin;

/// A fixed number of seats, each empty or holding one pinned future.
///
/// # Invariants
/// - R1 A future never moves from the moment it sits down until it is dropped: the slice is never reallocated, and its seats are
///   handed out only pinned.
pub struct Row<F> {
    seats: Box<[Option<F>]>,
}

impl<F> Row<F> {
    /// A row of `count` empty seats.
    pub fn new(count: usize) -> Self {
        Row { seats: (0..count).map(|_| None).collect() }
    }

    /// One seat: `set` fills or empties it, `as_pin_mut` is the future in it.
    #[inline]
    pub fn seat(&mut self, number: usize) -> Pin<&mut Option<F>> {
        // SAFETY: by R1 what lies in `seats` stays where it is; the field is private and this is the only way to it.
        unsafe { Pin::new_unchecked(&mut self.seats[number]) }
    }
}
