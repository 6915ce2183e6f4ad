//! Bodies that come packed (RFC 9110 section 8.4): gzip, zlib, Brotli, Zstandard.
//!
//! What comes is unpacked a piece at a time, and the next piece only when somebody asks for it: a few bytes that stand
//! for gigabytes cost no memory, and are refused once they are more than is allowed.

use bytes::{Buf, Bytes};
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::zstd::params::DParameter;
use compression_codecs::{BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use std::io;

/// So much is unpacked at once.
const PIECE: usize = 32 * 1024;

/// The largest window that Zstandard may want, as a power of two (RFC 9659).
const ZSTD_WINDOW: u32 = 23;

/// What a client asks for.
pub(super) const ACCEPTED: &str = "gzip, br, zstd, deflate";

/// A way to pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    Gzip,
    /// zlib, or what some servers take for it: the same without its header.
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The one of this name, if it is known here.
    pub fn of_name(name: &str) -> Option<Coding> {
        let is = |known: &str| name.trim().eq_ignore_ascii_case(known);
        match () {
            () if is("gzip") || is("x-gzip") => Some(Coding::Gzip),
            () if is("deflate") => Some(Coding::Deflate),
            () if is("br") => Some(Coding::Brotli),
            () if is("zstd") => Some(Coding::Zstd),
            () => None,
        }
    }

    /// zlib takes it amiss to be given nothing, and has to be asked in another way for what it holds.
    fn is_flate(self) -> bool {
        matches!(self, Coding::Gzip | Coding::Deflate)
    }

    /// Whether a whole may be several one after another.
    fn may_repeat(self) -> bool {
        matches!(self, Coding::Gzip | Coding::Zstd)
    }
}

/// Unpacks one body.
pub(super) struct Unpacker {
    coding: Coding,
    /// Nothing until it is known which.
    codec: Option<Box<dyn DecodeV2>>,
    packed: Bytes,
    /// Whether more may come of what was taken in already.
    may_hold: bool,
    has_begun: bool,
    is_whole: bool,
    allowed: u64,
}

/// What comes of unpacking.
pub(super) enum Unpacked {
    Piece(Bytes),
    /// Nothing, until more was fed.
    Hungry,
    /// More than is allowed.
    TooLong,
}

impl Unpacker {
    /// Unpacks so many bytes at most.
    pub fn new(coding: Coding, allowed: u64) -> Unpacker {
        Unpacker {
            coding,
            codec: None,
            packed: Bytes::new(),
            may_hold: false,
            has_begun: false,
            is_whole: false,
            allowed,
        }
    }

    /// Takes in what has come, once it is [`Unpacked::Hungry`].
    pub fn feed(&mut self, packed: Bytes) {
        if self.packed.is_empty() {
            self.packed = packed;
        } else {
            self.packed = [&self.packed[..], &packed[..]].concat().into();
        }
        self.has_begun |= !self.packed.is_empty();
    }

    /// The next piece.
    pub fn next(&mut self) -> io::Result<Unpacked> {
        let mut piece = vec![0; PIECE];
        loop {
            if self.is_whole && !self.begin_again()? {
                return Ok(Unpacked::Hungry);
            }
            let Some(length) = self.step(&mut piece)? else { return Ok(Unpacked::Hungry) };
            if length > 0 {
                let Some(left) = self.allowed.checked_sub(length as u64) else { return Ok(Unpacked::TooLong) };
                self.allowed = left;
                piece.truncate(length);
                return Ok(Unpacked::Piece(piece.into()));
            }
        }
    }

    /// One was whole: is there another behind it? What else may be there is not for us.
    fn begin_again(&mut self) -> io::Result<bool> {
        if self.packed.is_empty() || !self.coding.may_repeat() {
            self.packed = Bytes::new();
            return Ok(false);
        }
        if let Some(codec) = &mut self.codec {
            codec.reinit()?;
        }
        self.is_whole = false;
        Ok(true)
    }

    /// Unpacks once. Nothing if it needs more to do that.
    fn step(&mut self, piece: &mut [u8]) -> io::Result<Option<usize>> {
        if self.packed.is_empty() && !self.may_hold {
            return Ok(None);
        }
        let mut out = WriteBuffer::new_initialized(piece);
        let mut input = PartialBuffer::new(&self.packed[..]);
        let Some(codec) = codec(&mut self.codec, self.coding, &self.packed) else { return Ok(None) };
        if self.packed.is_empty() && self.coding.is_flate() {
            codec.flush(&mut out)?;
        } else {
            self.is_whole = codec.decode(&mut input, &mut out)?;
        }
        let (taken, length) = (input.written_len(), out.written_len());
        let was_stuck = taken == 0 && length == 0 && !self.packed.is_empty() && !self.is_whole;
        self.packed.advance(taken);
        self.may_hold = length == PIECE;
        if was_stuck { Err(io::ErrorKind::InvalidData.into()) } else { Ok(Some(length)) }
    }

    /// Nothing more comes.
    pub fn finish(&mut self) -> io::Result<()> {
        // An empty body is nobody's mistake.
        if self.is_whole || !self.has_begun {
            return Ok(());
        }
        let mut rest = [0];
        let mut out = WriteBuffer::new_initialized(&mut rest);
        match self.codec.as_mut().map(|codec| codec.finish(&mut out)) {
            Some(Ok(true)) => Ok(()),
            Some(Err(error)) => Err(error),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The codec; of what is called `deflate` it is known from the first two bytes which one.
fn codec<'a>(
    known: &'a mut Option<Box<dyn DecodeV2>>,
    coding: Coding,
    packed: &[u8],
) -> Option<&'a mut Box<dyn DecodeV2>> {
    if known.is_none() {
        *known = Some(match (coding, packed) {
            (Coding::Gzip, _) => Box::new(GzipDecoder::new()),
            (Coding::Brotli, _) => Box::new(BrotliDecoder::new()),
            (Coding::Zstd, _) => Box::new(ZstdDecoder::new_with_params(&[DParameter::window_log_max(ZSTD_WINDOW)])),
            (Coding::Deflate, [first, second, ..]) if is_zlib(*first, *second) => Box::new(ZlibDecoder::new()),
            (Coding::Deflate, [_, _, ..]) => Box::new(DeflateDecoder::new()),
            (Coding::Deflate, _) => return None,
        });
    }
    known.as_mut()
}

/// RFC 1950, section 2.2.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}
