//! Bytes on their way out: what was copied, and what is shared, in the order in which it was written.
//!
//! The machine gathers what is written in a turn and hands all of it to the driver as one [`Outgoing`]; the driver sends
//! from its front, [advances](Outgoing::advance) it by what the kernel took, and gives it back. The memory of what it holds does
//! not move while it does: a kernel may be reading it.
//!
//! # Cost
//! What is written is copied once, into memory that is used again; [`Bytes`] are not copied at all.

use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;

/// Memory beyond this is not kept for the next bytes once it is empty.
const KEPT: usize = 64 * 1024;

/// Bytes on their way out.
#[derive(Default)]
pub struct Outgoing {
    segments: VecDeque<Segment>,
    /// How much of the first segment is gone already.
    gone: usize,
    length: usize,
    /// Empty memory for the next bytes that are copied.
    spare: Vec<u8>,
}

enum Segment {
    Copied(Vec<u8>),
    Shared(Bytes),
}

impl Segment {
    fn bytes(&self) -> &[u8] {
        match self {
            Segment::Copied(bytes) => bytes,
            Segment::Shared(bytes) => bytes,
        }
    }
}

impl Outgoing {
    /// Adds a copy of `bytes` at the end.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        match self.segments.back_mut() {
            Some(Segment::Copied(last)) => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => {
                let mut segment = std::mem::take(&mut self.spare);
                segment.extend_from_slice(bytes);
                self.segments.push_back(Segment::Copied(segment));
            }
        }
    }

    /// Has `write` add bytes at the end, to memory that may hold others before them.
    pub fn push_with<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if let Some(Segment::Copied(last)) = self.segments.back_mut() {
            let before = last.len();
            let result = write(last);
            assert!(last.len() >= before, "bytes are added, and none taken away");
            self.length += last.len() - before;
            return result;
        }
        let mut segment = std::mem::take(&mut self.spare);
        let result = write(&mut segment);
        self.length += segment.len();
        if segment.is_empty() {
            self.spare = segment;
        } else {
            self.segments.push_back(Segment::Copied(segment));
        }
        result
    }

    /// Adds `bytes` at the end, without a copy.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.length += bytes.len();
            self.segments.push_back(Segment::Shared(bytes));
        }
    }

    /// Adds everything that `other` holds at the end. What `other` has spare stays with it.
    pub fn append(&mut self, other: &mut Outgoing) {
        if let Some(first) = other.segments.pop_front() {
            let gone = std::mem::take(&mut other.gone);
            let rest = first.bytes().len() - gone;
            if gone > 0 || matches!((&first, self.segments.back()), (Segment::Copied(_), Some(Segment::Copied(_)))) {
                self.push(&first.bytes()[gone..]);
                other.keep(first);
            } else {
                self.length += rest;
                self.segments.push_back(first);
            }
        }
        self.length += other.segments.iter().map(|segment| segment.bytes().len()).sum::<usize>();
        self.segments.append(&mut other.segments);
        other.length = 0;
    }

    /// How many bytes are left.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no byte is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many pieces of memory the bytes lie in.
    pub fn pieces(&self) -> usize {
        self.segments.len()
    }

    /// The first piece: all there is, if there is one only.
    #[inline]
    pub fn front(&self) -> &[u8] {
        self.segments.front().map_or(&[], |first| &first.bytes()[self.gone..])
    }

    /// The first pieces, for a vectored send; says how many were filled in.
    pub fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let mut gone = self.gone;
        let count = into.len().min(self.segments.len());
        for (slice, segment) in into.iter_mut().zip(&self.segments) {
            *slice = IoSlice::new(&segment.bytes()[std::mem::take(&mut gone)..]);
        }
        count
    }

    /// Forgets the first `count` bytes, which are sent.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.length, "no more is sent than there was");
        self.length -= count;
        self.gone += count;
        while let Some(first) = self.segments.front() {
            let length = first.bytes().len();
            if self.gone < length {
                break;
            }
            self.gone -= length;
            if let Some(segment) = self.segments.pop_front() {
                self.keep(segment);
            }
        }
    }

    /// Forgets all that is left.
    pub fn clear(&mut self) {
        self.advance(self.length);
    }

    fn keep(&mut self, segment: Segment) {
        if let Segment::Copied(mut memory) = segment
            && memory.capacity() <= KEPT
            && memory.capacity() > self.spare.capacity()
        {
            memory.clear();
            self.spare = memory;
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in {} pieces", self.length, self.segments.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(outgoing: &Outgoing) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 16];
        let count = outgoing.slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    #[test]
    fn bytes_leave_in_the_order_in_which_they_were_written() {
        let mut outgoing = Outgoing::default();
        outgoing.push(b"the ");
        outgoing.push(b"dormouse ");
        outgoing.push_shared(Bytes::from_static(b"is "));
        outgoing.push(b"asleep");
        assert_eq!((outgoing.len(), outgoing.pieces()), (22, 3));
        outgoing.advance(5);
        assert_eq!(all(&outgoing), b"ormouse is asleep");
        assert_eq!(outgoing.front(), b"ormouse ");
        outgoing.advance(8);
        assert_eq!(outgoing.front(), b"is ");
        outgoing.clear();
        assert_eq!((outgoing.len(), outgoing.pieces(), outgoing.front()), (0, 0, &b""[..]));
    }

    #[test]
    fn bytes_can_be_written_where_they_leave_from() {
        let mut outgoing = Outgoing::default();
        outgoing.push_with(|_| ());
        assert_eq!((outgoing.len(), outgoing.pieces()), (0, 0));
        outgoing.push_with(|memory| memory.extend_from_slice(b"the "));
        outgoing.push_with(|memory| memory.extend_from_slice(b"hatter"));
        outgoing.push_shared(Bytes::from_static(b" is"));
        outgoing.push_with(|memory| memory.extend_from_slice(b" mad"));
        assert_eq!((outgoing.len(), outgoing.pieces(), &all(&outgoing)[..]), (17, 3, &b"the hatter is mad"[..]));
    }

    #[test]
    fn what_is_appended_comes_after_what_was_there() {
        for sent in 0..8 {
            let (mut first, mut second) = (Outgoing::default(), Outgoing::default());
            first.push(b"twinkle ");
            second.push(b"little ");
            second.push_shared(Bytes::from_static(b"bat "));
            second.push(b"how");
            second.advance(sent);
            first.append(&mut second);
            assert_eq!(all(&first), [b"twinkle ", &b"little bat how"[sent..]].concat());
            assert_eq!((first.len(), second.len()), (22 - sent, 0));
            second.push(b"clean");
            assert_eq!(all(&second), b"clean");
        }
    }

    #[test]
    fn memory_is_used_again() {
        let mut outgoing = Outgoing::default();
        outgoing.push(&[1; 100]);
        let memory = outgoing.front().as_ptr();
        outgoing.clear();
        outgoing.push(&[2; 100]);
        assert_eq!(outgoing.front().as_ptr(), memory);
    }
}
