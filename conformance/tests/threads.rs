//! H1 on each driver: what threads do reaches a loop that sleeps in the kernel.

use fate::{Fate, Kind};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::time::Duration;

on_each_driver! {
    each_result_wakes_a_loop_that_has_nothing_else_to_do,
    a_hundred_pieces_of_work_at_once_all_come_back,
    a_stuck_thread_delays_a_shutdown_until_the_deadline_and_is_named,
}

/// H1.
fn each_result_wakes_a_loop_that_has_nothing_else_to_do(ground: &Ground) {
    let fate = ground.fate();
    let here = fate.clone();
    let sum = fate.run_until(async move {
        let mut sum = 0;
        for number in 0..500u64 {
            sum += here.defer_to_thread(move || number).await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 124_750);
}

/// H1.
fn a_hundred_pieces_of_work_at_once_all_come_back(ground: &Ground) {
    let fate = ground.fate();
    let sum = Rc::new(Cell::new(0));
    for number in 0..100u64 {
        let sum = sum.clone();
        fate.defer_to_thread(move || number).add_callback(move |number| sum.set(sum.get() + number));
    }
    fate.run().unwrap();
    assert_eq!(sum.get(), 4950);
}

/// H1, L2.
fn a_stuck_thread_delays_a_shutdown_until_the_deadline_and_is_named(ground: &Ground) {
    let grace = Duration::from_millis(5);
    let fate = ground.fate_with(Fate::builder().grace(grace));
    let ((begins, has_begun), (let_go, may_go)) = (channel(), channel::<()>());
    fate.defer_to_thread(move || {
        begins.send(()).unwrap();
        may_go.recv().unwrap_or(());
    });
    has_begun.recv().unwrap();
    let begin = fate.now();
    fate.shutdown();
    fate.run().unwrap();
    assert!(fate.now() - begin >= grace);
    let left: Vec<Kind> = fate.report().left.iter().map(|live| live.kind).collect();
    assert!(left.contains(&Kind::Thread), "{left:?}");
    drop(let_go);
}
