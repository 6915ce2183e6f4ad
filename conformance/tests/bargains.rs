//! Layers in awkward moments, on each driver: one side goes, closes or writes before the two have agreed, or after it said its last
//! word. Each of these once went wrong.

use fate::{Fate, Flow, Layer, Protocol, Reason, TcpStream, Transport};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

on_each_driver! {
    what_is_held_is_drained_once_it_was_written,
    what_comes_to_nothing_on_the_wire_is_drained_too,
    a_peer_that_goes_before_they_agree_ends_the_closing,
    a_peer_that_goes_before_they_agree_is_told_whatever_the_layer_says,
    a_refusal_is_heard_although_something_was_held,
    writing_calls_nobody_back_when_the_layer_fails,
    one_side_may_finish_before_they_agree,
    a_layer_may_answer_when_this_side_has_finished,
    closing_before_they_agree_is_told_at_once,
}

const MOMENT: Duration = Duration::from_millis(1);

/// Says "hi", agrees after so many bytes and answers each of them, and a question at any time; says "." at the end.
struct Bargain {
    needed: usize,
    is_mute: bool,
    fails: bool,
}

fn bargain(needed: usize) -> Bargain {
    Bargain { needed, is_mute: false, fails: false }
}

impl Layer for Bargain {
    fn begin(&mut self, _: &Fate, wire: &mut Vec<u8>) -> io::Result<()> {
        wire.extend(b"hi");
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.needed == 0
    }

    fn received(&mut self, _: &Fate, wire: &[u8], flow: &mut Flow) -> io::Result<()> {
        for &byte in wire {
            match byte {
                b'!' => {
                    flow.wire.extend(b"alert");
                    return Err(ErrorKind::InvalidData.into());
                }
                b'?' => flow.wire.extend(b"#"),
                _ if self.needed > 0 => {
                    self.needed -= 1;
                    flow.wire.extend(b"#");
                }
                plain => flow.plain.push(plain),
            }
        }
        Ok(())
    }

    fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
        if self.fails {
            return Err(ErrorKind::InvalidData.into());
        }
        if !self.is_mute {
            wire.extend(plain);
        }
        Ok(())
    }

    fn finish(&mut self, wire: &mut Vec<u8>) {
        wire.extend(b".");
    }
}

async fn pair(fate: &Fate) -> (TcpStream, TcpStream) {
    let listener = listening(fate);
    let open = connected(fate, listener.local_addr()).await;
    (listener.accept().await.unwrap().0, open)
}

/// One end driven by a recorder, and the other.
async fn recorded(fate: &Fate, record: &Record) -> (Transport, TcpStream) {
    let (layered, open) = pair(fate).await;
    let transport = layered.drive(Recorder::new(record));
    record.wait_for(fate, "made").await;
    (transport, open)
}

/// N2, N11.
fn what_is_held_is_drained_once_it_was_written(ground: &Ground) {
    ground.run(async |fate| {
        let (layered, mut open) = pair(fate).await;
        let agreed = layered.set_layer(bargain(2));
        (&layered).write_all(b"early").await.unwrap();
        let is_drained = Rc::new(Cell::new(false));
        let told = is_drained.clone();
        let drained = layered.drained(fate).add_callback(move |()| told.set(true));
        open.write_all(b"1").await.unwrap();
        open.read_exact(&mut [0; 3]).await.unwrap();
        fate.sleep(MOMENT).await;
        assert!(!is_drained.get(), "it is held still");
        open.write_all(b"2").await.unwrap();
        agreed.await.unwrap();
        drained.await.unwrap();
    });
}

/// N2, N11.
fn what_comes_to_nothing_on_the_wire_is_drained_too(ground: &Ground) {
    ground.run(async |fate| {
        let (layered, mut open) = pair(fate).await;
        let agreed = layered.set_layer(Bargain { is_mute: true, ..bargain(1) });
        (&layered).write_all(b"a long word indeed").await.unwrap();
        let drained = layered.drained(fate);
        open.write_all(b"1").await.unwrap();
        agreed.await.unwrap();
        drained.await.unwrap();
        (&layered).flush().await.unwrap();
    });
}

/// N1, N3, N11.
fn a_peer_that_goes_before_they_agree_ends_the_closing(ground: &Ground) {
    ground.run(async |fate| {
        let record = Record::default();
        let (transport, open) = recorded(fate, &record).await;
        let agreed = transport.set_layer(bargain(1));
        transport.write(b"early");
        transport.lose_connection();
        fate.sleep(MOMENT).await;
        drop(open);
        assert!(agreed.await.is_err());
        let lost = async { record.wait_for(fate, "lost").await };
        let late = fate.spawn(fate.sleep(Duration::from_secs(5)));
        futures_lite::future::or(lost, async { late.await.map(|()| panic!("nobody is told")).unwrap() }).await;
    });
}

/// N1, N11.
fn a_peer_that_goes_before_they_agree_is_told_whatever_the_layer_says(ground: &Ground) {
    let fate = ground.fate();
    let record = Record::default();
    let (kept, here) = (record.clone(), fate.clone());
    fate.spawn(async move {
        let (transport, open) = recorded(&here, &kept).await;
        let agreed = transport.set_layer(bargain(1));
        transport.write(b"early");
        here.sleep(MOMENT).await;
        drop(open);
        assert!(agreed.await.is_err());
        fate::Ok(())
    });
    fate.run().unwrap();
    assert_eq!(record.count("lost"), 1, "{:?}", record.words());
}

/// N11, E4.
fn a_refusal_is_heard_although_something_was_held(ground: &Ground) {
    ground.run(async |fate| {
        let record = Record::default();
        let (transport, mut open) = recorded(fate, &record).await;
        let agreed = transport.set_layer(bargain(2));
        transport.write(b"early");
        open.write_all(b"!").await.unwrap();
        let mut last = String::new();
        open.read_to_string(&mut last).await.unwrap();
        assert_eq!(last, "hialert");
        assert!(agreed.await.is_err());
    });
}

/// Notes whether it is called while somebody writes.
struct InPlace {
    is_writing: Rc<Cell<bool>>,
    is_called_in_place: Rc<Cell<bool>>,
}

impl Protocol for InPlace {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Transport, _: Reason) {
        self.is_called_in_place.set(self.is_writing.get());
    }
}

/// N1, N2.
fn writing_calls_nobody_back_when_the_layer_fails(ground: &Ground) {
    ground.run(async |fate| {
        let (layered, _open) = pair(fate).await;
        let (is_writing, in_place) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let protocol = InPlace { is_writing: is_writing.clone(), is_called_in_place: in_place.clone() };
        let transport = layered.drive(protocol);
        fate.sleep(MOMENT).await;
        transport.set_layer(Bargain { fails: true, ..bargain(0) }).await.unwrap();
        is_writing.set(true);
        transport.write(b"tea");
        is_writing.set(false);
        assert!(!in_place.get());
    });
}

/// N4, N11.
fn one_side_may_finish_before_they_agree(ground: &Ground) {
    ground.run(async |fate| {
        let (mut layered, mut open) = pair(fate).await;
        let agreed = layered.set_layer(bargain(2));
        layered.close().await.unwrap();
        fate.sleep(MOMENT).await;
        open.write_all(b"1").await.unwrap();
        fate.sleep(MOMENT).await;
        open.write_all(b"2hello").await.unwrap();
        open.close().await.unwrap();
        agreed.await.unwrap();
        let mut said = String::new();
        open.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "hi##.");
    });
}

/// N4, N11.
fn a_layer_may_answer_when_this_side_has_finished(ground: &Ground) {
    ground.run(async |fate| {
        let record = Record::default();
        let (transport, mut open) = recorded(fate, &record).await;
        let agreed = transport.set_layer(bargain(1));
        open.write_all(b"1").await.unwrap();
        agreed.await.unwrap();
        transport.lose_write_connection();
        let mut said = String::new();
        open.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "hi#.");
        open.write_all(b"?").await.unwrap();
        fate.sleep(MOMENT).await;
        open.write_all(b"tea").await.unwrap();
        open.close().await.unwrap();
        record.wait_for(fate, "lost").await;
        assert_eq!(record.words(), ["made", "data", "eof", "lost: closed"]);
    });
}

/// N11.
fn closing_before_they_agree_is_told_at_once(ground: &Ground) {
    ground.run(async |fate| {
        let (layered, open) = pair(fate).await;
        let agreed = layered.set_layer(bargain(1));
        fate.sleep(MOMENT).await;
        drop(layered);
        let failure = agreed.await.unwrap_err();
        assert_eq!(failure.check::<io::Error>().unwrap().kind(), ErrorKind::NotConnected);
        drop(open);
    });
}
