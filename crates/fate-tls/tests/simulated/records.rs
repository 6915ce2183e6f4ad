//! Records that no well-behaved side sends, or not in this way.

use crate::hand::{Forger, Hand, config, meet_by_hand};
use crate::stage::{PORT, Stage, error_of};
use fate::TcpStream;
use fate_tls::rustls::{AlertDescription, ContentType, Error, PeerMisbehaved};
use fate_tls::{Phase, TlsError};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::io;

/// Sends back what comes, to the end.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.close().await,
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

/// What a server says of one who has agreed, and then forges.
fn forged(forging: impl AsyncFnOnce(&mut Forger) + 'static) -> (Vec<u8>, io::Result<()>) {
    let mut stage = Stage::new();
    let there = async |mut stream: TcpStream| {
        let mut all = Vec::new();
        let result = stream.read_to_end(&mut all).await.map(drop);
        (all, result)
    };
    let here = async |hand: Hand| {
        let mut forger = hand.forge();
        forging(&mut forger).await;
        // The server may have closed by now.
        let _ = forger.stream.close().await;
        let _ = forger.stream.read_to_end(&mut Vec::new()).await;
    };
    meet_by_hand(&mut stage, there, here).0
}

/// The error of TLS of such a meeting, in which nothing was wrong before they had agreed.
fn refused(forging: impl AsyncFnOnce(&mut Forger) + 'static) -> TlsError {
    let error = forged(forging).1.unwrap_err();
    let error = TlsError::find(&error).expect("it is found").clone();
    assert_eq!(error.phase(), Phase::Session);
    error
}

/// N11.
#[test]
fn keys_may_change_in_mid_stream_and_both_sides_follow() {
    let mut stage = Stage::new();
    let here = async |mut hand: Hand| {
        for round in 0..100u8 {
            hand.tls.refresh_traffic_keys().unwrap();
            hand.tell(&[round; 50]).await.unwrap();
            assert_eq!(hand.be_told(50).await.unwrap(), [round; 50]);
        }
        hand.tls.send_close_notify();
        hand.say().await.unwrap();
        while hand.hear().await.unwrap() {}
    };
    meet_by_hand(&mut stage, echo, here).0.unwrap();
}

/// N11, E4: each would have to be answered.
#[test]
fn who_changes_keys_and_says_nothing_is_refused() {
    let error = refused(async |forger| {
        // Under the old keys, each of them: the first is followed, and the next cannot be decrypted.
        for _ in 0..2 {
            let _ = forger.send(ContentType::Handshake, &[24, 0, 0, 1, 1]).await;
        }
    });
    assert_eq!(error.rustls(), Some(&Error::DecryptError));
    let mut stage = Stage::new();
    let there = async |mut stream: TcpStream| stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    let here = async |mut hand: Hand| {
        for _ in 0..40 {
            hand.tls.refresh_traffic_keys().unwrap();
            let _ = hand.say().await;
        }
        let _ = hand.stream.read_to_end(&mut Vec::new()).await;
    };
    let error = meet_by_hand(&mut stage, there, here).0;
    let error = TlsError::find(&error).unwrap();
    assert_eq!(error.rustls(), Some(&Error::PeerMisbehaved(PeerMisbehaved::TooManyKeyUpdateRequests)));
}

/// N11: they hide how much was said (RFC 8446, 5.4).
#[test]
fn empty_records_are_no_news_and_no_end() {
    let (all, result) = forged(async |forger| {
        for words in [&b""[..], b"tea", b"", b"", b" time"] {
            forger.send(ContentType::ApplicationData, words).await.unwrap();
        }
        forger.send(ContentType::Alert, &[1, 0]).await.unwrap();
    });
    result.unwrap();
    assert_eq!(all, b"tea time");
}

/// N11: what was said before is heard, and nothing after.
#[test]
fn what_follows_the_end_in_the_same_piece_is_not_heard() {
    let (all, result) = forged(async |forger| {
        let mut wire = forger.record(ContentType::ApplicationData, b"tea");
        wire.extend(forger.record(ContentType::Alert, &[1, 0]));
        wire.extend(forger.record(ContentType::ApplicationData, b" and more"));
        wire.extend(b"nonsense");
        forger.stream.write_all(&wire).await.unwrap();
    });
    result.unwrap();
    assert_eq!(all, b"tea");
}

/// N11, E4.
#[test]
fn records_that_are_too_long_are_refused() {
    let long = refused(async |forger| {
        let _ = forger.send(ContentType::ApplicationData, &[7; 16 * 1024 + 1]).await;
    });
    assert_eq!(long.rustls(), Some(&Error::PeerSentOversizedRecord));
    let longer = refused(async |forger| forger.stream.write_all(&[23, 3, 3, 0xff, 0xff, 1, 2, 3]).await.unwrap());
    assert!(matches!(longer.rustls(), Some(Error::InvalidMessage(_))), "{longer:?}");
}

/// N11, E4.
#[test]
fn what_is_said_in_the_open_afterwards_is_refused() {
    let error = refused(async |forger| forger.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap());
    assert!(!error.is_not_tls(), "it was, before");
    let error = refused(async |forger| forger.stream.write_all(&[23, 3, 3, 0, 3, 116, 101, 97]).await.unwrap());
    assert_eq!(error.rustls(), Some(&Error::DecryptError));
}

/// N11: the name is in the words, too.
#[test]
fn an_alert_is_told_by_its_name() {
    for (number, alert) in [
        (10, AlertDescription::UnexpectedMessage),
        (40, AlertDescription::HandshakeFailure),
        (49, AlertDescription::AccessDenied),
        (80, AlertDescription::InternalError),
        (116, AlertDescription::CertificateRequired),
        (200, AlertDescription::Unknown(200)),
    ] {
        let error = refused(async move |forger| {
            let _ = forger.send(ContentType::Alert, &[2, number]).await;
        });
        assert_eq!(error.alert(), Some(alert));
        assert!(error.to_string().ends_with(&format!("the other side refuses: {alert:?}")), "{error}");
    }
}

/// N11: anybody can send one then.
#[test]
fn an_alert_instead_of_an_agreement_is_told_by_its_name() {
    for (number, alert) in [(40, AlertDescription::HandshakeFailure), (112, AlertDescription::UnrecognisedName)] {
        let mut stage = Stage::new();
        let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
        stage.there.spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(&[21, 3, 3, 0, 2, 2, number]).await?;
            stream.read_to_end(&mut Vec::new()).await?;
            fate::Ok(())
        });
        stage.here.spawn(async move {
            let error = error_of(&client.connect(&here, PORT).await.unwrap_err());
            assert_eq!((error.alert(), error.phase()), (Some(alert), Phase::Handshake));
            assert!(error.to_string().ends_with(&format!("the other side refuses: {alert:?}")), "{error}");
        });
        stage.sim.run().unwrap();
    }
}

/// N11: an end that nobody has vouched for is none.
#[test]
fn an_end_that_is_said_before_the_agreement_is_a_truncation() {
    let mut stage = Stage::new();
    let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
    stage.there.spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(&[21, 3, 3, 0, 2, 1, 0]).await?;
        stream.close().await?;
        stream.read_to_end(&mut Vec::new()).await?;
        fate::Ok(())
    });
    stage.here.spawn(async move {
        let error = error_of(&client.connect(&here, PORT).await.unwrap_err());
        assert!(error.phase() == Phase::Handshake && error.is_truncated(), "{error:?}");
    });
    stage.sim.run().unwrap();
}

/// N11, N5: in either direction no more than the marks and a few records is held.
#[test]
fn a_reader_that_stops_in_the_middle_holds_up_who_writes() {
    for is_by_protocol in [false, true] {
        let mut stage = Stage::new();
        let (listener, server, config) = (stage.listen(), stage.server(), config(&stage));
        stage.there.spawn(async move {
            let (stream, _) = server.accept(&listener).await.unwrap();
            stream.read_exact(&mut [0; 1]).await.unwrap();
            let _kept = match is_by_protocol {
                true => Ok(stream.drive(Stopping)),
                false => Err(stream),
            };
            futures_lite::future::pending::<()>().await;
        });
        let (here, sent) = (stage.here.clone(), std::rc::Rc::new(std::cell::Cell::new(0)));
        let count = sent.clone();
        stage.here.spawn(async move {
            let mut hand = Hand::new(config, here.connect_tcp(PORT).await.unwrap());
            hand.agree().await.unwrap();
            loop {
                hand.tell(&[7; 1000]).await.unwrap();
                count.set(count.get() + 1000);
            }
        });
        stage.sim.run_until(std::time::Duration::from_secs(60)).unwrap();
        assert!((10_000..600_000).contains(&sent.get()), "{}", sent.get());
    }
}

/// Reads nothing more.
struct Stopping;

impl fate::Protocol for Stopping {
    fn data_received(&mut self, transport: &fate::Transport, _: &[u8]) {
        transport.pause_reading();
    }
}
