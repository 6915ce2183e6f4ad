//! One connection of a server: its stream, in which phase it is, and until when that may last.
//!
//! ```text
//!             bytes           request            answered         a while          hyper lets go
//!   Fresh ───────────▶ Head ───────────▶ Busy ───────────▶ Idle ───────────▶ Drowsy ───────────▶ Resting
//!                       ▲                                   │ bytes            │ bytes              │ bytes
//!                       └───────────────────────────────────┴──────────────────┴────────────────────┘
//! ```
//!
//! hyper has the stream only while there is something for it to do: what is kept of a connection at rest is this, and a task that
//! waits for bytes. That is why a line outlives what hyper makes of it, and may serve several of those one after another.
//!
//! # Invariants
//! - L1 While the phase, or a write that waits, has a deadline, a fuse is lit that burns no later than that.
//! - L2 When a line is over its fuse is cut: it keeps nothing going.
//!
//! # Cost
//! A request changes a few cells. The fuse is moved only to an earlier moment; one that burns too early is lit again.

use super::patience::{Credit, NAP, Patience};
use super::stream::Stream;
use bytes::{Bytes, BytesMut};
use fate::{Fate, Fuse, Instant};
use hyper::rt::ReadBuf;
use std::cell::{Cell, RefCell};
use std::io;
use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

/// By so many bytes it is known which protocol is spoken: no request of the older ones is shorter.
const TELLING: usize = 4;

/// One connection.
pub(super) struct Line {
    fate: Fate,
    pub stream: Stream,
    patience: Patience,
    /// Bytes that were taken from the stream and are hyper's.
    early: RefCell<Bytes>,
    phase: Cell<Phase>,
    /// When the phase began.
    since: Cell<Instant>,
    /// Requests whose response is not over.
    in_flight: Cell<usize>,
    /// Several requests share the line, and what comes in says nothing of one of them.
    is_shared: Cell<bool>,
    /// A write waits.
    writing: Cell<Option<Writing>>,
    credit: Cell<Credit>,
    verdict: Cell<Option<Verdict>>,
    is_draining: Cell<bool>,
    task: RefCell<Option<Waker>>,
    fuse: RefCell<Option<Fuse>>,
    /// When that burns.
    lit: Cell<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Nothing has come in yet.
    Fresh,
    /// A request has begun, and its headers are not complete.
    Head,
    /// A request is being answered.
    Busy,
    /// All are answered.
    Idle,
    /// Nothing has come since then for a while: hyper may let go.
    Drowsy,
    /// As before, and hyper has no part in it any more.
    Resting,
    /// Nobody is waited for any more.
    Over,
}

/// A write that waits.
#[derive(Clone, Copy)]
struct Writing {
    since: Instant,
    /// What was before it, and is still to be taken.
    buffered: usize,
}

/// A deadline is past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing happens, and nobody is to blame.
    Rest,
    /// Nothing has happened for as long as a connection is kept.
    Close,
    /// A request has begun and does not come.
    SlowHeader,
    /// The other side does not take what it asked for.
    SlowReader,
}

impl Line {
    pub fn new(fate: &Fate, stream: Stream, patience: Patience) -> Rc<Line> {
        let line = Rc::new(Line {
            fate: fate.clone(),
            stream,
            patience,
            early: RefCell::default(),
            phase: Cell::new(Phase::Fresh),
            since: Cell::new(fate.now()),
            in_flight: Cell::new(0),
            is_shared: Cell::new(false),
            writing: Cell::new(None),
            credit: Cell::new(Credit::new(patience.write)),
            verdict: Cell::new(None),
            is_draining: Cell::new(false),
            task: RefCell::default(),
            fuse: RefCell::default(),
            lit: Cell::new(Instant::NEVER),
        });
        line.heed();
        line
    }

    pub fn fate(&self) -> &Fate {
        &self.fate
    }

    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Several requests at once are on the line from here on.
    pub fn share(&self) {
        self.is_shared.set(true);
    }

    fn enter(self: &Rc<Self>, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.fate.now());
        self.heed();
    }

    /// Bytes came in.
    pub fn came(self: &Rc<Self>) {
        match self.phase.get() {
            Phase::Fresh => self.enter(Phase::Head),
            Phase::Idle | Phase::Drowsy | Phase::Resting if !self.is_shared.get() => self.enter(Phase::Head),
            _ => {}
        }
    }

    /// A request came, which is being answered until what this gives is dropped.
    pub fn begin(self: &Rc<Self>) -> Ticket {
        self.in_flight.set(self.in_flight.get() + 1);
        self.phase.set(Phase::Busy);
        Ticket(self.clone())
    }

    /// A write was tried: it may have to wait.
    pub fn wrote(self: &Rc<Self>, result: &Poll<io::Result<usize>>) {
        match (result, self.writing.get()) {
            _ if self.phase.get() == Phase::Over => {}
            (Poll::Pending, None) => {
                self.writing.set(Some(Writing { since: self.fate.now(), buffered: self.stream.buffered() }));
                self.heed();
            }
            (Poll::Ready(Ok(count)), Some(writing)) => {
                self.writing.set(None);
                self.count_taken(writing, writing.buffered + count);
                if matches!(self.phase.get(), Phase::Idle | Phase::Drowsy) {
                    self.enter(Phase::Idle);
                }
            }
            _ => {}
        }
    }

    /// Of so many bytes, some were taken since a write began to wait.
    fn count_taken(&self, writing: Writing, buffered: usize) {
        let taken = buffered.saturating_sub(self.stream.buffered());
        self.credit.set(self.credit.get().after(self.fate.now() - writing.since, taken));
    }

    /// Nothing is to be waited for any more (L2).
    pub fn end(&self) {
        self.phase.set(Phase::Over);
        self.writing.set(None);
        self.cut();
    }

    /// When the phase is over, whatever happens.
    fn phase_ends(&self) -> Instant {
        let since = self.since.get();
        match self.phase.get() {
            Phase::Fresh | Phase::Head => since + self.patience.header,
            // hyper has all of a response, but the other side has not: that it takes it has a deadline of its own.
            Phase::Idle | Phase::Drowsy if self.writing.get().is_some() => Instant::NEVER,
            Phase::Idle if !self.is_shared.get() => since + NAP.min(self.patience.idle),
            Phase::Idle | Phase::Drowsy | Phase::Resting => since + self.patience.idle,
            Phase::Busy | Phase::Over => Instant::NEVER,
        }
    }

    fn write_ends(&self) -> Instant {
        self.writing.get().map_or(Instant::NEVER, |writing| writing.since + self.credit.get().left())
    }

    /// L1: sees to it that the fuse burns in time.
    fn heed(self: &Rc<Self>) {
        let due = self.phase_ends().min(self.write_ends());
        if due >= self.lit.get() {
            return;
        }
        self.lit.set(due);
        let mut fuse = self.fuse.borrow_mut();
        match &*fuse {
            Some(lit) => drop(lit.set_time(due)),
            None => {
                let (lit, weak) = (self.fate.get_fuse_at(due), Rc::downgrade(self));
                lit.set_handler(move |_| weak.upgrade().iter().for_each(Line::burned));
                *fuse = Some(lit);
            }
        }
    }

    fn burned(line: &Rc<Line>) {
        line.lit.set(Instant::NEVER);
        drop(line.fuse.take());
        let now = line.fate.now();
        if line.write_ends() <= now && line.is_stuck() {
            line.judge(Verdict::SlowReader);
        } else if line.phase_ends() <= now {
            line.judge(match line.phase.get() {
                Phase::Head => Verdict::SlowHeader,
                Phase::Idle if !line.is_shared.get() && line.patience.idle > NAP => {
                    line.phase.set(Phase::Drowsy);
                    line.heed();
                    Verdict::Rest
                }
                _ => Verdict::Close,
            });
        } else {
            line.heed();
        }
    }

    /// Whether a write that has waited long enough has not moved meanwhile, or not by enough. Otherwise it may wait on.
    fn is_stuck(&self) -> bool {
        let Some(writing) = self.writing.get() else { return false };
        self.count_taken(writing, writing.buffered);
        self.writing.set(Some(Writing { since: self.fate.now(), buffered: self.stream.buffered() }));
        self.credit.get().left().is_zero()
    }

    fn judge(&self, verdict: Verdict) {
        self.verdict.set(Some(verdict));
        self.wake();
    }

    fn wake(&self) {
        let task = self.task.borrow_mut().take();
        task.into_iter().for_each(Waker::wake);
    }

    /// The task of the line waits, for a verdict among others.
    pub fn attend(&self, context: &Context<'_>) -> Option<Verdict> {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *task = Some(context.waker().clone());
        }
        self.verdict.take()
    }

    /// No new request is wanted.
    pub fn drain(&self) {
        self.is_draining.set(true);
        self.wake();
    }

    /// hyper's part is over for now. What it has read and not used comes first the next time; copied, because it lies in a
    /// buffer that is to go.
    pub fn rest(self: &Rc<Self>, unused: &[u8]) {
        *self.early.borrow_mut() = Bytes::copy_from_slice(unused);
        self.phase.set(Phase::Resting);
        if !unused.is_empty() {
            // A request has begun, and has as long as any other.
            self.came();
        }
    }

    /// The other side was told that this is the end: it has as long to go as it had to ask.
    pub fn take_leave(self: &Rc<Self>) {
        if matches!(self.phase.get(), Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Idle);
        }
    }

    /// Whether all that hyper has written is with the stream, and nothing is going on.
    pub fn may_rest(&self) -> bool {
        self.phase.get() == Phase::Drowsy && self.writing.get().is_none()
    }

    /// Bytes that hyper is to be given first.
    pub fn take_early(&self) -> Option<Bytes> {
        let mut early = self.early.borrow_mut();
        (!early.is_empty()).then(|| mem::take(&mut *early))
    }

    /// Gives back what of them was too much.
    pub fn put_early(&self, rest: Bytes) {
        *self.early.borrow_mut() = if rest.is_empty() { Bytes::new() } else { rest };
    }

    /// Waits until it is known how a request begins: gives its first bytes, fewer only at the end.
    pub fn poll_beginning(self: &Rc<Self>, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            let have = self.early.borrow().len();
            if have >= TELLING {
                return Poll::Ready(Ok(self.early.borrow().clone()));
            }
            let mut bytes = [0; TELLING];
            let mut into = ReadBuf::new(&mut bytes[..TELLING - have]);
            ready!(self.stream.poll_read(context, into.unfilled()))?;
            if into.filled().is_empty() {
                return Poll::Ready(Ok(self.early.borrow().clone()));
            }
            let mut early = BytesMut::from(&self.early.borrow()[..]);
            early.extend_from_slice(into.filled());
            *self.early.borrow_mut() = early.freeze();
            self.came();
        }
    }

    fn cut(&self) {
        if let Some(fuse) = self.fuse.take() {
            fuse.cut();
        }
        self.lit.set(Instant::NEVER);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.cut();
    }
}

/// A request that is being answered.
pub(super) struct Ticket(Rc<Line>);

impl Drop for Ticket {
    fn drop(&mut self) {
        let line = &self.0;
        line.in_flight.set(line.in_flight.get() - 1);
        if line.in_flight.get() == 0 && line.phase.get() == Phase::Busy {
            line.enter(Phase::Idle);
        }
    }
}
