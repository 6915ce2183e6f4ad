//! Rings from other threads.

use crate::rig::{LONG, Rig};
use fate_core::{Clock, Driver, Until};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// H2.
#[test]
fn a_ring_from_another_thread_ends_a_wait() {
    let mut rig = Rig::default();
    let bell = rig.driver.ringer().unwrap();
    let thread = thread::spawn(move || bell.ring());
    let until = rig.within(Clock::Monotonic, LONG);
    rig.exchange(&until);
    assert!(rig.now(Clock::Monotonic) < until.on(Clock::Monotonic));
    thread.join().unwrap();
}

/// H2: nothing is lost between two waits.
#[test]
fn a_ring_while_nobody_waits_ends_the_next_wait_and_no_other() {
    let mut rig = Rig::default();
    let bell = rig.driver.ringer().unwrap();
    bell.ring();
    bell.ring();
    rig.exchange(&Until::FOREVER);
    let until = rig.within(Clock::Monotonic, Duration::from_millis(2));
    rig.exchange(&until);
    assert!(rig.now(Clock::Monotonic) >= until.on(Clock::Monotonic));
}

/// T1: what is left of a ring that an exchange has answered cuts no wait short.
#[test]
fn a_ring_is_answered_by_an_exchange_that_does_not_wait() {
    let mut rig = Rig::default();
    let bell = rig.driver.ringer().unwrap();
    bell.ring();
    rig.look();
    let until = rig.within(Clock::Monotonic, Duration::from_millis(2));
    rig.exchange(&until);
    assert!(rig.now(Clock::Monotonic) >= until.on(Clock::Monotonic));
}

/// H2: whichever way ring and wait fall together, the wait ends.
#[test]
fn no_ring_of_ten_thousand_is_lost() {
    let mut rig = Rig::default();
    let (heard, next) = mpsc::channel();
    let threads = [0, 1].map(|_| {
        let (bell, (more, go_on)) = (rig.driver.ringer().unwrap(), mpsc::channel());
        heard.send(more).unwrap();
        thread::spawn(move || {
            bell.ring();
            while go_on.recv().is_ok() {
                bell.ring();
            }
        })
    });
    let ringers: Vec<mpsc::Sender<()>> = [next.recv().unwrap(), next.recv().unwrap()].into();
    for turn in 0..10_000 {
        let until = rig.within(Clock::Monotonic, LONG);
        rig.exchange(&until);
        assert!(rig.now(Clock::Monotonic) < until.on(Clock::Monotonic));
        ringers[turn % 2].send(()).unwrap();
    }
    drop(ringers);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// H1, L7: a thread may come too late.
#[test]
fn a_bell_may_be_rung_when_its_driver_is_gone() {
    let bell = Rig::default().driver.ringer().unwrap();
    bell.ring();
    thread::spawn(move || bell.ring()).join().unwrap();
}
