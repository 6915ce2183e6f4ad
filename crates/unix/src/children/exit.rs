//! The descriptor that tells when a child has ended.
//!
//! The kernel has one, where it has any: a descriptor of the process itself (pidfd_open(2)), through which the process can be
//! signalled as well without a number being mistaken. Elsewhere, or where it is refused, a thread waits for the child and
//! leaves it where it is (`WNOWAIT`); then it closes one end of a pipe, so that the other can be read.
//!
//! # Invariants
//! - X1 While a thread waits for a child, nobody reaps it: the thread knows it by number, which may be another child's after
//!   that.
//!
//! # Platforms
//! Linux has the descriptor from 5.3 on. With `--cfg fate_portable` it is not asked for. `rustix` offers no waiting without
//! reaping on OpenBSD.

use super::send;
use fate_core::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Child;
use std::thread;
use std::time::Instant;

/// What a thread needs that does nothing but wait for a child; the least that a thread may have is more on some systems,
/// and std rounds up.
pub(super) const STACK: usize = 1 << 16;

/// Readable once a child has ended.
pub(super) enum Exit {
    /// The kernel's.
    Kernel(OwnedFd),
    /// A thread's.
    Watcher(Watcher),
}

/// A thread that waits for a child, at the other end of a pipe.
pub(super) struct Watcher(PipeReader);

impl Exit {
    /// Of a child that nobody has waited for.
    ///
    /// # Errors
    /// There are no descriptors left; where a thread is needed, there is none.
    pub fn of(child: &Child) -> io::Result<Exit> {
        let number = Pid::from_child(child);
        match open(number) {
            Ok(descriptor) => Ok(Exit::Kernel(descriptor)),
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => Err(error.into()),
            // It does not exist or is forbidden; or the child has ended and nobody is to be told, which a thread learns at once.
            Err(_) => Ok(Exit::Watcher(Watcher::of(number)?)),
        }
    }

    /// X1.
    pub fn may_be_reaped(&self) -> bool {
        match self {
            Exit::Kernel(_) => true,
            Exit::Watcher(_) => self.wait(Instant::now()),
        }
    }

    /// Waits until it can be read, or until a moment has come. Says whether it can.
    pub fn wait(&self, until: Instant) -> bool {
        let look = || {
            let patience = until.saturating_duration_since(Instant::now());
            let patience = Timespec { tv_sec: patience.as_secs() as _, tv_nsec: patience.subsec_nanos() as _ };
            poll(&mut [PollFd::new(self, PollFlags::IN)], Some(&patience))
        };
        retry_on_intr(look).is_ok_and(|count| count > 0)
    }

    /// Sends a signal to the child, the number of which this is.
    pub fn signal(&self, number: Pid, signal: Signal) -> Result<(), Errno> {
        match self {
            #[cfg(target_os = "linux")]
            Exit::Kernel(descriptor) => send::to_descriptor(descriptor, signal),
            // It may be gone altogether, if somebody else was told of its end.
            _ if self.may_be_reaped() => Ok(()),
            _ => send::to_process(number, signal),
        }
    }

    /// Closes it, unless somebody has to learn from it when the child may be reaped.
    pub fn into_watcher(self) -> Option<Watcher> {
        match self {
            Exit::Kernel(_) => None,
            Exit::Watcher(watcher) => Some(watcher),
        }
    }
}

impl AsFd for Exit {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Exit::Kernel(descriptor) => descriptor.as_fd(),
            Exit::Watcher(Watcher(reader)) => reader.as_fd(),
        }
    }
}

impl AsRawFd for Exit {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Watcher {
    fn of(number: Pid) -> io::Result<Watcher> {
        let (reader, writer) = io::pipe()?;
        let watch = move || {
            // That there is no such child any more is an end as well.
            let _ = retry_on_intr(|| waitid(WaitId::Pid(number), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
            drop(writer);
        };
        thread::Builder::new().name("fate-child".into()).stack_size(STACK).spawn(watch)?;
        Ok(Watcher(reader))
    }

    /// Waits until the thread has seen the end of the child.
    pub fn join(mut self) {
        // Nothing is ever written, so what is read is the end.
        let _ = self.0.read(&mut [0]);
    }
}

#[cfg(all(target_os = "linux", not(fate_portable)))]
fn open(number: Pid) -> Result<OwnedFd, Errno> {
    rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty())
}

/// There is none.
#[cfg(any(not(target_os = "linux"), fate_portable))]
fn open(_: Pid) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
