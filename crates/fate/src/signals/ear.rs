//! The ear of a Fate: the one place where it hears of signals, and hands them to those who listen.
//!
//! ```text
//!   System::ear ──Op::Watch──▶ complete ──System::heard──┬─▶ each who listens
//!                                                        └─▶ nobody does: the run that is under way shuts down
//! ```
//!
//! The watch is made when something is heard for the first time, and stays: it is no reason for a run to go on, and wakes
//! nobody while nothing is heard. Only if one who listens asks for it is the watch a reason to go on, until that one stops.

use super::held::Held;
use super::listening::Listening;
use crate::Fate;
use fate_core::machine::report::Kind;
use fate_core::{
    Endpoint, EndpointSight, Event, Hearing, Interest, Key, Op, Reactor, Signal, Socket, System, WindDown,
};
use std::cell::{Cell, RefCell};
use std::io;
use std::panic::Location;
use std::rc::Rc;

/// What asks a program to end, and may be asked twice.
const ENDING: [Signal; 2] = [Signal::INT, Signal::TERM];

/// What one Fate hears.
pub(crate) struct Ear {
    system: Rc<dyn System>,
    watch: Cell<Option<Watch>>,
    listeners: RefCell<Vec<Rc<Listening>>>,
    /// The program wants no signal to be taken that it did not ask for.
    leaves_signals: Cell<bool>,
    is_running: Cell<bool>,
    /// What the run under way hears of its own accord.
    ending: RefCell<[Option<Held>; ENDING.len()]>,
    /// The signal that has asked for a shutdown, until that is complete.
    asked_by: Cell<Option<Signal>>,
}

/// A watch that is under way.
#[derive(Clone, Copy)]
struct Watch {
    key: Key,
    keeps_alive: bool,
}

impl Ear {
    fn new(reactor: &Rc<Reactor>) -> Ear {
        Ear {
            system: reactor.system().clone(),
            watch: Cell::new(None),
            listeners: RefCell::default(),
            leaves_signals: Cell::new(false),
            is_running: Cell::new(false),
            ending: RefCell::default(),
            asked_by: Cell::new(None),
        }
    }

    pub fn of(reactor: &Rc<Reactor>) -> Rc<Ear> {
        reactor.belonging(Ear::new)
    }

    /// From here on no run takes a signal of its own accord.
    pub fn leave_signals(&self) {
        self.leaves_signals.set(true);
    }

    /// One more listens.
    pub(super) fn add(self: &Rc<Ear>, reactor: &Reactor, listening: &Rc<Listening>) -> io::Result<()> {
        self.watch(reactor)?;
        self.listeners.borrow_mut().push(listening.clone());
        Ok(())
    }

    /// One has ceased to listen. If it was the last for a signal on which a run shuts down, the run does.
    pub(super) fn remove(self: &Rc<Ear>, reactor: &Reactor, listening: &Listening) {
        let place = self.listeners.borrow().iter().position(|one| std::ptr::eq(&**one, listening));
        let removed = place.map(|place| self.listeners.borrow_mut().remove(place));
        if self.is_running.get() {
            self.hear_endings();
        }
        self.settle(reactor);
        drop(removed);
    }

    /// Somebody keeps a run going, or no longer does.
    pub(super) fn settle(self: &Rc<Ear>, reactor: &Reactor) {
        if self.watch.get().is_some_and(|watch| watch.keeps_alive != self.keeps_alive()) {
            // The descriptor is there already, so nothing is refused.
            let _ = self.watch(reactor);
        }
    }

    fn keeps_alive(&self) -> bool {
        self.listeners.borrow().iter().any(|listening| listening.keeps_alive())
    }

    fn watch(self: &Rc<Ear>, reactor: &Reactor) -> io::Result<()> {
        let keeps_alive = self.keeps_alive();
        match self.watch.get() {
            Some(watch) if watch.keeps_alive == keeps_alive => return Ok(()),
            Some(watch) => reactor.forget(watch.key),
            None => {}
        }
        let descriptor = self.system.ear()?;
        let op = |key| Op::Watch { key, descriptor, interest: Interest::Read };
        let endpoint: Rc<dyn Endpoint> = self.clone();
        let key = if keeps_alive { reactor.submit(endpoint, op) } else { reactor.submit_aside(endpoint, op) };
        self.watch.set(Some(Watch { key, keeps_alive }));
        Ok(())
    }

    /// Tells everybody what has come. If it concerns nobody, the run under way shuts down.
    pub(super) fn hear(&self, reactor: &Reactor) {
        for (signal, count) in self.system.heard() {
            let is_ending = self.ending.borrow().iter().flatten().any(|held| held.signal == signal);
            if self.is_listened_to(signal) {
                let listeners = self.listeners.borrow().clone();
                let concerned = listeners.iter().filter(|listening| listening.hears(signal));
                concerned.for_each(|listening| listening.tell(reactor, signal, count));
            } else if is_ending {
                self.asked_by.set(Some(signal));
                reactor.shutdown();
            }
        }
    }

    fn is_listened_to(&self, signal: Signal) -> bool {
        self.listeners.borrow().iter().any(|listening| listening.hears(signal))
    }

    /// A run begins; says no if one is under way already, or is to take no signals.
    pub(super) fn begin_run(self: &Rc<Ear>, fate: &Fate) -> bool {
        if self.leaves_signals.get() || self.is_running.replace(true) {
            return false;
        }
        self.hear_endings();
        let is_any = self.ending.borrow().iter().any(Option::is_some);
        let is_deaf = is_any && self.watch(fate.reactor()).is_err();
        if is_deaf {
            drop(self.ending.take());
        }
        true
    }

    /// The run is over: what was there before it is there again.
    pub(super) fn end_run(&self) {
        self.is_running.set(false);
        drop(self.ending.take());
    }

    /// Hears what a run shuts down on, as far as nobody else does. Where the system has nothing to hear with, those signals do
    /// what they always do.
    fn hear_endings(&self) {
        for (signal, held) in ENDING.into_iter().zip(self.ending.borrow_mut().iter_mut()) {
            if held.is_none() && !self.is_listened_to(signal) {
                *held = Held::begin(&self.system, signal, Hearing::First).ok().flatten();
            }
        }
    }

    /// The signal that has asked for a shutdown which is not complete, or was not when this was asked last.
    pub(super) fn asked_by(&self) -> &Cell<Option<Signal>> {
        &self.asked_by
    }

    pub(super) fn die_of(&self, signal: Signal) {
        self.system.die_of(signal);
    }
}

/// The reactor goes: whoever still holds a handle hears nothing any more.
impl Drop for Ear {
    fn drop(&mut self) {
        self.listeners.get_mut().drain(..).for_each(|listening| listening.abandon());
    }
}

/// It is not enlisted: those who listen are.
impl Endpoint for Ear {
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, _: Key, event: Event) {
        self.watch.set(None);
        if matches!(event, Event::Ready(_)) {
            self.hear(reactor);
            // The descriptor is there already, so nothing is refused.
            let _ = self.watch(reactor);
        }
    }

    fn gather(self: Rc<Self>, _: &Reactor) {}

    fn wind_down(self: Rc<Self>, _: &Rc<Reactor>, _: WindDown) {}

    fn is_draining(&self) -> bool {
        false
    }

    fn socket(&self) -> Option<Socket> {
        None
    }

    fn sight(&self) -> EndpointSight {
        EndpointSight { kind: Kind::Signal, place: Location::caller(), waits_for: "a signal".into() }
    }
}
