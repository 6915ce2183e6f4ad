//! D8: one Deferred of many, on virtual time.

#[path = "deferred/rig.rs"]
#[allow(dead_code, reason = "each test binary uses what it needs of it")]
mod rig;

use fate::{AllFailed, Cancelled, Deferred, Elapsed, Failure, Promise};
use rig::{Rig, Token};
use std::rc::Rc;
use std::time::Duration;

type Ends = (Vec<Option<Promise<u32>>>, Vec<Deferred<u32>>);

/// So many inputs, each of which says so when it is cancelled.
fn inputs(rig: &Rig, count: usize) -> Ends {
    let make = |number| {
        let (promise, deferred) = rig.fate.deferred::<u32>();
        let pen = rig.pen();
        promise.on_cancel(move |_| pen.say(format!("{number} is cancelled")));
        (Some(promise), deferred)
    };
    (0..count).map(make).unzip()
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// D8: in whatever order they come.
#[test]
fn gathered_values_are_in_the_order_of_the_inputs() {
    for order in ORDERS {
        for at_once in [false, true] {
            let mut rig = Rig::new();
            let (mut promises, deferreds) = inputs(&rig, 3);
            rig.fate.gather_results(deferreds).add_both(rig.pen().end("all"));
            for number in order {
                rig.run();
                assert!(rig.said().is_empty() || at_once);
                promises[number].take().unwrap().callback(number as u32);
                if !at_once {
                    rig.run();
                }
            }
            rig.run();
            let said = rig.said();
            assert!(at_once || said == ["all [0, 1, 2]"]);
        }
    }
}

/// D8: also if they were there all along; and not in place.
#[test]
fn values_that_were_there_already_are_gathered_within_the_turn() {
    let mut rig = Rig::new();
    let all = rig.fate.gather_results((0..3).map(|number| rig.fate.succeed(number)));
    all.add_both(rig.pen().end("all"));
    assert!(rig.said().is_empty());
    rig.run();
    assert_eq!(rig.said(), ["all [0, 1, 2]"]);
}

/// D8.
#[test]
fn the_first_failure_wins_and_the_others_are_cancelled_in_silence() {
    let mut rig = Rig::new();
    let (mut promises, deferreds) = inputs(&rig, 4);
    rig.fate.gather_results(deferreds).add_both(rig.pen().end("all"));
    promises[2].take().unwrap().callback(2);
    rig.run();
    promises[1].take().unwrap().errback("one failed");
    rig.run();
    assert_eq!(rig.said(), ["all failed: one failed", "0 is cancelled", "3 is cancelled"]);
    promises[0].take().unwrap().errback("too late");
    drop(promises);
    rig.run();
    assert_eq!(rig.alive(), 0);
}

/// D8: what the losers say to being cancelled is their own business.
#[test]
fn cancelled_inputs_stay_silent_whatever_they_do() {
    let mut rig = Rig::new();
    let (fails, failing) = rig.fate.deferred::<u32>();
    let (succeeds, succeeding) = rig.fate.deferred::<u32>();
    fails.on_cancel(|promise| promise.errback("torn down"));
    succeeds.on_cancel(|promise| promise.callback(7));
    let all = [failing.add_callback(rig.pen().pass("failing")), succeeding.add_callback(rig.pen().pass("succeeding"))];
    let all = all.into_iter().chain([rig.fate.fail("no")]);
    rig.fate.gather_results(all).add_both(rig.pen().end("all"));
    rig.run();
    assert_eq!(rig.said(), ["all failed: no", "succeeding 7"]);
}

/// D8: of several that fail in one turn, the one that was fired first.
#[test]
fn the_first_failure_is_the_first_in_time() {
    let mut rig = Rig::new();
    let (mut promises, deferreds) = inputs(&rig, 3);
    rig.fate.gather_results(deferreds).add_both(rig.pen().end("all"));
    for number in [2, 0, 1] {
        promises[number].take().unwrap().errback(format!("{number} failed"));
    }
    rig.run();
    assert_eq!(rig.said(), ["all failed: 2 failed"]);
}

/// D8.
#[test]
fn of_none_it_gives_none_at_once() {
    let mut rig = Rig::new();
    let none = || std::iter::empty::<Deferred<u32>>();
    rig.fate.gather_results(none()).add_both(rig.pen().end("gathered"));
    rig.fate.deferred_list(none()).add_both(rig.pen().end("list"));
    rig.fate.race(none()).add_both(rig.pen().end("race"));
    rig.fate.first_ok(none()).add_both(rig.pen().end("first"));
    rig.run();
    let nobody = "failed: there was nobody to win the race";
    let expected = ["gathered []".into(), "list []".into(), format!("race {nobody}"), format!("first {nobody}")];
    assert_eq!(rig.said(), expected);
    assert_eq!(rig.sim.elapsed(), Duration::ZERO);
}

/// D8: every kind of combinator gives `Cancelled`, whatever its inputs make of it.
#[test]
fn cancelling_a_combinator_cancels_all_inputs() {
    type Combine = fn(&Rig, Vec<Deferred<u32>>) -> Deferred<String>;
    let kinds: [(&str, Combine); 4] = [
        ("gather_results", |rig, inputs| rig.fate.gather_results(inputs).add_callback(|all| format!("{all:?}"))),
        ("deferred_list", |rig, inputs| rig.fate.deferred_list(inputs).add_callback(|all| format!("{all:?}"))),
        ("race", |rig, inputs| rig.fate.race(inputs).add_callback(|won| format!("{won:?}"))),
        ("first_ok", |rig, inputs| rig.fate.first_ok(inputs).add_callback(|won| format!("{won:?}"))),
    ];
    for (name, combine) in kinds {
        let mut rig = Rig::new();
        let (promises, deferreds) = inputs(&rig, 3);
        let (value, valuable) = rig.fate.deferred();
        value.on_cancel(|promise| promise.callback(7));
        let combined = combine(&rig, deferreds.into_iter().chain([valuable]).collect());
        rig.run();
        combined.cancel();
        combined.add_both(move |result| assert!(result.unwrap_err().is::<Cancelled>(), "{name}"));
        rig.run();
        assert_eq!(rig.said(), ["0 is cancelled", "1 is cancelled", "2 is cancelled"], "{name}");
        drop((promises, value));
        rig.run();
        assert_eq!(rig.alive(), 0, "{name}");
    }
}

/// D8: before anything has run, too, and while inputs wait for others in their turn.
#[test]
fn cancelling_reaches_what_inputs_wait_for() {
    for runs_first in [false, true] {
        let mut rig = Rig::new();
        let (promises, deferreds) = inputs(&rig, 2);
        let outers = deferreds.into_iter().map(|inner| rig.fate.succeed(0).and_then(move |_| inner));
        let all = rig.fate.gather_results(outers);
        let all = rig.fate.succeed(()).and_then(move |()| all);
        if runs_first {
            rig.run();
        }
        all.cancel();
        all.add_both(rig.pen().end("all"));
        rig.run();
        assert_eq!(rig.said(), ["0 is cancelled", "1 is cancelled", "all failed: cancelled"], "{runs_first}");
        drop(promises);
    }
}

/// D8: gathered gatherings.
#[test]
fn combinators_of_combinators_are_cancelled_to_the_last() {
    let mut rig = Rig::new();
    let (promises, deferreds) = inputs(&rig, 4);
    let mut deferreds = deferreds.into_iter();
    let mut two = || deferreds.by_ref().take(2).collect::<Vec<_>>();
    let left = rig.fate.gather_results(two()).add_callback(|all| all.len());
    let right = rig.fate.deferred_list(two()).add_callback(|all| all.len());
    let both = rig.fate.race([left, right]);
    rig.run();
    both.cancel();
    drop(both);
    rig.run();
    assert_eq!(rig.said(), ["0 is cancelled", "1 is cancelled", "2 is cancelled", "3 is cancelled"]);
    assert!(promises.iter().flatten().all(Promise::is_cancelled));
    assert_eq!(rig.alive(), 0);
}

/// D5, D8, D10: timed out, or awaited by a task that is dropped.
#[test]
fn a_combinator_that_nobody_waits_for_any_more_cancels_its_inputs() {
    let mut rig = Rig::new();
    let (timed, deferreds) = inputs(&rig, 1);
    let limited = rig.fate.gather_results(deferreds).add_timeout(Duration::from_secs(1));
    drop(limited.add_both(|result| assert!(result.unwrap_err().is::<Elapsed>())));
    rig.run();
    assert_eq!(rig.said(), ["0 is cancelled"]);
    let (awaited, deferreds) = inputs(&rig, 1);
    let race = rig.fate.race(deferreds);
    let task = rig.fate.spawn(async move { race.await.is_ok() });
    rig.run();
    task.cancel();
    rig.run();
    assert_eq!(rig.said(), ["0 is cancelled"]);
    drop((timed, awaited, task));
}

/// D8: letting go of it stops nothing; a failure is reported once.
#[test]
fn a_combinator_that_was_let_go_goes_on() {
    let mut rig = Rig::new();
    let (mut promises, deferreds) = inputs(&rig, 2);
    drop(rig.fate.gather_results(deferreds));
    rig.run();
    assert!(rig.said().is_empty());
    promises[1].take().unwrap().errback("no");
    rig.run();
    assert_eq!(rig.unheard(), ["no"]);
    assert_eq!(rig.said(), ["0 is cancelled"]);
}

/// D7, D8.
#[test]
fn an_abandoned_input_is_a_failure() {
    let mut rig = Rig::new();
    let (mut promises, deferreds) = inputs(&rig, 2);
    rig.fate.gather_results(deferreds).add_both(rig.pen().end("all"));
    promises[0].take();
    rig.run();
    assert_eq!(rig.said(), ["all failed: abandoned: the promise was dropped unfired", "1 is cancelled"]);
}

/// D8.
#[test]
fn a_list_has_every_outcome_and_never_fails() {
    let mut rig = Rig::new();
    let (mut promises, deferreds) = inputs(&rig, 4);
    let pen = rig.pen();
    rig.fate.deferred_list(deferreds).add_callback(move |outcomes| {
        for (number, outcome) in outcomes.into_iter().enumerate() {
            pen.say(format!("{number}: {outcome:?}").split(" (").next().unwrap().to_owned());
        }
    });
    promises[3].take().unwrap().callback(3);
    promises[1].take().unwrap().errback("one failed");
    rig.run();
    promises[0].take().unwrap().callback(0);
    rig.run();
    assert!(rig.said().is_empty());
    promises[2].take();
    rig.run();
    let abandoned = "2: Err(abandoned: the promise was dropped unfired";
    assert_eq!(rig.said(), ["0: Ok(0)", "1: Err(one failed", abandoned, "3: Ok(3)"]);
}

/// D8.
#[test]
fn the_first_value_wins_the_race_and_the_losers_are_cancelled() {
    for winner in 0..3 {
        let mut rig = Rig::new();
        let (mut promises, deferreds) = inputs(&rig, 3);
        rig.fate.race(deferreds).add_both(rig.pen().end("won"));
        promises[winner].take().unwrap().callback(7);
        rig.run();
        let losers = (0..3).filter(|&number| number != winner).map(|number| format!("{number} is cancelled"));
        let expected: Vec<_> = [format!("won ({winner}, 7)")].into_iter().chain(losers).collect();
        assert_eq!(rig.said(), expected);
        drop(promises);
        rig.run();
        assert_eq!(rig.alive(), 0);
    }
}

/// D8: one that fails is only out of the race.
#[test]
fn failures_before_the_first_value_are_silent() {
    let mut rig = Rig::new();
    let (mut promises, deferreds) = inputs(&rig, 3);
    rig.fate.first_ok(deferreds).add_both(rig.pen().end("first"));
    promises[0].take().unwrap().errback("stumbled");
    rig.run();
    promises[2].take();
    rig.run();
    assert!(rig.said().is_empty());
    promises[1].take().unwrap().callback(1);
    rig.run();
    assert_eq!(rig.said(), ["first 1"]);
}

/// D8: two in one turn: the one that was fired first, and the other's value is dropped.
#[test]
fn a_dead_heat_goes_to_the_one_that_was_fired_first() {
    let mut rig = Rig::new();
    let token = Token::default();
    let (hare, tortoise) = (rig.fate.deferred(), rig.fate.deferred());
    let race = rig.fate.race([hare.1, tortoise.1]).add_callback(|(winner, _): (usize, Token)| winner);
    race.add_both(rig.pen().end("won"));
    tortoise.0.callback(token.clone());
    hare.0.callback(token.clone());
    rig.run();
    assert_eq!(token.copies(), 0);
    assert_eq!(rig.said(), ["won 1"]);
}

/// D8: in the order of the inputs, whatever the order in time.
#[test]
fn if_all_fail_the_race_gives_every_failure() {
    for order in ORDERS {
        let mut rig = Rig::new();
        let (mut promises, deferreds) = inputs(&rig, 3);
        let pen = rig.pen();
        rig.fate.race(deferreds).add_both(move |result| {
            let AllFailed { failures } = result.unwrap_err().trap().unwrap();
            pen.say(failures.iter().map(Failure::to_string).collect::<Vec<_>>().join(", "));
        });
        for number in order {
            promises[number].take().unwrap().errback(format!("{number} fell"));
            rig.run();
        }
        assert_eq!(rig.said(), ["0 fell, 1 fell, 2 fell"]);
    }
}

/// D8: what is gathered in vain is dropped, once.
#[test]
fn values_that_are_of_no_use_are_dropped() {
    let token = Token::default();
    for ends in ["a failure", "cancelling", "the end of the Fate"] {
        let mut rig = Rig::new();
        let (promise, waiting) = rig.fate.deferred();
        let all = rig.fate.gather_results([rig.fate.succeed(token.clone()), waiting, rig.fate.succeed(token.clone())]);
        rig.run();
        assert_eq!(token.copies(), 2);
        match ends {
            "a failure" => promise.errback("no"),
            "cancelling" => {
                all.cancel();
                promise.callback(token.clone());
            }
            _ => {
                drop((all, rig, promise));
                assert_eq!(token.copies(), 0, "{ends}");
                continue;
            }
        }
        drop(all.add_errback(|_| Vec::new()));
        rig.run();
        assert_eq!(token.copies(), 0, "{ends}");
    }
}

/// D8: many, on a small stack.
#[test]
fn a_hundred_thousand_inputs_are_gathered() {
    let gather = || {
        let mut rig = Rig::new();
        let (promises, deferreds): (Vec<_>, Vec<_>) = (0..100_000).map(|_| rig.fate.deferred()).unzip();
        let sum = Rc::new(std::cell::Cell::new(0));
        let total = sum.clone();
        drop(rig.fate.gather_results(deferreds).add_callback(move |all| total.set(all.iter().sum::<u64>())));
        promises.into_iter().rev().enumerate().for_each(|(number, promise)| promise.callback(number as u64));
        rig.run();
        assert_eq!(sum.get(), 99_999 * 50_000);
        let (promises, deferreds): (Vec<_>, Vec<_>) = (0..100_000).map(|_| rig.fate.deferred::<()>()).unzip();
        let race = rig.fate.race(deferreds);
        race.cancel();
        drop(race);
        rig.run();
        assert!(promises.iter().all(Promise::is_cancelled));
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(gather).unwrap().join().unwrap();
}
