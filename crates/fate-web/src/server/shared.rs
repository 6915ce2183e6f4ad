//! What there is to know of a line that requests share, which is one of HTTP/2.
//!
//! # Invariants
//! - S1 A response waits for the other side, if what it gave was not asked on from, or if it was all given and has not all left.
//!   hyper asks on as soon as there is a window for what it was given; a program that takes its time is not waited for here.
//!
//! # Cost
//! A few cells a request, and what the [frames](super::frames) cost.

use super::frames::Frames;
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
    /// Streams that are no requests any more, but carry something else.
    tunnels: Cell<usize>,
    /// Since when a response waits, and it is up to the other side.
    held: Cell<Option<Instant>>,
    /// Since when headers are not complete.
    heading: Cell<Option<Instant>>,
    /// When the other side was told that this is the end.
    leaving: Cell<Option<Instant>>,
    /// Requests that were given up by who asked for them, above those that were not.
    abandoned: Cell<u32>,
    /// When the span began in which that, and what brings nothing, is counted.
    counted: Cell<Instant>,
}

impl Shared {
    pub fn new(now: Instant) -> Shared {
        Shared {
            frames: RefCell::new(Frames::new()),
            offered: Cell::default(),
            tunnels: Cell::default(),
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
        self.heading.set(frames.is_heading().then(|| self.heading.get().unwrap_or(now)));
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

    /// Whether a response waits, while so many requests are not over here (S1).
    pub fn is_waiting(&self, in_flight: usize) -> bool {
        self.offered.get() > 0 || self.frames.borrow().open() > in_flight + self.tunnels.get()
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
        self.heading.get()
    }

    /// A stream carries something else from now on.
    pub fn tunnel(&self) {
        self.tunnels.set(self.tunnels.get() + 1);
    }

    /// Whether there were such streams, and all are over.
    pub fn forget_tunnels(&self) -> bool {
        let are_over = self.tunnels.get() > 0 && self.frames.borrow().open() == 0;
        if are_over {
            self.tunnels.set(0);
        }
        are_over
    }

    /// Whether something goes on, though no request is being answered.
    pub fn is_at_work(&self) -> bool {
        let has_tunnel = || self.tunnels.get() > 0 && self.frames.borrow().open() > 0;
        self.held.get().is_some() || (self.leaving.get().is_none() && has_tunnel())
    }

    /// The other side is told that this is the end.
    pub fn take_leave(&self, now: Instant) {
        self.leaving.set(Some(now));
    }

    /// Since when the other side was told so, and is not known to have heard it.
    pub fn leaving(&self) -> Option<Instant> {
        self.leaving.get().filter(|_| !self.frames.borrow().has_taken_leave())
    }
}
