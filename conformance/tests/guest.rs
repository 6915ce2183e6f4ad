//! L5 on each driver: Fate as the guest of a loop that sleeps in its stead. On a real driver that is poll(2), with the guest's
//! descriptor and the time until something is due, and nothing else.

use fate::{Fate, Protocol, TcpStream, Transport};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_core::{Interest, Reactor};
use futures_lite::io::AsyncWriteExt;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::panic::Location;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

on_each_driver! {
    a_host_sleeps_until_the_next_fuse_is_due_and_takes_one_turn_for_it,
    a_call_from_another_thread_wakes_the_host,
    a_waker_from_another_thread_wakes_the_host,
    calls_that_came_while_the_host_did_not_sleep_are_due_now,
    what_is_ready_is_due_now,
    a_descriptor_that_the_guest_watches_wakes_the_host,
    a_guest_with_nothing_to_do_is_not_due_and_wakes_nobody,
    connections_and_packets_are_served_by_the_hosts_turns,
    a_guest_shuts_down_by_its_hosts_turns,
    only_a_real_driver_has_a_descriptor_and_it_stays_the_same,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

type Log<T> = Rc<RefCell<Vec<T>>>;

/// A foreign loop. Says how many turns its guest took.
fn host(ground: &Ground, guest: &Fate) -> u32 {
    let _ = guest.pollable();
    let mut turns = 0;
    loop {
        let due = guest.next_due();
        ground.sleep_as_host(guest.pollable(), due.map(|due| due - guest.now()));
        turns += 1;
        assert!(turns < 10_000, "the host is kept busy");
        // A simulated guest has no descriptor to wait for; the simulation's own sleep must do.
        let patience = if due.is_none() && ground.is_simulated() { Duration::MAX } else { Duration::ZERO };
        if !guest.turn(patience).unwrap() {
            return turns;
        }
    }
}

/// T1, L5.
fn a_host_sleeps_until_the_next_fuse_is_due_and_takes_one_turn_for_it(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let start = fate.now();
    for millis in [3, 1, 2] {
        let log = log.clone();
        let fuse = fate.get_fuse_at(start + MILLISECOND * millis);
        let due = fuse.time();
        fuse.set_handler(move |fate| {
            assert!(fate.now() >= due);
            log.borrow_mut().push(millis);
        });
    }
    let turns = host(ground, &fate);
    assert_eq!(*log.borrow(), [1, 2, 3]);
    // poll(2) has a timeout of its own, and may be a moment early by the guest's clock.
    assert!(turns <= if ground.is_simulated() { 3 } else { 6 }, "{turns} turns");
}

/// H2, L5.
fn a_call_from_another_thread_wakes_the_host(ground: &Ground) {
    let fate = ground.fate();
    let remote = fate.remote().keep_alive();
    let calls = Rc::new(Cell::new(0));
    let thread = thread::spawn(move || {
        for _ in 0..1000 {
            remote.call(|_| ());
        }
        remote.call(|fate| fate.shutdown());
    });
    let count = calls.clone();
    fate.before_shutdown(move |_| count.set(count.get() + 1));
    host(ground, &fate);
    assert_eq!(calls.get(), 1);
    thread.join().unwrap();
}

/// A2, L5.
fn a_waker_from_another_thread_wakes_the_host(ground: &Ground) {
    let fate = ground.fate();
    let (hand, wakers) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    let here = fate.clone();
    fate.spawn(async move {
        for _ in 0..200 {
            let mut hand = Some(hand.clone());
            poll_fn(|context| match hand.take() {
                Some(hand) => {
                    hand.send(context.waker().clone()).unwrap();
                    Poll::Pending
                }
                None => Poll::Ready(()),
            })
            .await;
        }
        here.shutdown();
    });
    host(ground, &fate);
    thread.join().unwrap();
}

/// H2, L5: nobody rings for those.
fn calls_that_came_while_the_host_did_not_sleep_are_due_now(ground: &Ground) {
    let (fate, called) = (ground.fate(), Rc::new(Cell::new(false)));
    let _ = fate.pollable();
    let remote = fate.remote();
    thread::spawn(move || remote.call(|fate| fate.shutdown())).join().unwrap();
    let flag = called.clone();
    fate.before_shutdown(move |_| flag.set(true));
    assert!(fate.next_due().is_some_and(|due| due <= fate.now()));
    assert!(!fate.turn(Duration::ZERO).unwrap() || !fate.turn(Duration::ZERO).unwrap());
    assert!(called.get());
}

/// L5.
fn what_is_ready_is_due_now(ground: &Ground) {
    let fate = ground.fate();
    fate.get_fuse(HOUR).set_handler(|_| ());
    assert!(fate.next_due().is_some_and(|due| due > fate.now()));
    fate.call_soon(|_| ());
    assert!(fate.next_due().is_some_and(|due| due <= fate.now()));
    assert!(fate.turn(Duration::ZERO).unwrap());
    assert!(fate.next_due().is_some_and(|due| due > fate.now()));
    fate.shutdown();
    assert!(fate.next_due().is_some_and(|due| due <= fate.now()));
    assert!(!fate.turn(HOUR).unwrap());
}

/// L5: asked for outside a turn, or again after it was told.
fn a_descriptor_that_the_guest_watches_wakes_the_host(ground: &Ground) {
    let (guest, told) = (ground.reactor(), Rc::new(Cell::new(0)));
    let (wire, count) = (ground.wire(), told.clone());
    let _ = guest.pollable();
    let again = move |_: &Rc<Reactor>, _| {
        count.set(count.get() + 1);
        true
    };
    let key = guest.watch(wire.number(), Interest::Read, Location::caller(), Box::new(again));
    for round in 1..=3 {
        assert_eq!(guest.next_due(), None);
        assert!(!ground.sleep_as_host(guest.pollable(), Some(Duration::ZERO)));
        wire.fill();
        assert_eq!(ground.sleep_as_host(guest.pollable(), None), !ground.is_simulated());
        assert!(guest.turn(Duration::ZERO).unwrap());
        assert_eq!(told.get(), round);
        wire.drain();
    }
    assert!(guest.unwatch(key));
    assert_eq!(guest.next_due(), None);
    wire.fill();
    assert!(!ground.sleep_as_host(guest.pollable(), Some(Duration::ZERO)), "it is not watched any more");
}

/// L5.
fn a_guest_with_nothing_to_do_is_not_due_and_wakes_nobody(ground: &Ground) {
    let fate = ground.fate();
    let (promise, deferred) = fate.deferred::<()>();
    fate.spawn(async { deferred.await.is_ok() });
    let _ = fate.pollable();
    assert!(!fate.turn(Duration::ZERO).unwrap());
    assert_eq!(fate.next_due(), None);
    fate.get_fuse(HOUR).set_handler(|_| ());
    assert!(fate.next_due().is_some_and(|due| due > fate.now() + HOUR / 2));
    assert!(!ground.sleep_as_host(fate.pollable(), Some(MILLISECOND * 3)), "nothing has happened");
    drop(promise);
}

/// L5: a server and its client, and a fuse that burns on a packet.
fn connections_and_packets_are_served_by_the_hosts_turns(ground: &Ground) {
    let (fate, log) = (ground.fate(), Log::default());
    let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().to_string();
    let (ear, mouth) = (fate.bind_udp("127.0.0.1:0").unwrap(), fate.bind_udp("127.0.0.1:0").unwrap());
    let target = ear.local_addr();
    let burned = log.clone();
    ear.get_fuse(|packet| packet.data == b"41").set_handler(move |fate| {
        burned.borrow_mut().push("burned");
        fate.shutdown();
    });
    let port = listener.serve(|_| Echo);
    let (here, told) = (fate.clone(), log.clone());
    fate.spawn(async move {
        let stream = here.connect_tcp(&address).await?;
        let echo = here.spawn(echo(here.clone(), stream));
        echo.await??;
        told.borrow_mut().push("echoed");
        for number in 0..42 {
            here.sleep(MILLISECOND / 10).await;
            mouth.send_to_soon(number.to_string().as_bytes(), target).await?;
        }
        port.stop();
        fate::Ok(())
    });
    let turns = host(ground, &fate);
    assert_eq!(*log.borrow(), ["echoed", "burned"]);
    assert!(turns < 1000, "{turns} turns");
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

/// Has a hundred words come back.
async fn echo(fate: Fate, mut stream: TcpStream) -> fate::Result {
    for number in 0..100_u8 {
        stream.write_all(&[number; 10]).await?;
        let mut answer = [0; 10];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, [number; 10]);
        if number % 10 == 0 {
            fate.sleep(MILLISECOND / 10).await;
        }
    }
    Ok(())
}

/// L2, L5.
fn a_guest_shuts_down_by_its_hosts_turns(ground: &Ground) {
    let (fate, log, token) = (ground.fate(), Log::default(), Rc::new(()));
    let (saved, held) = (log.clone(), token.clone());
    fate.before_shutdown(move |fate| {
        let here = fate.clone();
        fate.spawn(async move {
            here.sleep(MILLISECOND).await;
            saved.borrow_mut().push("saved");
        })
    });
    fate.get_fuse(HOUR).set_handler(move |_| drop(held));
    fate.get_fuse(MILLISECOND).set_handler(|fate| fate.shutdown());
    host(ground, &fate);
    assert_eq!((log.take(), Rc::strong_count(&token)), (vec!["saved"], 1));
    fate.get_fuse(MILLISECOND).set_handler(move |_| log.borrow_mut().push("as good as new"));
    host(ground, &fate);
}

/// L5.
fn only_a_real_driver_has_a_descriptor_and_it_stays_the_same(ground: &Ground) {
    let fate = ground.fate();
    match fate.pollable() {
        Ok(descriptor) => {
            assert!(!ground.is_simulated());
            fate.get_fuse(MILLISECOND).set_handler(|_| ());
            fate.run().unwrap();
            assert_eq!(fate.pollable().unwrap(), descriptor);
        }
        Err(error) => assert!(ground.is_simulated() && error.kind() == ErrorKind::Unsupported, "{error}"),
    }
}
