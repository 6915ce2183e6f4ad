//! D4: what cancelling does at each stage of a Deferred's life, and that it always completes.

use crate::rig::{Rig, Token};
use fate::sim::Sim;
use fate::{Cancelled, Promise};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// D4.
#[test]
fn without_a_canceller_it_fails_with_cancelled() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    deferred.cancel();
    assert!(promise.is_cancelled());
    deferred.add_both(rig.pen().end("end"));
    rig.run();
    assert_eq!(rig.said(), ["end failed: cancelled"]);
}

/// D4: whatever the canceller does, the Deferred is done when it has run.
#[test]
fn a_canceller_may_fire_fail_keep_drop_or_panic() {
    type Canceller = fn(Promise<u32>, &Rc<Cell<Option<Promise<u32>>>>);
    let cases: [(Canceller, &str); 6] = [
        (|promise, _| promise.callback(1), "end 1"),
        (|promise, _| promise.errback("stopped"), "end failed: stopped"),
        (|promise, _| drop(promise), "end failed: cancelled"),
        (|promise, keep| keep.set(Some(promise)), "end failed: cancelled"),
        (|_, _| panic!("off with its head"), "end failed: cancelled"),
        (
            |promise, _| {
                panic!("{}", {
                    promise.callback(2);
                    "late"
                })
            },
            "end 2",
        ),
    ];
    for (number, (canceller, expected)) in cases.into_iter().enumerate() {
        let mut rig = Rig::new();
        let (promise, deferred) = rig.fate.deferred();
        let kept = Rc::new(Cell::new(None));
        let keep = kept.clone();
        promise.on_cancel(move |promise| canceller(promise, &keep));
        let control = deferred.control();
        deferred.add_both(rig.pen().end("end"));
        control.cancel();
        rig.run();
        assert_eq!(rig.said(), [expected], "case {number}");
        if let Some(kept) = kept.take() {
            kept.callback(3);
        }
        promise.callback(4);
        rig.run();
        assert!(rig.said().is_empty(), "case {number}");
        assert_eq!(rig.faults().len(), usize::from(number >= 4));
    }
}

/// D4.
#[test]
fn a_canceller_runs_at_most_once() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let pen = rig.pen();
    promise.on_cancel(move |_| pen.say("canceller"));
    let control = deferred.control();
    deferred.cancel();
    deferred.cancel();
    control.cancel();
    let deferred = deferred.add_both(rig.pen().end("end"));
    rig.run();
    control.cancel();
    deferred.cancel();
    rig.run();
    assert_eq!(rig.said(), ["canceller", "end failed: cancelled"]);
}

/// D4: a canceller that is set anew replaces the one before; each is dropped once.
#[test]
fn the_last_canceller_that_was_set_is_the_one() {
    let mut rig = Rig::new();
    let token = Token::default();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    for name in ["first", "second"] {
        let (pen, held) = (rig.pen(), token.clone());
        promise.on_cancel(move |_| {
            pen.say(name);
            drop(held);
        });
    }
    assert_eq!(token.copies(), 1);
    deferred.cancel();
    rig.run();
    assert_eq!(rig.said(), ["second"]);
    let held = token.clone();
    promise.on_cancel(move |_| drop(held));
    assert_eq!(token.copies(), 0, "too late to be of use");
}

/// D4: not after the Promise has fired; then it is dropped.
#[test]
fn a_canceller_does_not_run_once_the_promise_has_fired() {
    let mut rig = Rig::new();
    let token = Token::default();
    let (promise, deferred) = rig.fate.deferred();
    let held = token.clone();
    promise.on_cancel(move |_| panic!("{}", held.copies()));
    promise.callback(1);
    assert_eq!(token.copies(), 0);
    deferred.cancel();
    deferred.add_both(rig.pen().end("end"));
    rig.run();
    assert_eq!(rig.said(), ["end 1"]);
}

/// D4.
#[test]
fn a_later_fire_is_a_no_op() {
    let fires: [fn(Promise<u32>); 4] =
        [|promise| promise.callback(1), |promise| promise.errback("no"), |promise| promise.fire_with(Ok(2)), drop];
    for fire in fires {
        for has_canceller in [false, true] {
            let mut rig = Rig::new();
            let (promise, deferred) = rig.fate.deferred();
            if has_canceller {
                promise.on_cancel(drop);
            }
            deferred.cancel();
            fire(promise);
            deferred.add_both(rig.pen().end("end"));
            rig.run();
            assert_eq!(rig.said(), ["end failed: cancelled"]);
        }
    }
}

/// D4: a chain that is cancelled before it is fired goes on with `Cancelled`, and may recover.
#[test]
fn steps_hear_of_cancelling_as_of_any_failure() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let deferred = deferred
        .add_callback(rig.pen().pass("skipped"))
        .or_else(|failure| failure.trap::<Cancelled>().map(|_| 5))
        .add_callback(rig.pen().pass("recovered"));
    deferred.cancel();
    rig.run();
    assert_eq!(rig.said(), ["recovered 5"]);
    drop(promise);
}

/// D4: three deep; and the innermost's own steps have their say.
#[test]
fn cancelling_an_outer_cancels_the_innermost() {
    for recovers in [false, true] {
        let mut rig = Rig::new();
        let (promise, innermost) = rig.fate.deferred::<u32>();
        let pen = rig.pen();
        promise.on_cancel(move |_| pen.say("canceller"));
        let innermost = innermost.or_else(move |failure| if recovers { Ok(3) } else { Err(failure) });
        let middle = rig.fate.succeed(0).and_then(move |_| innermost).add_both(rig.pen().end("middle"));
        let outer = rig.fate.succeed(0).and_then(move |_| middle);
        let outermost = rig.fate.succeed(0).and_then(move |_| outer).add_both(rig.pen().end("outermost"));
        rig.run();
        outermost.cancel();
        assert!(promise.is_cancelled());
        rig.run();
        let middle = if recovers { "middle 3" } else { "middle failed: cancelled" };
        assert_eq!(rig.said(), ["canceller", middle, "outermost ()"]);
        drop(promise);
    }
}

/// D4: in the middle of a chain, by its own handle, what it waits for is cancelled, and outer ones hear of it.
#[test]
fn a_middle_one_may_be_cancelled_by_its_control() {
    for outer_first in [false, true] {
        for has_tail in [false, true] {
            let mut rig = Rig::new();
            let (promise, innermost) = rig.fate.deferred::<u32>();
            let (gate, middle) = rig.fate.deferred::<u32>();
            let mut middle = middle.and_then(move |_| innermost);
            if has_tail {
                middle = middle.add_callback(|value| value);
            }
            let control = middle.control();
            let (outer_gate, outer) = rig.fate.deferred::<u32>();
            outer.and_then(move |_| middle).add_both(rig.pen().end("outer"));
            let mut gates = [gate, outer_gate];
            if outer_first {
                gates.reverse();
            }
            for gate in gates {
                gate.callback(0);
                rig.run();
            }
            control.cancel();
            assert!(promise.is_cancelled(), "{outer_first} {has_tail}");
            rig.run();
            assert_eq!(rig.said(), ["outer failed: cancelled"]);
        }
    }
}

/// D4: the stages of one Deferred, one after the other.
#[test]
fn cancelling_after_the_value_has_come_changes_nothing() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let deferred = deferred.add_callback(rig.pen().pass("step"));
    promise.callback(1);
    deferred.cancel();
    rig.run();
    deferred.cancel();
    let deferred = deferred.add_callback(rig.pen().pass("later"));
    deferred.cancel();
    rig.run();
    deferred.cancel();
    deferred.add_both(rig.pen().end("end"));
    rig.run();
    assert_eq!(rig.said(), ["step 1", "later 1", "end 1"]);
}

/// D4: a chain that has fired, but whose steps have not run: it is cancelled as soon as it waits for something.
#[test]
fn cancelling_between_firing_and_running_is_not_lost() {
    let mut rig = Rig::new();
    let (promise, inner) = rig.fate.deferred::<u32>();
    let outer = rig.fate.succeed(0).and_then(move |_| inner);
    outer.cancel();
    outer.add_both(rig.pen().end("outer"));
    rig.run();
    assert!(promise.is_cancelled());
    assert_eq!(rig.said(), ["outer failed: cancelled"]);
}

/// D4: so too when its inner one has fired, but has not handed on what it has.
#[test]
fn cancelling_between_an_inner_and_the_next_is_not_lost() {
    let mut rig = Rig::new();
    let (first, inner) = rig.fate.deferred::<u32>();
    let (second, next) = rig.fate.deferred::<u32>();
    let outer = rig.fate.succeed(0).and_then(move |_| inner).and_then(move |_| next);
    rig.run();
    first.callback(1);
    outer.cancel();
    outer.add_both(rig.pen().end("outer"));
    rig.run();
    assert!(second.is_cancelled());
    assert_eq!(rig.said(), ["outer failed: cancelled"]);
}

/// D4: each cancelling is for what the chain waits for then; an errback that falls back on something else has it.
#[test]
fn what_an_errback_falls_back_on_is_cancelled_by_the_next_cancel() {
    let mut rig = Rig::new();
    let (first, attempt) = rig.fate.deferred::<u32>();
    let (second, fallback) = rig.fate.deferred::<u32>();
    let deferred = attempt.or_else(move |_| fallback);
    deferred.cancel();
    rig.run();
    assert!(first.is_cancelled() && !second.is_cancelled());
    deferred.cancel();
    deferred.add_both(rig.pen().end("end"));
    rig.run();
    assert!(second.is_cancelled());
    assert_eq!(rig.said(), ["end failed: cancelled"]);
}

/// D4, D6: a Deferred that is paused hears of it when it goes on.
#[test]
fn a_paused_one_is_cancelled_when_it_goes_on() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    deferred.pause();
    deferred.cancel();
    let deferred = deferred.add_both(rig.pen().end("end"));
    rig.run();
    promise.callback(1);
    assert!(rig.said().is_empty());
    deferred.unpause();
    rig.run();
    assert_eq!(rig.said(), ["end failed: cancelled"]);
}

/// D4: from inside the chain and the canceller themselves.
#[test]
fn cancelling_from_within_a_step_or_a_canceller_is_harmless() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let control = deferred.control();
    deferred.add_callback(move |_: u32| control.cancel()).add_both(rig.pen().end("step"));
    promise.callback(1);
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let (pen, control) = (rig.pen(), deferred.control());
    promise.on_cancel(move |promise| {
        pen.say("canceller");
        control.cancel();
        promise.callback(7);
        control.cancel();
    });
    deferred.cancel();
    deferred.add_both(rig.pen().end("cancelled"));
    rig.run();
    assert_eq!(rig.said(), ["step ()", "canceller", "cancelled 7"]);
    drop(promise);
}

/// D4: a canceller may take its time: what it hears from elsewhere is what the Deferred gives, if it keeps to its turn.
#[test]
fn a_canceller_that_cancels_other_work_passes_it_on() {
    let mut rig = Rig::new();
    let (work, worker) = rig.fate.deferred::<u32>();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let control = worker.control();
    promise.on_cancel(move |_| control.cancel());
    let slot = Rc::new(RefCell::new(Some(promise)));
    let result = slot.clone();
    drop(worker.add_both(move |worked| result.take().unwrap().fire_with(worked)));
    deferred.cancel();
    deferred.add_both(rig.pen().end("end"));
    rig.run();
    assert!(work.is_cancelled());
    assert_eq!(rig.said(), ["end failed: cancelled"]);
}

/// A1, D4: a task is dropped where it waits, before the turn is over.
#[test]
fn cancelling_a_task_drops_it_where_it_waits() {
    let mut rig = Rig::new();
    let (token, here) = (Token::default(), rig.fate.clone());
    let held = token.clone();
    let task = rig.fate.spawn(async move {
        here.sleep(Duration::from_secs(1000)).await;
        held.copies()
    });
    let control = task.control();
    task.add_both(rig.pen().end("task"));
    rig.fate.get_fuse(Duration::from_secs(1)).set_handler(move |_| control.cancel());
    rig.run();
    assert_eq!(rig.said(), ["task failed: cancelled"]);
    assert_eq!((token.copies(), rig.alive()), (0, 0));
    assert_eq!(rig.sim.elapsed(), Duration::from_secs(1));
}

/// D4: one that is asked to stop from within itself gives no value any more.
#[test]
fn a_task_may_cancel_itself() {
    let mut rig = Rig::new();
    let slot: Rc<RefCell<Option<fate::Control>>> = Rc::default();
    let own = slot.clone();
    let task = rig.fate.spawn(async move {
        own.take().unwrap().cancel();
        7
    });
    *slot.borrow_mut() = Some(task.control());
    task.add_both(rig.pen().end("task"));
    rig.run();
    assert_eq!(rig.said(), ["task failed: cancelled"]);
}

/// D4: a shutdown cancels what is left, cancellers and all.
#[test]
fn a_shutdown_cancels_what_still_waits() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let pen = rig.pen();
    promise.on_cancel(move |_| pen.say("canceller"));
    drop(deferred.add_both(rig.pen().end("end")));
    rig.fate.call_soon(|fate| fate.shutdown());
    rig.run();
    assert_eq!(rig.said(), ["canceller", "end failed: cancelled"]);
    promise.callback(1);
}

/// D4: cancelling never panics, not even when there is nothing left to cancel.
#[test]
fn cancelling_what_is_long_over_is_harmless() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let control = fate.succeed(1).control();
    sim.run().unwrap();
    control.cancel();
    control.pause();
    control.unpause();
    drop((fate, sim));
    control.cancel();
}
