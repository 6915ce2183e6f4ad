//! T1 to T9: time and fuses, to the nanosecond.

mod log;

use fate::sim::Sim;
use fate::{Fate, Fuse, Instant, Kind};
use log::{HOUR, Log, MILLISECOND, NANOSECOND, OnDrop, SECOND, never};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// A world with one host.
fn world() -> (Sim, Fate) {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    (sim, fate)
}

/// T1.
#[test]
fn a_fuse_burns_at_its_deadline_to_the_nanosecond() {
    let delays =
        [1, 2, 999, 1_000_001, 1_048_575, 1_048_576, 1_048_577, 999_999_999, 86_400_000_000_007, (1 << 62) + 1];
    for delay in delays {
        let (mut sim, fate) = world();
        sim.run_until(Duration::from_nanos(123_456_789)).unwrap();
        let burned = Log::default();
        let fuse = fate.get_fuse(Duration::from_nanos(delay));
        fuse.set_handler(burned.timing(()));
        assert_eq!(fuse.time(), Instant::from_nanos(123_456_789 + delay));
        sim.run().unwrap();
        assert_eq!(burned.take(), [(123_456_789 + delay, ())]);
        assert_eq!(sim.elapsed(), Duration::from_nanos(123_456_789 + delay));
    }
}

/// T1.
#[test]
fn turns_that_are_taken_for_something_else_burn_no_fuse_early() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    for nanos in (1..=2000).rev() {
        fate.get_fuse(Duration::from_nanos(nanos)).set_handler(burned.timing(nanos));
    }
    sim.run().unwrap();
    assert_eq!(burned.take(), (1..=2000).map(|nanos| (nanos, nanos)).collect::<Vec<_>>());
    assert!(fate.report().turns >= 2000, "each of them in a turn of its own");
}

/// T1.
#[test]
fn a_turn_with_too_little_patience_burns_nothing() {
    let (_sim, fate) = world();
    let burned = Log::default();
    fate.get_fuse(SECOND).set_handler(burned.timing(()));
    assert!(fate.turn(SECOND - NANOSECOND).unwrap());
    assert_eq!((burned.len(), fate.now()), (0, Instant::START + (SECOND - NANOSECOND)));
    assert!(!fate.turn(NANOSECOND).unwrap());
    assert_eq!(burned.take(), [(1_000_000_000, ())]);
}

/// T2.
#[test]
fn fuses_burn_by_deadline_and_equal_deadlines_in_the_order_they_were_lit() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    let mut sorted: Vec<(u64, usize)> = (0..20_000).map(|lit| (fate.random() % 5000 * 333_333, lit)).collect();
    for &(nanos, lit) in &sorted {
        fate.get_fuse(Duration::from_nanos(nanos)).set_handler(burned.timing(lit));
    }
    sorted.sort();
    sim.run().unwrap();
    assert_eq!(burned.take(), sorted);
}

/// T2.
#[test]
fn fuses_that_were_overdue_together_still_burn_by_deadline() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    let fuses: Vec<Fuse> = [5, 3, 4, 3, 1].map(|seconds| fate.get_fuse(SECOND * seconds)).into();
    sim.run_until(HOUR).unwrap();
    for (lit, fuse) in fuses.iter().enumerate() {
        fuse.set_time(fuse.time());
        fuse.set_handler(burned.noting(lit));
    }
    sim.run().unwrap();
    assert_eq!(burned.take(), [4, 1, 3, 2, 0]);
}

/// T2, T7.
#[test]
fn a_fuse_that_was_reset_delayed_or_set_burns_after_those_that_have_its_new_deadline() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    let at = |seconds: u32, name| {
        let fuse = fate.get_fuse(SECOND * seconds);
        fuse.set_handler(burned.timing(name));
        fuse
    };
    let (reset, delayed, set, same) = (at(5, "reset"), at(1, "delayed"), at(9, "set"), at(3, "same"));
    at(3, "untouched");
    assert!(reset.reset(SECOND * 3));
    assert!(delayed.delay(SECOND * 2));
    assert!(set.set_time(Instant::START + SECOND * 3));
    assert!(same.set_time(same.time()));
    at(3, "last");
    sim.run().unwrap();
    let three = 3_000_000_000;
    let expected = ["untouched", "reset", "delayed", "set", "same", "last"].map(|name| (three, name));
    assert_eq!(burned.take(), expected);
}

/// T3.
#[test]
fn a_zero_delay_burns_in_the_next_turn_and_never_in_this_one() {
    let (mut sim, fate) = world();
    let turns = Log::default();
    let log = turns.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| {
        log.note(("first", fate.report().turns));
        let (log, soon) = (log.clone(), log.clone());
        fate.get_fuse(Duration::ZERO).set_handler(move |fate| log.note(("zero", fate.report().turns)));
        fate.call_soon(move |fate| soon.note(("soon", fate.report().turns)));
    });
    sim.run().unwrap();
    let [("first", first), ("soon", soon), ("zero", zero)] = turns.take()[..] else { panic!("in another order") };
    assert_eq!((soon, zero), (first, first + 1));
    assert_eq!(sim.elapsed(), SECOND);
}

/// T3.
#[test]
fn a_fuse_lit_in_a_turn_for_a_moment_that_is_past_burns_in_the_next_turn_in_its_order() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    let log = burned.clone();
    fate.get_fuse(SECOND * 2).set_handler(move |fate| {
        let [turn, zero, past] = std::array::from_fn(|_| log.clone());
        turn.note("lighting");
        fate.get_fuse(Duration::ZERO).set_handler(zero.noting("zero"));
        fate.get_fuse_at(Instant::START).set_handler(past.noting("past"));
    });
    fate.get_fuse(SECOND * 2).set_handler(burned.noting("of the same turn"));
    sim.run().unwrap();
    assert_eq!(burned.take(), ["lighting", "of the same turn", "past", "zero"]);
}

/// T3: each round is a turn, and other fuses, calls and tasks get theirs in between.
#[test]
fn a_handler_that_relights_itself_with_zero_delay_starves_nothing() {
    fn again(fate: &Fate, rounds: Rc<Cell<u32>>) {
        rounds.set(rounds.get() + 1);
        fate.get_fuse(Duration::ZERO).set_handler(move |fate| again(fate, rounds));
    }
    let (mut sim, fate) = world();
    let (rounds, log) = (Rc::new(Cell::new(0)), Log::default());
    again(&fate, rounds.clone());
    fate.get_fuse(Duration::ZERO).set_handler(log.noting("fuse"));
    fate.call_soon(log.noting("call"));
    let (task, here, count) = (log.clone(), fate.clone(), rounds.clone());
    fate.spawn(async move {
        for _ in 0..10 {
            here.sleep(Duration::ZERO).await;
        }
        task.note("task");
        assert!((10..13).contains(&count.get()), "one round a turn");
        here.shutdown();
    });
    sim.run().unwrap();
    assert_eq!(log.take(), ["fuse", "call", "task"]);
}

/// T3: the ready queue has a budget.
#[test]
fn a_chain_of_calls_that_feeds_itself_starves_no_fuse() {
    fn again(fate: &Fate, calls: Rc<Cell<u32>>) {
        calls.set(calls.get() + 1);
        fate.call_soon(move |fate| again(fate, calls));
    }
    let (mut sim, fate) = world();
    let calls = Rc::new(Cell::new(0));
    again(&fate, calls.clone());
    let relit = Rc::new(Cell::new(0));
    let count = relit.clone();
    fate.every(Duration::ZERO, move |fate, _| {
        count.set(count.get() + 1);
        if count.get() == 10 {
            fate.shutdown();
        }
    });
    sim.run().unwrap();
    assert_eq!(relit.get(), 10);
    assert!(calls.get() < 200_000, "{} calls", calls.get());
}

/// T4.
#[test]
fn the_longest_delay_means_never_and_no_sum_overflows() {
    let (mut sim, fate) = world();
    sim.run_until(SECOND).unwrap();
    let burned = Log::<u32>::default();
    let nearly = Duration::MAX - NANOSECOND;
    let fuses = [
        fate.get_fuse(Duration::MAX),
        fate.get_fuse(nearly),
        fate.get_fuse(Duration::from_nanos(u64::MAX)),
        fate.get_fuse_at(Instant::NEVER),
        fate.get_fuse_on(fate::Clock::Wall, nearly),
        fate.get_fuse_on(fate::Clock::Boot, Duration::MAX),
    ];
    for (number, fuse) in (0..).zip(&fuses) {
        fuse.set_handler(burned.noting(number));
        assert_eq!(fuse.time(), Instant::NEVER);
        assert!(fuse.delay(Duration::MAX) && fuse.reset(Duration::MAX) && fuse.set_time(Instant::NEVER));
    }
    let every = burned.clone();
    fate.every(Duration::MAX, move |_, _| every.note(99));
    fate.spawn(fate.sleep(Duration::MAX));
    assert!(fate.turn(Duration::ZERO).is_ok_and(|alive| !alive), "nothing of it will ever happen");
    sim.run().unwrap();
    assert_eq!((burned.len(), sim.elapsed()), (0, SECOND));
    assert!(fuses.iter().all(|fuse| !fuse.is_burned() && fuse.has_handler()));
}

/// T4, T7.
#[test]
fn never_can_be_called_off() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    let fuses = [fate.get_fuse(Duration::MAX), fate.get_fuse(SECOND), fate.get_fuse(SECOND * 2)];
    for (number, fuse) in fuses.iter().enumerate() {
        fuse.set_handler(burned.timing(number));
    }
    assert!(fuses[1].delay(Duration::MAX) && fuses[1].reset(SECOND * 3));
    assert!(fuses[2].set_time(Instant::NEVER));
    assert!(fuses[0].reset(SECOND * 4));
    sim.run().unwrap();
    assert_eq!(burned.take(), [(3_000_000_000, 1), (4_000_000_000, 0)]);
    assert!(fuses[2].cut() && !fuses[2].cut());
}

/// T4: the last nanosecond of all is a moment like any other.
#[test]
fn a_fuse_can_burn_in_the_last_nanosecond_of_time() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    fate.get_fuse(Duration::from_nanos(u64::MAX - 1)).set_handler(burned.timing("last"));
    fate.get_fuse(Duration::from_nanos(u64::MAX - 2)).set_handler(burned.timing("last but one"));
    sim.run().unwrap();
    assert_eq!(burned.take(), [(u64::MAX - 2, "last but one"), (u64::MAX - 1, "last")]);
    fate.get_fuse(SECOND).set_handler(never());
    sim.run().unwrap();
}

/// T4: time is counted in nanoseconds, 584 years of them; it is over before 2^48 ms, and nothing wraps.
#[test]
fn when_time_is_over_every_fuse_is_for_never() {
    let (mut sim, fate) = world();
    fate.get_fuse(Duration::MAX).set_handler(never());
    sim.run_until(Duration::from_millis(1 << 48)).unwrap();
    assert_eq!(fate.now(), Instant::from_nanos(u64::MAX - 1));
    let burned = Log::default();
    let fuse = fate.get_fuse(NANOSECOND);
    fuse.set_handler(never());
    fate.get_fuse(Duration::ZERO).set_handler(burned.noting("now"));
    let repeat = fate.every(SECOND, |_, _| ());
    sim.run().unwrap();
    assert_eq!((burned.take(), fuse.time(), repeat.is_running()), (vec!["now"], Instant::NEVER, true));
}

/// T4: tokio and others lose their timers at one of these.
#[test]
fn uptime_does_not_matter_to_a_long_fuse_and_a_short_repeat() {
    const YEARS_30: Duration = Duration::from_secs(30 * 365 * 86_400);
    for power in [30, 31, 32, 36, 40, 43] {
        let (mut sim, fate) = world();
        let edge = Duration::from_millis(1 << power);
        let start = edge - SECOND * 37;
        sim.run_until(start).unwrap();
        let ticks = Log::default();
        fate.get_fuse(YEARS_30).set_handler(ticks.timing(99));
        let (log, count) = (ticks.clone(), Cell::new(0));
        let repeat = fate.every(SECOND * 15, move |fate, tick| {
            assert_eq!(tick.missed, 0);
            count.set(count.get() + 1);
            log.note((fate.now().as_nanos(), count.get()));
        });
        sim.run_until(edge + SECOND * 60).unwrap();
        repeat.stop();
        sim.run().unwrap();
        let tick = |number: u32| ((start + SECOND * 15 * number).as_nanos() as u64, number);
        let mut expected: Vec<(u64, u32)> = (1..=6).map(tick).collect();
        expected.push(((start + YEARS_30).as_nanos() as u64, 99));
        assert_eq!(ticks.take(), expected, "2^{power} ms");
    }
}

/// T6.
#[test]
fn cutting_drops_the_handlers_at_once_and_says_that_it_was_in_time() {
    let (mut sim, fate) = world();
    let token = Rc::new(());
    let fuse = fate.get_fuse(SECOND);
    for _ in 0..3 {
        let held = token.clone();
        fuse.add_handler(move |_| drop(held));
    }
    assert_eq!(Rc::strong_count(&token), 4);
    assert!(fuse.cut());
    assert_eq!(Rc::strong_count(&token), 1);
    assert!(!fuse.cut() && !fuse.has_handler() && !fuse.is_burned());
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), Duration::ZERO, "nothing was left to wait for");
}

/// T6: also after its own deadline.
#[test]
fn a_fuse_that_was_cut_stays_cut() {
    let (mut sim, fate) = world();
    let fuse = fate.get_fuse(SECOND);
    assert!(fuse.cut());
    assert!(!fuse.reset(SECOND) && !fuse.delay(SECOND) && !fuse.set_time(Instant::START));
    let token = Rc::new(());
    for _ in 0..2 {
        let (one, other) = (token.clone(), token.clone());
        fuse.set_handler(move |_| drop(one)).add_handler(move |_| drop(other));
    }
    assert_eq!((Rc::strong_count(&token), fuse.has_handler()), (1, false), "what can never run is dropped at once");
    fuse.call_handler();
    fate.get_fuse(HOUR).set_handler(|_| ());
    sim.run().unwrap();
    assert!(!fuse.is_burned());
}

/// T6.
#[test]
fn a_fuse_that_burns_or_has_burned_cannot_be_cut() {
    let (mut sim, fate) = world();
    let fuse = Rc::new(fate.get_fuse(SECOND));
    let (first, second, third) = (fuse.clone(), fuse.clone(), fuse.clone());
    let log = Log::default();
    let [one, two, three] = std::array::from_fn(|_| log.clone());
    fuse.add_handler(move |_| one.note(first.cut()));
    fuse.add_handler(move |fate| {
        two.note(second.cut());
        fate.call_soon(move |_| three.note(third.cut()));
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [false, false, false], "nor did it stop the second handler");
    assert!(!fuse.cut());
}

/// T6.
#[test]
fn a_fuse_due_in_this_very_turn_can_be_cut_by_an_earlier_handler() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let fuses: Rc<Vec<Fuse>> = Rc::new((0..4).map(|_| fate.get_fuse(SECOND)).collect());
    for number in 0..4 {
        let (log, fuses) = (log.clone(), fuses.clone());
        fuses.clone()[number].set_handler(move |_| log.note((number, fuses[(number + 2) % 4].cut())));
    }
    sim.run().unwrap();
    assert_eq!(log.take(), [(0, true), (1, true)]);
    assert_eq!(fuses.iter().map(Fuse::is_burned).collect::<Vec<_>>(), [true, true, false, false]);
}

/// T6.
#[test]
fn a_fuse_cut_from_the_drop_of_what_another_handler_held_does_not_burn() {
    let (mut sim, fate) = world();
    let victim = Rc::new(fate.get_fuse(SECOND * 2));
    victim.set_handler(never());
    let (other, cutter) = (fate.get_fuse(SECOND * 3), victim.clone());
    let on_drop = OnDrop(move || assert!(cutter.cut()));
    other.set_handler(move |_| drop(on_drop));
    fate.get_fuse(SECOND).set_handler(move |_| assert!(other.cut()));
    sim.run().unwrap();
    assert_eq!((sim.elapsed(), victim.is_burned()), (SECOND, false));
}

/// T7.
#[test]
fn deadlines_can_be_moved_from_any_handler_and_the_others_stay_in_order() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    let fuses: Rc<Vec<Fuse>> = Rc::new((0..8).map(|_| fate.get_fuse(SECOND)).collect());
    for (number, fuse) in fuses.iter().enumerate().skip(1) {
        fuse.set_handler(burned.timing(number));
    }
    let (movers, log) = (fuses.clone(), burned.clone());
    fuses[0].set_handler(move |fate| {
        log.note((fate.now().as_nanos(), 0));
        assert!(movers[1].delay(SECOND), "due in this turn, and moved out of it");
        assert!(movers[2].reset(NANOSECOND));
        assert!(movers[3].set_time(Instant::START + SECOND * 3));
        assert!(movers[4].set_time(Instant::START), "earlier still, yet it counts as lit anew");
        assert!(movers[5].reset(Duration::ZERO));
        assert!(!movers[0].reset(SECOND), "it burns right now");
    });
    sim.run().unwrap();
    let second = 1_000_000_000;
    let expected = [(second, 0), (second, 6), (second, 7), (second, 4), (second, 5), (second + 1, 2)];
    assert_eq!(burned.take(), [&expected[..], &[(2 * second, 1), (3 * second, 3)]].concat());
}

/// T7.
#[test]
fn a_fuse_that_every_event_delays_burns_once_at_the_end() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    let idle = Rc::new(fate.get_fuse(SECOND));
    idle.set_handler(burned.timing("idle"));
    for event in 1..=50_000 {
        let idle = idle.clone();
        fate.get_fuse(MILLISECOND * event).set_handler(move |_| assert!(idle.reset(SECOND)));
    }
    sim.run().unwrap();
    assert_eq!(burned.take(), [(51_000_000_000, "idle")]);
}

/// T8.
#[test]
fn a_fuse_without_a_handler_waits_for_one_and_burns_in_the_next_turn() {
    let (mut sim, fate) = world();
    let fuse = fate.get_fuse(SECOND);
    fate.get_fuse(SECOND * 5).set_handler(|_| ());
    sim.run().unwrap();
    assert!(fuse.is_burned() && !fuse.has_handler());
    let burned = Log::default();
    fuse.set_handler(burned.timing("late"));
    assert_eq!(burned.len(), 0, "not in place");
    sim.run().unwrap();
    assert_eq!(burned.take(), [(5_000_000_000, "late")]);
    sim.run().unwrap();
    assert_eq!(burned.len(), 0, "once");
}

/// T8.
#[test]
fn a_handler_set_after_the_deadline_within_a_turn_burns_in_the_next_one() {
    let (mut sim, fate) = world();
    let fuse = fate.get_fuse(SECOND);
    let turns = Log::default();
    let log = turns.clone();
    fate.get_fuse(SECOND * 2).set_handler(move |fate| {
        log.note(fate.report().turns);
        fuse.set_handler(move |fate| log.note(fate.report().turns));
    });
    sim.run().unwrap();
    let turns = turns.take();
    assert_eq!(turns[1], turns[0] + 1);
}

/// T8.
#[test]
fn a_further_handler_set_on_a_fuse_that_has_burned_for_somebody_runs_once_too() {
    let (mut sim, fate) = world();
    let (fuse, burned) = (fate.get_fuse(SECOND), Log::default());
    fuse.set_handler(burned.timing("first"));
    sim.run().unwrap();
    fuse.set_handler(burned.timing("second")).add_handler(burned.timing("third"));
    sim.run_until(SECOND * 2).unwrap();
    fuse.add_handler(burned.timing("fourth"));
    sim.run().unwrap();
    let second = 1_000_000_000;
    assert_eq!(burned.take(), [(second, "first"), (second, "second"), (second, "third"), (2 * second, "fourth")]);
}

/// T8.
#[test]
fn of_two_handlers_that_were_set_the_last_is_the_sole_owner() {
    let (mut sim, fate) = world();
    let (fuse, burned, token) = (fate.get_fuse(SECOND), Log::default(), Rc::new(()));
    for name in ["first", "second", "added"] {
        let (held, note) = (token.clone(), burned.noting(name));
        let handler = move |fate: &Fate| {
            drop(held);
            note(fate);
        };
        if name == "added" {
            fuse.add_handler(handler)
        } else {
            fuse.set_handler(handler)
        };
    }
    assert_eq!(Rc::strong_count(&token), 3, "the first was dropped at once");
    fuse.set_handler(burned.noting("last"));
    assert_eq!(Rc::strong_count(&token), 1, "those that were added too");
    sim.run().unwrap();
    assert_eq!(burned.take(), ["last"]);
}

/// T8.
#[test]
fn all_handlers_that_were_added_run_in_order_and_before_the_next_fuse() {
    let (mut sim, fate) = world();
    let (fuse, burned) = (fate.get_fuse(SECOND), Log::default());
    fate.get_fuse(SECOND).set_handler(burned.timing(100));
    fuse.set_handler(burned.timing(0));
    for number in 1..50 {
        fuse.add_handler(burned.timing(number));
    }
    sim.run().unwrap();
    let expected: Vec<(u64, u32)> = (0..50).chain([100]).map(|number| (1_000_000_000, number)).collect();
    assert_eq!(burned.take(), expected);
    assert_eq!(fate.report().burned, 2);
}

/// T8: a handler that adds to the fuse that it burns with is not called back in place.
#[test]
fn a_handler_added_while_its_fuse_burns_runs_in_the_next_turn() {
    let (mut sim, fate) = world();
    let (fuse, log) = (Rc::new(fate.get_fuse(SECOND)), Log::default());
    let (same, inner) = (fuse.clone(), log.clone());
    fuse.set_handler(move |fate| {
        inner.note(("first", fate.report().turns));
        let later = inner.clone();
        same.add_handler(move |fate| later.note(("added", fate.report().turns)));
    });
    let other = log.clone();
    fuse.add_handler(move |fate| other.note(("second", fate.report().turns)));
    sim.run().unwrap();
    let [("first", first), ("second", second), ("added", added)] = log.take()[..] else { panic!("another order") };
    assert_eq!((second, added), (first, first + 1));
}

/// T8.
#[test]
fn calling_the_handler_burns_the_fuse_now_from_the_ready_queue_and_once() {
    let (mut sim, fate) = world();
    let (fuse, burned) = (fate.get_fuse(SECOND), Log::default());
    fuse.set_handler(burned.timing("one")).add_handler(burned.timing("two"));
    fate.call_soon(burned.timing("queued before"));
    fuse.call_handler();
    fuse.call_handler();
    assert_eq!(burned.len(), 0, "not in place");
    assert!(fuse.is_burned() && !fuse.has_handler() && !fuse.cut() && !fuse.reset(SECOND));
    fate.call_soon(burned.timing("queued after"));
    fate.get_fuse(HOUR).set_handler(|_| ());
    sim.run().unwrap();
    assert_eq!(burned.take(), ["queued before", "one", "two", "queued after"].map(|name| (0, name)));
}

/// T8: one that has no handler counts as burned, for who comes later.
#[test]
fn calling_the_handler_that_is_not_there_lets_the_next_one_burn_at_once() {
    let (mut sim, fate) = world();
    let (fuse, burned) = (fate.get_fuse(HOUR), Log::default());
    fuse.call_handler();
    assert!(fuse.is_burned());
    fuse.set_handler(burned.timing("set"));
    fuse.call_handler();
    sim.run().unwrap();
    assert_eq!(burned.take(), [(0, "set")]);
    assert_eq!(sim.elapsed(), Duration::ZERO);
}

/// T8.
#[test]
fn a_handler_may_call_the_handler_of_its_own_fuse_in_vain() {
    let (mut sim, fate) = world();
    let (fuse, calls) = (Rc::new(fate.get_fuse(SECOND)), Rc::new(Cell::new(0)));
    let (same, count) = (fuse.clone(), calls.clone());
    fuse.set_handler(move |_| {
        count.set(count.get() + 1);
        same.call_handler();
    });
    sim.run().unwrap();
    assert_eq!(calls.get(), 1);
}

/// T9.
#[test]
fn a_fuse_lit_outside_a_turn_counts_from_a_fresh_reading_of_the_clock() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    fate.get_fuse(SECOND).set_handler(burned.timing("first"));
    sim.run().unwrap();
    sim.run_until(SECOND * 10).unwrap();
    fate.get_fuse(SECOND).set_handler(burned.timing("second"));
    sim.run().unwrap();
    assert_eq!(burned.take(), [(1_000_000_000, "first"), (11_000_000_000, "second")]);
}

/// T9: within a turn all delays count from the turn's one reading.
#[test]
fn the_present_does_not_move_within_a_turn_and_never_goes_back() {
    let (_sim, fate) = world();
    let moments = Log::default();
    let log = moments.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| {
        log.note(fate.now());
        fate.get_fuse(SECOND).set_handler(|_| ());
        fate.turn(Duration::MAX).unwrap();
        log.note(fate.now());
        let fuse = fate.get_fuse(SECOND);
        log.note(fuse.time());
    });
    fate.run().unwrap();
    let second = |count: u32| Instant::START + SECOND * count;
    assert_eq!(moments.take(), [second(1), second(2), second(3)]);
}

/// Dropping the handle does not cut a fuse that has a handler; without one nothing can come of it.
#[test]
fn a_fuse_whose_handle_is_dropped_burns_if_somebody_listens_and_is_forgotten_if_not() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    fate.get_fuse(SECOND).set_handler(burned.timing("kept"));
    drop(fate.get_fuse(HOUR));
    let relit = fate.get_fuse(HOUR * 2);
    relit.set_handler(burned.timing("moved"));
    relit.reset(SECOND * 2);
    drop(relit);
    assert_eq!(fate.report().live.iter().filter(|live| live.kind == Kind::Fuse).count(), 2);
    sim.run().unwrap();
    assert_eq!(burned.take(), [(1_000_000_000, "kept"), (2_000_000_000, "moved")]);
    assert!(fate.report().live.is_empty());
}

/// A fuse's cell is used again; an old handle must not reach the new fuse.
#[test]
fn a_handle_of_a_fuse_that_has_burned_means_that_fuse_and_no_other() {
    let (mut sim, fate) = world();
    let (old, burned) = (fate.get_fuse(SECOND), Log::default());
    old.set_handler(burned.timing("old"));
    sim.run().unwrap();
    let new: Vec<Fuse> = (0..100).map(|_| fate.get_fuse(SECOND)).collect();
    for fuse in &new {
        fuse.set_handler(burned.timing("new"));
    }
    assert!(!old.cut() && !old.reset(Duration::ZERO) && old.is_burned());
    drop(old);
    sim.run().unwrap();
    assert_eq!(burned.take().len(), 101);
}

/// M1: what a handler captured may call back into the Fate from its own drop, wherever it is dropped.
#[test]
fn drops_of_what_handlers_held_may_light_cut_and_queue() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let held = |name| {
        let (fate, log) = (fate.clone(), log.clone());
        let fuse = fate.get_fuse(HOUR);
        OnDrop(move || {
            fuse.cut();
            fate.get_fuse(SECOND).set_handler(log.noting(("fuse", name)));
            fate.call_soon(log.noting(("call", name)));
            fate.spawn(std::future::ready(()));
        })
    };
    let (replaced, cut, burned) = (held("replaced"), held("cut"), held("burned"));
    let fuse = fate.get_fuse(SECOND * 2);
    fuse.set_handler(move |_| drop(replaced));
    fuse.set_handler(move |_| drop(burned));
    let other = fate.get_fuse(SECOND * 2);
    other.set_handler(move |_| drop(cut));
    other.cut();
    let refused = held("refused");
    other.set_handler(move |_| drop(refused));
    sim.run().unwrap();
    let mut noted = log.take();
    noted.sort_unstable();
    let names = ["burned", "cut", "refused", "replaced"];
    assert_eq!(noted, [names.map(|name| ("call", name)), names.map(|name| ("fuse", name))].concat());
    assert_eq!(sim.elapsed(), SECOND * 3);
}

/// A handler that is as large as can be is called with all that it captured.
#[test]
fn captures_of_any_size_and_alignment_reach_their_handlers() {
    #[repr(align(64))]
    struct Aligned(u8);
    let (mut sim, fate) = world();
    let sum = Rc::new(RefCell::new(0));
    for number in 0..100u8 {
        let (total, large, aligned) = (sum.clone(), [u64::from(number); 64], Aligned(number));
        fate.get_fuse(MILLISECOND).set_handler(move |_| {
            assert_eq!(std::ptr::from_ref(&aligned).addr() % 64, 0);
            *total.borrow_mut() += large.iter().sum::<u64>() + u64::from(aligned.0);
        });
    }
    sim.run().unwrap();
    assert_eq!(*sum.borrow(), (0..100).map(|number| number * 65).sum::<u64>());
}
