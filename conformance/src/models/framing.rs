//! Frames, taken from a stream that is there as a whole.

use fate::framing::FrameError;

/// Which framing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Lines that end with `\n`, or with `\r\n`.
    Lines,
    /// What ends with [`MARK`].
    Delimited,
    /// A length of so many bytes, the most significant first.
    Length(usize),
    /// Netstrings.
    Netstrings,
}

/// A delimiter of which several can overlap.
pub const MARK: &[u8] = b"<><";

impl Kind {
    /// All there are.
    pub const ALL: [Kind; 6] =
        [Kind::Lines, Kind::Delimited, Kind::Length(1), Kind::Length(2), Kind::Length(4), Kind::Netstrings];
}

/// What is in a stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frames {
    /// The frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// What comes after them is no frame, and why.
    pub error: Option<FrameError>,
    /// What comes after them might become one.
    pub unfinished: Vec<u8>,
}

/// The frames of at most `limit` bytes that a whole stream consists of.
pub fn frames(kind: Kind, limit: usize, stream: &[u8]) -> Frames {
    let mut found = Frames::default();
    let mut rest = stream;
    loop {
        match first(kind, limit, rest) {
            Ok(Some((frame, length))) => {
                found.frames.push(frame.to_vec());
                rest = &rest[length..];
            }
            Ok(None) => return Frames { unfinished: rest.to_vec(), ..found },
            Err(error) => return Frames { error: Some(error), ..found },
        }
    }
}

type First<'a> = Result<Option<(&'a [u8], usize)>, FrameError>;

fn first(kind: Kind, limit: usize, bytes: &[u8]) -> First<'_> {
    match kind {
        Kind::Lines => delimited(bytes, b"\n", limit, 2, |line| line.strip_suffix(b"\r").unwrap_or(line)),
        Kind::Delimited => delimited(bytes, MARK, limit, 3, |frame| frame),
        Kind::Length(width) => counted(bytes, width, limit),
        Kind::Netstrings => netstring(bytes, limit),
    }
}

fn delimited<'a>(bytes: &'a [u8], mark: &[u8], limit: usize, most: usize, trim: fn(&[u8]) -> &[u8]) -> First<'a> {
    let position = (0..bytes.len()).find(|position| bytes[*position..].starts_with(mark));
    match position.map(|position| (trim(&bytes[..position]), position + mark.len())) {
        Some(found) if found.0.len() <= limit => Ok(Some(found)),
        None if bytes.len() < limit + most => Ok(None),
        _ => Err(FrameError::TooLong { limit }),
    }
}

fn counted(bytes: &[u8], width: usize, limit: usize) -> First<'_> {
    if bytes.len() < width {
        return Ok(None);
    }
    let limit = limit.min((1_usize << (8 * width)) - 1);
    let length = (0..width).map(|place| usize::from(bytes[place]) << (8 * (width - 1 - place))).sum::<usize>();
    match length {
        _ if length > limit => Err(FrameError::TooLong { limit }),
        _ if bytes.len() < width + length => Ok(None),
        _ => Ok(Some((&bytes[width..][..length], width + length))),
    }
}

fn netstring(bytes: &[u8], limit: usize) -> First<'_> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = 0;
    for (place, digit) in bytes[..digits].iter().enumerate() {
        if place > 0 && bytes[0] == b'0' {
            return Err(FrameError::Malformed("a length begins with 0"));
        }
        length = length * 10 + usize::from(digit - b'0');
        if length > limit {
            return Err(FrameError::TooLong { limit });
        }
    }
    let whole = digits + 1 + length + 1;
    match bytes.get(digits) {
        None => Ok(None),
        Some(b':') if digits > 0 && bytes.len() < whole => Ok(None),
        Some(b':') if digits > 0 && bytes[whole - 1] == b',' => Ok(Some((&bytes[digits + 1..][..length], whole))),
        Some(b':') if digits > 0 => Err(FrameError::Malformed("there is no comma after a string")),
        Some(_) => Err(FrameError::Malformed("a length is no number")),
    }
}
