//! Accepting connections.

use crate::rig::Rig;
use fate_core::{Driver, Event, Socket};
use rustix::io::Errno;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The socket of an accepted connection.
fn accepted(rig: &mut Rig, event: Event) -> Socket {
    let Event::Accepted(socket) = event else { panic!("{event:?}") };
    rig.keep(socket)
}

/// N1.
#[test]
fn connections_are_accepted_again_and_again() {
    let mut rig = Rig::default();
    let (listener, address) = rig.listener();
    let key = rig.accept(listener);
    assert!(rig.told().is_empty());
    for byte in 0..3 {
        let mut there = TcpStream::connect(address).unwrap();
        let event = rig.one_of(key);
        let here = accepted(&mut rig, event);
        there.write_all(&[byte]).unwrap();
        let receiving = rig.receive(here);
        assert_eq!(rig.take(receiving, 1), [byte]);
        rig.send(here, &[byte], true);
        rig.one();
        there.read_exact(&mut [0]).unwrap();
        drop(there);
        assert!(matches!(rig.one_of(receiving), Event::Ended));
    }
}

/// N8: an adopted listener has a history.
#[test]
fn connections_that_came_before_anybody_accepted_are_accepted_without_waiting() {
    let mut rig = Rig::default();
    let (listener, address) = rig.listener();
    let clients: Vec<_> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    let key = rig.accept(listener);
    let mut count = 0;
    while count < clients.len() {
        let told = rig.look();
        assert!(!told.is_empty(), "after {count}");
        for told in told {
            assert_eq!(told.key, key);
            accepted(&mut rig, told.event);
            count += 1;
        }
    }
    rig.idle();
}

/// A4.
#[test]
fn a_connection_that_comes_after_a_cancel_is_for_the_next_who_accepts() {
    let mut rig = Rig::default();
    let (listener, address) = rig.listener();
    let first = rig.accept(listener);
    assert!(rig.told().is_empty());
    rig.cancel(first);
    assert!(matches!(rig.one_of(first), Event::Cancelled));
    let there = TcpStream::connect(address).unwrap();
    rig.idle();
    let second = rig.accept(listener);
    let event = rig.one_of(second);
    let here = accepted(&mut rig, event);
    let peer = rig.driver.network().peer_address(here).unwrap();
    assert_eq!(peer, there.local_addr().unwrap().into());
}

/// E4.
#[test]
fn a_socket_that_does_not_listen_is_refused() {
    let mut rig = Rig::default();
    let (here, _there) = rig.tcp();
    let key = rig.accept(here);
    assert_eq!(rig.refusal(), (key, Some(Errno::INVAL.raw_os_error())));
    for number in [-1, i32::MAX] {
        let key = rig.accept(Socket(number));
        assert_eq!(rig.refusal(), (key, Some(Errno::BADF.raw_os_error())));
    }
}
