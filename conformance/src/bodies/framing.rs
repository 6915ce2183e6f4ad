//! Framing against a model that has the whole stream before it.
//!
//! A [`Stream`] comes in pieces. However it is cut, the frames must be those that the model finds; and what is sent as a frame
//! must be found as that frame.

use super::bytes::Bytes;
use crate::models::framing::{Frames, Kind, MARK, frames};
use fate::framing::{FrameDecoder, Framing, LengthPrefix, Lines, Netstrings};

/// A stream, and how it is to be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Which framing.
    pub kind: Kind,
    /// The longest frame.
    pub limit: usize,
    /// The bytes, as they come.
    pub pieces: Vec<Vec<u8>>,
}

/// Decodes a stream from the bytes and takes it apart.
///
/// # Panics
/// If the frames are not those that the model finds.
pub fn framing_against_the_whole_stream(bytes: &[u8]) {
    if let Some(stream) = Stream::decode(Bytes::new(bytes)) {
        stream.run();
    }
}

impl Stream {
    /// A kind and a limit; then pieces, each behind its length.
    fn decode(mut bytes: Bytes<'_>) -> Option<Stream> {
        let kind = Kind::ALL[usize::from(bytes.byte()?) % Kind::ALL.len()];
        let limit = bytes.short()?.into();
        let mut pieces = Vec::new();
        while let Some(length) = bytes.byte() {
            pieces.push((0..length).map_while(|_| bytes.byte()).collect());
        }
        Some(Stream { kind, limit, pieces })
    }

    /// Takes the stream apart in several ways.
    ///
    /// # Panics
    /// If the frames are not those that the model finds.
    pub fn run(&self) {
        match self.kind {
            Kind::Lines => self.run_with(|| Lines::new(self.limit)),
            Kind::Delimited => self.run_with(|| Lines::delimited(MARK, self.limit)),
            Kind::Length(1) => self.run_with(|| LengthPrefix::u8(self.limit)),
            Kind::Length(2) => self.run_with(|| LengthPrefix::u16(self.limit)),
            Kind::Length(_) => self.run_with(|| LengthPrefix::u32(self.limit)),
            Kind::Netstrings => self.run_with(|| Netstrings::new(self.limit)),
        }
    }

    fn run_with<F: Framing>(&self, framing: impl Fn() -> F) {
        let stream = self.pieces.concat();
        let expected = frames(self.kind, self.limit, &stream);
        let as_it_comes = self.pieces.iter().map(Vec::as_slice);
        assert_eq!(taken_apart(framing(), as_it_comes), expected, "in the pieces in which it comes");
        assert_eq!(taken_apart(framing(), [&stream[..]]), expected, "in one piece");
        assert_eq!(taken_apart(framing(), stream.chunks(1)), expected, "byte by byte");
        self.send(&framing(), &expected.frames);
        self.send(&framing(), &self.pieces);
    }

    /// What is sent as a frame is found as that frame, and what cannot be found so is refused.
    fn send(&self, framing: &impl Framing, frames: &[Vec<u8>]) {
        for frame in frames {
            let sent = framing.envelope(frame).map(|envelope| [envelope.head(), frame, envelope.tail()].concat());
            let found = sent.as_ref().map(|sent| framing.find(sent, 0));
            match found {
                Ok(Ok(Some(found))) => {
                    let sent = sent.unwrap_or_default();
                    assert_eq!((&sent[found.frame], found.length), (&frame[..], sent.len()), "what was sent");
                }
                Ok(Err(_)) => assert!(frame.len() > self.limit, "{frame:?} cannot be read"),
                Ok(Ok(None)) => panic!("{frame:?} is not whole"),
                Err(_) => assert!(self.is_unspeakable(frame), "{frame:?} could have been sent"),
            }
        }
    }

    /// Whether the other side would not read this as one frame.
    fn is_unspeakable(&self, frame: &[u8]) -> bool {
        match self.kind {
            Kind::Lines => frame.contains(&b'\n') || frame.ends_with(b"\r"),
            Kind::Delimited => [frame, MARK].concat().windows(3).position(|three| three == MARK) != Some(frame.len()),
            Kind::Length(width) => frame.len() >> (8 * width) > 0,
            Kind::Netstrings => false,
        }
    }
}

/// What a decoder finds in the pieces of a stream.
fn taken_apart<'a>(framing: impl Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> Frames {
    let mut decoder = FrameDecoder::new(framing);
    let mut found = Frames::default();
    for mut piece in pieces {
        while let Some(frame) = decoder.next(&mut piece).unwrap_or_else(|error| {
            found.error = Some(error);
            None
        }) {
            found.frames.push(frame.to_vec());
        }
        assert!(piece.is_empty() || found.error.is_some(), "all is taken");
    }
    if found.error.is_none() {
        found.unfinished = decoder.unfinished().to_vec();
    }
    found
}
