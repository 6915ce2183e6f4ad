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
//! HTTP/2 [shares](super::shared) a line between requests. There a response waits for a window to be opened as a write waits for the
//! stream, and has the same deadline; and headers may begin in any phase, so that a line is idle as soon as the other side has begun
//! as it has to, with its settings.
//!
//! Nobody is asked whether he is still there, because the answer stands behind what is on its way: while a request is being answered
//! the system finds that out (TCP), or the deadline of the write, once there is something to write.
//!
//! # Invariants
//! - L1 While the phase, headers, a write that waits, or a leave that is taken has a deadline, a fuse is lit that burns no later than
//!   that.
//! - L2 When a line is over its fuse is cut: it keeps nothing going.
//! - L3 While the stream takes nothing no response is held by the other side: then it is the write that waits.
//!
//! # Cost
//! A request changes a few cells. The fuse is moved only to an earlier moment; one that burns too early is lit again.

use super::listening::PeerCertificates;
use super::patience::{Credit, NAP, Patience};
use super::shared::Shared;
use super::stream::Stream;
use bytes::{Bytes, BytesMut};
use fate::{Fate, Fuse, Instant};
use hyper::rt::ReadBuf;
use std::cell::{Cell, OnceCell, RefCell};
use std::io::{self, IoSlice};
use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

/// By so many bytes it is known which protocol is spoken: no request of the older ones is shorter.
const TELLING: usize = 4;

/// One connection.
pub(super) struct Line {
    fate: Fate,
    pub stream: Stream,
    /// What the other side has shown of itself, if it was asked by TLS.
    pub certificates: OnceCell<PeerCertificates>,
    patience: Patience,
    /// Bytes that were taken from the stream and are hyper's.
    early: RefCell<Bytes>,
    phase: Cell<Phase>,
    /// When the phase began.
    since: Cell<Instant>,
    /// Requests whose response is not over.
    in_flight: Cell<usize>,
    /// If several requests share the line, and what comes in says nothing of one of them.
    shared: OnceCell<Box<Shared>>,
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
    /// Nothing has come in yet, but for what agrees on TLS.
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
    /// The other side was told that this is the end, and does not go.
    Lingering,
    /// The other side keeps the line busy with nothing.
    Restless,
}

impl Line {
    pub fn new(fate: &Fate, stream: Stream, patience: Patience) -> Rc<Line> {
        Rc::new(Line {
            fate: fate.clone(),
            stream,
            certificates: OnceCell::new(),
            patience,
            early: RefCell::default(),
            phase: Cell::new(Phase::Fresh),
            since: Cell::new(fate.now()),
            in_flight: Cell::new(0),
            shared: OnceCell::new(),
            writing: Cell::new(None),
            credit: Cell::new(Credit::new(patience.write)),
            verdict: Cell::new(None),
            is_draining: Cell::new(false),
            task: RefCell::default(),
            fuse: RefCell::default(),
            lit: Cell::new(Instant::NEVER),
        })
    }

    /// From now on something may be asked: if TLS is spoken, it is agreed on, for which there is a deadline of its own.
    pub fn open(self: &Rc<Self>) {
        self.enter(Phase::Fresh);
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
        self.shared.get_or_init(|| Box::new(Shared::new(self.fate.now())));
    }

    pub fn is_shared(&self) -> bool {
        self.shared.get().is_some()
    }

    /// Headers have begun, and are not complete.
    pub fn is_heading(&self) -> bool {
        self.phase.get() == Phase::Head || self.shared().and_then(Shared::heading).is_some()
    }

    fn shared(&self) -> Option<&Shared> {
        self.shared.get().map(|shared| &**shared)
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
            Phase::Idle | Phase::Drowsy | Phase::Resting if !self.is_shared() => self.enter(Phase::Head),
            _ => {}
        }
    }

    /// These bytes came in, on a line that is shared.
    pub fn came_frames(self: &Rc<Self>, bytes: &[u8]) {
        let Some(shared) = self.shared() else { return };
        if shared.came(bytes, self.fate.now()) {
            self.judge(Verdict::Restless);
        }
        if matches!(self.phase.get(), Phase::Fresh | Phase::Head) && shared.is_greeted() {
            // Connected ahead: what is begun from here on is seen as such.
            self.enter(Phase::Idle);
        }
        self.weigh();
        self.heed();
    }

    /// So many bytes of these were written, on a line that is shared.
    pub fn wrote_frames(self: &Rc<Self>, pieces: &[IoSlice<'_>], result: &Poll<io::Result<usize>>) {
        if let (Some(shared), Poll::Ready(Ok(count))) = (self.shared(), result) {
            shared.went(pieces, *count);
            self.weigh();
        }
    }

    /// A task of a stream begins, or is over, on a line that is shared.
    pub fn run(self: &Rc<Self>, is_begun: bool) {
        let Some(shared) = self.shared() else { return };
        shared.run(is_begun);
        self.weigh();
        if !is_begun {
            self.begin_idle();
        }
    }

    /// L3: whether a response waits for the other side may have changed.
    fn weigh(self: &Rc<Self>) {
        let Some(shared) = self.shared() else { return };
        let is_held = self.writing.get().is_none() && shared.is_waiting();
        match (shared.held(), is_held) {
            (None, true) => {
                shared.hold(self.fate.now());
                self.heed();
            }
            (Some(since), false) => {
                shared.let_go();
                self.count_left(shared, since);
                self.begin_idle();
            }
            _ => {}
        }
    }

    /// Nothing is going on from now on, if no request is being answered.
    fn begin_idle(self: &Rc<Self>) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Idle);
        }
    }

    /// Of responses that wait since then, some has left.
    fn count_left(&self, shared: &Shared, since: Instant) {
        self.credit.set(self.credit.get().after(self.fate.now() - since, shared.take_left()));
    }

    /// A request came, which is being answered until what this gives is dropped.
    pub fn begin(self: &Rc<Self>) -> Ticket {
        self.in_flight.set(self.in_flight.get() + 1);
        self.phase.set(Phase::Busy);
        self.weigh();
        Ticket { line: self.clone(), is_answered: false, is_offered: false }
    }

    /// A write was tried: it may have to wait.
    pub fn wrote(self: &Rc<Self>, result: &Poll<io::Result<usize>>) {
        match (result, self.writing.get()) {
            _ if self.phase.get() == Phase::Over => {}
            (Poll::Pending, None) => {
                self.writing.set(Some(Writing { since: self.fate.now(), buffered: self.stream.buffered() }));
                self.weigh();
                self.heed();
            }
            (Poll::Ready(Ok(count)), Some(writing)) => {
                self.writing.set(None);
                self.count_taken(writing, writing.buffered + count);
                if matches!(self.phase.get(), Phase::Idle | Phase::Drowsy) {
                    self.enter(Phase::Idle);
                }
                self.weigh();
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
            Phase::Idle if self.shared().is_some_and(Shared::is_at_work) => Instant::NEVER,
            Phase::Idle if !self.is_shared() => since + NAP.min(self.patience.idle),
            Phase::Idle | Phase::Drowsy | Phase::Resting => since + self.patience.idle,
            Phase::Busy | Phase::Over => Instant::NEVER,
        }
    }

    fn write_ends(&self) -> Instant {
        let held = || self.shared().and_then(Shared::held);
        let since = self.writing.get().map(|writing| writing.since).or_else(held);
        since.map_or(Instant::NEVER, |since| since + self.credit.get().left())
    }

    /// When headers have to be complete that began beside something else.
    fn heading_ends(&self) -> Instant {
        let since = self.shared().and_then(Shared::heading);
        since.map_or(Instant::NEVER, |since| since + self.patience.header)
    }

    /// Until when the other side has to know which request was the last that is answered.
    fn leave_ends(&self) -> Instant {
        self.shared().and_then(Shared::leave_ends).unwrap_or(Instant::NEVER)
    }

    /// L1: sees to it that the fuse burns in time.
    fn heed(self: &Rc<Self>) {
        let due = self.phase_ends().min(self.write_ends()).min(self.heading_ends()).min(self.leave_ends());
        if due >= self.lit.get() || self.phase.get() == Phase::Over {
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
        } else if line.heading_ends() <= now {
            line.judge(Verdict::SlowHeader);
        } else if line.leave_ends() <= now && line.is_lingering() {
            line.judge(if line.has_given_all() { Verdict::Close } else { Verdict::Lingering });
        } else if line.phase_ends() <= now {
            line.judge(match line.phase.get() {
                Phase::Head => Verdict::SlowHeader,
                Phase::Idle if !line.is_shared() && line.patience.idle > NAP => {
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
        if let Some(writing) = self.writing.get() {
            self.count_taken(writing, writing.buffered);
            self.writing.set(Some(Writing { since: self.fate.now(), buffered: self.stream.buffered() }));
        } else if let Some((shared, since)) = self.shared().and_then(|shared| Some((shared, shared.held()?))) {
            self.count_left(shared, since);
            shared.hold(self.fate.now());
        } else {
            return false;
        }
        self.credit.get().left().is_zero()
    }

    /// Whether nothing has moved, or not by enough, since the other side was told that this is the end.
    fn is_lingering(&self) -> bool {
        self.shared().is_some_and(|shared| shared.is_lingering(self.fate.now(), self.stream.buffered()))
    }

    /// Whether the other side was given all that it asked for, and has not asked on. Then it misses nothing, though it has not heard
    /// of the end yet, because it takes its time.
    fn has_given_all(&self) -> bool {
        self.is_at_rest() && !self.shared().is_some_and(Shared::is_asked_on)
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

    /// The other side was told that this is the end: it has as long to go as it had to ask, and longer while what it had asked for
    /// by then comes and goes, which it has to say and to hear first.
    pub fn take_leave(self: &Rc<Self>) {
        if let Some(shared) = self.shared() {
            shared.take_leave(self.fate.now(), Credit::new(self.patience.header), self.stream.buffered());
            self.heed();
        }
        if matches!(self.phase.get(), Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Idle);
        }
    }

    /// Whether nothing goes on: an end is none of anybody's business then.
    pub fn is_at_rest(&self) -> bool {
        let is_idle = matches!(self.phase.get(), Phase::Fresh | Phase::Idle | Phase::Drowsy | Phase::Resting);
        let is_at_work = self.shared().is_some_and(|shared| shared.is_at_work() || shared.heading().is_some());
        is_idle && self.writing.get().is_none() && self.stream.buffered() == 0 && !is_at_work
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
pub(super) struct Ticket {
    line: Rc<Line>,
    is_answered: bool,
    /// Its response gave something, and was not asked on from.
    is_offered: bool,
}

impl Ticket {
    /// There is a response.
    pub fn answer(&mut self) {
        self.is_answered = true;
    }

    /// The response gave something, or has nothing to give.
    pub fn offer(&mut self, is_offered: bool) {
        if self.is_offered != is_offered
            && let Some(shared) = self.line.shared()
        {
            self.is_offered = is_offered;
            shared.offer(is_offered);
            self.line.weigh();
        }
    }

    fn leave(&self, shared: &Shared) {
        if self.is_offered {
            shared.offer(false);
        }
        if shared.count(self.is_answered, self.line.fate.now()) {
            self.line.judge(Verdict::Restless);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let line = &self.line;
        line.shared().into_iter().for_each(|shared| self.leave(shared));
        line.in_flight.set(line.in_flight.get() - 1);
        line.weigh();
        if line.in_flight.get() == 0 && line.phase.get() == Phase::Busy {
            line.enter(Phase::Idle);
        }
    }
}
