//! The children of this program, from their start until it is known how they ended.
//!
//! A child is known by its number from when it was spawned until it was reaped, destroyed or let go. While it is known it
//! has a descriptor that tells when it has ended, and once it has, it stays with the kernel until it is asked for here.
//! One that is let go is waited for by a thread, which is all that remains of it: so it is no zombie for longer than it
//! takes to wake that thread. A child can only be let go once it runs, when it is too late to fork twice.
//!
//! # Invariants
//! - K1 A child that is known was not waited for by this program, so its number is its own: a signal that is sent to it
//!   reaches it or nobody. Where SIGCHLD is ignored, or somebody waits for whatever child there is, this does not hold, and
//!   the kernel's descriptor is what signals go by, or the child is asked for first.
//! - K2 A child is waited for by its own number. Nobody else's child is ever reaped.
//! - K3 Only the process that spawned a child signals, reaps or destroys it: a forked copy of this forgets, and no more.
//!
//! # Cost
//! To spawn costs one system call more than `Command` does, and one for each pipe; to reap costs one.

mod exit;
mod fork;
mod launch;
mod send;
pub(crate) mod terminal;
mod wiring;

use crate::connection;
use crate::mark::Mark;
use exit::Exit;
use fate_core::{Order, Process, Recipient, Signal, Spawned};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// How long it takes a child to be gone that was killed, at most. One that cannot be killed just now is let go.
const PATIENCE: Duration = Duration::from_secs(1);

/// Those that are known.
#[derive(Default)]
pub(crate) struct Children {
    /// Set with the first of them (K3).
    mark: Mark,
    known: RefCell<HashMap<u32, Known>>,
}

struct Known {
    child: Child,
    exit: Exit,
}

impl Children {
    /// See [`fate_core::System::spawn`].
    pub fn spawn(&self, order: Order) -> io::Result<Spawned> {
        self.mark.check()?;
        self.mark.set();
        let (mut child, ends) = launch::launch(order)?;
        let exit = match Exit::of(&child) {
            Ok(exit) => exit,
            Err(error) => {
                launch::undo(&mut child);
                return Err(error);
            }
        };
        let process = Process(child.id());
        let spawned = Spawned {
            process,
            exit: exit.as_raw_fd(),
            stdin: ends.stdin.map(connection::number),
            stdout: ends.stdout.map(connection::number),
            stderr: ends.stderr.map(connection::number),
            terminal: ends.terminal.map(connection::number),
        };
        self.known.borrow_mut().insert(process.0, Known { child, exit });
        Ok(spawned)
    }

    /// See [`fate_core::System::reap`].
    pub fn reap(&self, process: Process) -> io::Result<Option<ExitStatus>> {
        self.mark.check()?;
        let mut known = self.known.borrow_mut();
        let outcome = known.get_mut(&process.0).ok_or(Errno::CHILD)?.reap();
        if !matches!(outcome, Ok(None)) {
            known.remove(&process.0);
        }
        outcome
    }

    /// See [`fate_core::System::signal`].
    pub fn signal(&self, process: Process, signal: Signal, to: Recipient) -> io::Result<()> {
        self.mark.check()?;
        let known = self.known.borrow();
        let child = known.get(&process.0).ok_or(ErrorKind::NotFound)?;
        match to {
            Recipient::Process => child.signal(signal),
            Recipient::Group => child.signal_group(signal),
        }
    }

    /// See [`fate_core::System::destroy`].
    pub fn destroy(&self, process: Process) {
        let Some(child) = self.forget(process) else { return };
        let until = if child.kill() { Instant::now() + PATIENCE } else { Instant::now() };
        child.bury(until);
    }

    /// See [`fate_core::System::let_go`]. What is left is a thread, until the child has ended. If no thread can be had, the
    /// child is a zombie from its end until this program's.
    pub fn let_go(&self, process: Process) {
        if let Some(child) = self.forget(process) {
            child.release();
        }
    }

    /// The child, if it is known and this process's own.
    fn forget(&self, process: Process) -> Option<Known> {
        let child = self.known.borrow_mut().remove(&process.0);
        child.filter(|_| !self.mark.is_foreign())
    }
}

/// Kills and reaps whoever is known still.
impl Drop for Children {
    fn drop(&mut self) {
        let known = self.known.take();
        if known.is_empty() || self.mark.is_foreign() {
            return;
        }
        // All are killed before any is waited for, so they die side by side.
        for child in known.values() {
            child.kill();
        }
        let until = Instant::now() + PATIENCE;
        known.into_values().for_each(|child| child.bury(until));
    }
}

impl Known {
    fn reap(&mut self) -> io::Result<Option<ExitStatus>> {
        if !self.exit.may_be_reaped() {
            return Ok(None);
        }
        self.child.try_wait()
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match self.exit.signal(self.number(), signal) {
            // It has ended, and somebody else was told how.
            Err(Errno::SRCH) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    fn signal_group(&self, signal: Signal) -> io::Result<()> {
        // Of somebody who was waited for behind our back, the number may be another's by now (K1).
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.number()), options) {
            Err(Errno::CHILD) => Err(Errno::SRCH.into()),
            _ => Ok(send::to_group(self.number(), signal)?),
        }
    }

    /// Says no for one that may not be killed, and is not worth waiting for.
    fn kill(&self) -> bool {
        self.signal(Signal::KILL).is_ok()
    }

    /// Reaps what was killed.
    fn bury(mut self, until: Instant) {
        if self.exit.wait(until) {
            // What became of it is of no interest any more.
            let _ = self.child.try_wait();
        } else {
            self.release();
        }
    }

    /// Has a thread wait for it.
    fn release(mut self) {
        if !matches!(self.reap(), Ok(None)) {
            return;
        }
        let Known { mut child, exit } = self;
        let watcher = exit.into_watcher();
        let wait = move || {
            if let Some(watcher) = watcher {
                watcher.join();
            }
            child.wait()
        };
        // See `let_go` for what becomes of it if there is no thread.
        let _ = thread::Builder::new().name("fate-released".into()).stack_size(exit::STACK).spawn(wait);
    }

    fn number(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}
