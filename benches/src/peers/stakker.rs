//! stakker: time is an argument, so virtual time is a loop that says what time it is, at the pace of the [`crate::metronome`].
//!
//! Its deadlines are exact to 16 microseconds.

use crate::contender::{Handles, Timers, Work};
use crate::ledger::{Ledger, Order, nanoseconds};
use crate::metronome::BEAT;
use stakker::{FixedTimerKey, Stakker};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub fn timers(_count: usize) -> Box<dyn Timers> {
    let now = Instant::now();
    Box::new(Keyed { stakker: Stakker::new(now), now, keys: Vec::new(), ledger: Rc::default() })
}

struct Keyed {
    stakker: Stakker,
    now: Instant,
    keys: Vec<FixedTimerKey>,
    ledger: Rc<Ledger>,
}

impl Timers for Keyed {
    fn light(&mut self, delays: &[Duration], handles: Handles) {
        if handles == Handles::Kept {
            self.keys.reserve_exact(delays.len());
        }
        for (number, delay) in delays.iter().enumerate() {
            let (ledger, deadline) = (self.ledger.clone(), nanoseconds(*delay));
            let key = self.stakker.timer_add(self.now + *delay, move |_| ledger.note(deadline, number));
            if handles == Handles::Kept {
                self.keys.push(key);
            }
        }
    }

    fn cut(&mut self, order: &[usize]) {
        for number in order {
            assert!(self.stakker.timer_del(self.keys[*number]));
        }
        self.keys.clear();
    }

    fn burn(&mut self) {
        while let Some(next) = self.stakker.next_expiry() {
            self.now = next.max(self.now + BEAT);
            self.stakker.run(self.now, false);
        }
    }

    fn order(&mut self, delays: &[Duration]) -> Option<Order> {
        self.ledger.turn_page();
        self.light(delays, Handles::Dropped);
        self.burn();
        Some(self.ledger.turn_page())
    }
}

pub fn dispatch() -> Work {
    let now = Instant::now();
    let (mut stakker, ran) = (Stakker::new(now), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        for _ in 0..count {
            let ran = ran.clone();
            stakker.defer(move |_| ran.set(ran.get() + 1));
        }
        stakker.run(now, false);
        assert_eq!(ran.take(), count);
    })
}
