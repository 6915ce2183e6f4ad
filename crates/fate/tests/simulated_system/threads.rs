//! H1, V2: work for threads that takes virtual time.

use crate::log::{Log, SECOND};
use crate::rig::{leaks, note, world};
use fate::sim::Sim;
use fate::{Builder, Deferred, Fate};
use std::time::Duration;

/// Notes how a Deferred ends, and when.
fn noting(log: &Log<(u64, String)>, fate: &Fate, deferred: Deferred<u32>) -> Deferred<()> {
    let (log, fate) = (log.clone(), fate.clone());
    deferred.add_both(move |result| {
        note(&log, &fate, result.map_or_else(|failure| failure.to_string(), |value| value.to_string()));
    })
}

/// H1: and while a thread works everything else goes on.
#[test]
fn work_takes_its_time() {
    let (mut sim, fate) = world(1);
    sim.thread_time("here", SECOND * 2..SECOND * 2);
    let log = Log::default();
    drop(noting(&log, &fate, fate.defer_to_thread(|| 42)));
    let seen = log.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| note(&seen, fate, "burned"));
    sim.run().unwrap();
    assert_eq!(log.take(), [(1, "burned".to_string()), (2, "42".into())]);
    assert!(sim.leaks().is_empty());
}

fn drawn(seed: u64) -> Duration {
    let (mut sim, fate) = world(seed);
    sim.thread_time("here", SECOND..SECOND * 100);
    drop(fate.gather_results((0..4).map(|number| fate.defer_to_thread(move || number))));
    sim.run().unwrap();
    sim.elapsed()
}

/// V1.
#[test]
fn how_long_it_takes_follows_from_the_seed() {
    assert_eq!(drawn(3), drawn(3));
    assert_ne!(drawn(3), drawn(4));
    assert!(drawn(3) > SECOND && drawn(3) < SECOND * 100);
}

/// H1: there are no more threads than the Builder allows.
#[test]
fn work_waits_for_a_thread() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Builder::default().threads(2));
    sim.thread_time("here", SECOND..SECOND);
    let log = Log::default();
    for number in 0..5 {
        drop(noting(&log, &fate, fate.defer_to_thread(move || number)));
    }
    sim.run().unwrap();
    let times: Vec<u64> = log.take().into_iter().map(|(second, _)| second).collect();
    assert_eq!(times, [1, 1, 2, 2, 3]);
}

/// H1: what has not begun is withdrawn; what runs keeps its thread, and nothing going.
#[test]
fn cancelling_withdraws_what_was_not_begun() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Builder::default().threads(1));
    sim.thread_time("here", SECOND * 10..SECOND * 10);
    let log = Log::default();
    let work: Vec<_> = (0..3).map(|number| noting(&log, &fate, fate.defer_to_thread(move || number))).collect();
    let here = fate.clone();
    fate.get_fuse(SECOND).set_handler(move |_| {
        assert_eq!(here.report().live.iter().filter(|live| live.waits_for == "its turn").count(), 2);
        work[0].cancel();
        work[1].cancel();
    });
    sim.run().unwrap();
    let told = [(1, "cancelled"), (1, "cancelled"), (20, "2")].map(|(second, words)| (second, words.to_string()));
    assert_eq!(log.take(), told);
    assert!(sim.leaks().is_empty());
}

/// H1, L3: nothing will ever come of it, so the run is over; and it is told.
#[test]
fn a_stuck_thread_is_named() {
    let (mut sim, fate) = world(1);
    sim.thread_time("here", Duration::MAX..Duration::MAX);
    let work = fate.defer_to_thread(|| ());
    sim.run().unwrap();
    assert!(leaks(&sim).contains(&"thread its closure to return".to_string()), "{:?}", leaks(&sim));
    work.cancel();
    drop(work);
}

/// H1, L2: a shutdown does not wait for it past its deadline.
#[test]
fn a_shutdown_waits_for_a_stuck_thread_until_its_deadline() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Builder::default().grace(SECOND * 3).threads(1));
    sim.thread_time("here", Duration::MAX..Duration::MAX);
    let log = Log::default();
    drop(noting(&log, &fate, fate.defer_to_thread(|| 1)));
    drop(noting(&log, &fate, fate.defer_to_thread(|| 2)));
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND * 4);
    assert_eq!(log.take(), [(4, "cancelled".to_string()), (4, "cancelled".into())]);
    let left = fate.report().left.into_iter().map(|live| live.waits_for).collect::<Vec<_>>();
    assert!(left.contains(&"its closure to return".to_string()), "{left:?}");
}

/// H1, T11: the threads of a host that is suspended stand still.
#[test]
fn work_stands_still_with_its_host() {
    let (mut sim, fate) = world(1);
    sim.thread_time("here", SECOND * 2..SECOND * 2);
    fate.defer_to_thread(|| ()).add_callback(|()| ());
    sim.run_until(SECOND).unwrap();
    sim.suspend("here", SECOND * 60);
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND * 62);
}
