//! Pages as they should be, and bodies that are streamed.

use crate::rig::{SECOND, World, header, page, web};
use fate::Instant;
use fate_web::{Bytes, Client, RequestBody, get_page};
use http_body::Frame;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// W1: and the program ends when the page is there, though the connection is kept.
#[test]
fn a_page_comes_while_other_things_go_on_and_keeps_nothing_going_afterwards() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        while line.hear().await?.is_some() {
            line.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n").await?;
            for piece in ["ab", "cd", "ef"] {
                line.fate.sleep(SECOND).await;
                line.say(piece).await?;
            }
        }
        Ok(())
    });
    let (ticks, seen) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let (counter, note, here) = (ticks.clone(), seen.clone(), world.here.clone());
    let clock = world.here.every(SECOND / 2, move |_, _| counter.set(counter.get() + 1));
    get_page(&world.here, "http://server/").add_callback(move |page| {
        note.borrow_mut().push((page, here.now() - Instant::START));
        clock.stop();
    });
    // The listener would wait for ever.
    let server = world.server.clone();
    world.server.get_fuse(SECOND * 60).set_handler(move |_| server.shutdown());
    world.sim.run_until(SECOND * 10).unwrap();
    let (page, at) = seen.borrow_mut().pop().unwrap();
    assert_eq!((&page[..], at.as_secs(), ticks.get()), (&b"abcdef"[..], 3, 6));
    // Nothing is left that could happen here, though a connection rests.
    assert!(!world.here.turn(std::time::Duration::ZERO).unwrap());
    assert_eq!(world.open.get(), 1);
    world.end();
}

/// W1: errors name the status.
#[test]
fn a_page_that_is_not_there_is_an_error_of_get_page_and_a_response_of_a_client() {
    let mut world = World::new();
    world.always(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nlost");
    get_page(&world.here, "http://Alice:rabbit@server/hole").add_both(|page| {
        let error = web(page.unwrap_err());
        assert_eq!(error.status().unwrap(), 404);
        assert_eq!(error.to_string(), "http://server/hole: 404 Not Found");
    });
    let client = Client::new(&world.here);
    world.here.spawn(async move {
        let response = client.get("http://server/hole").send().await?;
        assert_eq!((response.status().as_u16(), response.text().await?.as_str()), (404, "lost"));
        fate::Ok(())
    });
    world.sim.run_until(SECOND * 5).unwrap();
    assert_eq!(world.asked.borrow().len(), 2);
    world.end();
}

/// W1: what is said of who asks.
#[test]
fn a_request_says_what_a_server_needs_to_know() {
    let mut world = World::new();
    world.always(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let client = Client::builder().header_of_all("x-tea", "green").build(&world.here);
    world.here.spawn(async move {
        client.get("http://Alice:ra%20bbit@server:80/a b?c=ü#d").header("x-tea", "black").send().await?;
        client.get("http://server/").query("q", "why & how").header("user-agent", "cat").send().await?;
        client.post("http://server/").body("hello").header("accept", "text/plain").send().await?;
        fate::Ok(())
    });
    world.sim.run_until(SECOND * 5).unwrap();
    let asked = world.asked.take();
    assert!(asked[0].starts_with("GET /a%20b?c=%C3%BC HTTP/1.1\n"), "{}", asked[0]);
    assert_eq!(header(&asked[0], "host"), Some("server"));
    assert_eq!(header(&asked[0], "authorization"), Some("Basic QWxpY2U6cmEgYmJpdA=="));
    assert_eq!(header(&asked[0], "x-tea"), Some("black"));
    assert_eq!(header(&asked[0], "accept-encoding"), Some("gzip, br, zstd, deflate"));
    assert!(asked[1].starts_with("GET /?q=why+%26+how HTTP/1.1\n"));
    assert_eq!((header(&asked[1], "user-agent"), header(&asked[1], "x-tea")), (Some("cat"), Some("green")));
    assert_eq!((header(&asked[2], "content-length"), header(&asked[2], "accept")), (Some("5"), Some("text/plain")));
    world.end();
}

/// W1: what makes no sense is told by the Deferred, and names no password.
#[test]
fn an_address_that_is_none_is_told_without_asking_anybody() {
    let mut world = World::new();
    for (url, words) in [
        ("example.org", "example.org: an address begins with https:// or http://"),
        ("ftp://server/", "ftp://server/: neither http nor https"),
        ("mailto:alice", "mailto:alice: neither http nor https"),
        ("http://Alice:secret@ser ver/", "ser ver/: that is no address"),
        ("", ": an address begins with https:// or http://"),
    ] {
        get_page(&world.here, url).add_both(move |page| {
            let error = web(page.unwrap_err());
            assert!(error.is_unfit(), "{error:?}");
            assert_eq!(error.to_string(), words);
        });
    }
    let client = Client::builder().proxy("socks5://there").build(&world.here);
    client.get("http://server/").send().add_both(|response| assert!(web(response.unwrap_err()).is_unfit()));
    let client = Client::new(&world.here);
    client.get("http://server/").header("x y", "z").send().add_both(|response| assert!(response.is_err()));
    world.run();
    assert_eq!(world.visits.get(), 0);
    world.end();
}

/// W1: as a browser takes it.
#[test]
fn an_international_name_is_understood() {
    let mut world = World::new();
    world.sim.host("xn--mnchen-3ya.example");
    let host = world.sim.host("xn--mnchen-3ya.example");
    world.serve_on(&host, 80, |mut line| async move {
        line.hear().await?;
        line.answer("", "Servus").await
    });
    let client = Client::new(&world.here);
    let seen = Rc::new(RefCell::new(Bytes::new()));
    let note = seen.clone();
    world.here.spawn(async move {
        *note.borrow_mut() = page(&client, "http://münchen.example/").await?;
        fate::Ok(())
    });
    world.sim.run_until(SECOND).unwrap();
    assert_eq!(&seen.take()[..], b"Servus");
    host.shutdown();
    world.end();
}

/// Gives pieces, and counts those that were asked for.
struct Pieces(Rc<Cell<usize>>, usize);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0.get() == self.1 {
            return Poll::Ready(None);
        }
        self.0.set(self.0.get() + 1);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 10_000])))))
    }
}

/// W1: nobody is made to hold what the other side does not take.
#[test]
fn a_body_is_sent_as_fast_as_the_server_takes_it() {
    let mut world = World::new();
    let (given, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (seen, noted) = (given.clone(), most.clone());
    world.serve(move |mut line| {
        let (seen, noted) = (seen.clone(), noted.clone());
        async move {
            let asked = line.hear().await?.unwrap();
            assert_eq!(header(&asked, "transfer-encoding"), Some("chunked"));
            line.fate.sleep(SECOND).await;
            noted.set(seen.get());
            let mut total = 0;
            while let Some(size) = line.stream.read_line(100).await? {
                let size = usize::from_str_radix(&size, 16)?;
                line.hear_body(size + 2).await?;
                total += size;
                if size == 0 {
                    break;
                }
            }
            line.answer("", total.to_string()).await
        }
    });
    let client = Client::new(&world.here);
    let body = RequestBody::stream(Pieces(given.clone(), 1000));
    let told = Rc::new(RefCell::new(String::new()));
    let note = told.clone();
    world.here.spawn(async move {
        *note.borrow_mut() = client.post("http://server/").body(body).send().await?.text().await?;
        fate::Ok(())
    });
    world.sim.run_until(SECOND * 60).unwrap();
    assert_eq!(told.take(), "10000000");
    assert!((1..200).contains(&most.get()), "{} of 1000 pieces were held", most.get());
    world.end();
}

/// W1: who does not read makes the server wait.
#[test]
fn a_body_that_nobody_reads_is_not_received() {
    let mut world = World::new();
    let said = Rc::new(Cell::new(0));
    let count = said.clone();
    world.serve(move |mut line| {
        let count = count.clone();
        async move {
            line.hear().await?;
            line.say("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await?;
            for _ in 0..1000 {
                line.say(vec![7; 100_000]).await?;
                count.set(count.get() + 100_000);
            }
            Ok(())
        }
    });
    let client = Client::new(&world.here);
    let (here, seen) = (world.here.clone(), said.clone());
    let done = Rc::new(Cell::new(false));
    let flag = done.clone();
    world.here.spawn(async move {
        let mut response = client.get("http://server/").send().await?;
        here.sleep(SECOND * 10).await;
        assert!(seen.get() < 3_000_000, "{} bytes were taken that nobody had asked for", seen.get());
        let mut length = 0;
        while let Some(piece) = response.piece().await? {
            length += piece.len();
        }
        assert_eq!(length, 100_000_000);
        flag.set(true);
        fate::Ok(())
    });
    world.sim.run_until(SECOND * 100).unwrap();
    assert!(done.get());
    world.end();
}

/// W1: `Host` is of where the request goes at present, and of the port only if it is not the usual one.
#[test]
fn a_request_that_is_sent_elsewhere_names_the_host_that_it_goes_to() {
    let mut world = World::new();
    let other = world.sim.host("other");
    world.serve(|mut line| async move {
        while line.hear().await?.is_some() {
            line.send_elsewhere(307, "http://other:81/").await?;
        }
        Ok(())
    });
    for (port, to) in [(81, "http://other/"), (80, "http://server:82/")] {
        world.serve_on(&other, port, move |mut line| async move {
            while line.hear().await?.is_some() {
                line.send_elsewhere(307, to).await?;
            }
            Ok(())
        });
    }
    world.serve_on(&world.server, 82, |mut line| async move {
        line.hear().await?;
        line.answer("", "well").await
    });
    let client = Client::new(&world.here);
    world.here.spawn(async move { assert_eq!(page(&client, "http://server/").await.unwrap(), "well") });
    world.sim.run_until(SECOND * 5).unwrap();
    let asked = world.asked.take();
    let hosts: Vec<_> = asked.iter().map(|asked| header(asked, "host")).collect();
    assert_eq!(hosts, [Some("server"), Some("other:81"), Some("other"), Some("server:82")]);
    other.shutdown();
    world.end();
}

/// W1: RFC 9659: a few bytes cannot have a hundred megabytes of memory set aside.
#[test]
fn a_body_packed_by_zstd_with_a_very_large_window_is_refused() {
    // Windows of 8 MiB and 16 MiB; then one block, the last, with five bytes as they are.
    for (window, is_allowed) in [(13 << 3, true), (14 << 3, false), (21 << 3, false)] {
        let mut packed = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window];
        packed.extend([5 << 3 | 1, 0, 0]);
        packed.extend(b"hello");
        let world = World::new();
        world.serve(move |mut line| {
            let packed = packed.clone();
            async move {
                line.hear().await?;
                line.answer("Content-Encoding: zstd\r\n", packed).await
            }
        });
        let (page, _) = world.fetch(Client::builder(), "http://server/");
        match page {
            Ok(page) => assert!(is_allowed && page == "hello", "{window}"),
            Err(error) => assert!(!is_allowed && error.is_decode(), "{window}: {error:?}"),
        }
    }
}
