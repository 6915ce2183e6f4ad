//! Closing and releasing sockets, and numbers that are given out again.

use crate::rig::{LONG, Rig};
use fate_core::{Clock, Driver, Event, Interest, Socket};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// N3.
#[test]
fn closing_ends_a_connection_and_aborting_resets_it() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    rig.close(here, false);
    rig.look();
    assert_eq!(there.read(&mut [0]).unwrap(), 0);
    let (here, mut there) = rig.tcp();
    let key = rig.receive(here);
    rig.look();
    rig.cancel(key);
    rig.close(here, true);
    rig.look();
    assert_eq!(there.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// N2: what was sent before is sent.
#[test]
fn a_send_and_a_close_in_one_exchange_happen_in_that_order() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    rig.send(here, b"goodbye", false);
    rig.close(here, false);
    rig.look();
    let mut bytes = Vec::new();
    there.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"goodbye");
}

/// A4: whatever the number meant before.
#[test]
fn a_number_that_is_given_out_again_is_another_socket() {
    let mut rig = Rig::default();
    let mut numbers = std::collections::BTreeSet::new();
    for round in 0..20_u8 {
        let (here, mut there) = rig.unix();
        numbers.insert(here);
        let receiving = rig.receive(here);
        there.write_all(&[round]).unwrap();
        assert_eq!(rig.take(receiving, 1), [round]);
        match round % 4 {
            // There is something in the queue, or with the kernel, when it goes.
            0 => there.write_all(b"more").unwrap(),
            1 => drop(there),
            2 => assert!(rig.told().is_empty()),
            _ => drop(rig.watch_socket(here, Interest::HangUp)),
        }
        rig.cancel(receiving);
        rig.close(here, round % 2 == 0);
        let told = rig.look();
        assert!(told.iter().any(|told| told.key == receiving && matches!(told.event, Event::Cancelled)), "{told:?}");
    }
    assert!(numbers.len() < 20, "some number was given out again");
    rig.idle();
}

/// A4: a closed socket that lives on in another process, or under another number, is nobody's here.
#[test]
fn a_duplicate_that_lives_on_wakes_nobody() {
    let mut rig = Rig::default();
    let (here, mut there) = UnixStream::pair().unwrap();
    let duplicate = here.try_clone().unwrap();
    let here = rig.adopt(here);
    let receiving = rig.receive(here);
    rig.look();
    rig.cancel(receiving);
    rig.close(here, false);
    rig.look();
    there.write_all(b"x").unwrap();
    let mut host = Rig::default();
    host.watch(&rig.driver.pollable().unwrap(), Interest::Read);
    assert!(host.told().is_empty());
    drop(duplicate);
}

/// N8: and what is done with it then is no affair of ours.
#[test]
fn a_released_socket_is_forgotten_at_once_and_may_come_back() {
    let mut rig = Rig::default();
    let descriptor = rig.driver.pollable().unwrap();
    let (here, mut there) = rig.unix();
    for round in 0..3_u8 {
        let receiving = rig.receive(here);
        there.write_all(&[round]).unwrap();
        assert_eq!(rig.take(receiving, 1), [round]);
        assert!(rig.told().is_empty());
        rig.cancel(receiving);
        let released = UnixStream::from(rig.release(here));
        let mut host = Rig::default();
        there.write_all(b"x").unwrap();
        host.watch(&descriptor, Interest::Read);
        assert!(host.told().is_empty(), "nothing is left with the kernel");
        assert!(matches!(rig.one_of(receiving), Event::Cancelled));
        assert_eq!((&released).read(&mut [0]).unwrap(), 1);
        assert_eq!(rig.adopt(released), here);
    }
}

/// L7.
#[test]
fn a_driver_that_goes_with_everything_under_way_leaves_the_other_side_an_end() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.unix();
    rig.receive(here);
    let waiting = rig.send(here, &[0; 1 << 24], false);
    let Event::Sent(left, Ok(())) = rig.one_of(waiting) else { panic!() };
    rig.send_all(here, left, false);
    let (listener, _) = rig.listener();
    rig.accept(listener);
    assert!(rig.told().is_empty());
    drop(rig);
    there.read_to_end(&mut Vec::new()).unwrap();
}

/// N3: only sockets are closed.
#[test]
fn a_number_that_is_no_socket_is_not_closed() {
    let mut rig = Rig::default();
    rig.close(Socket(-1), true);
    rig.look();
    let until = rig.within(Clock::Monotonic, LONG);
    rig.begin_to_wait(&until);
}
