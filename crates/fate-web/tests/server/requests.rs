use super::frames::{DATA, END_HEADERS, HEADERS, POST, attend, beginning, frame};
use super::scene::{Scene, about, hear, say, until_closed};
use fate_web::{Html, Incoming, Outgoing, Peer, Reply};
use futures_lite::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use std::time::Duration;

async fn greet(request: Request<Incoming>) -> String {
    format!("hello, {}", request.uri().path())
}

/// W2: a closure answers, one request after another on one connection, and says when it was.
#[test]
fn a_closure_answers_one_request_after_another() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), greet);
    let errors = scene.speak(&serving, async |_, stream| {
        for name in ["alice", "rabbit"] {
            say(&stream, format!("GET /{name} HTTP/1.1\r\nhost: server\r\n\r\n")).await?;
            let heard = hear(&stream).await?;
            assert_eq!((heard.status, heard.body), (200, format!("hello, /{name}")));
            assert!(heard.headers.iter().any(|line| line.starts_with("date: ")), "{:?}", heard.headers);
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: sixteen requests in one segment are answered in their order.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), greet);
    scene.speak(&serving, async |_, stream| {
        let all: String = (0..16).map(|number| format!("GET /{number} HTTP/1.1\r\nhost: server\r\n\r\n")).collect();
        say(&stream, all).await?;
        for number in 0..16 {
            assert_eq!(hear(&stream).await?.body, format!("hello, /{number}"));
        }
        fate::Ok(())
    });
}

/// W2: a connection that has rested for a while, several times, serves as before; also if a request came in two halves.
#[test]
fn a_rested_connection_serves_as_before() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), greet);
    let errors = scene.speak(&serving, async |fate, stream| {
        for number in 0..5 {
            fate.sleep(Duration::from_secs(20)).await;
            say(&stream, "GE").await?;
            fate.sleep(Duration::from_secs(5)).await;
            say(&stream, format!("T /{number} HTTP/1.1\r\nhost: server\r\n\r\nPOST /more HTTP/1.1\r\ncontent-le"))
                .await?;
            assert_eq!(hear(&stream).await?.body, format!("hello, /{number}"));
            fate.sleep(Duration::from_secs(20)).await;
            say(&stream, "ngth: 3\r\nhost: server\r\n\r\nabc").await?;
            assert_eq!(hear(&stream).await?.body, "hello, /more");
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: a body is streamed both ways, far beyond what is buffered.
#[test]
fn bodies_are_streamed_both_ways() {
    let scene = Scene::new();
    let serving = scene
        .serve(scene.settings(), async |request: Request<Incoming>| Response::new(Outgoing::of(request.into_body())));
    scene.speak(&serving, async |fate, stream| {
        let piece = vec![b'x'; 100_000];
        let reader = std::rc::Rc::new(stream);
        let writer = reader.clone();
        fate.spawn(async move {
            say(&writer, "POST / HTTP/1.1\r\nhost: server\r\ncontent-length: 10000000\r\n\r\n").await?;
            for _ in 0..100 {
                say(&writer, &piece).await?;
            }
            fate::Ok(())
        });
        let heard = hear(&reader).await?;
        assert_eq!((heard.status, heard.body.len()), (200, 10_000_000));
        fate::Ok(())
    });
}

/// W2: a closure may answer with whatever is a reply, and a failure is a 500 of which somebody is told.
#[test]
fn there_are_many_replies() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| match request.uri().path() {
        "/html" => Html("<p>tea").reply(),
        "/status" => StatusCode::IM_A_TEAPOT.reply(),
        "/both" => (StatusCode::NOT_FOUND, "no tea").reply(),
        "/bytes" => vec![1, 2, 3].reply(),
        "/nothing" => ().reply(),
        _ => Err::<(), _>("out of tea").reply(),
    });
    let errors = scene.speak(&serving, async |_, stream| {
        let expected =
            [("html", 200, "<p>tea"), ("status", 418, ""), ("both", 404, "no tea"), ("bytes", 200, "\x01\x02\x03")];
        for (path, status, body) in expected.into_iter().chain([("nothing", 200, ""), ("else", 500, "")]) {
            say(&stream, format!("GET /{path} HTTP/1.1\r\nhost: server\r\n\r\n")).await?;
            let heard = hear(&stream).await?;
            assert_eq!((heard.status, &heard.body[..]), (status, body), "{path}");
        }
        fate::Ok(())
    });
    assert_eq!(errors, ["the service failed"]);
}

/// W2: a response that fails half way is not taken for the whole.
#[test]
fn a_response_that_fails_is_cut_off() {
    let scene = Scene::new();
    let here = scene.server.clone();
    let serving = scene.serve(scene.settings(), move |_| {
        let sleep = here.sleep(Duration::from_secs(1));
        let end = stream::once_future(async move {
            sleep.await;
            Err("out of tea")
        });
        let pieces = stream::once(Ok("half".into())).chain(end);
        async { Response::new(Outgoing::pieces(pieces)) }
    });
    let errors = scene.speak(&serving, async |_, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        assert!(hear(&stream).await?.has("transfer-encoding: chunked"));
        let mut rest = Vec::new();
        while let Some(line) = stream.read_until(b'\n', 100).await? {
            rest.extend(line);
        }
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
        fate::Ok(())
    });
    assert_eq!(errors, ["the service failed"]);
}

/// W2: a body that says that it is too long is refused at once, and one that turns out to be fails the service, by a typed error.
#[test]
fn a_body_that_is_too_long_is_refused() {
    let scene = Scene::new();
    let settings = scene.settings().body_limit(10);
    let serving = scene.serve(settings, async |request: Request<Incoming>| {
        let result = request.into_body().bytes().await;
        assert!(result.as_ref().is_err_and(|error| error.is_too_long()));
        result
    });
    let errors = scene.speak(&serving, async |fate, stream| {
        say(&stream, "POST / HTTP/1.1\r\nhost: server\r\ncontent-length: 11\r\n\r\n").await?;
        let heard = hear(&stream).await?;
        assert!(heard.status == 413 && heard.has("connection: close"), "{:?}", heard.headers);
        until_closed(&fate, &stream).await;

        let stream = fate.connect_tcp("server:80").await?;
        say(&stream, "POST / HTTP/1.1\r\nhost: server\r\ntransfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n")
            .await?;
        assert_eq!(hear(&stream).await?.status, 413);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: who asks is told, if that is wished.
#[test]
fn a_service_knows_who_asks() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings().tell_peer(), async |request: Request<Incoming>| {
        request.extensions().get::<Peer>().map(|peer| peer.0.to_string()).ok_or("nobody")
    });
    scene.speak(&serving, async |_, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        assert_eq!(hear(&stream).await?.body, stream.local_addr()?.to_string());
        fate::Ok(())
    });
}

/// W2: nobody is kept who does not want to be.
#[test]
fn a_connection_is_closed_if_that_is_asked() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), greet);
    scene.speak(&serving, async |fate, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\nconnection: close\r\n\r\n").await?;
        assert_eq!(hear(&stream).await?.status, 200);
        about(0, until_closed(&fate, &stream).await);
        fate::Ok(())
    });
}

/// W2: a conversation over one request, in which nobody says anything for long, goes on if its body has no deadline.
#[test]
fn a_conversation_without_a_deadline_may_be_quiet() {
    let scene = Scene::new();
    let settings = scene.settings().body_deadline(Duration::from_secs(5));
    let serving = scene.serve(settings, async |request: Request<Incoming>| {
        Response::new(Outgoing::of(request.into_body().without_deadline()))
    });
    let errors = scene.speak(&serving, async |fate, stream| {
        say(&stream, [beginning(1000), frame(HEADERS, END_HEADERS, 1, POST)].concat()).await?;
        let mut expected = vec![HEADERS, DATA, DATA, DATA].into_iter();
        for _ in 0..3 {
            say(&stream, frame(DATA, 0, 1, b"ping")).await?;
            for kind in expected.by_ref() {
                assert_eq!(attend(&stream).await?.ok_or("it was cut off")?.kind, kind);
                if kind == DATA {
                    break;
                }
            }
            fate.sleep(Duration::from_secs(3600)).await;
        }
        fate::Ok(())
    });
    assert!(errors.iter().all(|error| error == "the other side went away"), "{errors:?}");
}
