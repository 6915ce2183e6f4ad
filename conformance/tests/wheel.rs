//! What the wheel asks of its ledger: looks are what it costs.

use fate_core::Key;
use fate_core::parts::wheel::{Ledger, Standing, Wheel};
use std::cell::Cell;
use std::collections::BTreeSet;

const MILLISECOND: u64 = 1_000_000;
const MINUTE: u64 = 60_000 * MILLISECOND;
const THINGS: u64 = 100_000;

/// Things by number, all lit at once; it counts how often it is asked.
#[derive(Default)]
struct Book {
    deadlines: Vec<Option<u64>>,
    looks: Cell<usize>,
}

impl Ledger for Book {
    fn look_up(&self, key: Key) -> Option<Standing> {
        self.looks.set(self.looks.get() + 1);
        let deadline = self.deadlines[key.index as usize]?;
        Some(Standing { deadline, number: key.index.into() })
    }

    fn is_current(&self, key: Key) -> bool {
        self.looks.set(self.looks.get() + 1);
        self.deadlines[key.index as usize].is_some()
    }

    fn prefetch(&self, _: u32) {}
}

/// A wheel with a hundred thousand things, spread over a minute that begins at `first`.
fn crowd(first: u64) -> (Wheel, Book) {
    let (mut wheel, mut book) = (Wheel::default(), Book::default());
    for number in 0..THINGS {
        let deadline = first + number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % MINUTE;
        wheel.light(Standing { deadline, number }, Key { index: number as u32, generation: 0 });
        book.deadlines.push(Some(deadline));
    }
    (wheel, book)
}

/// Idle means idle: all lie in one slot, whose first is cut again and again.
#[test]
fn asking_what_is_next_costs_a_thousand_looks_at_most_however_many_lie_in_one_slot() {
    let (mut wheel, mut book) = crowd(100 * MINUTE);
    let mut sorted: BTreeSet<(u64, u32)> =
        (0..).zip(&book.deadlines).map(|(index, deadline)| (deadline.unwrap(), index)).collect();
    let (mut exact, calls) = (0, 3000);
    for _ in 0..calls {
        let (first, _) = *sorted.first().unwrap();
        let due = wheel.next_due(&book).unwrap();
        assert!(due <= first, "never late");
        if due == first {
            exact += 1;
            let (_, index) = sorted.pop_first().unwrap();
            book.deadlines[index as usize] = None;
            wheel.forget(&book);
        }
    }
    assert!(exact > calls / 200, "exact after so many calls as pay for a look at all: {exact}");
    let most = 1030 * calls + THINGS as usize;
    assert!(book.looks.get() < most, "{} looks", book.looks.get());
}

/// T5: light and burn, a millisecond at a time.
#[test]
fn burning_costs_a_few_looks_a_thing() {
    let (mut wheel, mut book) = crowd(MINUTE);
    let (mut burned, mut now) = (0, 0);
    while burned < THINGS {
        now += MILLISECOND;
        while let Some(key) = wheel.pop_due(now, THINGS, &book) {
            book.deadlines[key.index as usize] = None;
            burned += 1;
        }
    }
    assert!(book.looks.get() <= 2 * THINGS as usize, "{} looks", book.looks.get());
}

/// T5, T7: a thing that is moved later ten thousand times costs looks only where its entry comes to the front.
#[test]
fn moving_later_again_and_again_costs_one_look_an_old_deadline() {
    let (mut wheel, mut book) = crowd(MINUTE);
    for moves in 0..100 {
        for deadline in book.deadlines.iter_mut().flatten() {
            *deadline += 100 * MILLISECOND;
        }
        assert_eq!(wheel.pop_due(moves * 100 * MILLISECOND, THINGS, &book), None);
    }
    assert_eq!(book.looks.get(), 0);
    let burned = std::iter::from_fn(|| wheel.pop_due(3 * MINUTE, THINGS, &book)).count();
    assert_eq!(burned, THINGS as usize);
    assert!(book.looks.get() <= 3 * THINGS as usize, "{} looks", book.looks.get());
}
