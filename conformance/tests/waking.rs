//! H2, A2 and L3 on each driver: other threads.

use fate::Fate;
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

on_each_driver! {
    a_call_from_another_thread_ends_the_wait,
    calls_of_each_thread_run_in_order_and_none_is_lost,
    a_call_before_the_run_runs_first,
    an_unused_remote_keeps_nothing_running,
    a_remote_that_keeps_alive_does_so_until_it_is_dropped,
    a_bounded_remote_makes_its_callers_wait,
    a_waker_ends_the_wait_from_any_thread,
    a_waker_that_a_thread_keeps_keeps_run_going,
    a_call_may_come_when_the_fate_is_gone,
    many_calls_cost_few_waits,
}

const HOUR: Duration = Duration::from_secs(3600);

/// Hands its waker out when it is first polled, and is done when it was woken.
fn woken_by(hand: mpsc::Sender<Waker>) -> impl Future<Output = ()> {
    let mut hand = Some(hand);
    poll_fn(move |context| match hand.take() {
        Some(hand) => {
            hand.send(context.waker().clone()).unwrap();
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

/// H2.
fn a_call_from_another_thread_ends_the_wait(ground: &Ground) {
    for _ in 0..50 {
        let ground = ground.another();
        let fate = ground.fate();
        let remote = fate.remote().keep_alive();
        let thread = thread::spawn(move || remote.call(|fate| fate.shutdown()));
        fate.run().unwrap();
        thread.join().unwrap();
    }
}

/// H2.
fn calls_of_each_thread_run_in_order_and_none_is_lost(ground: &Ground) {
    const CALLS: u32 = 20_000;
    let fate = ground.fate();
    let seen: Arc<Mutex<[u32; 4]>> = Arc::default();
    let remote = fate.remote().keep_alive();
    let threads: Vec<_> = (0..4)
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
    assert_eq!(*seen.lock().unwrap(), [CALLS; 4]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// H2.
fn a_call_before_the_run_runs_first(ground: &Ground) {
    let fate = ground.fate();
    let remote = fate.remote();
    fate.get_fuse(HOUR).set_handler(|_| ());
    let start = fate.now();
    thread::spawn(move || remote.call(|fate| fate.shutdown())).join().unwrap();
    fate.run().unwrap();
    assert!(fate.now() < start + HOUR);
}

/// L3.
fn an_unused_remote_keeps_nothing_running(ground: &Ground) {
    let fate = ground.fate();
    let (remote, bounded) = (fate.remote(), fate.remote().bounded(1));
    fate.run().unwrap();
    drop((remote, bounded));
}

/// L3.
fn a_remote_that_keeps_alive_does_so_until_it_is_dropped(ground: &Ground) {
    for _ in 0..100 {
        let ground = ground.another();
        let fate = ground.fate();
        let (remote, calls) = (fate.remote().keep_alive(), Arc::new(AtomicU32::new(0)));
        let count = calls.clone();
        let thread = thread::spawn(move || {
            remote.call(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            drop(remote);
        });
        fate.run().unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        thread.join().unwrap();
    }
}

/// H2.
fn a_bounded_remote_makes_its_callers_wait(ground: &Ground) {
    let fate = ground.fate();
    let (remote, calls) = (fate.remote().keep_alive().bounded(2), Arc::new(AtomicU32::new(0)));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (remote, calls) = (remote.clone(), calls.clone());
            thread::spawn(move || {
                for _ in 0..500 {
                    let calls = calls.clone();
                    remote.call(move |_| {
                        calls.fetch_add(1, Ordering::Relaxed);
                    });
                }
            })
        })
        .collect();
    drop(remote);
    fate.run().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1500);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A2.
fn a_waker_ends_the_wait_from_any_thread(ground: &Ground) {
    let fate = ground.fate();
    let (hand, wakers) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    for _ in 0..200 {
        fate.run_until(woken_by(hand.clone()));
    }
    drop(hand);
    thread.join().unwrap();
}

/// A2, L3.
fn a_waker_that_a_thread_keeps_keeps_run_going(ground: &Ground) {
    let fate = ground.fate();
    let (hand, wakers) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    for _ in 0..200 {
        let (done, waiting) = (Rc::new(Cell::new(0)), woken_by(hand.clone()));
        let (count, here, hand) = (done.clone(), fate.clone(), hand.clone());
        fate.spawn(async move {
            waiting.await;
            here.scope(async |scope| {
                scope.spawn(woken_by(hand));
            })
            .await;
            count.set(1);
        });
        fate.run().unwrap();
        assert_eq!(done.get(), 1);
    }
    drop(hand);
    thread.join().unwrap();
}

/// L1.
fn a_call_may_come_when_the_fate_is_gone(ground: &Ground) {
    let fate = ground.fate();
    let (hand, wakers) = mpsc::channel();
    let remote = fate.remote();
    let (hand, here) = (Rc::new(Cell::new(Some(hand))), fate.clone());
    let task = fate.spawn(async move { woken_by(hand.take().unwrap()).await });
    fate.call_soon(move |_| task.cancel());
    fate.run().unwrap();
    let waker = wakers.recv().unwrap();
    drop((here, fate));
    let thread = thread::spawn(move || {
        waker.wake();
        assert!(remote.try_call(|_: &Fate| ()).unwrap_err().is_closed());
        remote.call(|_| panic!("it is gone"));
    });
    thread.join().unwrap();
}

/// H2: one wake-up a sleep, however many come.
fn many_calls_cost_few_waits(ground: &Ground) {
    let fate = ground.fate();
    let (remote, calls) = (fate.remote(), Arc::new(AtomicU32::new(0)));
    let keeper = remote.clone().keep_alive();
    for _ in 0..1000 {
        let calls = calls.clone();
        remote.call(move |_| {
            calls.fetch_add(1, Ordering::Relaxed);
        });
    }
    let thread = thread::spawn(move || drop(keeper));
    fate.run().unwrap();
    thread.join().unwrap();
    let report = fate.report();
    assert_eq!(calls.load(Ordering::Relaxed), 1000);
    assert!(report.waits <= 2 && report.turns <= 5, "{report}");
}
