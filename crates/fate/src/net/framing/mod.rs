//! Frames: where a message begins and ends in a stream of bytes.
//!
//! A stream has no messages: what was written at once comes in pieces, and what was written in pieces comes at once. A
//! [`Framing`] says how messages are told apart, and nothing else: it holds no bytes and knows no connection. Three are
//! here; others are few lines each.
//!
//! | framing | a frame is |
//! |---|---|
//! | [`Lines`] | everything up to `\n`, `\r\n`, or a delimiter of your own |
//! | [`LengthPrefix`] | as many bytes as the 8, 16 or 32 bits before it say |
//! | [`Netstrings`] | `5:hello,` |
//!
//! All limit the length of a frame, for what has not ended yet is held in memory. There are three ways to use one:
//!
//! - [`Framed`] is a [`Protocol`](crate::Protocol) that tells a [`FrameProtocol`] of one frame after another;
//! - [`TcpStream::read_frame`](crate::TcpStream::read_frame) reads one in a task;
//! - a [`FrameDecoder`] finds them in whatever bytes there are.
//!
//! ```
//! use fate::framing::{FrameDecoder, Lines};
//!
//! let mut decoder = FrameDecoder::new(Lines::new(80));
//! let mut lines = Vec::new();
//! for mut piece in [&b"Speak roughly to your lit"[..], b"tle boy,\nAnd beat him", b" when he sneezes:\n"] {
//!     while let Some(line) = decoder.next(&mut piece)? {
//!         lines.push(String::from_utf8_lossy(line).into_owned());
//!     }
//! }
//! assert_eq!(lines, ["Speak roughly to your little boy,", "And beat him when he sneezes:"]);
//! # Ok::<(), fate::Failure>(())
//! ```

mod decoder;
mod framed;
mod lengths;
mod lines;
mod netstrings;
mod protocol;

pub use decoder::FrameDecoder;
pub use framed::Framed;
pub use lengths::LengthPrefix;
pub use lines::Lines;
pub use netstrings::Netstrings;
pub use protocol::{FrameProtocol, FrameTransport};

use crate::{Transport, Written};
use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::ops::Range;

/// How frames are told apart in a stream.
///
/// A value of it is plain and knows only its settings: the same one may serve any number of connections.
///
/// ```
/// use fate::framing::{Envelope, Found, FrameDecoder, FrameError, Framing};
///
/// /// Frames that are all of one length.
/// struct Records<const LENGTH: usize>;
///
/// impl<const LENGTH: usize> Framing for Records<LENGTH> {
///     fn find(&self, bytes: &[u8], _seen: usize) -> Result<Option<Found>, FrameError> {
///         Ok((bytes.len() >= LENGTH).then_some(Found { frame: 0..LENGTH, length: LENGTH }))
///     }
///
///     fn longest(&self) -> usize {
///         LENGTH
///     }
///
///     fn envelope(&self, frame: &[u8]) -> Result<Envelope<'_>, FrameError> {
///         let fits = frame.len() == LENGTH;
///         fits.then(Envelope::default).ok_or(FrameError::Malformed("a record of another length"))
///     }
/// }
///
/// let mut decoder = FrameDecoder::new(Records::<4>);
/// let mut bytes = &b"fishfrog"[..];
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b"fish"[..]));
/// assert_eq!(decoder.next(&mut bytes)?, Some(&b"frog"[..]));
/// assert_eq!(decoder.next(&mut bytes)?, None);
/// # Ok::<(), fate::Failure>(())
/// ```
pub trait Framing: 'static {
    /// Looks for a frame at the beginning of `bytes`; nothing if it has not come to its end yet. The first `seen` bytes
    /// were looked at before, in vain.
    ///
    /// The answer depends on the bytes alone, and more bytes after a frame do not change it.
    ///
    /// # Errors
    /// If no frame can come of these bytes, whatever follows.
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Found>, FrameError>;

    /// How many bytes a frame can take, with all that goes with it: among so many there is one, or an error.
    fn longest(&self) -> usize;

    /// What goes around `frame` when it is sent.
    ///
    /// # Errors
    /// If the other side would not read it as one frame.
    fn envelope(&self, frame: &[u8]) -> Result<Envelope<'_>, FrameError>;
}

/// A frame, where it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Where it is.
    pub frame: Range<usize>,
    /// How many bytes it takes with all that goes with it: at least one, and the frame is within them.
    pub length: usize,
}

/// What goes around a frame: some bytes before it, of which there are few, and some after it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Envelope<'a> {
    head: [u8; Envelope::HEAD],
    head_length: usize,
    tail: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// The longest head: as many bytes as a `usize` has digits, and a few.
    pub const HEAD: usize = 24;

    /// An envelope of these bytes.
    ///
    /// # Panics
    /// If the head is longer than [`Envelope::HEAD`].
    pub fn new(head: &[u8], tail: &'a [u8]) -> Envelope<'a> {
        let mut envelope = Envelope { head_length: head.len(), tail, ..Envelope::default() };
        envelope.head[..head.len()].copy_from_slice(head);
        envelope
    }

    /// What goes before the frame.
    pub fn head(&self) -> &[u8] {
        &self.head[..self.head_length]
    }

    /// What goes after it.
    pub fn tail(&self) -> &'a [u8] {
        self.tail
    }

    /// A frame in its envelope, in pieces.
    pub(crate) fn around<'b>(&'b self, frame: &'b [u8]) -> [IoSlice<'b>; 3] {
        [IoSlice::new(self.head()), IoSlice::new(frame), IoSlice::new(self.tail)]
    }
}

/// Why bytes are no frame, or a frame cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// It is longer than it may be.
    TooLong {
        /// The most bytes that it may have.
        limit: usize,
    },
    /// It does not look like one; this is what is wrong.
    Malformed(&'static str),
    /// It holds what ends a frame, so it would be read as two.
    HoldsDelimiter,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong { limit } => write!(f, "a frame is longer than {limit} bytes"),
            FrameError::Malformed(what) => write!(f, "malformed frame: {what}"),
            FrameError::HoldsDelimiter => f.write_str("a frame holds what ends a frame"),
        }
    }
}

impl Error for FrameError {}

/// `InvalidData`, with this error inside.
impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl Transport {
    /// Sends one frame. All else is as in [`Transport::write`].
    ///
    /// ```
    /// use fate::framing::Netstrings;
    /// # use fate::{Protocol, Transport};
    /// # struct Greeter;
    /// # impl Protocol for Greeter {
    /// #     fn data_received(&mut self, transport: &Transport, _: &[u8]) {
    /// let _ = transport.send_frame(&Netstrings::new(1000), b"hello"); // 5:hello,
    /// #     }
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the other side would not read it as one frame; then nothing is sent.
    pub fn send_frame(&self, framing: &(impl Framing + ?Sized), frame: &[u8]) -> Result<Written, FrameError> {
        let envelope = framing.envelope(frame)?;
        Ok(self.write_vectored(&envelope.around(frame)))
    }
}
