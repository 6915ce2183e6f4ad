//! Deadlines stand still while it is the program itself that is waited for.

use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, OK, SETTINGS, WINDOW, frame};
use crate::rig::{Line, SECOND, World, web};
use fate::Fate;
use fate_web::{Bytes, Client, ClientBuilder, Deadline, Phase, Request, RequestBody, WebError};
use http_body::Frame;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

fn in_a_hurry() -> ClientBuilder {
    Client::builder().header(SECOND * 5).idle(SECOND * 7)
}

/// A body of which a piece comes each 40 seconds.
fn slow_body(here: &Fate, pieces: usize) -> RequestBody {
    let here = here.clone();
    let late = futures_lite::stream::unfold(0, move |number| {
        let here = here.clone();
        async move {
            here.sleep(SECOND * 40).await;
            let piece = Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(b"tea")));
            (number < pieces).then_some((piece, number + 1))
        }
    });
    RequestBody::stream(http_body_util::StreamBody::new(late))
}

/// What came of a request, and when.
type Outcome = (Result<u16, WebError>, Duration);

fn send(world: &World, request: Request) -> Rc<RefCell<Option<Outcome>>> {
    let (here, seen) = (world.here.clone(), Rc::new(RefCell::new(None)));
    let note = seen.clone();
    request.send().add_both(move |response| {
        let status = response.map(|response| response.status().as_u16()).map_err(web);
        *note.borrow_mut() = Some((status, here.now() - fate::Instant::START));
    });
    seen
}

/// Hears the chunks of a body: so many, and the last.
async fn hear_chunks(line: &mut Line, count: usize) -> fate::Result {
    line.hear().await?;
    line.hear_body(count * "3\r\ntea\r\n".len() + "0\r\n\r\n".len()).await.map(drop)
}

/// W1: the other side has done nothing wrong.
#[test]
fn the_header_deadline_stands_still_while_the_program_itself_makes_more_of_the_body() {
    for is_two in [false, true] {
        let mut world = World::new();
        world.serve(move |mut line| async move {
            if is_two {
                line.begin_two().await?;
                let stream = line.hear_two().await?;
                line.hear_end().await?;
                line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
                return line.linger().await;
            }
            hear_chunks(&mut line, 2).await?;
            line.answer("", "ok").await
        });
        let builder = in_a_hurry().total(SECOND * 1000);
        let client = if is_two { builder.http2_only() } else { builder }.build(&world.here);
        let request = client.post("http://server/").body(slow_body(&world.here, 2));
        let seen = send(&world, request);
        world.sim.run_until(SECOND * 1000).unwrap();
        let (status, at) = seen.take().unwrap();
        assert_eq!((status.unwrap(), at.as_secs()), (200, 120));
        client.close_idle();
        world.end();
    }
}

/// W1: and from when it has made all of it, the deadline counts, to the moment.
#[test]
fn the_header_deadline_counts_from_when_the_body_is_whole() {
    for is_two in [false, true] {
        let mut world = World::new();
        drop(world.sim.link("server", "here").latency(Duration::ZERO..Duration::ZERO));
        world.serve(move |mut line| async move {
            if is_two {
                line.begin_two().await?;
                loop {
                    line.hear_frame().await?;
                }
            }
            line.linger().await
        });
        let builder = in_a_hurry().total(SECOND * 1000);
        let client = if is_two { builder.http2_only() } else { builder }.build(&world.here);
        let request = client.post("http://server/").body(slow_body(&world.here, 2));
        let seen = send(&world, request);
        world.sim.run_until(SECOND * 1000).unwrap();
        let (status, at) = seen.take().unwrap();
        let error = status.unwrap_err();
        assert_eq!((error.deadline(), error.phase(), at), (Some(Deadline::Header), Phase::Header, SECOND * 125));
        world.end();
    }
}

/// W1: who takes little at a time takes something.
#[test]
fn a_long_body_on_a_slow_line_is_not_given_up_while_it_is_taken() {
    for is_two in [false, true] {
        let mut world = World::new();
        drop(world.sim.link("server", "here").bandwidth(50_000));
        world.serve(move |mut line| async move {
            if !is_two {
                line.hear().await?;
                line.hear_body(2_000_000).await?;
                return line.answer("", "ok").await;
            }
            line.begin_two().await?;
            let stream = line.hear_two().await?;
            loop {
                let heard = line.hear_frame().await?;
                if heard.kind == DATA && heard.flags & END_STREAM != 0 {
                    line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
                } else if heard.kind == DATA {
                    let more = 16_384_u32.to_be_bytes();
                    line.say([frame(WINDOW, 0, 0, &more), frame(WINDOW, 0, stream, &more)].concat()).await?;
                }
            }
        });
        let builder = in_a_hurry().total(SECOND * 1000);
        let client = if is_two { builder.http2_only() } else { builder }.build(&world.here);
        let seen = send(&world, client.post("http://server/").body(vec![7; 2_000_000]));
        world.sim.run_until(SECOND * 1000).unwrap();
        let (status, at) = seen.take().unwrap();
        assert_eq!(status.unwrap(), 200);
        assert!(at > SECOND * 39, "{at:?}");
        client.close_idle();
        world.end();
    }
}

/// A server that is silent for 40 seconds in the midst of a body.
fn sleepy_world() -> World {
    let world = World::new();
    drop(world.sim.link("server", "here").latency(Duration::ZERO..Duration::ZERO));
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab").await?;
        line.fate.sleep(SECOND * 40).await;
        line.say("cd").await
    });
    world
}

/// What a task has found out.
fn find_out<T: 'static>(world: &mut World, task: impl AsyncFnOnce(Fate, Client) -> T + 'static) -> T {
    let client = in_a_hurry().build(&world.here);
    find_out_with(world, client, task)
}

fn find_out_with<T: 'static>(
    world: &mut World,
    client: Client,
    task: impl AsyncFnOnce(Fate, Client) -> T + 'static,
) -> T {
    let (here, found) = (world.here.clone(), Rc::new(RefCell::new(None)));
    let note = found.clone();
    world.here.spawn(async move { *note.borrow_mut() = Some(task(here, client).await) });
    world.sim.run_until(SECOND * 200).unwrap();
    found.take().expect("it comes to an end")
}

/// W1: silence that nobody hears is none.
#[test]
fn the_idle_deadline_stands_still_while_nobody_waits_for_the_body() {
    let mut world = sleepy_world();
    let last = find_out(&mut world, async |here, client| {
        let mut response = client.get("http://server/").send().await.unwrap();
        response.piece().await.unwrap();
        here.sleep(SECOND * 39).await;
        response.piece().await.map_err(|error| error.to_string())
    });
    assert_eq!(last, Ok(Some(Bytes::from_static(b"cd"))));
    world.end();
}

/// W1: who waits again and again, a little at a time, waits all the same.
#[test]
fn the_idle_deadline_counts_all_of_the_time_that_somebody_has_waited() {
    let mut world = sleepy_world();
    let (waits, error, at) = find_out(&mut world, async |here, client| {
        let mut response = client.get("http://server/").send().await.unwrap();
        response.piece().await.unwrap();
        let mut waits = 0;
        loop {
            let piece = async { Some(response.piece().await) };
            let alarm = async {
                here.sleep(SECOND).await;
                None
            };
            if let Some(piece) = futures_lite::future::or(piece, alarm).await {
                return (waits, piece.unwrap_err(), here.now() - fate::Instant::START);
            }
            waits += 1;
            here.sleep(SECOND * 2).await;
        }
    });
    // Seven seconds of waiting, with two of rest after each but the last.
    assert_eq!((error.deadline(), waits, at), (Some(Deadline::Idle), 6, SECOND * 19));
    world.end();
}

/// W1: a window that is wide enough for all of it says nothing of the line.
#[test]
fn a_long_body_on_a_slow_line_is_not_given_up_when_the_window_of_http_2_is_wide() {
    let mut world = World::new();
    drop(world.sim.link("server", "here").bandwidth(50_000));
    world.serve(|mut line| async move {
        let mut preface = [0; 24];
        line.stream.read_exact(&mut preface).await?;
        // 16 MiB for each stream, and for all.
        line.say(frame(SETTINGS, 0, 0, &[0, 4, 1, 0, 0, 0])).await?;
        line.say(frame(WINDOW, 0, 0, &(16_u32 << 20).to_be_bytes())).await?;
        let stream = line.hear_two().await?;
        line.hear_end().await?;
        line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
        line.linger().await
    });
    let client = in_a_hurry().total(SECOND * 1000).http2_only().build(&world.here);
    let seen = send(&world, client.post("http://server/").body(vec![7; 1_500_000]));
    world.sim.run_until(SECOND * 1000).unwrap();
    assert_eq!(seen.take().unwrap().0.unwrap(), 200);
    client.close_idle();
    world.end();
}

/// W1: one connection takes the bodies of all, one before the other if it likes.
#[test]
fn a_long_body_is_not_given_up_while_the_other_side_takes_another_one_on_the_same_connection() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.begin_two().await?;
        let (first, second) = (line.hear_two().await?, line.hear_two().await?);
        let more = |stream, count: u32| frame(WINDOW, 0, stream, &count.to_be_bytes());
        line.say(more(0, 1 << 20)).await?;
        for (stream, pieces) in [(first, 20), (second, 1)] {
            for _ in 0..pieces {
                line.fate.sleep(SECOND).await;
                line.say(more(stream, 100_000 / pieces)).await?;
            }
            line.hear_end().await?;
            line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
        }
        line.linger().await
    });
    let client = in_a_hurry().total(SECOND * 1000).http2_only().build(&world.here);
    let seen = [0; 2].map(|_| send(&world, client.post("http://server/").body(vec![7; 150_000])));
    world.sim.run_until(SECOND * 1000).unwrap();
    let times = seen.map(|seen| seen.take().unwrap()).map(|(status, at)| (status.unwrap(), at.as_secs()));
    assert_eq!(times, [(200, 20), (200, 21)]);
    client.close_idle();
    world.end();
}

/// W1: what has left hyper may take its time.
#[test]
fn what_waits_for_the_kernel_is_waited_for_as_long_as_that_takes_some() {
    let mut world = World::new();
    // What only the kernels have takes less than the deadline, and together with what waits for them more.
    drop(world.sim.link("server", "here").bandwidth(30_000));
    world.serve(|mut line| async move {
        line.hear().await?;
        line.hear_body(300_000).await?;
        line.answer("", "ok").await
    });
    let client = in_a_hurry().build(&world.here);
    let seen = send(&world, client.post("http://server/").body(vec![7; 300_000]));
    world.sim.run_until(SECOND * 1000).unwrap();
    assert_eq!(seen.take().unwrap().0.unwrap(), 200);
    client.close_idle();
    world.end();
}

/// W1: who stands in a line of this client's has asked nothing yet.
#[test]
fn the_header_deadline_counts_from_when_the_other_side_takes_another_request() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        let mut preface = [0; 24];
        line.stream.read_exact(&mut preface).await?;
        // One stream at once.
        line.say(frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1])).await?;
        loop {
            let stream = line.hear_two().await?;
            line.fate.sleep(SECOND * 4).await;
            line.say(frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)).await?;
        }
    });
    let client = in_a_hurry().total(SECOND * 1000).http2_only().build(&world.here);
    let seen = find_out_with(&mut world, client, async |here, client| {
        // So that the settings are known.
        client.get("http://server/").send().await.unwrap();
        let mut all: Vec<_> = (0..12).map(|_| client.get("http://server/").send()).collect();
        // One who gives up in the line holds up nobody.
        all.remove(3).control().cancel();
        let mut seen = Vec::new();
        for one in all {
            let outcome = one.await.map(drop).map_err(|failure| {
                let error = web(failure);
                (error.deadline(), error.phase())
            });
            seen.push((outcome, (here.now() - fate::Instant::START).as_secs()));
        }
        seen
    });
    // One after another, each of them after four seconds.
    let expected: Vec<_> = (2..13).map(|number| (Ok(()), number * 4)).collect();
    assert_eq!(seen, expected);
    assert_eq!(world.visits.get(), 1);
    world.end();
}
