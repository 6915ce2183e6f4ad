//! What can be set, read back from the kernel.

use crate::rig::{Rig, borrow};
use fate_core::{Family, KeepAlive, Network, Setting, SocketKind};
use rustix::net::sockopt;
use std::time::Duration;

/// N8.
#[test]
fn what_is_set_on_a_stream_is_what_the_kernel_says() {
    let rig = Rig::default();
    let socket = rig.keep(rig.socket(Family::V4, SocketKind::Stream).unwrap());
    let how = KeepAlive { idle: Duration::from_secs(7), interval: Duration::from_secs(3), probes: 5 };
    for setting in [
        Setting::NoDelay(true),
        Setting::KeepAlive(Some(how)),
        Setting::ReuseAddress(true),
        Setting::ReusePort(true),
        Setting::Hops(9),
    ] {
        rig.set(socket, setting).unwrap();
    }
    let socket_now = borrow(socket);
    assert!(sockopt::tcp_nodelay(socket_now).unwrap());
    assert!(sockopt::socket_keepalive(socket_now).unwrap());
    assert_eq!(sockopt::tcp_keepidle(socket_now).unwrap(), how.idle);
    assert_eq!(sockopt::tcp_keepintvl(socket_now).unwrap(), how.interval);
    assert_eq!(sockopt::tcp_keepcnt(socket_now).unwrap(), how.probes);
    assert!(sockopt::socket_reuseaddr(socket_now).unwrap());
    assert!(sockopt::socket_reuseport(socket_now).unwrap());
    assert_eq!(sockopt::ip_ttl(socket_now).unwrap(), 9);
    rig.set(socket, Setting::KeepAlive(None)).unwrap();
    assert!(!sockopt::socket_keepalive(socket_now).unwrap());
}

/// N8: it need not be set on each connection.
#[test]
fn no_delay_is_inherited_from_the_listener() {
    let rig = Rig::default();
    let (listener, address) = rig.listener(Family::V4);
    rig.set(listener, Setting::NoDelay(true)).unwrap();
    let here = rig.keep(rig.socket(Family::V4, SocketKind::Stream).unwrap());
    rig.connect(here, &address).unwrap();
    crate::rig::wait(listener, rustix::event::PollFlags::IN);
    let accepted = rig.keep(fate_unix::accept(listener).unwrap());
    assert!(sockopt::tcp_nodelay(borrow(accepted)).unwrap());
}

/// N8, N9.
#[test]
fn hops_and_groups_are_set_for_the_family_of_the_socket() {
    let rig = Rig::default();
    let six = rig.keep(rig.socket(Family::V6, SocketKind::Datagram).unwrap());
    let four = rig.keep(rig.socket(Family::V4, SocketKind::Datagram).unwrap());
    for socket in [six, four] {
        for setting in [Setting::Hops(9), Setting::MulticastHops(3), Setting::MulticastLoop(false)] {
            rig.set(socket, setting).unwrap();
        }
        rig.set(socket, Setting::Hops(256)).unwrap_err();
    }
    for setting in [Setting::OnlyV6(true), Setting::MulticastFromV6(1)] {
        rig.set(six, setting).unwrap();
    }
    rig.set(four, Setting::Broadcast(true)).unwrap();
    let (six, four) = (borrow(six), borrow(four));
    assert_eq!(sockopt::ipv6_unicast_hops(six).unwrap(), 9);
    assert_eq!(sockopt::ipv6_multicast_hops(six).unwrap(), 3);
    assert!(!sockopt::ipv6_multicast_loop(six).unwrap() && sockopt::ipv6_v6only(six).unwrap());
    assert_eq!(sockopt::ipv6_multicast_if(six).unwrap(), 1);
    assert_eq!(sockopt::ip_ttl(four).unwrap(), 9);
    assert_eq!(sockopt::ip_multicast_ttl(four).unwrap(), 3);
    assert!(!sockopt::ip_multicast_loop(four).unwrap() && sockopt::socket_broadcast(four).unwrap());
}

/// N5.
#[test]
fn buffers_have_at_least_the_size_that_was_asked_for() {
    let rig = Rig::default();
    let socket = rig.keep(rig.socket(Family::V4, SocketKind::Datagram).unwrap());
    rig.set(socket, Setting::SendBuffer(10_000)).unwrap();
    rig.set(socket, Setting::ReceiveBuffer(20_000)).unwrap();
    assert!(sockopt::socket_send_buffer_size(borrow(socket)).unwrap() >= 10_000);
    assert!(sockopt::socket_recv_buffer_size(borrow(socket)).unwrap() >= 20_000);
}

/// E4: what the kernel will not have is its own error.
#[test]
fn a_setting_that_does_not_fit_the_socket_is_refused() {
    let rig = Rig::default();
    let socket = rig.keep(rig.socket(Family::Unix, SocketKind::Stream).unwrap());
    rig.set(socket, Setting::NoDelay(true)).unwrap_err();
    rig.set(socket, Setting::Join(fate_core::Group { address: [224, 0, 0, 1].into(), interface: 0 })).unwrap_err();
}
