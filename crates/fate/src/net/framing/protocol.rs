//! What is told of frames, and the hand on their connection.

use super::{FrameError, Framing};
use crate::{Reason, Transport, Written};
use std::cell::Cell;
use std::fmt;
use std::ops::Deref;

/// What a connection is for whose bytes are frames: a [`Protocol`](crate::Protocol) of frames. [`Framed`](super::Framed)
/// makes a protocol of it.
///
/// All is as there, but that it is told of one frame at a time: when it pauses reading, or writes over the mark, or closes,
/// the frames that have come in already wait, or are dropped, with those that have not.
pub trait FrameProtocol: 'static {
    /// The connection is there. Called once, before everything else.
    fn connection_made(&mut self, transport: &FrameTransport<'_>) {
        let _ = transport;
    }

    /// A frame came in.
    fn frame_received(&mut self, transport: &FrameTransport<'_>, frame: &[u8]);

    /// Bytes came in that are no frames, because [`FrameTransport::set_raw_mode`] was called: never none, and in pieces that
    /// have nothing to do with how they were sent.
    fn raw_data_received(&mut self, transport: &FrameTransport<'_>, bytes: &[u8]) {
        let _ = (transport, bytes);
    }

    /// What came in is no frame. Nothing after it is told of any more. Ends the connection with that as the reason, if you
    /// do not say otherwise; there may be a last word to say before
    /// [`lose_connection`](Transport::lose_connection). If it is not closed after this it fails all the same.
    fn frame_refused(&mut self, transport: &FrameTransport<'_>, error: FrameError) {
        transport.fail(error);
    }

    /// The other side will send no more, but may still read. The bytes after the last frame were `unfinished`: there are
    /// some if it went in the middle of one. Closes the connection if you do not say otherwise.
    fn eof_received(&mut self, transport: &FrameTransport<'_>, unfinished: &[u8]) {
        let _ = unfinished;
        transport.lose_connection();
    }

    /// As [`Protocol::peer_closed`](crate::Protocol::peer_closed).
    fn peer_closed(&mut self, transport: &FrameTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::pause_writing`](crate::Protocol::pause_writing).
    fn pause_writing(&mut self, transport: &FrameTransport<'_>) {
        let _ = transport;
    }

    /// As [`Protocol::resume_writing`](crate::Protocol::resume_writing).
    fn resume_writing(&mut self, transport: &FrameTransport<'_>) {
        let _ = transport;
    }

    /// The connection is no more. Called once, after everything else; then the protocol is dropped.
    fn connection_lost(&mut self, transport: &FrameTransport<'_>, reason: Reason) {
        let _ = (transport, reason);
    }
}

/// The hand that a [`FrameProtocol`] has on its connection: a [`Transport`] that knows the framing. It is lent for one call;
/// what is to be kept is [`FrameTransport::transport`].
pub struct FrameTransport<'a> {
    transport: &'a Transport,
    framing: &'a dyn Framing,
    mode: &'a Mode,
    /// The bytes that are being told of.
    raw: &'a [u8],
}

/// Whether the next bytes are frames.
#[derive(Default, Debug)]
pub(super) struct Mode {
    is_raw: Cell<bool>,
    /// How many of the raw bytes last told of are no raw bytes.
    rest: Cell<usize>,
}

impl Mode {
    pub fn is_raw(&self) -> bool {
        self.is_raw.get()
    }

    pub fn take_rest(&self) -> usize {
        self.rest.take()
    }
}

impl<'a> FrameTransport<'a> {
    pub(super) fn new(transport: &'a Transport, framing: &'a dyn Framing, mode: &'a Mode) -> FrameTransport<'a> {
        FrameTransport { transport, framing, mode, raw: &[] }
    }

    pub(super) fn with_raw(self, raw: &'a [u8]) -> FrameTransport<'a> {
        FrameTransport { raw, ..self }
    }

    /// The connection, to be cloned and kept.
    pub fn transport(&self) -> &'a Transport {
        self.transport
    }

    /// Sends one frame. All else is as in [`Transport::write`]. One that the other side would not read as one frame is not
    /// sent, and the connection fails with the [`FrameError`]; [`Transport::send_frame`] leaves that to you.
    #[track_caller]
    pub fn send(&self, frame: &[u8]) -> Written {
        self.transport.send_frame(self.framing, frame).unwrap_or_else(|error| {
            self.transport.fail(error);
            Written::Refused
        })
    }

    /// The bytes after this frame are no frames: [`FrameProtocol::raw_data_received`] is told of them, until
    /// [`FrameTransport::set_frame_mode`].
    pub fn set_raw_mode(&self) {
        self.mode.is_raw.set(true);
    }

    /// Frames again, that begin with `rest`: those of the bytes just told of, at their end, that are no raw bytes.
    ///
    /// # Panics
    /// If there were not so many.
    pub fn set_frame_mode(&self, rest: &[u8]) {
        assert!(rest.len() <= self.raw.len(), "the rest is part of the raw bytes");
        debug_assert!(self.raw.ends_with(rest), "the rest is the end of the raw bytes");
        self.mode.is_raw.set(false);
        self.mode.rest.set(rest.len());
    }
}

impl Deref for FrameTransport<'_> {
    type Target = Transport;

    fn deref(&self) -> &Transport {
        self.transport
    }
}

impl fmt::Debug for FrameTransport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameTransport({})", self.peer_address())
    }
}
