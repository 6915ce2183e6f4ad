//! Finding frames in pieces of bytes.
//!
//! A frame that lies within one piece is handed out where it lies. Only what is left at the end of a piece is kept, until the
//! pieces that complete it have come.
//!
//! # Cost
//! A byte is copied if its frame lies in several pieces, and some bytes after that frame may be: no more than the frame has.
//! Memory for half a frame grows with what has come of it, not with what it claims to be, and little is kept of it.

use super::{Found, FrameError, Framing};

/// Memory beyond this is not kept once the frame that it was for is handed out.
const KEPT: usize = 512;

/// At least so many bytes are copied at once.
const STEP: usize = 64;

/// Finds the frames of one stream, whatever pieces it comes in.
///
/// The module [`framing`](super) shows how.
#[derive(Debug)]
pub struct FrameDecoder<F> {
    framing: F,
    unfinished: Unfinished,
}

impl<F: Framing> FrameDecoder<F> {
    /// A decoder of a stream that begins now.
    pub fn new(framing: F) -> FrameDecoder<F> {
        FrameDecoder { framing, unfinished: Unfinished::default() }
    }

    /// The next frame, if it comes to its end within `bytes`; takes what it needs from their front. Once nothing is found
    /// all of them are taken.
    ///
    /// # Errors
    /// If the bytes are no frames. From then on that is the answer, for nobody knows where the next frame begins.
    pub fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8]) -> Result<Option<&'a [u8]>, FrameError> {
        self.unfinished.next(&self.framing, bytes)
    }

    /// The bytes after the last frame, which are no frame yet. At the end of a stream there should be none.
    pub fn unfinished(&self) -> &[u8] {
        self.unfinished.bytes()
    }
}

/// What has come of a frame so far.
#[derive(Default, Debug)]
pub(super) struct Unfinished {
    held: Vec<u8>,
    /// How many of these were looked at in vain.
    seen: usize,
    /// They are a frame that was handed out.
    is_spent: bool,
    error: Option<FrameError>,
}

impl Unfinished {
    pub fn bytes(&self) -> &[u8] {
        if self.is_spent { &[] } else { &self.held }
    }

    /// As [`FrameDecoder::next`].
    pub fn next<'a, 'b: 'a>(
        &'a mut self,
        framing: &dyn Framing,
        bytes: &mut &'b [u8],
    ) -> Result<Option<&'a [u8]>, FrameError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.forget_spent();
        if self.held.is_empty() { self.find_in(framing, bytes) } else { self.complete(framing, bytes) }
    }

    fn forget_spent(&mut self) {
        if std::mem::take(&mut self.is_spent) {
            self.held.clear();
            self.held.shrink_to(KEPT);
        }
    }

    /// A frame within `bytes`; keeps what is left of them if there is none.
    fn find_in<'a>(&mut self, framing: &dyn Framing, bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, FrameError> {
        let whole = *bytes;
        let found = framing.find(whole, 0).inspect_err(|error| self.error = Some(*error))?;
        *bytes = &whole[found.as_ref().map_or(whole.len(), |found| found.length)..];
        if found.is_none() {
            self.held.extend_from_slice(whole);
            self.seen = whole.len();
        }
        Ok(found.map(|found| &whole[found.frame]))
    }

    /// The frame whose beginning is held. Bytes are added by and by, as many as there are already, so that few are copied
    /// that do not belong to it.
    fn complete(&mut self, framing: &dyn Framing, bytes: &mut &[u8]) -> Result<Option<&[u8]>, FrameError> {
        let mut rest = *bytes;
        let mut found = None;
        while !rest.is_empty() && found.is_none() {
            let (step, later) = rest.split_at(rest.len().min(self.held.len().max(STEP)));
            self.held.extend_from_slice(step);
            rest = later;
            found = framing.find(&self.held, self.seen).inspect_err(|error| self.error = Some(*error))?;
            self.seen = self.held.len();
        }
        let Some(Found { frame, length }) = found else {
            *bytes = rest;
            return Ok(None);
        };
        // What was added and does not belong to the frame is at the end of what was taken.
        let surplus = self.held.len() - length;
        *bytes = &bytes[bytes.len() - rest.len() - surplus..];
        self.is_spent = true;
        Ok(Some(&self.held[frame]))
    }
}
