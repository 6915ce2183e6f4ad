//! L1, L2, L3, L5 and L7: how a Fate lives and ends.

mod log;

use fate::sim::Sim;
use fate::{AlreadyRunning, Cancelled, Clock, Deferred, Fate, Fuse, Instant, Kind, Verdict};
use log::{HOUR, Log, MILLISECOND, NANOSECOND, OnDrop, SECOND, never};
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// A world with one host.
fn world() -> (Sim, Fate) {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    (sim, fate)
}

fn at(seconds: u32) -> Instant {
    Instant::START + SECOND * seconds
}

/// A program with a bit of everything; says when it was over.
fn program(fate: &Fate) -> Duration {
    let here = fate.clone();
    let total = fate.spawn(async move {
        let mut total = 0;
        for number in 0..100 {
            here.sleep(MILLISECOND * number).await;
            total += number;
        }
        total
    });
    let sum = Rc::new(Cell::new(0));
    let slot = sum.clone();
    total.add_callback(move |total| slot.set(total));
    let repeat = fate.every(SECOND, |_, _| ());
    fate.get_fuse(SECOND * 10).set_handler(move |_| assert!(repeat.stop()));
    fate.run().unwrap();
    assert_eq!(sum.get(), 4950);
    fate.now() - Instant::START
}

/// L1.
#[test]
fn fates_may_follow_each_other_and_run_at_once_on_several_threads() {
    let expected = program(&Sim::new(1).host("here"));
    assert_eq!(expected, SECOND * 10);
    let threads: Vec<_> = (0..8)
        .map(|_| thread::spawn(|| (0..20).map(|_| program(&Sim::new(1).host("here"))).collect::<Vec<_>>()))
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), vec![expected; 20]);
    }
}

/// L1: a handler of one may run the other.
#[test]
fn two_fates_on_one_thread_do_not_know_of_each_other() {
    let (_outer, outer) = world();
    let (_inner, inner) = world();
    let log = Log::default();
    inner.get_fuse(SECOND * 5).set_handler(log.timing("inner"));
    let (other, now) = (inner.clone(), log.clone());
    outer.get_fuse(SECOND).set_handler(move |fate| {
        other.run().unwrap();
        now.note((fate.now().as_nanos(), "outer"));
        other.shutdown();
    });
    outer.get_fuse(SECOND * 2).set_handler(log.timing("outer goes on"));
    outer.run().unwrap();
    let expected = [(5_000_000_000, "inner"), (1_000_000_000, "outer"), (2_000_000_000, "outer goes on")];
    assert_eq!(log.take(), expected);
}

/// L1.
#[test]
fn run_inside_run_is_an_error_value() {
    let (mut sim, fate) = world();
    let errors = Log::default();
    let noting = || {
        let log = errors.clone();
        move |fate: &Fate| log.note(fate.run().unwrap_err().is::<AlreadyRunning>())
    };
    fate.get_fuse(SECOND).set_handler(noting());
    fate.call_soon(noting());
    fate.before_shutdown(noting());
    let (here, in_task, in_step) = (fate.clone(), noting(), noting());
    fate.spawn(async move { in_task(&here) });
    let here = fate.clone();
    fate.succeed(()).add_callback(move |()| in_step(&here));
    fate.get_fuse(SECOND * 2).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(errors.take(), [true; 5]);
    sim.run().unwrap();
}

/// L1: it is as good as new.
#[test]
fn a_fate_runs_again_after_a_shutdown() {
    let (mut sim, fate) = world();
    for round in 1..=5 {
        let burned = Log::default();
        fate.get_fuse(SECOND).set_handler(burned.timing("burned"));
        fate.get_fuse(HOUR).set_handler(never());
        let triggered = burned.clone();
        fate.before_shutdown(move |_| triggered.note((0, "triggered")));
        fate.get_fuse(SECOND * 2).set_handler(|fate| fate.shutdown());
        if round % 2 == 0 {
            fate.run().unwrap()
        } else {
            sim.run().unwrap()
        }
        let expected = [((2 * round - 1) * 1_000_000_000, "burned"), (0, "triggered")];
        assert_eq!(burned.take(), expected);
        assert!(fate.report().live.is_empty());
    }
}

/// L1, L7.
#[test]
fn handles_of_a_fate_that_is_gone_do_nothing() {
    let (sim, fate) = world();
    let (fuse, token) = (fate.get_fuse(SECOND), Rc::new(()));
    let repeat = fate.every(SECOND, |_, _| ());
    let (promise, deferred) = fate.deferred::<()>();
    let task = fate.spawn(async { 7 });
    drop((sim, fate));
    let held = token.clone();
    fuse.set_handler(move |_| drop(held));
    assert_eq!(Rc::strong_count(&token), 1);
    assert!(!fuse.cut() && !fuse.reset(SECOND) && !fuse.is_burned() && !fuse.has_handler());
    assert_eq!(fuse.time(), Instant::NEVER);
    fuse.call_handler();
    assert!(!repeat.is_running() && !repeat.stop());
    promise.callback(());
    deferred.cancel();
    let held = token.clone();
    drop(deferred.add_callback(move |()| drop(held)));
    drop(task.add_callback(|_| ()));
    assert_eq!(Rc::strong_count(&token), 1);
}

/// L2.
#[test]
fn shutdown_returns_at_once_and_the_rest_of_the_turn_still_runs() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let inner = log.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| {
        fate.shutdown();
        fate.call_soon(inner.noting("call"));
        let task = inner.clone();
        fate.spawn(async move { task.note("task") });
        inner.note("handler");
    });
    fate.get_fuse(SECOND).set_handler(log.noting("fuse of the same turn"));
    fate.get_fuse(SECOND + NANOSECOND).set_handler(never());
    sim.run().unwrap();
    assert_eq!(log.take(), ["handler", "fuse of the same turn", "call", "task"]);
    assert_eq!(sim.elapsed(), SECOND);
}

/// L2.
#[test]
fn triggers_run_in_order_and_all_their_deferreds_are_awaited() {
    let (mut sim, fate) = world();
    let log = Log::default();
    for (name, seconds) in [("first", 3), ("second", 1), ("third", 2)] {
        let log = log.clone();
        fate.before_shutdown(move |fate| {
            log.note((fate.now(), name, "begins"));
            let here = fate.clone();
            fate.spawn(async move {
                here.sleep(SECOND * seconds).await;
                log.note((here.now(), name, "ends"));
            })
        });
    }
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    let begins = ["first", "second", "third"].map(|name| (at(1), name, "begins"));
    let ends = [(at(2), "second", "ends"), (at(3), "third", "ends"), (at(4), "first", "ends")];
    assert_eq!(log.take(), [begins, ends].concat());
    assert_eq!((sim.elapsed(), fate.report().left.len()), (SECOND * 4, 0));
}

/// L2.
#[test]
fn a_trigger_that_hangs_delays_the_shutdown_until_the_deadline_and_is_told_of() {
    for (grace, ends) in [(None, SECOND * 10), (Some(SECOND * 3), SECOND * 3), (Some(Duration::ZERO), Duration::ZERO)] {
        let mut sim = Sim::new(1);
        let settings = grace.into_iter().fold(Fate::builder(), fate::Builder::grace);
        let fate = sim.host_with("here", settings);
        let (promise, hanging) = fate.deferred::<()>();
        let line = line!() - 1;
        let mut hanging = Some(hanging);
        fate.before_shutdown(move |_| hanging.take().unwrap());
        fate.before_shutdown(|_| ());
        fate.call_soon(|fate| fate.shutdown());
        sim.run().unwrap();
        assert_eq!(sim.elapsed(), ends);
        let left: Vec<(Kind, u32)> = fate.report().left.iter().map(|live| (live.kind, live.place.line())).collect();
        assert_eq!(left, [(Kind::Deferred, line)]);
        drop(promise);
    }
}

/// L2, T4: no deadline is a deadline too.
#[test]
fn a_shutdown_with_endless_grace_ends_when_nothing_can_happen_any_more() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Fate::builder().grace(Duration::MAX));
    let (promise, hanging) = fate.deferred::<()>();
    let mut hanging = Some(hanging);
    fate.before_shutdown(move |_| hanging.take().unwrap());
    fate.get_fuse(HOUR).set_handler(|_| ());
    fate.call_soon(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), HOUR);
    drop(promise);
}

/// L2.
#[test]
fn while_triggers_are_awaited_everything_else_goes_on() {
    let (mut sim, fate) = world();
    let ticks = Rc::new(Cell::new(0));
    let count = ticks.clone();
    fate.every(SECOND, move |_, _| count.set(count.get() + 1));
    fate.before_shutdown(|fate| {
        let (promise, done) = fate.deferred::<()>();
        fate.get_fuse(SECOND * 5).set_handler(move |_| promise.callback(()));
        done
    });
    fate.get_fuse(MILLISECOND * 2500).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!((ticks.get(), sim.elapsed()), (7, MILLISECOND * 7500));
}

/// L2, E1, E2.
#[test]
fn a_trigger_that_fails_is_reported_and_holds_up_nothing() {
    let mut sim = Sim::new(1);
    let faults = Log::default();
    let log = faults.clone();
    let settings = Fate::builder().on_fault(move |_, fault| {
        log.note(fault.to_string());
        Verdict::GoOn
    });
    let fate = sim.host_with("here", settings);
    let (promise, failing) = fate.deferred::<()>();
    let mut failing = Some(failing);
    fate.before_shutdown(|_| Err::<(), _>("at once"));
    fate.before_shutdown(move |_| failing.take().unwrap());
    fate.before_shutdown(|_| assert!(std::hint::black_box(false), "in a panic"));
    fate.before_shutdown(|fate| {
        fate.get_fuse(SECOND).set_handler(move |_| promise.errback("later"));
    });
    fate.call_soon(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND);
    let faults = faults.take();
    assert_eq!(faults.len(), 3, "{faults:?}");
    for words in ["at once", "in a panic", "later"] {
        assert_eq!(faults.iter().filter(|fault| fault.contains(words)).count(), 1, "{faults:?}");
    }
}

/// L2.
#[test]
fn asking_twice_shuts_down_once_and_a_trigger_set_in_a_trigger_is_too_late() {
    let (mut sim, fate) = world();
    let (log, token) = (Log::default(), Rc::new(()));
    let (inner, held) = (log.clone(), token.clone());
    fate.before_shutdown(move |fate| {
        inner.note("trigger");
        fate.shutdown();
        fate.before_shutdown(move |_| drop(held));
        assert_eq!(Rc::strong_count(&token), 1, "dropped at once");
        let here = fate.clone();
        fate.spawn(async move {
            here.sleep(SECOND).await;
            here.shutdown();
        })
    });
    fate.call_soon(|fate| {
        fate.shutdown();
        fate.shutdown();
    });
    sim.run().unwrap();
    assert_eq!((log.take(), sim.elapsed()), (vec!["trigger"], SECOND));
    fate.get_fuse(SECOND).set_handler(log.noting("as good as new"));
    sim.run().unwrap();
    assert_eq!(log.take(), ["as good as new"]);
}

/// L2.
#[test]
fn a_shutdown_asked_for_before_the_run_is_the_first_thing_it_does() {
    for alone in [true, false] {
        let (mut sim, fate) = world();
        let log = Log::default();
        fate.before_shutdown(log.timing("trigger"));
        fate.get_fuse(HOUR).set_handler(never());
        fate.call_soon(log.timing("call"));
        fate.shutdown();
        if alone {
            fate.run().unwrap()
        } else {
            sim.run().unwrap()
        }
        assert_eq!(log.take(), [(0, "call"), (0, "trigger")]);
        assert_eq!(sim.elapsed(), Duration::ZERO);
    }
}

/// L2.
#[test]
fn a_shutdown_is_asked_for_from_a_task_a_step_or_a_future_that_is_run_until() {
    let (mut sim, fate) = world();
    for way in 0..3 {
        fate.get_fuse(HOUR).set_handler(never());
        let here = fate.clone();
        match way {
            0 => drop(fate.spawn(async move { here.shutdown() })),
            1 => drop(fate.succeed(()).add_callback(move |()| here.shutdown())),
            _ => {
                let (_promise, waiting) = fate.deferred::<()>();
                let result = fate.run_until(async {
                    fate.shutdown();
                    waiting.await
                });
                assert!(result.unwrap_err().is::<Cancelled>());
            }
        }
        sim.run().unwrap();
        assert_eq!((sim.elapsed(), fate.report().live.len()), (Duration::ZERO, 0));
    }
}

/// L2: handlers, steps and tasks, with the lines that made them.
#[test]
fn what_a_shutdown_drops_is_listed_with_who_made_it() {
    let (mut sim, fate) = world();
    let first = line!();
    fate.get_fuse(HOUR).set_handler(never());
    let waiting = fate.get_fuse(Duration::MAX);
    let (_promise, deferred) = fate.deferred::<()>();
    let outer = deferred.add_callback(|()| ());
    fate.spawn(pending::<()>());
    fate.every(HOUR, |_, _| ());
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    assert!(fate.report().left.is_empty());
    sim.run().unwrap();
    let report = fate.report();
    let left: Vec<(Kind, u32)> = report.left.iter().map(|live| (live.kind, live.place.line() - first)).collect();
    let expected = [(Kind::Fuse, 1), (Kind::Fuse, 2), (Kind::Fuse, 6), (Kind::Deferred, 3), (Kind::Task, 5)];
    assert_eq!(left, expected, "{report}");
    assert!(report.live.is_empty(), "{report}");
    drop((waiting, outer));
    fate.call_soon(|fate| fate.shutdown());
    sim.run().unwrap();
    assert!(fate.report().left.is_empty(), "only the last shutdown is told of");
}

/// L2, D4: those who wait for something learn that it was cancelled, and may still say something, but not go on.
#[test]
fn a_shutdown_cancels_deferreds_and_their_steps_have_one_last_round() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let (promise, deferred) = fate.deferred::<()>();
    let (heard, task) = (log.clone(), log.clone());
    deferred.add_both(move |result| heard.note(result.unwrap_err().is::<Cancelled>()));
    let (second, awaited) = fate.deferred::<()>();
    let here = fate.clone();
    fate.spawn(async move {
        task.note(awaited.await.unwrap_err().is::<Cancelled>());
        here.sleep(SECOND).await;
        task.note(false);
    });
    fate.call_soon(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!((log.take(), sim.elapsed()), (vec![true, true], Duration::ZERO));
    promise.callback(());
    second.callback(());
    sim.run().unwrap();
    assert_eq!(log.len(), 0);
}

/// L7.
#[test]
fn a_shutdown_drops_everything_exactly_once() {
    let (mut sim, fate) = world();
    let drops = Rc::new(RefCell::new([0; 10]));
    let held = |number: usize| {
        let drops = drops.clone();
        OnDrop(move || drops.borrow_mut()[number] += 1)
    };
    let keep = |number| {
        let held = held(number);
        move |_: &Fate| drop(held)
    };
    let fuse = fate.get_fuse(HOUR);
    fuse.set_handler(keep(0)).add_handler(keep(1));
    let never = fate.get_fuse(Duration::MAX);
    never.set_handler(keep(2));
    let ticking = held(3);
    let repeat = fate.every(HOUR, move |_, _| {
        let _held = &ticking;
    });
    let (promise, deferred) = fate.deferred::<()>();
    let (step, canceller) = (held(4), held(5));
    let waiting: Deferred<()> = deferred.add_callback(move |()| drop(step));
    promise.on_cancel(move |_| drop(canceller));
    let inside = held(6);
    let task: Deferred<()> = fate.spawn(async move {
        let _inside = inside;
        pending().await
    });
    let unused = held(7);
    let second: Deferred<()> = fate.spawn(async move {
        let _unused = unused;
        pending().await
    });
    second.control().pause();
    let trigger = held(8);
    fate.before_shutdown(move |_| drop(trigger));
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    let last = held(9);
    fate.get_fuse_on(Clock::Wall, HOUR).set_handler(move |_| drop(last));
    sim.run().unwrap();
    assert_eq!(*drops.borrow(), [1; 10]);
    assert!(!repeat.is_running() && !fuse.has_handler() && !fuse.is_burned());
    drop((fuse, never, repeat, promise, waiting, task, second));
    drop((sim, fate));
    assert_eq!(*drops.borrow(), [1; 10]);
}

/// L7, M1: what is made while everything is dropped is dropped too.
#[test]
fn what_drops_make_during_a_shutdown_goes_too() {
    let (mut sim, fate) = world();
    let drops = Rc::new(Cell::new(0));
    let held = |fate: &Fate, depth| heir(fate, drops.clone(), depth);
    fn heir(fate: &Fate, drops: Rc<Cell<u32>>, depth: u32) -> OnDrop<impl FnMut() + use<>> {
        let (fate, mut left) = (fate.clone(), depth);
        OnDrop(move || {
            drops.set(drops.get() + 1);
            if let Some(depth) = left.checked_sub(1) {
                left = 0;
                bequeath(&fate, &drops, depth);
            }
        })
    }
    /// One for each way in which something can be kept.
    fn bequeath(fate: &Fate, drops: &Rc<Cell<u32>>, depth: u32) {
        let heirs: [Box<dyn std::any::Any>; 4] =
            std::array::from_fn(|_| Box::new(heir(fate, drops.clone(), depth)) as _);
        let [fuse, task, step, call] = heirs;
        fate.get_fuse(SECOND).set_handler(move |_| drop(fuse));
        fate.spawn(async move {
            let _task = task;
            pending::<()>().await;
        });
        let (promise, deferred) = fate.deferred::<()>();
        deferred.add_callback(move |()| drop(step));
        promise.on_cancel(move |_| drop(call));
        let slot = Rc::new(Cell::new(Some(promise)));
        fate.get_fuse(Duration::MAX).set_handler(move |_| drop(slot.take()));
        fate.shutdown();
    }
    let first = held(&fate, 4);
    fate.get_fuse(HOUR).set_handler(move |_| drop(first));
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(drops.get(), 1 + 4 + 16 + 64 + 256);
    let report = fate.report();
    assert!(report.live.is_empty(), "{report}");
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND, "a shutdown that was asked for meanwhile is part of that one");
}

/// L2: even if it never ends.
#[test]
fn something_that_comes_again_whenever_it_is_dropped_does_not_hang_a_shutdown() {
    fn again(fate: &Fate, goes_on: Rc<Cell<bool>>) {
        let here = fate.clone();
        let held = OnDrop(move || {
            if goes_on.get() {
                again(&here, goes_on.clone());
            }
        });
        fate.get_fuse(HOUR).set_handler(move |_| drop(held));
    }
    let (mut sim, fate) = world();
    let goes_on = Rc::new(Cell::new(true));
    again(&fate, goes_on.clone());
    for ends in [false, true] {
        goes_on.set(!ends);
        fate.call_soon(|fate| fate.shutdown());
        sim.run().unwrap();
        assert_eq!((sim.elapsed(), fate.report().live.is_empty()), (Duration::ZERO, ends));
    }
}

/// L3.
#[test]
fn run_ends_when_nothing_can_ever_happen_any_more() {
    let (mut sim, fate) = world();
    sim.run().unwrap();
    fate.run().unwrap();
    let fuse = fate.get_fuse(SECOND);
    let endless = fate.get_fuse(Duration::MAX);
    endless.set_handler(never());
    let (promise, deferred) = fate.deferred::<()>();
    let task = fate.spawn(async { deferred.await.is_ok() });
    let (_second, paused) = fate.deferred::<()>();
    paused.pause();
    let remote = fate.remote();
    for alone in [true, false] {
        if alone {
            fate.run().unwrap()
        } else {
            sim.run().unwrap()
        }
        assert_eq!(sim.elapsed(), Duration::ZERO);
    }
    promise.callback(());
    assert!(fate.run_until(task.into_future()).unwrap(), "it can still be fired, and run again");
    drop((fuse, remote));
}

/// L3.
#[test]
fn run_ends_with_the_last_fuse_that_is_cut_or_put_off_for_ever() {
    let (mut sim, fate) = world();
    let fuses: Vec<Fuse> = (0..2).map(|_| fate.get_fuse(HOUR)).collect();
    for fuse in &fuses {
        fuse.set_handler(never());
    }
    fate.get_fuse(SECOND).set_handler(move |_| {
        assert!(fuses[0].cut());
        assert!(fuses[1].delay(Duration::MAX));
    });
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND);
}

/// L5: a loop of the host's own, which sleeps by itself.
#[test]
fn a_host_that_asks_when_the_next_thing_is_due_needs_no_turn_in_vain() {
    let (_sim, fate) = world();
    let burned = Log::default();
    assert_eq!(fate.next_due(), None);
    for seconds in [1, 5, 5, 3600] {
        fate.get_fuse(SECOND * seconds).set_handler(burned.timing(seconds));
    }
    let inner = burned.clone();
    fate.get_fuse(SECOND * 2).set_handler(move |fate| {
        fate.call_soon(inner.timing(2));
        fate.get_fuse(Duration::ZERO).set_handler(inner.timing(0));
    });
    let mut turns = 0;
    while let Some(due) = fate.next_due() {
        turns += 1;
        assert!(turns < 100);
        let wait = due - fate.now();
        fate.turn(wait).unwrap();
    }
    let second = 1_000_000_000;
    let expected =
        [(second, 1), (2 * second, 2), (2 * second, 0), (5 * second, 5), (5 * second, 5), (3600 * second, 3600)];
    assert_eq!((burned.take(), turns), (expected.to_vec(), 5));
}

/// L5.
#[test]
fn the_next_thing_due_is_now_if_something_is_ready() {
    let (mut sim, fate) = world();
    sim.run_until(SECOND).unwrap();
    fate.get_fuse(HOUR).set_handler(|_| ());
    assert_eq!(fate.next_due(), Some(at(3601)));
    fate.call_soon(|_| ());
    assert_eq!(fate.next_due(), Some(at(1)));
    assert!(fate.turn(Duration::ZERO).unwrap());
    assert_eq!(fate.next_due(), Some(at(3601)));
    fate.shutdown();
    assert_eq!(fate.next_due(), Some(at(1)));
    assert!(!fate.turn(HOUR).unwrap());
    assert_eq!((fate.next_due(), fate.now()), (None, at(1)));
}

/// L5, T11: in monotonic time, as far as can be foreseen.
#[test]
fn the_next_thing_due_may_follow_another_clock() {
    let (mut sim, fate) = world();
    let fuse = fate.get_fuse_on(Clock::Wall, HOUR);
    fuse.set_handler(|_| ());
    fate.get_fuse(HOUR * 2).set_handler(|_| ());
    assert_eq!(fate.next_due(), Some(at(3600)));
    sim.step_forward("here", SECOND * 600);
    assert_eq!(fate.next_due(), Some(at(3000)));
    sim.step_back("here", HOUR * 24);
    assert_eq!(fate.next_due(), Some(at(7200)));
}

/// L5.
#[test]
fn a_turn_waits_no_longer_than_it_has_patience_and_not_at_all_for_nothing() {
    let (_sim, fate) = world();
    assert!(!fate.turn(Duration::MAX).unwrap());
    assert!(!fate.turn(HOUR).unwrap());
    assert_eq!(fate.now(), Instant::START);
    fate.get_fuse(SECOND * 10).set_handler(|_| ());
    assert!(fate.turn(SECOND * 3).unwrap());
    assert_eq!(fate.now(), at(3));
    assert!(fate.turn(Duration::ZERO).unwrap());
    assert_eq!(fate.now(), at(3));
    fate.call_soon(|fate| assert_eq!(fate.now(), at(3)));
    assert!(fate.turn(Duration::MAX).unwrap(), "what is ready is not waited for");
    assert!(!fate.turn(Duration::MAX).unwrap());
    assert_eq!(fate.now(), at(10));
}

/// L5, L2.
#[test]
fn a_host_that_owns_the_loop_shuts_a_fate_down_by_taking_turns() {
    let (_sim, fate) = world();
    let (log, token) = (Log::default(), Rc::new(()));
    let (trigger, held) = (log.clone(), token.clone());
    fate.before_shutdown(move |fate| {
        let here = fate.clone();
        fate.spawn(async move {
            here.sleep(SECOND).await;
            trigger.note("trigger");
        })
    });
    fate.get_fuse(HOUR).set_handler(move |_| drop(held));
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    let mut turns = 0;
    while fate.turn(Duration::MAX).unwrap() {
        turns += 1;
        assert!(turns < 20);
    }
    assert_eq!((log.take(), fate.now(), Rc::strong_count(&token)), (vec!["trigger"], at(2), 1));
}

/// L5: Twisted's `iterate`.
#[test]
fn a_turn_inside_a_handler_lets_everything_else_happen_before_it_goes_on() {
    let (_sim, fate) = world();
    let log = Log::default();
    let outer = log.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| {
        outer.note((fate.now(), "first begins"));
        fate.call_soon(at_now(&outer, "call"));
        fate.turn(Duration::ZERO).unwrap();
        let inner = outer.clone();
        fate.get_fuse(SECOND).set_handler(move |fate| {
            inner.note((fate.now(), "inner begins"));
            fate.turn(SECOND).unwrap();
            inner.note((fate.now(), "inner ends"));
        });
        fate.turn(SECOND).unwrap();
        outer.note((fate.now(), "first ends"));
    });
    fate.get_fuse(SECOND).set_handler(at_now(&log, "second"));
    fate.get_fuse(SECOND * 3).set_handler(at_now(&log, "third"));
    fate.run().unwrap();
    let expected = [
        (at(1), "first begins"),
        (at(1), "second"),
        (at(1), "call"),
        (at(2), "inner begins"),
        (at(3), "third"),
        (at(3), "inner ends"),
        (at(3), "first ends"),
    ];
    assert_eq!(log.take(), expected);
}

fn at_now(log: &Log<(Instant, &'static str)>, what: &'static str) -> impl FnOnce(&Fate) + 'static {
    let log = log.clone();
    move |fate| log.note((fate.now(), what))
}

/// L2, L5: it ends with the outermost turn, so no handler finds itself dropped.
#[test]
fn a_shutdown_asked_for_in_a_turn_inside_a_handler_waits_for_that_handler() {
    let (_sim, fate) = world();
    let log = Log::default();
    let (outer, token) = (log.clone(), Rc::new(()));
    let held = token.clone();
    fate.get_fuse(HOUR).set_handler(move |_| drop(held));
    fate.call_soon(move |fate| {
        fate.call_soon(|fate| fate.shutdown());
        assert!(fate.turn(Duration::ZERO).unwrap());
        outer.note((fate.now(), Rc::strong_count(&token)));
        assert!(!fate.turn(HOUR * 2).unwrap(), "it goes on as before, and waits for what is left");
        outer.note((fate.now(), Rc::strong_count(&token)));
    });
    fate.run().unwrap();
    assert_eq!(log.take(), [(Instant::START, 2), (Instant::START + HOUR, 1)]);
}

/// L7: the Fate itself.
#[test]
fn a_fate_that_is_dropped_without_a_run_drops_what_it_was_given() {
    let (sim, fate) = world();
    let token = Rc::new(());
    let held: [Rc<()>; 6] = std::array::from_fn(|_| token.clone());
    let [fuse, call, task, step, tick, trigger] = held;
    fate.get_fuse(SECOND).set_handler(move |_| drop(fuse));
    fate.call_soon(move |_| drop(call));
    fate.spawn(async move { drop(task) });
    fate.every(SECOND, move |_, _| drop(tick.clone()));
    fate.before_shutdown(move |_| drop(trigger));
    drop(fate.succeed(()).add_callback(move |()| drop(step)));
    assert_eq!(Rc::strong_count(&token), 7);
    drop((sim, fate));
    assert_eq!(Rc::strong_count(&token), 1);
}
