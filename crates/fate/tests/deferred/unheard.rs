//! D7: a failure that nobody heard is reported, once, with the places of birth and of drop; one that was heard is not.

use crate::rig::{Rig, Seen};
use fate::sim::Sim;
use fate::{Abandoned, Deferred, Failure, Fate};
use std::cell::Cell;
use std::io;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

/// The lines of birth and of drop of the one fault that was reported.
#[track_caller]
fn lines(rig: &Rig) -> (u32, Option<u32>) {
    let faults = rig.faults();
    match faults.as_slice() {
        [Seen::Unheard { born, dropped, .. }] => {
            assert_eq!(born.file(), file!());
            (born.line(), dropped.map(|place| place.line()))
        }
        other => panic!("{other:?}"),
    }
}

/// D7.
#[test]
fn a_failure_dropped_by_a_handler_is_reported_with_its_places() {
    let mut rig = Rig::new();
    let (born, deferred) = (line!(), rig.fate.fail::<u32>("no"));
    rig.run();
    assert!(rig.faults().is_empty(), "somebody may still hear of it");
    let (fuse, dropped) = (rig.fate.get_fuse(Duration::from_secs(1)), line!() + 1);
    fuse.set_handler(move |_| drop(deferred));
    rig.run();
    assert_eq!(lines(&rig), (born, Some(dropped)));
}

/// D7: outside a handler there is no place to name.
#[test]
fn a_failure_dropped_outside_any_handler_has_no_place_of_drop() {
    let mut rig = Rig::new();
    let (born, deferred) = (line!(), rig.fate.fail::<u32>("no"));
    drop(deferred);
    rig.run();
    assert_eq!(lines(&rig), (born, None));
}

/// D7: or, if it was dropped first, when it fails; the place of drop is still where that was.
#[test]
fn a_deferred_dropped_before_it_fails_is_reported_when_it_fails() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let (fuse, dropped) = (rig.fate.get_fuse(Duration::from_secs(1)), line!() + 1);
    fuse.set_handler(move |_| drop(deferred));
    rig.run();
    assert!(rig.faults().is_empty());
    let born = line!() + 1;
    rig.fate.get_fuse(Duration::from_secs(1)).set_handler(move |_| promise.errback("no"));
    rig.run();
    assert_eq!(lines(&rig), (born, Some(dropped)));
    assert_eq!(rig.sim.elapsed(), Duration::from_secs(2));
}

/// D7: the place of birth is the line that met the error, however it came in.
#[test]
fn a_failure_is_born_where_the_error_came_in() {
    type Make = fn(&Fate) -> (u32, Deferred<u32>);
    let cases: [Make; 7] = [
        |fate| (line!(), fate.fail("no")),
        |fate| {
            let (promise, deferred) = fate.deferred();
            promise.errback(io::Error::other("no"));
            (line!() - 1, deferred)
        },
        |fate| {
            let (promise, deferred) = fate.deferred();
            let failure = Failure::from("no");
            promise.fire_with(Err(failure));
            (line!() - 2, deferred)
        },
        |fate| (line!(), fate.succeed("seven").and_then(|word| word.parse::<u32>())),
        |fate| (line!(), fate.fail::<u32>("first").or_else(|_| Err(io::Error::other("no")))),
        |fate| {
            let deferred = fate.succeed("seven").and_then(|word| {
                let number: u32 = word.parse()?;
                Ok::<_, Failure>(number)
            });
            (line!() - 3, deferred)
        },
        |fate| {
            let (promise, deferred) = fate.deferred();
            drop(promise);
            (line!() - 2, deferred)
        },
    ];
    for (number, make) in cases.into_iter().enumerate() {
        let mut rig = Rig::new();
        let (line, deferred) = make(&rig.fate);
        drop(deferred);
        rig.run();
        assert_eq!(lines(&rig), (line, None), "case {number}");
    }
}

/// D7: in words, for whoever reads the log.
#[test]
fn a_failure_tells_its_places_in_words() {
    let text = Rc::new(Cell::new(String::new()));
    let told = text.clone();
    let mut sim = Sim::new(1);
    let fate = sim.host_with(
        "here",
        Fate::builder().on_fault(move |_, fault| {
            told.set(fault.to_string());
            fate::Verdict::GoOn
        }),
    );
    let (born, deferred) = (line!(), fate.fail::<u32>(io::Error::other("the tea is cold")));
    let dropped = line!() + 1;
    fate.call_soon(move |_| drop(deferred));
    sim.run().unwrap();
    let file = file!();
    let text = text.take();
    assert!(text.starts_with("a failure was dropped unheard: the tea is cold"), "{text}");
    assert!(text.contains(&format!("born at {file}:{born}:")), "{text}");
    assert!(text.contains(&format!("dropped by the handler of {file}:{dropped}:")), "{text}");
}

/// D7: exactly once, though it came a long way.
#[test]
fn a_failure_is_reported_once_however_many_steps_it_passed() {
    let mut rig = Rig::new();
    let inner = rig.fate.fail::<u32>("no").add_callback(|value| value);
    let middle = rig.fate.succeed(0).and_then(move |_| inner).and_then(Ok::<_, Failure>);
    let outer = rig.fate.succeed(0).and_then(move |_| middle).add_timeout(Duration::from_secs(1));
    drop(outer);
    rig.run();
    assert_eq!(rig.unheard(), ["no"]);
}

/// D7.
#[test]
fn one_that_was_heard_is_silent() {
    let mut rig = Rig::new();
    let fail = || rig.fate.fail::<u32>("no");
    drop(fail().add_errback(|_| 1));
    drop(fail().add_both(|result| result.unwrap_or(2)));
    drop(fail().add_callbacks(|value| value, |_| 3));
    drop(fail().or_else(|_| Ok::<_, Failure>(4)));
    drop(fail().and_both(|_| Ok::<_, Failure>(5)));
    let awaited = fail();
    drop(rig.fate.spawn(async move { assert!(awaited.await.is_err()) }));
    rig.run();
}

/// D7: handed on to another Promise, to an outer one, or to a combinator, it is theirs.
#[test]
fn one_that_was_handed_on_is_silent() {
    let mut rig = Rig::new();
    let fail = || rig.fate.fail::<u32>("no");
    let (promise, other) = rig.fate.deferred::<u32>();
    drop(fail().add_both(move |result| promise.fire_with(result)));
    let inner = fail();
    let outer = rig.fate.succeed(0).and_then(move |_| inner);
    let list = rig.fate.deferred_list([fail(), fail()]);
    let all = rig.fate.gather_results([fail(), fail()]);
    let race = rig.fate.race([fail(), fail()]);
    rig.run();
    assert!(rig.faults().is_empty());
    drop(list);
    rig.run();
    assert!(rig.faults().is_empty(), "a list of outcomes is no failure");
    drop((other, outer, all, race));
    rig.run();
    assert_eq!(rig.unheard(), ["no", "no", "no", "all 2 failed: no; no"]);
}

/// D7: a failure that an errback met on the way is a new one.
#[test]
fn an_errback_that_fails_is_reported_in_its_turn() {
    let mut rig = Rig::new();
    let line = line!() + 1;
    drop(rig.fate.fail::<u32>("first").or_else(|_| Err::<u32, _>(io::Error::other("second"))));
    rig.run();
    assert_eq!(lines(&rig).0, line);
}

/// D7.
#[test]
fn one_held_while_paused_is_reported_too() {
    let mut rig = Rig::new();
    let (promise, early) = rig.fate.deferred::<u32>();
    let late = rig.fate.fail::<u32>("fired before the drop").add_errback(|_| unreachable!("it is paused"));
    early.pause();
    late.pause();
    rig.run();
    drop((early, late));
    rig.run();
    assert_eq!(rig.unheard(), ["fired before the drop"]);
    promise.errback("fired after the drop");
    rig.run();
    assert_eq!(rig.unheard(), ["fired after the drop"]);
}

/// D7: also by an inner one whose outer is waiting, and that nobody will unpause.
#[test]
fn one_held_by_a_paused_inner_is_reported() {
    let mut rig = Rig::new();
    let inner = rig.fate.fail::<u32>("held");
    inner.pause();
    rig.fate.succeed(0).and_then(move |_| inner).add_both(rig.pen().end("outer"));
    rig.run();
    assert_eq!(rig.unheard(), ["held"]);
    assert_eq!(rig.said(), ["outer failed: abandoned: the promise was dropped unfired"]);
}

/// D7.
#[test]
fn a_promise_dropped_unfired_fails_its_deferred() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let line = line!() - 1;
    drop(
        deferred
            .or_else(move |failure| {
                assert_eq!(failure.born().line(), line);
                failure.trap::<Abandoned>().map(|_| 1)
            })
            .add_callback(rig.pen().pass("recovered")),
    );
    let fuse = rig.fate.get_fuse(Duration::from_secs(1));
    fuse.set_handler(move |_| promise.callback(2));
    fuse.cut();
    rig.run();
    assert_eq!(rig.said(), ["recovered 1"]);
}

/// D7, E2: a Promise that dies in a panic is abandoned like any other, whoever may have caught the panic.
#[test]
fn a_promise_that_a_panic_took_along_is_abandoned() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let (other, listened) = rig.fate.deferred::<u32>();
    drop(deferred);
    drop(listened.add_both(rig.pen().end("end")));
    rig.fate.call_soon(move |_| {
        assert!(promise.is_cancelled() || other.is_cancelled(), "off with his head");
    });
    rig.run();
    let faults = rig.faults();
    assert!(matches!(&faults[0], Seen::Panicked(words) if words == "off with his head"), "{faults:?}");
    assert!(matches!(&faults[1], Seen::Unheard { words, .. } if words.starts_with("abandoned")), "{faults:?}");
    assert_eq!(faults.len(), 2);
    assert_eq!(rig.said(), ["end failed: abandoned: the promise was dropped unfired"]);
}

/// D7: a `Cancelled` is no news to who asked for it; but it is to others.
#[test]
fn a_cancelled_of_your_own_asking_is_silent() {
    let mut rig = Rig::new();
    let (own, deferred) = rig.fate.deferred::<u32>();
    deferred.cancel();
    drop(deferred);
    let (inner, waited_for) = rig.fate.deferred::<u32>();
    let outer = rig.fate.succeed(0).and_then(move |_| waited_for);
    rig.run();
    outer.cancel();
    drop(outer);
    rig.run();
    assert!(rig.faults().is_empty());
    drop(rig.fate.fail::<u32>(fate::Cancelled));
    rig.run();
    assert_eq!(rig.unheard(), ["cancelled"]);
    drop((own, inner));
}

/// D7: what a canceller says instead is news.
#[test]
fn what_a_canceller_fails_with_is_reported() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    promise.on_cancel(|promise| promise.errback("the line is cut"));
    deferred.cancel();
    drop(deferred);
    rig.run();
    assert_eq!(rig.unheard(), ["the line is cut"]);
}

/// D7: for a task whose output is a `Result` of nothing, that is its failure.
#[test]
fn a_task_that_ends_with_an_error_which_nobody_looks_at_is_reported() {
    let mut rig = Rig::new();
    drop(rig.fate.spawn(async { Err::<(), Failure>("a failure".into()) }));
    drop(rig.fate.spawn(async { Err::<(), _>(io::Error::other("an error of the system")) }));
    drop(rig.fate.spawn(async { Ok::<(), Failure>(()) }));
    drop(rig.fate.spawn(async { Err::<(), Failure>("looked at".into()) }).add_callback(drop));
    rig.run();
    assert_eq!(rig.unheard(), ["a failure", "an error of the system"]);
}

/// D7: nothing is swallowed: a failure whose Fate went before it could be reported is printed, unless an errback waited for
/// it, or it only says that the Fate went.
#[test]
fn a_failure_that_outlives_its_fate_is_printed() {
    const CHILD: &str = "FATE_OUTLIVED";
    if std::env::var_os(CHILD).is_some() {
        let fate = Sim::new(1).host("here");
        let (promise, abandoned) = fate.deferred::<u32>();
        let (unheard, heard) = (fate.fail::<u32>("the tea is cold"), fate.fail::<u32>("an errback").add_errback(|_| 1));
        drop(fate.fail::<u32>("the butter is in the works"));
        drop((fate, promise, abandoned, unheard, heard));
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "unheard::a_failure_that_outlives_its_fate_is_printed", "--nocapture"]).env(CHILD, "yes");
    let output = child.output().unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = printed.lines().filter_map(|line| line.split(" (born").next()).collect();
    let unheard = "fate: a failure was dropped unheard: ";
    assert_eq!(lines, [format!("{unheard}the butter is in the works"), format!("{unheard}the tea is cold")]);
}

/// D7: a failure that the fault handler meets between handlers stops the run if it says so, and nothing is lost.
#[test]
fn the_fault_handler_may_stop_the_run() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Fate::builder().on_fault(|_, _| fate::Verdict::Stop));
    drop(fate.fail::<u32>("no"));
    let ran = Rc::new(Cell::new(false));
    let flag = ran.clone();
    fate.get_fuse(Duration::from_secs(1)).set_handler(move |_| flag.set(true));
    assert_eq!(sim.run().unwrap_err().to_string(), "no");
    assert!(!ran.get());
    sim.run().unwrap();
    assert!(ran.get());
}
