//! Cookies.

use crate::rig::{Line, SECOND, World, header, page};
use fate::Fate;
use fate_web::{Client, ClientBuilder};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// What a task has found out.
fn ask<T: 'static>(world: &mut World, task: impl AsyncFnOnce(Client) -> T + 'static, builder: ClientBuilder) -> T {
    let (client, found) = (builder.build(&world.here), Rc::new(RefCell::new(None)));
    let note = found.clone();
    world.here.spawn(async move { *note.borrow_mut() = Some(task(client).await) });
    let until = world.sim.elapsed() + SECOND * 100;
    world.sim.run_until(until).unwrap();
    found.take().expect("it comes to an end")
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
    assert_eq!(seen, ["none", "a=1; b=2", "c=3; a=1; b=2", "none", "a=1; b=2", "a=9; b=2", "a=9", "none"]);
    assert_eq!(without, "none");
    other.shutdown();
    world.end();
}

/// Sets two hundred cookies, each time with other names, and says what came back.
async fn greedy(mut line: Line) -> fate::Result {
    while let Some(asked) = line.hear().await? {
        let page = asked.split(' ').nth(1).unwrap()[1..].to_owned();
        let set: String = (0..200).map(|number| format!("Set-Cookie: c{page}x{number}=1\r\n")).collect();
        line.answer(&set, header(&asked, "cookie").unwrap_or("none")).await?;
    }
    Ok(())
}

/// Sets one cookie, and says what came back.
async fn modest(mut line: Line) -> fate::Result {
    while let Some(asked) = line.hear().await? {
        line.answer("Set-Cookie: session=1\r\n", header(&asked, "cookie").unwrap_or("none")).await?;
    }
    Ok(())
}

/// W1: what a host sets is at its own expense.
#[test]
fn a_host_that_sets_very_many_cookies_keeps_nobody_else_from_setting_one_or_keeping_it() {
    let mut world = World::new();
    let evil: Vec<_> = (0..100).map(|number| world.sim.host(&format!("evil{number}"))).collect();
    for host in &evil {
        world.serve_on(host, 80, greedy);
    }
    let early = world.sim.host("early");
    world.serve_on(&early, 80, modest);
    world.serve(modest);
    let seen = ask(
        &mut world,
        async |client| {
            page(&client, "http://early/").await.unwrap();
            for number in 0..100 {
                page(&client, &format!("http://evil{number}/{number}")).await.unwrap();
            }
            page(&client, "http://server/").await.unwrap();
            let early = page(&client, "http://early/").await.unwrap();
            let late = page(&client, "http://server/").await.unwrap();
            client.close_idle();
            (early, late)
        },
        Client::builder().cookies(),
    );
    assert_eq!(seen, ("session=1".into(), "session=1".into()));
    evil.iter().chain([&early]).for_each(Fate::shutdown);
    world.end();
}

/// W1: RFC 6265, 6.1: fifty of a domain, and the latest of them.
#[test]
fn of_one_domain_the_fifty_cookies_are_kept_that_were_last_of_use() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        while let Some(asked) = line.hear().await? {
            let path = asked.split(' ').nth(1).unwrap().to_owned();
            let set: String = match &path[..] {
                "/old" => "Set-Cookie: old=1; Path=/old\r\n".into(),
                "/many" => (0..70).map(|number| format!("Set-Cookie: c{number}=1\r\n")).collect(),
                _ => String::new(),
            };
            line.answer(&set, header(&asked, "cookie").unwrap_or("none")).await?;
        }
        Ok(())
    });
    let seen = ask(
        &mut world,
        async |client| {
            for path in ["old", "many"] {
                page(&client, &format!("http://server/{path}")).await.unwrap();
            }
            let seen = page(&client, "http://server/old").await.unwrap();
            client.close_idle();
            String::from_utf8(seen.to_vec()).unwrap()
        },
        Client::builder().cookies(),
    );
    let expected: Vec<_> = (20..70).map(|number| format!("c{number}=1")).collect();
    assert_eq!(seen, expected.join("; "));
    world.end();
}

/// W1: RFC 6265, 5.4.
#[test]
fn of_two_cookies_of_one_name_the_one_of_the_longer_path_goes_first_and_then_the_older() {
    let (mut world, other) = bakery();
    let seen = ask(
        &mut world,
        async |client| {
            for url in [
                "http://server/?a=1&b=2&a=3;+Path=/deep",
                "http://server/?a=4&b=5;+Path=/deep/down",
                "http://server/deep/down",
            ] {
                page(&client, url).await.unwrap();
            }
            let seen = page(&client, "http://server/deep/down").await.unwrap();
            client.close_idle();
            seen
        },
        Client::builder().cookies(),
    );
    assert_eq!(seen, "b=5; a=3; a=4; b=2");
    other.shutdown();
    world.end();
}

/// A world in which every host is the same server, which sets the cookies that the query names.
fn everywhere() -> World {
    let (mut world, sub) = bakery();
    sub.shutdown();
    world.here = world.sim.host_with("there", Fate::builder().resolver(one_for_all));
    world
}

fn one_for_all(fate: &Fate, _: &str, port: u16) -> fate::Deferred<Vec<SocketAddr>> {
    fate.succeed(vec![SocketAddr::new("10.0.0.1".parse().unwrap(), port)])
}

/// What came back from each of these.
fn visit(mut world: World, urls: impl IntoIterator<Item = String> + 'static) -> Vec<String> {
    let builder = Client::builder().cookies().keep_idle(Duration::ZERO);
    let seen = ask(
        &mut world,
        async |client| {
            let mut seen = Vec::new();
            for url in urls {
                seen.push(client.get(&url).send().await.unwrap().text().await.unwrap());
            }
            seen
        },
        builder,
    );
    world.end();
    seen
}

/// W1: the site pays, and not the host: names below a domain of one's own cost nothing.
#[test]
fn names_without_end_below_one_domain_push_out_only_each_other() {
    let mut urls = vec!["http://bank.example/?session=1&user=2&theme=3".to_owned()];
    for number in 0..3100 {
        urls.push(format!("http://h{number}.evil.example/?a=1"));
        if number % 100 == 0 {
            urls.push("http://bank.example/".into());
        }
    }
    urls.extend(["http://bank.example/", "http://h0.evil.example/", "http://h3099.evil.example/"].map(String::from));
    let seen = visit(everywhere(), urls);
    assert_eq!(seen[seen.len() - 3..], ["session=1; user=2; theme=3", "none", "a=1"]);
}

/// W1: RFC 6265, 5.3, step 5.
#[test]
fn a_cookie_for_a_domain_of_one_label_is_for_the_host_of_that_name_alone() {
    for (set, other, expected) in [
        ("http://intranet/?a=1;+Domain=intranet", "http://intranet/", "a=1"),
        ("http://intranet/?a=1;+Domain=.INTRANET", "http://intranet/", "a=1"),
        ("http://intranet/?a=1;+Domain=intranet", "http://wiki.intranet/", "none"),
        ("http://wiki.intranet/?a=1;+Domain=intranet", "http://wiki.intranet/", "none"),
        ("http://wiki.intranet/?a=1;+Domain=intranet", "http://intranet/", "none"),
        ("http://evil.org./?a=1;+Domain=org.", "http://bank.org./", "none"),
        ("http://evil.org./?a=1;+Domain=org.", "http://evil.org./", "none"),
        ("http://evil.org./?a=1;+Domain=org", "http://bank.org./", "none"),
        ("http://a.evil.org./?a=1;+Domain=evil.org.", "http://b.evil.org./", "a=1"),
        ("http://a.evil.org/?a=1;+Domain=evil.org", "http://b.evil.org/", "a=1"),
    ] {
        let seen = visit(everywhere(), [set, other].map(String::from));
        assert_eq!(seen[1], expected, "{set}, {other}");
    }
}
