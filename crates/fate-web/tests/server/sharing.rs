use super::frames::*;
use super::scene::{Scene, about, say, second, until_closed};
use fate::{Fate, TcpStream};
use fate_tls::{TlsClient, TlsServer};
use fate_web::{Incoming, Outgoing};
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt, stream::once_future};
use http::{Request, Response};
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

const UNTAKEN: &str = "what was asked for was not taken in time";
const RESTLESS: &str = "there is much ado about nothing";

/// How long it takes until the connection is over for one who asks so and then only attends, and what the server says of it.
fn attended<F>(closure: impl Fn(Request<Incoming>) -> F + 'static, words: Vec<u8>) -> (Duration, Vec<String>)
where
    F: Future<Output: fate_web::Reply> + 'static,
{
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), closure);
    let took = Rc::new(Cell::new(Duration::ZERO));
    let note = took.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        let began = fate.now();
        say(&stream, words).await?;
        attend_all(&stream).await?;
        note.set(fate.now() - began);
        fate::Ok(())
    });
    (took.get(), errors)
}

/// W2: who asks for much over HTTP/2 and opens no window for it is cut off, however many requests wait; also if the window is
/// only too small, so that hyper has the whole response and waits alone.
#[test]
fn a_reader_that_opens_no_window_is_cut_off() {
    for (window, count) in [(0, 1), (0, 100), (1, 1), (1, 100), (16_000, 100)] {
        let mut words = beginning(window);
        (0..count).for_each(|number| words.extend(get(2 * number + 1)));
        let (took, errors) = attended(async |_| vec![7; 100_000], words);
        // What was taken at first, 64 KiB at most, makes up for some time.
        assert!(took > second(8) && took < second(19), "{took:?}");
        assert_eq!(errors, [UNTAKEN], "{window} {count}");
    }
}

/// W2: a slow reader that goes on opening its window gets it all, whether the response was given at once or in pieces.
#[test]
fn a_reader_that_opens_its_window_slowly_gets_it_all() {
    for is_whole in [true, false] {
        let scene = Scene::new();
        let serving = scene.serve(scene.impatient(), move |_| {
            let pieces = futures_lite::stream::repeat(()).map(|()| fate::Ok(vec![7; 1000].into()));
            let body = if is_whole { vec![7; 100_000].into() } else { Outgoing::pieces(pieces.take(100)) };
            async { Response::new(body) }
        });
        let errors = scene.speak(&serving, async |fate, stream| {
            say(&stream, [beginning(0), get(1)].concat()).await?;
            let mut count = 0;
            while count < 100_000 {
                fate.sleep(second(1)).await;
                let window = 1000_u32.to_be_bytes();
                say(&stream, [frame(WINDOW_UPDATE, 0, 0, &window), frame(WINDOW_UPDATE, 0, 1, &window)].concat())
                    .await?;
                let mut due = 1000;
                while due > 0 {
                    let seen = attend(&stream).await?.ok_or("it was cut off")?;
                    due -= if seen.kind == DATA { seen.payload.len() } else { 0 };
                }
                count += 1000;
            }
            fate::Ok(())
        });
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// W2: a program that takes its time is not the reader's fault, and no deadline is the program's.
#[test]
fn a_response_that_takes_its_time_is_waited_for() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.impatient(), move |_| {
        let here = here.clone();
        let late = once_future(async move {
            here.sleep(second(600)).await;
            fate::Ok("tea".into())
        });
        async { Response::new(Outgoing::pieces(late)) }
    });
    let errors = scene.speak(&serving, async |fate, stream| {
        let began = fate.now();
        say(&stream, [beginning(1000), get(1)].concat()).await?;
        while let Some(seen) = attend(&stream).await? {
            if seen.kind == DATA && seen.payload == b"tea" {
                about(600, fate.now() - began);
                return fate::Ok(());
            }
        }
        Err("it was cut off".into())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: headers that do not end are too late also behind a request that was answered, and beside one that is not.
#[test]
fn headers_of_http2_that_do_not_end_are_too_late() {
    for is_answered in [true, false] {
        let half = frame(HEADERS, END_STREAM, 3, GET);
        let torn = frame(HEADERS, END_STREAM | END_HEADERS, 3, GET)[..12].to_vec();
        for end in [half, torn] {
            let words = [beginning(1000), get(1), end].concat();
            let scene = Scene::new();
            let answer = move |_| async move { if is_answered { "tea" } else { pending().await } };
            let serving = scene.serve(scene.impatient(), answer);
            let errors = scene.speak(&serving, async |fate, stream| {
                let began = fate.now();
                say(&stream, words).await?;
                while next(&stream).await?.is_some() {} // an answer would be no proper one now
                about(5, fate.now() - began);
                fate::Ok(())
            });
            assert_eq!(errors, ["a request has begun and did not come in time"], "{is_answered}");
        }
    }
}

/// W2: but each has its own time, also if always one has begun when another is complete.
#[test]
fn headers_of_http2_that_end_in_time_are_not_too_late() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |_| "tea");
    let errors = scene.speak(&serving, async |fate, stream| {
        let stream = Rc::new(stream);
        let (reading, answered) = (stream.clone(), Rc::new(Cell::new(0)));
        let count = answered.clone();
        fate.spawn(async move {
            while let Some(seen) = attend(&reading).await? {
                count.set(count.get() + u32::from(seen.kind == HEADERS));
            }
            fate::Ok(())
        });
        say(&stream, beginning(1000)).await?;
        fate.sleep(second(1)).await;
        say(&stream, &get(1)[..12]).await?;
        for number in 0..20 {
            fate.sleep(second(1)).await;
            say(&stream, [&get(2 * number + 1)[12..], &get(2 * number + 3)[..12]].concat()).await?;
        }
        say(&stream, &get(41)[12..]).await?;
        fate.sleep(second(1)).await;
        assert_eq!(answered.get(), 21);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: who connects ahead, and says what HTTP/2 has him say first, is idle: kept as long as others, and told when it is over.
#[test]
fn who_connects_ahead_is_idle() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |_| "tea");
    let errors = scene.speak(&serving, async |fate, stream| {
        let began = fate.now();
        say(&stream, beginning(1000)).await?;
        let kinds: Vec<_> = attend_all(&stream).await?.iter().map(|seen| seen.kind).collect();
        about(20, fate.now() - began);
        assert!(kinds.contains(&GOAWAY), "{kinds:?}");
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: a reader that is slow but steady gets it all, however much is on its way to him; nothing of ours has to come back meanwhile.
#[test]
fn a_slow_and_steady_download_over_http2_arrives() {
    const LENGTH: usize = 2_000_000;
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |_| vec![7; LENGTH]);
    let errors = scene.speak(&serving, async |fate, stream| {
        say(&stream, [beginning(1 << 30), frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()), get(1)].concat())
            .await?;
        let mut count = 0;
        while count < LENGTH {
            let seen = attend(&stream).await?.ok_or_else(|| format!("cut off after {count}"))?;
            if seen.kind == DATA {
                count += seen.payload.len();
                fate.sleep(second(4)).await;
            }
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: who reads in small pieces, and opens a window for each, does not talk about nothing.
#[test]
fn many_small_windows_for_what_was_sent_are_no_flood() {
    const LENGTH: usize = 10_000_000;
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |_| vec![7; LENGTH]);
    let errors = scene.speak(&serving, async |_, stream| {
        say(&stream, [beginning(65_535), get(1)].concat()).await?;
        let mut count = 0;
        while count < LENGTH {
            let seen = attend(&stream).await?.ok_or_else(|| format!("cut off after {count}"))?;
            if seen.kind == DATA {
                count += seen.payload.len();
                let windows = seen.payload.chunks(1024).flat_map(|piece| {
                    let window = (piece.len() as u32).to_be_bytes();
                    [frame(WINDOW_UPDATE, 0, 0, &window), frame(WINDOW_UPDATE, 0, 1, &window)]
                });
                say(&stream, windows.collect::<Vec<_>>().concat()).await?;
            }
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: who has agreed on HTTP/2 and says nothing is not waited for longer than others, nor by a stop.
#[test]
fn who_agrees_on_http2_and_says_nothing_is_not_waited_for() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["server".to_string()]).unwrap().self_signed(&key).unwrap().pem();
    for is_stopped in [false, true] {
        let scene = Scene::new();
        let settings = scene.impatient().tls(TlsServer::new(&certificate, key.serialize_pem()).unwrap());
        let serving = scene.serve(settings, async |_| "tea");
        let tls = TlsClient::builder().only_roots(&certificate).alpn(["h2"]).build().unwrap();
        let handle = serving.clone();
        let errors = scene.speak(&serving, async move |fate, stream| {
            tls.wrap(&stream, "server").await?;
            if is_stopped {
                handle.stop();
            }
            about(if is_stopped { 0 } else { 5 }, until_closed(&fate, &stream).await);
            fate::Ok(())
        });
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// W2: memory is bounded while headers do not end, and so is the work.
#[test]
fn headers_of_http2_without_end_are_not_kept() {
    let mut words = [beginning(1000), frame(HEADERS, END_STREAM, 1, GET)].concat();
    (0..1000).for_each(|_| words.extend(frame(CONTINUATION, 0, 1, &[0x82; 1000])));
    let (took, errors) = attended(async |_| "tea", words);
    about(0, took);
    assert_eq!(errors.len(), 1, "{errors:?}");
}

/// W2: a body of HTTP/2 that only trickles fails with a typed error, which the other side is told.
#[test]
fn a_body_of_http2_that_trickles_is_too_slow() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |request: Request<Incoming>| {
        let result = request.into_body().text().await;
        assert!(result.as_ref().is_err_and(|error| error.is_too_slow()));
        result
    });
    let errors = scene.speak(&serving, async |fate, stream| {
        let (stream, began) = (Rc::new(stream), fate.now());
        say(&stream, [beginning(1000), frame(HEADERS, END_HEADERS, 1, POST)].concat()).await?;
        let (trickling, here) = (stream.clone(), fate.clone());
        fate.spawn(async move {
            for _ in 0..6 {
                here.sleep(second(1)).await;
                say(&trickling, frame(DATA, 0, 1, b"x")).await?;
            }
            fate::Ok(())
        });
        let seen = attend(&stream).await?.ok_or("it was cut off")?;
        assert_eq!((seen.kind, seen.stream), (HEADERS, 1));
        about(7, fate.now() - began);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: requests that are given up at once are not even asked of the service, and those who go on so are cut off.
#[test]
fn requests_that_are_reset_at_once_are_too_much() {
    let mut words = beginning(1000);
    for number in 0..100 {
        words.extend(get(2 * number + 1));
        words.extend(frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
    }
    let (took, errors) = attended(async |_| pending::<()>().await, words);
    about(0, took);
    assert_eq!(errors, ["what came is no request"]);
}

/// W2: requests that are given up a moment later keep the service at work: there may be many, but not without end.
#[test]
fn requests_that_are_reset_again_and_again_are_too_much() {
    let scene = Scene::new();
    let at_work = Rc::new(Cell::new((0_u32, 0_u32)));
    let note = at_work.clone();
    let serving = scene.serve(scene.impatient(), move |_| {
        let (now, most) = note.get();
        note.set((now + 1, most.max(now + 1)));
        let working = Working(note.clone());
        async move {
            pending::<()>().await;
            drop(working);
        }
    });
    let errors = scene.speak(&serving, async |fate, stream| {
        say(&stream, beginning(1000)).await?;
        let mut count = 0;
        while count < 5000 && say(&stream, get(2 * count + 1)).await.is_ok() {
            fate.sleep(Duration::from_millis(10)).await;
            drop(say(&stream, frame(RST_STREAM, 0, 2 * count + 1, &[0, 0, 0, 8])).await);
            count += 1;
        }
        assert!(count < 1500, "{count}");
        fate::Ok(())
    });
    assert_eq!(errors, [RESTLESS]);
    assert!(at_work.get().0 == 0 && at_work.get().1 < 10, "{:?}", at_work.get());
}

/// A request that the service works at.
struct Working(Rc<Cell<(u32, u32)>>);

impl Drop for Working {
    fn drop(&mut self) {
        let (now, most) = self.0.get();
        self.0.set((now - 1, most));
    }
}

/// Somebody who says the same again and again, reading what comes or not; and how often that went.
fn flooded(words: Vec<u8>, reads: bool) -> (u32, Vec<String>) {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |_| "tea");
    let count = Rc::new(Cell::new(0));
    let note = count.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        let stream = Rc::new(stream);
        say(&stream, [beginning(1000), get(1)].concat()).await?;
        if reads {
            let reading = stream.clone();
            fate.spawn(async move {
                while next(&reading).await?.is_some() {}
                fate::Ok(())
            });
        }
        while note.get() < 10_000 && say(&stream, &words).await.is_ok() {
            fate.sleep(Duration::from_millis(1)).await;
            note.set(note.get() + 1);
        }
        fate::Ok(())
    });
    (count.get(), errors)
}

/// W2: who has a server answer pings or settings, open windows or take nothing, without end, is cut off.
#[test]
fn floods_that_bring_nothing_are_stopped() {
    let flood = |frame: Vec<u8>| frame.repeat(100);
    for words in [
        flood(frame(PING, 0, 0, &[0; 8])),
        flood(frame(SETTINGS, 0, 0, &[])),
        flood(frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        flood(frame(2, 0, 1, &[0, 0, 0, 0, 0])),
        flood(frame(200, 0, 0, b"what is that")),
    ] {
        let kind = words[3];
        let (count, errors) = flooded(words, true);
        assert!(count < 10_000, "{kind}: {count}");
        assert_eq!(errors, [RESTLESS], "{kind}");
    }
}

/// W2: who pings and does not take the answers is cut off too, and what is to be sent is bounded meanwhile.
#[test]
fn a_flood_whose_answers_are_not_taken_is_stopped() {
    let (_, errors) = flooded(frame(PING, 0, 0, &[0; 8]).repeat(100), false);
    assert!(errors.len() == 1 && (errors[0] == UNTAKEN || errors[0] == RESTLESS), "{errors:?}");
}

/// W2: pings alone do not keep a connection, and a few do no harm.
#[test]
fn a_connection_that_only_pings_is_idle() {
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), async |_| "tea");
    let errors = scene.speak(&serving, async |fate, stream| {
        let (stream, began) = (Rc::new(stream), fate.now());
        say(&stream, [beginning(1000), get(1)].concat()).await?;
        let (pinging, here) = (stream.clone(), fate.clone());
        fate.spawn(async move {
            while say(&pinging, frame(PING, 0, 0, &[1; 8])).await.is_ok() {
                here.sleep(second(1)).await;
            }
        });
        let seen = attend_all(&stream).await?;
        assert_eq!(seen.last().map(|seen| seen.kind), Some(GOAWAY));
        about(20, fate.now() - began);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: so many requests at once are answered, and those above are refused without harm to the others.
#[test]
fn requests_beyond_those_allowed_at_once_are_refused() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.impatient(), move |_| {
        let here = here.clone();
        async move { here.sleep(second(1)).await }
    });
    let errors = scene.speak(&serving, async |_, stream| {
        let words: Vec<u8> = (0..250).flat_map(|number| get(2 * number + 1)).collect();
        say(&stream, [beginning(1000), words].concat()).await?;
        let (mut answered, mut refused) = (0, 0);
        while answered + refused < 250 {
            match attend(&stream).await?.ok_or("it was cut off")? {
                Seen { kind: HEADERS, .. } => answered += 1,
                Seen { kind: RST_STREAM, payload, .. } => {
                    assert_eq!(payload, [0, 0, 0, 7], "REFUSED_STREAM");
                    refused += 1;
                }
                _ => {}
            }
        }
        assert_eq!((answered, refused), (200, 50));
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// Has a server stopped that somebody asks so, who then goes on by a way of his own; and says how long it took.
fn stopped<F>(
    answer: &'static [u8],
    window: u32,
    words: impl FnOnce(Fate, TcpStream) -> F + 'static,
) -> (Duration, Vec<String>)
where
    F: Future<Output = fate::Result> + 'static,
{
    let scene = Scene::new();
    let serving = scene.serve(scene.impatient(), move |_| async { answer.to_vec() });
    let (handle, took) = (serving.clone(), Rc::new(Cell::new(Duration::MAX)));
    let note = took.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        say(&stream, [beginning(window), get(1)].concat()).await?;
        fate.sleep(second(1)).await;
        let (began, here) = (fate.now(), fate.clone());
        handle.stop().add_callback(move |()| note.set(here.now() - began));
        words(fate, stream).await
    });
    (took.get(), errors)
}

/// W2: a stop comes to its end, whoever does not take what he asked for.
#[test]
fn a_stop_does_not_wait_for_a_reader_that_opens_no_window() {
    for window in [0, 1] {
        let (took, errors) = stopped(&[7; 100_000], window, async |_, stream| attend_all(&stream).await.map(drop));
        about(8, took);
        assert_eq!(errors, [UNTAKEN]);
    }
}

/// W2: nor for one who says nothing any more.
#[test]
fn a_stop_does_not_wait_for_who_says_nothing_any_more() {
    let (took, _) = stopped(b"tea", 1000, async |_, stream| {
        while next(&stream).await?.is_some() {}
        fate::Ok(())
    });
    about(5, took);
}

/// W2: nor for one who goes on asking, and does not say that he has heard of it.
#[test]
fn a_stop_does_not_wait_for_who_asks_on() {
    let (took, errors) = stopped(b"tea", 1000, async |fate, stream| {
        let mut number = 3;
        while say(&stream, get(number)).await.is_ok() && number < 1000 {
            fate.sleep(Duration::from_millis(100)).await;
            number += 2;
        }
        fate::Ok(())
    });
    about(5, took);
    assert_eq!(errors, ["the end was told of and not heeded"]);
}

/// W2: who is told so goes, with what he had asked for.
#[test]
fn a_stop_says_goodbye_and_answers_what_was_asked() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.impatient(), move |_| {
        let here = here.clone();
        async move {
            here.sleep(second(30)).await;
            "tea"
        }
    });
    let handle = serving.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        say(&stream, [beginning(1000), get(1)].concat()).await?;
        fate.sleep(second(1)).await;
        let (began, stopped) = (fate.now(), handle.stop());
        let kinds: Vec<_> = attend_all(&stream).await?.into_iter().map(|seen| (seen.kind, seen.payload)).collect();
        about(29, fate.now() - began);
        stopped.await?;
        let farewells: Vec<_> =
            kinds.iter().filter(|(kind, _)| *kind == GOAWAY).map(|(_, payload)| &payload[..4]).collect();
        assert_eq!(farewells, [[127, 255, 255, 255], [0, 0, 0, 1]], "{kinds:?}");
        assert!(kinds.contains(&(DATA, b"tea".to_vec())), "{kinds:?}");
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: a stream that carries something else has no deadlines, and a stop waits for it no longer than for an idle connection.
#[test]
fn a_tunnel_through_http2_is_kept_until_a_stop() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.impatient(), move |mut request: Request<Incoming>| {
        let upgrade = fate_web::upgrade(&mut request);
        here.spawn(async {
            let mut upgraded = upgrade.await?;
            let mut word = [0; 3];
            while upgraded.read_exact(&mut word).await.is_ok() {
                upgraded.write_all(&word).await?;
            }
            fate::Ok(())
        });
        async { "" }
    });
    let handle = serving.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        let head = [&[0x02, 7][..], b"CONNECT", &[0x41, 1, b'a']].concat();
        say(&stream, [beginning(1000), frame(HEADERS, END_HEADERS, 1, &head)].concat()).await?;
        let stream = Rc::new(stream);
        let (speaking, here) = (stream.clone(), fate.clone());
        fate.spawn(async move {
            here.sleep(second(300)).await;
            say(&speaking, frame(DATA, 0, 1, b"tea")).await
        });
        let began = fate.now();
        while attend(&stream).await?.ok_or("it was cut off")?.kind != DATA {}
        about(300, fate.now() - began);
        let (began, stopped) = (fate.now(), handle.stop());
        attend_all(&stream).await?;
        stopped.await?;
        about(20, fate.now() - began);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: tunnels that are over hide nobody who takes nothing, though one of them goes on.
#[test]
fn tunnels_hide_no_reader_that_opens_no_window() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.impatient(), move |mut request: Request<Incoming>| {
        let is_tunnel = request.method() == "CONNECT";
        let upgrade = fate_web::upgrade(&mut request);
        if is_tunnel {
            here.spawn(async {
                let mut upgraded = upgrade.await?;
                while upgraded.read(&mut [0; 3]).await.is_ok_and(|count| count > 0) {}
                fate::Ok(())
            });
        }
        async move { vec![7; if is_tunnel { 0 } else { 1000 }] }
    });
    let errors = scene.speak(&serving, async move |fate, stream| {
        let head = [&[0x02, 7][..], b"CONNECT", &[0x41, 1, b'a']].concat();
        let tunnels = (0..50).flat_map(|number| frame(HEADERS, END_HEADERS, 2 * number + 1, &head));
        say(&stream, beginning(1).into_iter().chain(tunnels).collect::<Vec<u8>>()).await?;
        fate.sleep(second(100)).await;
        let resets = (1..50).flat_map(|number| frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
        say(&stream, resets.chain((50..99).flat_map(|number| get(2 * number + 1))).collect::<Vec<u8>>()).await?;
        let began = fate.now();
        attend_all(&stream).await?;
        about(10, fate.now() - began);
        fate::Ok(())
    });
    assert_eq!(errors, [UNTAKEN]);
}

/// W2: a body in crumbs that nobody reads costs the server many times what it says. The library sees to it that there is an end to
/// that before the window is full; and none for crumbs that are read.
#[test]
fn crumbs_that_nobody_reads_are_not_kept_for_ever() {
    const CRUMBS: usize = 150_000;
    for is_read in [false, true] {
        let scene = Scene::new();
        let serving = scene.serve(scene.settings(), move |request: Request<Incoming>| async move {
            if is_read { request.into_body().bytes().await.map(drop) } else { pending().await }
        });
        let errors = scene.speak(&serving, async move |_, stream| {
            say(&stream, [beginning(65_535), frame(HEADERS, END_HEADERS, 1, POST)].concat()).await?;
            // The windows are those of the settings from when they are agreed to.
            next(&stream).await?;
            say(&stream, frame(SETTINGS, ACK, 0, &[])).await?;
            let crumbs = frame(DATA, 0, 1, b".").repeat(CRUMBS / 10);
            for _ in 0..10 {
                // A server that has had enough closes.
                if say(&stream, crumbs.clone()).await.is_err() {
                    break;
                }
            }
            let _ = say(&stream, frame(DATA, END_STREAM, 1, b"")).await;
            if is_read {
                let seen = attend(&stream).await?.ok_or("it was cut off")?;
                assert_eq!((seen.kind, seen.stream), (HEADERS, 1));
            } else {
                attend_all(&stream).await?;
            }
            fate::Ok(())
        });
        let expected: &[&str] = if is_read { &[] } else { &["what came is no request"] };
        assert_eq!(errors, expected);
    }
}
