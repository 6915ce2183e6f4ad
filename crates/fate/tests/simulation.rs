//! V1 and V3: several hosts on one clock, one seed, one history; and what is left at the end.

mod log;

use fate::sim::Sim;
use fate::{Clock, Fate, Instant, Kind, Promise, Verdict};
use log::{HOUR, Log, MILLISECOND, NANOSECOND, SECOND, never};
use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// A program of three hosts that do this and that as chance has it, and hand each other promises to fire.
fn play(seed: u64) -> Sim {
    let mut sim = Sim::new(seed);
    let hosts =
        ["alice", "bob", "carol"].map(|name| sim.host_with(name, Fate::builder().on_fault(|_, _| Verdict::GoOn)));
    let open: Rc<RefCell<Vec<Promise<u64>>>> = Rc::default();
    for fate in &hosts {
        let (here, open) = (fate.clone(), open.clone());
        fate.spawn(async move {
            for _ in 0..100 {
                match here.random() % 8 {
                    0 => here.sleep(Duration::from_nanos(here.random() % 1_000_000)).await,
                    1 => {
                        here.get_fuse(MILLISECOND * (here.random() % 50) as u32).set_handler(|_| ());
                    }
                    2 => {
                        here.get_fuse_on(Clock::Wall, SECOND).set_handler(|_| Err("no spoon".into()));
                    }
                    3 => {
                        let (promise, deferred) = here.deferred();
                        open.borrow_mut().push(promise);
                        here.spawn(async move { deferred.await.is_ok() });
                    }
                    4 | 5 => {
                        let count = open.borrow().len() as u64;
                        if count > 0 {
                            let promise = open.borrow_mut().swap_remove((here.random() % count) as usize);
                            promise.callback(count);
                        }
                    }
                    6 => here.spawn(pending::<()>()).cancel(),
                    _ => here.call_soon(|fate| drop(fate.spawn(std::future::ready(())))),
                }
            }
        });
    }
    sim.run_until(MILLISECOND).unwrap();
    sim.suspend("bob", MILLISECOND * 20);
    sim.step_back("carol", SECOND * 5);
    sim.run().unwrap();
    open.take();
    sim.run().unwrap();
    sim
}

/// V1.
#[test]
fn one_seed_gives_one_history_byte_for_byte_and_another_seed_another() {
    let history = play(7).history();
    assert!(history.lines().count() > 300, "{history}");
    for _ in 0..3 {
        assert_eq!(play(7).history(), history);
    }
    let elsewhere = thread::spawn(|| {
        let _moved = vec![0u8; 12_345];
        play(7).history()
    });
    assert_eq!(elsewhere.join().unwrap(), history);
    assert_ne!(play(8).history(), history);
}

/// V1: nothing in it depends on where it was built or run.
#[test]
fn a_history_has_one_line_an_event_as_the_legend_says() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("alice", Fate::builder().on_fault(|_, _| Verdict::GoOn));
    let first = line!();
    fate.get_fuse(MILLISECOND * 1500).set_handler(|_| ());
    fate.spawn(std::future::ready(()));
    fate.spawn(pending::<()>());
    fate.every(SECOND * 2, |_, _| Err("no spoon".into()));
    fate.get_fuse(SECOND * 3).set_handler(|fate| fate.shutdown());
    sim.run_until(SECOND).unwrap();
    sim.suspend("alice", NANOSECOND);
    sim.step_back("alice", MILLISECOND * 250);
    sim.host("bob");
    sim.run().unwrap();
    let at = |offset: u32| format!("simulation.rs:{}", first + offset);
    let expected = [
        "        0.000000000 alice    born".to_string(),
        format!("        0.000000000 alice    spawned  {}", at(2)),
        format!("        0.000000000 alice    spawned  {}", at(3)),
        format!("        0.000000000 alice    finished {}", at(2)),
        "        1.000000000 alice    suspend  +0.000000001".to_string(),
        "        1.000000000 alice    step     -0.250000000".to_string(),
        "        1.000000000 bob      born".to_string(),
        format!("        1.500000001 alice    burned   {}", at(1)),
        format!("        2.000000001 alice    burned   {}", at(4)),
        format!("        2.000000001 alice    failed   {}", at(4)),
        format!("        3.000000001 alice    burned   {}", at(5)),
        format!("        3.000000001 alice    closing  {}", at(5)),
        format!("        3.000000001 alice    dropped  {}", at(3)),
        "        3.000000001 alice    closed".to_string(),
        format!("        3.000000001 alice    left     {}", at(4)),
        format!("        3.000000001 alice    left     {}", at(3)),
    ];
    assert_eq!(sim.history().lines().collect::<Vec<_>>(), expected);
    let events = sim.events();
    assert_eq!(events.len(), expected.len());
    assert_eq!((events[7].truth, &*events[7].host, events[7].word), (1_500_000_001, "alice", "burned"));
    assert_eq!(events[7].detail, at(1));
}

/// V1: an hour passes in no time.
#[test]
fn a_year_of_seconds_passes_in_virtual_time() {
    let mut sim = Sim::new(1);
    sim.forget_history();
    let fate = sim.host("here");
    let ticks = Rc::new(std::cell::Cell::new(0));
    let count = ticks.clone();
    fate.every(SECOND * 60, move |_, _| count.set(count.get() + 1));
    fate.get_fuse(HOUR * 24 * 365).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!((ticks.get(), sim.elapsed()), (60 * 24 * 365, HOUR * 24 * 365));
    assert!(sim.history().is_empty() && sim.events().is_empty());
}

/// V1.
#[test]
fn hosts_share_one_true_time_and_take_turns_in_the_order_in_which_they_were_made() {
    let mut sim = Sim::new(1);
    let hosts = ["carol", "alice", "bob"].map(|name| (name, sim.host(name)));
    let log = Log::default();
    for (name, fate) in &hosts {
        for seconds in [2, 1, 3] {
            let log = log.clone();
            let name = *name;
            fate.get_fuse(SECOND * seconds).set_handler(move |fate| log.note((fate.now() - Instant::START, name)));
        }
    }
    let soon = log.clone();
    let other = hosts[0].1.clone();
    hosts[2].1.get_fuse(SECOND * 2).set_handler(move |_| {
        other.call_soon(move |fate| soon.note((fate.now() - Instant::START, "bob at carol's")));
    });
    sim.run().unwrap();
    let at = |seconds| ["carol", "alice", "bob"].map(|name| (SECOND * seconds, name)).to_vec();
    let expected = [at(1), at(2), vec![(SECOND * 2, "bob at carol's")], at(3)].concat();
    assert_eq!(log.take(), expected);
}

/// V1: a host's chance depends on the seed and its name, not on who else there is.
#[test]
fn the_random_numbers_of_a_host_follow_from_the_seed_and_its_name() {
    let draw = |seed: u64, names: &[&str], of: &str| {
        let mut sim = Sim::new(seed);
        names.iter().for_each(|name| drop(sim.host(name)));
        let fate = sim.host(of);
        [(); 5].map(|()| fate.random())
    };
    let alice = draw(7, &[], "alice");
    assert_eq!(draw(7, &["bob", "carol"], "alice"), alice);
    assert_ne!(draw(7, &[], "bob"), alice);
    assert_ne!(draw(8, &[], "alice"), alice);
    assert_eq!(alice.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
}

/// V1.
#[test]
fn a_host_asked_for_again_is_the_same_host() {
    let mut sim = Sim::new(1);
    let (first, log) = (sim.host("here"), Log::default());
    sim.host("here").get_fuse(SECOND).set_handler(log.timing(()));
    assert_eq!(first.report().live.len(), 1);
    sim.host_with("here", Fate::builder().grace(Duration::ZERO));
    sim.run().unwrap();
    assert_eq!((log.len(), sim.history().lines().count()), (1, 2));
}

/// V1.
#[test]
fn a_world_can_be_run_to_a_moment_and_on_from_there() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let log = Log::default();
    for seconds in [1, 2, 3] {
        fate.get_fuse(SECOND * seconds).set_handler(log.timing(seconds));
    }
    sim.run_until(SECOND * 2).unwrap();
    assert_eq!((log.take().len(), sim.elapsed()), (2, SECOND * 2), "the moment itself is part of it");
    sim.run_until(SECOND).unwrap();
    assert_eq!(sim.elapsed(), SECOND * 2, "time does not go back");
    sim.run_until(SECOND * 3 - NANOSECOND).unwrap();
    assert_eq!((log.len(), sim.elapsed()), (0, SECOND * 3 - NANOSECOND));
    sim.run().unwrap();
    assert_eq!((log.len(), sim.elapsed()), (1, SECOND * 3));
    sim.run_until(HOUR).unwrap();
    assert_eq!(sim.elapsed(), HOUR);
}

/// V1, L1.
#[test]
fn a_host_that_is_shut_down_is_out_until_the_next_run() {
    let mut sim = Sim::new(1);
    let [alice, bob] = ["alice", "bob"].map(|name| sim.host(name));
    let log = Log::default();
    let (other, again) = (alice.clone(), log.clone());
    alice.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    bob.get_fuse(SECOND * 2).set_handler(move |_| {
        other.get_fuse(SECOND).set_handler(again.timing("alice"));
    });
    bob.get_fuse(SECOND * 9).set_handler(log.timing("bob"));
    sim.run().unwrap();
    assert_eq!(log.take(), [(9_000_000_000, "bob")]);
    sim.run().unwrap();
    assert_eq!(log.take().len(), 1, "its clock went on, and it was as good as new");
}

/// V1: a host among others cannot let time pass by itself.
#[test]
fn a_host_with_neighbours_cannot_run_alone() {
    let mut sim = Sim::new(1);
    let [alice, _bob] = ["alice", "bob"].map(|name| sim.host(name));
    alice.get_fuse(SECOND).set_handler(never());
    let failure = alice.run().unwrap_err();
    assert!(failure.to_string().contains("neighbours"), "{failure}");
    assert_eq!(sim.elapsed(), Duration::ZERO);
    alice.call_soon(|fate| {
        assert!(fate.turn(Duration::ZERO).unwrap());
        assert!(fate.turn(SECOND).is_err());
        fate.shutdown();
    });
    sim.run().unwrap();
}

/// V1, E2.
#[test]
fn a_panic_on_one_host_is_carried_out_of_the_world_which_can_run_on() {
    let mut sim = Sim::new(1);
    let hosts = ["alice", "bob", "carol"].map(|name| sim.host(name));
    let log = Log::default();
    hosts[0].get_fuse(SECOND).set_handler(log.noting("alice"));
    hosts[1].get_fuse(SECOND).set_handler(|_| -> () { panic!("out of tea") });
    hosts[2].get_fuse(SECOND).set_handler(log.noting("carol"));
    assert!(catch_unwind(AssertUnwindSafe(|| sim.run())).is_err());
    assert_eq!(log.take(), ["alice"]);
    sim.run().unwrap();
    assert_eq!(log.take(), ["carol"]);
}

fn leaks(sim: &Sim) -> Vec<(String, Kind, u32)> {
    sim.leaks().iter().map(|leak| (leak.host.clone(), leak.live.kind, leak.live.place.line())).collect()
}

/// V3.
#[test]
fn what_still_waits_at_the_end_is_told_with_its_host_and_who_made_it() {
    let mut sim = Sim::new(1);
    let [alice, bob] = ["alice", "bob"].map(|name| sim.host(name));
    let line = line!();
    let fuse = alice.get_fuse(Duration::MAX);
    fuse.set_handler(never());
    let unheard = alice.get_fuse(HOUR);
    let (promise, deferred) = bob.deferred::<()>();
    bob.spawn(async move { deferred.await.is_ok() });
    sim.run().unwrap();
    let expected =
        [("alice", Kind::Fuse, 2), ("alice", Kind::Fuse, 3), ("bob", Kind::Deferred, 4), ("bob", Kind::Task, 5)];
    assert_eq!(leaks(&sim), expected.map(|(host, kind, offset)| (host.to_string(), kind, line + offset)));
    let told = sim.leaks().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(told[0].contains("alice: fuse of") && told[0].contains("waits for never"), "{told:?}");
    assert!(told[1].contains("waits for 3600.000000000s, and for a handler"), "{told:?}");
    assert!(
        told[2].contains("waits for its Promise") && told[3].contains("waits for a fuse or a Deferred"),
        "{told:?}"
    );
    promise.callback(());
    assert!(fuse.cut() && unheard.cut());
    sim.run().unwrap();
    assert!(leaks(&sim).is_empty());
}

/// V3.
#[test]
fn what_a_shutdown_dropped_is_a_leak_too_and_what_was_put_away_is_not() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let line = line!() + 1;
    fate.get_fuse(HOUR).set_handler(never());
    let cut = fate.get_fuse(HOUR);
    cut.set_handler(never());
    cut.cut();
    let repeat = fate.every(SECOND, |_, _| ());
    let (_promise, cancelled) = fate.deferred::<()>();
    cancelled.cancel();
    drop(cancelled);
    fate.before_shutdown(|fate| fate.spawn(fate.sleep(SECOND)));
    fate.get_fuse(SECOND * 2).set_handler(move |fate| {
        repeat.stop();
        fate.shutdown();
    });
    sim.run().unwrap();
    assert_eq!(leaks(&sim), [("here".to_string(), Kind::Fuse, line)]);
    assert!(sim.history().ends_with(&format!("here     left     simulation.rs:{line}\n")), "{}", sim.history());
}

/// V3.
#[test]
fn a_tidy_program_leaves_nothing() {
    for shuts_down in [true, false] {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        let here = fate.clone();
        fate.before_shutdown(|_| ());
        fate.spawn(async move {
            here.sleep(SECOND).await;
            let limited = here.spawn(here.sleep(SECOND)).add_timeout(HOUR);
            limited.await.unwrap();
            if shuts_down {
                here.shutdown();
            }
        });
        sim.run().unwrap();
        assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
        assert_eq!(sim.elapsed(), SECOND * 2);
    }
}

#[test]
#[should_panic(expected = "there is no host dormouse")]
fn a_host_that_was_never_made_cannot_be_suspended() {
    Sim::new(1).suspend("dormouse", SECOND);
}
