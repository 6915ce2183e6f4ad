//! Connections that are used again, capped and queued, and what happens when the other side closes them.

use crate::frames::{END_HEADERS, END_STREAM, HEADERS, OK, frame};
use crate::rig::{Line, SECOND, World, page, web};
use fate::Fate;
use fate_web::{Client, ClientBuilder, get_page};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

fn spawn_pages(world: &World, builder: ClientBuilder, urls: impl IntoIterator<Item = String>) -> (Client, Pages) {
    let client = builder.build(&world.here);
    let seen = Pages::default();
    for url in urls {
        let (client, note) = (client.clone(), seen.clone());
        world.here.spawn(async move {
            let page = page(&client, &url).await.map(|page| String::from_utf8_lossy(&page).into_owned());
            note.borrow_mut().push(page.map_err(|error| error.to_string()));
        });
    }
    (client, seen)
}

type Pages = Rc<RefCell<Vec<Result<String, String>>>>;

/// Answers each request after a second with its path.
async fn slowly(mut line: Line) -> fate::Result {
    while let Some(asked) = line.hear().await? {
        line.fate.sleep(SECOND).await;
        let path = asked.split(' ').nth(1).unwrap().to_owned();
        line.answer("", path).await?;
    }
    Ok(())
}

/// W1: the cap, and first come, first served.
#[test]
fn no_more_connections_are_open_than_allowed_and_the_others_wait_in_line() {
    let mut world = World::new();
    world.serve(slowly);
    let urls = (0..12).map(|number| format!("http://server/{number}"));
    let (client, pages) = spawn_pages(&world, Client::builder().connections_per_host(3), urls);
    world.sim.run_until(SECOND * 20).unwrap();
    // Three at a time; of those that are there at once it is nobody's matter which is told first.
    let mut pages: Vec<Vec<_>> = pages.take().chunks(3).map(<[_]>::to_vec).collect();
    pages.iter_mut().for_each(|three| three.sort_by_key(|page| page.as_ref().unwrap()[1..].parse::<u8>().unwrap()));
    let expected: Vec<_> = (0..12).map(|number| Ok(format!("/{number}"))).collect();
    assert_eq!(pages.concat(), expected);
    assert_eq!((world.most_open.get(), world.visits.get()), (3, 3));
    client.close_idle();
    world.sim.run_until(SECOND * 30).unwrap();
    assert_eq!(world.open.get(), 0);
    world.end();
}

/// W1: one who gives up leaves the line, and nobody is forgotten.
#[test]
fn one_who_cancels_in_the_line_or_at_the_counter_lets_the_next_one_through() {
    let mut world = World::new();
    world.serve(slowly);
    let client = Client::builder().connections_per_host(1).build(&world.here);
    let pages: Vec<_> = (0..4).map(|number| client.get(&format!("http://server/{number}")).send()).collect();
    let seen = Rc::new(RefCell::new(Vec::new()));
    for (number, page) in pages.into_iter().enumerate() {
        if number < 2 {
            let control = page.control();
            world.here.get_fuse(SECOND / 2).set_handler(move |_| control.cancel());
        }
        let note = seen.clone();
        page.and_then(|response| response.text()).add_both(move |text| note.borrow_mut().push(text.ok()));
    }
    world.sim.run_until(SECOND * 20).unwrap();
    assert_eq!(seen.take(), [None, None, Some("/2".into()), Some("/3".into())]);
    client.close_idle();
    world.end();
}

/// W1: what is kept goes after a while.
#[test]
fn a_connection_that_nobody_used_for_long_is_not_used_again() {
    let mut world = World::new();
    world.serve(slowly);
    let client = Client::builder().keep_idle(SECOND * 10).build(&world.here);
    let here = world.here.clone();
    world.here.spawn(async move {
        page(&client, "http://server/1").await?;
        here.sleep(SECOND * 5).await;
        page(&client, "http://server/2").await?;
        here.sleep(SECOND * 15).await;
        page(&client, "http://server/3").await?;
        client.close_idle();
        fate::Ok(())
    });
    world.sim.run_until(SECOND * 60).unwrap();
    assert_eq!((world.visits.get(), world.most_open.get()), (2, 1));
    world.end();
}

/// W1: noticed at once, not when it is needed.
#[test]
fn a_connection_that_the_server_closes_while_nobody_uses_it_is_closed_here_too() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.answer("", "once").await?;
        line.fate.sleep(SECOND * 5).await;
        Ok(())
    });
    let (_client, pages) = spawn_pages(&world, Client::builder(), ["http://server/".into()]);
    // Something that goes on meanwhile.
    let clock = world.here.every(SECOND, |_, _| {});
    world.sim.run_until(SECOND * 8).unwrap();
    assert_eq!(pages.take(), [Ok("once".into())]);
    clock.stop();
    let live = world.here.report().live;
    assert!(live.iter().all(|live| live.kind != fate::Kind::Connection), "{live:?}");
    world.end();
}

/// The first connection answers once, hears another request, and closes.
async fn forgetful(mut line: Line) -> fate::Result {
    line.hear().await?;
    line.answer("", "first").await?;
    if line.number == 1 {
        line.hear().await?;
        return Ok(());
    }
    line.linger().await
}

/// W1: tried again only where that is safe.
#[test]
fn a_request_that_met_a_connection_just_closed_is_sent_again_if_it_may_be_sent_twice() {
    for (method, is_served) in [("GET", true), ("PUT", true), ("POST", false), ("PATCH", false)] {
        let mut world = World::new();
        world.serve(forgetful);
        let client = Client::new(&world.here);
        let seen = Rc::new(RefCell::new(None));
        let note = seen.clone();
        world.here.spawn(async move {
            page(&client, "http://server/").await.unwrap();
            let request = client.request(method.parse().unwrap(), "http://server/").body("x");
            *note.borrow_mut() = Some(request.send().await.map(drop).map_err(web));
        });
        world.sim.run_until(SECOND * 60).unwrap();
        let outcome = seen.take().unwrap();
        assert_eq!(outcome.is_ok(), is_served, "{method}: {outcome:?}");
        assert_eq!(world.visits.get(), if is_served { 2 } else { 1 });
        if let Err(error) = outcome {
            assert!(error.is_interrupted(), "{error:?}");
        }
        world.end();
    }
}

#[test]
fn a_request_on_a_fresh_connection_is_not_sent_again() {
    let mut world = World::new();
    world.serve(|mut line| async move { line.hear().await.map(drop) });
    let (_client, pages) = spawn_pages(&world, Client::builder(), ["http://server/".into()]);
    world.sim.run_until(SECOND * 60).unwrap();
    assert_eq!(pages.take(), [Err("waiting for the header of http://server/: the connection was lost".into())]);
    assert_eq!(world.visits.get(), 1);
    world.end();
}

/// W1: what comes after a whole response is nobody's.
#[test]
fn a_connection_with_something_unread_is_not_used_again() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            .await?;
        line.linger().await
    });
    let client = Client::new(&world.here);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = seen.clone();
    world.here.spawn(async move {
        for _ in 0..2 {
            let page = page(&client, "http://server/").await?;
            note.borrow_mut().push(page);
        }
        fate::Ok(())
    });
    world.sim.run_until(SECOND * 60).unwrap();
    assert_eq!(seen.take(), ["hi", "hi"]);
    assert_eq!(world.visits.get(), 2);
    world.end();
}

#[test]
fn a_connection_that_is_to_be_closed_is_not_used_again() {
    for header in ["Connection: close\r\n", ""] {
        let mut world = World::new();
        let version = if header.is_empty() { "HTTP/1.0" } else { "HTTP/1.1" };
        world.serve(move |mut line| async move {
            line.hear().await?;
            line.say(format!("{version} 200 OK\r\n{header}Content-Length: 2\r\n\r\nhi")).await?;
            line.linger().await
        });
        let client = Client::new(&world.here);
        world.here.spawn(async move {
            for _ in 0..2 {
                page(&client, "http://server/").await.unwrap();
            }
        });
        world.sim.run_until(SECOND * 60).unwrap();
        assert_eq!((world.visits.get(), world.most_open.get()), (2, 1));
        world.end();
    }
}

/// W1: a body that was not read to its end takes its connection along.
#[test]
fn a_response_that_is_dropped_half_way_closes_its_connection_and_frees_its_place() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.answer("", vec![7; 10_000_000]).await?;
        line.linger().await
    });
    let client = Client::builder().connections_per_host(1).build(&world.here);
    world.here.spawn(async move {
        for _ in 0..3 {
            let mut response = client.get("http://server/").send().await?;
            response.piece().await?;
        }
        fate::Ok(())
    });
    world.sim.run_until(SECOND * 60).unwrap();
    assert_eq!((world.visits.get(), world.open.get()), (3, 0));
    world.end();
}

/// W1: each Fate has one, and its pages share connections.
#[test]
fn pages_one_after_another_share_a_connection() {
    let mut world = World::new();
    world.serve(slowly);
    let here = world.here.clone();
    get_page(&world.here, "http://server/1")
        .and_then(move |_| get_page(&here, "http://server/2"))
        .add_callback(|page| assert_eq!(&page[..], b"/2"));
    world.sim.run_until(SECOND * 60).unwrap();
    assert_eq!(world.visits.get(), 1);
    Client::usual(&world.here).close_idle();
    world.end();
}

/// W1: what is there already costs nothing, and a connection costs something.
#[test]
fn a_page_that_is_not_there_leaves_a_connection_that_serves_again() {
    let mut world = World::new();
    world.always(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nlost");
    let client = Client::new(&world.here);
    let other = client.clone();
    world.here.spawn(async move {
        for _ in 0..3 {
            assert!(other.get("http://server/").page().await.is_err());
        }
    });
    world.sim.run_until(SECOND).unwrap();
    assert_eq!((world.asked.borrow().len(), world.visits.get()), (3, 1));
    client.close_idle();
    world.end();
}

/// A world in which every host is the same server.
fn everywhere() -> World {
    let mut world = World::new();
    let one_for_all =
        |fate: &Fate, _: &str, port: u16| fate.succeed(vec![SocketAddr::new("10.0.0.1".parse().unwrap(), port)]);
    world.here = world.sim.host_with("there", Fate::builder().resolver(one_for_all));
    world
}

/// Fetches a page from each of so many hosts, one after another.
fn fetch_from_all(world: &mut World, client: &Client, count: usize) -> Result<(), String> {
    let (client, done) = (client.clone(), Rc::new(RefCell::new(None)));
    let note = done.clone();
    world.here.spawn(async move {
        for number in 0..count {
            let page = page(&client, &format!("http://host{number}.example/")).await;
            *note.borrow_mut() = Some(page.map(drop).map_err(|error| format!("host {number}: {error:?}")));
            if note.borrow().as_ref().is_some_and(Result::is_err) {
                return;
            }
        }
    });
    let until = world.sim.elapsed() + SECOND * 60;
    world.sim.run_until(until).unwrap();
    done.take().expect("it comes to an end")
}

/// Answers each request, of whatever version.
async fn at_once(mut line: Line, is_two: bool) -> fate::Result {
    if is_two {
        line.begin_two().await?;
        loop {
            let stream = line.hear_two().await?;
            line.say(frame(HEADERS, END_HEADERS | END_STREAM, stream, OK)).await?;
        }
    }
    while line.hear().await?.is_some() {
        line.answer("", "well").await?;
    }
    Ok(())
}

/// W1: what is kept in case it is needed is bounded, to however many hosts it leads.
#[test]
fn of_the_connections_that_rest_only_so_many_are_kept_and_the_oldest_are_closed_first() {
    for (is_two, builder, most) in [
        (false, Client::builder(), 100),
        (true, Client::builder().http2_only(), 100),
        (false, Client::builder().most_idle(7), 7),
        (true, Client::builder().http2_only().most_idle(7), 7),
        (false, Client::builder().most_idle(0), 0),
    ] {
        let mut world = everywhere();
        world.serve(move |line| at_once(line, is_two));
        let client = builder.build(&world.here);
        assert_eq!(fetch_from_all(&mut world, &client, 300), Ok(()));
        assert!(world.most_open.get() <= most + 3, "{is_two}: {}", world.most_open.get());
        assert_eq!(world.open.get(), most, "{is_two}");
        // The last of them is there still.
        let visits = world.visits.get();
        let other = client.clone();
        world.here.spawn(async move { page(&other, "http://host299.example/").await.map(drop) });
        let until = world.sim.elapsed() + SECOND;
        world.sim.run_until(until).unwrap();
        assert_eq!(world.visits.get() - visits, usize::from(most == 0));
        client.close_idle();
        world.end();
    }
}

/// W1: what rests only rests in case it is needed.
#[test]
fn connections_that_rest_are_closed_when_there_is_no_descriptor_left() {
    let mut world = everywhere();
    world.sim.set_descriptors("there", 60);
    world.serve(|line| at_once(line, false));
    let (client, other) = (Client::new(&world.here), Client::new(&world.here));
    assert_eq!(fetch_from_all(&mut world, &other, 30), Ok(()));
    assert_eq!(fetch_from_all(&mut world, &client, 200), Ok(()));
    [client, other].iter().for_each(Client::close_idle);
    world.end();
}

/// W1: nobody is kept waiting by a shutdown, and what rests is not left behind.
#[test]
fn connections_that_rest_are_closed_by_each_shutdown() {
    for is_two in [false, true] {
        let mut world = everywhere();
        world.serve(move |line| at_once(line, is_two));
        let client = if is_two { Client::builder().http2_only() } else { Client::builder() }.build(&world.here);
        for _ in 0..2 {
            assert_eq!(fetch_from_all(&mut world, &client, 3), Ok(()));
            assert_eq!(world.open.get(), 3);
            world.here.shutdown();
            let until = world.sim.elapsed() + SECOND;
            world.sim.run_until(until).unwrap();
            assert_eq!(world.open.get(), 0);
            assert!(world.here.report().left.is_empty(), "{:?}", world.here.report().left);
        }
        world.end();
    }
}

/// W1: what the other side says, however odd, is an answer: only a connection that was lost is tried again.
#[test]
fn an_odd_answer_on_a_connection_that_served_before_is_not_asked_for_again() {
    let too_long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n", "x".repeat(400_000));
    for (answer, is_not_http, is_too_long) in
        [("HTTP/1.1 two hundred\r\n\r\n", true, false), ("220 smtp ready\r\n", true, false), (&too_long, false, true)]
    {
        let mut world = World::new();
        let answer = answer.to_owned();
        world.serve(move |mut line| {
            let answer = answer.clone();
            async move {
                line.hear().await?;
                line.answer("", "well").await?;
                line.hear().await?;
                line.say(answer).await?;
                line.linger().await
            }
        });
        let client = Client::new(&world.here);
        let told = Rc::new(RefCell::new(None));
        let note = told.clone();
        world.here.spawn(async move {
            page(&client, "http://server/").await.unwrap();
            *note.borrow_mut() = Some(page(&client, "http://server/").await.unwrap_err());
        });
        world.sim.run_until(SECOND * 60).unwrap();
        let error = told.take().unwrap();
        assert_eq!((error.is_not_http(), error.is_too_long()), (is_not_http, is_too_long), "{error:?}");
        assert_eq!((world.visits.get(), world.asked.borrow().len()), (1, 2));
        world.end();
    }
}

/// W1: the same while a shutdown waits for something else, and those that come after it are not forgotten.
#[test]
fn a_connection_that_comes_to_rest_in_the_midst_of_a_shutdown_is_closed() {
    let mut world = World::new();
    world.serve(slowly);
    let (client, pages) = spawn_pages(&world, Client::builder(), ["http://server/1".into()]);
    world.here.before_shutdown(|fate| {
        let fate = fate.clone();
        fate.clone().spawn(async move { fate.sleep(SECOND * 3).await })
    });
    world.here.get_fuse(SECOND / 2).set_handler(Fate::shutdown);
    world.sim.run_until(SECOND * 5).unwrap();
    assert_eq!(pages.take(), [Ok("/1".into())]);
    assert_eq!((world.visits.get(), world.open.get()), (1, 0));
    let other = client.clone();
    world.here.spawn(async move { page(&other, "http://server/2").await.map(drop) });
    world.sim.run_until(SECOND * 8).unwrap();
    assert_eq!((world.visits.get(), world.open.get()), (2, 1));
    world.here.shutdown();
    world.sim.run_until(SECOND * 9).unwrap();
    assert_eq!(world.open.get(), 0);
    world.end();
}
