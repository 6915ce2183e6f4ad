//! Whatever is asked of whatever socket: the kernel answers, and goes on.

use crate::rig::{MILLISECOND, hosts, outgoing};
use core::net::{IpAddr, SocketAddr};
use fate_core::{Address, Direction, Family, Group, Interest, KeepAlive, Op, Setting, Socket, SocketKind, UnixName};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Call {
    Make(Family, SocketKind),
    Bind(Address),
    Listen(u32),
    Connect(Address),
    Set(Setting),
    Names,
    TakeError,
    ShutDown(Direction),
    SendPacket(usize, Option<Address>),
    ReceivePacket(usize),
    RemoveName(Address),
    Watch(Interest),
    Accept,
    Receive,
    Send(usize),
    Cancel(u32),
    Close(bool),
    Pass(u32),
}

fn ip() -> impl Strategy<Value = IpAddr> {
    let usual = [
        "0.0.0.0",
        "::",
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.255.255.255",
        "fd00::1",
        "fd00::2",
        "fd00::3",
        "224.0.0.5",
        "ff02::5",
        "255.255.255.255",
        "::ffff:10.0.0.1",
        "::ffff:10.0.0.2",
        "192.0.2.1",
    ];
    prop_oneof![
        9 => prop::sample::select(usual.map(|text| text.parse().unwrap()).to_vec()),
        1 => any::<IpAddr>(),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    let port = || prop_oneof![9 => 0..4u16, 1 => any::<u16>()];
    let name = || prop::collection::vec(any::<u8>(), 0..3);
    prop_oneof![
        6 => (ip(), port()).prop_map(|(ip, port)| Address::Inet(SocketAddr::new(ip, port))),
        1 => name().prop_map(|name| Address::Unix(UnixName::Abstract(name))),
        1 => (0..3usize).prop_map(|length| Address::Unix(UnixName::Path("x".repeat(length * 100).into()))),
        1 => Just(Address::Unix(UnixName::Unnamed)),
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    let group = || (ip(), 0..4u32).prop_map(|(address, interface)| Group { address, interface });
    let keep_alive = (any::<u64>(), any::<u64>(), 0..4u32).prop_map(|(idle, interval, probes)| KeepAlive {
        idle: Duration::from_secs(idle),
        interval: Duration::from_secs(interval),
        probes,
    });
    prop_oneof![
        any::<bool>().prop_map(Setting::NoDelay),
        prop::option::of(keep_alive).prop_map(Setting::KeepAlive),
        any::<bool>().prop_map(Setting::ReuseAddress),
        any::<bool>().prop_map(Setting::ReusePort),
        any::<bool>().prop_map(Setting::OnlyV6),
        any::<bool>().prop_map(Setting::Broadcast),
        any::<u32>().prop_map(Setting::SendBuffer),
        any::<u32>().prop_map(Setting::ReceiveBuffer),
        any::<u32>().prop_map(Setting::Hops),
        (0..3u32).prop_map(Setting::MulticastHops),
        any::<bool>().prop_map(Setting::MulticastLoop),
        any::<u32>().prop_map(|bits| Setting::MulticastFromV4(bits.into())),
        (0..4u32).prop_map(Setting::MulticastFromV6),
        group().prop_map(Setting::Join),
        group().prop_map(Setting::Leave),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let family = prop::sample::select(vec![Family::V4, Family::V6, Family::Unix]);
    let kind = prop::sample::select(vec![SocketKind::Stream, SocketKind::Datagram]);
    let direction = prop::sample::select(vec![Direction::Read, Direction::Write]);
    let interest = prop::sample::select(vec![Interest::Read, Interest::Write, Interest::HangUp]);
    prop_oneof![
        4 => (family, kind).prop_map(|(family, kind)| Call::Make(family, kind)),
        4 => address().prop_map(Call::Bind),
        3 => any::<u32>().prop_map(Call::Listen),
        4 => address().prop_map(Call::Connect),
        3 => setting().prop_map(Call::Set),
        1 => Just(Call::Names),
        1 => Just(Call::TakeError),
        1 => direction.prop_map(Call::ShutDown),
        4 => (0..70_000usize, prop::option::of(address())).prop_map(|(length, to)| Call::SendPacket(length, to)),
        2 => (0..100usize).prop_map(Call::ReceivePacket),
        1 => address().prop_map(Call::RemoveName),
        3 => interest.prop_map(Call::Watch),
        2 => Just(Call::Accept),
        2 => Just(Call::Receive),
        3 => (1..100_000usize).prop_map(Call::Send),
        2 => (0..50u32).prop_map(Call::Cancel),
        2 => any::<bool>().prop_map(Call::Close),
        6 => (0..100u32).prop_map(Call::Pass),
    ]
}

fn play(calls: Vec<(bool, i32, Call)>) {
    let mut hosts = hosts(["alice", "bob"]);
    for (is_second, number, call) in calls {
        let host = &mut hosts[usize::from(is_second)];
        let (network, socket) = (host.network.clone(), Socket(number));
        match call {
            Call::Make(family, kind) => drop(network.socket(family, kind)),
            Call::Bind(address) => drop(network.bind(socket, &address)),
            Call::Listen(backlog) => drop(network.listen(socket, backlog)),
            Call::Connect(address) => drop(network.connect(socket, &address)),
            Call::Set(setting) => drop(network.set(socket, setting)),
            Call::Names => {
                let _ = (network.local_address(socket), network.peer_address(socket), network.credentials(socket));
            }
            Call::TakeError => drop(network.take_error(socket)),
            Call::ShutDown(direction) => drop(network.shut_down(socket, direction)),
            Call::SendPacket(length, to) => drop(network.send_packet(socket, &vec![1; length], to.as_ref())),
            Call::ReceivePacket(length) => drop(network.receive_packet(socket, &mut vec![0; length])),
            Call::RemoveName(address) => drop(network.remove_name(&address)),
            Call::Watch(interest) => drop(host.watch(socket, interest)),
            Call::Accept => drop(host.accept(socket)),
            Call::Receive => drop(host.receive(socket)),
            Call::Send(length) => {
                let outgoing = outgoing(&vec![1; length]);
                host.submit(|key| Op::Send { key, socket, outgoing, is_awaited: length % 2 == 0 });
            }
            Call::Cancel(index) => host.cancel(fate_core::Key { index, generation: 0 }),
            Call::Close(is_abort) => host.exchange([Op::Close { socket, is_abort }]),
            Call::Pass(millis) => host.world.advance(host.elapsed() + MILLISECOND * millis),
        }
        hosts.iter_mut().for_each(|host| drop(host.told()));
    }
    let world = hosts[0].world.clone();
    (0..10_000).take_while(|_| world.go_on(None)).for_each(|_| hosts.iter_mut().for_each(|host| drop(host.told())));
    assert!(!world.go_on(None), "it comes to an end");
    for host in &mut hosts {
        host.exchange((0..300).map(|number| Op::Close { socket: Socket(number), is_abort: true }));
    }
    while world.go_on(None) {}
    assert_eq!(world.connections(), 0);
    assert!(!world.history().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// E4.
    #[test]
    fn no_call_can_hurt_the_kernel(calls in prop::collection::vec((any::<bool>(), 0..12i32, call()), 0..200)) {
        play(calls);
    }
}
