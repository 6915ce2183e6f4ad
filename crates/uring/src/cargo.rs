//! What is being sent, as it is handed to the kernel: one piece of memory, or a letter that lists several.
//!
//! # Invariants
//! - C1 The memory that a cargo's bytes lie in is neither moved nor changed nor freed while the cargo lives, wherever the
//!   cargo itself is moved: nobody else can reach it, and an `Outgoing` does not move it.
//! - C2 What a letter's lines point to are the cargo's own bytes, and its lines lie beside its header in one box, which
//!   does not move.

use fate_core::Outgoing;
use std::ffi::c_void;
use std::io::IoSlice;
use std::ptr;

/// How many pieces are sent at a time.
const PIECES: usize = 16;

/// No more than this is sent at a time; the kernel cuts off what is beyond 2 GiB, and does not say so.
const MOST: usize = 1 << 30;

/// How many letters are kept for those who send next.
const SPARE: usize = 64;

/// Bytes that are being sent.
pub(crate) struct Cargo {
    outgoing: Outgoing,
    /// How many of them at a time.
    asked: usize,
    /// If they lie in several pieces.
    letter: Option<Box<Letter>>,
}

/// Letters that were sent, to be used again.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "a letter does not move (C2)")]
pub(crate) struct Letters(Vec<Box<Letter>>);

/// A message of several pieces as the kernel takes it: `struct user_msghdr`, and its lines, `struct iovec`.
#[repr(C)]
struct Letter {
    name: *const c_void,
    name_length: i32,
    lines: *const Line,
    line_count: usize,
    control: *const c_void,
    control_length: usize,
    flags: u32,
    own_lines: [Line; PIECES],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Line {
    base: *const u8,
    length: usize,
}

const NO_LINE: Line = Line { base: ptr::null(), length: 0 };

impl Cargo {
    /// Makes `outgoing` ready to be sent.
    #[inline]
    pub fn new(outgoing: Outgoing, letters: &mut Letters) -> Cargo {
        if outgoing.pieces() <= 1 {
            let asked = outgoing.front().len().min(MOST);
            return Cargo { outgoing, asked, letter: None };
        }
        let mut letter = letters.0.pop().unwrap_or_else(Letter::blank);
        let asked = letter.write(&outgoing);
        Cargo { outgoing, asked, letter: Some(letter) }
    }

    /// How many bytes are to be sent at a time.
    #[inline]
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// Whether one send can take all of it.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.asked == self.outgoing.len()
    }

    /// What is left when so many bytes were sent.
    #[inline]
    pub fn without(self, sent: usize, letters: &mut Letters) -> Outgoing {
        let Cargo { mut outgoing, letter, .. } = self;
        outgoing.advance(sent);
        if let Some(letter) = letter
            && letters.0.len() < SPARE
        {
            letters.0.push(letter);
        }
        outgoing
    }

    /// What is to be sent, if it is one piece.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.outgoing.front()[..self.asked]
    }

    /// What is to be sent, if it is several pieces: a `struct user_msghdr`.
    #[inline]
    pub fn message(&self) -> Option<*const c_void> {
        self.letter.as_ref().map(|letter| (&raw const **letter).cast())
    }
}

impl Letter {
    fn blank() -> Box<Letter> {
        Box::new(Letter {
            name: ptr::null(),
            name_length: 0,
            lines: ptr::null(),
            line_count: 0,
            control: ptr::null(),
            control_length: 0,
            flags: 0,
            own_lines: [NO_LINE; PIECES],
        })
    }

    /// Writes down where the first pieces are (C2), and says how many bytes that is.
    fn write(&mut self, outgoing: &Outgoing) -> usize {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let count = outgoing.slices(&mut slices);
        let mut asked = 0;
        self.line_count = 0;
        for slice in &slices[..count] {
            let length = slice.len().min(MOST - asked);
            self.own_lines[self.line_count] = Line { base: slice.as_ptr(), length };
            self.line_count += 1;
            asked += length;
        }
        self.lines = self.own_lines.as_ptr();
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn pieces(count: usize) -> Outgoing {
        let mut outgoing = Outgoing::default();
        (0..count).for_each(|_| outgoing.push_shared(Bytes::from_static(b"jam ")));
        outgoing
    }

    /// C1, C2.
    #[test]
    fn a_letter_stays_where_it_is_and_is_used_again() {
        let mut letters = Letters::default();
        let cargo = Cargo::new(pieces(2), &mut letters);
        let message = cargo.message();
        let moved = Box::new(cargo);
        assert_eq!(moved.message(), message);
        let letter = moved.letter.as_ref().unwrap();
        assert_eq!((letter.lines, letter.line_count), (letter.own_lines.as_ptr(), 2));
        assert_eq!(moved.without(3, &mut letters).len(), 5);
        assert_eq!(Cargo::new(pieces(3), &mut letters).message(), message);
    }

    #[test]
    fn no_more_pieces_are_asked_for_than_are_sent_at_a_time() {
        let mut letters = Letters::default();
        for (count, asked) in [(1, 4), (2, 8), (16, 64), (17, 64), (100, 64)] {
            let cargo = Cargo::new(pieces(count), &mut letters);
            assert_eq!((cargo.message().is_some(), cargo.asked()), (count > 1, asked));
            assert_eq!(cargo.without(asked, &mut letters).len(), count * 4 - asked);
        }
    }
}
