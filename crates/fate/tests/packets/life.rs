//! How a socket for packets begins and ends.

use crate::log::{MILLISECOND, SECOND};
use crate::rig::{open_sockets, rig};
use fate::sim::Sim;
use fate::{Fuse, Sent, UdpOptions};
use std::io::ErrorKind;
use std::time::Duration;

/// L3: packets that nobody wants wait in the kernel.
#[test]
fn a_socket_of_which_nobody_wants_packets_does_not_keep_run_going() {
    let mut rig = rig();
    rig.say("tea");
    rig.run();
    assert_eq!(rig.sim.elapsed(), Duration::ZERO);
    let ear = rig.ear;
    rig.fate.spawn(async move { assert_eq!(ear.receive().await.unwrap().data, "tea") });
    rig.sim.run().unwrap();
    assert!(!rig.sim.leaks().iter().any(|leak| leak.live.kind == fate::Kind::Task));
}

/// What is read from belongs to who holds it.
#[test]
fn a_socket_closes_with_its_handle() {
    let mut rig = rig();
    assert_eq!(rig.fate.bind_udp(rig.target).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(open_sockets(&rig.fate), 2);
    drop((rig.ear, rig.mouth));
    rig.sim.run().unwrap();
    assert_eq!(open_sockets(&rig.fate), 0);
    assert_eq!(rig.fate.bind_udp(rig.target).unwrap().local_addr(), rig.target);
}

/// L1: a handle may outlive its Fate, and says so.
#[test]
fn a_handle_of_a_fate_that_is_gone_answers_with_errors() {
    let rig = rig();
    let address = rig.ear.local_addr();
    let socket = rig.ear;
    drop((rig.fate, rig.mouth, rig.sim));
    assert_eq!(socket.local_addr(), address);
    assert_eq!(socket.send_to(b"tea", address).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(socket.set_broadcast(true).unwrap_err().kind(), ErrorKind::NotConnected);
    let fuse: Fuse = socket.get_fuse(|_| true);
    fuse.set_handler(|_| ());
    fuse.call_handler();
    assert!(!fuse.is_burned() && !fuse.has_handler() && !fuse.cut());
}

/// O2.
#[test]
fn a_report_says_what_a_socket_waits_for() {
    let rig = rig();
    let waits = || {
        let live = rig.fate.report().live;
        live.into_iter().find(|live| live.waits_for.contains(&rig.target.to_string())).unwrap().to_string()
    };
    assert!(waits().contains("rig.rs") && waits().contains("somebody to read packets to"), "{}", waits());
    let fuse = rig.ear.get_fuse(|_| true);
    assert!(waits().contains("1 fuses look at"), "{}", waits());
    drop(fuse);
    rig.ear.set_receiver(|_, _| ());
    assert!(waits().ends_with(&format!("packets to {}", rig.target)), "{}", waits());
    rig.ear.stop_receiver();
}

/// N9: several sockets at one address each get what is sent to a group.
#[test]
fn members_of_a_group_receive_what_is_sent_to_it() {
    let mut sim = Sim::new(1);
    let (here, there) = (sim.host("here"), sim.host("there"));
    let shared = UdpOptions::default().reuse_address(true);
    for group in ["239.1.2.3", "ff15::7"] {
        let group: std::net::IpAddr = group.parse().unwrap();
        let any = if group.is_ipv4() { "0.0.0.0:4000" } else { "[::]:4000" };
        let mouth = here.bind_udp_with(any, &shared).unwrap();
        for fate in [&here, &there, &there] {
            let ear = fate.bind_udp_with(any, &shared).unwrap();
            ear.join_group(group, 0).unwrap();
            let clock = fate.clone();
            fate.spawn(async move {
                assert_eq!(ear.receive().await.unwrap().data, "to all");
                ear.leave_group(group, 0).unwrap();
                let (more, over) = (async { Some(ear.receive().await) }, async {
                    clock.sleep(SECOND).await;
                    None
                });
                assert!(futures_lite::future::or(more, over).await.is_none());
            });
        }
        mouth.set_group_hops(3).unwrap();
        let fate = here.clone();
        here.spawn(async move {
            for words in ["to all", "to nobody"] {
                fate.sleep(MILLISECOND).await;
                assert_eq!(mouth.send_to(words.as_bytes(), (group, 4000)).unwrap(), Sent::Taken);
                fate.sleep(MILLISECOND * 100).await;
            }
        });
        sim.run().unwrap();
        assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
    }
}
