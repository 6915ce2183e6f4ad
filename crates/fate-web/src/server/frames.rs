//! What is seen of HTTP/2 on its way past: which streams are open, how much of the responses has left, who says nothing at length, and
//! what still moves when the end was told.
//!
//! hyper tells a server neither which responses wait for the other side to open a window, nor that headers have begun. Both can be
//! seen in the heads of the frames (RFC 9113, 4.1), and nothing else is looked at.
//!
//! # Invariants
//! - H1 A stream is open from the end of its request's headers until the end of its response has left, or either side has reset it,
//!   or the other side was told that it is not looked at.
//!
//! # Cost
//! Nine bytes a frame are looked at, however long it is. There are as many open streams as hyper allows, which are few.

/// The head of a frame.
const HEAD: usize = 9;

/// So many bytes come before the first frame (RFC 9113, 3.4).
const PREFACE: u8 = 24;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// Of no frame that there is.
const NO_FRAME: u8 = 255;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// So many frames that bring nothing are made up for by a frame that brings something: a window is opened for each piece, and twice.
const MADE_UP: u32 = 4;

/// A window may be opened for so many bytes of responses that have left, however many of them come in one frame.
const WINDOW: usize = 256;

/// So far is the last stream that may have begun before the end was heard of from the last that had when it was told: as many may be
/// open at once, and every other number is one.
const AHEAD: u32 = 400;

/// What has passed on one connection.
pub(super) struct Frames {
    coming: Walk,
    going: Walk,
    /// Of responses that are not over (H1).
    open: Vec<u32>,
    /// The last stream that was opened.
    newest: u32,
    /// The last that is looked at.
    last: u32,
    /// The other side has begun as it has to.
    is_greeted: bool,
    /// The stream whose headers have begun, and are not complete.
    heading: Option<u32>,
    /// Blocks of headers that are complete.
    blocks: u32,
    /// Bytes of responses that have left, since this was asked.
    left: usize,
    /// Those for which no window was opened since.
    uncovered: usize,
    /// Frames that bring nothing.
    empty: u32,
    /// The newest stream when the other side was told that this is the end.
    parting: Option<u32>,
    /// Bytes of bodies that have come or left since then, of streams that had begun by then, or may have; since this was asked.
    moved: usize,
}

impl Frames {
    pub fn new() -> Frames {
        Frames {
            coming: Walk::after_preface(),
            going: Walk::default(),
            open: Vec::new(),
            newest: 0,
            last: u32::MAX,
            is_greeted: false,
            heading: None,
            blocks: 0,
            left: 0,
            uncovered: 0,
            empty: 0,
            parting: None,
            moved: 0,
        }
    }

    /// These bytes came.
    pub fn came(&mut self, mut bytes: &[u8]) {
        while let Some(part) = self.coming.next(&mut bytes) {
            match part.kind {
                HEADERS | CONTINUATION => self.head(&part),
                DATA if self.parting.is_some_and(|newest| part.stream <= newest.saturating_add(AHEAD)) => {
                    self.moved += part.bytes.len();
                }
                RST_STREAM if part.is_over => self.close(part.stream),
                SETTINGS if part.is_over => self.is_greeted = true,
                _ => {}
            }
            if part.is_over {
                self.weigh(&part);
            }
        }
    }

    /// A frame has come, which brings something or does not.
    fn weigh(&mut self, part: &Part<'_>) {
        if part.brings() {
            self.empty = self.empty.saturating_sub(MADE_UP);
        } else if part.kind == WINDOW_UPDATE && self.uncovered >= WINDOW {
            self.uncovered -= WINDOW;
        } else {
            self.empty += 1;
        }
    }

    fn head(&mut self, part: &Part<'_>) {
        if part.kind == HEADERS {
            self.heading = Some(part.stream);
        }
        if part.is_over
            && part.flags & END_HEADERS != 0
            && let Some(stream) = self.heading.take()
        {
            self.blocks = self.blocks.wrapping_add(1);
            if stream > self.newest && stream <= self.last {
                self.newest = stream;
                self.open.push(stream);
            }
        }
    }

    /// These bytes have left.
    pub fn went(&mut self, mut bytes: &[u8]) {
        while let Some(part) = self.going.next(&mut bytes) {
            match part.kind {
                DATA | HEADERS => {
                    self.give(&part);
                    if part.is_over {
                        self.empty = self.empty.saturating_sub(MADE_UP);
                    }
                    if part.is_over && part.flags & END_STREAM != 0 {
                        self.close(part.stream);
                    }
                }
                RST_STREAM if part.is_over => self.close(part.stream),
                GOAWAY => self.take_leave(&part),
                _ => {}
            }
        }
    }

    /// Some of a response has left.
    fn give(&mut self, part: &Part<'_>) {
        let count = part.bytes.len();
        self.left += count;
        if part.kind == DATA {
            self.uncovered = self.uncovered.saturating_add(count);
            if self.parting.is_some_and(|newest| part.stream <= newest) {
                self.moved += count;
            }
        }
    }

    /// The first four bytes say which stream is the last.
    fn take_leave(&mut self, part: &Part<'_>) {
        if part.at == 0 {
            self.last = 0;
        }
        let missing = 4_usize.saturating_sub(part.at);
        self.last = part.bytes.iter().take(missing).fold(self.last, |last, byte| last << 8 | u32::from(*byte));
        if part.is_over {
            let last = self.last;
            self.open.retain(|stream| *stream <= last);
        }
    }

    fn close(&mut self, stream: u32) {
        if let Some(place) = self.open.iter().position(|open| *open == stream) {
            self.open.swap_remove(place);
        }
    }

    /// How many responses are not over.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether the other side has begun as it has to, with its settings.
    pub fn is_greeted(&self) -> bool {
        self.is_greeted
    }

    /// Which block of headers has begun and is not complete, by its number.
    pub fn heading(&self) -> Option<u32> {
        self.heading.map(|_| self.blocks)
    }

    /// Whether the other side knows which stream is the last.
    pub fn has_taken_leave(&self) -> bool {
        self.last < u32::MAX >> 1
    }

    /// The other side is told that this is the end.
    pub fn part(&mut self) {
        self.parting = Some(self.newest);
    }

    /// Whether the other side has begun a stream since then.
    pub fn is_asked_on(&self) -> bool {
        self.parting.is_some_and(|newest| self.newest > newest)
    }

    /// How many bytes have come or left since this was last asked, of what was begun before the end was heard of.
    pub fn take_moved(&mut self) -> usize {
        std::mem::take(&mut self.moved)
    }

    /// How many bytes of responses have left since this was last asked.
    pub fn take_left(&mut self) -> usize {
        std::mem::take(&mut self.left)
    }

    /// How many frames have come that bring nothing, above those that are made up for.
    pub fn empty(&self) -> u32 {
        self.empty
    }

    /// Counts them anew.
    pub fn forgive(&mut self) {
        self.empty = 0;
    }
}

/// Where one direction is.
#[derive(Default)]
struct Walk {
    head: [u8; HEAD],
    /// How much of the head is there.
    have: usize,
    /// How much of what comes after the head is not.
    left: usize,
}

/// What lies in some bytes of one frame: its head was there before, or is there now.
struct Part<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    /// Where in the frame the bytes are.
    at: usize,
    bytes: &'a [u8],
    is_over: bool,
}

impl Part<'_> {
    /// Whether a frame is something to work with, and is not about the connection.
    fn brings(&self) -> bool {
        match self.kind {
            HEADERS | NO_FRAME => true,
            DATA => self.at + self.bytes.len() > 0 || self.flags & END_STREAM != 0,
            _ => false,
        }
    }
}

impl Walk {
    /// The preface is as a frame of its own, whose head was there.
    fn after_preface() -> Walk {
        let mut head = [0; HEAD];
        (head[2], head[3]) = (PREFACE, NO_FRAME);
        Walk { head, have: HEAD, left: usize::from(PREFACE) }
    }

    fn length(&self) -> usize {
        let [high, middle, low, ..] = self.head;
        u32::from_be_bytes([0, high, middle, low]) as usize
    }

    /// Takes from the bytes what belongs to one frame; nothing if no head is complete.
    fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Part<'a>> {
        if self.have == HEAD && bytes.is_empty() {
            return None;
        }
        if self.have < HEAD {
            let (head, rest) = bytes.split_at(bytes.len().min(HEAD - self.have));
            self.head[self.have..][..head.len()].copy_from_slice(head);
            (self.have, *bytes) = (self.have + head.len(), rest);
            if self.have < HEAD {
                return None;
            }
            self.left = self.length();
        }
        let at = self.length() - self.left;
        let (part, rest) = bytes.split_at(bytes.len().min(self.left));
        (self.left, *bytes) = (self.left - part.len(), rest);
        let is_over = self.left == 0;
        if is_over {
            self.have = 0;
        }
        let [_, _, _, kind, flags, stream @ ..] = self.head;
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        Some(Part { kind, flags, stream, at, bytes: part, is_over })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// Some frames of each direction, in pieces of a length.
    fn seen(length: usize) -> Frames {
        let mut frames = Frames::new();
        let mut coming = vec![0; PREFACE.into()];
        coming.extend(frame(4, 0, 0, &[]));
        coming.extend(frame(HEADERS, END_HEADERS, 1, b"abc"));
        coming.extend(frame(HEADERS, 0, 3, b"abc"));
        coming.extend(frame(CONTINUATION, END_HEADERS, 3, b"abc"));
        for stream in [5, 7, 9] {
            coming.extend(frame(HEADERS, END_HEADERS, stream, b"abc"));
        }
        coming.extend(frame(RST_STREAM, 0, 5, &[0; 4]));
        coming.extend(frame(HEADERS, 0, 11, b"abc"));
        coming.chunks(length).for_each(|piece| frames.came(piece));
        let mut going = frame(HEADERS, END_HEADERS, 1, b"de");
        going.extend(frame(DATA, 0, 1, &[7; 100]));
        going.extend(frame(DATA, END_STREAM, 1, &[7; 50]));
        going.extend(frame(RST_STREAM, 0, 3, &[0; 4]));
        going.extend(frame(GOAWAY, 0, 0, &[0, 0, 0, 7, 0, 0, 0, 0, 9, 9]));
        going.chunks(length).for_each(|piece| frames.went(piece));
        frames
    }

    /// H1: and it does not matter how the bytes are cut.
    #[test]
    fn a_stream_is_open_until_its_response_is_over_or_it_is_given_up() {
        for length in 1..300 {
            let mut frames = seen(length);
            assert_eq!((&frames.open[..], frames.heading(), frames.last), (&[7][..], Some(5), 7), "{length}");
            assert_eq!((frames.take_left(), frames.take_left()), (152, 0), "{length}");
            assert!(frames.has_taken_leave());
        }
    }

    /// W2: pings and the like are counted, and what brings something makes up for some of them.
    #[test]
    fn talk_that_brings_nothing_is_counted() {
        let mut frames = Frames::new();
        frames.came(&[0; PREFACE as usize]);
        (0..10).for_each(|_| frames.came(&frame(6, 0, 0, &[0; 8])));
        assert_eq!(frames.empty(), 10);
        frames.came(&frame(DATA, 0, 1, b"tea"));
        assert_eq!(frames.empty(), 10 - MADE_UP);
        frames.came(&frame(DATA, 0, 1, b""));
        assert_eq!(frames.empty(), 11 - MADE_UP);
    }

    /// W2: a window that is opened for what was sent is no talk about nothing.
    #[test]
    fn windows_for_what_was_sent_are_not_counted() {
        let mut frames = Frames::new();
        frames.came(&[0; PREFACE as usize]);
        frames.went(&frame(DATA, 0, 1, &[7; 2 * WINDOW]));
        (0..3).for_each(|_| frames.came(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0])));
        assert_eq!(frames.empty(), 1);
    }

    /// W2: a farewell waits for what was begun before it was heard, and not for what is only asked for afterwards.
    #[test]
    fn what_was_begun_before_the_end_moves_it() {
        let mut frames = Frames::new();
        frames.came(&[0; PREFACE as usize]);
        frames.came(&frame(HEADERS, END_HEADERS, 1, b"abc"));
        frames.came(&frame(DATA, 0, 1, b"tea"));
        assert_eq!(frames.take_moved(), 0);
        frames.part();
        frames.went(&frame(DATA, 0, 1, b"te"));
        frames.went(&frame(DATA, 0, 3, b"tea"));
        frames.came(&frame(DATA, 0, 3, b"te"));
        frames.came(&frame(DATA, 0, 1 + AHEAD + 2, b"tea"));
        assert_eq!((frames.take_moved(), frames.take_moved()), (4, 0));
    }
}
