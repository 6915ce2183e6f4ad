//! The one connection that all share by HTTP/2: who waits for it, and what becomes of them if nothing comes of it.

use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, OK, RESET, frame};
use crate::rig::{SECOND, World, web};
use fate::Fate;
use fate_web::{Bytes, Client, Deadline, Phase, Server};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

/// Addresses for names that nobody knows, after a second; or none.
fn slow_names(answers: impl Fn(usize) -> Option<&'static str> + Clone + 'static) -> impl fate::Resolve {
    let asked = Rc::new(Cell::new(0));
    move |fate: &Fate, _: &str, port: u16| {
        asked.set(asked.get() + 1);
        let (answer, here) = (answers(asked.get()), fate.clone());
        let found = fate.spawn(async move {
            here.sleep(SECOND).await;
            match answer {
                Some(address) => fate::Ok(vec![SocketAddr::new(address.parse()?, port)]),
                None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
            }
        });
        found.and_then(|found| found)
    }
}

/// W1: those who wait for what comes of the first connection are told that nothing does; none of them waits on.
#[test]
fn all_who_wait_for_the_first_connection_learn_that_it_failed_each_for_his_own_address() {
    let mut world = World::new();
    world.here = world.sim.host_with("there", Fate::builder().resolver(slow_names(|_| None)));
    let urls = (0..50).map(|number| format!("http://elsewhere/{number}"));
    let client = Client::builder().http2_only().build(&world.here);
    let told = Rc::new(RefCell::new(Vec::new()));
    for url in urls {
        let (note, here) = (told.clone(), world.here.clone());
        client.get(&url).send().add_both(move |response| {
            let error = web(response.unwrap_err());
            assert!(error.is_connect() && error.phase() == Phase::Lookup, "{error:?}");
            let cause = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
            assert_eq!(cause.kind(), io::ErrorKind::NotFound);
            note.borrow_mut().push((error.url().to_owned(), here.now() - fate::Instant::START));
        });
    }
    world.sim.run_until(SECOND * 500).unwrap();
    let expected: Vec<_> = (0..50).map(|number| (format!("http://elsewhere/{number}"), SECOND)).collect();
    assert_eq!(told.take(), expected);
    world.end();
}

/// W1: and who comes later tries anew, over one connection for all, as before.
#[test]
fn after_a_failed_first_connection_the_next_one_is_tried_and_shared_as_if_nothing_had_been() {
    let mut world = World::new();
    let names = slow_names(|number| (number > 1).then_some("10.0.0.1"));
    world.here = world.sim.host_with("there", Fate::builder().resolver(names));
    world.serve(|mut line| async move {
        line.begin_two().await?;
        loop {
            let stream = line.hear_two().await?;
            line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
        }
    });
    let client = Client::builder().http2_only().build(&world.here);
    let count = Rc::new(Cell::new(0));
    for round in 0..2 {
        for _ in 0..10 {
            let count = count.clone();
            client.get("http://elsewhere/").send().add_both(move |response| {
                assert_eq!(response.is_ok(), round == 1);
                count.set(count.get() + 1);
            });
        }
        let until = world.sim.elapsed() + SECOND * 10;
        world.sim.run_until(until).unwrap();
    }
    assert_eq!((count.get(), world.visits.get()), (20, 1));
    client.close_idle();
    world.end();
}

/// W1: one who gives up at the counter takes nobody along.
#[test]
fn one_who_cancels_the_first_connection_lets_the_next_one_make_it() {
    let mut world = World::new();
    let names = slow_names(|_| Some("10.0.0.1"));
    world.here = world.sim.host_with("there", Fate::builder().resolver(names));
    world.serve(|mut line| async move {
        line.begin_two().await?;
        let stream = line.hear_two().await?;
        line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
        line.linger().await
    });
    let client = Client::builder().http2_only().build(&world.here);
    let (first, second) = (client.get("http://elsewhere/1").send(), client.get("http://elsewhere/2").send());
    let control = first.control();
    world.here.get_fuse(SECOND / 2).set_handler(move |_| control.cancel());
    first.add_both(|response| assert!(response.unwrap_err().is::<fate::Cancelled>()));
    let is_there = Rc::new(Cell::new(false));
    let flag = is_there.clone();
    second.add_callback(move |_| flag.set(true));
    world.sim.run_until(SECOND * 10).unwrap();
    assert!(is_there.get());
    client.close_idle();
    world.end();
}

/// W1: it may be that nothing ever comes over it again.
#[test]
fn a_connection_of_http_2_on_which_a_request_was_given_up_is_not_used_by_those_who_come_later() {
    let mut world = World::new();
    let early = Rc::new(Cell::new(0));
    let count = early.clone();
    world.serve(move |mut line| {
        let count = count.clone();
        async move {
            line.begin_two().await?;
            let first = line.hear_two().await?;
            let answer = |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, OK);
            if line.number > 1 {
                line.say(answer(first)).await?;
                return line.linger().await;
            }
            // One request is never answered, and one that came at the same time is, late.
            let second = line.hear_two().await?;
            line.fate.sleep(SECOND * 4).await;
            line.say(answer(second)).await?;
            count.set(1);
            line.linger().await
        }
    });
    let client = Client::builder().http2_only().header(SECOND * 5).build(&world.here);
    let told = Rc::new(RefCell::new(Vec::new()));
    for (number, after) in [0, 4, 6].into_iter().enumerate() {
        let (client, here, note) = (client.clone(), world.here.clone(), told.clone());
        world.here.spawn(async move {
            here.sleep(SECOND * after).await;
            let outcome =
                client.get("http://server/").send().await.map(drop).map_err(|failure| web(failure).deadline());
            note.borrow_mut().push((number, outcome, (here.now() - fate::Instant::START).as_secs()));
        });
    }
    world.sim.run_until(SECOND * 100).unwrap();
    let timeout = Err(Some(Deadline::Header));
    assert_eq!(told.take(), [(0, timeout, 5), (2, Ok(()), 6), (1, Ok(()), 8)]);
    assert_eq!((early.get(), world.visits.get()), (1, 2));
    client.close_idle();
    world.end();
}

/// What a task of a client has found out.
fn find_out<T: 'static>(world: &mut World, client: Client, task: impl AsyncFnOnce(Fate, Client) -> T + 'static) -> T {
    let (here, found) = (world.here.clone(), Rc::new(RefCell::new(None)));
    let note = found.clone();
    world.here.spawn(async move { *note.borrow_mut() = Some(task(here, client).await) });
    let until = world.sim.elapsed() + SECOND * 5000;
    world.sim.run_until(until).unwrap();
    found.take().expect("it comes to an end")
}

/// The first connection never answers; others do.
fn black_hole() -> World {
    let world = World::new();
    world.serve(|mut line| async move {
        line.begin_two().await?;
        loop {
            let stream = line.hear_two().await?;
            if line.number > 1 {
                line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
            }
        }
    });
    world
}

/// W1: whichever deadline it is that comes first, and whose.
#[test]
fn a_connection_of_http_2_that_is_dead_is_given_up_whichever_deadline_comes_first() {
    let mut world = black_hole();
    let client = Client::builder().http2_only().total(SECOND * 3).header(SECOND * 5).build(&world.here);
    let seen = find_out(&mut world, client, async |_, client| {
        let first = client.get("http://server/").send().await.map_err(|failure| web(failure).deadline());
        (first.map(drop), client.get("http://server/").send().await.is_ok())
    });
    assert_eq!((seen, world.visits.get()), ((Err(Some(Deadline::Total)), true), 2));
    world.end();
}

/// W1: also one that is short, if it is over again and again.
#[test]
fn a_connection_of_http_2_that_is_dead_is_given_up_if_the_program_itself_waits_no_longer() {
    for (patience, most) in [(SECOND * 10, 1), (SECOND / 2, 5)] {
        let mut world = black_hole();
        let client = Client::builder().http2_only().build(&world.here);
        let failures = find_out(&mut world, client, async move |_, client| {
            let mut failures = 0;
            while client.get("http://server/").send().add_timeout(patience).await.is_err() {
                failures += 1;
            }
            failures
        });
        assert!((1..=most).contains(&failures), "{failures}");
        assert_eq!(world.visits.get(), 2);
        world.end();
    }
}

/// W1: one that dies in the midst of a body is no better.
#[test]
fn a_connection_of_http_2_that_dies_in_a_body_is_given_up_when_the_total_deadline_is_over() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.begin_two().await?;
        let stream = line.hear_two().await?;
        let end = if line.number > 1 { END_STREAM } else { 0 };
        line.say(frame(HEADERS, end | END_HEADERS, stream, OK)).await?;
        line.linger().await
    });
    let client = Client::builder().http2_only().total(SECOND * 3).build(&world.here);
    let seen = find_out(&mut world, client, async |_, client| {
        let first = client.get("http://server/").page().await.map_err(|failure| web(failure).deadline());
        (first.map(drop), client.get("http://server/").page().await.is_ok())
    });
    assert_eq!((seen, world.visits.get()), ((Err(Some(Deadline::Total)), true), 2));
    world.end();
}

/// W1: a change of mind says nothing of the other side.
#[test]
fn a_connection_of_http_2_that_lives_is_kept_when_a_request_on_it_is_cancelled() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.begin_two().await?;
        for number in 1.. {
            let stream = line.hear_two().await?;
            let end = if number == 1 { 0 } else { END_STREAM };
            // The second is never answered, but the body of the first goes on.
            if number != 2 {
                line.say(frame(HEADERS, end | END_HEADERS, stream, OK)).await?;
            }
            for _ in 0..if number == 2 { 4 } else { 0 } {
                line.fate.sleep(SECOND).await;
                line.say(frame(DATA, 0, 1, b"drip")).await?;
            }
        }
        Ok(())
    });
    let client = Client::builder().http2_only().build(&world.here);
    let is_there = find_out(&mut world, client, async |_, client| {
        let first = client.get("http://server/1").send().await.unwrap();
        assert!(client.get("http://server/2").send().add_timeout(SECOND * 3).await.is_err());
        let is_there = client.get("http://server/3").send().await.is_ok();
        drop(first);
        is_there
    });
    assert_eq!((is_there, world.visits.get()), (true, 1));
    world.end();
}

/// W1: the cap.
#[test]
fn connections_of_http_2_that_were_given_up_count_as_long_as_somebody_uses_them() {
    let mut world = World::new();
    // On each connection the first request is answered drop by drop, the second never.
    world.serve(|mut line| async move {
        line.begin_two().await?;
        let long = line.hear_two().await?;
        line.say(frame(HEADERS, END_HEADERS, long, OK)).await?;
        loop {
            line.say(frame(DATA, 0, long, b"x")).await?;
            line.fate.sleep(SECOND).await;
        }
    });
    let builder = Client::builder().http2_only().header(SECOND * 5).total(SECOND * 100).connections_per_host(2);
    let (client, visits) = (builder.build(&world.here), world.visits.clone());
    let seen = find_out(&mut world, client, async move |here, client| {
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut response = client.get("http://server/long").send().await.unwrap();
            held.push(here.spawn(async move { while let Ok(Some(_)) = response.piece().await {} }));
            assert!(client.get("http://server/never").send().await.is_err());
        }
        let third = client.get("http://server/third").send();
        here.sleep(SECOND * 10).await;
        let made = visits.get();
        held.pop().unwrap().control().cancel();
        let is_there = third.await.is_ok();
        (is_there, made, held.len())
    });
    assert_eq!((seen, world.visits.get()), ((true, 2, 1), 3));
    world.end();
}

/// W1: what the program does not read yet is nobody else's matter.
#[test]
fn bodies_that_nobody_reads_hold_up_nobody_else_on_the_same_connection() {
    let mut world = World::new();
    let listener = world.server.listen_tcp("0.0.0.0:80").unwrap();
    let server = Server::new().write_deadline(SECOND * 3000);
    let serving = server.serve(&world.server, listener, |_| async { Bytes::from(vec![7; 4 << 20]) });
    let client = Client::builder().http2_only().build(&world.here);
    let (length, kept) = find_out(&mut world, client, async |here, client| {
        let mut kept = Vec::new();
        for _ in 0..20 {
            kept.push(client.get("http://server/").send().await.unwrap());
        }
        here.sleep(SECOND * 5).await;
        (client.get("http://server/").page().await.unwrap().len(), kept.len())
    });
    assert_eq!((length, kept), (4 << 20, 20));
    drop(serving);
    world.end();
}

/// W1: RFC 9113, section 8.7: it is safe to send it again.
#[test]
fn a_post_that_was_refused_before_it_was_looked_at_is_sent_again() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.begin_two().await?;
        let first = line.hear_two().await?;
        line.say(frame(RESET, 0, first, &[0, 0, 0, 7])).await?;
        let second = line.hear_two().await?;
        line.say(frame(HEADERS, END_STREAM | END_HEADERS, second, OK)).await?;
        line.linger().await
    });
    let client = Client::builder().http2_only().build(&world.here);
    let status = find_out(&mut world, client, async |_, client| {
        client.post("http://server/").body("tea").send().await.unwrap().status()
    });
    assert_eq!((status.as_u16(), world.visits.get()), (200, 1));
    world.end();
}
