//! Proxies.

use crate::rig::{SECOND, World, header, page};
use fate_web::{Client, Deadline, Phase};
use futures_lite::io::AsyncWriteExt;
use std::cell::RefCell;
use std::rc::Rc;

/// W1: plain pages are asked for with the whole address, over connections that all hosts share.
#[test]
fn a_proxy_is_asked_for_plain_pages_by_their_whole_address() {
    let mut world = World::new();
    world.always(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let builder = Client::builder().proxy("http://Alice:rabbit@server").no_proxy_for("direct");
    let client = builder.build(&world.here);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = seen.clone();
    world.here.spawn(async move {
        for url in ["http://nowhere/a?b", "http://elsewhere:81/", "http://direct/"] {
            let page = page(&client, url).await.map_err(|error| error.phase());
            note.borrow_mut().push(page);
        }
    });
    world.sim.run_until(SECOND * 60).unwrap();
    assert_eq!(seen.take(), [Ok("hi".into()), Ok("hi".into()), Err(Phase::Lookup)]);
    let asked = world.asked.take();
    assert!(asked[0].starts_with("GET http://nowhere/a?b HTTP/1.1\n"), "{}", asked[0]);
    assert_eq!(header(&asked[0], "host"), Some("nowhere"));
    assert_eq!(header(&asked[0], "proxy-authorization"), Some("Basic QWxpY2U6cmFiYml0"));
    assert!(asked[1].starts_with("GET http://elsewhere:81/ HTTP/1.1\n"), "{}", asked[1]);
    assert_eq!(world.visits.get(), 1);
    world.end();
}

/// W1: the proxy is told what to connect to, and nothing of what is asked.
#[test]
fn a_proxy_passes_secret_pages_on() {
    let world = World::new();
    world.serve(|mut line| async move {
        let asked = line.hear().await?.unwrap();
        assert!(asked.starts_with("CONNECT nowhere:443 HTTP/1.1\n"), "{asked}");
        assert_eq!(header(&asked, "host"), Some("nowhere:443"));
        assert_eq!(header(&asked, "proxy-authorization"), Some("Basic QWxpY2U6cmFiYml0"));
        line.say("HTTP/1.1 200 Connection established\r\nVia: looking-glass\r\n\r\n").await?;
        let mut first = [0; 3];
        line.stream.read_exact(&mut first).await?;
        assert_eq!(first, [22, 3, 1], "what follows is TLS");
        line.stream.close().await?;
        Ok(())
    });
    let (page, _) = world.fetch(Client::builder().proxy("Alice:rabbit@server:80").tls(nobody()), "https://nowhere/a");
    let error = page.unwrap_err();
    assert!(error.is_tls(), "{error:?}");
}

/// Believes nobody.
fn nobody() -> fate_tls::TlsClient {
    let provider = std::sync::Arc::new(fate_tls::rustls::crypto::ring::default_provider());
    let config = fate_tls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(fate_tls::rustls::RootCertStore::empty())
        .with_no_client_auth();
    fate_tls::TlsClient::from_config(config)
}

/// W1: what a proxy may do wrong.
#[test]
fn a_proxy_that_refuses_is_told_apart_from_the_host() {
    for (answer, words) in [
        ("HTTP/1.1 407 Who are you?\r\n\r\n", "it wants to know who asks"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "it refuses"),
        ("220 smtp ready\r\n\r\n", "that is not HTTP"),
        ("HTTP/1.1 200 OK\r\n", "the connection was lost"),
        ("", "the connection was lost"),
    ] {
        let world = World::new();
        world.serve(move |mut line| async move {
            line.hear().await?;
            line.say(answer).await
        });
        let (page, _) = world.fetch(Client::builder().proxy("http://server").tls(nobody()), "https://nowhere/");
        let error = page.unwrap_err();
        assert!(error.is_proxy() && !error.is_timeout(), "{error:?}");
        assert_eq!(error.to_string(), format!("asking the proxy for https://nowhere/: {words}"));
    }
}

#[test]
fn a_proxy_that_stalls_is_given_up_after_the_connect_deadline() {
    let world = World::new();
    world.serve(|mut line| async move { line.linger().await });
    let builder = Client::builder().proxy("http://server").connect(SECOND * 2).tls(nobody());
    let (page, at) = world.fetch(builder, "https://nowhere/");
    let error = page.unwrap_err();
    assert_eq!((error.deadline(), error.phase(), at), (Some(Deadline::Connect), Phase::Proxy, SECOND * 2));
}

#[test]
fn a_proxy_that_answers_without_end_is_cut_short() {
    let world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\n").await?;
        line.say("X: y\r\n".repeat(100_000)).await?;
        line.linger().await
    });
    let (page, _) = world.fetch(Client::builder().proxy("http://server").tls(nobody()), "https://nowhere/");
    assert!(page.unwrap_err().is_proxy());
}
