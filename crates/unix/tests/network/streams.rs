//! Connections, without waiting.

use crate::rig::{Rig, borrow, outgoing, receive, wait};
use fate_core::{Direction, Family, Network, Socket, SocketKind};
use fate_unix::{accept, send};
use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, FdFlags, fcntl_getfd};
use std::io::ErrorKind;

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

#[test]
fn the_two_ends_of_a_connection_have_each_others_addresses() {
    let rig = Rig::default();
    for family in FAMILIES {
        let (here, there) = rig.pair(family);
        assert_eq!(rig.local_address(here).unwrap(), rig.peer_address(there).unwrap());
        assert_eq!(rig.peer_address(here).unwrap(), rig.local_address(there).unwrap());
    }
}

/// L7: nothing leaks to programs that are executed.
#[test]
fn every_socket_is_non_blocking_and_closed_when_a_program_is_executed() {
    let rig = Rig::default();
    let (here, there) = rig.pair(Family::V4);
    let packets = rig.keep(rig.socket(Family::V6, SocketKind::Datagram).unwrap());
    let adopted = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::io::fcntl_setfd(&adopted, FdFlags::empty()).unwrap();
    let adopted = rig.keep(rig.adopt(adopted.into()).unwrap());
    for socket in [here, there, packets, adopted] {
        assert!(fcntl_getfl(borrow(socket)).unwrap().contains(OFlags::NONBLOCK));
        assert!(fcntl_getfd(borrow(socket)).unwrap().contains(FdFlags::CLOEXEC));
    }
}

#[test]
fn what_cannot_be_done_now_would_block() {
    let rig = Rig::default();
    let (listener, _) = rig.listener(Family::V4);
    assert_eq!(accept(listener).unwrap_err().kind(), ErrorKind::WouldBlock);
    let (here, _there) = rig.pair(Family::V4);
    assert_eq!(fate_unix::receive(here, &mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let much = outgoing(&[&[0; 65536]]);
    let error = std::iter::repeat_with(|| send(here, &much)).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

/// N2.
#[test]
fn bytes_arrive_in_order_from_one_piece_or_from_many() {
    let rig = Rig::default();
    let (here, there) = rig.pair(Family::V6);
    let letters: Vec<[u8; 1]> = (0..40).map(|letter| [letter]).collect();
    let pieces: Vec<&[u8]> = letters.iter().map(|letter| &letter[..]).collect();
    for pieces in [&pieces[..1], &pieces[..]] {
        let mut outgoing = outgoing(pieces);
        let mut received = Vec::new();
        while !outgoing.is_empty() {
            let count = send(here, &outgoing).unwrap();
            outgoing.advance(count);
            received.extend(receive(there).unwrap());
        }
        while received.len() < pieces.len() {
            received.extend(receive(there).unwrap());
        }
        assert_eq!(received, pieces.concat());
    }
}

/// N4.
#[test]
fn each_direction_ends_by_itself() {
    let rig = Rig::default();
    let (here, there) = rig.pair(Family::V4);
    send(here, &outgoing(&[b"last"])).unwrap();
    rig.shut_down(here, Direction::Write).unwrap();
    assert_eq!(receive(there).unwrap(), b"last");
    assert_eq!(receive(there).unwrap(), b"");
    send(there, &outgoing(&[b"answer"])).unwrap();
    assert_eq!(receive(here).unwrap(), b"answer");
    assert_eq!(send(here, &outgoing(&[b"more"])).unwrap_err().kind(), ErrorKind::BrokenPipe, "and no signal");
}

/// N1, N3: the two ways of closing are told apart at the other end.
#[test]
fn closing_ends_a_connection_and_aborting_resets_it() {
    let rig = Rig::default();
    let (here, there) = rig.pair(Family::V4);
    rig.close(here, false);
    assert_eq!(receive(there).unwrap(), b"");
    let (here, there) = rig.pair(Family::V4);
    rig.close(here, true);
    assert_eq!(receive(there).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// N7.
#[test]
fn a_connection_that_nobody_accepts_is_refused_and_says_so_once() {
    let rig = Rig::default();
    let (listener, address) = rig.listener(Family::V4);
    rig.close(listener, false);
    let socket = rig.keep(rig.socket(Family::V4, SocketKind::Stream).unwrap());
    let error = match rig.connect(socket, &address) {
        Ok(is_done) => {
            assert!(!is_done);
            wait(socket, PollFlags::OUT);
            rig.take_error(socket).unwrap().unwrap()
        }
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(rig.take_error(socket).unwrap().is_none());
}

/// E4: a number that is no socket is an error like any other.
#[test]
fn a_number_that_is_no_socket_is_refused() {
    let rig = Rig::default();
    for number in [-1, i32::MIN, i32::MAX] {
        let socket = Socket(number);
        let bad = |error: std::io::Error| assert_eq!(error.raw_os_error(), Some(Errno::BADF.raw_os_error()));
        bad(accept(socket).unwrap_err());
        bad(send(socket, &outgoing(&[b"x"])).unwrap_err());
        bad(fate_unix::receive(socket, &mut [0]).unwrap_err());
        bad(rig.listen(socket, 1).unwrap_err());
        bad(rig.local_address(socket).unwrap_err());
        bad(rig.release(socket).unwrap_err());
    }
    fate_unix::close(Socket(-1), true);
}

/// N8.
#[test]
fn a_socket_is_adopted_and_released_as_it_is_and_what_is_no_socket_is_not() {
    let rig = Rig::default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let adopted = rig.adopt(listener.into()).unwrap();
    assert_eq!(rig.local_address(adopted).unwrap(), address.into());
    let released = rig.release(adopted).unwrap();
    assert_eq!(std::net::TcpListener::from(released).local_addr().unwrap(), address);
    let (reader, _writer) = std::io::pipe().unwrap();
    let error = rig.adopt(reader.into()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::NOTSOCK.raw_os_error()));
}

/// The driver's own books are told before the number is somebody else's.
#[test]
fn whoever_keeps_something_of_a_socket_is_told_that_it_is_released() {
    let told = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let notes = told.clone();
    let network = fate_unix::UnixNetwork::new(fate_core::Shelf::new(1, 1))
        .with_farewell(move |socket| notes.borrow_mut().push(socket));
    let socket = network.socket(Family::V4, SocketKind::Stream).unwrap();
    drop(network.release(socket).unwrap());
    network.release(Socket(-1)).unwrap_err();
    assert_eq!(*told.borrow(), [socket]);
}
