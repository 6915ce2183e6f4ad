//! Being sent elsewhere, and cookies.

use crate::rig::{SECOND, World, header, page, web};
use fate::Fate;
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

/// A world in which the server sets the cookies that the query names.
fn bakery() -> (World, Fate) {
    let mut world = World::new();
    let other = world.sim.host("sub.server");
    for (host, port) in [(&world.server, 80), (&other, 80)] {
        world.serve_on(host, port, |mut line| async move {
            while let Some(asked) = line.hear().await? {
                let query = asked.split_once('?').map_or("", |(_, rest)| rest.split(' ').next().unwrap());
                let set: String = query.split('&').filter(|cookie| !cookie.is_empty()).map(set_cookie).collect();
                line.answer(&set, header(&asked, "cookie").unwrap_or("none")).await?;
            }
            Ok(())
        });
    }
    (world, other)
}

fn set_cookie(words: &str) -> String {
    format!("Set-Cookie: {}\r\n", words.replace("+", " ").replace("%20", " "))
}

/// W1: cookies, by the clock of the simulation.
#[test]
fn cookies_are_sent_back_where_they_belong_and_as_long_as_they_last() {
    let (mut world, other) = bakery();
    let here = world.here.clone();
    let seen = ask(
        &mut world,
        async move |client| {
            let mut seen = Vec::new();
            for url in [
                "http://server/?a=1&b=2;+Max-Age=30&c=3;+Path=/deep&d=4;+Secure&e=5;+Domain=com&f=6;+Max-Age=0",
                "http://server/",
                "http://server/deep/down",
                "http://sub.server/",
                "http://server/?a=9",
                "http://server/",
            ] {
                seen.push(client.get(url).send().await.unwrap().text().await.unwrap());
            }
            here.sleep(SECOND * 31).await;
            seen.push(
                client
                    .get("http://server/?a=;+Expires=Thu,+01+Jan+1970+00:00:00+GMT")
                    .send()
                    .await
                    .unwrap()
                    .text()
                    .await
                    .unwrap(),
            );
            seen.push(client.get("http://server/").send().await.unwrap().text().await.unwrap());
            seen
        },
        Client::builder().cookies(),
    );
    let without = ask(
        &mut world,
        async |client| {
            client.get("http://server/?a=1").send().await.unwrap();
            client.get("http://server/").send().await.unwrap().text().await.unwrap()
        },
        Client::builder(),
    );
    assert_eq!(seen, ["none", "a=1; b=2", "a=1; b=2; c=3", "none", "a=1; b=2", "a=9; b=2", "a=9", "none"]);
    assert_eq!(without, "none");
    other.shutdown();
    world.end();
}
