//! Keeping what a command prints, up to a bound, until it has ended and will print no more.

use super::failed::OutputTooLong;
use super::running::Running;
use crate::net::PipeReader;
use crate::net::connection::Connection;
use crate::{Failure, Promise, Protocol, Reason, Signal, Transport};
use fate_core::Recipient;
use std::cell::{Cell, RefCell};
use std::process::{ExitStatus, Output};
use std::rc::{Rc, Weak};

/// What is known of a command so far. Whoever is still to add to it holds it: its pipes, and its end.
pub(super) struct Keeper {
    running: Weak<Running>,
    limit: usize,
    promise: Cell<Option<Promise<Output>>>,
    status: Cell<Option<ExitStatus>>,
    /// Its standard output and its standard error.
    kept: [RefCell<Vec<u8>>; 2],
    pipes: RefCell<Vec<Weak<Connection>>>,
    /// How many of these may still bring something.
    open: Cell<usize>,
}

impl Keeper {
    pub fn new(running: &Rc<Running>, limit: usize, promise: Promise<Output>) -> Rc<Keeper> {
        Rc::new_cyclic(|keeper: &Weak<Keeper>| {
            let keeper = keeper.clone();
            promise.on_cancel(move |_| {
                if let Some(keeper) = keeper.upgrade() {
                    keeper.give_up();
                }
            });
            Keeper {
                running: Rc::downgrade(running),
                limit,
                promise: Cell::new(Some(promise)),
                status: Cell::new(None),
                kept: Default::default(),
                pipes: RefCell::default(),
                open: Cell::new(0),
            }
        })
    }

    /// What feeds the command goes with it.
    pub fn feed_by(&self, pipe: &Rc<Connection>) {
        self.pipes.borrow_mut().push(Rc::downgrade(pipe));
    }

    /// Keeps what comes out of a pipe.
    pub fn keep(self: &Rc<Self>, which: usize, pipe: PipeReader) {
        self.open.set(self.open.get() + 1);
        self.pipes.borrow_mut().push(Rc::downgrade(pipe.connection()));
        pipe.drive(Keeping { keeper: self.clone(), which, has_ended: false });
    }

    /// The command has ended.
    pub fn ended(&self, ended: Result<ExitStatus, Failure>) {
        match ended {
            Ok(status) => {
                self.status.set(Some(status));
                self.tell_if_complete();
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// A pipe brings no more. If that is not because it has come to its end, something is missing.
    fn closed(&self, has_ended: bool, reason: Reason) {
        self.open.set(self.open.get() - 1);
        match reason {
            _ if has_ended => self.tell_if_complete(),
            Reason::Lost(error) => self.fail(error.into()),
            Reason::Failed(failure) => self.fail(failure),
            reason => self.fail(reason.into()),
        }
    }

    fn tell_if_complete(&self) {
        let (0, Some(status)) = (self.open.get(), self.status.get()) else { return };
        if let Some(promise) = self.promise.take() {
            let [stdout, stderr] = &self.kept;
            promise.callback(Output { status, stdout: stdout.take(), stderr: stderr.take() });
        }
        self.close_pipes();
    }

    fn fail(&self, failure: Failure) {
        if let Some(promise) = self.promise.take() {
            promise.errback(failure);
        }
        self.give_up();
    }

    /// Nobody wants it any more: the command is killed, and nothing more is read.
    fn give_up(&self) {
        if let Some(running) = self.running.upgrade() {
            // What cannot be killed any more has ended.
            let _ = running.signal(Signal::KILL, Recipient::Process);
        }
        self.close_pipes();
    }

    /// Whoever feeds it need not go on either.
    fn close_pipes(&self) {
        let pipes = self.pipes.take();
        pipes.iter().for_each(|pipe| Connection::abort_if_there(pipe, Reason::Aborted));
    }
}

/// One of the pipes.
struct Keeping {
    keeper: Rc<Keeper>,
    which: usize,
    has_ended: bool,
}

impl Protocol for Keeping {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        let mut kept = self.keeper.kept[self.which].borrow_mut();
        let room = self.keeper.limit - kept.len();
        kept.extend_from_slice(&data[..room.min(data.len())]);
        if data.len() > room {
            let kept = std::mem::take(&mut *kept);
            self.keeper.fail(OutputTooLong { kept }.into());
        }
    }

    fn eof_received(&mut self, transport: &Transport) {
        self.has_ended = true;
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Transport, reason: Reason) {
        self.keeper.closed(self.has_ended, reason);
    }
}
