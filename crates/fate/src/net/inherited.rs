//! Descriptors that this process was born with, by their numbers.
//!
//! # Invariants
//! - I1 The numbers from 3 on that are taken here were opened for this process before it began, and whoever did so has told
//!   it that they are its own: nobody else in it closes them. They are taken once in the life of a process.

#![allow(unsafe_code, reason = "a descriptor that a process is born with is known by its number alone")]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The first that is not one of the standard three.
const FIRST: RawFd = 3;

/// Whether they were taken: they exist once for the process, as this does.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes the first `count` descriptors beyond the standard three, under new numbers that are closed when another program is
/// executed; none if they were taken before.
///
/// # Errors
/// One is not open, or there are no numbers left. None was taken then.
pub(super) fn take(count: u32) -> io::Result<Vec<OwnedFd>> {
    if TAKEN.load(Ordering::Acquire) {
        return Ok(Vec::new());
    }
    let numbers = FIRST..FIRST + RawFd::try_from(count).map_err(io::Error::other)?;
    // Before there are copies, which take the lowest numbers that are free.
    numbers.clone().try_for_each(find)?;
    let copies = numbers.clone().map(duplicate).collect::<io::Result<Vec<OwnedFd>>>()?;
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Ok(Vec::new());
    }
    for number in numbers {
        // SAFETY: I1: it is open, as the copy shows, and belongs to whoever takes it: to us, who have just taken it once.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
    }
    Ok(copies)
}

/// Says whether a descriptor is open.
fn find(number: RawFd) -> io::Result<()> {
    // SAFETY: I1: it is not negative, and is never dropped, so it is not closed. If it is not open, the kernel says so.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(number) });
    file.metadata().map(drop)
}

/// A copy that is closed when another program is executed.
fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: I1: it is not negative, is open, and stays so for the length of this call.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()
}
