//! N8 and N10 on each real driver: sockets that come from others and go to others, and descriptors passed with bytes. A
//! simulated kernel has no descriptors, and says so.

use fate::{Fate, Sent, TcpStream, UnixStream};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_real_driver;
use fate_conformance::scissors::{Scissors, cut_everywhere};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::io::{ErrorKind, Read, Write};
use std::net;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net as unix;
use std::time::Duration;

on_each_real_driver! {
    sockets_of_others_work_as_if_they_had_been_made_here,
    what_is_something_else_is_given_back,
    a_connection_is_given_away_with_what_was_not_read,
    a_connection_that_was_never_read_is_given_away,
    giving_up_a_release_closes_the_connection,
    a_broken_connection_is_not_given_away,
    a_listener_is_given_away_with_those_who_came,
    the_file_of_a_listener_goes_with_its_descriptor,
    descriptors_travel_with_their_bytes,
    descriptors_that_nobody_claims_are_closed,
    passing_descriptors_can_be_begun_again_at_every_point,
    what_was_written_before_goes_before,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// A connection of which one end is ours, and the other a stranger's.
fn pair(fate: &Fate) -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stranger = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    (fate.adopt_tcp_stream(ours.into()).unwrap(), stranger)
}

fn unix_pair(fate: &Fate) -> (UnixStream, UnixStream) {
    let (here, there) = unix::UnixStream::pair().unwrap();
    (fate.adopt_unix_stream(here.into()).unwrap(), fate.adopt_unix_stream(there.into()).unwrap())
}

#[test]
fn a_simulation_has_no_descriptors_and_says_so() {
    Ground::try_on("sim", has_no_descriptors);
}

fn has_no_descriptors(ground: &Ground) {
    let fate = ground.fate();
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = fate.adopt_tcp_listener(listener.into()).unwrap_err();
    assert!(!error.is_misfit() && error.error().kind() == ErrorKind::Unsupported, "{error}");
    let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
    let failure = fate.run_until(async { listener.release().await.unwrap_err() });
    assert_eq!(failure.check::<std::io::Error>().unwrap().kind(), ErrorKind::Unsupported);
}

/// N8.
fn sockets_of_others_work_as_if_they_had_been_made_here(ground: &Ground) {
    ground.run(async |fate| {
        let (mut ours, mut stranger) = pair(fate);
        stranger.write_all(b"hello").unwrap();
        let mut bytes = [0; 5];
        ours.read_exact(&mut bytes).await.unwrap();
        ours.write_all(&bytes).await.unwrap();
        ours.close().await.unwrap();
        let mut answer = String::new();
        stranger.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello");
        assert_eq!(ours.peer_addr().unwrap(), stranger.local_addr().unwrap());

        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let listener = fate.adopt_tcp_listener(listener.into()).unwrap();
        assert_eq!(listener.local_addr(), address);
        let _client = net::TcpStream::connect(address).unwrap();
        listener.accept().await.unwrap();

        let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let socket = fate.adopt_udp(socket.into()).unwrap();
        net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"tea", address).unwrap();
        assert!(socket.get_fuse(|packet| packet.data == b"tea").await);

        let name = std::env::temp_dir().join(format!("fate-foreign-{}-{}", ground.driver_name(), std::process::id()));
        let listener = unix::UnixListener::bind(&name).unwrap();
        let listener = fate.adopt_unix_listener(listener.into()).unwrap();
        let _client = unix::UnixStream::connect(&name).unwrap();
        listener.accept().await.unwrap();
        drop(listener);
        std::fs::remove_file(&name).expect("its file stays whose it was");

        let (near, far) = unix::UnixDatagram::pair().unwrap();
        let socket = fate.adopt_unix_datagram(near.into()).unwrap();
        far.send(b"cake").unwrap();
        assert_eq!(socket.receive().await.unwrap().data, "cake");
        assert_eq!(socket.send(b"thanks").unwrap(), Sent::Taken);

        let (mut here, there) = unix_pair(fate);
        here.write_all(b"tea").await.unwrap();
        there.read_exact(&mut bytes[..3]).await.unwrap();
        assert_eq!(&bytes[..3], b"tea");
    });
}

/// Who errs gets it back.
fn what_is_something_else_is_given_back(ground: &Ground) {
    let fate = ground.fate();
    let (stream, _other_end) = unix::UnixStream::pair().unwrap();
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let udp = net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let descriptors: [OwnedFd; 5] = [stream.into(), listener.into(), client.into(), udp.into(), file.into()];
    let adoptions: [fn(&Fate, OwnedFd) -> Option<fate::NotAdopted>; 5] = [
        |fate, descriptor| fate.adopt_unix_stream(descriptor).err(),
        |fate, descriptor| fate.adopt_tcp_listener(descriptor).err(),
        |fate, descriptor| fate.adopt_tcp_stream(descriptor).err(),
        |fate, descriptor| fate.adopt_udp(descriptor).err(),
        |fate, descriptor| fate.adopt_unix_listener(descriptor).err(),
    ];
    let kept: Vec<OwnedFd> = descriptors
        .into_iter()
        .enumerate()
        .map(|(number, mut descriptor)| {
            let raw = descriptor.as_raw_fd();
            for adopt in adoptions.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, adopt)| adopt) {
                let error = adopt(&fate, descriptor).expect("it is something else");
                assert!(error.is_misfit() && error.to_string().starts_with("the descriptor is no "), "{error}");
                descriptor = error.into_descriptor().unwrap();
                assert_eq!(descriptor.as_raw_fd(), raw);
            }
            descriptor
        })
        .collect();
    drop(kept);
}

/// A4: no byte is lost, in either direction.
fn a_connection_is_given_away_with_what_was_not_read(ground: &Ground) {
    ground.run(async |fate| {
        let (mut ours, mut stranger) = pair(fate);
        stranger.write_all(b"one two three").unwrap();
        let mut word = [0; 4];
        ours.read_exact(&mut word).await.unwrap();
        let big = vec![7; 3_000_000];
        let reader = std::thread::spawn({
            let mut stranger = stranger.try_clone().unwrap();
            move || {
                let mut bytes = vec![0; 3_000_000];
                stranger.read_exact(&mut bytes).unwrap();
                bytes
            }
        });
        ours.write_all(&big).await.unwrap();
        let released = ours.release().await.unwrap();
        assert_eq!((&word[..], &released.unread[..]), (&b"one "[..], &b"two three"[..]));
        assert!(reader.join().unwrap() == big, "what was written before was sent");
        let mut again = net::TcpStream::from(released.descriptor);
        again.set_nonblocking(false).unwrap();
        stranger.write_all(b" four").unwrap();
        let mut rest = [0; 5];
        again.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b" four");
        again.write_all(b"five").unwrap();
        drop(again);
        let mut last = String::new();
        stranger.read_to_string(&mut last).unwrap();
        assert_eq!(last, "five");
    });
}

fn a_connection_that_was_never_read_is_given_away(ground: &Ground) {
    ground.run(async |fate| {
        let (ours, mut stranger) = pair(fate);
        stranger.write_all(b"hello").unwrap();
        let released = ours.release().await.unwrap();
        assert_eq!(released.unread, b"");
        let again = fate.adopt_tcp_stream(released.descriptor).unwrap();
        let mut bytes = [0; 5];
        again.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
    });
}

/// Dropping what is awaited.
fn giving_up_a_release_closes_the_connection(ground: &Ground) {
    ground.run(async |fate| {
        let (mut ours, mut stranger) = pair(fate);
        ours.write_all(b"bye").await.unwrap();
        let releasing = ours.release();
        releasing.cancel();
        releasing.add_both(|released| assert!(released.unwrap_err().is::<fate::Cancelled>()));
        let mut bytes = String::new();
        fate.sleep(MILLISECOND).await;
        stranger.read_to_string(&mut bytes).unwrap();
        assert_eq!(bytes, "bye");
    });
}

fn a_broken_connection_is_not_given_away(ground: &Ground) {
    ground.run(async |fate| {
        let (mut ours, stranger) = pair(fate);
        ours.write_all(&[7; 100]).await.unwrap();
        assert!(futures_lite::future::poll_once(ours.read(&mut [0; 1])).await.is_none());
        ours.flush().await.unwrap();
        // With something unread in it, closing it is a reset.
        drop(stranger);
        fate.sleep(MILLISECOND).await;
        let error = ours.release().await.unwrap_err();
        assert_eq!(error.check::<std::io::Error>().unwrap().kind(), ErrorKind::ConnectionReset);
    });
}

/// A4: no connection is lost.
fn a_listener_is_given_away_with_those_who_came(ground: &Ground) {
    ground.run(async |fate| {
        let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
        let address = listener.local_addr();
        let mut clients: Vec<_> = (0..3).map(|_| net::TcpStream::connect(address).unwrap()).collect();
        let (mut first, _) = listener.accept().await.unwrap();
        fate.sleep(MILLISECOND).await;
        let released = listener.release().await.unwrap();
        clients.push(net::TcpStream::connect(address).unwrap());
        let again = net::TcpListener::from(released.descriptor);
        again.set_nonblocking(false).unwrap();
        let mut others: Vec<net::TcpStream> = released.accepted.into_iter().map(net::TcpStream::from).collect();
        while others.len() < 3 {
            others.push(again.accept().unwrap().0);
        }
        first.write_all(b"0").await.unwrap();
        first.flush().await.unwrap();
        for (number, other) in others.iter_mut().enumerate() {
            other.write_all(&[b'1' + number as u8]).unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [b'0' + number as u8]);
        }
    });
}

/// N10.
fn the_file_of_a_listener_goes_with_its_descriptor(ground: &Ground) {
    ground.run(async |fate| {
        let name = std::env::temp_dir().join(format!("fate-released-{}-{}", ground.driver_name(), std::process::id()));
        let listener = fate.listen_unix(&name).unwrap();
        let released = listener.release().await.unwrap();
        assert!(name.exists());
        let _client = unix::UnixStream::connect(&name).unwrap();
        let listener = fate.adopt_unix_listener(released.descriptor).unwrap();
        listener.accept().await.unwrap();
        std::fs::remove_file(&name).unwrap();
    });
}

/// A pipe of which one end is passed on, and the other tells when it is closed.
fn pipe() -> (unix::UnixStream, unix::UnixStream) {
    let (near, far) = unix::UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

/// Whether the other end of a pipe is open nowhere any more.
fn is_closed(mut far: &unix::UnixStream) -> bool {
    far.read(&mut [0]).is_ok_and(|count| count == 0)
}

/// N10.
fn descriptors_travel_with_their_bytes(ground: &Ground) {
    ground.run(async |fate| {
        let (here, there) = unix_pair(fate);
        let pipes: Vec<_> = (0..5).map(|_| pipe()).collect();
        let near: Vec<_> = pipes.iter().map(|(near, _)| near.as_fd()).collect();
        here.send_with_descriptors(b"two", &near[..2]).await.unwrap();
        here.send_with_descriptors(b"none", &[]).await.unwrap();
        here.send_with_descriptors(b"three", &near[2..]).await.unwrap();
        let (mut bytes, mut passed) = (Vec::new(), Vec::new());
        while bytes.len() < 12 {
            let mut buffer = [0; 64];
            let (count, mut descriptors) = there.receive_with_descriptors(&mut buffer).await.unwrap();
            bytes.extend_from_slice(&buffer[..count]);
            passed.append(&mut descriptors);
        }
        assert_eq!((&bytes[..], passed.len()), (&b"twononethree"[..], 5));
        for (number, descriptor) in passed.into_iter().enumerate() {
            unix::UnixStream::from(descriptor).write_all(&[number as u8]).unwrap();
            let mut byte = [9];
            (&pipes[number].1).read_exact(&mut byte).unwrap();
            assert_eq!(byte, [number as u8]);
        }
        here.send_with_descriptors(b"", &[]).await.unwrap_err();
        there.receive_with_descriptors(&mut []).await.unwrap_err();
        drop(here);
        assert_eq!(there.receive_with_descriptors(&mut [0; 4]).await.unwrap().0, 0);
    });
}

/// N10: whether they are dropped, never asked for, or read past.
fn descriptors_that_nobody_claims_are_closed(ground: &Ground) {
    for way in ["dropped", "never asked for", "read past"] {
        let (near, far) = pipe();
        ground.another().run(async |fate| {
            let (here, mut there) = unix_pair(fate);
            here.send_with_descriptors(b"tea", &[near.as_fd()]).await.unwrap();
            drop(near);
            assert!(!is_closed(&far), "it is on its way");
            match way {
                "dropped" => drop(there.receive_with_descriptors(&mut [0; 4]).await.unwrap()),
                "read past" => assert_eq!(there.read(&mut [0; 4]).await.unwrap(), 3),
                _ => {}
            }
            drop((here, there));
            // A connection lingers.
            for _ in 0..1000 {
                if is_closed(&far) {
                    return;
                }
                fate.sleep(MILLISECOND).await;
            }
            panic!("{way}: it is still open");
        });
    }
}

async fn take(stream: &UnixStream, scissors: &Scissors, passed: &mut Vec<OwnedFd>) -> Vec<u8> {
    let mut buffer = [0; 5];
    let (count, mut descriptors) =
        scissors.retry(async || stream.receive_with_descriptors(&mut buffer).await.unwrap()).await;
    passed.append(&mut descriptors);
    buffer[..count].to_vec()
}

/// A4, N10.
fn passing_descriptors_can_be_begun_again_at_every_point(ground: &Ground) {
    cut_everywhere(|scissors| {
        ground.another().run(async |fate| {
            let (here, there) = unix_pair(fate);
            let (near, far) = pipe();
            let send = async {
                fate.sleep(MILLISECOND / 10).await;
                for _ in 0..40 {
                    let page = [3; 20_000];
                    scissors.retry(async || here.send_with_descriptors(&page, &[near.as_fd()]).await.unwrap()).await;
                }
                (&here).close().await.unwrap();
            };
            let read = async {
                let (mut passed, mut total) = (Vec::new(), 0);
                loop {
                    let mut buffer = vec![0; 9_000];
                    let (count, mut more) =
                        scissors.retry(async || there.receive_with_descriptors(&mut buffer).await.unwrap()).await;
                    assert!(buffer[..count].iter().all(|byte| *byte == 3));
                    passed.append(&mut more);
                    total += count;
                    if count == 0 {
                        break assert_eq!((total, passed.len()), (800_000, 40));
                    }
                }
            };
            futures_lite::future::zip(send, read).await;
            drop((near, here, there));
            fate.sleep(MILLISECOND / 10).await;
            assert!(is_closed(&far));
        });
    });
}

/// N10: and what was read before, in the ordinary way, does not come again.
fn what_was_written_before_goes_before(ground: &Ground) {
    ground.run(async |fate| {
        let (mut here, there) = unix_pair(fate);
        let (near, _far) = pipe();
        here.write_all(&[1; 200_000]).await.unwrap();
        let send = async {
            here.send_with_descriptors(b"after", &[near.as_fd()]).await.unwrap();
        };
        let read = async {
            let mut first = [0; 10];
            there.read_exact(&mut first).await.unwrap();
            let (mut passed, mut rest, never) = (Vec::new(), Vec::new(), Scissors::after(u32::MAX));
            while rest.len() < 199_995 {
                rest.append(&mut take(&there, &never, &mut passed).await);
            }
            assert!(rest[..199_990].iter().all(|byte| *byte == 1));
            assert_eq!((&rest[199_990..], passed.len()), (&b"after"[..], 1));
        };
        futures_lite::future::zip(send, read).await;
    });
}
