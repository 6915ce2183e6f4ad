//! N9: packets, each by itself.

use crate::rig::{Host, MILLISECOND, SECOND, hosts, inet, pair, pass, settle, unix};
use core::net::IpAddr;
use fate_core::{Address, Family, Group, Interest, Setting, Socket, SocketKind};
use std::io::ErrorKind;

fn send(host: &Host, socket: Socket, packet: &[u8], to: &str) {
    host.network.send_packet(socket, packet, Some(&inet(to))).unwrap();
}

fn group(address: &str) -> Group {
    Group { address: address.parse::<IpAddr>().unwrap(), interface: 0 }
}

#[test]
fn packets_arrive_whole_or_not_at_all_with_who_sent_them() {
    let [alice, bob] = pair();
    let (here, there) = (alice.mailbox(1), bob.mailbox(2));
    for packet in [&b"tea"[..], b"", &[7; 65_507]] {
        send(&alice, here, packet, "10.0.0.2:2");
        settle(&alice.world);
        assert_eq!(bob.packet(there).unwrap(), (packet.to_vec(), inet("10.0.0.1:1")));
        assert_eq!(bob.packet(there).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(alice.elapsed(), MILLISECOND * 30);
    assert!(alice.network.send_packet(here, &[7; 65_508], Some(&inet("10.0.0.2:2"))).is_err());
    assert!(alice.network.send_packet(here, b"tea", None).is_err(), "to whom?");
}

#[test]
fn a_packet_longer_than_the_buffer_says_so_and_the_rest_is_gone() {
    let [alice, bob] = pair();
    let (here, there) = (alice.mailbox(1), bob.mailbox(2));
    send(&alice, here, b"twinkle", "10.0.0.2:2");
    send(&alice, here, b"little", "10.0.0.2:2");
    settle(&alice.world);
    let mut buffer = [0; 4];
    let arrival = bob.network.receive_packet(there, &mut buffer).unwrap();
    assert_eq!((arrival.length, arrival.is_truncated, &buffer), (4, true, b"twin"));
    assert_eq!(bob.packets(there), [b"little"]);
}

#[test]
fn a_watch_tells_when_there_is_a_packet() {
    let [alice, mut bob] = pair();
    let (here, there) = (alice.mailbox(1), bob.mailbox(2));
    let (read, write) = (bob.watch(there, Interest::Read), bob.watch(there, Interest::Write));
    assert_eq!(bob.says(write), ["writable"]);
    send(&alice, here, b"tea", "10.0.0.2:2");
    assert!(bob.news(read).is_empty());
    settle(&alice.world);
    assert_eq!(bob.says(read), ["readable"]);
}

#[test]
fn chance_loses_doubles_and_mixes_packets_as_often_as_it_was_told_to() {
    let [alice, bob] = pair();
    let (here, there) = (alice.mailbox(1), bob.mailbox(2));
    let link = alice.link(&bob);
    bob.set(there, Setting::ReceiveBuffer(1 << 20));
    let play = |loss, duplicate, latency: std::ops::Range<u32>| {
        alice.world.set_loss(link, loss);
        alice.world.set_duplicate(link, duplicate);
        alice.world.set_latency(link, &(MILLISECOND * latency.start..MILLISECOND * latency.end));
        (0..1000u32).for_each(|number| send(&alice, here, &number.to_be_bytes(), "10.0.0.2:2"));
        settle(&alice.world);
        bob.packets(there).iter().map(|bytes| u32::from_be_bytes(bytes[..].try_into().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(play(0.0, 0.0, 10..10), (0..1000).collect::<Vec<_>>());
    assert_eq!(play(1.0, 0.0, 10..10), []);
    let lossy = play(0.25, 0.0, 10..10);
    assert!((700..800).contains(&lossy.len()) && lossy.is_sorted(), "{}", lossy.len());
    let doubled = play(0.0, 0.25, 10..10);
    assert!((1200..1300).contains(&doubled.len()), "{}", doubled.len());
    let mut mixed = play(0.0, 0.0, 10..50);
    assert!(!mixed.is_sorted());
    mixed.sort_unstable();
    assert_eq!(mixed, (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_packet_that_finds_nobody_is_told_once_and_the_socket_lives() {
    let [mut alice, bob] = pair();
    let here = alice.mailbox(1);
    send(&alice, here, b"tea", "10.0.0.2:2");
    settle(&alice.world);
    assert_eq!(alice.packet(here).unwrap_err().kind(), ErrorKind::WouldBlock, "only who is connected is told");
    assert!(alice.network.connect(here, &inet("10.0.0.2:2")).unwrap());
    alice.network.send_packet(here, b"tea", None).unwrap();
    let watch = alice.watch(here, Interest::Read);
    settle(&alice.world);
    assert_eq!(alice.says(watch), ["readable error"]);
    assert_eq!(alice.packet(here).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(alice.packet(here).unwrap_err().kind(), ErrorKind::WouldBlock);
    let there = bob.mailbox(2);
    alice.network.send_packet(here, b"tea", None).unwrap();
    settle(&alice.world);
    assert_eq!(bob.packets(there), [b"tea"]);
    send(&bob, there, b"thanks", "10.0.0.1:1");
    settle(&alice.world);
    assert_eq!(alice.packets(here), [b"thanks"]);
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    let [alice, bob, carol] = hosts(["alice", "bob", "carol"]);
    let (here, there, elsewhere) = (alice.mailbox(1), bob.mailbox(2), carol.mailbox(2));
    send(&carol, elsewhere, b"early", "10.0.0.1:1");
    settle(&alice.world);
    assert!(alice.network.connect(here, &inet("10.0.0.2:2")).unwrap());
    assert_eq!(alice.network.peer_address(here).unwrap(), inet("10.0.0.2:2"));
    assert_eq!(alice.network.local_address(here).unwrap(), inet("10.0.0.1:1"));
    send(&carol, elsewhere, b"late", "10.0.0.1:1");
    send(&bob, there, b"tea", "10.0.0.1:1");
    settle(&alice.world);
    assert_eq!(alice.packets(here), [b"tea"]);
}

#[test]
fn what_finds_the_readers_buffer_full_is_lost() {
    let [alice, bob] = pair();
    let (here, there) = (alice.mailbox(1), bob.mailbox(2));
    bob.set(there, Setting::ReceiveBuffer(4096));
    (0..10).for_each(|number| send(&alice, here, &[number; 1000], "10.0.0.2:2"));
    settle(&alice.world);
    assert_eq!(bob.packets(there), (0..5).map(|number| vec![number; 1000]).collect::<Vec<_>>());
}

/// N9: sends say "full".
#[test]
fn a_slow_link_holds_packets_up_and_says_when_there_is_room_again() {
    let [mut alice, bob] = pair();
    let (here, there) = (alice.mailbox(1), bob.mailbox(2));
    alice.world.set_bandwidth(alice.link(&bob), 1000);
    alice.set(here, Setting::SendBuffer(4000));
    let count = (0..10).take_while(|_| alice.network.send_packet(here, &[1; 1000], Some(&inet("10.0.0.2:2"))).is_ok());
    assert_eq!(count.count(), 4);
    let watch = alice.watch(here, Interest::Write);
    pass(&alice.world, SECOND);
    assert!(alice.news(watch).is_empty());
    pass(&alice.world, SECOND);
    assert_eq!(alice.says(watch), ["writable"]);
    settle(&alice.world);
    assert_eq!((bob.packets(there).len(), alice.elapsed()), (4, SECOND * 4 + MILLISECOND * 10));
}

#[test]
fn broadcast_must_be_allowed_and_reaches_everybody() {
    let all = hosts(["alice", "bob", "carol"]);
    let sockets = all.each_ref().map(|host| host.mailbox(9));
    let [alice, ..] = &all;
    for address in ["255.255.255.255:9", "10.255.255.255:9"] {
        let to = inet(address);
        alice.set(sockets[0], Setting::Broadcast(false));
        let refused = alice.network.send_packet(sockets[0], b"tea", Some(&to));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
        alice.set(sockets[0], Setting::Broadcast(true));
        alice.network.send_packet(sockets[0], b"tea", Some(&to)).unwrap();
        settle(&alice.world);
        assert!(all.iter().zip(sockets).all(|(host, socket)| host.packets(socket) == [b"tea"]));
    }
    let stream = alice.stream();
    assert_eq!(
        alice.network.connect(stream, &inet("10.255.255.255:9")).unwrap_err().kind(),
        ErrorKind::NetworkUnreachable
    );
}

#[test]
fn a_group_reaches_its_members_in_both_families() {
    for (family, any, name) in [(Family::V4, "0.0.0.0:9", "224.0.0.5"), (Family::V6, "[::]:9", "ff02::5")] {
        let all = hosts(["alice", "bob", "carol"]);
        let sockets = all.each_ref().map(|host| {
            let socket = host.socket(family, SocketKind::Datagram);
            host.network.bind(socket, &inet(any)).unwrap();
            socket
        });
        let [alice, bob, _carol] = &all;
        let to = Address::Inet((name.parse::<IpAddr>().unwrap(), 9).into());
        let reached = |allowed: &[Setting]| {
            allowed.iter().for_each(|&setting| alice.set(sockets[0], setting));
            alice.network.send_packet(sockets[0], b"tea", Some(&to)).unwrap();
            settle(&alice.world);
            [0, 1, 2].map(|number: usize| all[number].packets(sockets[number]).len())
        };
        assert_eq!(reached(&[]), [0, 0, 0]);
        alice.set(sockets[0], Setting::Join(group(name)));
        bob.set(sockets[1], Setting::Join(group(name)));
        assert!(bob.network.set(sockets[1], Setting::Join(group(name))).is_err(), "once is enough");
        assert_eq!(reached(&[]), [1, 1, 0]);
        assert_eq!(reached(&[Setting::MulticastLoop(false)]), [0, 1, 0]);
        assert_eq!(reached(&[Setting::MulticastLoop(true), Setting::MulticastHops(0)]), [1, 0, 0]);
        assert_eq!(reached(&[Setting::MulticastHops(1), Setting::MulticastFromV6(1)]), [1, 0, 0]);
        assert_eq!(reached(&[Setting::MulticastFromV6(2)]), [1, 1, 0]);
        bob.set(sockets[1], Setting::Leave(group(name)));
        assert!(bob.network.set(sockets[1], Setting::Leave(group(name))).is_err());
        assert_eq!(reached(&[]), [1, 0, 0]);
    }
}

#[test]
fn a_group_that_is_none_is_refused() {
    let [alice, _bob] = pair();
    let (socket, stream) = (alice.mailbox(1), alice.stream());
    assert!(alice.network.set(socket, Setting::Join(group("10.0.0.2"))).is_err());
    assert!(alice.network.set(stream, Setting::Join(group("224.0.0.5"))).is_err());
    let far = Group { interface: 99, ..group("224.0.0.5") };
    assert!(alice.network.set(socket, Setting::Join(far)).is_err());
    assert!(alice.network.set(socket, Setting::MulticastFromV4("10.0.0.2".parse().unwrap())).is_err());
    alice.set(socket, Setting::MulticastFromV4("10.0.0.1".parse().unwrap()));
}

#[test]
fn packets_across_a_parted_link_are_lost() {
    let [alice, bob] = pair();
    let (here, there, link) = (alice.mailbox(1), bob.mailbox(2), alice.link(&bob));
    send(&alice, here, b"on its way", "10.0.0.2:2");
    pass(&alice.world, MILLISECOND * 5);
    alice.world.part(link);
    send(&alice, here, b"too late", "10.0.0.2:2");
    settle(&alice.world);
    alice.world.heal(link);
    send(&alice, here, b"tea", "10.0.0.2:2");
    settle(&alice.world);
    assert_eq!(bob.packets(there), [b"tea"]);
}

#[test]
fn a_socket_that_shares_its_port_gets_its_share() {
    let [alice, bob] = pair();
    let sockets = [(); 2].map(|()| {
        let socket = bob.socket(Family::V4, SocketKind::Datagram);
        bob.set(socket, Setting::ReusePort(true));
        bob.network.bind(socket, &inet("0.0.0.0:2")).unwrap();
        socket
    });
    (100..200).for_each(|port| send(&alice, alice.mailbox(port), b"tea", "10.0.0.2:2"));
    settle(&alice.world);
    let shares = sockets.map(|socket| bob.packets(socket).len());
    assert!(shares.iter().sum::<usize>() == 100 && shares.iter().all(|&share| share > 30), "{shares:?}");
}

/// N10.
#[test]
fn packets_between_unix_sockets_are_never_lost_and_the_sender_waits_for_room() {
    let [mut alice, _bob] = pair();
    let [here, there] = ["/run/here", "/run/there"].map(|name| {
        let socket = alice.socket(Family::Unix, SocketKind::Datagram);
        alice.network.bind(socket, &unix(name)).unwrap();
        socket
    });
    alice.set(here, Setting::SendBuffer(4000));
    let to = unix("/run/there");
    let count = (0..10).take_while(|_| alice.network.send_packet(here, &[1; 1000], Some(&to)).is_ok()).count();
    assert_eq!(count, 4);
    settle(&alice.world);
    let watch = alice.watch(here, Interest::Write);
    assert!(alice.news(watch).is_empty());
    assert_eq!(alice.packet(there).unwrap().1, unix("/run/here"));
    assert!(alice.news(watch).is_empty());
    assert_eq!(alice.packets(there).len(), 3);
    assert_eq!(alice.says(watch), ["writable"]);
    alice.network.send_packet(here, &[1; 4000], Some(&to)).unwrap();
    settle(&alice.world);
    alice.close(there);
    let error = alice.network.send_packet(here, b"tea", Some(&to)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "the file is stale");
    let missing = alice.network.send_packet(here, b"tea", Some(&unix("/run/nowhere"))).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
