//! The driver as a guest: a foreign loop waits for its descriptor. The foreign loop is another driver.

use crate::rig::{LONG, Rig};
use fate_core::{Clock, Driver, Interest, Until};
use std::io::{Write, pipe};
use std::os::fd::RawFd;
use std::time::Duration;

/// Whether a foreign loop that waits for this descriptor would be woken.
fn is_readable(descriptor: RawFd) -> bool {
    let mut host = Rig::default();
    host.watch(&descriptor, Interest::Read);
    host.told().len() == 1
}

/// L5.
#[test]
fn the_pollable_descriptor_is_readable_from_the_ring_to_the_exchange() {
    let mut guest = Rig::default();
    let descriptor = guest.driver.pollable().unwrap();
    let bell = guest.driver.ringer().unwrap();
    for _ in 0..3 {
        assert!(!is_readable(descriptor));
        bell.ring();
        assert!(is_readable(descriptor));
        guest.look();
    }
    assert!(!is_readable(descriptor));
}

/// L5.
#[test]
fn the_pollable_descriptor_is_readable_while_a_watched_one_is() {
    let mut guest = Rig::default();
    let descriptor = guest.driver.pollable().unwrap();
    let (reader, mut writer) = pipe().unwrap();
    let key = guest.watch(&reader, Interest::Read);
    assert!(guest.told().is_empty() && !is_readable(descriptor));
    writer.write_all(b"x").unwrap();
    assert!(is_readable(descriptor));
    assert_eq!(guest.told(), [key]);
    assert!(!is_readable(descriptor), "told once");
}

/// L5: the kernel is told of a cancel, so what happens to the descriptor afterwards wakes nobody.
#[test]
fn a_cancelled_watch_leaves_nothing_to_wake_a_host_for() {
    let mut guest = Rig::default();
    let (reader, mut writer) = pipe().unwrap();
    let key = guest.watch(&reader, Interest::Read);
    assert!(guest.told().is_empty());
    guest.cancel(key);
    assert!(guest.told().is_empty());
    writer.write_all(b"x").unwrap();
    assert!(!is_readable(guest.driver.pollable().unwrap()));
}

/// L5: a guest with nothing to do wakes its host zero times, also if it ran by itself before.
#[test]
fn an_alarm_that_has_gone_off_leaves_nothing_to_wake_a_host_for() {
    let mut guest = Rig::default();
    let descriptor = guest.driver.pollable().unwrap();
    for clock in Clock::ALL {
        let until = guest.within(clock, Duration::from_millis(1));
        guest.exchange(&until);
        assert!(!is_readable(descriptor), "{clock:?}");
        let late = guest.within(clock, LONG);
        guest.begin_to_wait(&late);
        assert!(!is_readable(descriptor), "{clock:?}");
    }
}

/// L5: the host is woken for a timer that was set before it took over, and by the exchange it is done with.
#[test]
fn an_alarm_that_goes_off_in_the_hosts_wait_wakes_it_once() {
    let (mut guest, mut host) = (Rig::default(), Rig::default());
    let descriptor = guest.driver.pollable().unwrap();
    for clock in Clock::ALL {
        let mut soon = Until::NOW;
        while soon.on(clock) <= guest.now(clock) {
            soon = guest.within(clock, Duration::from_millis(1));
            guest.begin_to_wait(&soon);
        }
        host.watch(&descriptor, Interest::Read);
        host.one();
        guest.look();
        assert!(!is_readable(descriptor), "{clock:?}");
    }
}

/// L5, N13: what an exchange has left for the next is news to a host.
#[test]
fn a_host_comes_back_for_what_an_exchange_has_left() {
    let mut guest = Rig::default();
    let descriptor = guest.driver.pollable().unwrap();
    let mut pairs: Vec<_> = (0..200).map(|_| guest.unix()).collect();
    let keys: Vec<_> = pairs.iter().map(|(here, _)| guest.receive(*here)).collect();
    assert!(guest.told().is_empty() && !is_readable(descriptor));
    pairs.iter_mut().for_each(|(_, there)| there.write_all(b"x").unwrap());
    let mut received = 0;
    while is_readable(descriptor) {
        received += guest.told().len();
    }
    assert_eq!(received, keys.len());
}

/// L5, N5: a peer that goes on while nobody receives wakes a host once, if at all.
#[test]
fn bytes_that_nobody_wants_wake_a_host_once() {
    let mut guest = Rig::default();
    let descriptor = guest.driver.pollable().unwrap();
    let (here, mut there) = guest.tcp();
    let receiving = guest.receive(here);
    guest.look();
    guest.cancel(receiving);
    guest.look();
    let mut woken = 0;
    for _ in 0..10 {
        there.write_all(b"x").unwrap();
        if is_readable(descriptor) {
            woken += 1;
            assert!(guest.told().is_empty());
        }
    }
    assert!(woken <= 1, "{woken}");
    let receiving = guest.receive(here);
    assert_eq!(guest.take(receiving, 10), [b'x'; 10]);
}
