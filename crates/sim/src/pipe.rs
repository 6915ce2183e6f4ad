//! One direction of a connection: the bytes that one end sends, until the other has read them.
//!
//! ```text
//!          read        arrived         sent        written
//!   ─────────┼────────────┼──────────────┼────────────┼─────▶  bytes of the stream, counted from its beginning
//!            │ to be read │  on its way  │  to be sent│
//!                   ▲                        ▲
//!                 acked                     edge
//! ```
//!
//! The bytes lie here once, wherever they are on their way; what travels is numbers. `acked` is how much the sender knows to
//! have arrived, and `edge` how far the receiver has told it that it may send; both lag behind the truth by the time that
//! word takes to come back. So the sender's buffer holds from `acked` to `written`, and the receiver's from `read` to
//! `arrived`.
//!
//! # Invariants
//! - P1 `read` ≤ `arrived` ≤ `written`, `acked` ≤ `arrived`, and `sent` ≤ `written`. After something was lost, `sent` goes
//!   back to `acked`.
//! - P2 `bytes` are those from `read` to `written`.
//!
//! # Cost
//! A byte is copied in and copied out.

use fate_core::Outgoing;
use std::collections::VecDeque;
use std::io::{IoSlice, Read};

/// Bytes in one direction, and their end.
#[derive(Default)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    read: u64,
    arrived: u64,
    acked: u64,
    sent: u64,
    edge: u64,
    /// The edge as the receiver told it last.
    told_edge: u64,
    /// What the receiver told last was lost, so the sender may not know that it may send.
    is_receipt_lost: bool,
    /// Nothing more will be written.
    is_finished: bool,
    /// The end of the stream was sent.
    is_end_sent: bool,
    /// The end of the stream has arrived.
    is_ended: bool,
    /// The sender knows that the end has arrived.
    is_end_acked: bool,
}

/// What is sent at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Its last byte, counted from the beginning of the stream.
    pub to: u64,
    pub length: u32,
    /// Whether the stream ends with it.
    pub is_last: bool,
}

/// What comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Receipt {
    /// How much has arrived.
    pub to: u64,
    /// How far may be sent.
    pub edge: u64,
    /// Whether the end of the stream has arrived.
    pub is_last: bool,
}

impl Pipe {
    fn written(&self) -> u64 {
        self.read + self.bytes.len() as u64
    }

    /// Whether nothing more may be written.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Room in a sender's buffer of this size.
    pub fn room(&self, buffer: u32) -> usize {
        (buffer as usize).saturating_sub((self.written() - self.acked) as usize)
    }

    /// Whether a sender that waits for room is told: a third of its buffer must be free.
    pub fn has_room(&self, buffer: u32) -> bool {
        self.room(buffer) >= (buffer as usize).div_ceil(3)
    }

    /// Takes from the front of `outgoing` what there is room for. Says how much that was.
    pub fn write(&mut self, outgoing: &mut Outgoing, buffer: u32) -> usize {
        let room = self.room(buffer);
        let mut taken = 0;
        while taken < room && !outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); 16];
            let count = outgoing.slices(&mut slices);
            let before = taken;
            for slice in &slices[..count] {
                let length = slice.len().min(room - taken);
                self.bytes.extend(&slice[..length]);
                taken += length;
            }
            outgoing.advance(taken - before);
        }
        taken
    }

    /// Nothing more will be written.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Whether the sender waits to hear that something has arrived, or may be sent.
    pub fn is_outstanding(&self) -> bool {
        self.written() > self.acked || (self.is_finished && !self.is_end_acked)
    }

    /// The next piece of at most so many bytes, which is sent now; `None` if there is nothing to send, or it may not be. What
    /// is smaller waits until everything before it has arrived, unless there is to be no delay (RFC 896).
    pub fn send(&mut self, most: usize, no_delay: bool) -> Option<Piece> {
        let length = self.written().min(self.edge).saturating_sub(self.sent).min(most as u64);
        let is_last = self.is_finished && !self.is_end_sent && self.sent + length == self.written();
        let is_small = length < most as u64 && self.sent > self.acked && !no_delay;
        if !is_last && (length == 0 || is_small) {
            return None;
        }
        self.sent += length;
        self.is_end_sent |= is_last;
        Some(Piece { to: self.sent, length: length as u32, is_last })
    }

    /// A receipt does not arrive.
    pub fn lose_receipt(&mut self) {
        self.is_receipt_lost = true;
    }

    /// Whether the sender waits for word that was lost, or will not come.
    pub fn is_waiting_in_vain(&self, would_answer: bool) -> bool {
        (self.is_receipt_lost || !would_answer) && self.is_outstanding()
    }

    /// An empty piece, which asks for a receipt.
    pub fn ask(&self) -> Piece {
        Piece { to: self.sent, length: 0, is_last: false }
    }

    /// Sends everything once more of which the sender does not know that it has arrived.
    pub fn go_back(&mut self) {
        self.sent = self.acked;
        self.is_end_sent = self.is_end_acked;
    }

    /// Drops what was not sent, and nothing more will be.
    pub fn cut(&mut self) {
        let kept = self.sent.max(self.arrived) - self.read;
        self.bytes.truncate(kept as usize);
        self.sent = self.sent.min(self.written());
    }

    /// A piece has arrived. Says how many bytes and whether an end came that had not come before.
    pub fn arrive(&mut self, piece: Piece) -> (u32, bool) {
        // What was cut while it was on its way is not there any more.
        let to = piece.to.min(self.written());
        let (new, is_end) = (to.saturating_sub(self.arrived), piece.is_last && !self.is_ended);
        self.arrived += new;
        self.is_ended |= is_end;
        (new as u32, is_end)
    }

    /// Whether the end of the stream has arrived.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// What a receiver with a buffer of this size tells the sender.
    pub fn receipt(&mut self, buffer: u32) -> Receipt {
        self.told_edge = self.told_edge.max(self.read + u64::from(buffer));
        Receipt { to: self.arrived, edge: self.told_edge, is_last: self.is_ended }
    }

    /// Whether so much was read since the sender was told that it should be told again.
    pub fn is_edge_stale(&self, buffer: u32) -> bool {
        !self.is_ended && (self.read + u64::from(buffer)).saturating_sub(self.told_edge) >= u64::from(buffer / 2).max(1)
    }

    /// The receiver lets the sender begin.
    pub fn allow(&mut self, edge: u64) {
        self.edge = self.edge.max(edge);
    }

    /// What the receiver told comes back to the sender.
    pub fn acknowledge(&mut self, receipt: Receipt) {
        self.acked = self.acked.max(receipt.to);
        self.sent = self.sent.max(self.acked);
        self.edge = self.edge.max(receipt.edge);
        self.is_end_acked |= receipt.is_last;
        self.is_receipt_lost &= self.edge < self.told_edge;
    }

    /// Whether the sender knows that everything has arrived, the end included.
    pub fn is_done(&self) -> bool {
        self.is_end_acked
    }

    /// How much there is to read.
    pub fn readable(&self) -> usize {
        (self.arrived - self.read) as usize
    }

    /// Reads into `buffer`. Says how much.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.readable().min(buffer.len());
        // Reading from memory does not fail; two reads, for the bytes may lie in two pieces.
        let mut filled = 0;
        while filled < length {
            filled += self.bytes.read(&mut buffer[filled..length]).unwrap_or(0);
        }
        self.read += length as u64;
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(length: u8) -> Outgoing {
        let mut outgoing = Outgoing::default();
        outgoing.push(&(0..length).collect::<Vec<_>>());
        outgoing
    }

    fn filled(length: u8) -> Pipe {
        let mut pipe = Pipe::default();
        pipe.allow(1000);
        assert_eq!(pipe.write(&mut outgoing(length), 1000), usize::from(length));
        pipe
    }

    fn read(pipe: &mut Pipe) -> Vec<u8> {
        let mut buffer = [0; 1000];
        let length = pipe.read(&mut buffer);
        buffer[..length].to_vec()
    }

    #[test]
    fn a_byte_is_in_the_senders_buffer_until_the_sender_knows_that_it_has_arrived() {
        let mut pipe = Pipe::default();
        pipe.allow(1000);
        let mut bytes = outgoing(150);
        assert_eq!((pipe.write(&mut bytes, 100), bytes.len(), pipe.room(100)), (100, 50, 0));
        let piece = pipe.send(100, true).unwrap();
        assert_eq!(pipe.arrive(piece), (100, false));
        assert_eq!((read(&mut pipe).len(), pipe.room(100), pipe.has_room(100)), (100, 0, false));
        let receipt = pipe.receipt(1000);
        assert_eq!((receipt.to, receipt.edge), (100, 1100));
        pipe.acknowledge(receipt);
        assert_eq!((pipe.room(100), pipe.is_outstanding()), (100, false));
    }

    #[test]
    fn nothing_is_sent_beyond_the_edge() {
        let mut pipe = Pipe::default();
        pipe.allow(30);
        pipe.write(&mut outgoing(100), 1000);
        assert_eq!(pipe.send(20, true).map(|piece| piece.to), Some(20));
        assert_eq!(pipe.send(20, true).map(|piece| piece.to), Some(30));
        assert_eq!(pipe.send(20, true), None);
        pipe.allow(35);
        assert_eq!(pipe.send(20, true).map(|piece| piece.length), Some(5));
    }

    #[test]
    fn what_is_sent_again_arrives_once() {
        let mut pipe = filled(10);
        pipe.finish();
        let first = pipe.send(4, true).unwrap();
        let rest = pipe.send(100, true).unwrap();
        assert_eq!((first.is_last, rest.is_last, pipe.send(100, true)), (false, true, None));
        pipe.go_back();
        let again = pipe.send(100, true).unwrap();
        assert_eq!((again.to, again.length, again.is_last), (10, 10, true));
        let arrivals = [first, again, rest].map(|piece| pipe.arrive(piece));
        assert_eq!(arrivals, [(4, false), (6, true), (0, false)]);
        assert_eq!(read(&mut pipe), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_cut_while_it_was_on_its_way_does_not_arrive() {
        let mut pipe = filled(10);
        let (first, late) = (pipe.send(4, true).unwrap(), pipe.send(100, true).unwrap());
        pipe.arrive(first);
        pipe.go_back();
        pipe.cut();
        assert_eq!(pipe.arrive(late), (0, false));
        assert_eq!(read(&mut pipe), [0, 1, 2, 3]);
    }
}
