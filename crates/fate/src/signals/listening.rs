//! One who listens to signals: a handler, or a task that awaits them.
//!
//! ```text
//!    begun ──▶ listens ──stopped, dropped, panicked, shutdown──▶ over
//!                └─▶ told, once a turn
//! ```
//!
//! The machine knows it as an [`Endpoint`] from beginning to end: it is in the reports, and a shutdown ends it.

use super::ear::Ear;
use super::held::Held;
use crate::net::waiter::Waiter;
use crate::{Fate, Place};
use fate_core::machine::report::Kind;
use fate_core::{Endpoint, EndpointSight, Event, Hearing, Key, Reactor, Signal, Socket, WindDown};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What is called for a signal.
pub(super) type Handler = Box<dyn FnMut(&Fate, Signal)>;

/// Somebody who listens.
pub(super) struct Listening {
    place: Place,
    signals: Vec<Signal>,
    /// Empty once it is over.
    held: RefCell<Vec<Held>>,
    /// By which the reactor knows it, until it is over.
    key: Cell<Option<Key>>,
    keeps_alive: Cell<bool>,
    arrivals: Cell<u64>,
    audience: Audience,
}

/// Who is told.
pub(super) enum Audience {
    /// Out of its place while it runs, and gone once it is over.
    Handler(Cell<Option<Handler>>),
    /// What has come and was not asked for yet: each signal once.
    Queue { come: RefCell<Vec<Signal>>, waiter: Waiter },
}

impl Audience {
    pub fn handler(handler: Handler) -> Audience {
        Audience::Handler(Cell::new(Some(handler)))
    }

    pub fn queue() -> Audience {
        Audience::Queue { come: RefCell::default(), waiter: Waiter::default() }
    }
}

impl Listening {
    /// Begins to listen to all of these signals.
    pub fn begin(fate: &Fate, signals: &[Signal], audience: Audience, place: Place) -> io::Result<Rc<Listening>> {
        let reactor = fate.reactor();
        let mut held = Vec::new();
        for &signal in signals {
            if !held.iter().any(|held: &Held| held.signal == signal) {
                held.extend(Held::begin(reactor.system(), signal, Hearing::Each)?);
            }
        }
        let listening = Rc::new(Listening {
            place,
            signals: held.iter().map(|held| held.signal).collect(),
            held: RefCell::new(held),
            key: Cell::new(None),
            keeps_alive: Cell::new(false),
            arrivals: Cell::new(0),
            audience,
        });
        Ear::of(reactor).add(reactor, &listening)?;
        listening.key.set(Some(reactor.enlist(listening.clone())));
        Ok(listening)
    }

    pub fn is_on(&self) -> bool {
        self.key.get().is_some()
    }

    pub fn hears(&self, signal: Signal) -> bool {
        self.signals.contains(&signal)
    }

    /// How often a signal has come so far.
    pub fn arrivals(&self) -> u64 {
        self.arrivals.get()
    }

    pub fn keeps_alive(&self) -> bool {
        self.keeps_alive.get()
    }

    /// A run goes on for it from here on, as long as it listens.
    pub fn keep_alive(&self, reactor: &Rc<Reactor>) {
        self.keeps_alive.set(true);
        Ear::of(reactor).settle(reactor);
    }

    /// A signal has come, so often since the last time.
    pub fn tell(self: &Rc<Listening>, reactor: &Reactor, signal: Signal, count: u32) {
        self.arrivals.set(self.arrivals.get() + u64::from(count));
        match &self.audience {
            Audience::Handler(_) => {
                let weak = Rc::downgrade(self);
                reactor.queue(move |reactor| {
                    if let Some(listening) = weak.upgrade() {
                        listening.call(reactor, signal);
                    }
                });
            }
            Audience::Queue { come, waiter } => {
                let is_new = !come.borrow().contains(&signal);
                if is_new {
                    come.borrow_mut().push(signal);
                }
                waiter.wake(reactor);
            }
        }
    }

    fn call(&self, reactor: &Rc<Reactor>, signal: Signal) {
        let Audience::Handler(place) = &self.audience else { return };
        let Some(mut handler) = place.take() else { return };
        reactor.enter(self.place);
        let calling = Calling { listening: self, reactor };
        handler(Fate::of(reactor), signal);
        std::mem::forget(calling);
        if self.is_on() {
            place.set(Some(handler));
        }
    }

    /// The next signal that has come; nothing if no more will.
    pub fn poll_next(&self, reactor: Option<&Reactor>, context: &Context<'_>) -> Poll<Option<Signal>> {
        let Audience::Queue { come, waiter } = &self.audience else { return Poll::Ready(None) };
        let is_empty = come.borrow().is_empty();
        if !is_empty {
            return Poll::Ready(Some(come.borrow_mut().remove(0)));
        }
        match reactor.filter(|_| self.is_on()) {
            None => Poll::Ready(None),
            Some(reactor) => {
                waiter.wait(reactor, context);
                Poll::Pending
            }
        }
    }

    /// Listens no more. Says whether it did, and gives the handler back, for it is the user's to be dropped.
    #[must_use = "what is dropped is user code"]
    pub fn end(&self, reactor: &Rc<Reactor>) -> (bool, Option<Handler>) {
        let Some(key) = self.key.take() else { return (false, None) };
        let (held, handler) = (self.held.take(), self.take_handler());
        drop(held);
        Ear::of(reactor).remove(reactor, self);
        reactor.retire(key);
        if let Audience::Queue { waiter, .. } = &self.audience {
            waiter.wake(reactor);
        }
        (true, handler)
    }

    /// The reactor goes, and with it all who listen.
    pub fn abandon(&self) {
        self.key.set(None);
        drop((self.held.take(), self.take_handler()));
    }

    fn take_handler(&self) -> Option<Handler> {
        match &self.audience {
            Audience::Handler(handler) => handler.take(),
            Audience::Queue { .. } => None,
        }
    }
}

/// A handler that was called. If it panics it is gone, and listens no more.
struct Calling<'a> {
    listening: &'a Listening,
    reactor: &'a Rc<Reactor>,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        drop(self.listening.end(self.reactor));
    }
}

/// Who listens has no socket and submits nothing: the ear does, for all of them.
impl Endpoint for Listening {
    fn complete(self: Rc<Self>, _: &Rc<Reactor>, _: Key, _: Event) {}

    fn gather(self: Rc<Self>, _: &Reactor) {}

    fn wind_down(self: Rc<Self>, reactor: &Rc<Reactor>, stage: WindDown) {
        if stage == WindDown::Abort
            && let (true, Some(handler)) = self.end(reactor)
        {
            reactor.queue(move |_| drop(handler));
        }
    }

    fn is_draining(&self) -> bool {
        false
    }

    fn socket(&self) -> Option<Socket> {
        None
    }

    fn sight(&self) -> EndpointSight {
        let names: Vec<String> = self.signals.iter().map(Signal::to_string).collect();
        EndpointSight { kind: Kind::Signal, place: self.place, waits_for: names.join(", ") }
    }
}
