//! Netstrings: <https://cr.yp.to/proto/netstrings.txt>.

use super::{Envelope, Found, FrameError, Framing};
use std::io::Write;

/// Frames that are preceded by their length in decimal digits and a colon, and followed by a comma: `5:hello,`.
///
/// ```
/// use fate::framing::{FrameDecoder, Netstrings};
///
/// let mut decoder = FrameDecoder::new(Netstrings::new(1000));
/// let mut bytes = &b"12:hello world!,0:,"[..];
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b"hello world!"[..]));
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b""[..]));
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Netstrings {
    limit: usize,
}

impl Netstrings {
    /// Netstrings of at most `limit` bytes.
    pub const fn new(limit: usize) -> Netstrings {
        Netstrings { limit }
    }

    /// The length that `bytes` begin with, and of how many digits it is; nothing if its colon has not come yet.
    fn length(&self, bytes: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
        let mut length = 0_usize;
        for (digits, byte) in bytes.iter().enumerate() {
            match byte {
                b':' if digits > 0 => return Ok(Some((length, digits))),
                b'0'..=b'9' if digits > 0 && length == 0 => {
                    return Err(FrameError::Malformed("a length begins with 0"));
                }
                b'0'..=b'9' => length = length.saturating_mul(10).saturating_add(usize::from(byte - b'0')),
                _ => return Err(FrameError::Malformed("a length is no number")),
            }
            if length > self.limit {
                return Err(FrameError::TooLong { limit: self.limit });
            }
        }
        Ok(None)
    }
}

impl Framing for Netstrings {
    fn find(&self, bytes: &[u8], _: usize) -> Result<Option<Found>, FrameError> {
        let Some((length, digits)) = self.length(bytes)? else { return Ok(None) };
        let begin = digits + 1;
        match bytes.get(begin.saturating_add(length)) {
            Some(b',') => Ok(Some(Found { frame: begin..begin + length, length: begin + length + 1 })),
            Some(_) => Err(FrameError::Malformed("there is no comma after a string")),
            None => Ok(None),
        }
    }

    fn longest(&self) -> usize {
        let digits = self.limit.checked_ilog10().unwrap_or(0) as usize + 1;
        self.limit.saturating_add(digits + 2)
    }

    fn envelope(&self, frame: &[u8]) -> Result<Envelope<'_>, FrameError> {
        let mut head = [0; Envelope::HEAD];
        let mut rest = &mut head[..];
        // There is room for every number.
        let _ = write!(rest, "{}:", frame.len());
        let length = Envelope::HEAD - rest.len();
        Ok(Envelope::new(&head[..length], b","))
    }
}
