//! What a child does between being forked and becoming another program.
//!
//! This costs that the child begins as a copy of this program, so it is only asked for where it is needed: see `launch`.
//!
//! # Invariants
//! - F1 In the child there are system calls and nothing else: memory is neither asked for nor given back, no lock is taken,
//!   nothing panics. What the closures own is read there and dropped here.
//! - F2 The numbers that are overwritten in the child are nobody's there: it becomes another program next, and until then
//!   uses none but the sources (wiring W1) and `Command`'s own (wiring W2).

#![allow(unsafe_code, reason = "what is done between fork and exec is for the caller to answer for")]

use super::wiring::Wire;
use crate::raw;
use fate_core::Socket;
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, getpgrp, ioctl_tiocsctty, setpgid, setsid};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has the child take descriptors.
pub(super) fn connect(command: &mut Command, wires: Vec<Wire>) {
    let take = move || wires.iter().try_for_each(take);
    // SAFETY: F1: it walks a list that is there and makes system calls.
    unsafe { command.pre_exec(take) };
}

/// Has the child lead a session, which the terminal that it reads from controls.
pub(super) fn lead_session(command: &mut Command) {
    let group = getpgrp();
    let lead = move || lead(group);
    // SAFETY: F1: it makes system calls.
    unsafe { command.pre_exec(lead) };
}

fn take(wire: &Wire) -> io::Result<()> {
    if wire.source.as_raw_fd() == wire.target {
        return Ok(fcntl_setfd(&wire.source, FdFlags::empty())?);
    }
    loop {
        // SAFETY: F2; no memory depends on it.
        if unsafe { libc::dup2(wire.source.as_raw_fd(), wire.target) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINTR) {
            return Err(error);
        }
    }
}

fn lead(group: Pid) -> io::Result<()> {
    // Who leads a group, because the `Command` says so, cannot lead a session. It will lead a group there.
    if setsid() == Err(Errno::PERM) {
        setpgid(None, Some(group))?;
        setsid()?;
    }
    Ok(ioctl_tiocsctty(raw::borrow(Socket(libc::STDIN_FILENO))?)?)
}
