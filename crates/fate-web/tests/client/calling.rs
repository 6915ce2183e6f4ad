//! Stalls and resets in each phase before HTTP is spoken: what is told of it, when, and that nothing is left behind.

use crate::identity::Identity;
use crate::phases::{Fault, hurried, world};
use crate::rig::{Line, SECOND, World, web};
use crate::tongue::TONGUES;
use fate::Fate;
use fate_web::{ClientBuilder, Deadline, Phase, WebError};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// A world whose client asks this one for addresses.
fn world_with(resolver: impl fate::Resolve + 'static) -> World {
    let mut world = World::new();
    world.here = world.sim.host_with("there", Fate::builder().resolver(resolver));
    world
}

/// W1: looking up.
#[test]
fn a_name_that_is_looked_up_in_vain_is_given_up_after_the_connect_deadline_and_nobody_asks_on() {
    let asked = Rc::new(Cell::new(0));
    let (cancelled, held) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let (count, note) = (asked.clone(), cancelled.clone());
    let silent = move |fate: &Fate, _: &str, _: u16| {
        count.set(count.get() + 1);
        let (promise, found) = fate.deferred();
        let note = note.clone();
        promise.on_cancel(move |_| note.set(note.get() + 1));
        held.borrow_mut().push(promise);
        found
    };
    for tongue in TONGUES {
        let mut world = world_with(silent.clone());
        let client = hurried().tls(Identity::good().client());
        let client = if tongue.is_two() { client.http2_only() } else { client }.build(&world.here);
        let (here, seen) = (world.here.clone(), Rc::new(Cell::new(false)));
        let flag = seen.clone();
        client.get(&tongue.url().replace("server", "nowhere")).send().add_both(move |response| {
            let error = web(response.unwrap_err());
            assert_eq!((error.deadline(), error.phase()), (Some(Deadline::Connect), Phase::Lookup));
            assert!(error.is_connect());
            assert_eq!(here.now() - fate::Instant::START, SECOND * 2);
            flag.set(true);
        });
        world.sim.run_until(SECOND * 60).unwrap();
        assert!(seen.get() && world.here.report().live.is_empty(), "{:?}", world.here.report().live);
        world.end();
    }
    assert_eq!((asked.get(), cancelled.get()), (4, 4));
}

/// What came of asking for a page, and when; with nothing left behind.
fn give_up(mut world: World, builder: ClientBuilder, url: &str) -> (WebError, Duration) {
    let client = builder.build(&world.here);
    let (here, seen) = (world.here.clone(), Rc::new(RefCell::new(None)));
    let note = seen.clone();
    client.get(url).send().add_both(move |response| {
        *note.borrow_mut() = Some((web(response.unwrap_err()), here.now() - fate::Instant::START));
    });
    world.sim.run_until(SECOND * 200).unwrap();
    assert_eq!(world.open.get(), 0, "a connection is left");
    let live = world.here.report().live;
    assert!(live.is_empty(), "{live:?}");
    world.end();
    seen.take().expect("it comes to an end")
}

/// Says something, and then there is a fault.
async fn falter(mut line: Line, words: &'static [u8], fault: Fault, break_off: impl Fn()) -> fate::Result {
    line.say(words).await?;
    line.fate.sleep(SECOND).await;
    match fault {
        Fault::Stall => line.linger().await?,
        Fault::Reset => break_off(),
        _ => {}
    }
    Ok(())
}

/// A world in which everybody who is called on this port falters.
fn faltering(port: u16, words: &'static [u8], fault: Fault) -> World {
    let world = world();
    let link = world.sim.link("server", "here");
    world.serve_on(&world.server, port, move |line| {
        let link = link.clone();
        falter(line, words, fault, move || link.reset())
    });
    world
}

/// A client that speaks HTTP/2 or not, and is in a hurry.
fn hurried_in(is_two: bool) -> ClientBuilder {
    let builder = hurried().tls(Identity::good().client());
    if is_two { builder.http2_only() } else { builder }
}

/// W1: connecting.
#[test]
fn a_call_that_nobody_answers_is_given_up_after_the_connect_deadline_and_nobody_calls_on() {
    for tongue in TONGUES {
        let world = world();
        world.sim.link("server", "here").partition();
        let (error, at) = give_up(world, hurried_in(tongue.is_two()), tongue.url());
        assert_eq!((error.deadline(), error.phase(), at), (Some(Deadline::Connect), Phase::Connect, SECOND * 2));
        let (error, at) = give_up(self::world(), hurried_in(tongue.is_two()), tongue.url());
        assert_eq!((error.deadline(), error.phase(), at), (None, Phase::Connect, Duration::ZERO));
    }
}

/// W1: asking a proxy.
#[test]
fn a_proxy_that_falters_is_told_as_such_and_nothing_is_left() {
    for is_two in [false, true] {
        for words in [&b""[..], b"HTTP/1.1 200 Con", b"HTTP/1.1 200 Connected\r\nVia: looking-"] {
            for fault in [Fault::Stall, Fault::Reset, Fault::Close] {
                let builder = hurried_in(is_two).proxy("http://server:3128");
                let (error, at) = give_up(faltering(3128, words, fault), builder, "https://nowhere/");
                assert!(error.is_proxy() && error.phase() == Phase::Proxy, "{error:?}");
                let is_stalled = fault == Fault::Stall;
                assert_eq!(error.deadline(), is_stalled.then_some(Deadline::Connect), "{error:?}");
                assert_eq!(error.is_interrupted(), !is_stalled, "{error:?}");
                assert_eq!(at, if is_stalled { SECOND * 2 } else { SECOND });
            }
        }
    }
}

/// W1: agreeing on encryption; the beginning of a record that never comes whole, too.
#[test]
fn a_handshake_that_falters_is_told_as_such_and_nothing_is_left() {
    for is_two in [false, true] {
        for words in [&b""[..], &[22, 3, 3, 0, 122, 2, 0, 0, 118]] {
            for fault in [Fault::Stall, Fault::Reset, Fault::Close] {
                let (error, at) = give_up(faltering(443, words, fault), hurried_in(is_two), "https://server/");
                assert!(error.is_tls() && error.phase() == Phase::Tls, "{error:?}");
                let is_stalled = fault == Fault::Stall;
                assert_eq!(error.deadline(), is_stalled.then_some(Deadline::Tls), "{error:?}");
                assert_eq!(at, if is_stalled { SECOND * 3 } else { SECOND });
            }
        }
    }
}

/// W1: waiting for a connection; the deadline for all of it is the one that counts.
#[test]
fn a_request_that_waits_in_the_line_for_too_long_is_told_that_it_did() {
    let mut world = world();
    // The first connection is held by a body that does not end.
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").await?;
        line.linger().await
    });
    let client = hurried().total(SECOND * 4).connections_per_host(1).build(&world.here);
    let (here, told) = (world.here.clone(), Rc::new(RefCell::new(None)));
    let note = told.clone();
    world.here.spawn(async move {
        let held = client.get("http://server/").send().await.unwrap();
        here.sleep(SECOND).await;
        let error = web(client.get("http://server/").send().await.unwrap_err());
        *note.borrow_mut() = Some((error.deadline(), error.phase(), here.now() - fate::Instant::START));
        assert_eq!(error.to_string(), "waiting for a free connection to http://server/: time for all of it is up");
        drop(held);
    });
    world.sim.run_until(SECOND * 200).unwrap();
    assert_eq!(told.take(), Some((Some(Deadline::Total), Phase::Queue, SECOND * 5)));
    assert_eq!(world.visits.get(), 1);
    let live = world.here.report().live;
    assert!(live.is_empty(), "{live:?}");
    world.end();
}

/// W1: who waits in the line has his turn when the one before him is given up, and then his own deadlines.
#[test]
fn a_request_that_had_its_turn_late_is_told_what_it_waited_for_then() {
    let mut world = world();
    world.serve(|mut line| async move { line.linger().await });
    let client = hurried().total(SECOND * 4).connections_per_host(1).build(&world.here);
    let told = Rc::new(RefCell::new(Vec::new()));
    for after in [0, 1] {
        let (client, here, note) = (client.clone(), world.here.clone(), told.clone());
        world.here.spawn(async move {
            here.sleep(SECOND * after).await;
            let error = web(client.get("http://server/").send().await.unwrap_err());
            note.borrow_mut().push((error.deadline(), error.phase(), here.now() - fate::Instant::START));
        });
    }
    world.sim.run_until(SECOND * 200).unwrap();
    let total = Some(Deadline::Total);
    assert_eq!(told.take(), [(total, Phase::Header, SECOND * 4), (total, Phase::Header, SECOND * 5)]);
    world.end();
}
