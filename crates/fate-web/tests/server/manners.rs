use super::scene::{Scene, hear, say, until_closed};
use fate_web::Incoming;
use http::Request;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// What is answered to some bytes, how often the service is asked, and whether the connection is kept.
fn answered(words: &'static str) -> (u16, usize, bool) {
    let scene = Scene::new();
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let serving = scene.serve(scene.settings(), move |request: Request<Incoming>| {
        count.set(count.get() + 1);
        request.into_body().text()
    });
    let heard = Rc::new(Cell::new((0, false)));
    let note = heard.clone();
    scene.speak(&serving, async move |fate, stream| {
        say(&stream, words).await?;
        let status = hear(&stream).await?.status;
        note.set((status, until_closed(&fate, &stream).await > Duration::from_secs(50)));
        fate::Ok(())
    });
    (heard.get().0, asked.get(), heard.get().1)
}

/// W2: a request of HTTP/1.1 names one host (RFC 9112, 3.2), an older one need not; what does not is answered with 400, and the
/// connection is over.
#[test]
fn a_request_that_does_not_name_one_host_is_a_bad_one() {
    for words in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: me@a\r\n\r\n",
    ] {
        assert_eq!(answered(words), (400, 0, false), "{words:?}");
    }
    assert_eq!(answered("GET / HTTP/1.0\r\n\r\n"), (200, 1, false));
    for host in ["", "a", "a:80", "[::1]:80", "127.0.0.1"] {
        let words = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n").leak();
        assert_eq!(answered(words), (200, 1, true), "{words:?}");
    }
}

/// W2: where one reader may see a request and another a body, none is served (RFC 9112, 5 to 7).
#[test]
fn requests_that_can_be_read_in_two_ways_are_bad_ones() {
    for (headers, body) in [
        ("content-length: 3\r\ncontent-length: 4", "abcd"),
        ("content-length: 3, 4", "abcd"),
        ("content-length: +3", "abc"),
        ("content-length: -3", "abc"),
        ("content-length: 0x3", "abc"),
        ("content-length: 3 3", "abc"),
        ("content-length:", "abc"),
        ("content-length: 99999999999999999999", "abc"),
        ("content-length : 3", "abc"),
        (" content-length: 3", "abc"),
        ("x: y\r\n folded: z", ""),
        ("x: y\r\n\tfolded: z", ""),
        ("x: y\rcontent-length: 3", "abc"),
        ("x: y\0z", ""),
        ("x\0: y", ""),
        (": y", ""),
        ("x", ""),
        ("x y: z", ""),
        ("transfer-encoding: chunked, identity", "0\r\n\r\n"),
        ("transfer-encoding: chunked, chunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
        ("transfer-encoding: identity", "abc"),
        ("transfer-encoding: xchunked", "0\r\n\r\n"),
        ("transfer-encoding: \"chunked\"", "0\r\n\r\n"),
        ("transfer-encoding : chunked", "0\r\n\r\n"),
        ("transfer-encoding:\x0bchunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked", "3\nabc\n0\n\n"),
        ("transfer-encoding: chunked", "3 \nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "0;a\nb\r\n\r\n"),
        ("transfer-encoding: chunked", "-3\r\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "\r\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "3\r\nabcd\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    ] {
        let words = format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n{body}").leak();
        let (status, _, is_kept) = answered(words);
        assert_eq!((status, is_kept), (400, false), "{words:?}");
    }
    for (words, status) in [
        ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET /\tHTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET / a HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nhost: a\r\n\r\n", 400),
        ("GET / http/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET / HTTP/1.2\r\nhost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 400),
        ("GET /\r\nhost: a\r\n\r\n", 400),
        ("GE T / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ] {
        let (heard, count, is_kept) = answered(words);
        assert_eq!((heard, count, is_kept), (status, 0, false), "{words:?}");
    }
}

/// W2: of both lengths at once the chunks count, and nothing more is read behind them (RFC 9112, 6.3).
#[test]
fn behind_a_body_of_two_lengths_nothing_is_read() {
    for lengths in
        ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 3"]
    {
        let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
        let words = format!("POST / HTTP/1.1\r\nhost: a\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}").leak();
        assert_eq!(answered(words), (200, 1, false), "{words:?}");
    }
}

/// W2: what a proper reader must take is taken: the same length twice, lines that end with the line feed alone, empty lines before a
/// request (RFC 9112, 2.2 and 6.3).
#[test]
fn what_is_unusual_and_clear_is_served() {
    for words in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
        "GET / HTTP/1.1\nhost: a\n\n",
        "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:a\r\nx:\t y \t\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        assert_eq!(answered(words), (200, 1, true), "{words:?}");
    }
}
