use super::scene::{Scene, about, hear, say, until_closed};
use fate_web::Incoming;
use http::Request;
use std::time::Duration;

async fn read(request: Request<Incoming>) -> fate::Result<String> {
    Ok(request.into_body().text().await?)
}

/// What the server answers to some bytes, after which nothing more comes; and what it says of it.
fn answered(words: impl AsRef<[u8]> + 'static) -> (u16, Vec<String>) {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), read);
    let status = std::rc::Rc::new(std::cell::Cell::new(0));
    let told = status.clone();
    let errors = scene.speak(&serving, async move |fate, stream| {
        say(&stream, words).await?;
        told.set(hear(&stream).await?.status);
        about(0, until_closed(&fate, &stream).await);
        fate::Ok(())
    });
    (status.get(), errors)
}

/// W2: what is no HTTP is answered with 400, told of, and the connection is over.
#[test]
fn what_is_no_request_is_a_bad_one() {
    for words in [
        "knock, knock\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03",
        "GET / HTTP/1.1\r\nhost server\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: server\r\ncontent-length: many\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: server\r\ncontent-length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: server\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nhost: server\r\ntransfer-encoding: gzip\r\n\r\nabcd",
    ] {
        let (status, errors) = answered(words);
        assert_eq!((status, &errors[..]), (400, &["what came is no request".to_string()][..]), "{words:?}");
    }
}

/// W2: headers beyond the limits are answered with 431, whether they are too many, too long, or without end.
#[test]
fn headers_beyond_the_limits_are_refused() {
    let many: String = (0..101).map(|number| format!("x-{number}: y\r\n")).collect();
    for headers in [many, format!("x: {}\r\n", "y".repeat(70_000)), "y".repeat(70_000)] {
        let (status, errors) = answered(format!("GET / HTTP/1.1\r\n{headers}\r\n"));
        assert_eq!(status, 431);
        assert_eq!(errors, ["the headers of a request are too many or too long"]);
    }
    assert_eq!(answered(format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(70_000))).0, 431);
}

/// W2: memory is bounded while a header does not end.
#[test]
fn a_header_without_end_is_not_kept() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), read);
    scene.speak(&serving, async |fate, stream| {
        say(&stream, "GET / HTTP/1.1\r\nx: ").await?;
        let mut sent = 0;
        while sent < 10_000_000 && say(&stream, [b'y'; 10_000]).await.is_ok() {
            sent += 10_000;
            fate.sleep(Duration::from_millis(100)).await;
        }
        assert!(sent < 1_000_000, "{sent}");
        fate::Ok(())
    });
}

/// W2: both lengths at once are a way to smuggle a request past somebody (RFC 9112, 6.3): the second is not one here.
#[test]
fn conflicting_lengths_smuggle_nothing() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| {
        assert_ne!(request.uri().path(), "/smuggled");
        request.into_body().text().await
    });
    scene.speak(&serving, async |fate, stream| {
        let lengths = "content-length: 5\r\ntransfer-encoding: chunked\r\n";
        say(
            &stream,
            format!("POST / HTTP/1.1\r\nhost: server\r\n{lengths}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        )
        .await?;
        let heard = hear(&stream).await?;
        assert!(heard.status == 400 || heard.has("connection: close"), "{} {:?}", heard.status, heard.headers);
        until_closed(&fate, &stream).await;
        fate::Ok(())
    });
}

/// W2: a body in bad chunks fails the service, by a typed error, and is answered with 400.
#[test]
fn bad_chunks_are_a_broken_body() {
    for chunks in ["zz\r\nabc\r\n", "3\r\nabcd\r\n", "ffffffffffffffffff\r\n"] {
        let scene = Scene::new();
        let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| {
            let result = request.into_body().bytes().await;
            assert!(result.as_ref().is_err_and(|error| error.is_broken()));
            result
        });
        scene.speak(&serving, async move |fate, stream| {
            say(&stream, format!("POST / HTTP/1.1\r\nhost: server\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"))
                .await?;
            assert_eq!(hear(&stream).await?.status, 400, "{chunks:?}");
            about(0, until_closed(&fate, &stream).await);
            fate::Ok(())
        });
    }
}

/// W2: whoever goes away in the middle of something is an error value, at every byte of a request: the server's in the headers,
/// and the service's in the body.
#[test]
fn whoever_goes_away_is_an_error_value() {
    let headers = "POST / HTTP/1.1\r\nhost: server\r\ncontent-length: 5\r\n\r\n";
    let request: &str = &format!("{headers}hello");
    for length in 0..request.len() {
        let scene = Scene::new();
        let serving = scene.serve(scene.settings(), async |request: Request<Incoming>| {
            let result = request.into_body().bytes().await;
            assert!(result.as_ref().is_err_and(|error| error.is_broken()));
            result
        });
        let request = request[..length].to_string();
        let errors = scene.speak(&serving, async move |fate, stream| {
            say(&stream, request).await?;
            drop(stream);
            fate.sleep(Duration::from_secs(1)).await;
            fate::Ok(())
        });
        assert!(errors.iter().all(|error| error == "the other side went away"), "{length}: {errors:?}");
        assert_eq!(errors.is_empty(), length == 0 || length >= headers.len(), "{length}");
    }
}

/// W2: a reset in the middle of a response is an error value too.
#[test]
fn a_reset_in_the_middle_of_a_response_is_an_error_value() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), async |_| vec![b'x'; 10_000_000]);
    let link = scene.sim.link("server", "client");
    scene.server.get_fuse(Duration::from_secs(1)).set_handler(move |_| link.reset());
    let errors = scene.speak(&serving, async |_, stream| {
        say(&stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        stream.peer_closed().await;
        fate::Ok(())
    });
    assert_eq!(errors, ["the other side went away"]);
}
