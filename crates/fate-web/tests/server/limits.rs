use super::frames::{self, Seen, attend, beginning, frame, get};
use super::scene::{Scene, about, hear, say, until_closed};
use fate_web::{Incoming, IncomingError, Outgoing, Reply};
use futures_lite::stream;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

/// W2: a server that has no descriptors left waits for some, and serves on.
#[test]
fn a_server_without_descriptors_goes_on_when_there_are_some() {
    let mut scene = Scene::new();
    scene.sim.set_descriptors("server", 10);
    let serving = scene.serve(scene.settings().idle_deadline(Duration::from_secs(20)), async |_| "tea");
    let errors = scene.speak(&serving, async |fate, stream| {
        let mut streams = vec![stream];
        for _ in 0..50 {
            streams.push(fate.connect_tcp("server:80").await?);
        }
        // All ask, and those who were accepted and answered are idle after that, and make room.
        for stream in &streams {
            say(stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        }
        for stream in &streams {
            assert_eq!(hear(stream).await?.body, "tea");
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: where HTTP allows no body none is sent, whatever the service gives: what comes next is the next response.
#[test]
fn a_body_where_none_may_be_is_not_sent() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| match request.uri().path() {
        "/204" => (StatusCode::NO_CONTENT, "some").reply(),
        "/304" => (StatusCode::NOT_MODIFIED, "some").reply(),
        "/pieces" => Response::new(Outgoing::pieces(stream::once(fate::Ok("some".into())))).reply(),
        _ => "some".reply(),
    });
    scene.speak(&serving, async |_, stream| {
        for (line, status) in [("GET /204", 204), ("GET /304", 304), ("HEAD /", 200), ("HEAD /pieces", 200)] {
            say(&stream, format!("{line} HTTP/1.1\r\nhost: server\r\n\r\n")).await?;
            assert_eq!(
                stream.read_line(100).await?.unwrap_or_default().split(' ').nth(1),
                Some(&status.to_string()[..])
            );
            while stream.read_line(100).await?.is_some_and(|line| !line.is_empty()) {}
        }
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        assert_eq!(hear(&stream).await?.body, "some");
        fate::Ok(())
    });
}

/// W2: the same over HTTP/2.
#[test]
fn a_body_where_none_may_be_is_not_sent_over_http2() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| match request.uri().path() {
        "/204" => (StatusCode::NO_CONTENT, "some"),
        _ => (StatusCode::OK, "some"),
    });
    scene.speak(&serving, async |_, stream| {
        let head = [&[0x02, 4][..], b"HEAD", &frames::GET[1..]].concat();
        let nothing = [&[0x82, 0x04, 4][..], b"/204", &frames::GET[2..]].concat();
        let ask = |stream, words: &[u8]| frame(frames::HEADERS, 5, stream, words);
        say(&stream, [beginning(1000), ask(1, &head), ask(3, &nothing), get(5)].concat()).await?;
        let mut seen = Vec::new();
        while seen.iter().filter(|(_, _, flags)| flags & frames::END_STREAM != 0).count() < 3 {
            let Seen { kind, stream, flags, .. } = attend(&stream).await?.ok_or("it was cut off")?;
            seen.push((kind, stream, flags));
        }
        assert!(seen.contains(&(frames::HEADERS, 1, 5)) && seen.contains(&(frames::HEADERS, 3, 5)), "{seen:?}");
        assert!(seen.contains(&(frames::DATA, 5, 1)), "{seen:?}");
        fate::Ok(())
    });
}

/// W2: who asks whether to send a body is told to when the service wants it, and not when it does not.
#[test]
fn a_body_is_asked_for_when_it_is_wanted() {
    let scene = Scene::new();
    let serving =
        scene.serve(scene.settings().body_limit(10), async |request: Request<Incoming>| match request.uri().path() {
            "/read" => request.into_body().text().await.reply(),
            _ => StatusCode::FORBIDDEN.reply(),
        });
    let errors = scene.speak(&serving, async |fate, stream| {
        let head = |path, length| {
            format!("POST /{path} HTTP/1.1\r\nhost: server\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")
        };
        say(&stream, head("read", 3)).await?;
        assert_eq!(hear(&stream).await?.status, 100);
        say(&stream, "tea").await?;
        assert_eq!(hear(&stream).await?.body, "tea");
        for (path, length, status) in [("refuse", 3, 403), ("read", 11, 413)] {
            let stream = fate.connect_tcp("server:80").await?;
            say(&stream, head(path, length)).await?;
            assert_eq!(hear(&stream).await?.status, status);
            about(0, until_closed(&fate, &stream).await);
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// The trailers of a request, as those of the response.
async fn echo_trailers(request: Request<Incoming>) -> fate::Result<Response<Outgoing>> {
    let collected = request.into_body().collect().await.map_err(IncomingError::from)?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let frames = [Ok::<_, Infallible>(Frame::data(collected.to_bytes())), Ok(Frame::trailers(trailers))];
    let body = Outgoing::of(StreamBody::new(stream::iter(frames)));
    Ok(Response::builder().header("trailer", "x-sum").body(body)?)
}

/// W2: trailers come through, both ways.
#[test]
fn trailers_come_through() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), echo_trailers);
    let errors = scene.speak(&serving, async |_, stream| {
        let head = "POST / HTTP/1.1\r\nhost: server\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n";
        say(&stream, format!("{head}3\r\ntea\r\n0\r\nx-sum: 3\r\n\r\n")).await?;
        assert_eq!(hear(&stream).await?.status, 200);
        let mut rest = Vec::new();
        while let Some(line) = stream.read_line(100).await? {
            rest.push(line);
            if rest.last().is_some_and(String::is_empty) {
                break;
            }
        }
        assert_eq!(rest, ["3", "tea", "0", "x-sum: 3", ""]);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: trailers are bounded too.
#[test]
fn trailers_beyond_the_limits_are_refused() {
    for trailers in
        [(0..101).map(|number| format!("x-{number}: y\r\n")).collect(), format!("x: {}\r\n", "y".repeat(70_000))]
    {
        let scene = Scene::new();
        let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| {
            let collected = request.into_body().collect().await.map_err(IncomingError::from);
            collected.map(|body| body.trailers().map_or(0, HeaderMap::len).to_string())
        });
        scene.speak(&serving, async move |fate, stream| {
            let head = "POST / HTTP/1.1\r\nhost: server\r\ntransfer-encoding: chunked\r\n\r\n";
            say(&stream, format!("{head}0\r\n{trailers}\r\n")).await?;
            assert_eq!(hear(&stream).await?.status, 400);
            about(0, until_closed(&fate, &stream).await);
            fate::Ok(())
        });
    }
}

/// W2: a body that is too long is refused over HTTP/2 as well, whether it says so or turns out to be.
#[test]
fn a_body_of_http2_that_is_too_long_is_refused() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings().body_limit(10), async |request: Request<Incoming>| {
        let result = request.into_body().bytes().await;
        assert!(result.as_ref().is_err_and(|error| error.is_too_long()));
        result
    });
    let errors = scene.speak(&serving, async |_, stream| {
        let post = |stream| frame(frames::HEADERS, frames::END_HEADERS, stream, frames::POST);
        let mut long = frames::POST.to_vec();
        long.extend([0x0f, 0x0d, 2]); // content-length
        long.extend(b"11");
        let long = frame(frames::HEADERS, frames::END_HEADERS, 1, &long);
        let words = [beginning(1000), long, post(3), frame(frames::DATA, 0, 3, b"hello world")];
        say(&stream, words.concat()).await?;
        let mut answered = Vec::new();
        while answered.len() < 2 {
            let Seen { kind, stream, .. } = attend(&stream).await?.ok_or("it was cut off")?;
            if kind == frames::HEADERS {
                answered.push(stream);
            }
        }
        answered.sort_unstable();
        assert_eq!(answered, [1, 3]);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// Something that is noticed when it is dropped.
struct Noticed(Rc<Cell<u32>>);

impl Drop for Noticed {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// W2: what is worked at for somebody who has gone is dropped, over both protocols.
#[test]
fn nothing_is_worked_at_for_who_has_gone() {
    for is_http2 in [false, true] {
        for is_reset in [false, true] {
            let scene = Scene::new();
            let dropped = Rc::new(Cell::new(0));
            let noticed = dropped.clone();
            let serving = scene.serve(scene.settings(), move |_| {
                let noticed = Noticed(noticed.clone());
                async move {
                    std::future::pending::<()>().await;
                    drop(noticed);
                }
            });
            let link = scene.sim.link("server", "client");
            scene.speak(&serving, async move |fate, stream| {
                let words = b"GET / HTTP/1.1\r\nhost: server\r\n\r\n".to_vec();
                say(&stream, if is_http2 { [beginning(1000), get(1)].concat() } else { words }).await?;
                fate.sleep(Duration::from_secs(1)).await;
                if is_reset {
                    link.reset()
                } else {
                    drop(stream)
                }
                fate.sleep(Duration::from_secs(1)).await;
                assert_eq!(dropped.get(), 1, "{is_http2} {is_reset}");
                fate::Ok(())
            });
        }
    }
}

/// W2: a service that panics has broken its own request, and the server goes on.
#[test]
fn a_service_that_panics_is_alone_with_it() {
    for is_http2 in [false, true] {
        let mut scene = Scene::new();
        let builder = fate::Fate::builder().on_fault(|_, _| fate::Verdict::GoOn);
        scene.server = scene.sim.host_with("other", builder);
        let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| {
            assert!(!request.headers().contains_key("x"), "there is no x here");
            "tea"
        });
        scene.speak_to("other:80", &serving, async move |fate, stream| {
            let words = b"GET / HTTP/1.1\r\nhost: server\r\nx: y\r\n\r\n".to_vec();
            let bad = frame(frames::HEADERS, 5, 1, &[frames::GET, &[0, 1, b'x', 1, b'y']].concat());
            say(&stream, if is_http2 { [beginning(1000), bad].concat() } else { words }).await?;
            if is_http2 {
                let seen = attend(&stream).await?.ok_or("it was cut off")?;
                assert_eq!((seen.kind, seen.stream), (frames::RST_STREAM, 1));
            } else {
                about(0, until_closed(&fate, &stream).await);
            }
            let stream = fate.connect_tcp("other:80").await?;
            say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
            assert_eq!(hear(&stream).await?.body, "tea");
            fate::Ok(())
        });
    }
}

/// W2: what says that there is no limit is none, and no panic: over both protocols.
#[test]
fn limits_that_are_none_are_none() {
    for (headers, bytes) in [(100, usize::MAX), (usize::MAX, 1 << 20), (usize::MAX, usize::MAX), (1 << 20, 1 << 20)] {
        for is_http2 in [false, true] {
            let scene = Scene::new();
            let here = scene.server.clone();
            let settings = scene.settings().header_limits(headers, bytes);
            let settings = settings.header_deadline(Duration::MAX).idle_deadline(Duration::MAX);
            let settings = settings.body_deadline(Duration::MAX).write_deadline(Duration::MAX).body_limit(u64::MAX);
            let serving = scene.serve(settings, move |_| {
                let here = here.clone();
                async move {
                    here.sleep(Duration::from_secs(100)).await;
                    "tea"
                }
            });
            let errors = scene.speak(&serving, async move |_, stream| {
                if is_http2 {
                    say(&stream, [beginning(1000), get(1)].concat()).await?;
                    let seen = attend(&stream).await?.ok_or("it was cut off")?;
                    assert_eq!((seen.kind, seen.stream), (frames::HEADERS, 1));
                } else {
                    say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
                    assert_eq!(hear(&stream).await?.body, "tea");
                }
                fate::Ok(())
            });
            assert!(errors.is_empty(), "{headers} {bytes} {is_http2}: {errors:?}");
        }
    }
}

/// What is answered to a request of HTTP/2 with so many of a header, if ten are allowed, and to one after it; and what is said of it.
fn answered_with(count: usize, name: &'static [u8]) -> (Vec<Seen>, Vec<String>) {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings().header_limits(10, 64 << 10), async |_| "tea");
    let answers = Rc::new(RefCell::new(Vec::new()));
    let noted = answers.clone();
    let errors = scene.speak(&serving, async move |_, stream| {
        let header = [&[0, name.len() as u8][..], name, &[1, b'y']].concat();
        let head = [frames::GET, &header.repeat(count)].concat();
        say(&stream, [beginning(1000), frame(frames::HEADERS, 5, 1, &head), get(3)].concat()).await?;
        while noted.borrow().len() < 2 {
            let seen = attend(&stream).await?.ok_or("it was cut off")?;
            if seen.kind == frames::HEADERS {
                noted.borrow_mut().push(seen);
            }
        }
        fate::Ok(())
    });
    let mut answers = answers.take();
    answers.sort_by_key(|seen| seen.stream);
    (answers, errors)
}

/// W2: too many headers are refused over HTTP/2 as well, and the other requests of the connection are answered; cookies may come in
/// pieces (RFC 9113, 8.2.3).
#[test]
fn too_many_headers_of_http2_are_refused() {
    for (count, name, is_refused) in [(10, &b"x"[..], false), (11, b"x", true), (30, b"cookie", false)] {
        let (answers, errors) = answered_with(count, name);
        // Packed, `:status: 200` is a byte of its own, and 431 is not.
        let are_served: Vec<bool> = answers.iter().map(|seen| seen.payload[0] == 0x88).collect();
        assert_eq!(are_served, [!is_refused, true], "{count}");
        assert_eq!(errors.len(), usize::from(is_refused), "{errors:?}");
        assert!(errors.iter().all(|error| error.contains("headers")), "{errors:?}");
    }
}

/// W2: whoever has vanished without a word is found out, and what is worked at for them dropped: the system asks after them.
#[test]
fn who_has_vanished_is_not_worked_for() {
    for is_http2 in [true, false] {
        let scene = Scene::new();
        let serving = scene.serve(scene.settings(), async |_| std::future::pending::<()>().await);
        let (handle, link) = (serving.clone(), scene.sim.link("server", "client"));
        scene.speak(&serving, async move |fate, stream| {
            let words = b"GET / HTTP/1.1\r\nhost: server\r\n\r\n".to_vec();
            say(&stream, if is_http2 { [beginning(1000), get(1)].concat() } else { words }).await?;
            fate.sleep(Duration::from_secs(600)).await;
            assert_eq!(handle.connections(), 1, "who is there may wait");
            link.partition();
            fate.sleep(Duration::from_secs(200)).await;
            assert_eq!(handle.connections(), 0, "{is_http2}");
            link.heal();
            drop(stream);
            fate::Ok(())
        });
    }
}
