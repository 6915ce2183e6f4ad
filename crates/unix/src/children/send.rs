//! Sending a signal, by its number.
//!
//! # Invariants
//! - N1 A signal that is made from a number is sent to another process, and nothing else is done with it: the numbers that
//!   a C library has reserved mean something only to whoever receives them.

#![allow(unsafe_code, reason = "of the signals that have no name, the numbers are all that is known")]

use fate_core::Signal;
use rustix::io::Errno;
use rustix::process::{Pid, kill_process, kill_process_group};

/// To a process.
pub(super) fn to_process(process: Pid, signal: Signal) -> Result<(), Errno> {
    kill_process(process, word(signal))
}

/// To the group that a process leads.
pub(super) fn to_group(leader: Pid, signal: Signal) -> Result<(), Errno> {
    kill_process_group(leader, word(signal))
}

/// To the process that a descriptor stands for.
#[cfg(target_os = "linux")]
pub(super) fn to_descriptor(process: impl std::os::fd::AsFd, signal: Signal) -> Result<(), Errno> {
    rustix::process::pidfd_send_signal(process, word(signal))
}

fn word(signal: Signal) -> rustix::process::Signal {
    // SAFETY: N1: it goes no further than the three calls above; a signal's number is never zero.
    unsafe { rustix::process::Signal::from_raw_unchecked(signal.number()) }
}
