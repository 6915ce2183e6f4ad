//! H1: work for threads, on real ones and on none.

mod log;

use fate::sim::Sim;
use fate::{Builder, Cancelled, Deferred, Fate, Kind, ThreadPanicked, Verdict};
use fate_sim::World;
use log::{HOUR, Log, OnDrop, SECOND};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

/// Virtual time and real threads: a driver of the simulation, without a Sim.
fn host_with(world: &World, settings: Builder) -> Fate {
    settings.build_on(Box::new(world.host("here")))
}

fn host() -> Fate {
    host_with(&World::new(1), Fate::builder())
}

/// A closure that waits to be let go, and its two ends for the test: one tells when it has begun, one lets it go.
fn stuck() -> (impl FnOnce() -> &'static str + Send + 'static, Receiver<()>, Sender<()>) {
    let ((begins, has_begun), (let_go, may_go)) = (channel(), channel::<()>());
    let closure = move || {
        begins.send(()).unwrap();
        may_go.recv().unwrap_or(());
        "done"
    };
    (closure, has_begun, let_go)
}

/// Notes how a Deferred ends: a value as it is, a failure by its words.
fn noting(log: &Log<String>, deferred: Deferred<&'static str>) {
    let log = log.clone();
    drop(deferred.add_both(move |result| log.note(result.map_or_else(|failure| failure.to_string(), String::from))));
}

fn threads_of(fate: &Fate) -> Vec<String> {
    let live = fate.report().live.into_iter().filter(|live| live.kind == Kind::Thread);
    live.map(|live| live.waits_for).collect()
}

/// H1.
#[test]
fn the_closure_runs_on_a_thread_and_its_result_comes_back_on_the_loop() {
    let fate = host();
    let seen = Rc::new(Cell::new(None));
    let (note, here) = (seen.clone(), thread::current().id());
    fate.defer_to_thread(|| thread::current().id())
        .add_callback(move |there| note.set(Some((there, thread::current().id()))));
    fate.run().unwrap();
    let (there, back) = seen.get().unwrap();
    assert_ne!(there, here);
    assert_eq!(back, here);
}

/// H1, D10: on the real kernel, for a task.
#[test]
fn a_task_awaits_one_piece_of_work_after_another() {
    let fate = Fate::new().unwrap();
    let here = fate.clone();
    let sum = fate.run_until(async move {
        let mut sum = 0;
        for number in 0..100 {
            sum += here.defer_to_thread(move || number).await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 4950);
}

/// H1, L3: and it keeps the loop running though nobody holds the Deferred.
#[test]
fn work_that_nobody_waits_for_is_done() {
    let fate = host();
    let (told, tell) = channel();
    fate.defer_to_thread(move || -> io::Result<usize> {
        told.send("done").map_err(io::Error::other)?;
        Ok(4)
    });
    fate.run().unwrap();
    assert_eq!(tell.try_recv(), Ok("done"));
}

/// H1.
#[test]
fn a_panic_comes_back_as_a_failure_with_what_panic_was_given() {
    let fate = host();
    let words = Log::<String>::default();
    noting(&words, fate.defer_to_thread(|| panic!("no tea")));
    let number = 7;
    noting(&words, fate.defer_to_thread(move || panic!("no {number} cups")));
    let payload = fate.defer_to_thread(|| std::panic::resume_unwind(Box::new(9u8)));
    payload.add_errback(|failure| {
        assert_eq!(failure.to_string(), "panicked on a thread: (no words)");
        let payload = failure.trap::<ThreadPanicked>().unwrap().into_payload();
        assert_eq!(payload.downcast_ref(), Some(&9u8));
    });
    fate.run().unwrap();
    let mut words = words.take();
    words.sort();
    assert_eq!(words, ["panicked on a thread: no 7 cups", "panicked on a thread: no tea"]);
}

/// H1, D7.
#[test]
fn a_panic_that_nobody_heard_is_reported_with_the_line_that_handed_the_closure_in() {
    let faults = Rc::<RefCell<Vec<String>>>::default();
    let log = faults.clone();
    let settings = Fate::builder().on_fault(move |_, fault| {
        let failure = fault.failure().unwrap();
        log.borrow_mut().push(format!("{failure} at {}", failure.born().line()));
        Verdict::GoOn
    });
    let fate = host_with(&World::new(1), settings);
    fate.defer_to_thread(|| panic!("no tea"));
    let line = line!() - 1;
    fate.run().unwrap();
    assert_eq!(*faults.borrow(), [format!("panicked on a thread: no tea at {line}")]);
}

/// H1: grown on demand; otherwise these would wait for each other for ever.
#[test]
fn as_many_threads_are_started_as_there_is_work_that_waits() {
    let fate = host();
    let barrier = Arc::new(Barrier::new(20));
    for _ in 0..20 {
        let barrier = barrier.clone();
        fate.defer_to_thread(move || barrier.wait());
    }
    fate.run().unwrap();
}

/// H1.
#[test]
fn no_more_threads_are_started_than_were_allowed() {
    let fate = host_with(&World::new(1), Fate::builder().threads(3));
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let barrier = Arc::new(Barrier::new(3));
    for _ in 0..30 {
        let (now, most, barrier) = (now.clone(), most.clone(), barrier.clone());
        fate.defer_to_thread(move || {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            barrier.wait();
            now.fetch_sub(1, Ordering::SeqCst);
        });
    }
    fate.run().unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

/// H1: none at all would be of no use.
#[test]
fn a_bound_of_zero_counts_as_one_and_one_thread_does_its_work_in_order() {
    let fate = host_with(&World::new(1), Fate::builder().threads(0));
    let order = Arc::new(Mutex::new(Vec::new()));
    for number in 0..1000 {
        let order = order.clone();
        fate.defer_to_thread(move || order.lock().unwrap().push((number, thread::current().id())));
    }
    fate.run().unwrap();
    let order = order.lock().unwrap();
    assert!(order.iter().map(|(number, _)| *number).eq(0..1000));
    assert!(order.iter().all(|(_, thread)| *thread == order[0].1));
}

/// H1.
#[test]
fn nothing_is_lost_of_ten_thousand_results() {
    let fate = host_with(&World::new(1), Fate::builder().threads(4));
    let sum = Rc::new(Cell::new(0));
    for number in 0..10_000u64 {
        let sum = sum.clone();
        fate.defer_to_thread(move || number).add_callback(move |number| sum.set(sum.get() + number));
    }
    fate.run().unwrap();
    assert_eq!(sum.get(), 49_995_000);
    assert!(fate.report().live.is_empty(), "{}", fate.report());
}

/// H1: the closure is gone at once, not when a thread would have come to it.
#[test]
fn cancelling_withdraws_work_that_has_not_begun() {
    let fate = host_with(&World::new(1), Fate::builder().threads(1));
    let log = Log::default();
    let (closure, has_begun, let_go) = stuck();
    noting(&log, fate.defer_to_thread(closure));
    let token = Arc::new(());
    let held = token.clone();
    let withdrawn = fate.defer_to_thread(move || panic!("{} was withdrawn", Arc::strong_count(&held)));
    let control = withdrawn.control();
    noting(&log, withdrawn);
    noting(&log, fate.defer_to_thread(|| "next"));
    has_begun.recv().unwrap();
    assert_eq!(threads_of(&fate), ["its closure to return", "a free thread", "a free thread"]);
    let noted = log.clone();
    fate.call_soon(move |fate| {
        control.cancel();
        fate.call_soon(move |fate| {
            assert_eq!(Arc::strong_count(&token), 1);
            assert_eq!(threads_of(fate), ["its closure to return", "a free thread"]);
            fate.call_soon(move |_| {
                assert_eq!(noted.take(), ["cancelled"]);
                let_go.send(()).unwrap();
            });
        });
    });
    fate.run().unwrap();
    assert_eq!(log.take(), ["done", "next"]);
}

/// H1, L3: and the loop does not wait for it.
#[test]
fn of_work_that_runs_the_result_is_dropped_on_its_thread_when_it_is_cancelled() {
    struct Result(Sender<thread::ThreadId>);
    impl Drop for Result {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }
    let fate = host();
    let (closure, has_begun, let_go) = stuck();
    let (dropped, was_dropped) = channel();
    let (log, worker) = (Log::<String>::default(), Arc::new(Mutex::new(None)));
    let (note, noted) = (log.clone(), worker.clone());
    let work = fate.defer_to_thread(move || {
        *noted.lock().unwrap() = Some(thread::current().id());
        closure();
        Result(dropped)
    });
    has_begun.recv().unwrap();
    let control = work.control();
    drop(work.add_both(move |result| note.note(result.err().unwrap().to_string())));
    control.cancel();
    fate.run().unwrap();
    assert_eq!(log.take(), ["cancelled"]);
    assert_eq!(threads_of(&fate), ["its closure to return, though nobody wants the result"]);
    let_go.send(()).unwrap();
    assert_eq!(was_dropped.recv().ok(), *worker.lock().unwrap());
    while !threads_of(&fate).is_empty() {
        fate.turn(HOUR).unwrap();
    }
}

/// H1, D5: with a limit on the time.
#[test]
fn a_timeout_ends_the_waiting_for_work_that_runs() {
    let fate = host();
    let (closure, _has_begun, _let_go) = stuck();
    let log = Log::default();
    noting(&log, fate.defer_to_thread(closure).add_timeout(SECOND));
    fate.run().unwrap();
    assert_eq!((log.take(), fate.now().as_nanos()), (vec![String::from("time is up")], 1_000_000_000));
}

/// H1, L2: what has begun is waited for, what has not never will, and what a trigger hands in is done.
#[test]
fn a_shutdown_waits_for_what_runs_and_fails_what_never_ran() {
    // Virtual time would not wait for threads.
    let fate = host_with(&World::new(1), Fate::builder().threads(1).grace(Duration::MAX));
    let (closure, has_begun, let_go) = stuck();
    let log = Log::default();
    noting(&log, fate.defer_to_thread(closure));
    has_begun.recv().unwrap();
    let (token, ran) = (Arc::new(()), Arc::new(Mutex::new(Vec::new())));
    let (held, note) = (token.clone(), ran.clone());
    noting(
        &log,
        fate.defer_to_thread(move || {
            note.lock().unwrap().push(("queued", Arc::strong_count(&held)));
            "queued"
        }),
    );
    let (note, noted) = (ran.clone(), log.clone());
    fate.before_shutdown(move |fate| {
        fate.defer_to_thread(move || note.lock().unwrap().push(("saved", 0)))
            .add_callback(move |()| noted.note("saved".into()))
    });
    fate.call_soon(|fate| fate.shutdown());
    let checked = token.clone();
    fate.call_soon(move |fate| {
        // In the turns after the one that asked for it.
        fate.get_fuse(SECOND).set_handler(move |_| {
            assert_eq!(Arc::strong_count(&checked), 2);
            let_go.send(()).unwrap();
        });
    });
    fate.run().unwrap();
    assert_eq!(log.take(), ["done", "saved", "cancelled"]);
    assert_eq!(*ran.lock().unwrap(), [("saved", 0)]);
    assert_eq!(Arc::strong_count(&token), 1);
    let left: Vec<_> = fate.report().left.into_iter().map(|live| live.waits_for).collect();
    assert_eq!(left, ["its Promise", "nothing, for its turn did not come before the shutdown"]);
}

/// H1, L2, O2: to the nanosecond of the deadline.
#[test]
fn a_shutdown_does_not_wait_for_a_stuck_thread_past_its_deadline_and_the_report_names_it() {
    let world = World::new(1);
    let fate = host_with(&world, Fate::builder().grace(SECOND * 3));
    let (closure, has_begun, let_go) = stuck();
    let log = Log::default();
    let line = line!() + 1;
    noting(&log, fate.defer_to_thread(closure));
    has_begun.recv().unwrap();
    fate.call_soon(|fate| fate.shutdown());
    fate.run().unwrap();
    assert_eq!((world.elapsed(), log.take()), (SECOND * 3, vec![String::from("cancelled")]));
    let left = fate.report().left;
    let stuck = left.iter().find(|live| live.kind == Kind::Thread).unwrap();
    assert_eq!((stuck.place.line(), &*stuck.waits_for), (line, "its closure to return"));
    assert!(fate.report().live.is_empty(), "{}", fate.report());
    let_go.send(()).unwrap();
}

/// L1: with other threads, for those of before went with the shutdown.
#[test]
fn after_a_shutdown_there_are_threads_again() {
    let fate = host();
    let log = Log::default();
    for _ in 0..3 {
        let (ends, has_ended) = channel();
        noting(
            &log,
            fate.defer_to_thread(move || {
                at_the_end_of_this_thread(ends);
                "done"
            }),
        );
        fate.run().unwrap();
        assert!(has_ended.try_recv().is_err());
        fate.shutdown();
        fate.run().unwrap();
        assert_eq!(has_ended.try_recv(), Ok(()));
    }
    assert_eq!(log.take(), ["done"; 3]);
}

/// Tells when the thread that calls this has ended.
fn at_the_end_of_this_thread(tell: Sender<()>) {
    thread_local! {
        static LAST: RefCell<Option<Box<dyn std::any::Any>>> = const { RefCell::new(None) };
    }
    let last = OnDrop(move || tell.send(()).unwrap_or(()));
    LAST.set(Some(Box::new(last)));
}

/// H1, L7.
#[test]
fn no_idle_thread_outlives_its_fate() {
    for _ in 0..50 {
        let fate = host();
        let (ends, have_ended) = channel();
        for _ in 0..8 {
            let ends = ends.clone();
            fate.defer_to_thread(move || at_the_end_of_this_thread(ends));
        }
        drop(ends);
        fate.run().unwrap();
        drop(fate);
        while have_ended.try_recv().is_ok() {}
        assert_eq!(have_ended.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
    }
}

/// H1, L7: a Fate that is dropped does not wait for it, and what waited is dropped.
#[test]
fn a_stuck_thread_is_left_to_itself_when_its_fate_is_dropped() {
    let fate = host_with(&World::new(1), Fate::builder().threads(1));
    let (closure, has_begun, let_go) = stuck();
    let token = Arc::new(());
    let (held, waiting) = (token.clone(), token.clone());
    let (ends, has_ended) = channel();
    fate.defer_to_thread(move || {
        at_the_end_of_this_thread(ends);
        closure();
        held
    });
    fate.defer_to_thread(move || drop(waiting));
    has_begun.recv().unwrap();
    drop(fate);
    assert_eq!(Arc::strong_count(&token), 2);
    let_go.send(()).unwrap();
    has_ended.recv().unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
}

/// H1: a Fate that never hands anything in starts no thread, and one that was never run is dropped with its work.
#[test]
fn work_of_a_fate_that_is_never_run_is_not_waited_for() {
    let fate = host();
    let results: Vec<_> = (0..10).map(|number| fate.defer_to_thread(move || number)).collect();
    drop(fate);
    drop(results);
}

/// H1, V1: on the loop's own thread, in its turn in the ready queue, and in no time.
#[test]
fn in_a_simulation_the_loop_does_the_work_in_the_order_in_which_it_was_handed_in() {
    let history = || {
        let mut sim = Sim::new(7);
        let fate = sim.host("here");
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |what| {
            let (order, here) = (order.clone(), thread::current().id());
            move || {
                assert_eq!(thread::current().id(), here);
                order.lock().unwrap().push(what);
            }
        };
        fate.defer_to_thread(note("first")).add_callback({
            let after = note("after the first");
            move |()| after()
        });
        let ready = note("ready");
        fate.call_soon(move |_| ready());
        drop(fate.defer_to_thread(note("second")));
        assert!(order.lock().unwrap().is_empty());
        sim.run().unwrap();
        assert!(sim.leaks().is_empty());
        assert_eq!(*order.lock().unwrap(), ["first", "ready", "second", "after the first"]);
        (sim.history(), sim.elapsed())
    };
    assert_eq!(history(), history());
    assert!(history().1.is_zero());
}

/// H1: the closure is dropped, and never called.
#[test]
fn in_a_simulation_work_is_withdrawn_too() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let token = Arc::new(());
    let held = token.clone();
    let (log, counted) = (Log::default(), token.clone());
    fate.call_soon(move |fate| {
        let work = fate.defer_to_thread(move || -> &'static str { panic!("{}", Arc::strong_count(&held)) });
        work.cancel();
        noting(&log, work.or_else(|failure| failure.trap::<Cancelled>().map(|_| "cancelled")));
        fate.call_soon(move |_| assert_eq!(Arc::strong_count(&counted), 2));
    });
    sim.run().unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
}
