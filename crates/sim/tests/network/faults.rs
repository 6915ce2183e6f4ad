//! V2: what a script does to links and hosts, and how those find out who depend on them.

use crate::rig::{Host, MILLISECOND, SECOND, connected, inet, noise, pair, pass, settle};
use fate_core::{Event, Interest, KeepAlive, Setting, Socket};
use std::io::ErrorKind;
use std::time::Duration;

/// Linux: sixteen waits of a fifth of a second, twice that, and so on, but at most two minutes; and the way there and back in each
/// of those that are not two minutes long.
const GIVEN_UP: Duration = Duration::from_millis(924_600);

#[test]
fn a_stream_outlives_a_partition_with_every_byte() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (bytes, link) = (noise(100_000), alice.link(bob));
    let receive = bob.receive(accepted);
    let (mut sent, mut received) = (0, Vec::new());
    for step in 0..2000 {
        match step % 100 {
            30 => alice.world.part(link),
            60 => alice.world.heal(link),
            _ => {}
        }
        let send = alice.send(socket, &bytes[sent..(sent + 500).min(bytes.len())]);
        match &alice.news(send)[..] {
            [Event::Sent(left, Ok(()))] => sent = (sent + 500).min(bytes.len()) - left.len(),
            [] => alice.cancel(send),
            other => panic!("{other:?}"),
        }
        pass(&alice.world, MILLISECOND * 3);
        received.extend(bob.received(receive));
        if sent == bytes.len() {
            break;
        }
    }
    alice.world.heal(link);
    while received.len() < bytes.len() {
        assert!(alice.world.go_on(None), "{} of {}", received.len(), bytes.len());
        received.extend(bob.received(receive));
    }
    assert!(received == bytes);
}

/// N1.
#[test]
fn a_connection_across_a_parted_link_is_given_up_after_a_quarter_of_an_hour() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (receive, other) = (alice.receive(socket), bob.receive(accepted));
    alice.world.part(alice.link(bob));
    let begin = alice.elapsed();
    alice.send(socket, b"tea");
    settle(&alice.world);
    let took = alice.elapsed() - begin;
    assert!(took >= GIVEN_UP && took < GIVEN_UP + SECOND * 60, "{took:?}");
    assert_eq!((alice.says(receive), bob.says(other)), (vec!["TimedOut".into()], vec![]), "bob knows nothing of it");
    alice.world.heal(alice.link(bob));
    bob.send(accepted, b"tea?");
    settle(&alice.world);
    assert_eq!(bob.says(other), ["ConnectionReset"]);
}

#[test]
fn what_is_on_its_way_when_a_link_is_parted_is_lost() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (link, receive, begin) = (alice.link(bob), bob.receive(accepted), alice.elapsed());
    alice.send(socket, b"tea");
    pass(&alice.world, MILLISECOND * 9);
    alice.world.part(link);
    pass(&alice.world, MILLISECOND);
    alice.world.heal(link);
    assert!(bob.news(receive).is_empty());
    settle(&alice.world);
    assert_eq!(bob.received(receive), b"tea");
    assert!(alice.elapsed() - begin > MILLISECOND * 200);
}

#[test]
fn a_reset_link_resets_both_ends() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (here, there) = (alice.receive(socket), bob.receive(accepted));
    alice.world.reset(alice.link(bob));
    assert_eq!((alice.says(here), bob.says(there)), (vec!["ConnectionReset".into()], vec!["ConnectionReset".into()]));
    let [alice, mut bob] = pair;
    let again = Host::new(&alice.world, "carol");
    let listener = bob.listen("0.0.0.0:7");
    let accept = bob.accept(listener);
    let _from_carol = again.connect("10.0.0.2:7");
    settle(&alice.world);
    assert_eq!(bob.says(accept), ["accepted"]);
}

/// A half-open connection is found out when something is sent on it.
#[test]
fn a_host_that_was_started_again_knows_no_connection() {
    let mut pair = pair();
    let [socket, _accepted] = connected(&mut pair);
    let [mut alice, bob] = pair;
    let receive = alice.receive(socket);
    alice.world.crash(bob.number());
    let again = Host::new(&alice.world, "bob");
    assert_eq!(again.number(), bob.number());
    settle(&alice.world);
    assert!(alice.news(receive).is_empty(), "nobody has told it");
    alice.send(socket, b"tea");
    settle(&alice.world);
    assert_eq!(alice.says(receive), ["ConnectionReset"]);
}

#[test]
fn a_host_that_is_down_does_not_answer() {
    let mut pair = pair();
    let [socket, _accepted] = connected(&mut pair);
    let [mut alice, bob] = pair;
    let receive = alice.receive(socket);
    alice.world.crash(bob.number());
    alice.send(socket, b"tea");
    let call = alice.connect("10.0.0.2:7");
    let watch = alice.watch(call, Interest::Write);
    settle(&alice.world);
    assert_eq!(alice.says(receive), ["TimedOut"]);
    assert_eq!(alice.says(watch), ["writable hung up error"]);
    assert_eq!(alice.network.take_error(call).unwrap().unwrap().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_host_that_has_crashed_can_do_nothing_until_it_is_started_again() {
    let [alice, mut bob] = pair();
    let listener = bob.listen("0.0.0.0:7");
    let accept = bob.accept(listener);
    let _call = alice.connect("10.0.0.2:7");
    settle(&alice.world);
    alice.world.crash(bob.number());
    assert!(bob.news(accept).is_empty(), "what was on its way is gone");
    assert_eq!(bob.network.local_address(listener).unwrap_err().kind(), ErrorKind::NetworkDown);
    bob.close(listener);
    let mut again = Host::new(&alice.world, "bob");
    assert!(bob.network.local_address(listener).is_err(), "the old machine stays dead");
    let listener = again.listen("0.0.0.0:7");
    let accept = again.accept(listener);
    let _call = alice.connect("10.0.0.2:7");
    settle(&alice.world);
    assert_eq!(again.says(accept), ["accepted"]);
}

/// N8: idle time, and then as many probes as were asked for, each after its interval.
#[test]
fn keepalive_finds_a_dead_peer_at_the_time_that_was_asked_for() {
    let keep_alive = KeepAlive { idle: SECOND * 60, interval: SECOND * 10, probes: 3 };
    for is_parted in [true, false] {
        let mut pair = pair();
        let [socket, _accepted] = connected(&mut pair);
        let [mut alice, bob] = pair;
        alice.set(socket, Setting::KeepAlive(Some(keep_alive)));
        let (receive, link) = (alice.receive(socket), alice.link(&bob));
        pass(&alice.world, SECOND * 3600);
        assert!(alice.news(receive).is_empty(), "it is answered");
        alice.send(socket, b"tea");
        pass(&alice.world, SECOND);
        let heard = alice.elapsed() - SECOND + MILLISECOND * 20;
        if is_parted {
            alice.world.part(link)
        } else {
            alice.world.crash(bob.number())
        }
        settle(&alice.world);
        assert_eq!((alice.elapsed() - heard, alice.says(receive)), (SECOND * 90, vec!["TimedOut".into()]));
    }
}

#[test]
fn keepalive_forgives_what_heals_in_time() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    alice.set(socket, Setting::KeepAlive(Some(KeepAlive { idle: SECOND, interval: SECOND, probes: 3 })));
    let (link, receive, other) = (alice.link(bob), alice.receive(socket), bob.receive(accepted));
    alice.world.part(link);
    pass(&alice.world, MILLISECOND * 2500);
    alice.world.heal(link);
    settle(&alice.world);
    assert!(alice.news(receive).is_empty());
    alice.send(socket, b"tea");
    settle(&alice.world);
    assert_eq!(bob.received(other), b"tea");
}

#[test]
fn keepalive_finds_out_that_the_peer_was_started_again() {
    let mut pair = pair();
    let [socket, _accepted] = connected(&mut pair);
    let [mut alice, bob] = pair;
    alice.set(socket, Setting::KeepAlive(Some(KeepAlive { idle: SECOND, interval: SECOND, probes: 3 })));
    let receive = alice.receive(socket);
    alice.world.crash(bob.number());
    let _again = Host::new(&alice.world, "bob");
    settle(&alice.world);
    assert_eq!(alice.says(receive), ["ConnectionReset"]);
    assert!(alice.elapsed() < SECOND * 2);
}

/// N6.
#[test]
fn a_full_table_takes_no_connection_until_there_is_room() {
    let [mut alice, mut bob] = pair();
    let listener = bob.listen("0.0.0.0:7");
    alice.world.set_descriptors(bob.number(), 6);
    let accept = bob.accept(listener);
    let calls: Vec<Socket> = (0..3).map(|_| alice.connect("10.0.0.2:7")).collect();
    settle(&alice.world);
    let news = bob.news(accept);
    let [Event::Accepted(first), Event::Accepted(second), Event::Failed(error)] = &news[..] else { panic!("{news:?}") };
    assert_eq!(error.raw_os_error(), Some(24));
    assert!(bob.network.socket(fate_core::Family::V4, fate_core::SocketKind::Stream).is_err());
    assert!(!bob.network.has_room_after(*second, 1) && bob.network.has_room_after(*second, 0));
    bob.close(*first);
    assert!(bob.network.has_room_after(*second, 1) && !bob.network.has_room_after(*second, 2));
    let accept = bob.accept(listener);
    assert_eq!(bob.says(accept), ["accepted"], "it has waited");
    let receive = alice.receive(calls[2]);
    assert!(alice.news(receive).is_empty());
}

#[test]
fn a_suspended_host_hears_nothing_and_goes_on_where_it_was() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (here, there, packets) = (alice.receive(socket), bob.receive(accepted), bob.mailbox(9));
    let mailbox = alice.mailbox(9);
    alice.world.suspend(bob.number(), SECOND * 60);
    alice.network.send_packet(mailbox, b"lost", Some(&inet("10.0.0.2:9"))).unwrap();
    alice.send(socket, b"tea");
    pass(&alice.world, SECOND * 60);
    assert!(bob.news(there).is_empty());
    settle(&alice.world);
    assert_eq!(bob.received(there), b"tea");
    assert!(bob.packets(packets).is_empty() && alice.news(here).is_empty());
    assert!(alice.elapsed() < SECOND * 120);
}

#[test]
fn a_writer_whose_reader_went_while_it_waited_for_room_finds_out() {
    let mut pair = pair();
    let [socket, _accepted] = connected(&mut pair);
    let [mut alice, bob] = pair;
    alice.send(socket, &noise(200_000));
    settle(&alice.world);
    let rest = alice.send(socket, &noise(200_000));
    settle(&alice.world);
    let stuck = alice.send(socket, &noise(200_000));
    settle(&alice.world);
    assert_eq!((alice.says(rest).len(), alice.news(stuck).len()), (1, 0), "both buffers are full");
    alice.world.crash(bob.number());
    let _again = Host::new(&alice.world, "bob");
    settle(&alice.world);
    assert_eq!(alice.says(stuck), ["ConnectionReset, 200000 left"]);
}

#[test]
fn a_window_that_opens_while_a_link_is_parted_is_found_open_afterwards() {
    let mut pair = pair();
    let [socket, accepted] = connected(&mut pair);
    let [alice, bob] = &mut pair;
    let (bytes, link) = (noise(131_072), alice.link(bob));
    alice.send(socket, &bytes);
    settle(&alice.world);
    alice.send(socket, &bytes[65_536..]);
    settle(&alice.world);
    alice.world.part(link);
    let receive = bob.receive(accepted);
    let mut received = Vec::new();
    while received.len() < 65_536 {
        received.extend(bob.received(receive));
    }
    pass(&alice.world, SECOND * 30);
    alice.world.heal(link);
    while received.len() < bytes.len() {
        assert!(alice.world.go_on(None), "{}", received.len());
        received.extend(bob.received(receive));
    }
    assert!(received == bytes);
}
