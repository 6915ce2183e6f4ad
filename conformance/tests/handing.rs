//! N6 and E2 on each driver: a listener that hands over each connection as a stream, and what it does when accepting fails.

use fate::{Fate, Port, TcpStream, Verdict};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{connected, listening};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    each_connection_is_handed_over_until_the_port_stops,
    who_panics_loses_that_connection_and_no_other,
    streams_of_unix_connections_are_handed_over_too,
    a_listener_that_fails_says_so_once_and_goes_on_when_it_can,
}

/// Says hello to each.
fn greet(fate: &Fate) -> (Port, SocketAddr) {
    let (listener, spawner) = (listening(fate), fate.clone());
    let address = listener.local_addr();
    let port = listener.serve_streams(move |mut stream, peer| {
        spawner.spawn(async move { stream.write_all(format!("hello {}", peer.ip()).as_bytes()).await });
    });
    (port, address)
}

async fn hear(mut stream: TcpStream) -> io::Result<String> {
    let mut words = String::new();
    stream.read_to_string(&mut words).await?;
    Ok(words)
}

/// N1.
fn each_connection_is_handed_over_until_the_port_stops(ground: &Ground) {
    let fate = ground.fate();
    let (port, address) = greet(&fate);
    fate.run_until(async {
        for _ in 0..3 {
            assert_eq!(hear(connected(&fate, address).await).await.unwrap(), "hello 127.0.0.1");
        }
        port.stop();
        assert!(fate.connect_tcp(&address.to_string()).await.is_err());
    });
    fate.run().unwrap();
    assert!(fate.report().live.is_empty(), "{:?}", fate.report());
}

/// E2, L7: the stream goes with the panic, and the run can go on.
fn who_panics_loses_that_connection_and_no_other(ground: &Ground) {
    let (fate, has_panicked) = (ground.fate(), Rc::new(Cell::new(false)));
    let listener = listening(&fate);
    let (address, flag) = (listener.local_addr(), has_panicked.clone());
    let kept = Rc::new(RefCell::new(Vec::new()));
    let streams = kept.clone();
    let port = listener.serve_streams(move |stream, _| {
        assert!(flag.replace(true), "the first one is too much");
        streams.borrow_mut().push(stream);
    });
    let first = fate.spawn(hear_from(fate.clone(), address));
    let run = catch_unwind(AssertUnwindSafe(|| fate.run_until(first.into_future())));
    assert!(run.is_err() && has_panicked.get());
    let mut second = fate.run_until(connected(&fate, address));
    fate.run_until(async {
        while kept.borrow().is_empty() {
            fate.sleep(Duration::from_millis(1)).await;
        }
        let stream = kept.borrow_mut().pop().unwrap();
        (&stream).write_all(b"tea").await.unwrap();
        drop(stream);
        let mut words = String::new();
        second.read_to_string(&mut words).await.unwrap();
        assert_eq!(words, "tea");
    });
    port.stop();
}

async fn hear_from(fate: Fate, address: SocketAddr) -> io::Result<String> {
    hear(connected(&fate, address).await).await
}

/// N10.
fn streams_of_unix_connections_are_handed_over_too(ground: &Ground) {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    let fate = ground.fate();
    let name = format!("@fate-handing-{}-{}", ground.driver_name(), std::process::id());
    let (listener, spawner) = (fate.listen_unix(name.as_str()).unwrap(), fate.clone());
    let port = listener.serve_streams(move |mut stream| {
        spawner.spawn(async move { stream.write_all(b"hello").await });
    });
    fate.run_until(async {
        let mut words = String::new();
        fate.connect_unix(name.as_str()).await.unwrap().read_to_string(&mut words).await.unwrap();
        assert_eq!(words, "hello");
    });
    port.stop();
}

/// N6: an error that is not for want of descriptors. Whoever adopts a socket may have it in other hands, too: here these close
/// it for those who connect, and open it again.
fn a_listener_that_fails_says_so_once_and_goes_on_when_it_can(ground: &Ground) {
    if ground.is_simulated() || cfg!(not(target_os = "linux")) {
        return;
    }
    let faults = Rc::new(RefCell::new(Vec::new()));
    let told = faults.clone();
    let fate = ground.fate_with(Fate::builder().on_fault(move |_, fault| {
        told.borrow_mut().push(fault.to_string());
        Verdict::GoOn
    }));
    let other_hand = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let before = other_hand.local_addr().unwrap();
    let listener = fate.adopt_tcp_listener(other_hand.try_clone().unwrap().into()).unwrap();
    let port = listener.serve_streams(|stream, _| drop(stream));
    fate.run_until(async {
        assert_eq!(hear(connected(&fate, before).await).await.unwrap(), "");
        rustix::net::shutdown(&other_hand, rustix::net::Shutdown::Both).unwrap();
        while faults.borrow().is_empty() {
            fate.sleep(Duration::from_millis(1)).await;
        }
        rustix::net::listen(&other_hand, 16).unwrap();
        // A descriptor that is closed may be what it waits for.
        drop(fate.bind_udp("127.0.0.1:0").unwrap());
        // It has another port by now.
        let address = other_hand.local_addr().unwrap();
        assert_eq!(hear(connected(&fate, address).await).await.unwrap(), "", "it goes on");
    });
    assert_eq!(faults.borrow().len(), 1, "{faults:?}");
    port.stop();
}
