//! Connecting: begun at the door, decided in a watch; and watches on sockets at large.

use crate::rig::Rig;
use fate_core::{Driver, Event, Family, Interest, Readiness, Socket, SocketKind};
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};

fn begin(rig: &mut Rig, address: SocketAddr) -> Socket {
    let network = rig.driver.network();
    let socket = rig.keep(network.socket(Family::V4, SocketKind::Stream).unwrap());
    network.connect(socket, &address.into()).unwrap();
    socket
}

/// N7: then it is a socket like any other.
#[test]
fn a_connection_is_decided_when_it_is_ready_for_writing() {
    let mut rig = Rig::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = begin(&mut rig, listener.local_addr().unwrap());
    let key = rig.watch_socket(here, Interest::Write);
    assert!(matches!(rig.one_of(key), Event::Ready(Readiness { writable: true, .. })));
    assert!(rig.driver.network().take_error(here).unwrap().is_none());
    let (mut there, _) = listener.accept().unwrap();
    let receiving = rig.receive(here);
    there.write_all(b"welcome").unwrap();
    assert_eq!(rig.take(receiving, 7), b"welcome");
}

/// N7.
#[test]
fn a_connection_that_is_refused_is_ready_too_and_says_why() {
    let mut rig = Rig::default();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let network = rig.driver.network();
    let here = rig.keep(network.socket(Family::V4, SocketKind::Stream).unwrap());
    let error = match network.connect(here, &address.into()) {
        Err(error) => error,
        Ok(_) => {
            let key = rig.watch_socket(here, Interest::Write);
            assert!(matches!(rig.one_of(key), Event::Ready(Readiness { writable: true, .. })));
            network.take_error(here).unwrap().unwrap()
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// N9: level-triggered, whoever has read from it in between.
#[test]
fn a_watch_on_packets_is_told_as_long_as_some_wait() {
    let mut rig = Rig::default();
    let here = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (address, there) = (here.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let here = rig.adopt(here);
    for _ in 0..2 {
        let key = rig.watch_socket(here, Interest::Read);
        assert!(rig.told().is_empty());
        there.send_to(b"", address).unwrap();
        assert!(matches!(rig.one_of(key), Event::Ready(Readiness { readable: true, .. })));
        let again = rig.watch_socket(here, Interest::Read);
        assert!(matches!(rig.one_of(again), Event::Ready(Readiness { readable: true, .. })));
        rig.driver.network().receive_packet(here, &mut [0; 8]).unwrap();
    }
}

/// Level-triggered, though the kernel was asked for edges by then.
#[test]
fn a_watch_on_a_stream_that_was_received_from_is_told_as_long_as_it_is_ready() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let receiving = rig.receive(here);
    there.write_all(b"x").unwrap();
    assert_eq!(rig.take(receiving, 1), b"x");
    rig.cancel(receiving);
    let key = rig.watch_socket(here, Interest::Read);
    assert!(matches!(rig.one_of(receiving), Event::Cancelled));
    rig.idle();
    there.write_all(b"yz").unwrap();
    assert!(matches!(rig.one_of(key), Event::Ready(Readiness { readable: true, .. })));
    for interest in [Interest::Read, Interest::Write, Interest::Read, Interest::Write] {
        let key = rig.watch_socket(here, interest);
        assert_eq!(rig.told(), [key], "{interest:?}");
    }
    let receiving = rig.receive(here);
    assert_eq!(rig.take(receiving, 2), b"yz");
    let refused = rig.watch_socket(here, Interest::Read);
    assert_eq!(rig.refusal().0, refused, "somebody reads already");
}
