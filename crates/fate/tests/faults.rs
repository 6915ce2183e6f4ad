//! E1 and E2: what a handler did wrong, and what comes of it.

mod log;

use fate::sim::Sim;
use fate::{Fate, Fault, Panicked, Verdict};
use log::{Log, OnDrop, SECOND};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// A world with one host that tells the log of each fault and does as it is told.
fn world_that(verdict: Verdict) -> (Sim, Fate, Log<String>) {
    let mut sim = Sim::new(1);
    let faults = Log::default();
    let log = faults.clone();
    let settings = Fate::builder().on_fault(move |_, fault| {
        log.note(fault.to_string());
        verdict
    });
    let fate = sim.host_with("here", settings);
    (sim, fate, faults)
}

/// A world with one host that has no fault handler: everything is printed, and panics are carried out.
fn world() -> (Sim, Fate) {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    (sim, fate)
}

/// What a panic that was carried out of this had to say.
fn panic_of<R>(act: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(act)).err().expect("no panic came out");
    match payload.downcast::<String>() {
        Ok(words) => *words,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_string(),
    }
}

fn panics(words: &'static str) -> impl FnOnce(&Fate) {
    move |_| panic!("{words}")
}

/// A hundred fuses due at once; the one in the middle does something else than to note its number.
fn light_a_hundred(fate: &Fate, burned: &Log<u32>, middle: impl FnOnce(&Fate) -> fate::Result + 'static) {
    let mut middle = Some(middle);
    for number in 0..100 {
        let fuse = fate.get_fuse(SECOND);
        match middle.take_if(|_| number == 50) {
            Some(middle) => fuse.set_handler(middle),
            None => fuse.set_handler(burned.noting(number)),
        };
    }
}

fn all_but_the_middle() -> Vec<u32> {
    (0..100).filter(|number| *number != 50).collect()
}

/// E1: whether somebody chose so or nobody chose anything.
#[test]
fn of_a_hundred_due_fuses_one_fails_and_ninety_nine_run() {
    for has_handler in [true, false] {
        let (mut sim, fate) = if has_handler {
            let (sim, fate, _) = world_that(Verdict::GoOn);
            (sim, fate)
        } else {
            world()
        };
        let burned = Log::default();
        light_a_hundred(&fate, &burned, |_| Err("a spoon is missing".into()));
        sim.run().unwrap();
        assert_eq!(burned.take(), all_but_the_middle());
        assert_eq!((fate.report().burned, fate.report().faults), (100, 1));
    }
}

/// E1.
#[test]
fn a_failed_handler_is_reported_with_the_line_that_set_it_and_the_line_where_its_error_was_born() {
    let mut sim = Sim::new(1);
    let seen = Log::default();
    let log = seen.clone();
    let settings = Fate::builder().on_fault(move |_, fault| {
        let Fault::Failed { failure, place } = fault else { panic!("{fault}") };
        log.note((place.map(|place| (place.file(), place.line())), failure.born().line(), fault.to_string()));
        Verdict::GoOn
    });
    let fate = sim.host_with("here", settings);
    let line = line!();
    fate.get_fuse(SECOND).set_handler(|_| Err("handler".into()));
    fate.get_fuse(SECOND).add_handler(|_| Ok(())).add_handler(|_| Err("added".into()));
    fate.call_soon(|_| Err("call".into()));
    let called = fate.get_fuse(SECOND);
    called.set_handler(|_| Err("called".into()));
    called.call_handler();
    let repeat = fate.every(SECOND, |_, _| Err("tick".into()));
    fate.get_fuse(SECOND).set_handler(move |_| assert!(repeat.stop()));
    sim.run().unwrap();
    let seen = seen.take();
    let expected = [("call", 3), ("called", 5), ("handler", 1), ("added", 2), ("tick", 7)];
    assert_eq!(seen.len(), expected.len(), "{seen:?}");
    for ((place, born, words), (error, offset)) in seen.iter().zip(expected) {
        assert_eq!((*place, *born), (Some((file!(), line + offset)), line + offset), "{words}");
        assert!(words.contains(error) && words.contains(&format!("faults.rs:{}", line + offset)), "{words}");
    }
}

/// E1.
#[test]
fn a_fault_handler_may_stop_the_run_after_the_turn_with_the_failure() {
    let (mut sim, fate, faults) = world_that(Verdict::Stop);
    let burned = Log::default();
    light_a_hundred(&fate, &burned, |_| Err("a spoon is missing".into()));
    fate.get_fuse(SECOND).set_handler(|_| Err("so is another".into()));
    fate.get_fuse(SECOND * 2).set_handler(burned.noting(200));
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.to_string(), "a spoon is missing", "the first");
    assert_eq!(burned.take(), all_but_the_middle(), "the rest of the batch ran");
    assert_eq!(faults.take().len(), 2);
    sim.run().unwrap();
    assert_eq!(burned.take(), [200], "and the next run goes on");
}

/// E1: a failure of the last turn of a shutdown belongs to that run.
#[test]
fn a_failure_that_stops_belongs_to_the_run_in_which_it_came() {
    let (mut sim, fate, _) = world_that(Verdict::Stop);
    let (promise, deferred) = fate.deferred::<()>();
    deferred.or_else(|_| Err::<(), _>("while everything is dropped"));
    fate.call_soon(|fate| fate.shutdown());
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.to_string(), "while everything is dropped");
    drop(promise);
    fate.get_fuse(SECOND).set_handler(|_| ());
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND);
}

/// E2: as if nothing had happened, but for the report.
#[test]
fn a_panic_hurts_no_neighbour_if_the_fault_handler_goes_on() {
    let (mut sim, fate, faults) = world_that(Verdict::GoOn);
    let burned = Log::default();
    light_a_hundred(&fate, &burned, |_| panic!("out of tea"));
    sim.run().unwrap();
    assert_eq!(burned.take(), all_but_the_middle());
    let [fault] = &faults.take()[..] else { panic!("not one fault") };
    assert!(fault.contains("panicked: out of tea") && fault.contains("faults.rs:"), "{fault}");
}

/// E2.
#[test]
fn a_panic_is_carried_out_of_run_and_run_goes_on_where_it_was() {
    let (mut sim, fate) = world();
    let burned = Log::default();
    light_a_hundred(&fate, &burned, |_| panic!("out of tea"));
    fate.get_fuse(SECOND * 2).set_handler(burned.noting(200));
    assert_eq!(panic_of(|| sim.run()), "out of tea");
    assert_eq!(burned.take(), (0..50).collect::<Vec<_>>());
    assert_eq!(sim.elapsed(), SECOND);
    sim.run().unwrap();
    assert_eq!(burned.take(), (51..100).chain([200]).collect::<Vec<_>>());
}

/// E2: the same alone, with calls, tasks and steps in the ready queue.
#[test]
fn a_panic_leaves_what_was_ready_for_the_next_run() {
    let (_sim, fate) = world();
    let log = Log::default();
    fate.call_soon(log.noting("before"));
    fate.call_soon(panics("in the middle"));
    fate.call_soon(log.noting("call"));
    let task = log.clone();
    fate.spawn(async move { task.note("task") });
    let step = log.clone();
    fate.succeed(()).add_callback(move |()| step.note("step"));
    assert_eq!(panic_of(|| fate.run()), "in the middle");
    assert_eq!(log.take(), ["before"]);
    fate.run().unwrap();
    assert_eq!(log.take(), ["call", "task", "step"]);
}

/// E2, T8: also when nothing else is left to do.
#[test]
fn a_panic_of_one_handler_of_a_fuse_leaves_its_other_handlers_for_the_next_run() {
    for verdict in [Verdict::GoOn, Verdict::Stop] {
        let (mut sim, fate, _) = world_that(verdict);
        let (fuse, burned) = (fate.get_fuse(SECOND), Log::default());
        fuse.add_handler(burned.noting("first")).add_handler(panics("second")).add_handler(burned.noting("third"));
        fuse.add_handler(burned.noting("fourth"));
        match verdict {
            Verdict::Stop => assert_eq!(panic_of(|| sim.run()), "second"),
            Verdict::GoOn => sim.run().unwrap(),
        }
        sim.run().unwrap();
        assert_eq!(burned.take(), ["first", "third", "fourth"], "{verdict:?}");
    }
}

/// E2.
#[test]
fn what_a_handler_held_when_it_panicked_is_dropped_once() {
    let (mut sim, fate, _) = world_that(Verdict::GoOn);
    let (dropped, tokens) = (Rc::new(Cell::new(0)), Rc::new(()));
    for number in 0..10 {
        let (count, held) = (dropped.clone(), tokens.clone());
        let on_drop = OnDrop(move || count.set(count.get() + 1));
        fate.get_fuse(SECOND).set_handler(move |_| {
            let _both = (on_drop, held);
            assert!(number % 2 == 0, "odd");
        });
    }
    sim.run().unwrap();
    assert_eq!((dropped.get(), Rc::strong_count(&tokens)), (10, 1));
}

/// E2.
#[test]
fn the_drop_of_what_a_handler_held_may_panic_too() {
    let (mut sim, fate, faults) = world_that(Verdict::GoOn);
    let burned = Log::default();
    for number in 0..3 {
        let held = OnDrop(move || assert!(number != 1, "no drop"));
        let noted = burned.noting(number);
        fate.get_fuse(SECOND).set_handler(move |fate| {
            let _held = held;
            noted(fate);
        });
    }
    sim.run().unwrap();
    assert_eq!((burned.take(), faults.len()), (vec![0, 1, 2], 1));
}

/// E2: of each kind of user code.
#[test]
fn whatever_panics_the_loop_goes_on_with_the_rest() {
    let (mut sim, fate, faults) = world_that(Verdict::GoOn);
    fate.get_fuse(SECOND).set_handler(panics("fuse"));
    fate.call_soon(panics("call"));
    fate.remote().call(|_| panic!("remote"));
    fate.every(SECOND, |_, tick| assert!(tick.missed > 0, "tick"));
    fate.spawn(async { assert!(std::hint::black_box(false), "task") });
    fate.succeed(()).add_callback(|()| assert!(std::hint::black_box(false), "callback"));
    let (promise, deferred) = fate.deferred::<()>();
    promise.on_cancel(|_| panic!("canceller"));
    deferred.cancel();
    fate.before_shutdown(|_| assert!(std::hint::black_box(false), "trigger"));
    fate.get_fuse(SECOND * 2).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    let mut faults = faults.take();
    faults.iter_mut().for_each(|fault| *fault = fault.rsplit(' ').next().unwrap().to_string());
    faults.sort();
    let expected = ["call", "callback", "canceller", "fuse", "remote", "task", "tick", "trigger"];
    assert_eq!(faults, expected);
}

/// E2.
#[test]
fn a_panic_in_the_last_round_of_a_shutdown_goes_to_the_fault_handler_like_any_other() {
    let (mut sim, fate, faults) = world_that(Verdict::GoOn);
    let token = Rc::new(());
    let mut promises = Vec::new();
    for number in 0..5 {
        let (promise, deferred) = fate.deferred::<()>();
        promises.push(promise);
        let held = token.clone();
        deferred.add_errback(move |_| {
            let _held = held;
            assert!(number != 2, "in the last round");
        });
    }
    fate.call_soon(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!((faults.take().len(), Rc::strong_count(&token)), (1, 1));
    fate.get_fuse(SECOND).set_handler(|_| ());
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND);
}

/// E2: and the run after it finishes the shutdown.
#[test]
fn a_panic_carried_out_of_a_shutdown_leaves_a_fate_that_can_run_again() {
    let (mut sim, fate) = world();
    let token = Rc::new(());
    for number in 0..5 {
        let held = token.clone();
        let fuse = fate.get_fuse(SECOND * 3600);
        let on_drop = OnDrop(move || {
            let _held = &held;
            assert!(number != 2, "in a drop");
        });
        fuse.set_handler(move |_| drop(on_drop));
    }
    fate.call_soon(|fate| fate.shutdown());
    assert_eq!(panic_of(|| sim.run()), "in a drop");
    sim.run().unwrap();
    assert_eq!(Rc::strong_count(&token), 1);
    let burned = Log::default();
    fate.get_fuse(SECOND).set_handler(burned.noting(()));
    sim.run().unwrap();
    assert_eq!((burned.len(), sim.elapsed()), (1, SECOND));
}

/// E2.
#[test]
fn a_panic_in_a_turn_within_a_handler_passes_through_that_handler() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let behind = log.clone();
    fate.call_soon(move |fate| {
        fate.call_soon(panics("inner"));
        let _ = fate.turn(std::time::Duration::ZERO);
        behind.note("the turn within did not panic");
    });
    fate.call_soon(log.noting("behind it"));
    assert_eq!(panic_of(|| sim.run()), "inner");
    sim.run().unwrap();
    assert_eq!(log.take(), ["behind it"]);
    fate.call_soon(|fate| {
        fate.call_soon(panics("caught"));
        let words = panic_of(|| fate.turn(std::time::Duration::ZERO));
        assert_eq!(words, "caught");
    });
    sim.run().unwrap();
}

/// E2: the present is the present again after a panic, not that of the turn which ended with it.
#[test]
fn after_a_panic_fuses_count_from_a_fresh_reading_of_the_clock() {
    let (mut sim, fate) = world();
    fate.get_fuse(SECOND).set_handler(panics("out of tea"));
    assert_eq!(panic_of(|| sim.run()), "out of tea");
    sim.run_until(SECOND * 5).unwrap();
    assert_eq!(fate.get_fuse(SECOND).time(), fate::Instant::START + SECOND * 6);
}

/// E2.
#[test]
fn a_fault_handler_may_use_the_fate_and_choose_fault_by_fault() {
    let mut sim = Sim::new(1);
    let log = Log::default();
    let inner = log.clone();
    let settings = Fate::builder().on_fault(move |fate, fault| {
        fate.call_soon(inner.noting("queued by the fault handler"));
        if fault.failure().is_some() { Verdict::GoOn } else { Verdict::Stop }
    });
    let fate = sim.host_with("here", settings);
    fate.call_soon(|_| Err("no spoon".into()));
    fate.get_fuse(SECOND).set_handler(panics("no tea"));
    assert_eq!(panic_of(|| sim.run()), "no tea");
    sim.run().unwrap();
    assert_eq!(log.take(), ["queued by the fault handler"; 2]);
}

/// E2.
#[test]
fn a_callback_that_panics_is_a_failure_to_the_steps_after_it() {
    let (mut sim, fate, faults) = world_that(Verdict::GoOn);
    let log = Log::default();
    let (value, failure) = (log.clone(), log.clone());
    fate.succeed(1)
        .add_callback(|number| assert!(number > 1, "out of tea"))
        .add_callback(move |()| value.note("a value"))
        .add_both(move |result| failure.note(if result.unwrap_err().is::<Panicked>() { "a panic" } else { "?" }));
    sim.run().unwrap();
    assert_eq!((log.take(), faults.len()), (vec!["a panic"], 1), "told once");
}

/// E1, E2: with nobody to choose, a panic stops and a failure does not.
#[test]
fn without_a_fault_handler_failures_go_on_and_panics_stop() {
    let fault = |fault: &Fault| fault.print();
    let mut sim = Sim::new(1);
    let verdicts = Log::default();
    let log = verdicts.clone();
    let settings = Fate::builder().on_fault(move |_, what| {
        log.note(fault(what));
        Verdict::GoOn
    });
    let fate = sim.host_with("here", settings);
    fate.call_soon(|_| Err("no spoon".into()));
    fate.call_soon(panics("no tea"));
    drop(fate.fail::<()>("nobody listens"));
    sim.run().unwrap();
    assert_eq!(verdicts.take(), [Verdict::GoOn, Verdict::Stop, Verdict::GoOn]);
}
