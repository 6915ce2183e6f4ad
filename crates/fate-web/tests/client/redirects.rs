//! Being sent elsewhere.

use crate::rig::{SECOND, World, header, page, web};
use fate_web::{Client, ClientBuilder, WebError};
use std::cell::RefCell;
use std::rc::Rc;

/// A world in which `/N/to` on `server` sends to `to` with the status N, and all other paths are pages.
fn world() -> World {
    let world = World::new();
    world.serve(serve);
    world
}

async fn serve(mut line: crate::rig::Line) -> fate::Result {
    while let Some(asked) = line.hear().await? {
        let length = header(&asked, "content-length").map_or(0, |length| length.parse().unwrap());
        let body = line.hear_body(length).await?;
        let path = asked.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
        match path.split_once('/') {
            Some((status, to)) => line.send_elsewhere(status.parse()?, &to.replace("%3C", "")).await?,
            None => {
                let method = asked.split(' ').next().unwrap();
                line.answer("", format!("{method} {}", String::from_utf8_lossy(&body))).await?;
            }
        }
    }
    Ok(())
}

/// What a task has found out.
fn ask<T: 'static>(world: &mut World, task: impl AsyncFnOnce(Client) -> T + 'static, builder: ClientBuilder) -> T {
    let client = builder.build(&world.here);
    let found = Rc::new(RefCell::new(None));
    let note = found.clone();
    world.here.spawn(async move { *note.borrow_mut() = Some(task(client).await) });
    let until = world.sim.elapsed() + SECOND * 100;
    world.sim.run_until(until).unwrap();
    found.take().expect("it comes to an end")
}

async fn error(client: &Client, url: &str) -> WebError {
    page(client, url).await.unwrap_err()
}

/// W1: the method and the body, as each status wants it.
#[test]
fn a_form_is_not_sent_twice_unless_the_status_says_so() {
    let mut world = world();
    ask(
        &mut world,
        async |client| {
            for (method, status, becomes) in [
                ("POST", 301, "GET "),
                ("POST", 302, "GET "),
                ("POST", 303, "GET "),
                ("POST", 307, "POST tea"),
                ("POST", 308, "POST tea"),
                ("PUT", 301, "PUT tea"),
                ("PUT", 303, "GET "),
                ("DELETE", 302, "DELETE tea"),
            ] {
                let method = method.parse().unwrap();
                let request = client.request(method, &format!("http://server/{status}//there")).body("tea");
                let response = request.header("content-type", "text/tea").send().await.unwrap();
                assert_eq!(response.url(), "http://server/there");
                assert_eq!(response.text().await.unwrap(), becomes, "{status}");
            }
        },
        Client::builder(),
    );
    for asked in world.asked.borrow().iter().filter(|asked| asked.starts_with("GET /there")) {
        assert_eq!(header(asked, "content-type"), None, "{asked}");
    }
    // One connection served all of it.
    assert_eq!(world.visits.get(), 1);
    world.end();
}

/// W1: the limit, and loops.
#[test]
fn a_loop_ends_after_ten_hops() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        while line.hear().await?.is_some() {
            line.send_elsewhere(302, "/again?").await?;
        }
        Ok(())
    });
    let (failed, first) = ask(
        &mut world,
        async |client| {
            let failed = error(&client, "http://server/").await;
            let none = Client::builder().redirects(0);
            drop(none);
            (failed, client)
        },
        Client::builder(),
    );
    drop(first);
    assert!(failed.is_redirect(), "{failed:?}");
    assert_eq!(failed.to_string(), "http://server/again?: it is sent elsewhere too often");
    assert_eq!(world.asked.borrow().len(), 11);
    let status = ask(
        &mut world,
        async |client| client.get("http://server/").send().await.unwrap().status(),
        Client::builder().redirects(0),
    );
    assert_eq!(status, 302);
    world.end();
}

#[test]
fn a_redirect_to_nonsense_is_refused() {
    let mut world = world();
    ask(
        &mut world,
        async |client| {
            for to in ["ftp://server/", "http://", "file:///etc/passwd"] {
                let error = error(&client, &format!("http://server/302/{to}")).await;
                assert!(error.is_redirect(), "{to}: {error:?}");
            }
        },
        Client::builder(),
    );
    world.end();
}

/// W1: secrets are for the origin that they were meant for.
#[test]
fn no_secret_is_taken_along_to_another_origin() {
    let mut world = world();
    let other = world.sim.host("other");
    world.serve_on(&other, 80, serve);
    world.serve_on(&world.server, 81, serve);
    let builder = Client::builder().header_of_all("authorization", "Bearer abc").header_of_all("x-tea", "green");
    ask(
        &mut world,
        async |client| {
            for to in ["/here", "http://server/here", "http://other/there", "http://server:81/there"] {
                let url = format!("http://Alice:rabbit@server/302/{to}");
                let request = client.get(&url).header("cookie", "a=b").header("proxy-authorization", "c");
                request.send().await.unwrap();
            }
        },
        builder,
    );
    let asked = world.asked.take();
    for asked in asked.iter().filter(|asked| asked.starts_with("GET /here")) {
        assert_eq!(header(asked, "authorization"), Some("Bearer abc"), "{asked}");
        assert_eq!(header(asked, "cookie"), Some("a=b"));
    }
    let there: Vec<_> = asked.iter().filter(|asked| asked.starts_with("GET /there")).collect();
    assert_eq!(there.len(), 2);
    for asked in there {
        for name in ["authorization", "cookie", "proxy-authorization"] {
            assert_eq!(header(asked, name), None, "{asked}");
        }
        assert_eq!(header(asked, "x-tea"), Some("green"));
    }
    other.shutdown();
    world.end();
}

/// W1: a body that is a stream cannot be sent again.
#[test]
fn a_stream_is_not_sent_elsewhere() {
    let mut world = world();
    let failed = ask(
        &mut world,
        async |client| {
            let body = fate_web::RequestBody::stream(String::from("tea"));
            web(client.post("http://server/307//there").body(body).send().await.unwrap_err())
        },
        Client::builder(),
    );
    assert!(failed.is_redirect(), "{failed:?}");
    world.end();
}

/// W1: nobody waits for what nobody wants.
#[test]
fn a_redirect_whose_body_stalls_is_followed_at_once() {
    for stalls in ["Content-Length: 100\r\n\r\nElse", "Transfer-Encoding: chunked\r\n\r\n4\r\nElse", "\r\nElse"] {
        for most in [1, 6] {
            let world = World::new();
            drop(world.sim.link("server", "here").latency(std::time::Duration::ZERO..std::time::Duration::ZERO));
            let open = world.open.clone();
            world.serve(move |mut line| {
                let open = open.clone();
                async move {
                    if line.hear().await?.unwrap().starts_with("GET /there") {
                        line.fate.sleep(SECOND).await;
                        assert_eq!(open.get(), 1, "the stalled one is closed");
                        return line.answer("", "there").await;
                    }
                    line.say(format!("HTTP/1.1 302 Found\r\nLocation: /there\r\n{stalls}")).await?;
                    line.linger().await
                }
            });
            let (page, at) = world.fetch(Client::builder().connections_per_host(most), "http://server/");
            assert_eq!((page.unwrap(), at), ("there".into(), SECOND));
        }
    }
}

/// W1: however long it is.
#[test]
fn a_redirect_whose_body_has_no_end_is_followed_at_once() {
    let world = World::new();
    world.serve(|mut line| async move {
        if line.hear().await?.unwrap().starts_with("GET /there") {
            return line.answer("", "there").await;
        }
        line.say("HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n").await?;
        loop {
            line.say([7; 100_000]).await?;
        }
    });
    let (page, at) = world.fetch(Client::builder(), "http://server/");
    assert_eq!(page.unwrap(), "there");
    assert!(at < SECOND, "{at:?}");
}

/// W1: what is there already costs nothing, and a connection costs something.
#[test]
fn a_redirect_whose_body_came_with_it_leaves_a_connection_that_serves_again() {
    for body in ["Content-Length: 4\r\n\r\nElse", "Transfer-Encoding: chunked\r\n\r\n4\r\nElse\r\n0\r\n\r\n"] {
        let world = World::new();
        let visits = world.visits.clone();
        world.serve(move |mut line| async move {
            line.hear().await?;
            line.say(format!("HTTP/1.1 302 Found\r\nLocation: /there\r\n{body}")).await?;
            line.hear().await?;
            line.answer("", "there").await
        });
        let (page, _) = world.fetch(Client::builder(), "http://server/");
        assert_eq!((page.unwrap(), visits.get()), ("there".into(), 1));
    }
}

/// W1: loops that lead over several hosts.
#[test]
fn a_loop_from_host_to_host_ends_after_ten_hops_and_leaves_no_connection() {
    let mut world = World::new();
    let other = world.sim.host("other");
    for (host, to) in [(&world.server, "http://other/"), (&other, "http://server/")] {
        world.serve_on(host, 80, move |mut line| async move {
            while line.hear().await?.is_some() {
                line.send_elsewhere(307, to).await?;
            }
            Ok(())
        });
    }
    let failed = ask(
        &mut world,
        async |client| {
            let failed = error(&client, "http://server/").await;
            client.close_idle();
            failed
        },
        Client::builder(),
    );
    assert!(failed.is_redirect(), "{failed:?}");
    assert_eq!((world.asked.borrow().len(), world.visits.get(), world.open.get()), (11, 2, 0));
    other.shutdown();
    world.end();
}
