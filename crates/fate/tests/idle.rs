//! L5: idle means idle. Turns and waits are counted.

mod log;

use fate::sim::Sim;
use fate::{Clock, Fate};
use log::{HOUR, MILLISECOND, SECOND};
use std::time::Duration;

/// A host on its own: its waits are those of a real program.
fn host() -> Fate {
    Sim::new(1).host("here")
}

/// Turns and waits that a run took.
fn cost_of(fate: &Fate, run: impl FnOnce()) -> (u64, u64) {
    let before = fate.report();
    run();
    let after = fate.report();
    (after.turns - before.turns, after.waits - before.waits)
}

/// L5.
#[test]
fn a_fuse_an_hour_away_costs_one_wait_in_that_hour() {
    for clock in Clock::ALL {
        let fate = host();
        fate.get_fuse_on(clock, HOUR).set_handler(|_| ());
        assert_eq!(cost_of(&fate, || fate.run().unwrap()), (1, 1), "{clock:?}");
    }
}

/// L5: one that nobody listens to, that was cut or put off, or that is never, costs none.
#[test]
fn fuses_that_concern_nobody_wake_nobody() {
    let fate = host();
    let cut: Vec<_> = (1..=1000).map(|second| fate.get_fuse(SECOND * second)).collect();
    for fuse in &cut {
        fuse.set_handler(|_| ());
        fuse.cut();
    }
    let moved = fate.get_fuse(SECOND);
    moved.set_handler(|_| ());
    (2..=1000).for_each(|second| assert!(moved.reset(SECOND * second)));
    moved.reset(HOUR);
    fate.get_fuse(Duration::MAX).set_handler(|_| ());
    drop((1..=1000).map(|second| fate.get_fuse(SECOND * second)).collect::<Vec<_>>());
    fate.get_fuse(HOUR).set_handler(|_| ());
    assert_eq!(cost_of(&fate, || fate.run().unwrap()), (1, 1));
    assert_eq!(fate.now().as_nanos(), 3_600_000_000_000);
}

/// L5.
#[test]
fn tasks_deferreds_and_remotes_that_wait_wake_nobody() {
    let fate = host();
    let (promise, deferred) = fate.deferred::<()>();
    fate.spawn(async { deferred.await.is_ok() });
    fate.spawn(std::future::pending::<()>());
    let remote = fate.remote();
    fate.get_fuse(HOUR).set_handler(move |_| drop(promise));
    let (turns, waits) = cost_of(&fate, || fate.run().unwrap());
    assert_eq!((turns, waits), (2, 1), "one for the tasks to begin, one for the fuse");
    drop(remote);
}

/// L5: as many as there are deadlines, not handlers.
#[test]
fn each_deadline_costs_one_wait_however_many_fuses_have_it() {
    let fate = host();
    for millis in 1..=50 {
        for _ in 0..100 {
            fate.get_fuse(MILLISECOND * millis).set_handler(|_| ());
        }
    }
    assert_eq!(cost_of(&fate, || fate.run().unwrap()), (50, 50));
}

/// L5: what is ready does not need to be waited for, and no turn is taken for nothing.
#[test]
fn ready_work_costs_no_wait() {
    let fate = host();
    (0..100).for_each(|_| fate.call_soon(|fate| fate.call_soon(|_| ())));
    assert_eq!(cost_of(&fate, || fate.run().unwrap()), (1, 0));
    assert_eq!(cost_of(&fate, || fate.run().unwrap()), (1, 0), "there is nothing to wait for");
}

/// L5: a host that sleeps until `next_due` takes one turn for a fuse an hour away.
#[test]
fn a_guest_needs_one_turn_an_hour() {
    let fate = host();
    fate.every(HOUR, |_, _| ());
    let mut turns = 0;
    while let Some(due) = fate.next_due().filter(|due| due.as_nanos() <= 24 * 3_600_000_000_000) {
        let (taken, _) = cost_of(&fate, || assert!(fate.turn(due - fate.now()).unwrap()));
        turns += taken;
    }
    assert_eq!((turns, fate.report().burned), (24, 24));
}

/// L5, D5: a timeout that was not needed does not wake anybody when it would have been due.
#[test]
fn timeouts_that_were_not_needed_wake_nobody() {
    let fate = host();
    for _ in 0..100 {
        let (promise, deferred) = fate.deferred::<()>();
        deferred.add_timeout(MILLISECOND);
        promise.callback(());
    }
    fate.get_fuse(HOUR).set_handler(|_| ());
    assert_eq!(cost_of(&fate, || fate.run().unwrap()), (2, 1));
}
