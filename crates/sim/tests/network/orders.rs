//! Operations and their completions, as the table of `Op` has them.

use crate::rig::{Host, MILLISECOND, SECOND, connected, hosts, noise, outgoing, pair, pass, settle};
use fate_core::{Clock, Direction, Event, Instant, Interest, Op, Socket, SocketKind, Until};
use std::time::Duration;

const NOWHERE: Socket = Socket(99);

#[test]
fn what_is_no_socket_is_refused() {
    let [mut alice, _bob] = pair();
    let watch = alice.watch(NOWHERE, Interest::Read);
    let (accept, receive, send) = (alice.accept(NOWHERE), alice.receive(NOWHERE), alice.send(NOWHERE, b"tea"));
    for key in [watch, accept, receive] {
        let news = alice.news(key);
        let [Event::Failed(error)] = &news[..] else { panic!("{news:?}") };
        assert_eq!(error.raw_os_error(), Some(9));
    }
    let news = alice.news(send);
    let [Event::Sent(left, Err(error))] = &news[..] else { panic!("{news:?}") };
    assert_eq!((left.len(), error.raw_os_error()), (3, Some(9)));
    alice.close(NOWHERE);
    alice.cancel(watch);
    assert!(alice.told().is_empty());
}

#[test]
fn a_second_watch_or_receive_is_refused_and_the_first_goes_on() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (watch, receive) = (bob.watch(accepted, Interest::Read), bob.receive(accepted));
    let others = [bob.watch(accepted, Interest::Read), bob.receive(accepted)];
    assert_eq!(others.map(|key| bob.says(key).remove(0)), ["AlreadyExists"; 2]);
    let write = bob.watch(accepted, Interest::Write);
    assert_eq!(bob.says(write), ["writable"]);
    alice.send(socket, b"tea");
    settle(&alice.world);
    assert_eq!(bob.received(receive), b"tea");
    alice.send(socket, b"tea");
    settle(&alice.world);
    assert_eq!(bob.says(watch).len() + bob.says(receive).len(), 1, "who receives leaves nothing to see");
}

/// A4: what a cancelled receive would have taken is there for the next one.
#[test]
fn a_cancelled_receive_says_so_and_has_taken_nothing() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let idle = bob.receive(accepted);
    bob.cancel(idle);
    assert_eq!(bob.says(idle), ["cancelled"]);
    let receive = bob.receive(accepted);
    alice.send(socket, b"tea");
    settle(&alice.world);
    bob.cancel(receive);
    assert_eq!(bob.says(receive), ["cancelled"]);
    let next = bob.receive(accepted);
    assert_eq!(bob.received(next), b"tea");
    let key = bob.key();
    bob.exchange([Op::Cancel { key: next }, Op::Receive { key, socket: accepted }]);
    assert_eq!((bob.says(next), bob.says(key)), (vec!["cancelled".into()], vec![]));
}

#[test]
fn a_cancelled_accept_says_so_and_other_operations_are_silent() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let listener = bob.listen("0.0.0.0:8");
    let (accept, watch) = (bob.accept(listener), bob.watch(accepted, Interest::Read));
    while alice.send_whole(socket) {}
    let full = alice.send(socket, b"tea");
    let _other = alice.connect("10.0.0.2:8");
    settle(&alice.world);
    bob.exchange([Op::Cancel { key: accept }, Op::Cancel { key: watch }]);
    assert_eq!(bob.says(accept), ["cancelled"]);
    alice.cancel(full);
    let receive = bob.receive(accepted);
    for _ in 0..20 {
        settle(&alice.world);
        bob.news(receive);
    }
    assert!(bob.told().is_empty() && alice.told().is_empty());
    let again = bob.accept(listener);
    assert_eq!(bob.says(again), ["accepted"], "it was kept");
}

impl Host {
    /// Sends as much as there is room for; says whether there was any.
    fn send_whole(&mut self, socket: Socket) -> bool {
        let key = self.send(socket, &[0; 100_000]);
        settle(&self.world);
        let is_sent = !self.news(key).is_empty();
        self.cancel(key);
        is_sent
    }
}

/// N13.
#[test]
fn no_connection_has_more_than_a_portion_of_an_exchange() {
    let mut pair = pair();
    let [flood, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let listener = bob.listen("0.0.0.0:8");
    let accept = bob.accept(listener);
    let quiet = alice.connect("10.0.0.2:8");
    settle(&alice.world);
    let news = bob.news(accept);
    let [Event::Accepted(other)] = news[..] else { panic!("{news:?}") };
    alice.send(flood, &noise(60_000));
    alice.send(quiet, b"tea");
    settle(&alice.world);
    let (first, second) = (bob.key(), bob.key());
    bob.exchange([Op::Receive { key: first, socket: accepted }, Op::Receive { key: second, socket: other }]);
    assert_eq!(bob.told().len(), 3, "one each, and another in the next exchange");
}

/// `is_awaited` of `Op::Send`.
#[test]
fn what_was_sent_whole_and_nobody_waits_for_ends_no_wait() {
    let [mut here] = hosts(["here"]);
    let listener = here.listen("127.0.0.1:7");
    let socket = here.connect("127.0.0.1:7");
    settle(&here.world);
    let mut send = |is_awaited, until: &Until| {
        let (key, begin) = (here.key(), here.elapsed());
        let told = here.exchange_until([Op::Send { key, socket, outgoing: outgoing(b"tea"), is_awaited }], until);
        (told, here.elapsed() - begin)
    };
    let mut until = Until::FOREVER;
    until.at_most(Clock::Monotonic, Instant::from_nanos(5_000_000_000));
    assert_eq!(send(true, &until), (1, Duration::ZERO));
    let (told, waited) = send(false, &until);
    assert!(told == 1 && waited > SECOND * 4, "it is told with what comes next: {told} after {waited:?}");
    // Nothing else can ever happen: then it is told all the same.
    assert_eq!(send(false, &Until::FOREVER).0, 1);
    here.close(listener);
}

/// N4: whoever does not read learns all the same that the other side has closed.
#[test]
fn a_watch_for_the_end_is_told_of_the_end_alone() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (end, read) = (bob.watch(accepted, Interest::HangUp), bob.watch(accepted, Interest::Read));
    let other = bob.watch(accepted, Interest::HangUp);
    assert_eq!(bob.says(other), ["AlreadyExists"]);
    alice.send(socket, b"tea");
    settle(&alice.world);
    assert_eq!((bob.says(read), bob.says(end)), (vec!["readable".into()], vec![]));
    alice.network.shut_down(socket, Direction::Write).unwrap();
    settle(&alice.world);
    assert_eq!(bob.says(end), ["hung up"], "although there is something to read");
    let read = bob.watch(accepted, Interest::Read);
    assert_eq!(bob.says(read), ["readable"], "the other direction is open");
    let end = alice.watch(socket, Interest::HangUp);
    bob.abort(accepted);
    settle(&alice.world);
    assert_eq!(alice.says(end), ["hung up error"]);
}

#[test]
fn time_does_not_pass_by_itself() {
    let [mut alice, mut bob] = pair();
    let listener = bob.listen("0.0.0.0:7");
    let accept = bob.accept(listener);
    let _socket = alice.connect("10.0.0.2:7");
    (0..100).for_each(|_| assert!(alice.told().is_empty() && bob.news(accept).is_empty()));
    assert_eq!(alice.elapsed(), Duration::ZERO);
    pass(&alice.world, MILLISECOND * 30);
    assert_eq!(bob.says(accept), ["accepted"]);
}

#[test]
fn a_datagram_socket_is_no_stream() {
    let [mut alice, _bob] = pair();
    let socket = alice.mailbox(7);
    let (receive, send, accept) = (alice.receive(socket), alice.send(socket, b"tea"), alice.accept(socket));
    assert_eq!([receive, send, accept].map(|key| alice.news(key).len()), [1; 3]);
    assert!(alice.network.listen(socket, 1).is_err());
    let stream = alice.socket(fate_core::Family::V4, SocketKind::Stream);
    assert!(alice.network.send_packet(stream, b"tea", None).is_err());
    assert!(alice.network.receive_packet(stream, &mut [0; 8]).is_err());
}
