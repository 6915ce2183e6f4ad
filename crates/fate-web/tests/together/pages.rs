//! Pages, uploads, and bodies that flow both ways, over networks good and bad.

use super::rig::{SECOND, World, flowing, pieces, whole};
use super::tongue::{TONGUES, Tongue};
use fate::Fate;
use fate::sim::Link;
use fate_web::http::{Request, Response, Version};
use fate_web::{Bytes, Client, Incoming, Outgoing, Server};
use std::time::Duration;

/// Says what it heard.
async fn echo(_: Fate, request: Request<Incoming>) -> fate::Result<Bytes> {
    Ok(request.into_body().bytes().await?)
}

/// Says what it hears, while it hears it.
async fn parrot(_: Fate, request: Request<Incoming>) -> Response<Outgoing> {
    Response::new(Outgoing::of(request.into_body()))
}

fn patient() -> fate_web::ClientBuilder {
    Client::builder()
        .total(Duration::MAX)
        .connect(SECOND * 300)
        .tls_deadline(SECOND * 300)
        .header(SECOND * 300)
        .idle(SECOND * 300)
}

fn patient_server() -> Server {
    Server::new()
        .header_deadline(SECOND * 300)
        .body_deadline(SECOND * 300)
        .write_deadline(SECOND * 300)
        .idle_deadline(SECOND * 300)
}

/// A network, and what it is called.
type Network = (&'static str, fn(Link) -> Link);

const NETWORKS: [Network; 4] = [
    ("as it is", |link| link),
    ("far", |link| link.latency(Duration::from_millis(700)..Duration::from_millis(900))),
    ("narrow", |link| link.bandwidth(20_000)),
    ("bad", |link| link.latency(Duration::from_millis(10)..Duration::from_millis(900)).loss(0.05).bandwidth(100_000)),
];

/// W1, W2: twenty at once, from nothing to some 100 KB.
#[test]
fn pages_and_uploads_arrive_whole_over_every_network_whatever_is_spoken() {
    for tongue in TONGUES {
        for (number, (name, network)) in NETWORKS.into_iter().enumerate() {
            let what = format!("{tongue:?}, {name}");
            let mut world = World::new(number as u64, tongue, patient_server(), patient(), echo);
            drop(network(world.link.clone()));
            let seen = world.ask(async move |here, client| {
                let (client, mut seen) = (&client, Vec::new());
                let all: Vec<_> = (0..20).map(|size| here.spawn(upload(client.clone(), tongue, size * 5000))).collect();
                for one in all {
                    seen.push(one.await.unwrap());
                }
                seen
            });
            assert_eq!(seen, vec![Ok(()); 20], "{what}");
            assert_eq!(world.complaints.take(), [], "{what}");
            world.end(number % 2 == 0, &what);
        }
    }
}

/// Sends so many bytes, and looks at what comes back.
async fn upload(client: Client, tongue: Tongue, size: usize) -> Result<(), String> {
    let body: Vec<u8> = (0..size).map(|place| (place % 251) as u8).collect();
    let response = client.post(tongue.url()).body(body.clone()).send().await.map_err(|failure| failure.to_string())?;
    let version = if tongue.is_two() { Version::HTTP_2 } else { Version::HTTP_11 };
    assert_eq!((response.status().as_u16(), response.version()), (200, version));
    let page = response.bytes().await.map_err(|failure| failure.to_string())?;
    if page == body { Ok(()) } else { Err(format!("{} of {size} bytes came back", page.len())) }
}

/// W1, W2: each piece of a body is on its way at once, and not when the body is whole.
#[test]
fn a_body_that_flows_both_ways_comes_back_piece_by_piece() {
    for tongue in TONGUES {
        for (number, (name, network)) in NETWORKS.into_iter().enumerate() {
            let what = format!("{tongue:?}, {name}");
            let mut world = World::new(number as u64, tongue, patient_server(), patient(), parrot);
            drop(network(world.link.clone()));
            let (heard, lag) = world.ask(async move |here, client| {
                let body = flowing(&here, 10);
                let mut response = client.post(tongue.url()).body(body).send().await.unwrap();
                let (mut heard, mut last) = (Vec::new(), here.now());
                let mut lag = Duration::ZERO;
                while let Some(piece) = response.piece().await.unwrap() {
                    lag = lag.max(here.now() - last);
                    last = here.now();
                    heard.extend_from_slice(&piece);
                }
                (heard, lag)
            });
            assert_eq!(heard, whole(10), "{what}");
            // Had it waited for the end, nothing would have come for nine seconds.
            assert!(lag < SECOND * 5, "{what}: nothing came for {lag:?}");
            assert_eq!(world.complaints.take(), [], "{what}");
            world.end(number % 2 == 1, &what);
        }
    }
}

/// W2: what the service makes as it goes.
#[test]
fn a_response_that_is_made_piece_by_piece_arrives_whole() {
    for tongue in TONGUES {
        let mut world = World::new(1, tongue, patient_server(), patient(), |there, _| async move {
            Response::new(Outgoing::pieces(pieces(&there, 10)))
        });
        let page = world.ask(async move |_, client| client.get(tongue.url()).page().await.unwrap());
        assert_eq!(page, whole(10), "{tongue:?}");
        world.end(true, &format!("{tongue:?}"));
    }
}
