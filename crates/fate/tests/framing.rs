//! N12: frames over a connection, told and asked for.

mod log;

use fate::framing::{FrameError, FrameProtocol, FrameTransport, Framed, Framing, LengthPrefix, Lines, Netstrings};
use fate::sim::Sim;
use fate::{Fate, Reason, TcpStream, Transport, Written};
use futures_lite::future::or;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use log::{Log, MILLISECOND, SECOND};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;

type Act = dyn FnMut(&str, &FrameTransport<'_>, &[u8]);

/// Notes what it is told, and then does what the test wants.
struct Speaker {
    log: Log<String>,
    act: Box<Act>,
    answers_refusals: bool,
}

impl Speaker {
    fn note(&mut self, word: &str, transport: &FrameTransport<'_>, bytes: &[u8]) {
        self.log.note(format!("{word} {}", bytes.escape_ascii()).trim_end().into());
        (self.act)(word, transport, bytes);
    }
}

impl FrameProtocol for Speaker {
    fn connection_made(&mut self, transport: &FrameTransport<'_>) {
        self.note("made", transport, &[]);
    }

    fn frame_received(&mut self, transport: &FrameTransport<'_>, frame: &[u8]) {
        self.note("frame", transport, frame);
    }

    fn raw_data_received(&mut self, transport: &FrameTransport<'_>, bytes: &[u8]) {
        self.note("raw", transport, bytes);
    }

    fn frame_refused(&mut self, transport: &FrameTransport<'_>, error: FrameError) {
        self.note("refused", transport, error.to_string().as_bytes());
        if !self.answers_refusals {
            transport.fail(error);
        }
    }

    fn eof_received(&mut self, transport: &FrameTransport<'_>, unfinished: &[u8]) {
        self.note("eof", transport, unfinished);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, transport: &FrameTransport<'_>, reason: Reason) {
        let cause = std::error::Error::source(&reason).map(ToString::to_string);
        self.note("lost", transport, format!("{reason} {}", cause.unwrap_or_default()).trim().as_bytes());
    }
}

/// A connection between a [`Speaker`] and a task.
struct Talk {
    log: Log<String>,
    act: Box<Act>,
    answers_refusals: bool,
}

impl Default for Talk {
    fn default() -> Talk {
        Talk { log: Log::default(), act: Box::new(|_, _, _| ()), answers_refusals: false }
    }
}

impl Talk {
    fn acting(act: impl FnMut(&str, &FrameTransport<'_>, &[u8]) + 'static) -> Talk {
        Talk { act: Box::new(act), ..Talk::default() }
    }

    /// Has the task talk, and gives what the speaker was told in the whole.
    fn with<S: Future<Output = ()> + 'static>(
        self,
        framing: impl Framing,
        script: impl FnOnce(Fate, TcpStream, Log<String>) -> S + 'static,
    ) -> Vec<String> {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
        let address = listener.local_addr().to_string();
        let log = self.log.clone();
        let speaker = Speaker { log: self.log, act: self.act, answers_refusals: self.answers_refusals };
        let mut speaker = Some(Framed::new(framing, speaker));
        let port = listener.serve(move |_| speaker.take().expect("one connection is made"));
        let (here, noted) = (fate.clone(), log.clone());
        fate.spawn(async move {
            let stream = here.connect_tcp(&address).await.unwrap();
            script(here, stream, noted).await;
            port.stop();
        });
        sim.run().unwrap();
        assert!(sim.leaks().is_empty(), "{:?}", sim.leaks());
        log.take()
    }
}

/// Writes pieces a millisecond apart, so that they come one by one.
async fn write_apart(fate: &Fate, stream: &mut TcpStream, pieces: &[&[u8]]) {
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        fate.sleep(MILLISECOND).await;
    }
}

/// N12, N1: and what else happens to a connection is passed on.
#[test]
fn lines_are_told_one_by_one_however_they_come() {
    let told = Talk::default().with(Lines::new(80), async |fate, mut stream, _| {
        write_apart(&fate, &mut stream, &[b"a\r\nb\nc", b"", b"c\r", b"\n\n", b"un", b"finished"]).await;
    });
    assert_eq!(told, ["made", "frame a", "frame b", "frame cc", "frame", "eof unfinished", "lost closed"]);
}

/// N12: with each framing, what is sent as a frame is told as that frame.
#[test]
fn frames_are_sent_as_they_are_told() {
    let framings: [Rc<dyn Framing>; 5] = [
        Rc::new(Lines::crlf(80)),
        Rc::new(Lines::delimited(b"\0", 80)),
        Rc::new(LengthPrefix::u8(80)),
        Rc::new(LengthPrefix::u32(80).little_endian()),
        Rc::new(Netstrings::new(80)),
    ];
    for framing in framings {
        let echo = Talk::acting(|word, transport, frame| {
            if word == "frame" {
                assert_eq!(transport.send(frame), Written::Taken);
            }
        });
        let (ours, theirs) = (Shared(framing.clone()), Shared(framing));
        let told = echo.with(theirs, async move |_, stream, _| {
            for frame in [&b"mock turtle"[..], b"", b"g"] {
                stream.write_frame(&ours, frame).await.unwrap();
                assert_eq!(stream.read_frame(&ours).await.unwrap().unwrap(), frame);
            }
        });
        assert_eq!(told, ["made", "frame mock turtle", "frame", "frame g", "eof", "lost closed"]);
    }
}

/// A framing behind a pointer.
struct Shared(Rc<dyn Framing>);

impl Framing for Shared {
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<fate::framing::Found>, FrameError> {
        self.0.find(bytes, seen)
    }

    fn longest(&self) -> usize {
        self.0.longest()
    }

    fn envelope(&self, frame: &[u8]) -> Result<fate::framing::Envelope<'_>, FrameError> {
        self.0.envelope(frame)
    }
}

/// N12, N5: pausing in the middle of a piece holds the rest of it back, and the end.
#[test]
fn frames_that_are_there_already_wait_while_reading_is_paused() {
    let kept: Rc<RefCell<Option<Transport>>> = Rc::default();
    let keeper = kept.clone();
    let pauser = Talk::acting(move |word, transport, _| {
        if word == "frame" {
            transport.pause_reading();
            *keeper.borrow_mut() = Some(transport.transport().clone());
        }
    });
    let told = pauser.with(Lines::new(80), async move |fate, mut stream, log| {
        stream.write_all(b"one\ntwo\nthree\nfo").await.unwrap();
        stream.close().await.unwrap();
        for told in [1, 2, 3] {
            fate.sleep(SECOND).await;
            let frames = log.len() - 1;
            assert_eq!(frames, told);
            kept.borrow().as_ref().unwrap().resume_reading();
        }
        fate.sleep(SECOND).await;
        kept.take();
    });
    assert_eq!(told, ["made", "frame one", "frame two", "frame three", "eof fo", "lost closed"]);
}

/// N12, N5: who asks much and reads nothing does not make the answers pile up.
#[test]
fn frames_that_are_there_already_wait_while_too_much_is_to_be_sent() {
    let most = Rc::new(RefCell::new(0));
    let seen = most.clone();
    let answerer = Talk::acting(move |word, transport, _| {
        if word == "frame" {
            for _ in 0..10 {
                transport.send(&[b'!'; 1000]);
            }
            seen.replace_with(|most| transport.buffered().max(*most));
        }
    });
    let questions = 3000;
    let told = answerer.with(Lines::new(80), async move |fate, stream, _| {
        let (mut asks, hears) = (&stream, &stream);
        asks.write_all(&b"?\n".repeat(questions)).await.unwrap();
        fate.sleep(SECOND).await;
        let mut answers = vec![0; 10 * 1001 * questions];
        hears.read_exact(&mut answers).await.unwrap();
        assert!(answers.chunks(1001).all(|answer| answer == [&[b'!'; 1000][..], b"\n"].concat()));
    });
    assert_eq!(told.iter().filter(|word| *word == "frame ?").count(), questions);
    let most = most.take();
    assert!(most > 64 * 1024 && most < 64 * 1024 + 10 * 1001, "{most} bytes were waiting");
}

/// N12, N3: what comes after the last word is thrown away.
#[test]
fn no_frame_is_told_after_the_connection_was_closed() {
    let leaver = Talk::acting(|word, transport, frame| {
        if (word, frame) == ("frame", b"bye") {
            transport.send(b"bye");
            transport.lose_connection();
        }
    });
    let told = leaver.with(Lines::new(80), async |_, mut stream, _| {
        stream.write_all(b"hello\nbye\nstill there?\n").await.unwrap();
        assert_eq!(stream.read_line(80).await.unwrap().unwrap(), "bye");
        assert_eq!(stream.read_line(80).await.unwrap(), None);
    });
    assert_eq!(told, ["made", "frame hello", "frame bye", "lost closed"]);
}

/// N12, E3.
#[test]
fn a_frame_too_long_ends_the_connection_and_is_the_reason() {
    let told = Talk::default().with(Lines::new(5), async |_, mut stream, _| {
        stream.write_all(b"short\ntoo long\nshort\n").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
    let why = "a frame is longer than 5 bytes";
    let expected = ["made", "frame short", &format!("refused {why}"), &format!("lost the protocol failed {why}")];
    assert_eq!(told, expected);
}

/// N12: who refuses a frame may say so, and closes in peace.
#[test]
fn a_frame_too_long_may_be_answered() {
    let polite = Talk::acting(|word, transport, why| {
        if word == "refused" {
            transport.send(why);
            transport.lose_connection();
        }
    });
    let polite = Talk { answers_refusals: true, ..polite };
    let told = polite.with(Netstrings::new(5), async |_, mut stream, _| {
        stream.write_all(b"3:abc,6:abcdef,3:abc,").await.unwrap();
        let answer = stream.read_frame(&Netstrings::new(80)).await.unwrap().unwrap();
        assert_eq!(answer, b"a frame is longer than 5 bytes");
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    });
    assert_eq!(told, ["made", "frame abc", "refused a frame is longer than 5 bytes", "lost closed"]);
}

/// N12: nobody knows where the next frame would begin.
#[test]
fn a_frame_that_is_refused_ends_the_connection_even_if_nobody_says_so() {
    let silent = Talk { answers_refusals: true, ..Talk::default() };
    let told = silent.with(Netstrings::new(5), async |_, mut stream, _| {
        stream.write_all(b"0:;").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
    let why = "malformed frame: there is no comma after a string";
    assert_eq!(told, ["made", &format!("refused {why}"), &format!("lost the protocol failed {why}")]);
}

/// `5` announces five raw bytes after the line.
fn with_bodies() -> impl FnMut(&str, &FrameTransport<'_>, &[u8]) {
    let mut missing = 0;
    move |word, transport, bytes| match word {
        "frame" => {
            missing = std::str::from_utf8(bytes).unwrap().parse().unwrap_or(0);
            if missing > 0 {
                transport.set_raw_mode();
            }
        }
        "raw" => {
            let count = bytes.len().min(missing);
            missing -= count;
            if missing == 0 {
                transport.set_frame_mode(&bytes[count..]);
            }
        }
        _ => {}
    }
}

/// N12.
#[test]
fn raw_bytes_come_between_frames_and_frames_after_them() {
    let told = Talk::acting(with_bodies()).with(Lines::new(80), async |_, mut stream, _| {
        stream.write_all(b"hello\n5\n\n\n\n\n\nthere\n1\n!2\n??\n").await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    });
    // The raw bytes are told with what follows them, and frames go on where they end.
    let raw = [r"raw \n\n\n\n\nthere\n1\n!2\n??\n", r"raw !2\n??\n", r"raw ??\n"];
    let expected =
        ["made", "frame hello", "frame 5", raw[0], "frame there", "frame 1", raw[1], "frame 2", raw[2], "frame"];
    assert_eq!(told[..10], expected);
    assert_eq!(told[10..], ["eof", "lost closed"]);
}

/// N12: whatever the cuts.
#[test]
fn raw_bytes_and_frames_are_told_apart_byte_by_byte() {
    let told = Talk::acting(with_bodies()).with(Lines::new(80), async |fate, mut stream, _| {
        let pieces: Vec<&[u8]> = b"ab\n3\n\nc\nd\n".chunks(1).collect();
        write_apart(&fate, &mut stream, &pieces).await;
    });
    assert_eq!(told, ["made", "frame ab", "frame 3", r"raw \n", "raw c", r"raw \n", "frame d", "eof", "lost closed"]);
}

/// N12: what cannot be read as one frame is not sent.
#[test]
fn a_line_with_an_end_in_it_cannot_be_sent() {
    let careless = Talk::acting(|word, transport, frame| {
        if word == "frame" {
            let refused = transport.transport().send_frame(&Lines::new(80), b"one\ntwo");
            assert_eq!(refused, Err(FrameError::HoldsDelimiter));
            assert_eq!(transport.buffered(), 0);
            assert_eq!(transport.send(&[frame, b"\r"].concat()), Written::Refused);
        }
    });
    let told = careless.with(Lines::new(80), async |_, mut stream, _| {
        stream.write_all(b"say\n").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
    assert_eq!(told, ["made", "frame say", "lost the protocol failed a frame holds what ends a frame"]);
}

/// N12: it is there to be read, but not as a frame.
#[test]
fn half_a_frame_is_no_frame_at_the_end_of_a_stream() {
    let sender = Talk::acting(|word, transport, _| {
        if word == "made" {
            transport.write(b"\x05hello\x05he");
            transport.lose_connection();
        }
    });
    sender.with(Lines::new(80), async |_, mut stream, _| {
        let framing = LengthPrefix::u8(255);
        assert_eq!(stream.read_frame(&framing).await.unwrap().unwrap(), b"hello");
        assert_eq!(stream.read_frame(&framing).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\x05he");
    });
}

/// N12, A4: every byte is there for the next read.
#[test]
fn a_frame_whose_reading_was_dropped_half_way_is_read_by_the_next() {
    let slow = Talk::acting(|word, transport, _| {
        if word == "made" {
            transport.fate().spawn(drip(transport.transport().clone(), b"\0\0\0\x05hello\0\0\0\x01!"));
        }
    });
    slow.with(Lines::new(80), async |fate, stream, _| {
        let framing = LengthPrefix::u32(80);
        let (mut frames, mut dropped) = (Vec::new(), 0);
        loop {
            let reading = async { Some(stream.read_frame(&framing).await.unwrap()) };
            let giving_up = async {
                fate.sleep(MILLISECOND / 3).await;
                None
            };
            match or(reading, giving_up).await {
                Some(Some(frame)) => frames.push(frame),
                Some(None) => break,
                None => dropped += 1,
            }
        }
        assert_eq!(frames, [&b"hello"[..], b"!"]);
        assert!(dropped > 20, "only {dropped} were dropped");
    });
}

/// Writes a byte a millisecond.
async fn drip(transport: Transport, bytes: &'static [u8]) {
    for byte in bytes.chunks(1) {
        transport.write(byte);
        transport.fate().sleep(MILLISECOND).await;
    }
    transport.lose_connection();
}

/// N12, E4.
#[test]
fn a_task_that_reads_a_frame_too_long_is_told_so() {
    let sender = Talk::acting(|word, transport, _| {
        if word == "made" {
            transport.write(b"12:hello world!,");
            transport.lose_connection();
        }
    });
    sender.with(Lines::new(80), async |_, stream, _| {
        let error = stream.read_frame(&Netstrings::new(5)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<FrameError>());
        assert_eq!(inside, Some(&FrameError::TooLong { limit: 5 }));
        assert_eq!(stream.read_frame(&Netstrings::new(50)).await.unwrap().unwrap(), b"hello world!");
    });
}
