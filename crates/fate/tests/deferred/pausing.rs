//! D6: pausing is counted, nothing runs meanwhile, and whoever waits for a paused Deferred waits on.

use crate::rig::{Rig, Token};
use fate::Cancelled;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// D6.
#[test]
fn pauses_are_counted() {
    let mut rig = Rig::new();
    let deferred = rig.fate.succeed(1).add_callback(rig.pen().pass("step"));
    deferred.pause();
    deferred.pause();
    deferred.unpause();
    rig.run();
    assert!(rig.said().is_empty());
    deferred.unpause();
    rig.run();
    assert_eq!(rig.said(), ["step 1"]);
}

/// D6: an unpause too many is no credit.
#[test]
fn unpausing_what_is_not_paused_does_nothing() {
    let mut rig = Rig::new();
    let deferred = rig.fate.succeed(1).add_callback(rig.pen().pass("step"));
    deferred.unpause();
    deferred.pause();
    rig.run();
    assert!(rig.said().is_empty());
    deferred.unpause();
    rig.run();
    assert_eq!(rig.said(), ["step 1"]);
}

/// D6: fired before or after the pause, or added to meanwhile.
#[test]
fn while_paused_nothing_runs() {
    let mut rig = Rig::new();
    let (promise, first) = rig.fate.deferred();
    let second = rig.fate.succeed(2).add_callback(rig.pen().pass("fired before"));
    let first = first.add_callback(rig.pen().pass("fired after"));
    first.pause();
    second.pause();
    promise.callback(1);
    rig.run();
    let first = first.add_callback(rig.pen().pass("added meanwhile"));
    rig.run();
    assert!(rig.said().is_empty());
    first.unpause();
    second.unpause();
    rig.run();
    assert_eq!(rig.said(), ["fired after 1", "added meanwhile 1", "fired before 2"]);
}

/// D6: from within one of its own steps, too.
#[test]
fn a_step_may_pause_what_comes_after_it() {
    let mut rig = Rig::new();
    let slot: Rc<RefCell<Option<fate::Control>>> = Rc::default();
    let own = slot.clone();
    let deferred = rig.fate.succeed(1).add_callback(move |value| {
        own.borrow().as_ref().unwrap().pause();
        value
    });
    let deferred = deferred.add_callback(rig.pen().pass("after"));
    *slot.borrow_mut() = Some(deferred.control());
    rig.run();
    assert!(rig.said().is_empty());
    deferred.unpause();
    rig.run();
    assert_eq!(rig.said(), ["after 1"]);
}

/// D6: whether it had fired before its outer came to wait for it, or fires later.
#[test]
fn a_fired_but_paused_inner_makes_the_outer_wait() {
    for fires_first in [true, false] {
        let mut rig = Rig::new();
        let (promise, inner) = rig.fate.deferred();
        let mut promise = Some(promise);
        let control = inner.control();
        inner.pause();
        if fires_first {
            promise.take().unwrap().callback(1);
        }
        let outer = rig.fate.succeed(0).and_then(move |_| inner.add_callback(|value| value + 1));
        drop(outer.add_both(rig.pen().end("outer")));
        rig.run();
        if let Some(promise) = promise {
            promise.callback(1);
            rig.run();
        }
        assert!(rig.said().is_empty());
        control.unpause();
        rig.run();
        assert_eq!(rig.said(), ["outer 2"], "fires first: {fires_first}");
        assert_eq!(rig.alive(), 0);
    }
}

/// D6: three deep, with a pause at each.
#[test]
fn every_paused_link_holds_the_chain_up() {
    let mut rig = Rig::new();
    let inner = rig.fate.succeed(1);
    let first = inner.control();
    inner.pause();
    let middle = rig.fate.succeed(0).and_then(move |_| inner);
    let second = middle.control();
    middle.pause();
    let outer = rig.fate.succeed(0).and_then(move |_| middle).add_callback(rig.pen().pass("outer"));
    rig.run();
    second.unpause();
    rig.run();
    second.pause();
    first.unpause();
    rig.run();
    assert!(rig.said().is_empty());
    second.unpause();
    rig.run();
    assert_eq!(rig.said(), ["outer 1"]);
    drop(outer);
}

/// D6: one that waits for an inner may be paused meanwhile.
#[test]
fn an_outer_that_is_paused_takes_what_its_inner_gave_when_it_goes_on() {
    let mut rig = Rig::new();
    let (promise, inner) = rig.fate.deferred();
    let outer = rig.fate.succeed(0).and_then(move |_| inner).add_callback(rig.pen().pass("outer"));
    rig.run();
    outer.pause();
    promise.callback(1);
    rig.run();
    assert!(rig.said().is_empty());
    outer.unpause();
    rig.run();
    assert_eq!(rig.said(), ["outer 1"]);
}

/// D6, D10: a task that awaits a paused Deferred waits on, also if the pause came after the value.
#[test]
fn a_task_waits_for_a_paused_deferred() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let control = deferred.control();
    let pen = rig.pen();
    rig.fate.spawn(async move { pen.say(format!("got {}", deferred.await.unwrap())) });
    rig.run();
    let late = control.clone();
    rig.fate.get_fuse(Duration::from_secs(1)).set_handler(move |fate| {
        promise.callback(1);
        fate.call_soon(move |_| late.pause()); // after the value was told, and before the task looks
    });
    rig.run();
    assert!(rig.said().is_empty());
    control.unpause();
    rig.run();
    assert_eq!(rig.said(), ["got 1"]);
}

/// D6, D8: a combinator waits for a paused input.
#[test]
fn a_combinator_waits_for_a_paused_input() {
    let mut rig = Rig::new();
    let inputs = [1, 2].map(|number| rig.fate.succeed(number));
    let control = inputs[1].control();
    control.pause();
    rig.fate.gather_results(inputs).add_both(rig.pen().end("all"));
    rig.run();
    assert!(rig.said().is_empty());
    control.unpause();
    rig.run();
    assert_eq!(rig.said(), ["all [1, 2]"]);
}

/// D6: dropping the Deferred is not unpausing it: who has a control may still do that.
#[test]
fn a_paused_deferred_that_is_let_go_runs_when_its_control_says_so() {
    let mut rig = Rig::new();
    let deferred = rig.fate.succeed(1);
    let control = deferred.control();
    deferred.pause();
    drop(deferred.add_callback(rig.pen().pass("step")));
    rig.run();
    assert!(rig.said().is_empty());
    control.unpause();
    rig.run();
    assert_eq!(rig.said(), ["step 1"]);
}

/// D6, D7: when nobody is left who could unpause it, its steps are dropped unrun.
#[test]
fn a_paused_deferred_that_nobody_can_unpause_is_over() {
    for has_control in [false, true] {
        for is_fired in [false, true] {
            let mut rig = Rig::new();
            let token = Token::default();
            let (promise, deferred) = rig.fate.deferred::<u32>();
            let mut promise = Some(promise);
            if is_fired {
                promise.take().unwrap().callback(1);
            }
            let held = token.clone();
            let control = has_control.then(|| deferred.control());
            let deferred = deferred.add_callback(move |_| panic!("{}", held.copies()));
            deferred.pause();
            rig.run();
            drop(deferred);
            rig.run();
            assert_eq!(token.copies(), u32::from(has_control));
            drop(control);
            rig.run();
            assert_eq!(token.copies(), 0, "control: {has_control}, fired: {is_fired}");
            if let Some(promise) = promise {
                promise.callback(2);
            }
            rig.run();
            assert_eq!(rig.alive(), 0);
        }
    }
}

/// D6, D7: one whose inner was paused for ever does not wait for ever.
#[test]
fn an_outer_of_one_that_nobody_can_unpause_is_abandoned() {
    let mut rig = Rig::new();
    let inner = rig.fate.succeed(1);
    inner.pause();
    rig.fate.succeed(0).and_then(move |_| inner).add_both(rig.pen().end("no control"));
    let inner = rig.fate.fail::<u32>("held");
    let control = inner.control();
    inner.pause();
    rig.fate.succeed(0).and_then(move |_| inner).add_both(rig.pen().end("a control that is gone"));
    rig.run();
    drop(control);
    rig.run();
    let abandoned = "abandoned: the promise was dropped unfired";
    assert_eq!(
        rig.said(),
        [format!("no control failed: {abandoned}"), format!("a control that is gone failed: {abandoned}")]
    );
    assert_eq!(rig.unheard(), ["held"]);
}

/// D4, D6: a pause does not keep a Deferred from being shut down.
#[test]
fn a_shutdown_does_not_wait_for_an_unpause() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let token = Token::default();
    let held = token.clone();
    deferred.pause();
    let deferred = deferred.add_both(move |result| {
        assert!(result.unwrap_err().is::<Cancelled>());
        drop(held);
    });
    rig.fate.call_soon(|fate| fate.shutdown());
    rig.run();
    assert_eq!(token.copies(), 0);
    drop((promise, deferred));
}
