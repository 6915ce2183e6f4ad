//! What there is to know of a line that requests share, which is one of HTTP/2.
//!
//! # Invariants
//! - S1 A response waits for the other side, if what it gave was not asked on from, or if it was all given and has not all left.
//!   hyper asks on as soon as there is a window for what it was given; a program that takes its time is not waited for here.
//! - S2 hyper [runs](super::runner) a task for each stream, until all was given that the stream has to carry, or it is given up: a
//!   stream that is open and has none carries what is left of a response.
//!
//! # Cost
//! A few cells a request, and what the [frames](super::frames) cost.

use super::frames::Frames;
use super::patience::Credit;
use fate::Instant;
use std::cell::{Cell, RefCell};
use std::io::IoSlice;
use std::time::Duration;

/// So many more requests may be given up by who asked for them than were answered, in the span below. It costs them less than us.
const MOST_ABANDONED: u32 = 1000;

/// So many frames that bring nothing may come in that span.
const MOST_EMPTY: u32 = 10_000;

const SPAN: Duration = Duration::from_secs(60);

pub(super) struct Shared {
    frames: RefCell<Frames>,
    /// Responses that gave something, and were not asked on from.
    offered: Cell<usize>,
    /// Tasks of streams (S2).
    running: Cell<usize>,
    /// Since when a response waits, and it is up to the other side.
    held: Cell<Option<Instant>>,
    /// Which block of headers is not complete, and since when.
    heading: Cell<Option<(u32, Instant)>>,
    /// The other side was told that this is the end.
    leaving: Cell<Option<Leaving>>,
    /// Requests that were given up by who asked for them, above those that were not.
    abandoned: Cell<u32>,
    /// When the span began in which that, and what brings nothing, is counted.
    counted: Cell<Instant>,
}

/// The other side was told that this is the end, and is waited for.
#[derive(Clone, Copy)]
struct Leaving {
    since: Instant,
    credit: Credit,
    /// What stood before that, and is still to be taken.
    buffered: usize,
}

impl Shared {
    pub fn new(now: Instant) -> Shared {
        Shared {
            frames: RefCell::new(Frames::new()),
            offered: Cell::default(),
            running: Cell::default(),
            held: Cell::default(),
            heading: Cell::default(),
            leaving: Cell::default(),
            abandoned: Cell::default(),
            counted: Cell::new(now),
        }
    }

    /// These bytes came. Says whether they bring nothing, and too often.
    pub fn came(&self, bytes: &[u8], now: Instant) -> bool {
        let mut frames = self.frames.borrow_mut();
        frames.came(bytes);
        let before = self.heading.get();
        let heading = frames.heading().map(|block| before.filter(|before| before.0 == block).unwrap_or((block, now)));
        self.heading.set(heading);
        frames.empty() > MOST_EMPTY && self.is_too_often(&mut frames, now)
    }

    /// So many bytes of these have left.
    pub fn went(&self, pieces: &[IoSlice<'_>], mut count: usize) {
        let mut frames = self.frames.borrow_mut();
        for piece in pieces {
            let length = piece.len().min(count);
            frames.went(&piece[..length]);
            count -= length;
        }
    }

    /// A request is over, with a response or because it was given up. Says whether the latter is so too often.
    pub fn count(&self, is_answered: bool, now: Instant) -> bool {
        let abandoned = self.abandoned.get();
        self.abandoned.set(if is_answered { abandoned.saturating_sub(1) } else { abandoned + 1 });
        self.abandoned.get() > MOST_ABANDONED && self.is_too_often(&mut self.frames.borrow_mut(), now)
    }

    /// Something was counted to its limit: that is too often, unless it has taken its time. Then it is counted anew.
    fn is_too_often(&self, frames: &mut Frames, now: Instant) -> bool {
        frames.forgive();
        self.abandoned.set(0);
        now - self.counted.replace(now) < SPAN
    }

    /// A response gave something, or is asked on from, or is no more.
    pub fn offer(&self, is_offered: bool) {
        let offered = self.offered.get();
        self.offered.set(if is_offered { offered + 1 } else { offered - 1 });
    }

    /// Whether the other side has begun as it has to.
    pub fn is_greeted(&self) -> bool {
        self.frames.borrow().is_greeted()
    }

    /// Whether a response waits (S1, S2).
    pub fn is_waiting(&self) -> bool {
        self.offered.get() > 0 || self.frames.borrow().open() > self.running.get()
    }

    /// It does so from now on.
    pub fn hold(&self, now: Instant) {
        self.take_left();
        self.held.set(Some(now));
    }

    /// It does not any more.
    pub fn let_go(&self) {
        self.held.set(None);
    }

    pub fn held(&self) -> Option<Instant> {
        self.held.get()
    }

    /// How many bytes of responses have left since this was last asked.
    pub fn take_left(&self) -> usize {
        self.frames.borrow_mut().take_left()
    }

    pub fn heading(&self) -> Option<Instant> {
        self.heading.get().map(|(_, since)| since)
    }

    /// A task of a stream begins, or is over.
    pub fn run(&self, is_begun: bool) {
        let running = self.running.get();
        self.running.set(if is_begun { running + 1 } else { running - 1 });
    }

    /// Whether something goes on, though no request is being answered: a response waits, or a stream carries something else.
    pub fn is_at_work(&self) -> bool {
        self.held.get().is_some() || (self.leaving.get().is_none() && self.running.get() > 0)
    }

    /// The other side is told that this is the end, and has so long to hear it, if nothing moves meanwhile. So many bytes stand before
    /// that.
    pub fn take_leave(&self, now: Instant, credit: Credit, buffered: usize) {
        self.frames.borrow_mut().part();
        self.leaving.set(Some(Leaving { since: now, credit, buffered }));
    }

    /// Whether the other side has begun a stream since it was told so.
    pub fn is_asked_on(&self) -> bool {
        self.frames.borrow().is_asked_on()
    }

    /// Until when the other side has to have heard it, if that is not known by then.
    pub fn leave_ends(&self) -> Option<Instant> {
        let leaving = self.leaving.get().filter(|_| !self.frames.borrow().has_taken_leave())?;
        Some(leaving.since + leaving.credit.left())
    }

    /// Whether it had as long as that, though there are only so many bytes yet to be taken. Otherwise it may stay on.
    pub fn is_lingering(&self, now: Instant, buffered: usize) -> bool {
        let Some(leaving) = self.leaving.get() else { return false };
        let moved = (self.frames.borrow_mut().take_moved() + leaving.buffered).saturating_sub(buffered);
        let credit = leaving.credit.after(now - leaving.since, moved);
        self.leaving.set(Some(Leaving { since: now, credit, buffered }));
        credit.left().is_zero()
    }
}
