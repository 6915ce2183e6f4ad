//! V2: what becomes of children when their host has a bad day.

use crate::log::{Log, OnDrop, SECOND};
use crate::rig::{command, events, said, world};

/// V2, T11: what is suspended takes no part in time.
#[test]
fn a_suspended_host_suspends_its_children() {
    let (mut sim, fate) = world(1);
    sim.program("here", "sleep", |child| async move { child.fate().sleep(SECOND * 10).await });
    fate.output(command("sleep")).add_callback(|output| assert!(output.status.success()));
    sim.run_until(SECOND).unwrap();
    sim.suspend("here", SECOND * 100);
    sim.run().unwrap();
    assert_eq!(sim.elapsed().as_secs(), 110);
}

/// V2: they are dropped where they wait; and its programs are still there when it is started again.
#[test]
fn a_crash_takes_the_children_with_it() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let seen = log.clone();
    sim.program("here", "sleep", move |child| {
        let log = seen.clone();
        async move {
            let _dropped = OnDrop(move || log.note("dropped"));
            child.fate().sleep(SECOND * 10).await;
            3
        }
    });
    fate.output(command("sleep")).add_callback(|_| unreachable!()).add_errback(drop);
    drop(fate);
    sim.run_until(SECOND).unwrap();
    sim.crash("here");
    assert_eq!(log.take(), ["dropped"]);
    assert_eq!(events(&sim, &["exited"]), Vec::<String>::new());

    let again = sim.host("here");
    let statuses = Log::default();
    let seen = statuses.clone();
    again.output(command("sleep")).add_callback(move |output| seen.note(said(output.status)));
    sim.run().unwrap();
    assert_eq!(statuses.take(), ["3"]);
    assert_eq!(events(&sim, &["started", "exited"]), ["started sleep[2]", "started sleep[3]", "exited sleep[3] 3"]);
    assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
}

/// L7: what a program holds does not keep the Fate alive that runs it, nor the other way round.
#[test]
fn a_simulation_that_is_dropped_drops_its_programs() {
    let (mut sim, fate) = world(1);
    let log = Log::default();
    let (seen, here) = (log.clone(), fate.clone());
    let dropped = OnDrop(move || seen.note("dropped"));
    sim.program("here", "hold", move |_| {
        let _holds = (&dropped, &here);
        async {}
    });
    drop(sim);
    assert_eq!(log.take(), ["dropped"]);
    let statuses = Log::default();
    let seen = statuses.clone();
    fate.spawn_child(command("hold"))
        .and_then(|child| child.exited())
        .add_callback(move |status| seen.note(said(status)));
    fate.run().unwrap();
    assert_eq!(statuses.take(), ["signal 9"]);
}
