//! What lies between hosts.

use crate::log::{HOUR, Log, MILLISECOND, SECOND};
use crate::rig::{ask, end, serve_echo, world};
use fate::sim::Sim;
use fate::{Fate, Instant};
use futures_lite::io::AsyncReadExt;
use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// V1, V2: the program of the design, which retries across a partition for an hour.
fn retry_across_a_partition(seed: u64) -> (u32, String) {
    let (mut sim, [server, client]) = world(seed);
    let link = sim.link("client", "server").latency(MILLISECOND * 10..MILLISECOND * 50);
    link.partition();
    client.get_fuse(HOUR).set_handler(move |_| link.heal());
    let attempts = Rc::new(Cell::new(0));
    let (count, here) = (attempts.clone(), client.clone());
    client.spawn(async move {
        loop {
            count.set(count.get() + 1);
            if let Ok(mut stream) = here.connect_tcp("server:7").add_timeout(SECOND * 5).await {
                assert_eq!(ask(&mut stream, b"are you there?").await.unwrap(), b"are you there?");
                return here.shutdown();
            }
            here.sleep(SECOND * 60).await;
        }
    });
    sim.run().unwrap();
    assert!(sim.elapsed() >= HOUR && sim.elapsed() < HOUR + SECOND * 70);
    drop(server);
    (attempts.get(), sim.history())
}

/// V1.
#[test]
fn one_seed_gives_one_history_of_the_network_byte_for_byte() {
    let first = retry_across_a_partition(7);
    assert_eq!(first.0, 57, "one every 65 seconds");
    assert_eq!(retry_across_a_partition(7), first);
    assert_ne!(retry_across_a_partition(8).1, first.1);
}

/// V1: the legend.
#[test]
fn the_history_tells_what_goes_over_the_network() {
    let (mut sim, [_server, client]) = world(1);
    let link = sim.link("client", "server");
    let here = client.clone();
    let task = async move {
        let mut stream = here.connect_tcp("10.0.0.1:7").await.unwrap();
        ask(&mut stream, b"tea").await.unwrap();
        link.partition();
        link.heal();
        link.reset();
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        here.connect_tcp("10.0.0.1:8").await.unwrap_err();
    };
    client.spawn(task);
    sim.run().unwrap();
    let network: Vec<String> = sim
        .events()
        .iter()
        .filter(|event| !["born", "spawned", "finished", "burned"].contains(&event.word))
        .map(|event| format!("{} {} {} {}", event.truth / 1000, event.host, event.word, event.detail))
        .collect();
    let expected = [
        "0 server listens 0.0.0.0:7",
        "0 client connects 10.0.0.2:32768 > 10.0.0.1:7",
        "200 client opened 10.0.0.2:32768 > 10.0.0.1:7",
        "200 client sent 10.0.0.2:32768 > 10.0.0.1:7 3",
        "300 server arrived 10.0.0.1:7 > 10.0.0.2:32768 3",
        "300 server accepted 10.0.0.1:7 > 10.0.0.2:32768",
        "300 server sent 10.0.0.1:7 > 10.0.0.2:32768 3",
        "400 client arrived 10.0.0.2:32768 > 10.0.0.1:7 3",
        "400 server parted client",
        "400 server healed client",
        "400 client reset 10.0.0.2:32768 > 10.0.0.1:7",
        "400 server reset 10.0.0.1:7 > 10.0.0.2:32768",
        "400 client connects 10.0.0.2:32769 > 10.0.0.1:8",
        "600 client refused 10.0.0.2:32769 > 10.0.0.1:8",
    ];
    assert_eq!(network[..expected.len()], expected, "{}", sim.history());
}

/// What two hosts say to each other, which is the same whatever others do.
fn conversation(sim: &Sim) -> Vec<String> {
    let is_theirs = |event: &fate::sim::Event| ["server", "client"].contains(&&*event.host) && event.word != "left";
    let events = sim.events().into_iter().filter(is_theirs);
    events.map(|event| format!("{} {} {} {}", event.truth, event.host, event.word, event.detail)).collect()
}

/// V1: chance on a link follows from the seed and the names of its hosts.
#[test]
fn a_host_that_is_added_changes_nothing_for_the_others() {
    let play = |strangers: u32| {
        let (mut sim, [_server, client]) = world(7);
        let slow = MILLISECOND * 10..MILLISECOND * 500;
        sim.link("server", "client").latency(slow.clone()).loss(0.1);
        for number in 0..strangers {
            let (one, other) = (format!("stranger {number}"), format!("friend {number}"));
            let [server, client] = [&one, &other].map(|name| sim.host(name));
            serve_echo(&server);
            sim.link(&one, &other).latency(slow.clone()).loss(0.1);
            converse(&client, server_address(2 * number + 3));
        }
        converse(&client, server_address(1));
        sim.run().unwrap();
        conversation(&sim)
    };
    let alone = play(0);
    assert!(alone.len() > 50);
    assert_eq!(play(3), alone);
}

fn server_address(number: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8], 7))
}

fn converse(client: &Fate, address: SocketAddr) {
    let here = client.clone();
    client.spawn(async move {
        let mut stream = here.connect_tcp(&address.to_string()).await.unwrap();
        for length in 1..20 {
            assert_eq!(
                ask(&mut stream, &vec![length; usize::from(length) * 100]).await.unwrap().len(),
                usize::from(length) * 100
            );
        }
    });
}

/// V2: latency and bandwidth, to the nanosecond.
#[test]
fn a_question_takes_as_long_as_the_link_says() {
    let (mut sim, [_server, client]) = world(1);
    sim.link("client", "server").latency(SECOND..SECOND).bandwidth(1000);
    let (log, here) = (Log::default(), client.clone());
    let times = log.clone();
    client.spawn(async move {
        let mut stream = here.connect_tcp("server:7").await.unwrap();
        times.note(here.now() - Instant::START);
        ask(&mut stream, &[0; 500]).await.unwrap();
        times.note(here.now() - Instant::START);
    });
    sim.run().unwrap();
    assert_eq!(log.take(), [SECOND * 2, SECOND * 5]);
}

/// V2: packets are lost, overtake each other, and come twice.
#[test]
fn packets_have_no_guarantees() {
    let play = |set: fn(fate::sim::Link) -> fate::sim::Link| {
        let mut sim = Sim::new(7);
        let [server, client] = ["server", "client"].map(|name| sim.host(name));
        set(sim.link("server", "client"));
        let (log, socket) = (Log::default(), server.bind_udp("0.0.0.0:9").unwrap());
        let arrived = log.clone();
        server.spawn(async move {
            while let Ok(packet) = socket.receive().await {
                arrived.note(packet.data[0]);
            }
        });
        let here = client.clone();
        client.spawn(async move {
            let socket = here.bind_udp("0.0.0.0:0").unwrap();
            for number in 0..100 {
                let _ = socket.send_to(&[number], ([10, 0, 0, 1], 9)).unwrap();
                here.sleep(MILLISECOND).await;
            }
        });
        sim.run().unwrap();
        end(&mut sim, &["server", "client"]);
        log.take()
    };
    let all: Vec<u8> = (0..100).collect();
    assert_eq!(play(|link| link), all);
    let lost = play(|link| link.loss(0.3));
    assert!(lost.is_sorted() && (50..90).contains(&lost.len()), "{lost:?}");
    let mut mixed = play(|link| link.latency(Duration::ZERO..SECOND));
    assert!(!mixed.is_sorted());
    mixed.sort_unstable();
    assert_eq!(mixed, all);
    assert!(play(|link| link.duplicate(0.5)).len() > 120);
}

#[test]
#[should_panic(expected = "there is no host dormouse")]
fn a_link_to_nobody_is_a_mistake() {
    let (sim, _) = world(1);
    sim.link("server", "dormouse");
}
