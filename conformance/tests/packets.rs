//! N9 and A4 on each driver: packets over loopback, who looks at them, and who reads them.

use fate::{Failure, Fate, Kind, Sent, Setting, UdpOptions, UdpSocket};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::scissors::cut_everywhere;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    a_packet_fuse_burns_on_the_packet_that_matches_and_the_reader_gets_all,
    run_ends_when_the_last_packet_fuse_has_burned_or_was_cut,
    a_fuse_with_a_handler_outlives_the_handle_of_its_socket,
    a_receiver_answers_every_packet,
    a_connected_socket_hears_nobody_else,
    empty_packets_arrive,
    what_is_cut_off_is_flagged,
    that_nobody_is_there_is_told_and_the_socket_lives,
    packets_may_be_broadcast_by_those_who_may,
    members_of_a_group_receive_what_is_sent_to_it,
    what_cannot_be_sent_is_an_error_value,
    reading_loses_no_packet,
    a_flood_of_packets_costs_others_no_more_than_a_turn,
    a_thousand_packets_come_in_order,
    a_shutdown_closes_every_socket,
}

const MILLISECOND: Duration = Duration::from_millis(1);

type Log<T> = Rc<RefCell<Vec<T>>>;

#[track_caller]
fn socket(fate: &Fate) -> UdpSocket {
    fate.bind_udp("127.0.0.1:0").unwrap()
}

#[track_caller]
fn say(mouth: &UdpSocket, words: &str, to: SocketAddr) {
    assert_eq!(mouth.send_to(words.as_bytes(), to).unwrap(), Sent::Taken);
}

fn unreached() {
    panic!("the fuse was cut");
}

async fn words(socket: &UdpSocket) -> String {
    String::from_utf8_lossy(&socket.receive().await.unwrap().data).into()
}

/// What comes of this, or nothing if it takes too long.
async fn soon<T>(fate: &Fate, future: impl Future<Output = T>) -> Option<T> {
    futures_lite::future::or(async { Some(future.await) }, async {
        fate.sleep(MILLISECOND * 20).await;
        None
    })
    .await
}

/// N9.
fn a_packet_fuse_burns_on_the_packet_that_matches_and_the_reader_gets_all(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let (ear, mouth) = (socket(&fate), socket(&fate));
    let target = ear.local_addr();
    for name in ["detonate", "hello"] {
        let log = log.clone();
        ear.get_fuse(move |packet| packet.data == name.as_bytes())
            .set_handler(move |_| log.borrow_mut().push(format!("{name} burned")));
    }
    let (heard, here) = (log.clone(), fate.clone());
    fate.spawn(async move {
        for _ in 0..3 {
            here.sleep(MILLISECOND).await;
            let read = words(&ear).await;
            heard.borrow_mut().push(read);
        }
    });
    let here = fate.clone();
    fate.spawn(async move {
        for words in ["hello", "detonate", "detonate"] {
            say(&mouth, words, target);
            here.sleep(MILLISECOND / 2).await;
        }
    });
    fate.run().unwrap();
    let burned: Vec<String> = log.borrow().iter().filter(|words| words.ends_with("burned")).cloned().collect();
    log.borrow_mut().retain(|words| !words.ends_with("burned"));
    assert_eq!(burned, ["hello burned", "detonate burned"]);
    assert_eq!(*log.borrow(), ["hello", "detonate", "detonate"]);
}

/// L3, N9: also from outside the loop, before it was ever asked.
fn run_ends_when_the_last_packet_fuse_has_burned_or_was_cut(ground: &Ground) {
    let (fate, burned) = (ground.fate(), Rc::new(Cell::new(0)));
    let (ear, mouth) = (socket(&fate), socket(&fate));
    let (fuse, count) = (ear.get_fuse(|packet| packet.data == b"tea"), burned.clone());
    fuse.set_handler(move |_| count.set(count.get() + 1));
    say(&mouth, "coffee", ear.local_addr());
    say(&mouth, "tea", ear.local_addr());
    fate.run().unwrap();
    assert_eq!(burned.get(), 1);
    let fuse = ear.get_fuse(|_| true);
    fuse.set_handler(|_| unreached());
    assert!(fuse.cut());
    fate.run().unwrap();
    let fuse = ear.get_fuse(|_| true);
    fuse.set_handler(|_| unreached());
    fate.get_fuse(MILLISECOND).set_handler(move |_| assert!(fuse.cut()));
    fate.run().unwrap();
    fate.run_until(async { assert_eq!([words(&ear).await, words(&ear).await], ["coffee", "tea"]) });
}

/// N9, L3.
fn a_fuse_with_a_handler_outlives_the_handle_of_its_socket(ground: &Ground) {
    let (fate, burned) = (ground.fate(), Rc::new(Cell::new(false)));
    let ear = socket(&fate);
    let (target, flag) = (ear.local_addr(), burned.clone());
    ear.get_fuse(|packet| packet.data == b"tea").set_handler(move |_| flag.set(true));
    drop(ear);
    let mouth = socket(&fate);
    fate.get_fuse(MILLISECOND).set_handler(move |_| say(&mouth, "tea", target));
    fate.run().unwrap();
    assert!(burned.get());
    assert!(!fate.report().live.iter().any(|live| live.kind == Kind::Socket), "{}", fate.report());
}

/// N9.
fn a_receiver_answers_every_packet(ground: &Ground) {
    ground.run(async |fate| {
        let (ear, mouth) = (socket(fate), socket(fate));
        let target = ear.local_addr();
        ear.set_receiver(|socket, packet| {
            let packet = packet?;
            assert_eq!(socket.send_to(packet.data, packet.from)?, Sent::Taken);
            if packet.data == b"enough" {
                assert!(socket.stop_receiver());
            }
            fate::Ok(())
        });
        drop(ear);
        for number in 0..200 {
            say(&mouth, &number.to_string(), target);
            assert_eq!(words(&mouth).await, number.to_string());
        }
        say(&mouth, "enough", target);
        assert_eq!(words(&mouth).await, "enough");
        fate.sleep(MILLISECOND).await;
        fate.bind_udp(target).unwrap();
    });
}

/// N9.
fn a_connected_socket_hears_nobody_else(ground: &Ground) {
    ground.run(async |fate| {
        let (ear, mouth, stranger) = (socket(fate), socket(fate), socket(fate));
        ear.connect(mouth.local_addr()).unwrap();
        mouth.connect(ear.local_addr()).unwrap();
        assert_eq!(ear.peer_addr().unwrap(), mouth.local_addr());
        assert_eq!(stranger.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        say(&stranger, "psst", ear.local_addr());
        assert_eq!(mouth.send(b"tea?").unwrap(), Sent::Taken);
        mouth.send_soon(b"cake?").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(ear.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"tea?");
        assert_eq!(words(&ear).await, "cake?");
        assert!(soon(fate, ear.receive()).await.is_none());
    });
}

/// N9.
fn empty_packets_arrive(ground: &Ground) {
    ground.run(async |fate| {
        let (ear, mouth) = (socket(fate), socket(fate));
        let fuse = ear.get_fuse(|packet| packet.data.is_empty());
        let target = ear.local_addr();
        say(&mouth, "", target);
        let mut buffer = [7; 4];
        assert_eq!(ear.recv_from(&mut buffer).await.unwrap(), (0, mouth.local_addr()));
        assert!(fuse.is_burned(), "it was there when the packet was");
        drop(fuse);
        say(&mouth, "", target);
        assert_eq!(ear.receive().await.unwrap().data, "");
        say(&mouth, "", target);
        assert!(ear.get_fuse(|packet| packet.data.is_empty()).await);
    });
}

/// N9.
fn what_is_cut_off_is_flagged(ground: &Ground) {
    ground.run(async |fate| {
        let name = format!("@fate-long-{}-{}", ground.driver_name(), std::process::id());
        let (ear, mouth) = (fate.bind_unix_datagram(&name).unwrap(), fate.unix_datagram().unwrap());
        mouth.set(Setting::SendBuffer(200_000)).unwrap();
        for (length, is_truncated) in [(65_536, false), (65_537, true), (100_000, true), (5, false)] {
            let packet: Vec<u8> = (0..length).map(|number: u32| number as u8).collect();
            mouth.send_to_soon(&packet, &name).await.unwrap();
            let received = ear.receive().await.unwrap();
            let kept = packet.len().min(65_536);
            assert!(received.data == packet[..kept] && received.is_truncated == is_truncated, "{length}");
            let seen = Rc::new(Cell::new(None));
            let shown = seen.clone();
            let fuse = ear.get_fuse(move |packet| {
                shown.set(Some((packet.data.len(), packet.is_truncated)));
                true
            });
            mouth.send_to_soon(&packet, &name).await.unwrap();
            assert!(fuse.await);
            assert_eq!(seen.get(), Some((kept, is_truncated)));
            assert_eq!(ear.receive().await.unwrap().is_truncated, is_truncated);
        }
    });
}

/// N9.
fn that_nobody_is_there_is_told_and_the_socket_lives(ground: &Ground) {
    ground.run(async |fate| {
        let (mouth, gone) = (socket(fate), socket(fate).local_addr());
        // By the next turn the kernel has closed it.
        fate.sleep(MILLISECOND).await;
        mouth.connect(gone).unwrap();
        for with_fuse in [false, true] {
            let fuse = mouth.get_fuse(|_| false);
            if with_fuse {
                fuse.set_handler(|_| ());
            }
            mouth.send_soon(b"is anybody there?").await.unwrap();
            assert_eq!(mouth.receive().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
            fuse.cut();
        }
        let told = Log::default();
        let log = told.clone();
        mouth.set_receiver(move |_, packet| {
            log.borrow_mut().push(packet.map(|packet| packet.data.to_vec()).map_err(|error| error.kind()));
        });
        mouth.send_soon(b"is anybody there?").await.unwrap();
        fate.sleep(MILLISECOND).await;
        let back = fate.bind_udp(gone).unwrap();
        mouth.send_soon(b"hello").await.unwrap();
        assert_eq!(words(&back).await, "hello");
        say(&back, "hello yourself", mouth.local_addr());
        fate.sleep(MILLISECOND).await;
        assert_eq!(*told.borrow(), [Err(ErrorKind::ConnectionRefused), Ok(b"hello yourself".to_vec())]);
        mouth.stop_receiver();
    });
}

/// N9.
fn packets_may_be_broadcast_by_those_who_may(ground: &Ground) {
    ground.run(async |fate| {
        let (ear, mouth) = (fate.bind_udp("0.0.0.0:0").unwrap(), fate.bind_udp("0.0.0.0:0").unwrap());
        // A simulated loopback has one member.
        let everybody = if ground.is_simulated() { Ipv4Addr::BROADCAST } else { Ipv4Addr::new(127, 255, 255, 255) };
        let everybody = SocketAddr::from((everybody, ear.local_addr().port()));
        assert_eq!(mouth.send_to(b"hear, hear", everybody).unwrap_err().kind(), ErrorKind::PermissionDenied);
        mouth.set_broadcast(true).unwrap();
        say(&mouth, "hear, hear", everybody);
        assert_eq!(words(&ear).await, "hear, hear");
    });
}

/// The number of the interface that leads nowhere else.
const LOOPBACK: u32 = 1;

/// N9: of both versions, if the machine has both.
fn members_of_a_group_receive_what_is_sent_to_it(ground: &Ground) {
    for group in ["239.83.69.1", "ff01::83:69"] {
        let group: IpAddr = group.parse().unwrap();
        let ground = ground.another();
        let outcome = ground.run(async |fate| tell_a_group(fate, group).await);
        match outcome {
            Ok(()) => {}
            // A machine without version 6, or whose loopback knows no groups.
            Err(failure) if is_about_the_machine(&failure) && !ground.is_simulated() => eprintln!("{group}: {failure}"),
            Err(failure) => panic!("{group}: {failure:?}"),
        }
    }
}

fn is_about_the_machine(failure: &Failure) -> bool {
    failure.check::<io::Error>().is_some_and(|error| {
        let kind = error.kind();
        kind == ErrorKind::AddrNotAvailable || kind == ErrorKind::NetworkUnreachable || kind == ErrorKind::Unsupported
            // EAFNOSUPPORT and ENODEV have no kind.
            || matches!(error.raw_os_error(), Some(97 | 47 | 19))
    })
}

async fn tell_a_group(fate: &Fate, group: IpAddr) -> fate::Result {
    let any = if group.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let shared = UdpOptions::default().reuse_address(true);
    let ear = fate.bind_udp_with(any, &shared)?;
    let port = ear.local_addr().port();
    let other_ear = fate.bind_udp_with((if group.is_ipv4() { "0.0.0.0" } else { "::" }, port), &shared)?;
    let mouth = fate.bind_udp(any)?;
    if group.is_ipv4() {
        mouth.set_group_interface_v4(Ipv4Addr::LOCALHOST)?;
    } else {
        mouth.set_group_interface_v6(LOOPBACK)?;
    }
    mouth.set_group_hops(0)?;
    for ear in [&ear, &other_ear] {
        ear.join_group(group, LOOPBACK)?;
    }
    say_to_group(&mouth, "to all", group, port)?;
    assert_eq!([words(&ear).await, words(&other_ear).await], ["to all"; 2]);
    mouth.set_group_loop(true)?;
    for ear in [&ear, &other_ear] {
        ear.leave_group(group, LOOPBACK)?;
    }
    say_to_group(&mouth, "to nobody", group, port)?;
    assert!(soon(fate, ear.receive()).await.is_none());
    assert_eq!(ear.leave_group(group, LOOPBACK).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    Ok(())
}

fn say_to_group(mouth: &UdpSocket, words: &str, group: IpAddr, port: u16) -> fate::Result {
    assert_eq!(mouth.send_to(words.as_bytes(), (group, port))?, Sent::Taken);
    Ok(())
}

/// E4.
fn what_cannot_be_sent_is_an_error_value(ground: &Ground) {
    ground.run(async |fate| {
        let (ear, mouth) = (socket(fate), socket(fate));
        let target = ear.local_addr();
        mouth.send_to(&[0; 65_508], target).unwrap_err();
        mouth.send_to_soon(&[0; 70_000], target).await.unwrap_err();
        mouth.send(b"to whom?").unwrap_err();
        mouth.send_to(b"of the other version", "[::1]:9".parse::<SocketAddr>().unwrap()).unwrap_err();
        mouth.send_to_soon(&[1; 65_507], target).await.unwrap();
        assert_eq!(ear.receive().await.unwrap().data.len(), 65_507);
        assert_eq!(fate.bind_udp(target).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(fate.bind_udp("192.0.2.1:0").unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    });
}

/// A4: with and without a fuse that looks on.
fn reading_loses_no_packet(ground: &Ground) {
    for with_fuse in [false, true] {
        cut_everywhere(|scissors| {
            ground.another().run(async |fate| {
                let (ear, mouth) = (socket(fate), socket(fate));
                let target = ear.local_addr();
                let fuse = with_fuse.then(|| ear.get_fuse(|packet| packet.data == b"7"));
                let speak = async {
                    for number in 0..8 {
                        fate.sleep(MILLISECOND / 10).await;
                        say(&mouth, &number.to_string(), target);
                    }
                };
                let read = async {
                    for number in 0..8 {
                        let mut buffer = [0; 8];
                        let heard = if number % 2 == 0 {
                            scissors.retry(async || words(&ear).await).await
                        } else {
                            let length = scissors.retry(async || ear.recv(&mut buffer).await.unwrap()).await;
                            String::from_utf8_lossy(&buffer[..length]).into()
                        };
                        assert_eq!(heard, number.to_string());
                    }
                };
                futures_lite::future::zip(speak, read).await;
                assert!(fuse.is_none_or(|fuse| fuse.is_burned()));
            });
        });
    }
}

/// N13: as many packets as there are, and a fuse at each turn.
fn a_flood_of_packets_costs_others_no_more_than_a_turn(ground: &Ground) {
    let (fate, most) = (ground.fate(), Rc::new(Cell::new(0)));
    let (ear, mouth) = (socket(&fate), socket(&fate));
    let (target, since) = (ear.local_addr(), Rc::new(Cell::new(0)));
    let (count, highest) = (since.clone(), most.clone());
    ear.set_receiver(move |_, _| {
        count.set(count.get() + 1);
        highest.set(highest.get().max(count.get()));
    });
    let turns = Cell::new(0);
    fate.every(MILLISECOND / 20, move |fate, _| {
        since.set(0);
        turns.set(turns.get() + 1);
        if turns.get() == 50 {
            fate.shutdown();
        }
        (0..60).for_each(|_| drop(mouth.send_to(b"flood", target)));
    });
    fate.run().unwrap();
    assert!((1..=64).contains(&most.get()), "{} packets between two turns of another", most.get());
}

/// N9.
fn a_thousand_packets_come_in_order(ground: &Ground) {
    ground.run(async |fate| {
        let (ear, mouth) = (socket(fate), socket(fate));
        let target = ear.local_addr();
        for hundred in 0..10 {
            for number in 0..100 {
                say(&mouth, &(hundred * 100 + number).to_string(), target);
            }
            for number in 0..100 {
                assert_eq!(words(&ear).await, (hundred * 100 + number).to_string());
            }
        }
    });
}

/// L2.
fn a_shutdown_closes_every_socket(ground: &Ground) {
    let (fate, token) = (ground.fate(), Rc::new(()));
    let (ear, mouth) = (socket(&fate), socket(&fate));
    let target = ear.local_addr();
    let held = [token.clone(), token.clone(), token.clone()];
    let [in_fuse, in_handler, in_receiver] = held;
    let fuse = ear.get_fuse(move |_| Rc::strong_count(&in_fuse) == 0);
    fuse.set_handler(move |_| drop(in_handler));
    mouth.set_receiver(move |_, _| drop(in_receiver.clone()));
    fate.get_fuse(MILLISECOND).set_handler(|fate| fate.shutdown());
    fate.run().unwrap();
    assert_eq!(Rc::strong_count(&token), 1);
    assert!(fate.report().left.iter().filter(|live| live.kind == Kind::Socket).count() == 2, "{}", fate.report());
    assert_eq!(ear.send_to(b"tea", target).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(fate.run_until(ear.receive()).unwrap_err().kind(), ErrorKind::NotConnected);
    fate.bind_udp(target).unwrap();
}
