//! T: fuses on each driver. What comes early, and what comes in which order; never how late.

use fate::{Clock, Fate, Fuse, Instant};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    no_fuse_burns_early_on_any_clock,
    fuses_burn_by_deadline_and_equal_deadlines_in_the_order_they_were_lit,
    a_zero_delay_burns_in_the_next_turn,
    never_and_a_century_from_now_are_not_waited_for,
    a_fuse_due_in_this_turn_can_be_cut_by_an_earlier_one,
    deadlines_can_be_moved_to_and_fro,
    a_handler_set_too_late_burns_at_once,
    a_fuse_lit_outside_a_turn_counts_from_now,
    the_present_stands_still_within_a_turn,
    a_repetition_keeps_to_its_grid,
    the_three_clocks_are_waited_for_side_by_side,
    a_civil_time_that_is_past_burns_at_once,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

type Log<T> = Rc<RefCell<Vec<T>>>;

/// What a clock shows now.
fn shown(fate: &Fate, clock: Clock) -> Instant {
    fate.get_fuse_on(clock, Duration::ZERO).time()
}

/// Has a fuse note this when it burns.
fn note<T: 'static>(fuse: &Fuse, log: &Log<T>, what: T) {
    let log = log.clone();
    fuse.set_handler(move |_| log.borrow_mut().push(what));
}

/// T1, T11: to the nanosecond.
fn no_fuse_burns_early_on_any_clock(ground: &Ground) {
    let (fate, burned) = (ground.fate(), Rc::new(Cell::new(0)));
    for clock in Clock::ALL {
        for nanos in [0, 1, 999, 30_001, 999_999, 1_000_001, 2_345_678, 3_000_000] {
            let fuse = fate.get_fuse_on(clock, Duration::from_nanos(nanos));
            let (due, count) = (fuse.time(), burned.clone());
            fuse.set_handler(move |fate| {
                assert!(shown(fate, clock) >= due, "{clock:?}: {nanos} ns");
                count.set(count.get() + 1);
            });
        }
    }
    fate.run().unwrap();
    assert_eq!(burned.get(), 24);
}

/// T2.
fn fuses_burn_by_deadline_and_equal_deadlines_in_the_order_they_were_lit(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let start = fate.now();
    let mut sorted: Vec<(u64, usize)> = (0..500).map(|lit| (lit as u64 * 7919 % 29 * 100_000, lit)).collect();
    for &(nanos, lit) in &sorted {
        note(&fate.get_fuse_at(start + Duration::from_nanos(nanos)), &log, (nanos, lit));
    }
    sorted.sort();
    fate.run().unwrap();
    assert_eq!(*log.borrow(), sorted);
}

/// T3.
fn a_zero_delay_burns_in_the_next_turn(ground: &Ground) {
    fn again(fate: &Fate, turns: Log<u64>) {
        turns.borrow_mut().push(fate.report().turns);
        if turns.borrow().len() < 50 {
            fate.get_fuse(Duration::ZERO).set_handler(move |fate| again(fate, turns));
        }
    }
    let (fate, turns) = (ground.fate(), Log::default());
    let log = turns.clone();
    fate.get_fuse(Duration::ZERO).set_handler(move |fate| again(fate, log));
    fate.run().unwrap();
    let turns = turns.borrow();
    assert_eq!(turns.len(), 50);
    assert!(turns.windows(2).all(|pair| pair[1] == pair[0] + 1), "{turns:?}");
}

/// T4.
fn never_and_a_century_from_now_are_not_waited_for(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let century = HOUR * 24 * 365 * 100;
    for clock in Clock::ALL {
        for delay in [Duration::MAX, Duration::from_nanos(u64::MAX - 1), century] {
            note(&fate.get_fuse_on(clock, delay), &log, "too early");
        }
    }
    note(&fate.get_fuse(MILLISECOND), &log, "in time");
    fate.get_fuse(MILLISECOND * 2).set_handler(|fate| fate.shutdown());
    fate.run().unwrap();
    assert_eq!(*log.borrow(), ["in time"]);
}

/// T6.
fn a_fuse_due_in_this_turn_can_be_cut_by_an_earlier_one(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let due = fate.now() + MILLISECOND;
    let (first, second) = (fate.get_fuse_at(due), Rc::new(fate.get_fuse_at(due)));
    let (victim, cut) = (second.clone(), log.clone());
    first.set_handler(move |_| cut.borrow_mut().push(victim.cut()));
    second.set_handler(|_| -> () { panic!("it was cut") });
    fate.run().unwrap();
    assert_eq!(*log.borrow(), [true]);
}

/// T7.
fn deadlines_can_be_moved_to_and_fro(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let start = fate.now();
    let fuses = [HOUR, HOUR, MILLISECOND, MILLISECOND * 2].map(|delay| Rc::new(fate.get_fuse_at(start + delay)));
    for (fuse, name) in fuses.iter().zip(["earlier", "earlier still", "later", "never"]) {
        note(fuse, &log, name);
    }
    assert!(fuses[0].set_time(start + MILLISECOND * 4) && fuses[1].set_time(start + MILLISECOND * 3));
    assert!(fuses[2].set_time(start + MILLISECOND * 5) && fuses[3].delay(Duration::MAX));
    fate.run().unwrap();
    assert_eq!(*log.borrow(), ["earlier still", "earlier", "later"]);
    assert!(fate.now() >= start + MILLISECOND * 5);
}

/// T8.
fn a_handler_set_too_late_burns_at_once(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let waiting = [fate.get_fuse(MILLISECOND), fate.get_fuse_on(Clock::Wall, MILLISECOND)];
    ground.pass(MILLISECOND * 2);
    assert!(waiting.iter().all(Fuse::is_burned));
    note(&waiting[1], &log, "wall");
    note(&waiting[0], &log, "monotonic");
    note(&fate.get_fuse(Duration::ZERO), &log, "lit now");
    assert!(log.borrow().is_empty());
    fate.run().unwrap();
    assert_eq!(*log.borrow(), ["monotonic", "lit now", "wall"]);
}

/// T9.
fn a_fuse_lit_outside_a_turn_counts_from_now(ground: &Ground) {
    let fate = ground.fate();
    fate.get_fuse(MILLISECOND).set_handler(|_| ());
    fate.run().unwrap();
    let ended = fate.now();
    ground.pass(MILLISECOND * 3);
    let fuse = fate.get_fuse(MILLISECOND);
    assert!(fuse.time() >= ended + MILLISECOND * 4);
    fuse.set_handler(move |fate| assert!(fate.now() >= ended + MILLISECOND * 4));
    fate.run().unwrap();
    assert!(fuse.is_burned());
}

/// T9: and goes on before the next, however long a handler takes.
fn the_present_stands_still_within_a_turn(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::<Instant>::default());
    let due = fate.now() + MILLISECOND;
    for _ in 0..3 {
        let log = log.clone();
        fate.get_fuse_at(due).set_handler(move |fate| {
            std::hint::black_box((0..100_000).sum::<u64>());
            log.borrow_mut().push(fate.now());
        });
    }
    let last = log.clone();
    fate.get_fuse_at(due + Duration::from_nanos(1)).set_handler(move |fate| last.borrow_mut().push(fate.now()));
    fate.run().unwrap();
    let log = log.borrow();
    assert!(log[0] == log[1] && log[1] == log[2] && log[2] <= log[3] && due <= log[0], "{log:?}");
}

/// T10: each tick is on time or late, and every point of the grid is a tick's own or missed.
fn a_repetition_keeps_to_its_grid(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let ticks = log.clone();
    fate.call_soon(move |fate| {
        let start = fate.now();
        fate.every(MILLISECOND, move |fate, tick| {
            let points = ticks.borrow().last().map_or(0, |(points, _)| *points) + 1 + tick.missed;
            ticks.borrow_mut().push((points, fate.now() - start));
            if points >= 5 {
                fate.shutdown();
            }
        });
    });
    fate.run().unwrap();
    for (points, passed) in log.borrow().iter() {
        let own = MILLISECOND * *points;
        assert!(own <= *passed && *passed < own + MILLISECOND, "{:?}", log.borrow());
    }
}

/// T11.
fn the_three_clocks_are_waited_for_side_by_side(ground: &Ground) {
    for first in Clock::ALL {
        let ground = ground.another();
        let (fate, log) = (ground.fate(), Log::default());
        for clock in Clock::ALL {
            let delay = if clock == first { MILLISECOND } else { HOUR };
            note(&fate.get_fuse_on(clock, delay), &log, clock);
        }
        fate.get_fuse_on(first, MILLISECOND * 2).set_handler(|fate| fate.shutdown());
        fate.run().unwrap();
        assert_eq!(*log.borrow(), [first]);
    }
}

/// T11.
fn a_civil_time_that_is_past_burns_at_once(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let now = fate.wall_time();
    note(&fate.get_fuse_at_time(now - HOUR), &log, "an hour ago");
    note(&fate.get_fuse_at_time(now + HOUR), &log, "in an hour");
    note(&fate.get_fuse_at_time(now + MILLISECOND), &log, "soon");
    fate.get_fuse_at_time(now + MILLISECOND * 2).set_handler(move |fate| {
        assert!(fate.wall_time() >= now + MILLISECOND * 2);
        fate.shutdown();
    });
    fate.run().unwrap();
    assert_eq!(*log.borrow(), ["an hour ago", "soon"]);
}
