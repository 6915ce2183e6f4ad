//! Fuses that burn on a packet.

use crate::log::{Log, MILLISECOND, OnDrop, SECOND, never};
use crate::rig::{Rig, open_sockets, pass_a_second, rig, rig_that};
use fate::{Fuse, Instant, Verdict};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

/// A fuse that burns on these words.
#[track_caller]
fn on(rig: &Rig, words: &'static str) -> Fuse {
    rig.ear.get_fuse(move |packet| packet.data == words.as_bytes())
}

/// N9: and no second time.
#[test]
fn a_fuse_burns_on_the_first_packet_that_matches() {
    let (mut rig, log) = (rig(), Log::default());
    let bomb = on(&rig, "detonate");
    bomb.add_handler(log.noting("the bomb goes off")).add_handler(log.noting("the crowd runs"));
    assert!(bomb.has_handler() && !bomb.is_burned());
    rig.say_later(["hello", "detonate", "detonate"], SECOND);
    let told = log.clone();
    bomb.add_handler(move |fate| {
        assert_eq!(fate.now().duration_since(Instant::START).as_secs(), 2);
        told.note("and all is over");
    });
    rig.run();
    assert_eq!(log.take(), ["the bomb goes off", "the crowd runs", "and all is over"]);
    assert!(bomb.is_burned() && !bomb.has_handler());
}

/// N9: each on its own packet, in whatever order they come.
#[test]
fn several_fuses_on_one_socket_leave_each_other_alone() {
    let (mut rig, log) = (rig(), Log::default());
    for words in ["dum", "dee", "hatter"] {
        on(&rig, words).set_handler(log.noting(words));
    }
    rig.say_later(["hatter", "tweedle", "dum", "dum"], SECOND);
    rig.sim.run_until(SECOND * 10).unwrap();
    assert_eq!(log.take(), ["hatter", "dum"]);
    rig.say("dee");
    rig.run();
    assert_eq!(log.take(), ["dee"]);
}

/// N9: in the order in which they were lit.
#[test]
fn one_packet_burns_all_fuses_that_it_matches() {
    let (mut rig, log) = (rig(), Log::default());
    for number in 0..100 {
        rig.ear
            .get_fuse(move |packet| packet.data == b"all" || packet.data == [number])
            .set_handler(log.noting(number));
    }
    rig.mouth.send_to(&[70], rig.target).map(drop).unwrap();
    rig.say("all");
    rig.run();
    assert_eq!(log.take(), [70].into_iter().chain((0..100).filter(|number| *number != 70)).collect::<Vec<_>>());
}

/// N9: a fuse looks on, and takes nothing.
#[test]
fn every_packet_still_reaches_its_reader() {
    let (mut rig, log) = (rig(), Log::default());
    on(&rig, "two").set_handler(log.noting("burned".to_string()));
    rig.say_later(["one", "two", "three"], SECOND);
    let Rig { ear, .. } = rig;
    let heard = log.clone();
    rig.fate.spawn(async move {
        for _ in 0..3 {
            let received = ear.receive().await.unwrap();
            heard.note(String::from_utf8_lossy(&received.data).into());
        }
    });
    rig.sim.run().unwrap();
    let mut all = log.take();
    all.sort();
    assert_eq!(all, ["burned", "one", "three", "two"]);
}

/// N9: what a fuse has looked at while nobody asked is there for who asks later.
#[test]
fn a_reader_that_is_slow_misses_no_packet_that_a_fuse_has_looked_at() {
    let (mut rig, log) = (rig(), Log::default());
    on(&rig, "99").set_handler(log.noting(vec![]));
    for number in 0..100 {
        rig.say(&number.to_string());
    }
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), [vec![]], "it has looked at all of them");
    let Rig { ear, fate, .. } = rig;
    let heard = log.clone();
    fate.clone().spawn(async move {
        let mut numbers = Vec::new();
        for _ in 0..100 {
            fate.sleep(MILLISECOND).await;
            let received = ear.receive().await.unwrap();
            numbers.push(String::from_utf8_lossy(&received.data).parse::<u32>().unwrap());
        }
        heard.note(numbers);
    });
    rig.sim.run().unwrap();
    assert_eq!(log.take(), [(0..100).collect::<Vec<u32>>()]);
}

/// N9: what is held is bounded, and a fuse does not wait for a reader that never comes.
#[test]
fn a_fuse_burns_after_any_number_of_packets_that_nobody_reads() {
    let (mut rig, log) = (rig(), Log::default());
    on(&rig, "at last").set_handler(log.noting("burned"));
    for _ in 0..50 {
        (0..20).for_each(|_| rig.say("not yet"));
        pass_a_second(&mut rig.sim);
    }
    rig.say("at last");
    rig.run();
    assert_eq!(log.take(), ["burned"]);
}

/// L3: a fuse that somebody listens to, and no other, can still burn.
#[test]
fn run_goes_on_while_a_fuse_has_a_handler() {
    let mut rig = rig();
    let fuse = on(&rig, "tea");
    rig.run();
    assert_eq!(rig.sim.elapsed(), Duration::ZERO, "nobody listens");
    fuse.set_handler(never());
    rig.say_later(["coffee"], SECOND);
    rig.run();
    assert_eq!(rig.sim.leaks().iter().filter(|leak| leak.live.kind == fate::Kind::Fuse).count(), 1);
    assert!(fuse.cut());
    rig.run();
    assert!(!fuse.has_handler() && !fuse.is_burned());
    rig.say("tea");
    rig.run();
    assert!(!fuse.is_burned(), "it was cut");
}

/// T6: and the predicate, and what the handler held.
#[test]
fn cutting_drops_what_the_fuse_held_at_once() {
    let (rig, log) = (rig(), Log::default());
    let (in_predicate, in_handler) = (
        OnDrop({
            let log = log.clone();
            move || log.note("predicate")
        }),
        OnDrop({
            let log = log.clone();
            move || log.note("handler")
        }),
    );
    let fuse = rig.ear.get_fuse(move |_| {
        let _held = &in_predicate;
        true
    });
    fuse.set_handler(move |_| drop(in_handler));
    assert!(fuse.cut() && !fuse.cut());
    let mut dropped = log.take();
    dropped.sort();
    assert_eq!(dropped, ["handler", "predicate"]);
}

/// T8: its packets wait in the kernel, or were looked at for somebody else's sake.
#[test]
fn a_handler_that_comes_after_the_packet_runs_in_the_next_turn() {
    let (mut rig, log) = (rig(), Log::default());
    let fuse = on(&rig, "tea");
    rig.say("tea");
    rig.run();
    fuse.set_handler(log.noting("it waited in the kernel"));
    rig.run();
    let fuse = on(&rig, "cake");
    on(&rig, "never").set_handler(never());
    rig.say("cake");
    pass_a_second(&mut rig.sim);
    assert!(fuse.is_burned());
    fuse.set_handler(log.noting("it was looked at"));
    pass_a_second(&mut rig.sim);
    fuse.add_handler(log.noting("and once more"));
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), ["it waited in the kernel", "it was looked at", "and once more"]);
}

/// What handlers were given to lives on by itself.
#[test]
fn a_fuse_outlives_the_handle_of_its_socket() {
    let (mut rig, log) = (rig(), Log::default());
    let address = {
        let socket = rig.fate.bind_udp("127.0.0.1:0").unwrap();
        socket.get_fuse(|packet| packet.data == b"tea").set_handler(log.noting("tea"));
        socket.local_addr()
    };
    let later = rig.fate.bind_udp("127.0.0.1:0").unwrap().get_fuse(|_| true);
    later.set_handler(never());
    assert_eq!(open_sockets(&rig.fate), 4);
    rig.mouth.send_to(b"tea", address).map(drop).unwrap();
    pass_a_second(&mut rig.sim);
    assert_eq!((log.take(), open_sockets(&rig.fate)), (vec!["tea"], 3));
    later.cut();
    assert_eq!(open_sockets(&rig.fate), 2, "nobody owns it any more");
}

/// A fuse that nobody can reach any more keeps nothing alive.
#[test]
fn a_fuse_without_a_handler_goes_with_its_handle() {
    let (mut rig, token) = (rig(), Rc::new(()));
    let held = token.clone();
    let fuse = rig.fate.bind_udp("127.0.0.1:0").unwrap().get_fuse(move |_| Rc::strong_count(&held) > 0);
    assert_eq!(open_sockets(&rig.fate), 3);
    drop(fuse);
    assert_eq!((open_sockets(&rig.fate), Rc::strong_count(&token)), (2, 1));
    rig.run();
}

/// T6: also by another predicate that sees the same packet first.
#[test]
fn a_fuse_may_be_cut_by_any_predicate_its_own_included() {
    let mut rig = rig();
    let (first, second) = (Rc::new(RefCell::new(None::<Fuse>)), Rc::new(RefCell::new(None::<Fuse>)));
    let (own, other) = (first.clone(), second.clone());
    let fuse = rig.ear.get_fuse(move |_| {
        assert!(own.borrow_mut().take().is_none_or(|own| own.cut()));
        assert!(other.borrow_mut().take().is_none_or(|other| other.cut()));
        true
    });
    fuse.set_handler(never());
    *first.borrow_mut() = Some(fuse);
    let fuse = rig.ear.get_fuse(|_| panic!("it was cut"));
    fuse.set_handler(never());
    *second.borrow_mut() = Some(fuse);
    rig.say("tea");
    rig.run();
    assert_eq!(rig.faults.take(), Vec::<String>::new());
}

/// T3: as a fuse lit in a turn burns in a later one.
#[test]
fn a_fuse_lit_while_a_packet_is_looked_at_waits_for_the_next() {
    let (mut rig, log) = (rig(), Log::default());
    let ear = Rc::new(rig.ear);
    let (weak, told) = (Rc::downgrade(&ear), log.clone());
    ear.get_fuse(move |_| {
        let number = told.len() as u8;
        weak.upgrade().unwrap().get_fuse(|_| true).set_handler(told.noting(number));
        false
    })
    .set_handler(never());
    let say = || rig.mouth.send_to(b"tea", rig.target).map(drop).unwrap();
    say();
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), []);
    say();
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), [0]);
}

/// E2: neither the packet nor the fuse is lost, and the others see it.
#[test]
fn a_predicate_that_panics_has_said_no() {
    let (mut rig, log) = (rig(), Log::default());
    let mut is_first = true;
    let picky = rig.ear.get_fuse(move |packet| {
        assert!(!std::mem::take(&mut is_first), "I do not like {:?}", packet.data.escape_ascii().to_string());
        packet.data == b"cake"
    });
    picky.set_handler(log.noting("picky".to_string()));
    on(&rig, "tea").set_handler(log.noting("tea".to_string()));
    rig.say("tea");
    rig.say("cake");
    let Rig { ear, .. } = rig;
    let heard = log.clone();
    rig.fate.spawn(async move {
        for _ in 0..2 {
            heard.note(format!("read {}", ear.receive().await.unwrap().data.escape_ascii()));
        }
    });
    rig.sim.run().unwrap();
    assert!(rig.faults.take()[0].ends_with("I do not like \"tea\""));
    let mut all = log.take();
    all.sort();
    assert_eq!(all, ["picky", "read cake", "read tea", "tea"]);
}

/// E2: carried out of `run`, which may be called again.
#[test]
fn the_rest_of_a_delivery_comes_in_the_run_after_a_panic() {
    let (mut rig, log) = (rig_that(Verdict::Stop), Log::default());
    let mut is_first = true;
    let bad = rig.ear.get_fuse(move |_| !std::mem::take(&mut is_first) || panic!("a raven"));
    bad.set_handler(log.noting("bad"));
    on(&rig, "one").set_handler(log.noting("one"));
    rig.say("one");
    rig.say("two");
    catch_unwind(AssertUnwindSafe(|| rig.sim.run())).unwrap_err();
    assert_eq!(log.take(), Vec::<&str>::new());
    rig.run();
    assert_eq!(log.take(), ["one", "bad"]);
}

/// D10: in both directions.
#[test]
fn a_packet_fuse_can_be_awaited_and_given_up() {
    let (mut rig, log) = (rig(), Log::default());
    rig.say_later(["tea"], SECOND);
    let (fate, ear, noted) = (rig.fate.clone(), rig.ear, log.clone());
    rig.fate.spawn(async move {
        noted.note(ear.get_fuse(|packet| packet.data == b"tea").await);
        let fuse = ear.get_fuse(|packet| packet.data == b"cake");
        let gave_up = futures_lite::future::or(async { fuse.await }, async {
            fate.sleep(SECOND).await;
            false
        });
        noted.note(gave_up.await);
    });
    rig.sim.run().unwrap();
    assert_eq!(log.take(), [true, false]);
    assert!(rig.sim.elapsed() < SECOND * 3, "nothing waits for cake any more");
}

/// A fuse like any other: whichever comes first.
#[test]
fn a_packet_fuse_may_have_a_deadline_as_well() {
    let (mut rig, log) = (rig(), Log::default());
    rig.say_later(["tea"], SECOND);
    let patient = on(&rig, "tea");
    assert_eq!(patient.time(), Instant::NEVER);
    patient.set_handler(log.noting("tea came"));
    assert!(patient.reset(SECOND * 5));
    let hurried = on(&rig, "tea");
    hurried.set_handler(log.noting("too late for tea"));
    assert!(hurried.reset(MILLISECOND));
    drop(hurried);
    rig.run();
    assert_eq!(log.take(), ["too late for tea", "tea came"]);
    assert!(rig.sim.elapsed() < SECOND * 2, "no deadline is waited for any more");
}

/// T8: once, as any other.
#[test]
fn a_packet_fuse_may_be_burned_by_hand() {
    let (mut rig, log) = (rig(), Log::default());
    let fuse = on(&rig, "tea");
    fuse.set_handler(log.noting("burned"));
    fuse.call_handler();
    assert_eq!(log.len(), 0, "never in place");
    rig.say("tea");
    rig.run();
    assert_eq!(log.take(), ["burned"]);
}

/// A number that was given back may be somebody else's by now.
#[test]
fn a_packet_never_burns_a_fuse_that_is_not_of_its_socket() {
    let (mut rig, log) = (rig(), Log::default());
    rig.say_later(["tea"], SECOND);
    let (mouth, target) = (rig.fate.bind_udp("127.0.0.1:0").unwrap(), rig.target);
    let lit = Rc::new(RefCell::new(Vec::new()));
    let strangers = lit.clone();
    let fuse = on(&rig, "tea");
    for _ in 0..3 {
        let (strangers, told) = (strangers.clone(), log.clone());
        fuse.add_handler(move |fate| {
            told.note("the deadline came");
            let stranger = fate.get_fuse(SECOND * 100);
            stranger.set_handler(never());
            strangers.borrow_mut().push(stranger);
        });
    }
    fuse.reset(MILLISECOND);
    drop(fuse);
    on(&rig, "cake").set_handler(move |_| ());
    rig.fate.get_fuse(SECOND * 2).set_handler(move |_| mouth.send_to(b"cake", target).map(drop).unwrap());
    pass_a_second(&mut rig.sim);
    assert_eq!(log.take(), ["the deadline came"; 3]);
    assert!(lit.borrow().iter().all(|stranger| stranger.has_handler() && !stranger.is_burned()));
    lit.borrow().iter().for_each(|stranger| assert!(stranger.cut()));
    rig.run();
}

/// L2: cut, dropped and listed like any other.
#[test]
fn a_shutdown_drops_packet_fuses_and_closes_their_sockets() {
    let (mut rig, token) = (rig(), Rc::new(()));
    let (in_predicate, in_handler) = (token.clone(), token.clone());
    let fuse = rig.ear.get_fuse(move |_| Rc::strong_count(&in_predicate) == 0);
    fuse.set_handler(move |_| drop(in_handler));
    rig.fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    rig.run();
    assert_eq!((Rc::strong_count(&token), open_sockets(&rig.fate)), (1, 0));
    let left = rig.fate.report().left;
    assert!(left.iter().any(|live| live.waits_for.contains("fuses look at")), "{left:?}");
    assert!(!fuse.has_handler());
    let dead = rig.ear.get_fuse(|_| true);
    dead.set_handler(never());
    rig.run();
}
