//! Sending on streams.

use crate::rig::Rig;
use fate_core::{Event, Key, Outgoing, Socket};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// Sends on a socket whose peer does not read until it takes no more; says how much it took.
fn fill(rig: &mut Rig, here: Socket) -> (usize, Key) {
    let mut sent = 0;
    loop {
        let key = rig.send(here, &[7; 1 << 16], true);
        let Some(told) = rig.look().pop() else { return (sent, key) };
        let Event::Sent(left, Ok(())) = told.event else { panic!("{:?}", told.event) };
        assert!(left.len() < 1 << 16, "at least one byte");
        sent += (1 << 16) - left.len();
    }
}

fn read(there: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    there.read_exact(&mut bytes).unwrap();
    bytes
}

/// N2.
#[test]
fn what_is_sent_leaves_in_the_exchange_that_is_told_to_send_it() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    for word in [&b"off"[..], b"with", b"his head"] {
        let key = rig.send(here, word, true);
        let [told] = &rig.look()[..] else { panic!() };
        assert!(told.key == key && matches!(&told.event, Event::Sent(left, Ok(())) if left.is_empty()));
        assert_eq!(read(&mut there, word.len()), word);
    }
}

/// N2: nobody waits for it, so nobody is woken.
#[test]
fn a_send_that_nobody_waits_for_ends_no_wait_and_is_told_of_with_the_next_thing() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let key = rig.send(here, b"x", false);
    let told = rig.idle();
    assert!(matches!(&told[..], [told] if told.key == key && matches!(told.event, Event::Sent(_, Ok(())))));
    let receiving = rig.receive(here);
    let sending = rig.send(here, b"y", false);
    there.write_all(b"z").unwrap();
    let told: Vec<Key> = rig.wait().into_iter().map(|told| told.key).collect();
    assert_eq!(told, [sending, receiving]);
}

/// N2.
#[test]
fn bytes_in_many_pieces_leave_in_order() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let mut outgoing = Outgoing::default();
    for number in 0..100_u8 {
        outgoing.push_shared(vec![number; 3].into());
    }
    let (mut sent, expected) = (0, (0..100).flat_map(|number| [number; 3]).collect::<Vec<u8>>());
    while !outgoing.is_empty() {
        let key = rig.send_all(here, outgoing, true);
        let Event::Sent(left, Ok(())) = rig.one_of(key) else { panic!() };
        assert!(left.len() < 300 - sent);
        sent = 300 - left.len();
        outgoing = left;
    }
    assert_eq!(read(&mut there, 300), expected);
}

/// N5: no sooner, no later.
#[test]
fn a_full_socket_takes_more_when_the_peer_reads() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let (sent, waiting) = fill(&mut rig, here);
    rig.idle();
    assert_eq!(read(&mut there, sent), vec![7; sent]);
    let Event::Sent(left, Ok(())) = rig.one_of(waiting) else { panic!() };
    assert!(left.is_empty());
    read(&mut there, 1 << 16);
}

/// N2, N5: a megabyte through a socket that is always full, to the byte.
#[test]
fn whatever_is_left_is_sent_in_the_end_and_in_order() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let bytes: Vec<u8> = (0..1 << 20).map(|number: u32| ((number * 7) >> 3) as u8).collect();
    let length = bytes.len();
    let reader = std::thread::spawn(move || read(&mut there, length));
    let mut outgoing = Outgoing::default();
    bytes.chunks(50_000).for_each(|chunk| outgoing.push_shared(chunk.to_vec().into()));
    while !outgoing.is_empty() {
        let before = outgoing.len();
        let key = rig.send_all(here, outgoing, false);
        let told = rig.exchange(&fate_core::Until::NOW).pop().unwrap_or_else(|| rig.one());
        let Event::Sent(left, Ok(())) = told.event else { panic!() };
        assert!(told.key == key && left.len() < before, "at least one byte");
        outgoing = left;
    }
    assert!(reader.join().unwrap() == bytes);
}

/// N1, N2.
#[test]
fn a_peer_that_is_gone_is_an_error_with_all_that_was_not_sent() {
    let mut rig = Rig::default();
    let (here, there) = rig.unix();
    drop(there);
    let key = rig.send(here, b"anybody?", false);
    let Event::Sent(left, Err(error)) = rig.one_of(key) else { panic!() };
    assert_eq!((left.len(), error.kind()), (8, ErrorKind::BrokenPipe));
}

/// N1: the wait for room ends too.
#[test]
fn a_reset_ends_the_wait_for_room() {
    let mut rig = Rig::default();
    let (here, there) = rig.tcp();
    let (_, waiting) = fill(&mut rig, here);
    rig.idle();
    drop(there);
    let Event::Sent(left, Err(error)) = rig.one_of(waiting) else { panic!() };
    assert_eq!((left.len(), error.kind()), (1 << 16, ErrorKind::ConnectionReset));
}

/// A4.
#[test]
fn a_cancelled_send_is_not_told_of_and_sends_nothing_more() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let (sent, waiting) = fill(&mut rig, here);
    rig.cancel(waiting);
    assert!(rig.told().is_empty());
    read(&mut there, sent);
    rig.idle();
    let key = rig.send(here, b"!", true);
    assert!(matches!(rig.one_of(key), Event::Sent(left, Ok(())) if left.is_empty()));
    assert_eq!(read(&mut there, 1), b"!", "and nothing before it");
}

#[test]
fn one_that_waits_for_room_is_in_nobodys_way_who_receives() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let (sent, waiting) = fill(&mut rig, here);
    let receiving = rig.receive(here);
    there.write_all(b"hurry").unwrap();
    assert_eq!(rig.take(receiving, 5), b"hurry");
    read(&mut there, sent);
    assert!(matches!(rig.one_of(waiting), Event::Sent(left, Ok(())) if left.is_empty()));
    there.write_all(b"thanks").unwrap();
    assert_eq!(rig.take(receiving, 6), b"thanks");
}

#[test]
fn a_second_send_is_refused_while_the_first_waits_for_room() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let (sent, waiting) = fill(&mut rig, here);
    let second = rig.send(here, b"me first", false);
    let Event::Sent(left, Err(_)) = rig.one_of(second) else { panic!() };
    assert_eq!(left.len(), 8);
    read(&mut there, sent);
    assert!(matches!(rig.one_of(waiting), Event::Sent(left, Ok(())) if left.is_empty()));
}

/// E4.
#[test]
fn what_is_no_socket_is_an_error() {
    let mut rig = Rig::default();
    for number in [-1, i32::MAX] {
        let key = rig.send(Socket(number), b"x", false);
        assert!(matches!(rig.one_of(key), Event::Sent(_, Err(_))), "{number}");
    }
}
