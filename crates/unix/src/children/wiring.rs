//! Descriptors that a child is to have, each under a number that the order names.
//!
//! The child copies each to its number, one after another, and has no memory to do so cleverly. So what could be in the way
//! is moved out of it beforehand, here.
//!
//! # Invariants
//! - W1 A source has either the number that the child is to have it under, or one that nobody in the order asks for. So the
//!   order in which they are copied makes no difference.
//! - W2 The numbers asked for are taken from before the child is forked until it runs. So none of them is that of the pipe
//!   through which `Command` is told, from within the child, that a program could not be executed.

use super::fork;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::process::Command;

/// The first that is not one of the standard three.
const FIRST: RawFd = 3;

/// A descriptor, and the number that the child is to have it under.
pub(super) struct Wire {
    pub source: OwnedFd,
    pub target: RawFd,
}

/// Has a child take these descriptors. What is given back is to be kept until it runs (W2).
///
/// # Errors
/// `InvalidInput` for the number of a standard stream, one that is given twice, or one that no descriptor may have;
/// what the system says.
pub(super) fn lay(command: &mut Command, descriptors: Vec<(RawFd, OwnedFd)>) -> io::Result<Vec<OwnedFd>> {
    let targets: Vec<RawFd> = descriptors.iter().map(|(target, _)| *target).collect();
    check(&targets)?;
    let mut held = Vec::new();
    for (target, source) in &descriptors {
        hold(*target, source, &mut held)?;
    }
    let mut wires = Vec::with_capacity(descriptors.len());
    for (target, source) in descriptors {
        let source = clear(source, target, &targets, &mut held)?;
        wires.push(Wire { source, target });
    }
    if !wires.is_empty() {
        fork::connect(command, wires);
    }
    Ok(held)
}

fn check(targets: &[RawFd]) -> io::Result<()> {
    for (index, target) in targets.iter().enumerate() {
        if *target < FIRST || targets[..index].contains(target) {
            return Err(ErrorKind::InvalidInput.into());
        }
    }
    Ok(())
}

/// W2: takes a number, unless it is taken.
fn hold(target: RawFd, any: impl AsFd, held: &mut Vec<OwnedFd>) -> io::Result<()> {
    // It gives the lowest that is free from there on.
    let copy = fcntl_dupfd_cloexec(any, target)?;
    if copy.as_raw_fd() == target {
        held.push(copy);
    }
    Ok(())
}

/// W1: the source, or a copy of it that is out of the way.
fn clear(source: OwnedFd, target: RawFd, targets: &[RawFd], held: &mut Vec<OwnedFd>) -> io::Result<OwnedFd> {
    // The child is to have it under the number that was asked for, and not under this one as well.
    fcntl_setfd(&source, FdFlags::CLOEXEC)?;
    if source.as_raw_fd() == target || !targets.contains(&source.as_raw_fd()) {
        return Ok(source);
    }
    loop {
        let copy = fcntl_dupfd_cloexec(&source, FIRST)?;
        if !targets.contains(&copy.as_raw_fd()) {
            held.push(source);
            return Ok(copy);
        }
        // Somebody else had that number when it was to be held, and has given it back.
        held.push(copy);
    }
}
