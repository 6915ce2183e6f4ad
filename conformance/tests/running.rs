//! L, E and A1 on each driver: how a run ends, and what ends it.

use fate::{AlreadyRunning, Fate, Verdict};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{connected, listening};
use futures_lite::io::AsyncWriteExt;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

on_each_driver! {
    several_fates_run_one_after_another_and_at_once_on_several_threads,
    run_inside_run_is_an_error_value,
    run_ends_when_nothing_is_left,
    run_ends_when_what_was_written_last_has_left,
    a_shutdown_ends_the_run_and_the_next_one_is_as_good_as_new,
    a_shutdown_waits_for_its_triggers_and_not_beyond_the_deadline,
    a_shutdown_asked_for_before_the_run_waits_for_nothing,
    a_failure_and_a_panic_hurt_no_neighbour,
    a_panic_is_carried_out_and_the_run_goes_on_after_it,
    a_task_and_its_children_sleep_side_by_side,
    a_turn_waits_no_longer_than_it_has_patience,
    a_turn_in_a_handler_lets_time_go_by,
    a_fuse_an_hour_away_is_one_wait,
    the_hook_around_the_wait_is_called_for_waits_alone,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

type Log<T> = Rc<RefCell<Vec<T>>>;

/// L1.
fn several_fates_run_one_after_another_and_at_once_on_several_threads(ground: &Ground) {
    let driver = ground.driver_name();
    let run = move || {
        Ground::try_on(driver, |ground| {
            for _ in 0..3 {
                let ground = ground.another();
                let (fate, burned) = (ground.fate(), Rc::new(Cell::new(0)));
                for micros in [300, 200, 100] {
                    let count = burned.clone();
                    fate.get_fuse(Duration::from_micros(micros)).set_handler(move |_| count.set(count.get() + 1));
                }
                fate.run().unwrap();
                assert_eq!(burned.get(), 3);
            }
        });
    };
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(run)).collect();
    run();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// L1.
fn run_inside_run_is_an_error_value(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let inner = log.clone();
    fate.get_fuse(MILLISECOND).set_handler(move |fate| {
        inner.borrow_mut().push(fate.run().unwrap_err().is::<AlreadyRunning>());
    });
    fate.run().unwrap();
    fate.run().unwrap();
    assert_eq!(*log.borrow(), [true]);
}

/// L3.
fn run_ends_when_nothing_is_left(ground: &Ground) {
    let fate = ground.fate();
    fate.run().unwrap();
    let (remote, fuse) = (fate.remote(), fate.get_fuse(HOUR));
    let (promise, deferred) = fate.deferred::<u32>();
    let waits = fate.spawn(async { deferred.await.unwrap() });
    let (here, sums) = (fate.clone(), Log::default());
    let inner = sums.clone();
    fate.spawn(async move {
        here.scope(async |scope| {
            let task = scope.spawn(async move { waits.await.unwrap() });
            let sum = task.await;
            inner.borrow_mut().push(sum);
        })
        .await;
    });
    fate.get_fuse(MILLISECOND).set_handler(|_| ());
    fate.run().unwrap();
    promise.callback(7);
    fate.run().unwrap();
    assert_eq!(*sums.borrow(), [7]);
    drop((remote, fuse));
}

/// L3: nobody waits for a small send, so no driver wakes anybody for it; who slept for it would not wake.
fn run_ends_when_what_was_written_last_has_left(ground: &Ground) {
    let fate = ground.fate();
    let listener = listening(&fate);
    let (address, kept) = (listener.local_addr(), Rc::new(RefCell::new(None)));
    let (here, keep) = (fate.clone(), kept.clone());
    fate.spawn(async move {
        let mut writer = connected(&here, address).await;
        let (reader, _) = listener.accept().await?;
        drop(listener);
        writer.write_all(b"tea").await?;
        *keep.borrow_mut() = Some((writer, reader));
        fate::Ok(())
    });
    fate.run().unwrap();
    let (writer, reader) = kept.take().expect("somebody was written to");
    assert_eq!(writer.buffered(), 0);
    let mut words = [0; 3];
    fate.run_until(reader.read_exact(&mut words)).unwrap();
    assert_eq!(&words, b"tea");
}

/// L1, L2.
fn a_shutdown_ends_the_run_and_the_next_one_is_as_good_as_new(ground: &Ground) {
    let fate = ground.fate();
    for _ in 0..3 {
        let token = Rc::new(());
        let (held, in_task, here) = (token.clone(), token.clone(), fate.clone());
        fate.get_fuse(HOUR).set_handler(move |_| drop(held));
        fate.spawn(async move {
            here.sleep(HOUR).await;
            drop(in_task);
        });
        fate.get_fuse(MILLISECOND).set_handler(|fate| fate.shutdown());
        fate.run().unwrap();
        assert_eq!((Rc::strong_count(&token), fate.report().live.len()), (1, 0));
    }
}

/// L2.
fn a_shutdown_waits_for_its_triggers_and_not_beyond_the_deadline(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let (saved, start) = (log.clone(), fate.now());
    fate.before_shutdown(move |fate| {
        let here = fate.clone();
        fate.spawn(async move {
            here.sleep(MILLISECOND).await;
            saved.borrow_mut().push("saved");
        })
    });
    fate.call_soon(|fate| fate.shutdown());
    fate.run().unwrap();
    assert_eq!(*log.borrow(), ["saved"]);
    assert!(fate.now() >= start + MILLISECOND);

    let fate = ground.another().fate_with(Fate::builder().grace(MILLISECOND * 3));
    let start = fate.now();
    fate.before_shutdown(|fate| fate.spawn(fate.sleep(HOUR)));
    fate.call_soon(|fate| fate.shutdown());
    fate.run().unwrap();
    assert!((start + MILLISECOND * 3..start + HOUR).contains(&fate.now()));
}

/// L2.
fn a_shutdown_asked_for_before_the_run_waits_for_nothing(ground: &Ground) {
    let fate = ground.fate();
    let start = fate.now();
    fate.get_fuse(HOUR).set_handler(|_| ());
    fate.shutdown();
    fate.run().unwrap();
    assert!(fate.now() < start + HOUR);
}

/// E1, E2.
fn a_failure_and_a_panic_hurt_no_neighbour(ground: &Ground) {
    let faults = Rc::new(Cell::new(0));
    let count = faults.clone();
    let fate = ground.fate_with(Fate::builder().on_fault(move |_, _| {
        count.set(count.get() + 1);
        Verdict::GoOn
    }));
    let (log, due) = (Log::default(), fate.now() + MILLISECOND);
    for number in 0..100 {
        let log = log.clone();
        fate.get_fuse_at(due).set_handler(move |_| {
            match number {
                30 => return Err("no spoon".into()),
                60 => panic!("no tea"),
                _ => log.borrow_mut().push(number),
            }
            Ok(())
        });
    }
    fate.run().unwrap();
    assert!(log.borrow().iter().copied().eq((0..100).filter(|number| ![30, 60].contains(number))));
    assert_eq!(faults.get(), 2);
}

/// E2.
fn a_panic_is_carried_out_and_the_run_goes_on_after_it(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let due = fate.now() + MILLISECOND;
    for number in 0..10 {
        let log = log.clone();
        fate.get_fuse_at(due).set_handler(move |_| {
            assert!(number != 5, "no tea");
            log.borrow_mut().push(number);
        });
    }
    assert!(catch_unwind(AssertUnwindSafe(|| fate.run())).is_err());
    assert_eq!(*log.borrow(), [0, 1, 2, 3, 4]);
    fate.run().unwrap();
    assert_eq!(log.borrow()[5..], [6, 7, 8, 9]);
}

/// A1, A3.
fn a_task_and_its_children_sleep_side_by_side(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let (start, here, inner) = (fate.now(), fate.clone(), log.clone());
    // All begin to sleep in one turn, and so at one moment.
    fate.spawn(async move {
        here.scope(async |scope| {
            for millis in [3, 1, 2] {
                let (log, here) = (&inner, &here);
                scope.spawn(async move {
                    here.sleep(MILLISECOND * millis).await;
                    log.borrow_mut().push((millis, here.now()));
                });
            }
        })
        .await;
    });
    fate.run().unwrap();
    let log = log.take();
    assert_eq!(log.iter().map(|(millis, _)| *millis).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(log.iter().all(|(millis, now)| *now >= start + MILLISECOND * *millis));
}

/// L5.
fn a_turn_waits_no_longer_than_it_has_patience(ground: &Ground) {
    let fate = ground.fate();
    let start = fate.now();
    assert!(!fate.turn(Duration::MAX).unwrap(), "there is nothing to wait for");
    fate.get_fuse(HOUR).set_handler(|_| ());
    assert!(fate.turn(Duration::ZERO).unwrap());
    assert!(fate.turn(MILLISECOND * 2).unwrap());
    assert!((start + MILLISECOND * 2..start + HOUR).contains(&fate.now()));
    assert_eq!(fate.report().burned, 0);
}

/// L5.
fn a_turn_in_a_handler_lets_time_go_by(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let inner = log.clone();
    let second = fate.get_fuse(MILLISECOND * 3);
    let due = second.time();
    let burned = log.clone();
    second.set_handler(move |_| burned.borrow_mut().push("inner"));
    fate.get_fuse(MILLISECOND).set_handler(move |fate| {
        while inner.borrow().is_empty() {
            fate.turn(HOUR).unwrap();
        }
        assert!(fate.now() >= due, "time does not go back after the turn within");
        inner.borrow_mut().push("outer");
    });
    fate.run().unwrap();
    assert_eq!(*log.borrow(), ["inner", "outer"]);
}

/// L5: of an hour only its first milliseconds are tried here; `.ci/idle` watches a process for a minute.
fn a_fuse_an_hour_away_is_one_wait(ground: &Ground) {
    let fate = ground.fate();
    fate.get_fuse(HOUR).set_handler(|_| ());
    if ground.is_simulated() {
        fate.run().unwrap();
        let report = fate.report();
        return assert_eq!((report.turns, report.waits, report.burned), (1, 1, 1));
    }
    // A thread that is told when the loop has begun ends its wait; nothing else does.
    let (begun, begin) = std::sync::mpsc::channel();
    let remote = fate.remote();
    let thread = thread::spawn(move || {
        begin.recv().unwrap();
        remote.call(|fate| fate.shutdown());
    });
    fate.get_fuse(MILLISECOND).set_handler(move |_| begun.send(()).unwrap());
    fate.run().unwrap();
    thread.join().unwrap();
    let report = fate.report();
    // The fuse, the call, and the end.
    assert!(report.turns <= 3 && report.waits <= 2, "{report}");
}

/// A host that has to let go of something while the loop sleeps.
fn the_hook_around_the_wait_is_called_for_waits_alone(ground: &Ground) {
    let waits = Rc::new(Cell::new(0));
    let count = waits.clone();
    let fate = ground.fate_with(Fate::builder().around_wait(move |wait| {
        wait();
        count.set(count.get() + 1);
    }));
    fate.call_soon(|_| ());
    fate.run().unwrap();
    assert_eq!(waits.get(), 0, "nothing was waited for");
    fate.get_fuse(MILLISECOND).set_handler(|_| ());
    fate.run().unwrap();
    assert_eq!(waits.get(), fate.report().waits);
    assert_eq!(waits.get(), 1);
}
