//! What goes through a connection, and how it ends.

use crate::rig::{Host, MILLISECOND, SECOND, connected, noise, outgoing, pair, pass, settle, unix};
use fate_core::{Credentials, Direction, Event, Family, Interest, Op, Setting, Socket, SocketKind};
use std::io::ErrorKind;
use std::time::Duration;

#[test]
fn bytes_arrive_when_the_link_says() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let receive = bob.receive(accepted);
    let send = alice.send(socket, b"tea");
    assert_eq!(alice.says(send), ["sent, 0 left"]);
    pass(&alice.world, MILLISECOND * 10 - Duration::from_nanos(1));
    assert!(bob.news(receive).is_empty());
    pass(&alice.world, Duration::from_nanos(1));
    assert_eq!(bob.received(receive), b"tea");
}

/// N5.
#[test]
fn a_reader_that_does_not_read_stops_the_writer() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let bytes = noise(1_000_000);
    let send = alice.send(socket, &bytes);
    let news = alice.news(send);
    let [Event::Sent(left, Ok(()))] = &news[..] else { panic!("{news:?}") };
    assert_eq!(left.len(), bytes.len() - 65_536);
    let mut taken = 65_536;
    loop {
        let send = alice.send(socket, &bytes[taken..]);
        settle(&alice.world);
        match &alice.news(send)[..] {
            [Event::Sent(left, Ok(()))] => taken = bytes.len() - left.len(),
            _ => break alice.cancel(send),
        }
    }
    assert_eq!(taken, 2 * 65_536, "a buffer at each end");
    let send = alice.send(socket, &bytes[taken..]);
    let receive = bob.receive(accepted);
    let mut received = bob.received(receive);
    while received.len() < 2 * 65_536 {
        settle(&alice.world);
        received.extend(bob.received(receive));
    }
    assert!(received == bytes[..received.len()]);
    assert_eq!(alice.says(send).len(), 1, "there is room again");
}

#[test]
fn a_writer_that_waits_is_told_when_a_third_of_its_buffer_is_free() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    bob.set(accepted, Setting::ReceiveBuffer(1_000_000));
    alice.set(socket, Setting::SendBuffer(3_000));
    alice.set(socket, Setting::NoDelay(true));
    alice.send(socket, &[1; 2_500]);
    let watch = alice.watch(socket, Interest::Write);
    let send = alice.send(socket, &[2; 100]);
    assert_eq!((alice.says(watch), alice.says(send)), (vec![], vec!["sent, 0 left".into()]));
    alice.send(socket, &[3; 400]);
    let parked = alice.send(socket, &[4; 2_000]);
    assert!(alice.news(parked).is_empty());
    pass(&alice.world, MILLISECOND * 20);
    assert_eq!((alice.says(parked), alice.says(watch)), (vec!["sent, 0 left".into()], vec!["writable".into()]));
}

#[test]
fn a_link_carries_no_more_than_its_bandwidth() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let link = alice.link(bob);
    alice.world.set_bandwidth(link, 1_000_000);
    alice.set(socket, Setting::NoDelay(true));
    alice.set(socket, Setting::SendBuffer(2_000_000));
    bob.set(accepted, Setting::ReceiveBuffer(2_000_000));
    // The first byte tells the writer how much the reader takes.
    alice.send(socket, &[0]);
    settle(&alice.world);
    let begin = alice.elapsed();
    alice.send(socket, &noise(1_000_000));
    settle(&alice.world);
    let receive = bob.receive(accepted);
    let mut received = 0;
    while received < 1_000_001 {
        received += bob.received(receive).len();
    }
    assert_eq!(alice.elapsed() - begin, SECOND + MILLISECOND * 20, "and the last receipt");
}

/// N4.
#[test]
fn each_direction_ends_by_itself() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (here, there) = (alice.receive(socket), bob.receive(accepted));
    alice.send(socket, b"tea?");
    alice.network.shut_down(socket, Direction::Write).unwrap();
    let late = alice.send(socket, b"more");
    assert_eq!(alice.says(late), ["BrokenPipe, 4 left"]);
    settle(&alice.world);
    assert_eq!(bob.says(there), ["received 4"]);
    assert_eq!(bob.says(there), ["ended"]);
    bob.send(accepted, b"no");
    settle(&alice.world);
    assert_eq!(alice.received(here), b"no");
    let watch = alice.watch(socket, Interest::Read);
    assert!(alice.news(watch).is_empty());
    bob.network.shut_down(accepted, Direction::Write).unwrap();
    settle(&alice.world);
    assert_eq!((alice.says(here), alice.says(watch)), (vec!["ended".into()], vec!["readable hung up".into()]));
}

#[test]
fn what_was_written_before_a_close_arrives() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let bytes = noise(60_000);
    alice.exchange([
        Op::Send {
            key: fate_core::Key { index: 1000, generation: 0 },
            socket,
            outgoing: outgoing(&bytes),
            is_awaited: false,
        },
        Op::Close { socket, is_abort: false },
    ]);
    settle(&alice.world);
    let receive = bob.receive(accepted);
    let mut received = Vec::new();
    while received.len() < bytes.len() {
        received.extend(bob.received(receive));
    }
    assert!(received == bytes);
    assert_eq!(bob.says(receive), ["ended"]);
}

/// RFC 1122, 4.2.2.13; as Linux does.
#[test]
fn closing_with_bytes_unread_is_a_reset() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    alice.send(socket, b"tea");
    let receive = alice.receive(socket);
    settle(&alice.world);
    bob.close(accepted);
    settle(&alice.world);
    assert_eq!(alice.says(receive), ["ConnectionReset"]);
}

#[test]
fn bytes_for_a_socket_that_is_closed_are_answered_with_a_reset() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    bob.close(accepted);
    settle(&alice.world);
    let receive = alice.receive(socket);
    assert_eq!(alice.says(receive), ["ended"]);
    let send = alice.send(socket, b"tea");
    assert_eq!(alice.says(send), ["sent, 0 left"], "it cannot know yet");
    settle(&alice.world);
    let watch = alice.watch(socket, Interest::Read);
    assert_eq!(alice.says(watch), ["readable hung up error"]);
    let sends = [alice.send(socket, b"tea"), alice.send(socket, b"tea")];
    assert_eq!(sends.map(|send| alice.says(send).remove(0)), ["BrokenPipe, 3 left"; 2]);
    let receive = alice.receive(socket);
    assert_eq!(alice.says(receive), ["ended"]);
}

/// N1, N3.
#[test]
fn an_abort_resets_and_what_was_sent_before_can_still_be_read() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    alice.send(socket, b"tea");
    alice.abort(socket);
    settle(&alice.world);
    let (receive, send) = (bob.receive(accepted), bob.send(accepted, b"thanks"));
    assert_eq!(bob.says(send), ["ConnectionReset, 6 left"]);
    assert_eq!(bob.says(receive), ["received 3", "ended"], "the error is told once");
}

#[test]
fn an_abort_throws_away_what_was_not_sent() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let receive = bob.receive(accepted);
    alice.set(socket, Setting::NoDelay(true));
    alice.set(socket, Setting::SendBuffer(1_000_000));
    alice.send(socket, &noise(500_000));
    alice.abort(socket);
    settle(&alice.world);
    let mut received = 0;
    let end = loop {
        match bob.news(receive).remove(0) {
            Event::Received(buffer) => received += buffer.len(),
            Event::Failed(error) => break error.kind(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((received, end), (65_536, ErrorKind::ConnectionReset));
}

#[test]
fn loss_delays_a_stream_and_changes_nothing_else() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let link = alice.link(bob);
    alice.world.set_loss(link, 0.2);
    let (bytes, begin) = (noise(60_000), alice.elapsed());
    alice.send(socket, &bytes);
    let receive = bob.receive(accepted);
    let mut received = Vec::new();
    while received.len() < bytes.len() {
        settle(&alice.world);
        received.extend(bob.received(receive));
    }
    assert!(received == bytes);
    let took = alice.elapsed() - begin;
    assert!(took > MILLISECOND * 220 && took < SECOND * 60, "{took:?}");
}

/// RFC 896: what is small waits for the receipt of what went before, unless there is to be no delay.
#[test]
fn small_pieces_are_gathered_unless_there_is_to_be_no_delay() {
    for (no_delay, pieces) in [(true, vec!["received 1"; 3]), (false, vec!["received 1", "received 2"])] {
        let mut pair = pair();
        let [socket, accepted] = connected(&mut pair);
        let [alice, bob] = &mut pair;
        alice.set(socket, Setting::NoDelay(no_delay));
        let receive = bob.receive(accepted);
        let mut said = Vec::new();
        for step in 0..50 {
            if step % 5 == 0 && step < 15 {
                alice.send(socket, &[step]);
            }
            pass(&alice.world, MILLISECOND);
            said.extend(bob.says(receive));
        }
        assert_eq!(said, pieces);
    }
}

#[test]
fn a_reader_that_is_told_nothing_more_still_gets_what_came() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    alice.send(socket, b"tea");
    settle(&alice.world);
    bob.network.shut_down(accepted, Direction::Read).unwrap();
    let receive = bob.receive(accepted);
    assert_eq!(bob.says(receive), ["received 3", "ended"]);
    let send = bob.send(accepted, b"thanks");
    assert_eq!(bob.says(send), ["sent, 0 left"]);
}

fn unix_pair(host: &mut Host) -> [Socket; 2] {
    let listener = host.socket(Family::Unix, SocketKind::Stream);
    host.network.bind(listener, &unix("/run/tea")).unwrap();
    host.network.listen(listener, 1).unwrap();
    let accept = host.accept(listener);
    let socket = host.socket(Family::Unix, SocketKind::Stream);
    assert!(host.network.connect(socket, &unix("/run/tea")).unwrap(), "it is there at once");
    let news = host.news(accept);
    let [Event::Accepted(accepted)] = news[..] else { panic!("{news:?}") };
    host.close(listener);
    host.network.remove_name(&unix("/run/tea")).unwrap();
    [socket, accepted]
}

/// N10.
#[test]
fn a_unix_stream_carries_bytes_and_knows_its_neighbour() {
    let [mut alice, _bob] = pair();
    let [socket, accepted] = unix_pair(&mut alice);
    let bytes = noise(100_000);
    let receive = alice.receive(accepted);
    let (mut sent, mut received) = (0, Vec::new());
    while received.len() < bytes.len() {
        let send = alice.send(socket, &bytes[sent..(sent + 30_000).min(bytes.len())]);
        settle(&alice.world);
        for event in alice.news(receive) {
            if let Event::Received(buffer) = event {
                received.extend_from_slice(&buffer);
            }
        }
        for event in alice.news(send) {
            if let Event::Sent(left, Ok(())) = event {
                sent = (sent + 30_000).min(bytes.len()) - left.len();
            }
        }
        alice.cancel(send);
        if sent == bytes.len() {
            break;
        }
    }
    while received.len() < bytes.len() {
        settle(&alice.world);
        received.extend(alice.received(receive));
    }
    assert!(received == bytes);
    let neighbour = Credentials { process: Some(1), user: 1000, group: 1000 };
    assert_eq!(alice.network.credentials(accepted).unwrap(), neighbour);
    assert_eq!(alice.network.peer_address(socket).unwrap(), unix("/run/tea"));
    assert_eq!(alice.network.local_address(accepted).unwrap(), unix("/run/tea"));
}

#[test]
fn writing_to_a_unix_socket_that_was_closed_is_a_broken_pipe_at_once() {
    let [mut alice, _bob] = pair();
    let [socket, accepted] = unix_pair(&mut alice);
    alice.close(accepted);
    let send = alice.send(socket, b"tea");
    assert_eq!(alice.says(send), ["BrokenPipe, 3 left"]);
    settle(&alice.world);
    let receive = alice.receive(socket);
    assert_eq!(alice.says(receive), ["ended"]);
}
