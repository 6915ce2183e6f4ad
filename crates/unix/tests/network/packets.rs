//! Packets, without waiting.

use crate::rig::{Rig, loopback, wait};
use fate_core::{Address, Family, Network, Setting, Socket, SocketKind, UnixName};
use rustix::event::PollFlags;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The next packet: its bytes, and the rest.
fn receive(rig: &Rig, socket: Socket, room: usize) -> (Vec<u8>, fate_core::Arrival) {
    wait(socket, PollFlags::IN);
    let mut buffer = vec![0; room];
    let arrival = rig.receive_packet(socket, &mut buffer).unwrap();
    (buffer[..arrival.length].to_vec(), arrival)
}

/// N9.
#[test]
fn a_packet_arrives_with_the_address_it_came_from() {
    let rig = Rig::default();
    for family in [Family::V4, Family::V6] {
        let (here, from) = rig.bound(family, SocketKind::Datagram);
        let (there, to) = rig.bound(family, SocketKind::Datagram);
        rig.send_packet(here, b"tea", Some(&to)).unwrap();
        let (bytes, arrival) = receive(&rig, there, 16);
        assert_eq!((&bytes[..], &arrival.from, arrival.is_truncated), (&b"tea"[..], &from, false));
    }
}

/// N9.
#[test]
fn an_empty_packet_arrives_like_any_other() {
    let rig = Rig::default();
    let (here, from) = rig.bound(Family::V4, SocketKind::Datagram);
    let (there, to) = rig.bound(Family::V4, SocketKind::Datagram);
    rig.send_packet(here, b"", Some(&to)).unwrap();
    rig.connect(here, &to).unwrap();
    rig.send_packet(here, b"", None).unwrap();
    for _ in 0..2 {
        let (bytes, arrival) = receive(&rig, there, 16);
        assert_eq!((bytes.len(), &arrival.from, arrival.is_truncated), (0, &from, false));
    }
    assert_eq!(rig.receive_packet(there, &mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// N9.
#[test]
fn a_packet_that_is_longer_than_the_buffer_is_flagged() {
    let rig = Rig::default();
    let (here, _) = rig.bound(Family::V4, SocketKind::Datagram);
    let (there, to) = rig.bound(Family::V4, SocketKind::Datagram);
    for room in [2, 3, 4] {
        rig.send_packet(here, b"tea", Some(&to)).unwrap();
        let (bytes, arrival) = receive(&rig, there, room);
        assert_eq!((&bytes[..], arrival.is_truncated), (&b"tea"[..room.min(3)], room < 3));
    }
}

/// N9.
#[test]
fn a_packet_that_found_nobody_is_told_and_the_socket_lives() {
    let rig = Rig::default();
    let (here, from) = rig.bound(Family::V4, SocketKind::Datagram);
    let (gone, nowhere) = rig.bound(Family::V4, SocketKind::Datagram);
    rig.close(gone, false);
    rig.connect(here, &nowhere).unwrap();
    rig.send_packet(here, b"anybody?", None).unwrap();
    wait(here, PollFlags::IN);
    let error = rig.receive_packet(here, &mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let (there, _) = rig.bound(Family::V4, SocketKind::Datagram);
    let (other, _) = (rig.bound(Family::V4, SocketKind::Datagram).0, ());
    rig.connect(here, &rig.local_address(there).unwrap()).unwrap();
    rig.send_packet(other, b"a stranger", Some(&from)).unwrap();
    rig.send_packet(there, b"me", Some(&from)).unwrap();
    let (bytes, _) = receive(&rig, here, 16);
    assert_eq!(bytes, b"me", "what comes from elsewhere is not told once it is connected");
}

/// N9.
#[test]
fn a_packet_to_a_group_reaches_its_members_until_they_leave() {
    let rig = Rig::default();
    let address = Ipv4Addr::new(239, 255, 17, 4);
    let group = fate_core::Group { address: IpAddr::V4(address), interface: 1 };
    let there = rig.keep(rig.socket(Family::V4, SocketKind::Datagram).unwrap());
    rig.bind(there, &SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
    let Address::Inet(bound) = rig.local_address(there).unwrap() else { panic!("it has a port") };
    let to = Address::from(SocketAddr::from((address, bound.port())));
    let here = rig.keep(rig.socket(Family::V4, SocketKind::Datagram).unwrap());
    for setting in [Setting::MulticastFromV4(Ipv4Addr::LOCALHOST), Setting::MulticastLoop(true)] {
        rig.set(here, setting).unwrap();
    }
    rig.set(here, Setting::MulticastHops(0)).unwrap();
    rig.set(there, Setting::Join(group)).unwrap();
    rig.send_packet(here, b"all", Some(&to)).unwrap();
    assert_eq!(receive(&rig, there, 16).0, b"all");
    rig.set(there, Setting::Leave(group)).unwrap();
    let _ = rig.send_packet(here, b"none", Some(&to));
    rig.send_packet(here, b"only you", Some(&SocketAddr::from((Ipv4Addr::LOCALHOST, bound.port())).into())).unwrap();
    assert_eq!(receive(&rig, there, 16).0, b"only you");
}

/// N10.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_packet_between_unix_sockets_comes_from_a_name_or_from_nobody() {
    let rig = Rig::default();
    let (there, to) = rig.bound(Family::Unix, SocketKind::Datagram);
    let nobody = rig.keep(rig.socket(Family::Unix, SocketKind::Datagram).unwrap());
    let (somebody, from) = rig.bound(Family::Unix, SocketKind::Datagram);
    assert!(matches!(&from, Address::Unix(UnixName::Abstract(_))), "{from}");
    for (socket, from) in [(nobody, loopback(Family::Unix)), (somebody, from)] {
        rig.send_packet(socket, b"", Some(&to)).unwrap();
        assert_eq!(receive(&rig, there, 1).1.from, from);
    }
}
