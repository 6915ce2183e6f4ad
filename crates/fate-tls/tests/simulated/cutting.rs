//! A host in between, which passes bytes on in its own way, and not all of them.

use crate::stage::{PORT, Stage, error_of};
use fate::{Failure, Fate, TcpStream};
use fate_tls::rustls::version::{TLS12, TLS13};
use fate_tls::rustls::{ClientConfig, SupportedProtocolVersion, pki_types::CertificateDer, pki_types::pem::PemObject};
use fate_tls::{Phase, Session, TlsClient, TlsError};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How bytes are passed on in one direction.
#[derive(Clone, Copy)]
struct Manner {
    /// In pieces of so many bytes.
    piece: usize,
    /// What comes in so long goes together.
    gathers: Duration,
    /// So many, and then the end.
    most: usize,
}

const PLAINLY: Manner = Manner { piece: 100_000, gathers: Duration::ZERO, most: usize::MAX };

/// Passes on, and counts.
async fn pass_on(
    fate: &Fate,
    mut from: &TcpStream,
    mut to: &TcpStream,
    manner: Manner,
    passed: &Cell<usize>,
) -> io::Result<()> {
    let mut buffer = vec![0; 100_000];
    while passed.get() < manner.most {
        if !manner.gathers.is_zero() {
            fate.sleep(manner.gathers).await;
        }
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.close().await;
        }
        let count = count.min(manner.most - passed.get());
        for piece in buffer[..count].chunks(manner.piece) {
            to.write_all(piece).await?;
            to.flush().await?;
            if manner.piece < count {
                fate.sleep(Duration::from_nanos(1)).await;
            }
        }
        passed.set(passed.get() + count);
    }
    Err(io::ErrorKind::Other.into())
}

/// Puts a host `between`: there the client connects. What it counts, to the client and to the server, is what it has passed on.
fn put_between(stage: &mut Stage, to_client: Manner, to_server: Manner) -> Rc<[Cell<usize>; 2]> {
    let (between, passed) = (stage.sim.host("between"), Rc::<[Cell<usize>; 2]>::default());
    let (door, counts) = (between.listen_tcp("0.0.0.0:443").unwrap(), passed.clone());
    between.clone().spawn(async move {
        let (near, _) = door.accept().await?;
        let far = between.connect_tcp(PORT).await?;
        let back = pass_on(&between, &far, &near, to_client, &counts[0]);
        let forth = pass_on(&between, &near, &far, to_server, &counts[1]);
        // It closes both when one direction is cut.
        let _ = futures_lite::future::try_zip(back, forth).await;
        fate::Ok(())
    });
    passed
}

fn client(stage: &Stage, version: &'static SupportedProtocolVersion) -> TlsClient {
    let provider = fate_tls::rustls::crypto::ring::default_provider();
    let mut roots = fate_tls::rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(stage.authority.pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider.into()).with_protocol_versions(&[version]).unwrap();
    TlsClient::from_config(config.with_root_certificates(roots).with_no_client_auth())
}

type Ends = (Option<Result<Vec<u8>, Failure>>, Option<Result<Vec<u8>, Failure>>);

/// Each says something, and that this is the end, and hears the other to its end. What each of them has heard.
fn talk(version: &'static SupportedProtocolVersion, to_client: Manner, to_server: Manner) -> (Ends, [usize; 2]) {
    let mut stage = Stage::new();
    let passed = put_between(&mut stage, to_client, to_server);
    let (listener, server, client) = (stage.listen(), stage.server(), client(&stage, version));
    let ends = Rc::<RefCell<Ends>>::default();
    let (here, there_seen, here_seen) = (stage.here.clone(), ends.clone(), ends.clone());
    stage.there.spawn(async move {
        let talked = async {
            let (stream, _) = server.accept(&listener).await?;
            exchange(stream, b"the answer").await
        };
        there_seen.borrow_mut().0 = Some(talked.await);
    });
    stage.here.spawn(async move {
        let talked = async {
            let stream = here.connect_tcp("between:443").await?;
            let _: Session = client.wrap(&stream, "server").await?;
            exchange(stream, b"the question").await
        };
        here_seen.borrow_mut().1 = Some(talked.await);
    });
    stage.sim.run().unwrap();
    assert!(stage.sim.elapsed() < Duration::from_secs(9), "no deadline was needed");
    (ends.take(), [passed[0].get(), passed[1].get()])
}

async fn exchange(mut stream: TcpStream, words: &[u8]) -> Result<Vec<u8>, Failure> {
    stream.write_all(words).await?;
    stream.close().await?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await?;
    Ok(all)
}

/// N11, N4: however the network cuts it into pieces, and half-closed both ways by either version.
#[test]
fn bytes_may_come_one_by_one_and_records_many_at_once() {
    let singly = Manner { piece: 1, ..PLAINLY };
    let together = Manner { gathers: Duration::from_millis(300), ..PLAINLY };
    for version in [&TLS12, &TLS13] {
        for manner in [PLAINLY, singly, together] {
            let (ends, _) = talk(version, manner, manner);
            assert_eq!(ends.0.unwrap().unwrap(), b"the question");
            assert_eq!(ends.1.unwrap().unwrap(), b"the answer");
        }
    }
}

/// Signatures are not all of one length, so one conversation may be so many bytes shorter than another.
const SHORTER: usize = 12;

/// What is heard of a cut is never taken for an end, and always told by an error that says what it was.
fn assert_told(heard: Option<Result<Vec<u8>, Failure>>, may_end: bool, whole: &[u8], place: &str) {
    match heard {
        Some(Ok(all)) => assert!(may_end && all == whole, "{place}: {all:?}"),
        Some(Err(failure)) => {
            let error = TlsError::find(failure.error());
            let is_truncated = error.is_some_and(TlsError::is_truncated);
            let is_reset = failure.check::<io::Error>().is_some_and(|error| {
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            });
            assert!(is_truncated || is_reset || error.is_some_and(TlsError::is_reset), "{place}: {failure:?}");
        }
        None => panic!("{place}: it has not ended"),
    }
}

/// N11: during the agreement, between records, within one, within the word that this is the end.
#[test]
fn a_connection_that_is_cut_off_after_any_byte_has_no_end() {
    for version in [&TLS12, &TLS13] {
        let (_, totals) = talk(version, PLAINLY, PLAINLY);
        for (direction, total) in totals.into_iter().enumerate() {
            assert!(total > 200, "there is something to cut");
            for most in (1..total).filter(|most| most % 17 == 0 || most + 100 > total) {
                let cut = Manner { most, ..PLAINLY };
                let manners = if direction == 0 { (cut, PLAINLY) } else { (PLAINLY, cut) };
                let (ends, _) = talk(version, manners.0, manners.1);
                let place = format!("{version:?}, direction {direction}, after {most} of {total}");
                let may_be_whole = most + SHORTER > total;
                assert_told(ends.0, direction == 0 || may_be_whole, b"the question", &place);
                assert_told(ends.1, direction == 1 || may_be_whole, b"the answer", &place);
            }
        }
    }
}

/// N11: this side has said that it is at its end, the other side has not.
#[test]
fn a_cut_is_told_apart_by_who_has_ended_already() {
    for version in [&TLS12, &TLS13] {
        let mut stage = Stage::new();
        let client = client(&stage, version);
        let between = stage.sim.host("between");
        let door = between.listen_tcp("0.0.0.0:443").unwrap();
        between.clone().spawn(async move {
            let (near, _) = door.accept().await?;
            let far = between.connect_tcp(PORT).await?;
            let (back, forth) = (Cell::new(0), Cell::new(0));
            let passing = futures_lite::future::zip(
                pass_on(&between, &far, &near, PLAINLY, &back),
                pass_on(&between, &near, &far, PLAINLY, &forth),
            );
            let patience = async {
                between.sleep(Duration::from_secs(1)).await;
                (Ok(()), Ok(()))
            };
            let _ = futures_lite::future::or(passing, patience).await;
            fate::Ok(())
        });
        let (listener, server) = (stage.listen(), stage.server());
        let (there, here) = (stage.there.clone(), stage.here.clone());
        stage.there.spawn(async move {
            let (mut stream, _) = server.accept(&listener).await?;
            stream.write_all(b"half").await?;
            stream.peer_closed().await;
            there.sleep(Duration::from_secs(2)).await;
            fate::Ok(())
        });
        stage.here.spawn(async move {
            let mut stream = here.connect_tcp("between:443").await.unwrap();
            client.wrap(&stream, "server").await.unwrap();
            stream.close().await.unwrap();
            let mut all = Vec::new();
            let failure = Failure::from(stream.read_to_end(&mut all).await.unwrap_err());
            let error = error_of(&failure);
            assert!(all == b"half" && error.is_truncated() && error.phase() == Phase::Session, "{error:?}");
        });
        stage.sim.run().unwrap();
    }
}
