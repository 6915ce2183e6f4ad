//! H2: calls from other threads. The door itself is tested in `fate-core`.

mod log;

use fate::sim::Sim;
use fate::{Fate, Remote};
use log::{HOUR, SECOND};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// A host on its own, which sleeps for real when nothing is left but threads.
fn host() -> Fate {
    Sim::new(1).host("here")
}

/// Counts calls.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU32>);

impl Count {
    /// A call that is counted.
    fn counting(&self) -> impl FnOnce(&Fate) + Send + 'static {
        let count = self.0.clone();
        move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

fn is_send_and_sync<T: Send + Sync + Clone>(_: &T) {}

/// H2.
#[test]
fn a_remote_may_be_cloned_and_sent_to_any_thread() {
    is_send_and_sync(&host().remote());
}

/// H2: FIFO a sender, and nothing is lost.
#[test]
fn calls_of_each_thread_run_in_the_order_they_were_made_and_none_is_lost() {
    const THREADS: usize = 4;
    const CALLS: usize = 50_000;
    let fate = host();
    let remote = fate.remote().keep_alive();
    let seen: Arc<Mutex<Vec<usize>>> = Arc::new(Mutex::new(vec![0; THREADS]));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (remote, seen) = (remote.clone(), seen.clone());
            thread::spawn(move || {
                for number in 0..CALLS {
                    let seen = seen.clone();
                    remote.call(move |_| {
                        let next = &mut seen.lock().unwrap()[thread];
                        assert_eq!(*next, number);
                        *next += 1;
                    });
                }
            })
        })
        .collect();
    drop(remote);
    fate.run().unwrap();
    assert_eq!(*seen.lock().unwrap(), [CALLS; THREADS]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// H2, D2: it is queued behind what is ready.
#[test]
fn a_call_from_the_loops_own_thread_is_not_run_in_place() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let order: Arc<Mutex<Vec<&str>>> = Arc::default();
    let note = |what| {
        let order = order.clone();
        move |_: &Fate| order.lock().unwrap().push(what)
    };
    fate.call_soon(note("ready"));
    fate.remote().call(note("remote"));
    assert!(order.lock().unwrap().is_empty());
    sim.run().unwrap();
    assert_eq!(*order.lock().unwrap(), ["ready", "remote"]);
}

/// H2: a fuse an hour away, and the call comes now.
#[test]
fn a_call_before_the_run_runs_in_its_first_turn_on_every_host_of_a_world() {
    let mut sim = Sim::new(1);
    let hosts = ["alice", "bob"].map(|name| sim.host(name));
    let called = Arc::new(Mutex::new(Vec::new()));
    for fate in &hosts {
        fate.get_fuse(HOUR).set_handler(|_| ());
        let called = called.clone();
        let remote = fate.remote();
        let thread = thread::spawn(move || remote.call(move |fate| called.lock().unwrap().push(fate.now())));
        thread.join().unwrap();
    }
    sim.run().unwrap();
    assert_eq!(*called.lock().unwrap(), [fate::Instant::START; 2]);
}

/// H2: though time does not move for it.
#[test]
fn a_call_runs_in_a_world_that_is_run_to_a_moment() {
    let mut sim = Sim::new(1);
    let hosts = ["alice", "bob"].map(|name| sim.host(name));
    let calls = Count::default();
    let (remote, count) = (hosts[1].remote(), calls.clone());
    thread::spawn(move || remote.call(count.counting())).join().unwrap();
    sim.run_until(SECOND).unwrap();
    assert_eq!((calls.get(), sim.elapsed()), (1, SECOND));
}

/// L3.
#[test]
fn an_unused_remote_keeps_nothing_running() {
    let fate = host();
    let (remote, bounded) = (fate.remote(), fate.remote().bounded(1));
    fate.get_fuse(SECOND).set_handler(|_| ());
    fate.run().unwrap();
    remote.call(|_| ());
    fate.run().unwrap();
    drop(bounded);
}

/// L3: unless asked to.
#[test]
fn a_remote_that_keeps_alive_does_so_until_its_last_clone_is_dropped() {
    for _ in 0..200 {
        let fate = host();
        let remote = fate.remote().keep_alive();
        let other = remote.clone().keep_alive();
        let called = Count::default();
        let count = called.clone();
        let thread = thread::spawn(move || {
            drop(remote);
            other.call(count.counting());
            drop(other);
        });
        fate.run().unwrap();
        assert_eq!(called.get(), 1);
        thread.join().unwrap();
    }
}

/// L3: in a world of several hosts too, and virtual time does not run on meanwhile.
#[test]
fn a_remote_keeps_its_host_alive_among_others() {
    let mut sim = Sim::new(1);
    let hosts = ["alice", "bob", "carol"].map(|name| sim.host(name));
    let log = log::Log::default();
    hosts[0].get_fuse(SECOND).set_handler(log.noting("alice"));
    let remotes: Vec<Remote> = hosts[1..].iter().map(|fate| fate.remote().keep_alive()).collect();
    let called = Count::default();
    let count = called.clone();
    let thread = thread::spawn(move || {
        for remote in remotes {
            (0..1000).for_each(|_| remote.call(count.counting()));
        }
    });
    sim.run().unwrap();
    assert_eq!((log.take(), called.get()), (vec!["alice"], 2000));
    thread.join().unwrap();
}

/// H2.
#[test]
fn a_bounded_remote_gives_a_call_back_when_it_is_full() {
    let fate = host();
    let remote = fate.remote().bounded(2);
    let (words, calls) = (String::from("too many"), Count::default());
    for _ in 0..2 {
        remote.try_call(calls.counting()).unwrap();
    }
    let refused = remote.try_call(move |_| drop(words)).unwrap_err();
    assert!(refused.is_full() && !refused.is_closed());
    fate.run().unwrap();
    assert_eq!(calls.get(), 2);
    remote.try_call(refused.call).unwrap();
    fate.run().unwrap();
}

/// H2: there is no more than that in the row at any time, and it gets through all the same.
#[test]
fn a_bounded_remote_makes_other_threads_wait_for_room() {
    let fate = host();
    let remote = fate.remote().keep_alive().bounded(3);
    let (calls, count) = (Count::default(), Count::default());
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (remote, count) = (remote.clone(), count.clone());
            thread::spawn(move || (0..2000).for_each(|_| remote.call(count.counting())))
        })
        .collect();
    remote.call(calls.counting());
    drop(remote);
    fate.run().unwrap();
    assert_eq!((count.get(), calls.get()), (6000, 1));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// H2: waiting there would be for ever.
#[test]
fn a_bounded_remote_that_is_full_lets_the_loops_own_thread_in() {
    let fate = host();
    let calls = Count::default();
    let (remote, count) = (fate.remote().bounded(1), calls.clone());
    fate.call_soon(move |_| {
        (0..10).for_each(|_| remote.call(count.counting()));
    });
    fate.run().unwrap();
    assert_eq!(calls.get(), 10);
}

/// L1, L7: whoever comes too late learns it, and nothing of the call is kept.
#[test]
fn calls_to_a_fate_that_is_gone_are_refused_and_those_that_waited_are_dropped() {
    let fate = host();
    let (remote, token) = (fate.remote().bounded(1), Arc::new(()));
    let held = token.clone();
    remote.call(move |_| drop(held));
    let (ready, go) = mpsc::channel();
    let (waiting, held) = (remote.clone(), token.clone());
    let thread = thread::spawn(move || {
        ready.send(()).unwrap();
        waiting.call(move |_| drop(held));
    });
    go.recv().unwrap();
    drop(fate);
    thread.join().unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
    let refused = remote.try_call(|_| ()).unwrap_err();
    assert!(refused.is_closed() && !refused.is_full());
    remote.call(|_| panic!("it is gone"));
    drop(remote.keep_alive());
}

/// L1.
#[test]
fn a_remote_outlives_a_shutdown() {
    let fate = host();
    let remote = fate.remote();
    remote.call(|fate| fate.shutdown());
    fate.run().unwrap();
    let called = Count::default();
    let count = called.clone();
    thread::spawn(move || remote.call(count.counting())).join().unwrap();
    fate.run().unwrap();
    assert_eq!(called.get(), 1);
}

/// E1, E2: it belongs to the loop, not to the thread that sent it.
#[test]
fn a_call_that_panics_does_so_on_the_loop_with_the_line_that_sent_it() {
    let fate = host();
    let remote = fate.remote();
    let line = line!() + 1;
    thread::spawn(move || remote.call(|_| panic!("out of tea"))).join().unwrap();
    let places = Rc::new(Cell::new(None));
    let seen = places.clone();
    let other = Fate::builder().on_fault(move |_, fault| {
        let fate::Fault::Panicked { place, .. } = fault else { panic!("{fault}") };
        seen.set(*place);
        fate::Verdict::GoOn
    });
    assert!(catch_unwind(AssertUnwindSafe(|| fate.run())).is_err());
    fate.run().unwrap();

    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", other);
    let remote = fate.remote();
    let second = line!() + 1;
    thread::spawn(move || remote.call(|_| panic!("out of tea"))).join().unwrap();
    sim.run().unwrap();
    assert_eq!(places.get().map(|place| place.line()), Some(second));
    assert_ne!(line, second);
}
