//! https, and HTTP/2: the same simulated network, with real TLS on it.

use crate::identity::{Identity, identity};
use crate::rig::{Line, SECOND, World, page, web};
use fate::{Fate, HyperExecutor, TcpStream};
use fate_tls::{TlsClient, TlsError, TlsServer};
use fate_web::{Client, ClientBuilder, Deadline, Phase, WebError, get_page};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;

/// A world whose server speaks HTTP/1.1 in secret.
fn secret_world(identity: &Identity, answer: &'static str) -> World {
    let (world, tls) = (World::new(), identity.server(&["http/1.1"]));
    world.serve_on(&world.server, 443, move |mut line: Line| {
        let agreed = tls.wrap(&line.stream);
        async move {
            agreed.await?;
            while line.hear().await?.is_some() {
                line.say(answer).await?;
            }
            Ok(())
        }
    });
    world
}

/// A world whose server speaks HTTP/2 by hyper, in secret or not; each answer takes a second.
fn world_of_two(tls: Option<TlsServer>) -> World {
    let world = World::new();
    let port = if tls.is_some() { 443 } else { 80 };
    let (listener, fate) = (world.server.listen_tcp(("0.0.0.0", port)).unwrap(), world.server.clone());
    let visits = world.visits.clone();
    world.server.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            visits.set(visits.get() + 1);
            fate.spawn(serve_two(fate.clone(), stream, tls.clone()));
        }
    });
    world
}

async fn serve_two(fate: Fate, stream: TcpStream, tls: Option<TlsServer>) {
    if let Some(tls) = tls
        && tls.wrap(&stream).await.is_err()
    {
        return;
    }
    let here = fate.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let fate = here.clone();
        async move {
            fate.sleep(SECOND).await;
            let host = request.uri().authority().map_or("nobody", |authority| authority.as_str());
            Ok::<_, Infallible>(Response::new(format!("{host} {}", request.uri().path())))
        }
    });
    // That a client goes is no mistake of the server.
    let _ = http2::Builder::new(HyperExecutor::new(&fate)).serve_connection(stream, service).await;
}

fn hurried(tls: TlsClient) -> ClientBuilder {
    Client::builder().tls(tls).total(SECOND * 50).connect(SECOND * 2).tls_deadline(SECOND * 3)
}

fn failed(world: World, tls: TlsClient) -> (WebError, std::time::Duration) {
    let (page, at) = world.fetch(hurried(tls), "https://server/");
    (page.expect_err("it cannot succeed"), at)
}

/// W1: https, and the connection serves again.
#[test]
fn secret_pages_come_over_one_connection() {
    let identity = Identity::good();
    let mut world = secret_world(&identity, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
    let client = hurried(identity.client()).build(&world.here);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = seen.clone();
    world.here.spawn(async move {
        for _ in 0..3 {
            let page = page(&client, "https://server/").await.unwrap();
            note.borrow_mut().push(page);
        }
    });
    world.sim.run_until(SECOND * 20).unwrap();
    assert_eq!(seen.take(), ["secret", "secret", "secret"]);
    assert_eq!(world.visits.get(), 1);
    assert!(!world.here.turn(std::time::Duration::ZERO).unwrap(), "what rests keeps nothing going");
    world.end();
}

/// W1: HTTP/2 by ALPN; requests that come while nobody knows yet wait for the one connection.
#[test]
fn many_pages_share_one_connection_of_http_2() {
    let identity = Identity::good();
    let mut world = world_of_two(Some(identity.server(&["h2", "http/1.1"])));
    let client = hurried(identity.client()).build(&world.here);
    let seen = Rc::new(RefCell::new(Vec::new()));
    for number in 0..20 {
        let (client, note, here) = (client.clone(), seen.clone(), world.here.clone());
        world.here.spawn(async move {
            let response = client.get(&format!("https://server/{number}")).send().await?;
            assert_eq!(response.version(), Version::HTTP_2);
            assert_eq!(response.text().await?, format!("server /{number}"));
            note.borrow_mut().push((here.now() - fate::Instant::START).as_secs());
            fate::Ok(())
        });
    }
    world.sim.run_until(SECOND * 20).unwrap();
    assert_eq!(seen.take(), [1; 20]);
    assert_eq!(world.visits.get(), 1);
    assert!(!world.here.turn(std::time::Duration::ZERO).unwrap(), "what rests keeps nothing going");
    // And it serves again.
    let text = client.get("https://server/again").send().and_then(|response| response.text());
    text.add_callback(|text| assert_eq!(text, "server /again"));
    world.sim.run_until(SECOND * 30).unwrap();
    assert_eq!(world.visits.get(), 1);
    client.close_idle();
    world.end();
}

/// W1: h2c by prior knowledge.
#[test]
fn http_2_is_spoken_in_the_open_with_whoever_is_known_to() {
    let world = world_of_two(None);
    let (page, _) = world.fetch(Client::builder().http2_only(), "http://server/open");
    assert_eq!(&page.unwrap()[..], b"server /open");
}

/// W1: one request of many is cancelled, and the others do not notice.
#[test]
fn cancelling_one_request_of_http_2_leaves_the_others_alone() {
    let mut world = world_of_two(None);
    let client = Client::builder().http2_only().build(&world.here);
    let count = Rc::new(Cell::new(0));
    let pages: Vec<_> = (0..5).map(|number| client.get(&format!("http://server/{number}")).send()).collect();
    for (number, page) in pages.into_iter().enumerate() {
        if number == 2 {
            let control = page.control();
            world.here.get_fuse(SECOND / 2).set_handler(move |_| control.cancel());
        }
        let count = count.clone();
        page.and_then(|response| response.text()).add_both(move |text| {
            assert_eq!(text.is_ok(), number != 2);
            count.set(count.get() + 1);
        });
    }
    world.sim.run_until(SECOND * 5).unwrap();
    assert_eq!((count.get(), world.visits.get()), (5, 1));
    client.close_idle();
    world.end();
}

/// W1: resets are told to everybody on the connection, and the next one opens another.
#[test]
fn a_connection_of_http_2_that_is_reset_fails_what_is_under_way_and_nothing_after() {
    let mut world = world_of_two(None);
    let client = Client::builder().http2_only().build(&world.here);
    let failures = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let count = failures.clone();
        client.post("http://server/").body("x").send().add_both(move |response| {
            assert!(web(response.unwrap_err()).is_interrupted());
            count.set(count.get() + 1);
        });
    }
    world.sim.run_until(SECOND / 2).unwrap();
    world.sim.link("server", "here").reset();
    world.sim.run_until(SECOND * 5).unwrap();
    assert_eq!(failures.get(), 3);
    client.get("http://server/").send().add_callback(|response| assert_eq!(response.status(), 200));
    world.sim.run_until(SECOND * 10).unwrap();
    assert_eq!(world.visits.get(), 2);
    client.close_idle();
    world.end();
}

/// W1, N11: whom not to believe.
#[test]
fn a_certificate_that_is_wrong_is_told_with_what_is_wrong_with_it() {
    let good = Identity::good();
    let told = |server: &Identity, client: &Identity| {
        let (error, _) = failed(secret_world(server, ""), client.client());
        assert!(error.is_tls() && !error.is_timeout(), "{error:?}");
        error
    };
    let why = |error: &WebError| TlsError::find(error).expect("TLS says why").clone();
    assert!(why(&told(&good, &identity("other", [1975, 4096]))).is_bad_certificate());
    let other = identity("other", [1975, 4096]);
    assert!(why(&told(&other, &other)).is_wrong_host());
    let old = identity("server", [1975, 1976]);
    assert!(why(&told(&old, &old)).is_expired());
}

/// W1: stalls and resets while the two sides agree.
#[test]
fn a_handshake_that_stalls_or_is_reset_is_told_as_such() {
    let identity = Identity::good();
    let world = World::new();
    world.serve_on(&world.server, 443, |mut line| async move { line.linger().await });
    let (error, at) = failed(world, identity.client());
    assert_eq!((error.deadline(), error.phase(), at.as_secs()), (Some(Deadline::Tls), Phase::Tls, 3));

    let world = World::new();
    let link = world.sim.link("server", "here");
    world.serve_on(&world.server, 443, move |line| {
        let link = link.clone();
        async move {
            line.fate.sleep(SECOND).await;
            link.reset();
            Ok(())
        }
    });
    let (error, _) = failed(world, identity.client());
    assert!(error.is_tls() && !error.is_timeout(), "{error:?}");
}

/// N11: whoever cuts the line must not pass for the end of the page.
#[test]
fn a_secret_page_that_is_cut_off_is_no_page() {
    let (identity, mut world) = (Identity::good(), World::new());
    let tls = identity.server(&["http/1.1"]);
    world.serve_on(&world.server, 443, move |mut line| {
        let agreed = tls.wrap(&line.stream);
        async move {
            agreed.await?;
            line.hear().await?;
            line.say("HTTP/1.1 200 OK\r\n\r\nall that I owe you is").await?;
            line.linger().await
        }
    });
    let client = hurried(identity.client()).build(&world.here);
    let seen = Rc::new(RefCell::new(None));
    let note = seen.clone();
    world.here.spawn(async move { *note.borrow_mut() = Some(page(&client, "https://server/").await) });
    world.sim.run_until(SECOND).unwrap();
    world.sim.crash("server");
    world.server = world.sim.host("server");
    world.sim.run_until(SECOND * 60).unwrap();
    let error = seen.take().unwrap().unwrap_err();
    assert!(error.is_body(), "{error:?}");
    world.end();
}

/// W1: everybody on the way could read along.
#[test]
fn a_redirect_from_https_to_http_is_refused_unless_allowed() {
    let identity = Identity::good();
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://server/open\r\nContent-Length: 0\r\n\r\n";
    for is_allowed in [false, true] {
        let world = secret_world(&identity, elsewhere);
        world.always(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nopen");
        let builder = hurried(identity.client());
        let builder = if is_allowed { builder.allow_downgrade() } else { builder };
        let (page, _) = world.fetch(builder, "https://server/");
        match page {
            Ok(page) => assert!(is_allowed && page == "open"),
            Err(error) => assert!(!is_allowed && error.is_redirect(), "{error:?}"),
        }
    }
}

/// W1: by default the platform is believed, and knows nothing of this one.
#[test]
fn nobody_is_believed_by_get_page_whom_the_platform_does_not_know() {
    let mut world = secret_world(&Identity::good(), "");
    get_page(&world.here, "https://server/").add_both(|page| assert!(web(page.unwrap_err()).is_tls()));
    world.sim.run_until(SECOND * 30).unwrap();
    world.end();
}

/// W1: RFC 9113, 3.2: over TLS HTTP/2 is agreed upon, or not spoken.
#[test]
fn http_2_alone_is_not_spoken_over_tls_with_a_server_that_agreed_to_something_else_or_nothing() {
    for (alpn, words) in [(&[][..], "it does not agree to HTTP/2"), (&["http/1.1"], "failed")] {
        let (identity, world) = (Identity::good(), World::new());
        let (tls, heard) = (identity.server(alpn), Rc::new(Cell::new(0)));
        let count = heard.clone();
        world.serve_on(&world.server, 443, move |mut line: Line| {
            let (agreed, count) = (tls.wrap(&line.stream), count.clone());
            async move {
                agreed.await?;
                count.set(line.hear_body(1).await.map_or(0, |body| body.len()));
                Ok(())
            }
        });
        let (page, at) = world.fetch(hurried(identity.client()).http2_only(), "https://server/");
        let error = page.unwrap_err();
        assert!(error.is_tls() && error.phase() == Phase::Tls && !error.is_timeout(), "{error:?}");
        assert_eq!(error.to_string(), format!("agreeing on encryption for https://server/: {words}"));
        assert_eq!(heard.get(), 0, "something was said");
        assert!(at < SECOND, "{at:?}");
    }
}
