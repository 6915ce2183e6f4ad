//! The memory that fuses and calls from other threads take, by a counting allocator.

use fate_conformance::allocations::{Counting, forget_peak, ledger};
use fate_core::Key;
use fate_core::parts::door::{Door, Loop};
use fate_core::parts::flat::Flat;
use fate_core::parts::fuses::{FuseIndex, Fuses};
use fate_core::parts::job::Job;
use fate_core::{Clock, Instant};
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::thread;

#[global_allocator]
static COUNTING: Counting = Counting;

const MILLION: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

type Burned = Cell<u64>;

/// Fuses with 24-byte captures, and a clock.
#[derive(Default)]
struct World {
    fuses: Fuses<Burned>,
    burned: Burned,
    now: u64,
}

impl World {
    fn light(&mut self, delay: u64) -> FuseIndex {
        let (now, place) = (Instant::from_nanos(self.now), Location::caller());
        let fuse = self.fuses.light(Clock::Monotonic, Instant::from_nanos(self.now + delay), now, place);
        let capture = [1, delay, self.now];
        let job = Job::new(move |burned: &Burned| burned.set(burned.get() + capture[0]));
        drop(self.fuses.set_handler(fuse, place, job, now));
        fuse
    }

    fn light_and_release(&mut self, delay: u64) {
        let fuse = self.light(delay);
        self.fuses.release(fuse);
    }

    fn cut(&mut self, fuse: FuseIndex) {
        drop(self.fuses.cut(fuse));
        self.fuses.release(fuse);
    }

    /// One turn, `step` later. Says how many burned.
    fn turn(&mut self, step: u64) -> u64 {
        self.now += step;
        self.fuses.begin_turn();
        let (limit, before) = (self.fuses.next_number(), self.burned.get());
        while let Some(handlers) = self.fuses.pop_due(Clock::Monotonic, Instant::from_nanos(self.now), limit) {
            handlers.first.job.call(&self.burned);
        }
        self.burned.get() - before
    }
}

/// The `number`th of many delays that are spread over `span`.
fn spread(number: u64, span: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % span
}

/// What `work` added to the memory that is taken: at most, and in the end.
fn growth(work: impl FnOnce()) -> (isize, isize) {
    let before = ledger().live;
    forget_peak();
    work();
    (ledger().peak - before, ledger().live - before)
}

const KIB: isize = 1024;

/// T5.
#[test]
fn a_million_fuses_lit_and_cut_while_ten_live_stay_small() {
    let mut world = World::default();
    (0..10).for_each(|number| world.light_and_release(3600 * SECOND + number));
    let (peak, _) = growth(|| {
        for number in 0..MILLION {
            let fuse = world.light(spread(number, 10 * SECOND));
            world.cut(fuse);
        }
    });
    assert!(peak < 512 * KIB, "{peak} bytes");
}

/// T5: each move earlier leaves a stale entry behind, each move to an equal or later moment must not.
#[test]
fn a_million_resets_of_ten_fuses_stay_small() {
    let mut world = World::default();
    let fuses: Vec<FuseIndex> = (0..10).map(|number| world.light(SECOND + number)).collect();
    let (peak, _) = growth(|| {
        for number in 0..MILLION {
            let deadline = Instant::from_nanos(spread(number, 1000 * SECOND));
            assert!(world.fuses.set_time(fuses[number as usize % 10], deadline));
        }
    });
    assert!(peak < 512 * KIB, "{peak} bytes");
    assert_eq!(world.turn(2000 * SECOND), 10);
}

/// T5: in the order in which they were lit, backwards, and every which way.
#[test]
fn the_memory_of_a_million_fuses_that_were_cut_is_given_back() {
    let orders: [fn(u64) -> u64; 3] = [|place| place, |place| MILLION - 1 - place, |place| place * 617_009 % MILLION];
    for order in orders {
        let mut world = World::default();
        let fuses: Vec<FuseIndex> = (0..MILLION).map(|number| world.light(spread(number, 10 * SECOND))).collect();
        (0..MILLION).for_each(|place| world.cut(fuses[order(place) as usize]));
        let (_, rest) = growth(|| drop(world));
        assert!(-rest < 4096 * KIB, "{} bytes were left", -rest);
    }
}

/// T5: also when they all burn in one tick, and so have all come to the front at once.
#[test]
fn the_memory_of_a_million_fuses_that_burned_is_given_back() {
    for span in [1, SECOND / 1000, 10 * SECOND] {
        let mut world = World::default();
        (0..MILLION).for_each(|number| world.light_and_release(SECOND + spread(number, span)));
        assert_eq!(world.turn(20 * SECOND), MILLION);
        assert_eq!(world.fuses.next_due(Clock::Monotonic), None);
        let (_, rest) = growth(|| drop(world));
        assert!(-rest < 4096 * KIB, "{} bytes were left", -rest);
    }
}

/// T5 and the bill: a pending fuse with a capture of 24 bytes.
#[test]
fn a_pending_fuse_takes_at_most_96_bytes() {
    let mut world = World::default();
    let (peak, _) = growth(|| (0..MILLION).for_each(|number| world.light_and_release(spread(number, 10 * SECOND))));
    println!("{:.1} bytes a fuse", peak as f64 / MILLION as f64);
    assert!(peak <= 96 * MILLION as isize, "{peak} bytes");
}

/// Lighting, cutting, moving and burning a steady crowd.
#[test]
fn fuses_do_not_allocate_once_warm() {
    let mut world = World::default();
    let mut moved: Vec<FuseIndex> = (0..1000).map(|number| world.light(20 * SECOND + number)).collect();
    let mut round = |world: &mut World, rounds: std::ops::Range<u64>| {
        for number in rounds {
            let fuse = world.light(spread(number, SECOND));
            world.cut(fuse);
            world.light_and_release(spread(number, 10 * SECOND));
            let place = number as usize % moved.len();
            if number % 100 == 0 {
                world.cut(moved[place]);
                moved[place] = world.light(20 * SECOND);
            }
            world.fuses.set_time(moved[place], Instant::from_nanos(world.now + spread(number, 15 * SECOND) + SECOND));
            world.turn(SECOND / 1000);
            world.fuses.next_due(Clock::Monotonic);
        }
    };
    round(&mut world, 0..100_000);
    let warm = ledger().allocations;
    round(&mut world, 100_000..300_000);
    assert_eq!(ledger().allocations - warm, 0);
}

/// A loop that counts the calls.
#[derive(Default)]
struct Counter(Cell<u64>);

impl Loop for Counter {
    fn wake_task(&self, _: Key) {}
}

/// H2: neither where they are made nor where they are taken. The sender and the loop take turns, a thousand calls at once.
#[test]
fn calls_from_another_thread_do_not_allocate_once_warm() {
    const ROUNDS: u64 = 300;
    let (door, here, queue) = (Arc::<Door<Counter>>::default(), Rc::<Counter>::default(), RefCell::new(Flat::new()));
    door.open(&here);
    let steps = Barrier::new(2);
    let rounds = |work: &dyn Fn()| {
        let mut warm = ledger().allocations;
        for round in 0..ROUNDS {
            if round == 10 {
                warm = ledger().allocations;
            }
            work();
        }
        ledger().allocations - warm
    };
    let send = || {
        steps.wait();
        for number in 0..1000u64 {
            let (one, capture) = (1 + number / 1000, [number; 3]);
            let call = move |here: &Rc<Counter>| here.0.set(here.0.get() + one + capture[0] - capture[2]);
            assert!(door.call(usize::MAX, call).is_ok());
        }
        steps.wait();
    };
    let take = || {
        steps.wait();
        steps.wait();
        door.take_all(&queue);
        while Flat::run_next(&queue, &here).is_some() {}
    };
    thread::scope(|scope| {
        let sender = scope.spawn(|| rounds(&send));
        assert_eq!(rounds(&take), 0, "on the loop's thread");
        assert_eq!(sender.join().expect("the sender does not panic"), 0, "on the sender's thread");
    });
    assert_eq!(here.0.get(), 1000 * ROUNDS);
}
