//! The one connection that all share by HTTP/2: who waits for it, and what becomes of them if nothing comes of it.

use crate::frames::{END_HEADERS, END_STREAM, HEADERS, OK, frame};
use crate::rig::{SECOND, World, web};
use fate::Fate;
use fate_web::{Client, Deadline, Phase};
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
