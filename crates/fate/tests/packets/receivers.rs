//! Handlers that are given every packet.

use crate::log::{Log, SECOND};
use crate::rig::{Rig, open_sockets, pass_a_second, rig, rig_that};
use fate::{Packet, UdpSocket, Verdict};
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

fn words(packet: io::Result<Packet<'_>>) -> String {
    packet.unwrap().data.escape_ascii().to_string()
}

/// A receiver that notes what it hears.
fn noting(log: &Log<String>) -> impl FnMut(&UdpSocket, io::Result<Packet<'_>>) + 'static {
    let log = log.clone();
    move |_, packet| log.note(words(packet))
}

/// N9.
#[test]
fn a_receiver_is_given_every_packet_and_may_answer() {
    let (mut rig, log) = (rig(), Log::default());
    let told = log.clone();
    rig.ear.set_receiver(move |socket, packet| {
        let packet = packet?;
        told.note(packet.data.escape_ascii().to_string());
        assert!(!packet.is_truncated);
        socket.send_to(&[packet.data, b"!"].concat(), packet.from).map(drop)?;
        if packet.data == b"three" {
            assert!(socket.stop_receiver() && !socket.stop_receiver());
        }
        fate::Ok(())
    });
    for words in ["one", "", "three"] {
        rig.say(words);
    }
    let (mouth, answers) = (rig.mouth, log.clone());
    rig.fate.spawn(async move {
        for _ in 0..3 {
            answers.note(mouth.receive().await.unwrap().data.escape_ascii().to_string());
        }
    });
    rig.sim.run().unwrap();
    assert_eq!(log.take(), ["one", "", "three", "one!", "!", "three!"]);
    assert_eq!(rig.faults.take(), Vec::<String>::new());
}

/// What handlers were given to lives on by itself, until it is stopped.
#[test]
fn a_receiver_outlives_the_handle_of_its_socket() {
    let (mut rig, log) = (rig(), Log::default());
    let (told, token) = (log.clone(), Rc::new(()));
    let held = token.clone();
    rig.ear.set_receiver(move |socket, packet| {
        let _held = &held;
        told.note(words(packet));
        if told.len() == 2 {
            socket.stop_receiver();
        }
    });
    rig.say_later(["one", "two", "three"], SECOND);
    drop(rig.ear);
    rig.sim.run().unwrap();
    assert_eq!(log.take(), ["one", "two"]);
    assert_eq!((open_sockets(&rig.fate), Rc::strong_count(&token)), (1, 1), "the mouth's");
}

/// N9: in order.
#[test]
fn a_new_receiver_is_given_first_what_was_held() {
    let (mut rig, log) = (rig(), Log::default());
    let fuse = rig.ear.get_fuse(|packet| packet.data == b"two");
    fuse.set_handler(|_| ());
    for words in ["one", "two"] {
        rig.say(words);
    }
    pass_a_second(&mut rig.sim);
    rig.say("three");
    rig.ear.set_receiver(noting(&log));
    assert_eq!(log.take(), Vec::<String>::new(), "never in place");
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), ["one", "two", "three"]);
}

/// One that is set while another is being called takes its place for good.
#[test]
fn a_receiver_may_replace_itself() {
    let (mut rig, log) = (rig(), Log::default());
    let (second, token) = (log.clone(), Rc::new(()));
    let held = token.clone();
    rig.ear.set_receiver(move |socket, packet| {
        let _held = &held;
        second.note(format!("first {}", words(packet)));
        let second = second.clone();
        socket.set_receiver(move |_, packet| second.note(format!("second {}", words(packet))));
    });
    for words in ["one", "two", "three"] {
        rig.say(words);
    }
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), ["first one", "second two", "second three"]);
    assert_eq!(Rc::strong_count(&token), 1);
}

/// E1.
#[test]
fn a_receivers_failure_is_reported_and_the_next_packet_comes() {
    let (mut rig, log) = (rig(), Log::default());
    let told = log.clone();
    rig.ear.set_receiver(move |_, packet| {
        let number: u32 = words(packet).parse()?;
        told.note(number);
        fate::Ok(())
    });
    for words in ["1", "raven", "3"] {
        rig.say(words);
    }
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), [1, 3]);
    let faults = rig.faults.take();
    assert!(faults.len() == 1 && faults[0].contains("receivers.rs"), "{faults:?}");
}

/// E2: carried out of `run`, which may be called again.
#[test]
fn a_receiver_that_panics_is_given_the_next_packet() {
    let (mut rig, log) = (rig_that(Verdict::Stop), Log::default());
    let told = log.clone();
    rig.ear.set_receiver(move |_, packet| {
        let words = words(packet);
        assert_ne!(words, "raven");
        told.note(words);
    });
    for words in ["one", "raven", "three"] {
        rig.say(words);
    }
    catch_unwind(AssertUnwindSafe(|| rig.sim.run_until(SECOND))).unwrap_err();
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), ["one", "three"]);
}

/// N9: and goes back to those who ask when it stops.
#[test]
fn a_receiver_comes_before_tasks_that_ask() {
    let (mut rig, log) = (rig(), Log::default());
    rig.ear.set_receiver(noting(&log));
    let (ear, asked) = (Rc::new(rig.ear), log.clone());
    let asking = ear.clone();
    rig.fate.spawn(async move { asked.note(format!("asked {}", asking.receive().await.unwrap().data.escape_ascii())) });
    rig.mouth.send_to(b"one", rig.target).map(drop).unwrap();
    pass_a_second(&mut rig.sim);
    assert!(ear.stop_receiver());
    rig.mouth.send_to(b"two", rig.target).map(drop).unwrap();
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), ["one", "asked two"]);
}

/// The packets that come meanwhile wait.
#[test]
fn a_receiver_is_not_entered_twice() {
    let (mut rig, log) = (rig(), Log::default());
    let (told, depth) = (log.clone(), Cell::new(0));
    rig.ear.set_receiver(move |socket, packet| {
        assert_eq!(depth.replace(1), 0, "it is being called");
        told.note(words(packet));
        socket.fate().turn(Duration::ZERO).unwrap();
        depth.set(0);
    });
    let Rig { ref mut sim, ref mouth, target, .. } = rig;
    for words in ["one", "two", "three"] {
        mouth.send_to(words.as_bytes(), target).map(drop).unwrap();
    }
    pass_a_second(sim);
    assert_eq!(log.take(), ["one", "two", "three"]);
    assert_eq!(rig.faults.take(), Vec::<String>::new());
}

/// L2.
#[test]
fn a_shutdown_drops_a_receiver_and_what_it_held() {
    let (mut rig, token) = (rig(), Rc::new(()));
    let held = token.clone();
    rig.ear.set_receiver(move |_, _| drop(held.clone()));
    rig.fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    rig.sim.run().unwrap();
    assert_eq!((Rc::strong_count(&token), open_sockets(&rig.fate)), (1, 0));
    assert_eq!(rig.ear.send_to(b"tea", rig.target).unwrap_err().kind(), io::ErrorKind::NotConnected);
}
