//! N11's other half on each driver, where a layer comes too late: the other side has ended already, or ends before both have agreed.

use fate::{Fate, Flow, Layer, TcpStream};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    who_has_ended_before_the_layer_was_set_is_not_waited_for,
    an_end_from_before_is_one_if_the_layer_says_so,
    what_came_before_the_layer_is_judged_by_it_while_the_wire_stays_open,
    what_is_held_when_the_other_side_ends_holds_up_no_close,
    who_waits_for_a_layer_goes_with_the_fate,
}

/// The other side says `!` first and `.` last, and between them whatever it likes.
#[derive(Default)]
struct Exclaiming {
    has_begun: bool,
    has_ended: bool,
}

impl Layer for Exclaiming {
    fn is_ready(&self) -> bool {
        self.has_begun
    }

    fn received(&mut self, _: &Fate, wire: &[u8], flow: &mut Flow) -> io::Result<()> {
        for &byte in wire {
            match byte {
                b'!' => self.has_begun = true,
                b'.' => self.has_ended = true,
                b'?' => return Err(ErrorKind::InvalidData.into()),
                other => flow.plain.push(other),
            }
        }
        flow.is_ended = self.has_ended;
        Ok(())
    }

    fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
        wire.extend_from_slice(plain);
        Ok(())
    }

    fn cut_off(&mut self) -> io::Result<()> {
        if self.has_ended { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

/// A stream to which somebody has said a line, and these words behind it, and then no more; the line is read.
async fn after_the_end(fate: &Fate, words: &[u8]) -> TcpStream {
    let listener = listening(fate);
    let mut there = connected(fate, listener.local_addr()).await;
    let (here, _) = listener.accept().await.unwrap();
    there.write_all(&[b"begin\n", words].concat()).await.unwrap();
    there.close().await.unwrap();
    assert_eq!(here.read_line(80).await.unwrap().as_deref(), Some("begin"));
    // The end is noticed by whoever asks for more than there is.
    let asking = here.read_exact(&mut [0; 100]).await;
    assert_eq!(asking.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    drop(fate.spawn(async move { there.read_to_end(&mut Vec::new()).await.map(drop) }).add_both(drop));
    here
}

/// N11.
fn who_has_ended_before_the_layer_was_set_is_not_waited_for(ground: &Ground) {
    ground.run(async |fate| {
        for (words, kind) in
            [(&b""[..], ErrorKind::UnexpectedEof), (b"tea", ErrorKind::UnexpectedEof), (b"?", ErrorKind::InvalidData)]
        {
            let mut stream = after_the_end(fate, words).await;
            let failure = stream.set_layer(Exclaiming::default()).await.unwrap_err();
            assert_eq!(failure.check::<io::Error>().unwrap().kind(), kind);
            assert!(stream.read_to_end(&mut Vec::new()).await.is_err(), "that was no end");
            assert!(stream.write(b"tea").await.is_err());
            // And a protocol is told.
            let record = Record::default();
            let transport = after_the_end(fate, words).await.drive(Recorder::half_open(&record));
            transport.pause_reading();
            let failure = transport.set_layer(Exclaiming::default()).await.unwrap_err();
            assert_eq!(failure.check::<io::Error>().unwrap().kind(), kind);
            record.wait_for(fate, "lost").await;
        }
    });
}

/// N11.
fn an_end_from_before_is_one_if_the_layer_says_so(ground: &Ground) {
    ground.run(async |fate| {
        for (words, is_whole) in [(b"!tea.", true), (b"!tea ", false)] {
            let mut stream = after_the_end(fate, words).await;
            stream.set_layer(Exclaiming::default()).await.unwrap();
            let mut all = Vec::new();
            let result = stream.read_to_end(&mut all).await;
            assert_eq!((&all[..3], result.is_ok()), (&b"tea"[..], is_whole));
            stream.write_all(b"thank you").await.unwrap();
        }
    });
}

/// N11.
fn what_came_before_the_layer_is_judged_by_it_while_the_wire_stays_open(ground: &Ground) {
    ground.run(async |fate| {
        for (words, is_refused) in [(&b"!tea."[..], false), (b"!tea?", true)] {
            let listener = listening(fate);
            let mut there = connected(fate, listener.local_addr()).await;
            let (mut here, _) = listener.accept().await.unwrap();
            there.write_all(&[b"begin\n", words].concat()).await.unwrap();
            assert_eq!(here.read_line(80).await.unwrap().as_deref(), Some("begin"));
            // More is asked for, and the asking given up: it is still under way when the layer is set.
            let asking = async { drop(here.read_exact(&mut [0; 100]).await) };
            futures_lite::future::or(asking, fate.sleep(Duration::from_millis(5))).await;
            let agreed = here.set_layer(Exclaiming::default()).await;
            let mut all = Vec::new();
            let result = here.read_to_end(&mut all).await;
            assert!(agreed.is_ok() && all == b"tea");
            match is_refused {
                true => assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidData),
                false => {
                    here.write_all(b"thank you").await.unwrap();
                    there.read_exact(&mut [0; 9]).await.unwrap();
                }
            }
            // The other side sees the end, whoever goes first.
            drop(here);
            let _ = there.read_to_end(&mut Vec::new()).await;
        }
    });
}

/// N11, N3.
fn what_is_held_when_the_other_side_ends_holds_up_no_close(ground: &Ground) {
    let fate = ground.fate();
    fate.run_until(async {
        let listener = listening(&fate);
        let mut there = connected(&fate, listener.local_addr()).await;
        let (mut here, _) = listener.accept().await.unwrap();
        let agreed = here.set_layer(Exclaiming::default());
        here.write_all(b"held").await.unwrap();
        let drained = here.drained(&fate);
        there.close().await.unwrap();
        assert!(agreed.await.is_err() && drained.await.is_err());
        assert_eq!(here.buffered(), 0);
        there.read_to_end(&mut Vec::new()).await.unwrap();
    });
    // Nothing is left that a run would go on for.
    let began = fate.now();
    fate.run().unwrap();
    assert!(fate.now().duration_since(began) < Duration::from_secs(1));
}

/// L7: the stream is in the hand of who waits for the layer, and that in the hand of the connection.
fn who_waits_for_a_layer_goes_with_the_fate(ground: &Ground) {
    if ground.is_simulated() {
        // The other end is to outlive this one.
        return;
    }
    for is_shut_down in [true, false] {
        let ground = ground.another();
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (fate, token) = (ground.fate(), Rc::new(()));
        let kept = token.clone();
        fate.run_until(async {
            let stream = connected(&fate, server.local_addr().unwrap()).await;
            let agreed = stream.set_layer(Exclaiming::default());
            drop(agreed.add_both(move |_| drop((stream, kept))));
            fate.sleep(Duration::from_millis(2)).await;
        });
        let (mut there, _) = server.accept().unwrap();
        if is_shut_down {
            fate.shutdown();
            fate.run().unwrap();
        }
        drop(fate);
        // Closed or reset: but not open for ever.
        there.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        match there.read(&mut [0]) {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        if is_shut_down {
            // A Fate that is only dropped leaves circles alone, such as this one.
            assert_eq!(Rc::strong_count(&token), 1, "whoever waited is gone");
        }
    }
}
