//! Tasks that ask for packets.

use crate::log::{Log, MILLISECOND, SECOND};
use crate::rig::{Rig, pass_a_second, rig};
use fate::UdpSocket;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

async fn words(socket: &UdpSocket) -> String {
    String::from_utf8_lossy(&socket.receive().await.unwrap().data).into()
}

/// Polls a future once, and drops it.
async fn try_once(future: impl Future) {
    let mut future = pin!(future);
    assert!(poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await);
}

/// N9.
#[test]
fn packets_are_read_one_by_one_with_who_sent_them() {
    let rig = rig();
    for words in ["one", "", "three"] {
        rig.say(words);
    }
    let Rig { mut sim, fate, ear, mouth, .. } = rig;
    fate.spawn(async move {
        let mut buffer = [0; 64];
        for words in ["one", "", "three"] {
            let (length, from) = ear.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..length], from), (words.as_bytes(), mouth.local_addr()));
        }
    });
    sim.run().unwrap();
    assert!(sim.leaks().is_empty());
}

/// N9: what does not fit is lost, and the next packet is whole.
#[test]
fn a_reader_without_room_gets_the_beginning_of_a_packet() {
    for has_fuse in [false, true] {
        let mut rig = rig();
        if has_fuse {
            rig.ear.get_fuse(|packet| packet.data == b"jabberwocky").set_handler(|_| ());
        }
        rig.say("jabberwocky");
        rig.say("snark");
        let ear = rig.ear;
        rig.fate.spawn(async move {
            let mut buffer = [0; 6];
            assert_eq!(ear.recv(&mut buffer).await.unwrap(), 6);
            assert_eq!(&buffer, b"jabber");
            assert_eq!(words(&ear).await, "snark");
        });
        rig.sim.run().unwrap();
        assert_eq!(rig.faults.take(), Vec::<String>::new());
    }
}

/// A4: whether the packet is there or is to come.
#[test]
fn a_reader_that_gives_up_loses_no_packet() {
    for has_fuse in [false, true] {
        let mut rig = rig();
        let fuse = rig.ear.get_fuse(|_| false);
        if has_fuse {
            fuse.set_handler(|_| ());
        }
        rig.say_later(["one", "two"], SECOND);
        let (fate, ear, log) = (rig.fate.clone(), rig.ear, Log::default());
        let noted = log.clone();
        rig.fate.spawn(async move {
            for _ in 0..1000 {
                try_once(ear.receive()).await;
                fate.sleep(MILLISECOND / 2).await;
            }
            noted.note(words(&ear).await);
            noted.note(words(&ear).await);
            drop(fuse);
        });
        (0..3).for_each(|_| pass_a_second(&mut rig.sim));
        assert_eq!(log.take(), ["one", "two"]);
    }
}

/// L3: one that gave up wants nothing any more.
#[test]
fn a_reader_that_gave_up_does_not_keep_run_going() {
    let mut rig = rig();
    let (fate, ear) = (rig.fate.clone(), Rc::new(rig.ear));
    let kept = ear.clone();
    rig.fate.spawn(async move {
        try_once(ear.receive()).await;
        let asking = pin!(ear.receive());
        let tired = pin!(fate.sleep(SECOND));
        futures_lite::future::or(async { drop(asking.await) }, tired_of(tired)).await;
    });
    rig.sim.run().unwrap();
    assert_eq!(rig.sim.elapsed(), SECOND);
    drop(kept);
}

async fn tired_of<T>(future: impl Future<Output = T>) {
    future.await;
}

/// D9's rule: first come, first served, and nobody who gives up takes a packet along.
#[test]
fn several_readers_are_served_in_the_order_in_which_they_came() {
    for has_fuse in [false, true] {
        let (mut rig, log) = (rig(), Log::default());
        let fuse = rig.ear.get_fuse(|_| false);
        if has_fuse {
            fuse.set_handler(|_| ());
        }
        let ear = Rc::new(rig.ear);
        let mut readers = Vec::new();
        for number in 0..4 {
            let (ear, log) = (ear.clone(), log.clone());
            readers.push(rig.fate.spawn(async move { log.note(format!("{number}: {}", words(&ear).await)) }));
        }
        pass_a_second(&mut rig.sim);
        readers[1].cancel();
        for words in ["a", "b", "c"] {
            rig.mouth.send_to(words.as_bytes(), rig.target).map(drop).unwrap();
        }
        pass_a_second(&mut rig.sim);
        assert_eq!(log.take(), ["0: a", "2: b", "3: c"]);
    }
}

/// D9's rule: a packet that was on its way to one who has gone is the next one's.
#[test]
fn a_reader_that_goes_when_it_was_woken_leaves_the_packet_to_the_next() {
    for has_fuse in [false, true] {
        let (mut rig, log) = (rig(), Log::default());
        let fuse = rig.ear.get_fuse(|_| false);
        if has_fuse {
            fuse.set_handler(|_| ());
        }
        rig.say_later(["tea"], SECOND);
        let (ear, noted) = (Rc::new(rig.ear), log.clone());
        let mut first = Box::pin(ear.receive());
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let second = ear.clone();
        rig.fate.spawn(async move { noted.note(words(&second).await) });
        (0..3).for_each(|_| pass_a_second(&mut rig.sim));
        drop(first);
        pass_a_second(&mut rig.sim);
        assert_eq!(log.take(), ["tea"]);
    }
}

/// N13: a socket that has always another packet does not keep others from their turn.
#[test]
fn a_flood_of_packets_does_not_starve_the_loop() {
    let (mut rig, log) = (rig(), Log::default());
    let (ear, heard, mouth) = (Rc::new(rig.ear), log.clone(), Rc::new(rig.mouth));
    let (fate, target) = (rig.fate.clone(), rig.target);
    rig.fate.spawn(async move {
        let mut count = 0;
        while heard.len() == 0 {
            ear.recv(&mut [0; 8]).await.unwrap();
            count += 1;
            // Whatever is read is there again at once.
            mouth.send_to(b"more", target).map(drop).unwrap();
        }
        assert!(count < 1000, "{count} packets in a turn or two");
    });
    fate.get_fuse(Duration::ZERO).set_handler(log.noting("its turn"));
    let first = rig.fate.bind_udp("127.0.0.1:0").unwrap();
    first.send_to(b"first", target).map(drop).unwrap();
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), ["its turn"]);
}
