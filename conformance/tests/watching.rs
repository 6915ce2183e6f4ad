//! Descriptors of others on each driver, through the face: who is told when they are ready. The machine's side is tried in
//! `watches.rs`.

use fate::{Fate, Interest, Kind, Verdict};
use fate_conformance::ground::{Ground, READABLE, WRITABLE, Wire};
use fate_conformance::on_each_driver;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    a_watch_is_told_each_turn_until_it_is_stopped,
    a_watch_is_stopped_by_its_word_and_not_by_dropping_it,
    a_refusal_is_told_once_and_ends_the_watch,
    a_handler_that_fails_is_reported_and_told_again,
    a_watch_that_a_shutdown_ends_knows_it,
    a_task_waits_until_a_descriptor_is_ready,
    a_task_that_gives_up_waiting_leaves_no_watch,
    both_directions_are_waited_for_at_once,
}

const MILLISECOND: Duration = Duration::from_millis(1);

type Log<T> = Rc<RefCell<Vec<T>>>;

fn watches(fate: &Fate) -> usize {
    fate.report().live.iter().filter(|live| live.kind == Kind::Watch).count()
}

/// Level-triggered.
fn a_watch_is_told_each_turn_until_it_is_stopped(ground: &Ground) {
    let (fate, told) = (ground.fate(), Rc::new(Cell::new(0)));
    let wire = Rc::new(ground.wire());
    let (count, number) = (told.clone(), wire.number());
    let watch = fate.watch(number, Interest::Read, move |_, readiness| {
        assert_eq!(readiness?, READABLE);
        count.set(count.get() + 1);
        fate::Ok(())
    });
    assert!(watch.is_watching());
    fate.turn(Duration::ZERO).unwrap();
    assert_eq!(told.get(), 0);
    wire.fill();
    for turn in 1..=4 {
        fate.turn(Duration::ZERO).unwrap();
        assert_eq!(told.get(), turn);
    }
    let again = watch.clone();
    fate.call_soon(move |_| assert!(again.stop()));
    fate.run().unwrap();
    assert!(!watch.is_watching() && !watch.stop());
    assert_eq!(watches(&fate), 0);
}

/// The one rule for dropping.
fn a_watch_is_stopped_by_its_word_and_not_by_dropping_it(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let (wire, here) = (Rc::new(ground.wire()), log.clone());
    let slot: Rc<RefCell<Option<fate::Watch>>> = Rc::default();
    let (own, token) = (slot.clone(), Rc::new(()));
    let held = token.clone();
    let watch = fate.watch(wire.number(), Interest::Read, move |_, _| {
        let _held = &held;
        here.borrow_mut().push("told");
        assert!(own.take().is_some_and(|own| own.stop()), "it may stop itself");
    });
    *slot.borrow_mut() = Some(watch.clone());
    drop(watch);
    let later = wire.clone();
    fate.get_fuse(MILLISECOND).set_handler(move |_| later.fill());
    fate.run().unwrap();
    assert_eq!((log.take(), Rc::strong_count(&token)), (vec!["told"], 1));
}

fn a_refusal_is_told_once_and_ends_the_watch(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let here = log.clone();
    // What is no descriptor, as any driver sees it.
    let watch = fate.watch(1_000_000, Interest::Read, move |_, readiness| {
        here.borrow_mut().push(readiness.unwrap_err().raw_os_error());
    });
    fate.run().unwrap();
    assert_eq!(*log.borrow(), [Some(9)], "EBADF");
    assert!(!watch.is_watching());
}

/// E1.
fn a_handler_that_fails_is_reported_and_told_again(ground: &Ground) {
    let faults = Rc::new(Cell::new(0));
    let count = faults.clone();
    let fate = ground.fate_with(Fate::builder().on_fault(move |fate, fault| {
        assert!(fault.to_string().contains("watching.rs"), "{fault}");
        count.set(count.get() + 1);
        if count.get() == 3 {
            fate.shutdown();
        }
        Verdict::GoOn
    }));
    let wire = ground.wire();
    wire.fill();
    fate.watch(wire.number(), Interest::Read, |_, _| fate::Result::Err("the tea is cold".into()));
    fate.run().unwrap();
    assert_eq!(faults.get(), 3);
}

/// L2.
fn a_watch_that_a_shutdown_ends_knows_it(ground: &Ground) {
    let (fate, wire) = (ground.fate(), ground.wire());
    let watch = fate.watch(wire.number(), Interest::Read, |_, _| ());
    fate.get_fuse(MILLISECOND).set_handler(|fate| fate.shutdown());
    fate.run().unwrap();
    assert!(!watch.is_watching());
    assert!(fate.report().left.iter().any(|live| live.kind == Kind::Watch));
}

fn filled_later(fate: &Fate, ground: &Ground) -> Rc<Wire> {
    let wire = Rc::new(ground.wire());
    let later = wire.clone();
    fate.get_fuse(MILLISECOND).set_handler(move |_| later.fill());
    wire
}

fn a_task_waits_until_a_descriptor_is_ready(ground: &Ground) {
    let fate = ground.fate();
    let wire = filled_later(&fate, ground);
    fate.run_until(async {
        for _ in 0..3 {
            assert_eq!(fate.ready(wire.number(), Interest::Read).await.unwrap(), READABLE);
        }
        assert_eq!(fate.ready(1_000_000, Interest::Read).await.unwrap_err().raw_os_error(), Some(9));
    });
    assert_eq!(watches(&fate), 0);
}

/// A4, L3.
fn a_task_that_gives_up_waiting_leaves_no_watch(ground: &Ground) {
    let (fate, wire) = (ground.fate(), ground.wire());
    let number = wire.number();
    let waiting = fate.ready(number, Interest::Read);
    fate.spawn(waiting).add_timeout(MILLISECOND).add_both(|outcome| {
        assert!(outcome.unwrap_err().is::<fate::Elapsed>());
    });
    fate.run().unwrap();
    assert_eq!(watches(&fate), 0);
    // The direction is free again.
    wire.fill();
    fate.run_until(async { assert_eq!(fate.ready(number, Interest::Read).await.unwrap(), READABLE) });
}

fn both_directions_are_waited_for_at_once(ground: &Ground) {
    let fate = ground.fate();
    let wire = filled_later(&fate, ground);
    wire.clog();
    let later = wire.clone();
    fate.get_fuse(MILLISECOND * 2).set_handler(move |_| later.unclog());
    let (read, write) = fate.run_until(futures_lite::future::zip(
        fate.ready(wire.number(), Interest::Read),
        fate.ready(wire.number(), Interest::Write),
    ));
    assert_eq!((read.unwrap(), write.unwrap()), (READABLE, WRITABLE));
}
