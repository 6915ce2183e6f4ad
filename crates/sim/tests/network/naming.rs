//! Who may be called what.

use crate::rig::{Host, MILLISECOND, SECOND, connected, hosts, inet, pair, pass, settle, unix};
use fate_core::{Address, Family, Setting, Socket, SocketKind, UnixName};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

fn bind_with(host: &Host, address: &str, settings: &[Setting]) -> io::Result<Socket> {
    let address = inet(address);
    let socket = host.socket(address.family(), SocketKind::Stream);
    settings.iter().for_each(|&setting| host.set(socket, setting));
    host.network.bind(socket, &address).map(|()| socket)
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn an_address_that_is_in_use_or_not_ones_own_is_refused() {
    let [alice, _bob] = pair();
    let first = bind_with(&alice, "0.0.0.0:7", &[]).unwrap();
    let cases = [
        ("0.0.0.0:7", Some(ErrorKind::AddrInUse)),
        ("127.0.0.1:7", Some(ErrorKind::AddrInUse)),
        ("[::]:7", Some(ErrorKind::AddrInUse)),
        ("[::1]:7", None),
        ("10.0.0.2:8", Some(ErrorKind::AddrNotAvailable)),
        ("192.0.2.1:8", Some(ErrorKind::AddrNotAvailable)),
        ("10.0.0.1:8", None),
        ("127.0.0.1:8", None),
        ("[fd00::1]:8", None),
    ];
    for (address, expected) in cases {
        assert_eq!(kind(bind_with(&alice, address, &[])), expected, "{address}");
    }
    assert_eq!(kind(alice.network.bind(first, &inet("0.0.0.0:9"))), Some(ErrorKind::InvalidInput), "it has one");
    let packets = alice.mailbox(7);
    assert_eq!(alice.network.local_address(packets).unwrap(), inet("0.0.0.0:7"), "another protocol, another port");
}

#[test]
fn ports_that_nobody_asked_for_come_in_order_and_are_free() {
    let mut pair = pair();
    let taken = bind_with(&pair[0], "0.0.0.0:32769", &[]).unwrap();
    let free: Vec<_> = (0..3).map(|_| bind_with(&pair[0], "127.0.0.1:0", &[]).unwrap()).collect();
    let ports = free.iter().map(|&socket| pair[0].network.local_address(socket).unwrap().inet().unwrap().port());
    assert_eq!(ports.collect::<Vec<_>>(), [32_768, 32_770, 32_771]);
    let [socket, _] = connected(&mut pair);
    assert_eq!(pair[0].network.local_address(socket).unwrap(), inet("10.0.0.1:32772"));
    pair[0].close(taken);
}

#[test]
fn a_host_runs_out_of_ports() {
    let [alice, _bob] = pair();
    let count = (0..).take_while(|_| bind_with(&alice, "0.0.0.0:0", &[]).is_ok()).count();
    assert_eq!(count, 28_232);
    assert_eq!(kind(bind_with(&alice, "0.0.0.0:0", &[])), Some(ErrorKind::AddrNotAvailable));
}

/// N8: a server that is started again does not wait for its old connections to be forgotten.
#[test]
fn a_port_lingers_for_a_minute_unless_it_is_reused() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    assert_eq!(kind(bind_with(bob, "0.0.0.0:7", &[Setting::ReuseAddress(true)])), Some(ErrorKind::AddrInUse), "alone");
    bob.close(accepted);
    settle(&alice.world);
    alice.close(socket);
    settle(&alice.world);
    assert_eq!(kind(bind_with(bob, "0.0.0.0:7", &[])), Some(ErrorKind::AddrInUse));
    let reused = bind_with(bob, "0.0.0.0:7", &[Setting::ReuseAddress(true)]).unwrap();
    bob.close(reused);
    pass(&alice.world, SECOND * 60);
    assert_eq!(kind(bind_with(bob, "0.0.0.0:7", &[])), None);
}

#[test]
fn sockets_that_reuse_an_address_cannot_both_listen() {
    let [alice, _bob] = pair();
    let [first, second] = [(); 2].map(|()| bind_with(&alice, "0.0.0.0:7", &[Setting::ReuseAddress(true)]).unwrap());
    alice.network.listen(first, 1).unwrap();
    assert_eq!(kind(alice.network.listen(second, 1)), Some(ErrorKind::AddrInUse));
    let third = bind_with(&alice, "0.0.0.0:7", &[Setting::ReuseAddress(true)]);
    assert_eq!(kind(third), Some(ErrorKind::AddrInUse));
}

/// N8.
#[test]
fn sockets_that_share_a_port_share_what_comes() {
    let [mut alice, mut bob] = pair();
    let listeners = [(); 2].map(|()| {
        let socket = bind_with(&bob, "0.0.0.0:7", &[Setting::ReusePort(true)]).unwrap();
        bob.network.listen(socket, 128).unwrap();
        bob.accept(socket)
    });
    assert_eq!(kind(bind_with(&bob, "0.0.0.0:7", &[])), Some(ErrorKind::AddrInUse));
    for _ in 0..100 {
        let socket = alice.connect("10.0.0.2:7");
        alice.receive(socket);
    }
    settle(&alice.world);
    let shares = listeners.map(|accept| bob.news(accept).len());
    assert_eq!(shares.iter().sum::<usize>(), 100);
    assert!(shares.iter().all(|&share| share > 30), "{shares:?}");
}

/// N10.
#[test]
fn a_unix_name_is_a_file_that_outlasts_its_socket() {
    let [mut alice, bob] = pair();
    let stream = |host: &Host| host.socket(Family::Unix, SocketKind::Stream);
    let (first, name) = (stream(&alice), unix("/run/tea"));
    let caller = stream(&alice);
    assert_eq!(kind(alice.network.connect(caller, &name)), Some(ErrorKind::NotFound));
    alice.network.bind(first, &name).unwrap();
    assert_eq!(kind(alice.network.connect(caller, &name)), Some(ErrorKind::ConnectionRefused), "it does not listen");
    alice.network.listen(first, 1).unwrap();
    assert_eq!(kind(bob.network.connect(stream(&bob), &name)), Some(ErrorKind::NotFound), "it is another machine");
    alice.close(first);
    assert_eq!(kind(alice.network.connect(caller, &name)), Some(ErrorKind::ConnectionRefused), "the file is stale");
    assert_eq!(kind(alice.network.bind(stream(&alice), &name)), Some(ErrorKind::AddrInUse));
    alice.network.remove_name(&name).unwrap();
    assert_eq!(kind(alice.network.remove_name(&name)), Some(ErrorKind::NotFound));
    alice.network.bind(stream(&alice), &name).unwrap();
}

/// N10.
#[test]
fn an_abstract_name_goes_with_its_socket() {
    let [mut alice, _bob] = pair();
    let name = Address::Unix(UnixName::Abstract(b"tea".to_vec()));
    let [first, second] = [(); 2].map(|()| alice.socket(Family::Unix, SocketKind::Stream));
    alice.network.bind(first, &name).unwrap();
    assert_eq!(kind(alice.network.bind(second, &name)), Some(ErrorKind::AddrInUse));
    alice.close(first);
    alice.network.bind(second, &name).unwrap();
    let long = Address::Unix(UnixName::Path(PathBuf::from("x".repeat(108))));
    let third = alice.socket(Family::Unix, SocketKind::Stream);
    assert_eq!(kind(alice.network.bind(third, &long)), Some(ErrorKind::InvalidInput));
}

/// N7.
#[test]
fn every_host_is_known_by_its_name_and_no_other_is() {
    let [alice, _bob] = hosts(["alice", "bob"]);
    let known = |name| alice.network.known_host(name, 80);
    let addresses = |texts: [&str; 2]| Some(texts.map(|text| text.parse().unwrap()).to_vec());
    assert_eq!(known("bob"), addresses(["10.0.0.2:80", "[fd00::2]:80"]));
    assert_eq!(known("localhost"), addresses(["127.0.0.1:80", "[::1]:80"]));
    assert_eq!(known("carol"), None);
}

#[test]
fn a_port_is_free_again_when_its_last_connection_is_over() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    assert_eq!(kind(bind_with(alice, "0.0.0.0:32768", &[])), Some(ErrorKind::AddrInUse));
    bob.abort(accepted);
    settle(&alice.world);
    pass(&alice.world, MILLISECOND);
    assert_eq!(kind(bind_with(alice, "0.0.0.0:32768", &[])), None);
    assert_eq!(kind(bind_with(bob, "0.0.0.0:7", &[])), None);
    alice.close(socket);
}
