//! D1 and D2: firing once, in order, on one side, and never in place.

use crate::rig::Rig;
use fate::{Cancelled, Deferred, Failure};
use std::cell::RefCell;
use std::num::ParseIntError;
use std::rc::Rc;
use std::time::Duration;

/// D1.
#[test]
fn callbacks_run_in_the_order_added() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let mut deferred = deferred;
    for name in ["one", "two", "three", "four"] {
        deferred = deferred.add_callback(rig.pen().pass(name));
    }
    promise.callback(1);
    rig.run();
    assert_eq!(rig.said(), ["one 1", "two 1", "three 1", "four 1"]);
}

/// D1.
#[test]
fn what_is_added_before_and_after_firing_makes_one_row() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let deferred = deferred.add_callback(rig.pen().pass("before"));
    promise.callback(1);
    let deferred = deferred.add_callback(rig.pen().pass("after"));
    rig.run();
    drop(deferred.add_callback(rig.pen().pass("when it has run")));
    rig.run();
    assert_eq!(rig.said(), ["before 1", "after 1", "when it has run 1"]);
}

/// D1: whichever comes in, one side of each pair runs and the other never does.
#[test]
fn exactly_one_side_of_each_pair_runs() {
    for (is_value, expected) in [(true, ["left 0", "left 1", "left 1"]), (false, ["right", "left 2", "left 1"])] {
        let mut rig = Rig::new();
        let (promise, mut deferred) = rig.fate.deferred();
        for _ in 0..3 {
            let (left, right) = (rig.pen(), rig.pen());
            deferred = deferred.add_callbacks(
                move |value| {
                    left.say(format!("left {value}"));
                    1
                },
                move |_| {
                    right.say("right");
                    2
                },
            );
        }
        promise.fire_with(if is_value { Ok(0) } else { Err("no".into()) });
        drop(deferred);
        rig.run();
        assert_eq!(rig.said(), expected);
    }
}

/// D1.
#[test]
fn an_errback_sees_failures_of_earlier_steps_only() {
    let mut rig = Rig::new();
    let (first, second) = (rig.pen(), rig.pen());
    rig.fate
        .succeed("seven")
        .or_else(move |failure| {
            first.say("the errback before");
            Err(failure)
        })
        .and_then(|word| word.parse::<u32>())
        .add_errback(move |failure| {
            second.say(format!("the errback after: {failure}"));
            7
        });
    rig.run();
    assert_eq!(rig.said(), ["the errback after: invalid digit found in string"]);
}

/// D1.
#[test]
fn a_recovering_errback_resumes_the_callback_side() {
    let mut rig = Rig::new();
    rig.fate
        .fail::<u32>("late")
        .add_callback(rig.pen().pass("skipped"))
        .add_errback(|_| 1)
        .add_callback(rig.pen().pass("resumed"))
        .or_else(|_| -> Result<u32, Failure> { unreachable!("there is no failure any more") })
        .and_then(|_| Err::<u32, _>("late again"))
        .add_callback(rig.pen().pass("skipped too"))
        .or_else(|failure| Err(format!("{failure}, and again")))
        .add_both(rig.pen().end("end"));
    rig.run();
    assert_eq!(rig.said(), ["resumed 1", "end failed: late again, and again"]);
}

/// D1: what passes by a step is the very same value or failure.
#[test]
fn what_passes_by_is_untouched() {
    let mut rig = Rig::new();
    let (treasure, line) = (Rc::new(()), line!() + 1);
    let failure = Failure::from("no".parse::<u32>().unwrap_err());
    let same = treasure.clone();
    rig.fate.succeed(treasure).add_errback(|_| Rc::new(())).or_else(|_| Err("no")).add_callback(move |treasure| {
        assert!(Rc::ptr_eq(&treasure, &same));
    });
    rig.fate.fail::<u32>(failure).add_callback(|value| value).and_then(Ok::<_, Failure>).add_both(move |result| {
        let failure = result.unwrap_err();
        assert_eq!(failure.born().line(), line);
        assert!(failure.is::<ParseIntError>());
    });
    rig.run();
}

/// D1: a value may change its type at every step, and be of any size.
#[test]
fn values_of_all_sizes_pass_through() {
    let mut rig = Rig::new();
    rig.fate
        .succeed(())
        .add_callback(|()| 1u8)
        .add_callback(|byte| [u64::from(byte); 100])
        .add_callback(|large| large.to_vec())
        .add_callback(|list| (list.len(), list.iter().sum::<u64>()))
        .add_callback(|sums| assert_eq!(sums, (100, 100)));
    rig.run();
}

/// D2.
#[test]
fn firing_runs_nothing_before_the_caller_returns() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let (failing, failed) = rig.fate.deferred::<u32>();
    deferred.add_callback(rig.pen().pass("callback"));
    failed.add_both(rig.pen().end("errback"));
    promise.callback(1);
    failing.errback("no");
    assert!(rig.said().is_empty(), "outside a turn");
    rig.run();
    assert_eq!(rig.said(), ["callback 1", "errback failed: no"]);

    let (promise, deferred) = rig.fate.deferred();
    deferred.add_callback(rig.pen().pass("callback"));
    let pen = rig.pen();
    rig.fate.get_fuse(Duration::from_secs(1)).set_handler(move |_| {
        promise.callback(2);
        pen.say("fired");
    });
    rig.run();
    assert_eq!(rig.said(), ["fired", "callback 2"]);
}

/// D2.
#[test]
fn adding_to_a_fired_deferred_runs_nothing_before_the_caller_returns() {
    let mut rig = Rig::new();
    let deferred = rig.fate.succeed(1);
    rig.run();
    let deferred = deferred.add_callback(rig.pen().pass("outside a turn"));
    assert!(rig.said().is_empty());
    rig.run();
    assert_eq!(rig.said(), ["outside a turn 1"]);

    let (pen, pass) = (rig.pen(), rig.pen().pass("inside"));
    rig.fate.call_soon(move |_| {
        drop(deferred.add_callback(pass));
        pen.say("added");
    });
    rig.run();
    assert_eq!(rig.said(), ["added", "inside 1"]);
}

/// D2: nor do unpausing, cancelling, and letting go.
#[test]
fn nothing_else_that_is_done_to_a_deferred_runs_anything_in_place() {
    let mut rig = Rig::new();
    let paused = rig.fate.succeed(1).add_callback(rig.pen().pass("paused"));
    paused.pause();
    rig.run();
    paused.unpause();
    let (promise, cancelled) = rig.fate.deferred::<u32>();
    let pen = rig.pen();
    promise.on_cancel(move |_| pen.say("canceller"));
    cancelled.cancel();
    let bare = rig.fate.deferred::<u32>();
    bare.1.cancel();
    cancelled.add_both(rig.pen().end("cancelled"));
    bare.1.add_both(rig.pen().end("bare"));
    drop(rig.fate.fail::<u32>("unheard"));
    assert!(rig.said().is_empty());
    assert!(rig.faults().is_empty());
    rig.run();
    assert_eq!(rig.said(), ["paused 1", "canceller", "bare failed: cancelled", "cancelled failed: cancelled"]);
    assert_eq!(rig.unheard(), ["unheard"]);
    drop((promise, bare.0));
}

/// D2: and not a turn later, nor a moment.
#[test]
fn steps_run_within_the_turn_that_fires() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let inner = rig.fate.succeed(2);
    let pen = rig.pen();
    let say = move |fate: &fate::Fate, words: &str| pen.say(format!("{words} in turn {}", fate.report().turns));
    let (fires, steps, fate) = (say.clone(), say, rig.fate.clone());
    rig.fate.get_fuse(Duration::from_secs(1)).set_handler(move |fate| {
        fires(fate, "fires");
        promise.callback(1);
    });
    deferred.and_then(move |_| inner.add_callback(|two| two)).add_callback(move |_| steps(&fate, "steps"));
    rig.run();
    let said = rig.said();
    let turn = said[0].strip_prefix("fires").unwrap();
    assert_eq!(said[1], format!("steps{turn}"));
}

/// D2: what is ready runs first in, first out, and the steps of one Deferred in one go.
#[test]
fn deferreds_that_are_fired_in_turn_run_in_turn() {
    let mut rig = Rig::new();
    let ends: Vec<_> = ["one", "two", "three"].map(|name| (name, rig.fate.deferred())).into_iter().collect();
    let mut promises = Vec::new();
    for (name, (promise, deferred)) in ends {
        drop(deferred.add_callback(rig.pen().pass(name)).add_callback(rig.pen().pass(name)));
        promises.push(promise);
    }
    let pen = rig.pen();
    rig.fate.call_soon(move |_| pen.say("a call"));
    for promise in promises.into_iter().rev() {
        promise.callback(1);
    }
    rig.run();
    assert_eq!(rig.said(), ["a call", "three 1", "three 1", "two 1", "two 1", "one 1", "one 1"]);
}

/// D1, D2: a step that adds one to its own Deferred is not run into.
#[test]
fn a_step_added_by_a_running_step_runs_after_it() {
    let mut rig = Rig::new();
    let slot: Rc<RefCell<Option<Deferred<u32>>>> = Rc::default();
    let (shared, pen, added) = (slot.clone(), rig.pen(), rig.pen().pass("added"));
    let deferred = rig.fate.succeed(1).add_callback(move |value| {
        let deferred = shared.take().unwrap();
        *shared.borrow_mut() = Some(deferred.add_callback(added));
        pen.say("adding");
        value + 1
    });
    *slot.borrow_mut() = Some(deferred.add_callback(rig.pen().pass("there already")));
    rig.run();
    assert_eq!(rig.said(), ["adding", "there already 2", "added 2"]);
}

/// D1: a handler may take a turn of its own; the steps after it wait for it all the same.
#[test]
fn a_turn_taken_by_a_step_does_not_run_the_steps_after_it() {
    let mut rig = Rig::new();
    let (pen, fate) = (rig.pen(), rig.fate.clone());
    let deferred = rig.fate.succeed(1).add_callback(move |value| {
        pen.say("begins");
        fate.turn(Duration::ZERO).unwrap();
        pen.say("ends");
        value
    });
    drop(deferred.add_callback(rig.pen().pass("after")));
    drop(rig.fate.succeed(2).add_callback(rig.pen().pass("other")));
    rig.run();
    assert_eq!(rig.said(), ["begins", "other 2", "ends", "after 1"]);
}

/// D2, E2: a panic in a step goes to the fault handler, and the chain goes on with a failure.
#[test]
fn a_step_that_panics_is_a_failure_to_the_next() {
    let mut rig = Rig::new();
    let neighbour = rig.fate.succeed(1);
    rig.fate
        .succeed(0u32)
        .add_callback(|_| -> u32 { panic!("off with his head") })
        .add_callback(rig.pen().pass("skipped"))
        .or_else(|failure| failure.trap::<fate::Panicked>().map(|_| 3))
        .add_callback(rig.pen().pass("recovered"));
    drop(neighbour.add_callback(rig.pen().pass("neighbour")));
    rig.run();
    assert_eq!(rig.panics(), ["off with his head"]);
    let mut said = rig.said();
    said.sort();
    assert_eq!(said, ["neighbour 1", "recovered 3"]);
}

/// E2, D7: the panic was told already.
#[test]
fn a_panic_that_nobody_traps_is_reported_once() {
    let mut rig = Rig::new();
    drop(rig.fate.succeed(0u32).add_callback(|_| -> u32 { panic!("off with his head") }));
    drop(rig.fate.succeed(0u32).and_then(|_| -> Result<u32, Cancelled> { panic!("and his") }));
    drop(rig.fate.fail::<u32>("no").add_errback(|_| panic!("and hers")));
    rig.run();
    assert_eq!(rig.panics(), ["off with his head", "and his", "and hers"]);
}

/// D2: without a loop there is nobody to run anything, and nothing to complain about.
#[test]
fn ends_that_outlive_their_fate_are_harmless() {
    let fate = fate::sim::Sim::new(1).host("here");
    let (promise, deferred) = fate.deferred::<u32>();
    let (other, waiting) = fate.deferred::<u32>();
    let control = waiting.control();
    drop(fate);
    let deferred = deferred.and_then(|_| waiting).add_timeout(Duration::from_secs(1));
    deferred.pause();
    deferred.unpause();
    promise.callback(1);
    control.cancel();
    deferred.cancel();
    other.callback(2);
}
