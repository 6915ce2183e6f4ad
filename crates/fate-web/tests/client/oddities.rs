//! Odd things that servers say or do, each of which once went wrong.

use super::rig::{SECOND, World, header, page};
use fate_web::Client;

/// W1: memory and descriptors are bounded, however many hosts are visited.
#[test]
fn connections_to_other_hosts_that_rested_too_long_are_closed_when_the_client_is_next_used() {
    let mut world = World::new();
    let mut hosts = Vec::new();
    for number in 0..20 {
        let host = world.sim.host(&format!("h{number}"));
        world.serve_on(&host, 80, |mut line| async move {
            while line.hear().await?.is_some() {
                line.answer("", "x").await?;
            }
            Ok(())
        });
        hosts.push(host);
    }
    world.serve(|mut line| async move {
        line.hear().await?;
        line.answer("Connection: close\r\n", "x").await
    });
    let client = Client::builder().keep_idle(SECOND * 10).build(&world.here);
    let (here, other) = (world.here.clone(), client.clone());
    world.here.spawn(async move {
        for number in 0..20 {
            page(&other, &format!("http://h{number}/")).await.unwrap();
        }
        for _ in 0..5 {
            here.sleep(SECOND * 100).await;
            page(&other, "http://server/").await.unwrap();
        }
    });
    world.sim.run_until(SECOND * 1000).unwrap();
    let open = world.open.get();
    client.close_idle();
    for host in hosts {
        host.shutdown();
    }
    world.end();
    assert_eq!(open, 0, "still open");
}

/// W1, E4.
#[test]
fn a_length_that_is_a_lie_does_not_panic() {
    let world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775800\r\n\r\nab").await?;
        line.fate.sleep(SECOND).await;
        line.say("cd").await
    });
    let (page, _) = world.fetch(Client::builder().page_limit(usize::MAX), "http://server/");
    assert!(page.unwrap_err().is_body());
}

/// W1: RFC 6265, 5.2.2.
#[test]
fn a_cookie_that_lasts_for_ever_is_kept() {
    for age in ["9223372036854775807", "99999999999999999999999"] {
        let mut world = World::new();
        world.serve(move |mut line| async move {
            while line.hear().await?.is_some() {
                line.answer(&format!("Set-Cookie: a=1; Max-Age={age}\r\n"), "x").await?;
            }
            Ok(())
        });
        let client = Client::builder().cookies().build(&world.here);
        let other = client.clone();
        world.here.spawn(async move {
            page(&other, "http://server/").await.unwrap();
            page(&other, "http://server/").await.unwrap();
        });
        world.sim.run_until(SECOND * 100).unwrap();
        client.close_idle();
        let second = world.asked.borrow()[1].clone();
        world.end();
        assert_eq!(header(&second, "cookie"), Some("a=1"), "Max-Age={age}");
    }
}

/// W1: RFC 9110, 8.4.
#[test]
fn a_body_packed_twice_is_not_half_unpacked() {
    let world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        let gzip = [31u8, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 200, 4, 0, 172, 42, 147, 216, 2, 0, 0, 0]; // "hi"
        line.answer("Content-Encoding: gzip\r\nContent-Encoding: br\r\n", gzip).await
    });
    let (page, _) = world.fetch(Client::builder(), "http://server/");
    assert!(page.is_err() || page.unwrap().starts_with(&[31]), "the outermost is br, and gzip was taken off");
}
