//! N11's other half on each driver: what a layer is to a connection. Encryption itself is elsewhere.

use fate::framing::{FrameProtocol, FrameTransport, Framed, Lines};
use fate::{Fate, Flow, Layer, Protocol, Reason, TcpStream, Transport};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;

on_each_driver! {
    a_layer_changes_what_is_on_the_wire_and_nothing_for_whoever_speaks,
    what_is_written_before_the_two_sides_agree_is_held_and_sent_then,
    closing_says_goodbye_and_that_is_told_apart_from_being_cut_off,
    a_layer_can_be_set_in_mid_stream_and_takes_what_came_behind_the_word,
    what_a_layer_refuses_ends_the_connection_after_its_last_words,
    a_layer_that_is_not_ready_when_the_wire_ends_says_so,
    cancelling_the_agreement_aborts_the_connection,
    there_is_one_layer_at_most,
    one_side_may_finish_and_go_on_reading,
}

const HELLO: &[u8] = b"HELLO";
const GOODBYE: u8 = 0xff;
const NONSENSE: u8 = 0xfe;

/// Both sides say hello, and then what they say in a secret way, and goodbye.
#[derive(Default)]
struct Secret {
    greeted: usize,
    has_said_goodbye: bool,
}

impl Layer for Secret {
    fn begin(&mut self, _: &Fate, wire: &mut Vec<u8>) -> io::Result<()> {
        wire.extend_from_slice(HELLO);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.greeted == HELLO.len()
    }

    fn received(&mut self, _: &Fate, wire: &[u8], flow: &mut Flow) -> io::Result<()> {
        for &byte in wire {
            match byte {
                _ if !self.is_ready() && byte == HELLO[self.greeted] => self.greeted += 1,
                _ if !self.is_ready() => return Err(io::Error::new(ErrorKind::InvalidData, "no hello")),
                NONSENSE => {
                    flow.wire.extend_from_slice(b"!");
                    return Err(io::Error::new(ErrorKind::InvalidData, "nonsense"));
                }
                GOODBYE => self.has_said_goodbye = true,
                secret => flow.plain.push(secret ^ 0x55),
            }
        }
        flow.is_ended = self.has_said_goodbye;
        Ok(())
    }

    fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> io::Result<()> {
        wire.extend(plain.iter().map(|byte| byte ^ 0x55));
        Ok(())
    }

    fn finish(&mut self, wire: &mut Vec<u8>) {
        wire.push(GOODBYE);
    }

    fn cut_off(&mut self) -> io::Result<()> {
        if self.has_said_goodbye { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

/// Two ends of a connection, the second of which says everything openly.
async fn pair(fate: &Fate) -> (TcpStream, TcpStream) {
    let listener = listening(fate);
    let open = connected(fate, listener.local_addr()).await;
    (listener.accept().await.unwrap().0, open)
}

fn secretly(words: &[u8]) -> Vec<u8> {
    words.iter().map(|byte| byte ^ 0x55).collect()
}

/// N11, D10.
fn a_layer_changes_what_is_on_the_wire_and_nothing_for_whoever_speaks(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let client = connected(fate, listener.local_addr()).await;
        let server = listener.accept().await.unwrap().0;
        let agreed = client.set_layer(Secret::default());
        server.set_layer(Secret::default()).await.unwrap();
        agreed.await.unwrap();
        (&client).write_all(b"tea\nspoon").await.unwrap();
        assert_eq!(server.read_line(80).await.unwrap().as_deref(), Some("tea"));
        let mut spoon = [0; 5];
        server.read_exact(&mut spoon).await.unwrap();
        assert_eq!(&spoon, b"spoon");
        let much: Vec<u8> = (0..1_000_000u32).map(|number| (number % 100) as u8).collect();
        let writing = async { (&server).write_all(&much).await.unwrap() };
        let mut read = vec![0; much.len()];
        futures_lite::future::zip(writing, async { client.read_exact(&mut read).await.unwrap() }).await;
        assert!(read == much);
    });
}

/// N2, N11.
fn what_is_written_before_the_two_sides_agree_is_held_and_sent_then(ground: &Ground) {
    ground.run(async |fate| {
        let (secret, open) = pair(fate).await;
        let record = Record::default();
        let transport = secret.drive(Recorder::new(&record));
        record.wait_for(fate, "made").await;
        let agreed = transport.set_layer(Secret::default());
        transport.write(b"early");
        let drained = transport.drained();
        transport.lose_connection();
        let mut hello = [0; 5];
        open.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello, HELLO);
        assert!(transport.buffered() >= 5, "it waits for the other side");
        (&open).write_all(HELLO).await.unwrap();
        agreed.await.unwrap();
        drained.await.unwrap();
        let mut rest = Vec::new();
        (&open).read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, [&secretly(b"early")[..], &[GOODBYE]].concat());
        record.wait_for(fate, "lost").await;
        assert_eq!(record.words().last().map(String::as_str), Some("lost: closed"));
    });
}

/// N11.
fn closing_says_goodbye_and_that_is_told_apart_from_being_cut_off(ground: &Ground) {
    ground.run(async |fate| {
        for says_goodbye in [true, false] {
            let (secret, mut open) = pair(fate).await;
            open.write_all(HELLO).await.unwrap();
            secret.set_layer(Secret::default()).await.unwrap();
            open.write_all(&secretly(b"tea")).await.unwrap();
            if says_goodbye {
                open.write_all(&[GOODBYE]).await.unwrap();
            }
            open.close().await.unwrap();
            let mut read = Vec::new();
            let outcome = (&secret).read_to_end(&mut read).await;
            assert_eq!(read, b"tea", "what came before is read in either case");
            match says_goodbye {
                true => assert_eq!(outcome.unwrap(), 3),
                false => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::UnexpectedEof),
            }
            drop(secret);
            let mut last = Vec::new();
            open.read_to_end(&mut last).await.unwrap();
            assert_eq!(last, [HELLO, &[GOODBYE]].concat());
        }
    });
}

/// A server of lines that goes over to the secret way when it is told to.
struct Switching(Rc<RefCell<Vec<String>>>);

impl FrameProtocol for Switching {
    fn frame_received(&mut self, transport: &FrameTransport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        if line == "STARTTLS" {
            transport.send(b"ready");
            drop(transport.transport().set_layer(Secret::default()));
        }
        self.0.borrow_mut().push(line);
    }
}

/// N11, N12: nothing that came openly behind the word is taken for a line.
fn a_layer_can_be_set_in_mid_stream_and_takes_what_came_behind_the_word(ground: &Ground) {
    ground.run(async |fate| {
        let lines = Rc::new(RefCell::new(Vec::new()));
        let (listener, kept) = (listening(fate), lines.clone());
        let address = listener.local_addr();
        listener.serve(move |_| Framed::new(Lines::new(80), Switching(kept.clone())));
        let mut client = connected(fate, address).await;
        let secret = secretly(b"in secret\n");
        client.write_all(&[b"EHLO\nSTARTTLS\n", HELLO, &secret[..]].concat()).await.unwrap();
        assert_eq!(client.read_line(80).await.unwrap().as_deref(), Some("ready"));
        let mut hello = [0; 5];
        client.read_exact(&mut hello).await.unwrap();
        client.write_all(&[&secretly(b"more\n")[..], &[GOODBYE]].concat()).await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(*lines.borrow(), ["EHLO", "STARTTLS", "in secret", "more"]);
        let mut injecting = connected(fate, address).await;
        injecting.write_all(b"STARTTLS\nRSET\n").await.unwrap();
        injecting.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(lines.borrow().last().map(String::as_str), Some("STARTTLS"), "what is injected is not heard");
    });
}

/// N11, E4.
fn what_a_layer_refuses_ends_the_connection_after_its_last_words(ground: &Ground) {
    ground.run(async |fate| {
        let (secret, mut open) = pair(fate).await;
        let record = Record::default();
        let transport = secret.drive(Recorder::new(&record));
        record.wait_for(fate, "made").await;
        open.write_all(HELLO).await.unwrap();
        transport.set_layer(Secret::default()).await.unwrap();
        open.write_all(&[NONSENSE]).await.unwrap();
        let mut last = Vec::new();
        open.read_to_end(&mut last).await.unwrap();
        assert_eq!(last, [HELLO, b"!"].concat());
        record.wait_for(fate, "lost").await;
        assert_eq!(record.words(), ["made", "lost: the protocol failed"]);
        // And to a stream.
        let (secret, mut open) = pair(fate).await;
        open.write_all(b"HOLA").await.unwrap();
        let refused = secret.set_layer(Secret::default()).await.unwrap_err();
        assert_eq!(refused.check::<io::Error>().unwrap().kind(), ErrorKind::InvalidData);
        assert_eq!((&secret).read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::InvalidData);
    });
}

/// N11.
fn a_layer_that_is_not_ready_when_the_wire_ends_says_so(ground: &Ground) {
    ground.run(async |fate| {
        let (secret, mut open) = pair(fate).await;
        let agreed = secret.set_layer(Secret::default());
        open.write_all(b"HEL").await.unwrap();
        drop(open);
        let failure = agreed.await.unwrap_err();
        let error = failure.check::<io::Error>().unwrap();
        assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error:?}");
    });
}

/// N11, D4.
fn cancelling_the_agreement_aborts_the_connection(ground: &Ground) {
    ground.run(async |fate| {
        let (secret, open) = pair(fate).await;
        let agreed = secret.set_layer(Secret::default());
        agreed.cancel();
        assert!(agreed.await.unwrap_err().check::<fate::Cancelled>().is_some());
        assert_eq!((&secret).read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::NotConnected);
        open.peer_closed().await;
    });
}

/// N11.
fn there_is_one_layer_at_most(ground: &Ground) {
    ground.run(async |fate| {
        let (secret, mut open) = pair(fate).await;
        open.write_all(HELLO).await.unwrap();
        secret.set_layer(Secret::default()).await.unwrap();
        assert!(secret.set_layer(Secret::default()).await.is_err());
        (&secret).write_all(b"tea").await.unwrap();
        let mut said = [0; 8];
        open.read_exact(&mut said).await.unwrap();
        assert_eq!(said[5..], secretly(b"tea"));
    });
}

/// Answers when the other side has said everything.
struct Answering;

impl Protocol for Answering {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn eof_received(&mut self, transport: &Transport) {
        transport.write(b"that is all?");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Transport, reason: Reason) {
        assert!(reason.is_clean(), "{reason}");
    }
}

/// N4, N11.
fn one_side_may_finish_and_go_on_reading(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let mut client = connected(fate, listener.local_addr()).await;
        let server = listener.accept().await.unwrap().0;
        let agreed = client.set_layer(Secret::default());
        server.set_layer(Secret::default()).await.unwrap();
        server.drive(Answering);
        agreed.await.unwrap();
        client.write_all(b"tea").await.unwrap();
        client.close().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "that is all?");
    });
}
