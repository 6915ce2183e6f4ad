//! Frames that say beforehand how long they are.

use super::{Envelope, Found, FrameError, Framing};

/// Frames that are preceded by their length, as a number of 8, 16 or 32 bits: the most significant byte first, unless you
/// say otherwise. The length does not count the number itself.
///
/// ```
/// use fate::framing::{FrameDecoder, LengthPrefix};
///
/// let mut decoder = FrameDecoder::new(LengthPrefix::u16(1000));
/// let mut bytes = &b"\x00\x05hello\x00\x00\x00\x01!"[..];
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b"hello"[..]));
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b""[..]));
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b"!"[..]));
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LengthPrefix {
    /// How many bytes the number has: 1, 2 or 4.
    width: usize,
    is_little_endian: bool,
    limit: usize,
}

impl LengthPrefix {
    /// Lengths of one byte. A frame has at most `limit` bytes, and 255.
    pub const fn u8(limit: usize) -> LengthPrefix {
        LengthPrefix::new(1, limit)
    }

    /// Lengths of two bytes. A frame has at most `limit` bytes, and 65,535.
    pub const fn u16(limit: usize) -> LengthPrefix {
        LengthPrefix::new(2, limit)
    }

    /// Lengths of four bytes. A frame has at most `limit` bytes, and 4,294,967,295.
    pub const fn u32(limit: usize) -> LengthPrefix {
        LengthPrefix::new(4, limit)
    }

    const fn new(width: usize, limit: usize) -> LengthPrefix {
        LengthPrefix { width, is_little_endian: false, limit }
    }

    /// The least significant byte first.
    pub const fn little_endian(self) -> LengthPrefix {
        LengthPrefix { is_little_endian: true, ..self }
    }

    /// The greatest number that the prefix can be.
    fn greatest(&self) -> usize {
        usize::try_from(u64::MAX >> (64 - 8 * self.width)).unwrap_or(usize::MAX)
    }

    fn limit(&self) -> usize {
        self.limit.min(self.greatest())
    }

    fn read(&self, prefix: &[u8]) -> usize {
        let append = |number: usize, byte: &u8| (number << 8) | usize::from(*byte);
        match self.is_little_endian {
            false => prefix.iter().fold(0, append),
            true => prefix.iter().rev().fold(0, append),
        }
    }
}

impl Framing for LengthPrefix {
    fn find(&self, bytes: &[u8], _: usize) -> Result<Option<Found>, FrameError> {
        let Some(prefix) = bytes.get(..self.width) else { return Ok(None) };
        let length = self.read(prefix);
        if length > self.limit() {
            return Err(FrameError::TooLong { limit: self.limit() });
        }
        let end = self.width.saturating_add(length);
        Ok((bytes.len() >= end).then_some(Found { frame: self.width..end, length: end }))
    }

    fn longest(&self) -> usize {
        self.limit().saturating_add(self.width)
    }

    /// A frame that is longer than the number can say cannot be sent; one that is longer than the limit can.
    fn envelope(&self, frame: &[u8]) -> Result<Envelope<'_>, FrameError> {
        let length = frame.len();
        if length > self.greatest() {
            return Err(FrameError::TooLong { limit: self.greatest() });
        }
        let (little, big) = ((length as u32).to_le_bytes(), (length as u32).to_be_bytes());
        let prefix = if self.is_little_endian { &little[..self.width] } else { &big[4 - self.width..] };
        Ok(Envelope::new(prefix, &[]))
    }
}
