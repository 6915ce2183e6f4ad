//! Each phase has its deadline, and each its own error: latency, resets and stalls wherever they may come.

use crate::identity::Identity;
use crate::rig::{SECOND, World, page, web};
use fate_web::{Client, ClientBuilder, Deadline, Phase, WebError};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Deadlines that can be told apart.
fn hurried() -> ClientBuilder {
    Client::builder()
        .total(SECOND * 50)
        .connect(SECOND * 2)
        .tls_deadline(SECOND * 3)
        .header(SECOND * 5)
        .idle(SECOND * 7)
}

fn failed(world: World, builder: ClientBuilder, url: &str) -> (WebError, Duration) {
    let (page, at) = world.fetch(builder, url);
    (page.expect_err("it cannot succeed"), at)
}

/// W1: the connection.
#[test]
fn a_host_that_does_not_answer_calls_is_given_up_after_the_connect_deadline() {
    let world = World::new();
    world.sim.link("server", "here").partition();
    let (error, at) = failed(world, hurried(), "http://server/");
    assert_eq!((error.deadline(), error.phase(), at), (Some(Deadline::Connect), Phase::Connect, SECOND * 2));
    assert_eq!(error.to_string(), "connecting to http://server/: time is up");
}

#[test]
fn a_host_that_nobody_knows_is_told_as_such() {
    let (error, _) = failed(World::new(), hurried(), "http://nowhere/");
    assert!(error.is_connect() && error.phase() == Phase::Lookup && !error.is_timeout(), "{error:?}");
    assert_eq!(error.to_string(), "looking up the host of http://nowhere/: failed");
}

#[test]
fn a_host_where_nobody_listens_is_told_as_such() {
    let (error, _) = failed(World::new(), hurried(), "http://server:81/");
    assert!(error.is_connect() && error.phase() == Phase::Connect && !error.is_timeout(), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(cause.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// W1: the header.
#[test]
fn a_server_that_says_nothing_is_given_up_after_the_header_deadline() {
    let world = World::new();
    world.serve(|mut line| async move { line.linger().await });
    let (error, at) = failed(world, hurried(), "http://server/");
    assert_eq!((error.deadline(), error.phase()), (Some(Deadline::Header), Phase::Header));
    assert_eq!(at.as_secs(), 5);
}

#[test]
fn half_a_header_does_not_help() {
    let world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" {
            line.say([*byte]).await?;
            line.fate.sleep(SECOND).await;
        }
        Ok(())
    });
    let (error, at) = failed(world, hurried(), "http://server/");
    assert_eq!((error.deadline(), at.as_secs()), (Some(Deadline::Header), 5));
}

#[test]
fn a_server_that_goes_before_the_header_is_told_as_interrupted() {
    for reset in [false, true] {
        let world = World::new();
        let link = world.sim.link("server", "here");
        world.serve(move |mut line| {
            let link = link.clone();
            async move {
                line.hear().await?;
                line.say("HTTP/1.1 200 OK\r\nContent-").await?;
                line.fate.sleep(SECOND).await;
                if reset {
                    link.reset();
                }
                Ok(())
            }
        });
        let (error, _) = failed(world, hurried(), "http://server/");
        assert!(error.is_interrupted() && error.phase() == Phase::Header, "{error:?}");
    }
}

/// W1: sending.
#[test]
fn a_server_that_takes_nothing_of_a_long_body_is_given_up() {
    let mut world = World::new();
    world.serve(|line| async move {
        line.fate.sleep(SECOND * 1000).await;
        drop(line);
        Ok(())
    });
    let client = hurried().build(&world.here);
    let here = world.here.clone();
    let sent = client.post("http://server/").body(vec![7; 50 << 20]).send().add_both(move |response| {
        let error = web(response.unwrap_err());
        assert_eq!((error.deadline(), (here.now() - fate::Instant::START).as_secs()), (Some(Deadline::Header), 5));
    });
    drop(sent);
    world.sim.run_until(SECOND * 100).unwrap();
    world.end();
}

/// W1: the body.
#[test]
fn silence_in_the_midst_of_the_body_is_given_up_after_the_idle_deadline() {
    let world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").await?;
        for _ in 0..3 {
            line.fate.sleep(SECOND * 6).await;
            line.say("abc").await?;
        }
        line.linger().await
    });
    let (error, at) = failed(world, hurried(), "http://server/");
    assert_eq!((error.deadline(), error.phase()), (Some(Deadline::Idle), Phase::Body));
    assert_eq!(at.as_secs(), 18 + 7);
}

/// A world with a server whose body has no end.
fn dripping() -> World {
    let world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            line.say("drip").await?;
            line.fate.sleep(SECOND).await;
        }
    });
    world
}

#[test]
fn a_body_that_drips_for_ever_is_given_up_after_the_total_deadline() {
    let world = dripping();
    let (error, at) = failed(world, hurried(), "http://server/");
    assert_eq!((error.deadline(), error.phase(), at), (Some(Deadline::Total), Phase::Body, SECOND * 50));
    assert_eq!(error.to_string(), "receiving the body of http://server/: time for all of it is up");
}

#[test]
fn a_body_that_never_has_to_be_waited_for_is_given_up_as_well() {
    let world = World::new();
    drop(world.sim.link("server", "here").bandwidth(1_000_000));
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            line.say([7; 100_000]).await?;
        }
    });
    let (error, at) = failed(world, hurried().total(SECOND * 10), "http://server/");
    assert_eq!((error.deadline(), at.as_secs()), (Some(Deadline::Total), 10));
}

#[test]
fn the_total_deadline_covers_all_hops_and_says_how_far_it_had_come() {
    let world = World::new();
    world.serve(|mut line| async move {
        while line.hear().await?.is_some() {
            line.fate.sleep(SECOND * 4).await;
            line.send_elsewhere(302, "/again").await?;
        }
        Ok(())
    });
    let (error, at) = failed(world, hurried().total(SECOND * 10), "http://server/");
    assert_eq!((error.deadline(), error.phase(), at), (Some(Deadline::Total), Phase::Header, SECOND * 10));
    assert_eq!(error.url(), "http://server/again");
}

/// W1: resets in the body are no end of it.
#[test]
fn a_body_that_is_cut_off_is_no_body() {
    for (header, reset) in [("Content-Length: 10", false), ("Transfer-Encoding: chunked", false), ("X: y", true)] {
        let world = World::new();
        let link = world.sim.link("server", "here");
        world.serve(move |mut line| {
            let link = link.clone();
            async move {
                line.hear().await?;
                line.say(format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n5\r\nabc")).await?;
                line.fate.sleep(SECOND).await;
                if reset {
                    link.reset();
                }
                Ok(())
            }
        });
        let (error, _) = failed(world, hurried(), "http://server/");
        assert!(error.is_interrupted() && error.is_body(), "{header}: {error:?}");
    }
}

/// W1: latency is no failure.
#[test]
fn a_slow_network_is_waited_for() {
    let world = World::new();
    drop(world.sim.link("server", "here").latency(Duration::from_millis(700)..Duration::from_millis(900)).loss(0.1));
    world.serve(|mut line| async move {
        while line.hear().await?.is_some() {
            line.answer("", "slow and steady").await?;
        }
        Ok(())
    });
    let (page, _) = world.fetch(hurried().connect(SECOND * 30).header(SECOND * 30), "http://server/");
    assert_eq!(&page.unwrap()[..], b"slow and steady");
}

/// W1: cancelling closes.
#[test]
fn cancelling_closes_the_connection_in_every_phase() {
    for after in [0, 1, 3, 5] {
        let mut world = World::new();
        world.serve(|mut line| async move {
            line.hear().await?;
            line.fate.sleep(SECOND * 2).await;
            line.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").await?;
            line.fate.sleep(SECOND * 2).await;
            line.say("abc").await?;
            line.linger().await
        });
        let page = fate_web::get_page(&world.here, "http://server/");
        let control = page.control();
        page.add_both(|page| assert!(page.unwrap_err().is::<fate::Cancelled>()));
        world.here.get_fuse(SECOND * after).set_handler(move |_| control.cancel());
        let open = world.open.clone();
        world.sim.run_until(SECOND * 20).unwrap();
        assert_eq!(open.get(), 0, "cancelled after {after} seconds");
        let left = world.here.report().live;
        assert!(left.is_empty(), "{left:?}");
        world.end();
    }
}

/// What a client of which nothing is said tells of a page, and after how many seconds.
fn told_by_default(mut world: World) -> (Option<Deadline>, u64) {
    let (client, here, told) = (Client::new(&world.here), world.here.clone(), Rc::new(RefCell::new(None)));
    let note = told.clone();
    world.here.spawn(async move {
        let error = page(&client, "http://server/").await.unwrap_err();
        *note.borrow_mut() = Some((error.deadline(), (here.now() - fate::Instant::START).as_secs()));
    });
    world.sim.run_until(SECOND * 10_000).unwrap();
    world.end();
    told.take().expect("it comes to an end")
}

/// W1: each is on unless somebody turns it off.
#[test]
fn by_default_connecting_may_take_ten_seconds() {
    let world = World::new();
    world.sim.link("server", "here").partition();
    assert_eq!(told_by_default(world), (Some(Deadline::Connect), 10));
}

#[test]
fn by_default_agreeing_on_encryption_may_take_ten_seconds() {
    let world = World::new();
    world.serve_on(&world.server, 443, |mut line| async move { line.linger().await });
    let (error, at) = failed(world, Client::builder().tls(Identity::good().client()), "https://server/");
    assert_eq!((error.deadline(), at.as_secs()), (Some(Deadline::Tls), 10));
}

#[test]
fn by_default_the_header_may_take_thirty_seconds() {
    let world = World::new();
    world.serve(|mut line| async move { line.linger().await });
    assert_eq!(told_by_default(world), (Some(Deadline::Header), 30));
}

#[test]
fn by_default_a_body_may_be_silent_for_thirty_seconds() {
    let world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").await?;
        line.linger().await
    });
    assert_eq!(told_by_default(world), (Some(Deadline::Idle), 30));
}

#[test]
fn by_default_all_of_it_may_take_five_minutes() {
    let world = dripping();
    assert_eq!(told_by_default(world), (Some(Deadline::Total), 300));
}

/// W1: which one is told is not up to chance.
#[test]
fn of_two_deadlines_the_one_that_is_over_first_is_told() {
    for (total, other, expected) in [(4, 5, Deadline::Total), (5, 4, Deadline::Header), (5, 5, Deadline::Total)] {
        let world = World::new();
        world.serve(|mut line| async move { line.linger().await });
        // The request is sent a moment later than it is asked for, and the deadline for the header counts from there.
        let (error, at) = failed(world, hurried().total(SECOND * total).header(SECOND * other), "http://server/");
        assert_eq!((error.deadline(), at.as_secs()), (Some(expected), u64::from(total.min(other))));
    }
    for (total, other, expected) in [(4, 5, Deadline::Total), (5, 4, Deadline::Connect)] {
        let world = World::new();
        world.sim.link("server", "here").partition();
        let (error, at) = failed(world, hurried().total(SECOND * total).connect(SECOND * other), "http://server/");
        assert_eq!((error.deadline(), at.as_secs()), (Some(expected), 4));
    }
    for (total, other, expected) in [(4, 5, Deadline::Total), (5, 4, Deadline::Idle)] {
        let world = World::new();
        world.always(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
        let (error, at) = failed(world, hurried().total(SECOND * total).idle(SECOND * other), "http://server/");
        assert_eq!((error.deadline(), at.as_secs()), (Some(expected), 4));
    }
}
