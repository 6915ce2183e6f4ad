//! A protocol that takes frames out of what comes in.
//!
//! # Invariants
//! - G1 A frame is told of only while the connection is open and flows; what is left of a piece then goes back to the
//!   connection, and is told of again when it flows.

use super::decoder::Unfinished;
use super::protocol::Mode;
use super::{FrameProtocol, FrameTransport, Framing};
use crate::{Protocol, Reason, Transport};

/// A [`Protocol`] that tells a [`FrameProtocol`] of frames.
///
/// ```
/// use fate::framing::{FrameProtocol, FrameTransport, Framed, Lines};
/// use fate::sim::Sim;
/// use futures_lite::io::AsyncWriteExt;
///
/// /// Answers every line with the same line backwards.
/// struct Looking;
///
/// impl FrameProtocol for Looking {
///     fn frame_received(&mut self, glass: &FrameTransport<'_>, line: &[u8]) {
///         let backwards: Vec<u8> = line.iter().rev().copied().collect();
///         glass.send(&backwards);
///     }
/// }
///
/// let mut sim = Sim::new(1);
/// let (server, client) = (sim.host("server"), sim.host("client"));
/// server.listen_tcp("0.0.0.0:7000")?.serve(|_peer| Framed::new(Lines::new(1000), Looking));
/// client.clone().spawn(async move {
///     let mut stream = client.connect_tcp("server:7000").await?;
///     stream.write_all(b"sevot yhtils\n").await?;
///     assert_eq!(stream.read_line(1000).await?.as_deref(), Some("slithy toves"));
///     fate::Ok(())
/// });
/// # server.get_fuse(std::time::Duration::from_secs(1)).set_handler(|fate| fate.shutdown());
/// sim.run()?;
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Debug)]
pub struct Framed<F, P> {
    framing: F,
    unfinished: Unfinished,
    mode: Mode,
    protocol: P,
}

impl<F: Framing, P: FrameProtocol> Framed<F, P> {
    /// Has `protocol` told of frames.
    pub fn new(framing: F, protocol: P) -> Framed<F, P> {
        Framed { framing, unfinished: Unfinished::default(), mode: Mode::default(), protocol }
    }

    fn tell(&mut self, transport: &Transport, tell: impl FnOnce(&mut P, &FrameTransport<'_>)) {
        tell(&mut self.protocol, &FrameTransport::new(transport, &self.framing, &self.mode));
    }

    /// Tells of the next frame. Says whether there was one.
    fn tell_frame(&mut self, transport: &Transport, bytes: &mut &[u8]) -> bool {
        let hand = FrameTransport::new(transport, &self.framing, &self.mode);
        match self.unfinished.next(&self.framing, bytes) {
            Ok(Some(frame)) => self.protocol.frame_received(&hand, frame),
            Ok(None) => return false,
            Err(error) => {
                self.protocol.frame_refused(&hand, error);
                if transport.connection().is_open() {
                    transport.fail(error);
                }
            }
        }
        true
    }

    /// Tells of raw bytes. What of them is none is left.
    fn tell_raw(&mut self, transport: &Transport, bytes: &mut &[u8]) {
        let raw = std::mem::take(bytes);
        let hand = FrameTransport::new(transport, &self.framing, &self.mode).with_raw(raw);
        self.protocol.raw_data_received(&hand, raw);
        *bytes = &raw[raw.len() - self.mode.take_rest()..];
    }
}

impl<F: Framing, P: FrameProtocol> Protocol for Framed<F, P> {
    fn connection_made(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, hand| protocol.connection_made(hand));
    }

    fn data_received(&mut self, transport: &Transport, mut data: &[u8]) {
        while !data.is_empty() {
            if !transport.connection().is_flowing() {
                // G1.
                return transport.connection().put_back(data);
            }
            if self.mode.is_raw() {
                self.tell_raw(transport, &mut data);
            } else if !self.tell_frame(transport, &mut data) {
                return;
            }
        }
    }

    fn eof_received(&mut self, transport: &Transport) {
        let hand = FrameTransport::new(transport, &self.framing, &self.mode);
        self.protocol.eof_received(&hand, self.unfinished.bytes());
    }

    fn peer_closed(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, hand| protocol.peer_closed(hand));
    }

    fn pause_writing(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, hand| protocol.pause_writing(hand));
    }

    fn resume_writing(&mut self, transport: &Transport) {
        self.tell(transport, |protocol, hand| protocol.resume_writing(hand));
    }

    fn connection_lost(&mut self, transport: &Transport, reason: Reason) {
        self.tell(transport, |protocol, hand| protocol.connection_lost(hand, reason));
    }
}
