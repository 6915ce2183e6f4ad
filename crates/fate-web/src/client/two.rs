//! A connection that speaks HTTP/2, which many requests share.
//!
//! hyper's machine for it is a handful of futures. One task polls them as long as some request is under way; each
//! request adds a task of its own. While nobody uses it no task runs: it is polled when it stirs, so that it answers
//! the other side's pings, and is noticed when it is closed.
//!
//! Requests beyond what the other side takes at once stand in a line here, not in hyper's: what they are doing there is
//! not waiting for an answer.
//!
//! # Invariants
//! - C5 The window of the connection is as large as those of all its streams together: bodies that nobody reads hold
//!   up nobody else.

use super::bell::Bell;
use super::leash::{Job, Jobs, Leash, Tag};
use super::one::LONGEST_HEADER;
use super::sent::{Outgoing, Progress};
use super::wire::{Watch, Wire};
use fate::{Fate, Instant, Permit, TcpStream, Tether};
use fate_tls::TlsError;
use hyper::client::conn::http2::{self, SendRequest};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// hyper holds so much at most of each body that is sent.
pub(super) const MOST_HELD: usize = 64 * 1024;

/// The most requests at once, also if the other side would take more.
const MOST_STREAMS: usize = 100;

/// So much of each body is received before it is read.
const WINDOW: u32 = 1024 * 1024;

/// For so long a connection that lives may well be silent, though an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection that speaks HTTP/2.
pub(super) struct Two {
    sender: SendRequest<Outgoing>,
    machine: RefCell<Machine>,
    /// Of each request.
    jobs: Jobs,
    tether: Tether,
    watch: Watch,
    bell: Bell,
    users: Cell<usize>,
    /// How many streams the other side takes at once.
    streams: Rc<Cell<usize>>,
    line: RefCell<Line>,
    /// Since when nothing has come though somebody has asked, as far as is known; and how much had come by then.
    silence: Cell<Option<(Instant, u64)>>,
    /// Counts it among the connections to its host.
    permit: Cell<Option<Permit>>,
    is_driven: Cell<bool>,
    has_ended: Cell<bool>,
    /// Whether somebody has waited on it in vain.
    is_doubted: Cell<bool>,
    /// Wakes the task that drives it.
    driver: Cell<Option<Waker>>,
}

/// The futures that are the connection.
struct Machine(Vec<Job>);

/// Those who wait until the other side takes another request, first come, first served.
#[derive(Default)]
struct Line {
    next: u64,
    wakers: BTreeMap<u64, Option<Waker>>,
}

impl Two {
    pub async fn begin(stream: TcpStream, bell: Bell) -> hyper::Result<Rc<Two>> {
        let (tether, watch, jobs) = (stream.tether(), Watch::default(), Jobs::default());
        let mut builder = http2::Builder::new(jobs.clone());
        builder.adaptive_window(false).max_header_list_size(LONGEST_HEADER as u32).max_send_buf_size(MOST_HELD);
        builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * MOST_STREAMS as u32);
        let (sender, mut connection) = builder.handshake(Wire::new(stream, &watch)).await?;
        // What went wrong is told to whoever waits for a response, or reads a body.
        let streams = Rc::new(Cell::new(connection.current_max_send_streams()));
        let known = streams.clone();
        let mut machine = jobs.take();
        machine.push(Box::pin(poll_fn(move |context| {
            let is_over = Pin::new(&mut connection).poll(context).map(drop);
            known.set(connection.current_max_send_streams());
            is_over
        })));
        Ok(Rc::new(Two {
            sender,
            machine: RefCell::new(Machine(machine)),
            jobs,
            tether,
            watch,
            bell,
            users: Cell::new(0),
            streams,
            line: RefCell::default(),
            silence: Cell::new(None),
            permit: Cell::new(None),
            is_driven: Cell::new(false),
            has_ended: Cell::new(false),
            is_doubted: Cell::new(false),
            driver: Cell::new(None),
        }))
    }

    /// Whether more can be asked.
    pub fn is_fresh(&self) -> bool {
        !self.has_ended.get() && !self.is_doubted.get() && !self.sender.is_closed()
    }

    pub fn has_users(&self) -> bool {
        self.users.get() > 0
    }

    /// It counts as one among those of its host as long as it is there.
    pub fn keep(&self, permit: Option<Permit>) {
        self.permit.set(permit);
    }

    /// Has it driven until the use is dropped. Waits until the other side takes another request; nothing if by then no
    /// more can be asked.
    pub async fn begin_use(self: &Rc<Two>, fate: &Fate) -> Option<Use> {
        let place = Place::at_the_end(self);
        poll_fn(|context| place.poll(context)).await.then(|| self.enter(fate))
    }

    fn enter(self: &Rc<Two>, fate: &Fate) -> Use {
        self.users.set(self.users.get() + 1);
        self.tether.fasten();
        self.bell.turn(false);
        if !self.is_driven.replace(true) {
            drop(fate.spawn(drive(self.clone(), fate.clone())));
        }
        Use { two: self.clone(), leash: Leash::default() }
    }

    fn has_room(&self) -> bool {
        self.users.get() < self.streams.get().clamp(1, MOST_STREAMS)
    }

    /// Has the first of those who wait look whether it is his turn; and all of them if it will not come.
    fn call(&self) {
        let mut line = self.line.borrow_mut();
        let count = if !self.is_fresh() {
            line.wakers.len()
        } else if self.has_room() {
            1
        } else {
            0
        };
        let wakers: Vec<_> = line.wakers.values_mut().take(count).filter_map(Option::take).collect();
        drop(line);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether nothing has come since then, when so much had come, for longer than one that lives may be silent.
    fn is_silent(&self, (since, heard): (Instant, u64), now: Instant) -> bool {
        heard == self.watch.heard() && now - since >= PATIENCE
    }

    /// Nothing came in time. It may be that nothing ever will, so those who come later had better use another one.
    fn doubt(&self) {
        self.is_doubted.set(true);
        self.call();
    }

    /// Has hyper do what there is to do while nobody uses it. Says whether it is over.
    pub fn look(&self) -> bool {
        self.poll(&mut Context::from_waker(&self.bell.waker()))
    }

    /// Has hyper do what there is to do. Says whether it is over.
    fn poll(&self, context: &mut Context<'_>) -> bool {
        let Ok(mut machine) = self.machine.try_borrow_mut() else { return false };
        machine.0.retain_mut(|part| part.as_mut().poll(context).is_pending());
        if machine.0.is_empty() || self.sender.is_closed() && self.users.get() == 0 {
            self.has_ended.set(true);
        }
        self.call();
        self.has_ended.get()
    }

    /// Nobody uses it: no run goes on for it.
    fn rest(&self) {
        self.is_driven.set(false);
        self.driver.take();
        self.tether.loosen();
        self.bell.turn(true);
        self.look();
    }
}

/// Somebody uses it.
pub(super) struct Use {
    two: Rc<Two>,
    /// Holds what sends the body.
    leash: Leash,
}

/// Somebody waits for an answer. If he goes without one, and nothing at all has come for long, it may be that nothing
/// ever will.
pub(super) struct Asking<'a> {
    two: &'a Two,
    fate: &'a Fate,
    progress: &'a Progress,
    is_answered: bool,
}

/// Somebody's place in the line.
struct Place<'a> {
    two: &'a Two,
    number: u64,
}

impl Use {
    pub fn sender(&self) -> SendRequest<Outgoing> {
        self.two.sender.clone()
    }

    /// Why encryption has failed, if it has.
    pub fn refusal(&self) -> Option<TlsError> {
        self.two.watch.refusal()
    }

    pub fn watch(&self) -> &Watch {
        &self.two.watch
    }

    /// What is to go with the body.
    pub fn tag(&self) -> Tag {
        self.two.jobs.tag(&self.leash)
    }

    /// From here on somebody waits for an answer.
    pub fn asking<'a>(&'a self, fate: &'a Fate, progress: &'a Progress) -> Asking<'a> {
        let heard = self.two.watch.heard();
        if self.two.silence.get().is_none_or(|(_, before)| before != heard) {
            self.two.silence.set(Some((fate.now(), heard)));
        }
        Asking { two: &self.two, fate, progress, is_answered: false }
    }

    /// How often something has come by now.
    pub fn heard(&self) -> u64 {
        self.two.watch.heard()
    }

    /// Somebody has waited in vain since then, when so much had come.
    pub fn doubt_if_silent(&self, silence: (Instant, u64), now: Instant) {
        if self.two.is_silent(silence, now) {
            self.two.doubt();
        }
    }

    /// Nothing came in time.
    pub fn doubt(&self) {
        self.two.doubt();
    }
}

impl Asking<'_> {
    pub fn note_answer(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        let heard = self.two.watch.heard();
        // Those who are in a hurry, one after another, have waited as long as one who is not.
        let silence = self.two.silence.get().filter(|(_, before)| *before == heard);
        let silence = silence.unwrap_or((self.progress.heard(), heard));
        self.two.silence.set(Some(silence));
        if self.two.is_silent(silence, self.fate.now()) {
            self.two.doubt();
        }
    }
}

impl<'a> Place<'a> {
    fn at_the_end(two: &'a Two) -> Place<'a> {
        let mut line = two.line.borrow_mut();
        let number = line.next;
        line.next += 1;
        line.wakers.insert(number, None);
        Place { two, number }
    }

    /// Whether it is this one's turn; or no if it never will be.
    fn poll(&self, context: &mut Context<'_>) -> Poll<bool> {
        if !self.two.is_fresh() {
            return Poll::Ready(false);
        }
        let mut line = self.two.line.borrow_mut();
        if self.two.has_room() && line.wakers.keys().next() == Some(&self.number) {
            return Poll::Ready(true);
        }
        line.wakers.insert(self.number, Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.two.line.borrow_mut().wakers.remove(&self.number);
        self.two.call();
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.leash.cut();
        self.two.users.set(self.two.users.get() - 1);
        self.two.call();
        if let Some(driver) = self.two.driver.take() {
            driver.wake();
        }
    }
}

/// Drives the connection as long as somebody uses it.
async fn drive(two: Rc<Two>, fate: Fate) {
    poll_fn(|context| {
        two.driver.set(Some(context.waker().clone()));
        let is_over = two.poll(context);
        for job in two.jobs.take() {
            drop(fate.spawn(job));
        }
        if is_over || two.users.get() == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    two.rest();
    fate.belonging(|_| super::pool::Pools::default()).look(&fate);
}
