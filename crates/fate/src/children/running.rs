//! The loop's own view of a child, from its start to its end.
//!
//! ```text
//!   started ──the exit descriptor is readable──▶ reaped: everybody who waits is told
//!      │
//!      ├──released──▶ none of the loop's business
//!      └──the end of all things──▶ killed and reaped
//! ```
//!
//! # Invariants
//! - R1 A child that was not reaped, destroyed or let go is in the register, and watched.

use super::name::Name;
use crate::net::protocol::copy;
use crate::{Deferred, Failure, Fate, Place, Promise, Signal};
use fate_core::machine::report::Kind;
use fate_core::{Endpoint, EndpointSight, Event, Interest, Key, Op, Process, Reactor, Recipient, Socket, WindDown};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::RawFd;
use std::process::ExitStatus;
use std::rc::{Rc, Weak};

/// One child.
pub(super) struct Running {
    reactor: Weak<Reactor>,
    place: Place,
    process: Process,
    name: Rc<Name>,
    /// Readable once it has ended.
    exit: RawFd,
    watch: Cell<Option<Key>>,
    listing: Cell<Option<Key>>,
    end: RefCell<Option<io::Result<ExitStatus>>>,
    waiting: RefCell<Vec<Promise<ExitStatus>>>,
    /// A shutdown has asked it to end.
    is_asked: Cell<bool>,
}

impl Running {
    pub fn new(reactor: &Rc<Reactor>, process: Process, exit: RawFd, name: Rc<Name>, place: Place) -> Rc<Running> {
        let running = Rc::new(Running {
            reactor: Rc::downgrade(reactor),
            place,
            process,
            name,
            exit,
            watch: Cell::new(None),
            listing: Cell::new(None),
            end: RefCell::default(),
            waiting: RefCell::default(),
            is_asked: Cell::new(false),
        });
        running.listing.set(Some(reactor.enlist(running.clone())));
        running.watch(reactor);
        running
    }

    pub fn process(&self) -> Process {
        self.process
    }

    /// What it is called in reports.
    pub fn name(&self) -> &Name {
        &self.name
    }

    pub fn reactor(&self) -> Option<Rc<Reactor>> {
        self.reactor.upgrade()
    }

    /// Whether it can still be signalled.
    pub fn is_running(&self) -> bool {
        self.listing.get().is_some()
    }

    /// Fires with how it ended, once it has.
    pub fn exited(&self, fate: &Fate, place: Place) -> Deferred<ExitStatus> {
        let (promise, exited) = fate.deferred_of(place);
        if self.is_running() {
            let mut waiting = self.waiting.borrow_mut();
            waiting.retain(|promise| !promise.is_cancelled());
            waiting.push(promise);
        } else {
            self.tell(promise);
        }
        exited
    }

    pub fn signal(&self, signal: Signal, to: Recipient) -> io::Result<()> {
        let reactor = self.reactor().filter(|_| self.is_running());
        let reactor = reactor.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the child has ended"))?;
        reactor.system().signal(self.process, signal, to)
    }

    /// It is none of this loop's business any more.
    pub fn release(&self) {
        if let Some(reactor) = self.reactor().filter(|_| self.is_running()) {
            self.leave(&reactor);
            reactor.system().let_go(self.process);
            self.finish(Err(io::Error::new(io::ErrorKind::NotFound, "the child was released")));
        }
    }

    fn watch(self: &Rc<Self>, reactor: &Reactor) {
        let (descriptor, interest) = (self.exit, Interest::Read);
        let key = reactor.submit(self.clone(), |key| Op::Watch { key, descriptor, interest });
        self.watch.set(Some(key));
    }

    /// R1.
    fn leave(&self, reactor: &Reactor) {
        if let Some(key) = self.watch.take() {
            reactor.forget(key);
        }
        if let Some(listing) = self.listing.take() {
            reactor.retire(listing);
        }
    }

    fn finish(&self, end: io::Result<ExitStatus>) {
        *self.end.borrow_mut() = Some(end);
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(|promise| self.tell(promise));
    }

    fn tell(&self, promise: Promise<ExitStatus>) {
        match &*self.end.borrow() {
            Some(Ok(status)) => promise.callback(*status),
            Some(Err(error)) => promise.fire_with(Err(Failure::born_at(copy(error), self.place))),
            // The end of all things came first.
            None => drop(promise),
        }
    }
}

impl Endpoint for Running {
    fn complete(self: Rc<Self>, reactor: &Rc<Reactor>, _: Key, _: Event) {
        self.watch.set(None);
        match reactor.system().reap(self.process) {
            Ok(None) => self.watch(reactor),
            end => {
                self.leave(reactor);
                self.finish(end.and_then(|status| status.ok_or_else(|| io::ErrorKind::NotFound.into())));
            }
        }
    }

    fn gather(self: Rc<Self>, _: &Reactor) {}

    fn wind_down(self: Rc<Self>, reactor: &Rc<Reactor>, stage: WindDown) {
        match stage {
            WindDown::StopAccepting => {}
            WindDown::Drain => {
                self.is_asked.set(true);
                // If it cannot be asked, it is killed when the time is over.
                let _ = self.signal(Signal::TERM, Recipient::Process);
            }
            WindDown::Abort => {
                // The exit descriptor is the system's: it is not looked at again before it is closed.
                // All are killed before any is waited for, so they die side by side.
                let _ = self.signal(Signal::KILL, Recipient::Process);
                self.leave(reactor);
                let system = reactor.system().clone();
                let process = self.process;
                reactor.queue(move |_| system.destroy(process));
            }
        }
    }

    fn is_draining(&self) -> bool {
        self.is_asked.get() && self.is_running()
    }

    fn socket(&self) -> Option<Socket> {
        None
    }

    fn sight(&self) -> EndpointSight {
        EndpointSight { kind: Kind::Child, place: self.place, waits_for: format!("{} to end", self.name) }
    }
}
