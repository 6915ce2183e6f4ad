//! Proxies.

use crate::rig::{SECOND, World, header, page};
use fate::Fate;
use fate_web::{Client, Deadline, Phase, get_page};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::rc::Rc;
use std::thread;

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
        futures_lite::AsyncWriteExt::close(&mut line.stream).await?;
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

/// Says to a test that it is the one with the environment.
const WITHIN: &str = "FATE_WEB_WITHIN";

/// W1: what the environment says is heard, but not in a simulation. The environment is a process's, so this is about
/// one of its own.
#[test]
fn the_environment_names_the_proxy_of_a_client_unless_it_is_simulated() {
    if std::env::var_os(WITHIN).is_some() {
        return within_the_environment();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let proxying = thread::spawn(move || answer_once(&listener));
    let mut within = Command::new(std::env::current_exe().unwrap());
    within.args(["--exact", "through_proxies::the_environment_names_the_proxy_of_a_client_unless_it_is_simulated"]);
    within.env(WITHIN, "").env("http_proxy", proxy).env("no_proxy", "127.0.0.1").env_remove("all_proxy");
    let outcome = within.output().unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stdout));
    assert_eq!(proxying.join().unwrap(), "GET http://nowhere.invalid/a HTTP/1.1\r\n");
}

fn within_the_environment() {
    let fate = Fate::new().unwrap();
    let through = fate.run_until(get_page(&fate, "http://nowhere.invalid/a").into_future()).unwrap();
    assert_eq!(through, "well");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/b", listener.local_addr().unwrap());
    let answering = thread::spawn(move || answer_once(&listener));
    fate.run_until(get_page(&fate, &url).into_future()).unwrap();
    assert_eq!(answering.join().unwrap(), "GET /b HTTP/1.1\r\n");
    let world = World::new();
    world.always(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(world.fetch(Client::builder(), "http://server/").0.unwrap(), "hi");
}

/// Answers one request, and says what its first line was.
fn answer_once(listener: &TcpListener) -> String {
    let (stream, _) = listener.accept().unwrap();
    let (mut reader, mut asked) = (BufReader::new(stream), Vec::new());
    while !asked.ends_with(b"\r\n\r\n") {
        assert!(reader.read_until(b'\n', &mut asked).unwrap() > 0);
    }
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell";
    reader.get_mut().write_all(answer).unwrap();
    String::from_utf8(asked).unwrap().split_inclusive('\n').next().unwrap().to_owned()
}
