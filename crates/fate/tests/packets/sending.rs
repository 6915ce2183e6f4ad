//! Packets on their way out.

use crate::log::{Log, MILLISECOND, SECOND};
use crate::rig::{pass_a_second, rig};
use fate::sim::Sim;
use fate::{Fate, Sent, UnixDatagram};
use std::io::ErrorKind;
use std::rc::Rc;

const BIG: [u8; 10_000] = [7; 10_000];

/// A socket that nobody reads from yet, and one to write to it from.
fn pipe(fate: &Fate) -> (UnixDatagram, Rc<UnixDatagram>) {
    (fate.bind_unix_datagram("@rabbit-hole").unwrap(), Rc::new(fate.unix_datagram().unwrap()))
}

/// Sends until there is no room; says how many went.
fn fill(mouth: &UnixDatagram) -> usize {
    let count = (0..10_000).take_while(|_| mouth.send_to(&BIG, "@rabbit-hole").unwrap() == Sent::Taken).count();
    assert!(count > 0 && count < 10_000);
    count
}

/// N9: each in its turn, and not before there is room.
#[test]
fn who_waits_for_room_sends_in_the_order_in_which_they_came() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let ((ear, mouth), log) = (pipe(&fate), Log::default());
    let before = fill(&mouth);
    let mut senders = Vec::new();
    for number in 0..5 {
        let mouth = mouth.clone();
        let send = async move { mouth.send_to_soon(&[number; 10_000], "@rabbit-hole").await.unwrap() };
        senders.push(fate.spawn(send));
    }
    pass_a_second(&mut sim);
    senders[2].cancel();
    let (heard, slow) = (log.clone(), fate.clone());
    fate.spawn(async move {
        for _ in 0..before + 4 {
            slow.sleep(MILLISECOND).await;
            heard.note(ear.receive().await.unwrap().data[0]);
        }
    });
    sim.run().unwrap();
    assert_eq!(log.take()[before..], [0, 1, 3, 4]);
    assert!(sim.leaks().iter().all(|leak| leak.live.kind == fate::Kind::Socket), "{:?}", sim.leaks());
}

/// L3: one that gave up waits for nothing.
#[test]
fn who_gives_up_waiting_for_room_leaves_nothing_behind() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let (ear, mouth) = pipe(&fate);
    fill(&mouth);
    let stuck = mouth.clone();
    let sender = fate.spawn(async move { stuck.send_to_soon(&BIG, "@rabbit-hole").await });
    let sender = sender.add_timeout(SECOND);
    sender.add_both(|outcome| assert!(outcome.is_err()));
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND);
    drop((ear, mouth));
}

/// N9: the socket is as good as before.
#[test]
fn that_nobody_was_there_is_told_once_and_the_socket_lives() {
    for way in ["asked", "held", "received"] {
        let (mut rig, log) = (rig(), Log::default());
        let gone = rig.fate.bind_udp("127.0.0.1:0").unwrap().local_addr();
        let mouth = Rc::new(rig.mouth);
        mouth.connect(gone).unwrap();
        assert_eq!(mouth.peer_addr().unwrap(), gone);
        let fuse = mouth.get_fuse(|packet| packet.data == b"tea");
        match way {
            "held" => drop(fuse.set_handler(log.noting("burned".into()))),
            "received" => mouth.set_receiver({
                let log = log.clone();
                move |_, packet| log.note(packet.map_or_else(|error| error.kind().to_string(), |_| "packet".into()))
            }),
            _ => {}
        }
        assert_eq!(mouth.send(b"is anybody there?").unwrap(), Sent::Taken);
        pass_a_second(&mut rig.sim);
        if way != "received" {
            let (asking, log) = (mouth.clone(), log.clone());
            rig.fate.spawn(async move { log.note(asking.receive().await.unwrap_err().kind().to_string()) });
            pass_a_second(&mut rig.sim);
        }
        assert_eq!(log.take(), [ErrorKind::ConnectionRefused.to_string()], "{way}");
        let back = rig.fate.bind_udp(gone).unwrap();
        back.connect(mouth.local_addr()).unwrap();
        assert_eq!(mouth.send(b"hello").unwrap(), Sent::Taken);
        assert_eq!(back.send(b"tea").unwrap(), Sent::Taken);
        rig.fate.spawn(async move { assert_eq!(back.receive().await.unwrap().data, "hello") });
        pass_a_second(&mut rig.sim);
        assert_eq!(rig.faults.take(), Vec::<String>::new());
        assert!(!sim_has(&rig.sim, "task"), "{way}");
    }
}

fn sim_has(sim: &Sim, words: &str) -> bool {
    sim.leaks().iter().any(|leak| leak.to_string().contains(words))
}

/// E4.
#[test]
fn a_packet_that_is_too_long_is_an_error_value() {
    let rig = rig();
    rig.mouth.send_to(&[0; 70_000], rig.target).unwrap_err();
    rig.say("still there");
}
