//! What passes once the two have agreed, and how it ends.

use crate::stage::{PORT, Stage};
use fate::{Protocol, Reason, TcpStream, Transport};
use fate_tls::rustls::AlertDescription;
use fate_tls::{Phase, Session, TlsError};
use futures_lite::future::or;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

/// N11, N4.
#[test]
fn an_end_that_was_said_is_one_and_the_other_direction_stays_open() {
    let mut stage = Stage::new();
    let answering = async |mut stream: TcpStream, _| {
        let mut all = String::new();
        stream.read_to_string(&mut all).await?;
        stream.write_all(format!("{all}? that is all?").as_bytes()).await?;
        Ok(())
    };
    let asking = async |mut stream: TcpStream, _| {
        stream.write_all(b"tea").await?;
        stream.close().await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let sides = (stage.server(), stage.client());
    assert_eq!(stage.meet(sides, answering, asking).both().1, "tea? that is all?");
}

/// A host `between` that passes bytes on for a second, and then closes both connections without a word.
fn put_between(stage: &mut Stage) {
    let between = stage.sim.host("between");
    let door = between.listen_tcp("0.0.0.0:443").unwrap();
    between.clone().spawn(async move {
        let (near, _) = door.accept().await?;
        let far = between.connect_tcp(PORT).await?;
        let passing = or(pass_on(&near, &far), pass_on(&far, &near));
        let patience = async {
            between.sleep(Duration::from_secs(1)).await;
            Ok(())
        };
        or(passing, patience).await?;
        fate::Ok(())
    });
}

async fn pass_on(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count]).await?,
        }
    }
}

/// N11: what was said before is still read.
#[test]
fn an_end_that_was_not_said_is_told_apart() {
    let mut stage = Stage::new();
    put_between(&mut stage);
    let (listener, server, client) = (stage.listen(), stage.server(), stage.client());
    stage.there.spawn(async move {
        let (mut stream, _) = server.accept(&listener).await?;
        stream.write_all(b"tea").await?;
        stream.peer_closed().await;
        fate::Ok(())
    });
    let here = stage.here.clone();
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp("between:443").await?;
        client.wrap(&stream, "server").await?;
        let mut all = Vec::new();
        let error = stream.read_to_end(&mut all).await.unwrap_err();
        assert_eq!((&all[..], error.kind()), (&b"tea"[..], ErrorKind::UnexpectedEof));
        let error = TlsError::find(&error).expect("it is found");
        assert!(error.is_truncated() && error.phase() == Phase::Session);
        fate::Ok(())
    });
    stage.sim.run().unwrap();
    assert!(stage.sim.elapsed() > Duration::from_secs(1));
}

/// Notes why it has ended.
struct Ending(Rc<RefCell<Option<Reason>>>);

impl Protocol for Ending {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Transport, reason: Reason) {
        *self.0.borrow_mut() = Some(reason);
    }
}

/// N11, N1: a protocol too.
#[test]
fn a_protocol_is_told_of_either_end() {
    for is_cut_off in [true, false] {
        let mut stage = Stage::new();
        put_between(&mut stage);
        let (server, ended) = (stage.server(), Rc::new(RefCell::new(None)));
        let seen = ended.clone();
        let port = server.serve(stage.listen(), move |_, _| Ending(seen.clone()));
        let (client, here) = (stage.client(), stage.here.clone());
        stage.here.spawn(async move {
            let mut stream = here.connect_tcp("between:443").await?;
            client.wrap(&stream, "server").await?;
            stream.write_all(b"tea").await?;
            here.sleep(Duration::from_millis(if is_cut_off { 2000 } else { 500 })).await;
            port.stop();
            fate::Ok(())
        });
        stage.sim.run().unwrap();
        let reason = ended.take().expect("it is told");
        assert_eq!(reason.is_clean(), !is_cut_off, "{reason:?}");
        if is_cut_off {
            assert!(TlsError::find(&reason).expect("it is found").is_truncated());
        }
    }
}

/// N11, N3: the other side says nothing any more, and does not close.
#[test]
fn a_missing_answer_cannot_hang_a_close() {
    let mut stage = Stage::new();
    let hanging = async |stream: TcpStream, _| {
        futures_lite::future::pending::<()>().await;
        drop(stream);
        Ok(())
    };
    let outcome = stage.begin((stage.server(), stage.client()), hanging, async |_, _| Ok(()));
    stage.sim.run_until(Duration::from_secs(3)).unwrap();
    assert!(matches!(outcome.borrow().client, Some(Ok(()))));
    assert!(stage.here.report().live.is_empty(), "{:?}", stage.here.report());
}

/// N11, N2, N5.
#[test]
fn much_goes_both_ways_at_once_over_a_bad_network() {
    let much: Rc<Vec<u8>> = Rc::new((0..3_000_000u32).map(|number| (number.wrapping_mul(number) >> 5) as u8).collect());
    let mut stage = Stage::new();
    let latency = Duration::from_millis(1)..Duration::from_millis(5);
    stage.sim.link("client", "server").latency(latency).loss(0.01).bandwidth(20_000_000);
    let exchange = |much: Rc<Vec<u8>>| {
        async move |stream: TcpStream, _: Session| {
            let writing = async {
                (&stream).write_all(&much).await?;
                (&stream).close().await
            };
            let mut all = Vec::new();
            let reading = async { (&stream).read_to_end(&mut all).await };
            let (written, read) = futures_lite::future::zip(writing, reading).await;
            written?;
            read?;
            assert!(all == *much);
            Ok(())
        }
    };
    let sides = (stage.server(), stage.client());
    stage.meet(sides, exchange(much.clone()), exchange(much)).both();
}

/// N5: who does not read holds up who writes, and is not waited for in memory.
#[test]
fn a_writer_waits_for_a_reader_through_encryption() {
    let mut stage = Stage::new();
    let idle = async |stream: TcpStream, _| {
        futures_lite::future::pending::<()>().await;
        drop(stream);
        Ok(())
    };
    let (here, sent) = (stage.here.clone(), Rc::new(Cell::new(0)));
    let count = sent.clone();
    let writing = async move |mut stream: TcpStream, _| {
        while here.now().duration_since(fate::Instant::START) < Duration::from_secs(60) {
            count.set(count.get() + stream.write(&[7; 10_000]).await?);
        }
        Ok(())
    };
    let outcome = stage.begin((stage.server(), stage.client()), idle, writing);
    stage.sim.run_until(Duration::from_secs(100)).unwrap();
    assert!(outcome.borrow().client.is_none(), "it waits");
    assert!((100_000..5_000_000).contains(&sent.get()), "{}", sent.get());
}

/// N11, E4: somebody changes a bit on the way.
#[test]
fn what_was_tampered_with_ends_the_connection_and_the_sender_gets_an_alert() {
    let mut stage = Stage::new();
    let between = stage.sim.host("between");
    let door = between.listen_tcp("0.0.0.0:443").unwrap();
    between.clone().spawn(async move {
        let (near, _) = door.accept().await?;
        let far = between.connect_tcp(PORT).await?;
        let tampering = async {
            let (mut buffer, mut from, mut to) = ([0; 4096], &near, &far);
            loop {
                let count = from.read(&mut buffer).await?;
                if between.now().duration_since(fate::Instant::START) > Duration::from_secs(1) {
                    buffer[count.saturating_sub(1)] ^= 1;
                }
                to.write_all(&buffer[..count]).await?;
                if count == 0 {
                    return io::Result::Ok(());
                }
            }
        };
        futures_lite::future::zip(tampering, pass_on(&far, &near)).await.1?;
        fate::Ok(())
    });
    let (listener, server, client) = (stage.listen(), stage.server(), stage.client());
    stage.there.spawn(async move {
        let (mut stream, _) = server.accept(&listener).await?;
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let error = TlsError::find(&error).expect("it is found");
        assert_eq!((error.phase(), error.rustls()), (Phase::Session, Some(&fate_tls::rustls::Error::DecryptError)));
        fate::Ok(())
    });
    let here = stage.here.clone();
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp("between:443").await?;
        client.wrap(&stream, "server").await?;
        here.sleep(Duration::from_secs(2)).await;
        stream.write_all(b"tea").await?;
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        let error = TlsError::find(&error).expect("it is found");
        assert_eq!(error.alert(), Some(AlertDescription::BadRecordMac));
        fate::Ok(())
    });
    stage.sim.run().unwrap();
}
