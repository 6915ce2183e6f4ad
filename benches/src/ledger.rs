//! What burned, and whether in the right order.

use std::cell::Cell;
use std::time::Duration;

/// Written to by every handler. A handler captures an `Rc` of it, its own deadline's nanoseconds and its number: 24 bytes.
#[derive(Default)]
pub struct Ledger {
    burned: Cell<usize>,
    early: Cell<usize>,
    last: Cell<(u64, usize)>,
}

/// What a ledger says once all is burned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    /// How many handlers ran.
    pub burned: usize,
    /// How many of them ran right after one whose (deadline, number) was later than their own.
    pub out_of_order: usize,
}

impl Ledger {
    /// Notes that the fuse lit as number `number` burns.
    #[inline]
    pub fn note(&self, deadline: u64, number: usize) {
        let this = (deadline, number);
        if this < self.last.replace(this) {
            self.early.set(self.early.get() + 1);
        }
        self.burned.set(self.burned.get() + 1);
    }

    /// Reads the ledger and starts a new page.
    pub fn turn_page(&self) -> Order {
        self.last.take();
        Order { burned: self.burned.take(), out_of_order: self.early.take() }
    }
}

/// A delay as a handler carries it.
#[inline]
pub fn nanoseconds(delay: Duration) -> u64 {
    delay.as_secs() * 1_000_000_000 + u64::from(delay.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burn_after_a_later_deadline_is_out_of_order() {
        let ledger = Ledger::default();
        for (deadline, number) in [(1, 7), (2, 1), (2, 3), (1, 9), (4, 0), (4, 0)] {
            ledger.note(deadline, number);
        }
        assert_eq!(ledger.turn_page(), Order { burned: 6, out_of_order: 1 });
        assert_eq!(ledger.turn_page(), Order { burned: 0, out_of_order: 0 });
    }
}
