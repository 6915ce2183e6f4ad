//! One connection: what it still has to send.

use std::collections::VecDeque;

/// A part of a buffer that is to be sent.
#[derive(Clone, Copy)]
pub struct Piece {
    pub buffer: u16,
    pub from: u32,
    pub length: u32,
}

impl Piece {
    /// What is left when `sent` bytes are gone.
    pub fn without(self, sent: u32) -> Piece {
        Piece { from: self.from + sent, length: self.length - sent, ..self }
    }
}

#[derive(Default)]
pub struct Line {
    under_way: Option<UnderWay>,
    waiting: VecDeque<Piece>,
    ended: bool,
}

/// A send that was submitted, and whether it has to be heard of before its buffer is free.
pub struct UnderWay {
    pub piece: Piece,
    pub aloud: bool,
}

impl Line {
    pub fn queue(&mut self, piece: Piece) {
        self.waiting.push_back(piece);
    }

    /// Nothing more will be received.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next piece to be sent now, which is then under way.
    pub fn next(&mut self, aloud: bool) -> Option<Piece> {
        if self.under_way.is_some() {
            return None;
        }
        let piece = self.waiting.pop_front()?;
        self.under_way = Some(UnderWay { piece, aloud });
        Some(piece)
    }

    /// A completion has come for what was under way, which it ends.
    pub fn spoken(&mut self) -> Option<UnderWay> {
        self.under_way.take()
    }

    /// The rest of what was under way goes out aloud.
    pub fn send_again(&mut self, piece: Piece) {
        self.under_way = Some(UnderWay { piece, aloud: true });
    }

    /// What was under way quietly is over, because nothing was heard of it.
    pub fn settle(&mut self) -> Option<Piece> {
        self.under_way.take_if(|under_way| !under_way.aloud).map(|under_way| under_way.piece)
    }

    /// Something waits behind a quiet send.
    pub fn waits_quietly(&self) -> bool {
        !self.waiting.is_empty() && self.under_way.as_ref().is_some_and(|under_way| !under_way.aloud)
    }

    /// Everything was received, everything sent.
    pub fn is_over(&self) -> bool {
        self.ended && self.under_way.is_none() && self.waiting.is_empty()
    }
}
