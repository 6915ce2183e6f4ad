//! Lines, and whatever else ends with a mark.

use super::{Envelope, Found, FrameError, Framing};
use std::borrow::Cow;

/// So many bytes are searched at once, for the standard library finds faster whether there is a byte than where.
const STRETCH: usize = 64;

/// Frames that end with a delimiter: lines, unless you say otherwise.
///
/// The delimiter is not part of the frame. The last frame of a stream has to end with one, too.
///
/// ```
/// use fate::framing::{FrameDecoder, Lines};
///
/// let mut decoder = FrameDecoder::new(Lines::new(80));
/// let mut bytes = &b"by hand\nby a machine\r\n\n"[..];
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b"by hand"[..]));
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b"by a machine"[..]));
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b""[..]));
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lines {
    delimiter: Cow<'static, [u8]>,
    /// Lines end with `\n`, and a `\r` before it is part of the end.
    is_lenient: bool,
    limit: usize,
}

impl Lines {
    /// Lines of at most `limit` bytes, that end with `\n` or with `\r\n`, and are sent with `\n`.
    pub const fn new(limit: usize) -> Lines {
        Lines { delimiter: Cow::Borrowed(b"\n"), is_lenient: true, limit }
    }

    /// Lines of at most `limit` bytes, that end with `\n` or with `\r\n`, and are sent with `\r\n`, as most protocols of the
    /// internet demand.
    pub const fn crlf(limit: usize) -> Lines {
        Lines { delimiter: Cow::Borrowed(b"\r\n"), is_lenient: true, limit }
    }

    /// Frames of at most `limit` bytes that end with `delimiter`, and with nothing else.
    ///
    /// # Panics
    /// If the delimiter is empty.
    pub fn delimited(delimiter: impl Into<Cow<'static, [u8]>>, limit: usize) -> Lines {
        let delimiter = delimiter.into();
        assert!(!delimiter.is_empty(), "a delimiter has at least one byte");
        Lines { delimiter, is_lenient: false, limit }
    }

    /// What is looked for.
    fn mark(&self) -> &[u8] {
        if self.is_lenient { b"\n" } else { &self.delimiter }
    }

    /// The length of a line whose mark is at `end`, less what belongs to the mark.
    fn length(&self, bytes: &[u8], end: usize) -> usize {
        let has_return = self.is_lenient && bytes[..end].ends_with(b"\r");
        end - usize::from(has_return)
    }
}

impl Framing for Lines {
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Found>, FrameError> {
        let mark = self.mark();
        let window = &bytes[..bytes.len().min(self.longest())];
        // The mark may have begun within what was seen.
        let from = seen.saturating_sub(mark.len() - 1).min(window.len());
        if let Some(position) = position(&window[from..], mark) {
            let end = from + position;
            let length = self.length(bytes, end);
            if length <= self.limit {
                return Ok(Some(Found { frame: 0..length, length: end + mark.len() }));
            }
        } else if bytes.len() < self.longest() {
            return Ok(None);
        }
        Err(FrameError::TooLong { limit: self.limit })
    }

    fn longest(&self) -> usize {
        let mark = if self.is_lenient { 2 } else { self.delimiter.len() };
        self.limit.saturating_add(mark)
    }

    /// A line that holds its delimiter would be two. One that ends with the beginning of its delimiter may be read as a shorter
    /// one, and one that ends with `\r` would lose it where that is part of the end.
    fn envelope(&self, frame: &[u8]) -> Result<Envelope<'_>, FrameError> {
        let mark = self.mark();
        let overlaps = |shift: usize| mark.starts_with(&mark[shift..]) && frame.ends_with(&mark[..shift]);
        let is_shortened = (1..mark.len()).any(overlaps) || self.length(frame, frame.len()) < frame.len();
        if is_shortened || position(frame, mark).is_some() {
            return Err(FrameError::HoldsDelimiter);
        }
        Ok(Envelope::new(&[], &self.delimiter))
    }
}

/// Where `mark` begins first.
fn position(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let (last, before) = mark.split_last()?;
    let mut from = before.len();
    loop {
        let end = from + position_of(bytes.get(from..)?, *last)?;
        if bytes[..end].ends_with(before) {
            return Some(end - before.len());
        }
        from = end + 1;
    }
}

fn position_of(bytes: &[u8], byte: u8) -> Option<usize> {
    let before = bytes.chunks(STRETCH).take_while(|stretch| !stretch.contains(&byte)).count() * STRETCH;
    let rest = bytes.get(before..)?;
    rest.iter().position(|other| *other == byte).map(|position| before + position)
}
