//! How connections come to be, and how not.

use crate::rig::{Host, MICROSECOND, MILLISECOND, SECOND, connected, hosts, inet, pair, pass, settle};
use fate_core::{Direction, Event, Family, Interest, Setting, SocketKind};
use std::io::ErrorKind;
use std::time::Duration;

/// The caller knows after one way there and one back, the called one after one more.
#[test]
fn a_connection_opens_in_a_round_trip_and_a_half() {
    let [mut alice, mut bob] = pair();
    let listener = bob.listen("0.0.0.0:7");
    let accept = bob.accept(listener);
    let socket = alice.connect("10.0.0.2:7");
    let watch = alice.watch(socket, Interest::Write);
    pass(&alice.world, MILLISECOND * 20 - Duration::from_nanos(1));
    assert!(alice.news(watch).is_empty());
    pass(&alice.world, Duration::from_nanos(1));
    assert_eq!(alice.says(watch), ["writable"]);
    assert!(alice.network.take_error(socket).unwrap().is_none());
    pass(&alice.world, MILLISECOND * 10 - Duration::from_nanos(1));
    assert!(bob.news(accept).is_empty());
    pass(&alice.world, Duration::from_nanos(1));
    assert_eq!(bob.says(accept), ["accepted"]);
}

#[test]
fn both_ends_know_both_addresses() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &pair;
    let ends = [inet("10.0.0.1:32768"), inet("10.0.0.2:7")];
    let said =
        |host: &Host, socket| [host.network.local_address(socket).unwrap(), host.network.peer_address(socket).unwrap()];
    assert_eq!(said(alice, socket), ends);
    let [first, second] = said(bob, accepted);
    assert_eq!([second, first], ends);
}

#[test]
fn nobody_listening_is_a_refusal_after_one_round_trip() {
    let [mut alice, _bob] = pair();
    let socket = alice.connect("10.0.0.2:7");
    let watch = alice.watch(socket, Interest::Write);
    settle(&alice.world);
    assert_eq!(alice.elapsed(), MILLISECOND * 20);
    assert_eq!(alice.says(watch), ["writable hung up error"]);
    let error = alice.network.take_error(socket).unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(alice.network.take_error(socket).unwrap().is_none(), "it is told once");
}

#[test]
fn a_socket_that_was_refused_may_try_again() {
    let [mut alice, bob] = pair();
    let socket = alice.connect("10.0.0.2:7");
    assert!(alice.network.connect(socket, &inet("10.0.0.2:7")).is_err(), "one call at a time");
    settle(&alice.world);
    let _listener = bob.listen("0.0.0.0:7");
    assert!(!alice.network.connect(socket, &inet("10.0.0.2:7")).unwrap());
    settle(&alice.world);
    let watch = alice.watch(socket, Interest::Write);
    assert_eq!(alice.says(watch), ["writable"]);
    assert!(alice.network.connect(socket, &inet("10.0.0.2:7")).is_err(), "it is connected");
}

#[test]
fn an_address_that_nobody_has_is_unreachable_after_a_while_and_another_network_at_once() {
    let [mut alice, _bob] = pair();
    let elsewhere = alice.stream();
    let error = alice.network.connect(elsewhere, &inet("192.0.2.1:7")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    let socket = alice.connect("10.0.0.99:7");
    let watch = alice.watch(socket, Interest::Write);
    settle(&alice.world);
    assert_eq!((alice.says(watch).len(), alice.elapsed()), (1, SECOND * 3));
    assert_eq!(alice.network.take_error(socket).unwrap().unwrap().kind(), ErrorKind::HostUnreachable);
}

/// Linux makes six more attempts, and waits twice as long for each.
#[test]
fn a_call_across_a_parted_link_is_given_up_after_127_seconds() {
    let [mut alice, bob] = pair();
    let _listener = bob.listen("0.0.0.0:7");
    alice.world.part(alice.link(&bob));
    let socket = alice.connect("10.0.0.2:7");
    let watch = alice.watch(socket, Interest::Write);
    settle(&alice.world);
    assert_eq!((alice.says(watch).len(), alice.elapsed()), (1, SECOND * 127));
    assert_eq!(alice.network.take_error(socket).unwrap().unwrap().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_call_comes_through_at_the_first_attempt_after_the_link_has_healed() {
    let [mut alice, mut bob] = pair();
    let listener = bob.listen("0.0.0.0:7");
    let accept = bob.accept(listener);
    let link = alice.link(&bob);
    alice.world.part(link);
    let socket = alice.connect("10.0.0.2:7");
    let watch = alice.watch(socket, Interest::Write);
    pass(&alice.world, SECOND * 20);
    alice.world.heal(link);
    settle(&alice.world);
    assert_eq!(alice.elapsed(), SECOND * 31 + MILLISECOND * 30);
    assert_eq!((alice.says(watch), bob.says(accept)), (vec!["writable".into()], vec!["accepted".into()]));
}

#[test]
fn an_answer_or_a_confirmation_that_is_lost_is_given_again() {
    for cut in [5, 15, 25] {
        let [mut alice, mut bob] = pair();
        let (listener, link) = (bob.listen("0.0.0.0:7"), alice.link(&bob));
        let accept = bob.accept(listener);
        let socket = alice.connect("10.0.0.2:7");
        pass(&alice.world, MILLISECOND * cut);
        alice.world.part(link);
        pass(&alice.world, MILLISECOND * 10);
        alice.world.heal(link);
        settle(&alice.world);
        let watch = alice.watch(socket, Interest::Write);
        assert_eq!((alice.says(watch), bob.says(accept)), (vec!["writable".into()], vec!["accepted".into()]), "{cut}");
        assert!(alice.elapsed() > SECOND && alice.elapsed() < SECOND * 2);
    }
}

/// As Linux does: a call that finds the line full is not answered, and made again.
#[test]
fn calls_beyond_the_backlog_wait_until_there_is_room() {
    let [mut alice, mut bob] = pair();
    let listener = bob.stream();
    bob.network.bind(listener, &inet("0.0.0.0:7")).unwrap();
    bob.network.listen(listener, 2).unwrap();
    let watches: Vec<_> = (0..4)
        .map(|_| {
            let socket = alice.connect("10.0.0.2:7");
            alice.watch(socket, Interest::Write)
        })
        .collect();
    pass(&alice.world, MILLISECOND * 500);
    let open: Vec<_> = watches.iter().map(|&watch| alice.says(watch).len()).collect();
    assert_eq!(open, [1, 1, 0, 0]);
    let accept = bob.accept(listener);
    settle(&alice.world);
    assert_eq!(bob.says(accept).len(), 4);
    assert_eq!(watches[2..].iter().map(|&watch| alice.says(watch).len()).sum::<usize>(), 2);
}

#[test]
fn closing_a_listener_resets_those_who_wait_and_refuses_those_who_call() {
    let [mut alice, mut bob] = pair();
    let listener = bob.listen("0.0.0.0:7");
    let early = alice.connect("10.0.0.2:7");
    settle(&alice.world);
    let receive = alice.receive(early);
    let late = alice.connect("10.0.0.2:7");
    pass(&alice.world, MILLISECOND * 15);
    bob.close(listener);
    settle(&alice.world);
    assert_eq!(alice.says(receive), ["ConnectionReset"]);
    let receive = alice.receive(late);
    assert_eq!(alice.says(receive), ["ConnectionReset"], "it was answered, and then there was nobody");
}

#[test]
fn a_caller_that_gives_up_leaves_nothing_at_the_listener() {
    let [mut alice, mut bob] = pair();
    let listener = bob.stream();
    bob.network.bind(listener, &inet("0.0.0.0:7")).unwrap();
    bob.network.listen(listener, 1).unwrap();
    let accept = bob.accept(listener);
    for cut in [5, 15] {
        let socket = alice.connect("10.0.0.2:7");
        pass(&alice.world, MILLISECOND * cut);
        alice.abort(socket);
        settle(&alice.world);
        assert!(bob.news(accept).is_empty());
    }
    let _socket = alice.connect("10.0.0.2:7");
    settle(&alice.world);
    assert_eq!(bob.says(accept), ["accepted"]);
}

#[test]
fn a_host_reaches_itself_by_every_name_it_has() {
    let [mut alice] = hosts(["alice"]);
    let (v4, v6) = (alice.listen("0.0.0.0:7"), alice.listen("[::]:8"));
    let accepts = [alice.accept(v4), alice.accept(v6)];
    for address in ["127.0.0.1:7", "127.9.9.9:7", "10.0.0.1:7", "0.0.0.0:7", "[::1]:8", "[fd00::1]:8", "[::]:8"] {
        let socket = alice.connect(address);
        settle(&alice.world);
        let watch = alice.watch(socket, Interest::Write);
        assert_eq!(alice.says(watch), ["writable"], "{address}");
    }
    assert_eq!((alice.says(accepts[0]).len(), alice.says(accepts[1]).len()), (4, 3));
    assert!(alice.elapsed() < MICROSECOND * 50);
}

#[test]
fn loopback_is_each_hosts_own() {
    let [mut alice, bob] = pair();
    let _listener = bob.listen("127.0.0.1:7");
    for address in ["127.0.0.1:7", "10.0.0.2:7"] {
        let socket = alice.connect(address);
        let watch = alice.watch(socket, Interest::Write);
        settle(&alice.world);
        assert_eq!(alice.says(watch), ["writable hung up error"], "{address}");
    }
    let socket = alice.stream();
    alice.network.bind(socket, &inet("127.0.0.1:0")).unwrap();
    assert_eq!(alice.network.connect(socket, &inet("10.0.0.2:7")).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// N8.
#[test]
fn a_listener_for_version_6_takes_version_4_as_well_unless_told_not_to() {
    let [mut alice, mut bob] = pair();
    let listener = bob.listen("[::]:7");
    let accept = bob.accept(listener);
    let _socket = alice.connect("10.0.0.2:7");
    settle(&alice.world);
    let news = bob.news(accept);
    let [Event::Accepted(accepted)] = news[..] else { panic!("{news:?}") };
    assert_eq!(bob.network.peer_address(accepted).unwrap(), inet("[::ffff:10.0.0.1]:32768"));
    let strict = bob.socket(Family::V6, SocketKind::Stream);
    bob.set(strict, Setting::OnlyV6(true));
    bob.network.bind(strict, &inet("[::]:8")).unwrap();
    bob.network.listen(strict, 1).unwrap();
    let refused = alice.connect("10.0.0.2:8");
    let watch = alice.watch(refused, Interest::Write);
    let taken = alice.connect("[fd00::2]:8");
    let other = alice.watch(taken, Interest::Write);
    settle(&alice.world);
    assert_eq!(
        (alice.says(watch), alice.says(other)),
        (vec!["writable hung up error".into()], vec!["writable".into()])
    );
}

/// N8.
#[test]
fn what_a_listener_is_set_to_is_inherited() {
    let [mut alice, mut bob] = pair();
    let listener = bob.stream();
    bob.set(listener, Setting::ReceiveBuffer(4096));
    bob.network.bind(listener, &inet("0.0.0.0:7")).unwrap();
    bob.network.listen(listener, 8).unwrap();
    let accept = bob.accept(listener);
    let socket = alice.connect("10.0.0.2:7");
    settle(&alice.world);
    alice.send(socket, &[1; 50_000]);
    settle(&alice.world);
    let news = bob.news(accept);
    let [Event::Accepted(accepted)] = news[..] else { panic!("{news:?}") };
    let receive = bob.receive(accepted);
    assert_eq!(bob.received(receive).len(), 4096, "no more was let through");
}

#[test]
fn a_stream_that_is_not_connected_says_so() {
    let [mut alice, _bob] = pair();
    let socket = alice.stream();
    assert_eq!(alice.network.peer_address(socket).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(alice.network.shut_down(socket, Direction::Write).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(alice.network.local_address(socket).unwrap(), inet("0.0.0.0:0"));
    let (receive, send) = (alice.receive(socket), alice.send(socket, b"tea"));
    assert_eq!(
        (alice.says(receive), alice.says(send)),
        (vec!["NotConnected".into()], vec!["BrokenPipe, 3 left".into()])
    );
    let accept = alice.accept(socket);
    assert_eq!(alice.says(accept), ["InvalidInput"]);
    let watch = alice.watch(socket, Interest::Write);
    assert_eq!(alice.says(watch), ["writable hung up"]);
}

#[test]
fn a_socket_speaks_to_its_own_family_alone() {
    let [alice, _bob] = pair();
    let cases =
        [(Family::V4, inet("[fd00::2]:7")), (Family::V6, inet("10.0.0.2:7")), (Family::Unix, inet("10.0.0.2:7"))];
    for (family, address) in cases {
        let socket = alice.socket(family, SocketKind::Stream);
        assert!(alice.network.connect(socket, &address).is_err(), "{family:?}");
        assert!(alice.network.bind(socket, &address).is_err(), "{family:?}");
    }
}
