//! Watches for the other side's end.

use crate::rig::Rig;
use fate_core::{Event, Interest, Readiness};
use std::io::Write;
use std::net::Shutdown;

const HANG_UP: Readiness = Readiness { readable: false, writable: false, hang_up: true, error: false };

fn assert_gone(event: Event) {
    let Event::Ready(readiness) = event else { panic!("{event:?}") };
    assert_eq!(Readiness { error: false, ..readiness }, HANG_UP);
}

/// N4: also with bytes unread.
#[cfg_attr(fate_portable, ignore = "of epoll, `polling` tells no end of one direction")]
#[test]
fn an_end_is_told_of_while_nobody_receives() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let receiving = rig.receive(here);
    there.write_all(b"x").unwrap();
    assert_eq!(rig.take(receiving, 1), b"x");
    rig.cancel(receiving);
    let key = rig.watch_socket(here, Interest::HangUp);
    assert!(matches!(rig.one_of(receiving), Event::Cancelled));
    there.write_all(b"unread").unwrap();
    rig.idle();
    there.shutdown(Shutdown::Write).unwrap();
    assert_gone(rig.one_of(key));
    let receiving = rig.receive(here);
    assert_eq!(rig.take_end(receiving).0, b"unread", "and nothing is lost by it");
}

/// N4: whichever came first.
#[cfg_attr(fate_portable, ignore = "of epoll, `polling` tells no end of one direction")]
#[test]
fn an_end_that_came_before_is_told_of_at_once() {
    let mut rig = Rig::default();
    for is_received_from in [false, true] {
        for (here, there) in [rig.tcp(), rig.tcp()] {
            if is_received_from {
                let receiving = rig.receive(here);
                rig.look();
                rig.cancel(receiving);
                rig.look();
            }
            there.shutdown(Shutdown::Write).unwrap();
            rig.idle();
            for _ in 0..2 {
                let key = rig.watch_socket(here, Interest::HangUp);
                assert_gone(rig.one_of(key));
            }
        }
    }
}

/// N4: the three do not disturb each other.
#[test]
fn an_end_is_told_of_beside_a_reception_and_a_watch() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.unix();
    let receiving = rig.receive(here);
    let ending = rig.watch_socket(here, Interest::HangUp);
    let writing = rig.watch_socket(here, Interest::Write);
    assert_eq!(rig.told(), [writing]);
    there.write_all(b"x").unwrap();
    assert_eq!(rig.take(receiving, 1), b"x");
    let second = rig.watch_socket(here, Interest::HangUp);
    assert_eq!(rig.refusal().0, second);
    drop(there);
    let mut told = rig.wait();
    told.sort_by_key(|told| told.key);
    let [ended, gone] = <[_; 2]>::try_from(told).unwrap();
    assert!(ended.key == receiving && matches!(ended.event, Event::Ended));
    assert_eq!(gone.key, ending);
    assert_gone(gone.event);
}

/// N4: also of a socket that was never received from, and while it is full.
#[cfg_attr(fate_portable, ignore = "of epoll, `polling` tells no end of one direction")]
#[test]
fn an_end_is_told_of_while_nobody_reads_and_nothing_can_be_written() {
    let mut rig = Rig::default();
    let (here, there) = rig.tcp();
    let key = rig.watch_socket(here, Interest::HangUp);
    let sending = rig.send(here, &[0; 1 << 24], false);
    let Event::Sent(left, Ok(())) = rig.one_of(sending) else { panic!() };
    let sending = rig.send_all(here, left, false);
    rig.idle();
    there.shutdown(Shutdown::Write).unwrap();
    assert_gone(rig.one_of(key));
    rig.cancel(sending);
    rig.idle();
}

/// A4.
#[test]
fn a_cancelled_watch_for_the_end_is_not_told() {
    let mut rig = Rig::default();
    let (here, there) = rig.unix();
    let key = rig.watch_socket(here, Interest::HangUp);
    assert!(rig.told().is_empty());
    rig.cancel(key);
    drop(there);
    rig.idle();
    let key = rig.watch_socket(here, Interest::HangUp);
    assert_gone(rig.one_of(key));
}
