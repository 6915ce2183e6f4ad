//! Framing against a model that has the whole stream before it: random streams, and saved ones. And, on each driver, frames in
//! a hurry.

use fate::framing::{
    Envelope, Found, FrameDecoder, FrameError, FrameProtocol, FrameTransport, Framed, Framing, LengthPrefix, Lines,
};
use fate_conformance::allocations::{Counting, forget_peak, ledger};
use fate_conformance::bodies::framing::Stream;
use fate_conformance::bodies::framing_against_the_whole_stream;
use fate_conformance::ground::Ground;
use fate_conformance::models::framing::{Kind, MARK};
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{connected, listening};
use futures_lite::io::AsyncWriteExt;
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;

on_each_driver!(a_flood_of_questions_is_held_back_in_little_memory);

#[global_allocator]
static COUNTING: Counting = Counting;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn kinds() -> impl Strategy<Value = Kind> {
    (0..Kind::ALL.len()).prop_map(|number| Kind::ALL[number])
}

/// Bytes that mean something to one framing or another, more often than not.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => Just(b"\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        2 => Just(MARK.to_vec()),
        2 => (0..4_usize).prop_map(|length| MARK[..length.min(MARK.len())].to_vec()),
        4 => (0..60_usize).prop_map(|length| format!("{length}:{},", "n".repeat(length)).into_bytes()),
        1 => Just(b"3:abc;".to_vec()),
        3 => (0..60_u8).prop_map(|length| [vec![length], vec![b'l'; length.into()]].concat()),
        2 => (0..60_u8).prop_map(|length| [vec![0, length], vec![b'l'; length.into()]].concat()),
        2 => (0..60_u8).prop_map(|length| [vec![0, 0, 0, length], vec![b'l'; length.into()]].concat()),
        2 => vec(any::<u8>(), 0..12),
    ]
}

/// Some bytes, cut somewhere.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    (vec(bytes(), 0..40), vec(1..200_usize, 1..20)).prop_map(|(bytes, lengths)| {
        let bytes = bytes.concat();
        let mut rest = &bytes[..];
        let mut lengths = lengths.into_iter().cycle();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let length = lengths.next().unwrap_or(1).min(rest.len());
            let (piece, later) = rest.split_at(length);
            pieces.push(piece.to_vec());
            rest = later;
        }
        pieces
    })
}

/// A stream of one framing from beginning to end, so that the first piece of nonsense is not its end.
fn sensible(kind: Kind) -> BoxedStrategy<Vec<u8>> {
    let frame = vec(any::<u8>(), 0..300);
    let framed = move |frame: Vec<u8>| match kind {
        Kind::Lines => [&frame[..], b"\r\n"].concat(),
        Kind::Delimited => [&frame[..], MARK].concat(),
        Kind::Length(width) => [&(frame.len() as u64).to_be_bytes()[8 - width..], &frame].concat(),
        Kind::Netstrings => [format!("{}:", frame.len()).as_bytes(), &frame, b","].concat(),
    };
    frame.prop_map(framed).boxed()
}

proptest! {
    #![proptest_config(cases(3000))]

    /// N12.
    #[test]
    fn frames_are_the_same_whatever_the_cuts(kind in kinds(), limit in 0..80_usize, pieces in pieces()) {
        Stream { kind, limit, pieces }.run();
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    /// N12.
    #[test]
    fn long_frames_are_the_same_whatever_the_cuts(
        (kind, frames) in kinds().prop_flat_map(|kind| (Just(kind), vec(sensible(kind), 0..12))),
        limit in prop_oneof![Just(255_usize), Just(usize::MAX >> 1), 0..300_usize],
        length in 1..700_usize,
    ) {
        let pieces = frames.concat().chunks(length).map(<[u8]>::to_vec).collect();
        Stream { kind, limit, pieces }.run();
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    /// N12, E4.
    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..600)) {
        framing_against_the_whole_stream(&bytes);
    }
}

/// N12. Every file in `corpus/framing` is a stream that was hard at some time, or might be.
#[test]
fn saved_streams_come_apart_as_the_model_says() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/framing");
    let mut ran = 0;
    for file in std::fs::read_dir(corpus).expect("the corpus is part of the repository") {
        let path = file.expect("the corpus can be listed").path();
        println!("{}", path.display());
        framing_against_the_whole_stream(&std::fs::read(path).expect("the corpus can be read"));
        ran += 1;
    }
    assert!(ran >= 12, "only {ran} files");
}

/// Lines, and how many bytes were looked at for the first time.
struct Watched(Lines, Rc<Cell<usize>>);

impl Framing for Watched {
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Found>, FrameError> {
        self.1.set(self.1.get() + bytes.len() - seen);
        self.0.find(bytes, seen)
    }

    fn longest(&self) -> usize {
        self.0.longest()
    }

    fn envelope(&self, frame: &[u8]) -> Result<Envelope<'_>, FrameError> {
        self.0.envelope(frame)
    }
}

/// N12: a line that comes byte by byte costs no more than its length.
#[test]
fn what_was_looked_at_in_vain_is_not_looked_at_again() {
    let looked_at = Rc::new(Cell::new(0));
    let mut decoder = FrameDecoder::new(Watched(Lines::new(100_000), looked_at.clone()));
    let line = [b'x'; 100_000];
    for mut byte in line.chunks(1) {
        assert_eq!(decoder.next(&mut byte), Ok(None));
    }
    assert_eq!(decoder.next(&mut &b"\n"[..]), Ok(Some(&line[..])));
    assert_eq!(looked_at.get(), line.len() + 1);
}

/// N12: what lies in one piece is handed out where it lies.
#[test]
fn frames_that_are_not_cut_cost_no_memory() {
    let stream = b"the time has come\nthe walrus said\n".repeat(100);
    let before = ledger().allocations;
    let mut decoder = FrameDecoder::new(Lines::new(80));
    let (mut frames, mut rest) = (0, &stream[..]);
    while let Some(frame) = decoder.next(&mut rest).unwrap() {
        assert!(stream.as_ptr_range().contains(&frame.as_ptr()));
        frames += 1;
    }
    assert_eq!((frames, ledger().allocations - before), (200, 0));
}

/// N12, E4: half a frame takes the memory of what has come, and none once it was handed out.
#[test]
fn who_claims_to_send_a_gigabyte_gets_no_memory_for_it() {
    let before = ledger().live;
    let mut decoder = FrameDecoder::new(LengthPrefix::u32(1 << 30));
    assert_eq!(decoder.next(&mut &[&b"\x40\0\0\0"[..], &[0; 5000]].concat()[..]), Ok(None));
    assert!(ledger().live - before < 16_000, "{} bytes", ledger().live - before);

    let mut decoder = FrameDecoder::new(Lines::new(100_000));
    for _ in 0..3 {
        assert_eq!(decoder.next(&mut &[b'x'; 90_000][..]), Ok(None));
        assert_eq!(decoder.next(&mut &b"\n"[..]).unwrap().unwrap().len(), 90_000);
        assert_eq!(decoder.next(&mut &b""[..]), Ok(None));
        assert!(ledger().live - before < 16_000 + 1000, "{} bytes", ledger().live - before);
    }
}

/// Answers every line with a longer one.
struct Talkative;

const ANSWER: [u8; 50] = [b'!'; 50];

impl FrameProtocol for Talkative {
    fn frame_received(&mut self, transport: &FrameTransport<'_>, _: &[u8]) {
        transport.send(&ANSWER);
    }
}

/// N12, N5: whoever asks without a pause, and listens, makes nobody hold more than a little, at either end: neither questions
/// nor answers.
fn a_flood_of_questions_is_held_back_in_little_memory(ground: &Ground) {
    const QUESTIONS: usize = 800_000;
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        listener.serve(|_| Framed::new(Lines::new(1000), Talkative));
        let stream = connected(fate, address).await;
        let (mut asks, hears) = (&stream, &stream);
        let answers = [&ANSWER[..], b"\n"].concat().repeat(100);
        forget_peak();
        let before = ledger().live;
        let asking = async {
            for _ in 0..QUESTIONS / 100 {
                asks.write_all(&b"?\n".repeat(100)).await.unwrap();
            }
        };
        let hearing = async {
            let mut heard = vec![0; answers.len()];
            for _ in 0..QUESTIONS / 100 {
                hears.read_exact(&mut heard).await.unwrap();
                assert!(heard == answers);
            }
        };
        futures_lite::future::zip(asking, hearing).await;
        // A driver may have needed buffers of its own.
        let most = ledger().peak - before;
        assert!(most < 3_000_000, "{most} bytes were held");
    });
}
