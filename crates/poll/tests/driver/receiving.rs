//! Receiving from streams.

use crate::rig::Rig;
use fate_core::{Event, Socket};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, send, sendmsg};
use std::collections::BTreeMap;
use std::io::{ErrorKind, IoSlice, Read, Write, pipe};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// N1.
#[test]
fn bytes_are_received_as_they_come_and_then_the_end() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let key = rig.receive(here);
    assert!(rig.told().is_empty());
    for word in [&b"curiouser"[..], b"and", b"curiouser"] {
        there.write_all(word).unwrap();
        assert_eq!(rig.take(key, word.len()), word);
    }
    drop(there);
    assert!(matches!(rig.one_of(key), Event::Ended));
    let again = rig.receive(here);
    assert!(matches!(rig.one_of(again), Event::Ended), "whoever asks again is told again");
}

/// N8: the kernel has told nobody of them.
#[test]
fn what_came_before_anybody_asked_is_received() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    there.write_all(b"early").unwrap();
    drop(there);
    let key = rig.receive(here);
    assert_eq!(rig.take_end(key).0, b"early");
}

/// N1: neither a short reception nor a full one hides the end.
#[test]
fn bytes_that_come_with_the_end_are_received_first() {
    let mut rig = Rig::default();
    for length in [1, 100, 65_535, 65_536, 65_537, 200_000] {
        let (here, mut there) = rig.tcp();
        let key = rig.receive(here);
        assert!(rig.told().is_empty());
        let bytes: Vec<u8> = (0..length).map(|number| number as u8).collect();
        let sent = bytes.clone();
        let thread = std::thread::spawn(move || there.write_all(&sent).unwrap());
        let (received, end) = rig.take_end(key);
        assert!(received == bytes && end.is_ok(), "{length}");
        thread.join().unwrap();
    }
}

/// N1: told apart from an end.
#[test]
fn a_reset_is_a_failure_with_the_kernels_own_error() {
    let mut rig = Rig::default();
    let (here, there) = rig.tcp();
    let key = rig.receive(here);
    assert!(rig.told().is_empty());
    rustix::net::sockopt::set_socket_linger(&there, Some(std::time::Duration::ZERO)).unwrap();
    drop(there);
    assert_eq!(rig.take_end(key).1.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let again = rig.receive(here);
    assert!(matches!(rig.one_of(again), Event::Ended), "the error was told, and no more bytes will come");
}

/// N4.
#[test]
fn the_end_of_one_direction_is_not_that_of_the_other() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let key = rig.receive(here);
    there.shutdown(Shutdown::Write).unwrap();
    assert!(matches!(rig.one_of(key), Event::Ended));
    rig.send(here, b"still here", true);
    assert!(matches!(rig.one().event, Event::Sent(left, Ok(())) if left.is_empty()));
    let mut answer = [0; 10];
    there.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"still here");
}

/// A4.
#[test]
fn a_cancelled_reception_says_so_and_leaves_its_bytes_to_the_next() {
    let mut rig = Rig::default();
    for is_first in [true, false] {
        let (here, mut there) = rig.unix();
        let key = rig.receive(here);
        rig.cancel(key);
        assert!(matches!(rig.one_of(key), Event::Cancelled), "in the same exchange");
        there.write_all(b"one ").unwrap();
        rig.idle();
        let key = rig.receive(here);
        assert_eq!(rig.take(key, 4), b"one ");
        assert!(rig.told().is_empty());
        rig.cancel(key);
        there.write_all(b"two").unwrap();
        assert!(matches!(rig.one_of(key), Event::Cancelled), "in a later one");
        rig.cancel(key);
        rig.idle();
        let key = rig.receive(here);
        assert_eq!(rig.take(key, 3), b"two", "{is_first}");
        drop(there);
        assert!(matches!(rig.one_of(key), Event::Ended));
    }
}

/// A4, N4: bytes, then the end, all while nobody receives.
#[test]
fn what_happened_while_nobody_received_is_not_forgotten() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let key = rig.receive(here);
    there.write_all(b"a").unwrap();
    assert_eq!(rig.take(key, 1), b"a");
    rig.cancel(key);
    rig.look();
    for byte in [b"b", b"c", b"d"] {
        there.write_all(byte).unwrap();
        rig.idle();
    }
    drop(there);
    rig.idle();
    let key = rig.receive(here);
    assert_eq!(rig.take_end(key).0, b"bcd");
}

#[test]
fn a_second_reception_is_refused_while_the_first_lives() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.unix();
    let first = rig.receive(here);
    let second = rig.receive(here);
    assert_eq!(rig.refusal().0, second);
    there.write_all(b"x").unwrap();
    assert_eq!(rig.take(first, 1), b"x");
}

/// E4.
#[test]
fn what_is_no_stream_is_refused_with_the_kernels_own_error() {
    let mut rig = Rig::default();
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(b"x").unwrap();
    for number in [-1, i32::MAX, std::os::fd::AsRawFd::as_raw_fd(&reader)] {
        let key = rig.receive(Socket(number));
        assert_eq!(rig.refusal().0, key, "{number}");
    }
}

/// Sends a descriptor with these bytes.
fn pass(there: &UnixStream, bytes: &[u8]) {
    let (reader, _writer) = pipe().unwrap();
    let descriptors = [reader.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(there, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
}

/// N1, N10: a reception stops short where the kernel hands over something else, though more bytes wait.
#[test]
fn bytes_after_a_descriptor_that_was_passed_are_received_without_another_push() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.unix();
    let key = rig.receive(here);
    assert!(rig.told().is_empty());
    pass(&there, b"with ");
    there.write_all(b"and without").unwrap();
    assert_eq!(rig.take(key, 16), b"with and without");
}

/// N1, N13: those in the queue that have nothing more do not hide one that has.
#[test]
fn bytes_that_wait_behind_many_vain_tries_are_received_without_another_push() {
    let mut rig = Rig::default();
    let mut pairs: Vec<_> = (0..100).map(|_| rig.unix()).collect();
    let keys: Vec<_> = pairs.iter().map(|(here, _)| rig.receive(*here)).collect();
    assert!(rig.told().is_empty());
    pairs.iter().for_each(|(_, there)| pass(there, b"x"));
    pairs[99].1.write_all(b"more").unwrap();
    let mut received = Vec::new();
    while received.len() < 101 {
        received.extend(rig.wait().into_iter().map(|told| told.key));
    }
    assert_eq!(received.iter().filter(|key| **key == keys[99]).count(), 2);
}

/// N1: at urgent bytes a reception stops short too (tcp(7)).
#[test]
fn bytes_after_an_urgent_one_are_received_without_another_push() {
    let mut rig = Rig::default();
    let (here, mut there) = rig.tcp();
    let key = rig.receive(here);
    assert!(rig.told().is_empty());
    there.write_all(b"before").unwrap();
    send(&there, b"!", SendFlags::OOB).unwrap();
    there.write_all(b"after").unwrap();
    assert_eq!(rig.take(key, 11), b"beforeafter");
}

/// N13: what a connection has more than the others is its own affair.
#[test]
fn one_that_floods_costs_the_others_no_more_than_an_exchange() {
    let mut rig = Rig::default();
    let mut pairs: Vec<(Socket, TcpStream)> = (0..100).map(|_| rig.tcp()).collect();
    let keys: Vec<_> = pairs.iter().map(|(here, _)| rig.receive(*here)).collect();
    assert!(rig.told().is_empty());
    let mut flood = pairs.remove(0).1;
    flood.set_nonblocking(true).unwrap();
    while flood.write(&[1; 65536]).is_ok() {}
    for (_, there) in &mut pairs {
        there.write_all(b"x").unwrap();
    }
    let mut received = BTreeMap::new();
    for _ in 0..2 {
        for told in rig.look() {
            let Event::Received(bytes) = told.event else { panic!("{:?}", told.event) };
            *received.entry(told.key).or_insert(0) += bytes.len();
        }
        while flood.write(&[1; 65536]).is_ok() {}
    }
    assert!(received[&keys[0]] <= 2 * 2 * 65536, "it had its turns and no more: {}", received[&keys[0]]);
    assert_eq!(received.len(), 100, "everybody was received from");
}

/// N13: what is left for the next exchange keeps that from sleeping.
#[test]
fn however_many_connections_are_ready_all_are_received_from_without_waiting() {
    let mut rig = Rig::default();
    let mut pairs: Vec<_> = (0..300).map(|_| rig.unix()).collect();
    let keys: Vec<_> = pairs.iter().map(|(here, _)| rig.receive(*here)).collect();
    for (_, there) in &mut pairs {
        there.write_all(b"x").unwrap();
    }
    let mut received: Vec<_> = (0..keys.len().div_ceil(64)).flat_map(|_| rig.told()).collect();
    received.sort();
    assert_eq!(received, keys);
    rig.idle();
}
