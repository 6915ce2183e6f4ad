//! What happens to hosts, and what is left of them.

use crate::log::{Log, OnDrop, SECOND};
use crate::rig::{ask, end, serve_echo, world};
use fate::{Kind, Verdict};
use futures_lite::io::AsyncReadExt;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;

fn os_error(failure: &fate::Failure) -> ErrorKind {
    failure.check::<io::Error>().unwrap().kind()
}

/// V2: a connection that is half open is found out when something is said on it.
#[test]
fn a_server_that_was_started_again_has_forgotten_its_clients() {
    let (mut sim, [server, client]) = world(1);
    let (log, here) = (Log::default(), client.clone());
    let noted = log.clone();
    client.spawn(async move {
        let mut stream = here.connect_tcp("server:7").await.unwrap();
        ask(&mut stream, b"tea").await.unwrap();
        here.sleep(SECOND * 10).await;
        noted.note(format!("{:?}", os_error(&ask(&mut stream, b"tea").await.unwrap_err())));
        let mut stream = here.connect_tcp("server:7").await.unwrap();
        noted.note(String::from_utf8(ask(&mut stream, b"tea").await.unwrap()).unwrap());
    });
    sim.run_until(SECOND).unwrap();
    sim.crash("server");
    drop(server);
    sim.run_until(SECOND * 2).unwrap();
    serve_echo(&sim.host("server"));
    sim.run().unwrap();
    assert_eq!(log.take(), ["ConnectionReset", "tea"]);
}

/// V2.
#[test]
fn a_client_finds_out_by_itself_that_its_server_is_down() {
    let (mut sim, [_server, client]) = world(1);
    let (log, here) = (Log::default(), client.clone());
    let noted = log.clone();
    client.spawn(async move {
        let mut stream = here.connect_tcp("server:7").await.unwrap();
        ask(&mut stream, b"tea").await.unwrap();
        here.sleep(SECOND * 10).await;
        noted.note(os_error(&ask(&mut stream, b"tea").await.unwrap_err()));
        noted.note(os_error(&here.connect_tcp("10.0.0.1:7").await.unwrap_err()));
    });
    sim.run_until(SECOND).unwrap();
    sim.crash("server");
    sim.run().unwrap();
    assert_eq!(log.take(), [ErrorKind::TimedOut; 2]);
    assert!(sim.elapsed() > SECOND * (925 + 127) && sim.elapsed() < SECOND * 1100, "{:?}", sim.elapsed());
}

/// V2: what a host that crashes had scheduled never happens, and all that it held is dropped.
#[test]
fn a_crash_drops_everything_where_it_stands() {
    let (mut sim, [server, _client]) = world(1);
    let (log, dropped) = (Log::default(), Rc::new(Cell::new(0)));
    server.get_fuse(SECOND * 10).set_handler(log.noting("the fuse burned"));
    server.before_shutdown({
        let log = log.clone();
        move |_| log.note("it was shut down")
    });
    let (here, count) = (server.clone(), dropped.clone());
    server.spawn(async move {
        let _held = OnDrop(|| count.set(count.get() + 1));
        here.sleep(SECOND * 10).await;
    });
    sim.run_until(SECOND).unwrap();
    sim.crash("server");
    assert_eq!(dropped.get(), 1);
    sim.run_until(SECOND * 20).unwrap();
    assert_eq!(log.take(), [""; 0]);
    let last = sim.events().pop().unwrap();
    assert_eq!((&*last.host, last.word), ("server", "crashed"), "it says nothing more");
    assert!(server.listen_tcp("0.0.0.0:9").is_err(), "a Fate that has crashed stays so");
    let again = sim.host("server");
    assert_eq!(again.listen_tcp("0.0.0.0:7").unwrap().local_addr().port(), 7);
}

#[test]
#[should_panic(expected = "server has crashed already")]
fn a_host_crashes_once() {
    let (mut sim, _hosts) = world(1);
    sim.crash("server");
    sim.crash("server");
}

/// V3.
#[test]
fn connections_that_are_left_are_leaks() {
    let (mut sim, [_server, client]) = world(1);
    let here = client.clone();
    client.spawn(async move {
        let mut stream = here.connect_tcp("server:7").await.unwrap();
        stream.read(&mut [0; 8]).await
    });
    sim.run().unwrap();
    let leaks: Vec<_> = sim.leaks().iter().map(|leak| (&*leak.host, leak.live.kind)).collect();
    for leak in [("server", Kind::Listener), ("server", Kind::Connection), ("client", Kind::Connection)] {
        assert!(leaks.contains(&leak), "{leaks:?}");
    }
    client.shutdown();
    sim.run().unwrap();
    let leaks: Vec<_> = sim.leaks().iter().map(|leak| (&*leak.host, leak.live.kind)).collect();
    assert!(!leaks.contains(&("server", Kind::Connection)), "it was told: {leaks:?}");
    end(&mut sim, &["server"]);
}

/// N6, V2: a table that is full of others' connections.
#[test]
fn two_hundred_clients_are_served_with_descriptors_for_sixty() {
    let mut sim = fate::sim::Sim::new(1);
    let server = sim.host_with("server", fate::Fate::builder().on_fault(|_, _| Verdict::GoOn));
    sim.set_descriptors("server", 64);
    serve_echo(&server);
    let client = sim.host("client");
    let served = Rc::new(Cell::new(0));
    for number in 0..200 {
        let (here, served) = (client.clone(), served.clone());
        client.spawn(async move {
            let mut stream = here.connect_tcp("server:7").await.unwrap();
            ask(&mut stream, &[number; 100]).await.unwrap();
            here.sleep(SECOND).await;
            served.set(served.get() + 1);
        });
    }
    sim.run().unwrap();
    assert_eq!(served.get(), 200);
    assert!(sim.elapsed() < SECOND * 60, "{:?}", sim.elapsed());
}

/// V2: while a host is suspended nothing reaches it; its connections go on afterwards.
#[test]
fn a_connection_outlives_a_suspended_host() {
    let (mut sim, [_server, client]) = world(1);
    let (log, here) = (Log::default(), client.clone());
    let noted = log.clone();
    client.spawn(async move {
        let mut stream = here.connect_tcp("server:7").await.unwrap();
        here.sleep(SECOND * 10).await;
        noted.note(ask(&mut stream, b"tea").await.unwrap());
    });
    sim.run_until(SECOND).unwrap();
    sim.suspend("server", SECOND * 60);
    sim.run().unwrap();
    assert_eq!(log.take(), [b"tea"]);
    assert!(sim.elapsed() > SECOND * 60 && sim.elapsed() < SECOND * 120);
}
