//! Who is told of signals: a seat for each Fate that hears one, in a table that a handler can go through.
//!
//! # Invariants
//! - E1 The descriptor in a seat is open. It is put there once it is, and is closed only after the seat was emptied and no handler
//!   was under way any more: each of those that came later finds the seat empty.

use fate_core::{Hearing, Signal};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::SeqCst};

/// How many Fates of a process can hear signals at the same time: more than a machine has processors.
const SEATS: usize = 1024;

/// Nobody sits there.
const EMPTY: RawFd = -1;

static TABLE: [Place; SEATS] = [const { Place::new() }; SEATS];

/// One more than the number of the last seat that was ever taken.
static HIGHEST: AtomicU32 = AtomicU32::new(0);

struct Place {
    /// The drum of the Fate.
    drum: AtomicI32,
    /// How often it was beaten.
    beats: AtomicU32,
    /// One bit for each signal.
    each: AtomicU64,
    first: AtomicU64,
}

impl Place {
    const fn new() -> Place {
        Place {
            drum: AtomicI32::new(EMPTY),
            beats: AtomicU32::new(0),
            each: AtomicU64::new(0),
            first: AtomicU64::new(0),
        }
    }

    fn mask(&self, hearing: Hearing) -> &AtomicU64 {
        match hearing {
            Hearing::Each => &self.each,
            Hearing::First => &self.first,
        }
    }

    fn clear(&self) {
        self.each.store(0, SeqCst);
        self.first.store(0, SeqCst);
        self.drum.store(EMPTY, SeqCst);
    }
}

/// A seat that was taken, by a Fate of this process.
pub(super) struct Seat {
    number: usize,
    process: u32,
}

impl Seat {
    /// Takes a free seat, if there is one, for a Fate with this drum. Called by one at a time.
    pub fn take(drum: RawFd, process: u32) -> Option<Seat> {
        let number = TABLE.iter().position(|place| place.drum.load(SeqCst) == EMPTY)?;
        TABLE[number].drum.store(drum, SeqCst);
        HIGHEST.fetch_max(number as u32 + 1, SeqCst);
        Some(Seat { number, process })
    }

    /// In which process it was taken.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Has this signal told to it from here on.
    pub fn listen(&self, signal: Signal, hearing: Hearing) {
        TABLE[self.number].mask(hearing).fetch_or(bit(signal.number()), SeqCst);
    }

    /// Has this signal not told to it any more.
    pub fn ignore(&self, signal: Signal, hearing: Hearing) {
        TABLE[self.number].mask(hearing).fetch_and(!bit(signal.number()), SeqCst);
    }

    /// How often its drum was beaten.
    pub fn drummed(&self) -> u32 {
        TABLE[self.number].beats.load(SeqCst)
    }

    /// Nobody sits there any more. The drum may be closed once no handler is under way.
    pub fn empty(self) {
        TABLE[self.number].clear();
    }
}

/// Empties all seats: the process that took them is another one.
pub(super) fn empty_all() {
    TABLE[..HIGHEST.load(SeqCst) as usize].iter().for_each(Place::clear);
}

/// For the handler: beats the drum of each Fate that hears this signal in this way.
pub(super) fn tell(number: i32, hearing: Hearing, beat: impl Fn(RawFd)) {
    let bit = bit(number);
    for place in &TABLE[..HIGHEST.load(SeqCst) as usize] {
        let drum = place.drum.load(SeqCst);
        if drum != EMPTY && place.mask(hearing).load(SeqCst) & bit != 0 {
            beat(drum);
            // After that, so that who sees the number and silences the drum has silenced this beat.
            place.beats.fetch_add(1, SeqCst);
        }
    }
}

fn bit(number: i32) -> u64 {
    1 << (number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S1: nobody else of these tests hears signals.
    #[test]
    fn a_full_table_is_an_answer_and_a_seat_that_was_given_up_is_free_again() {
        let take = || Seat::take(0, 1);
        let mut seats: Vec<Seat> = std::iter::from_fn(take).collect();
        assert_eq!(seats.len(), SEATS);
        seats.pop().unwrap().empty();
        assert!(take().is_some() && take().is_none());
        empty_all();
        assert!(take().is_some_and(|seat| seat.number == 0));
        empty_all();
    }
}
