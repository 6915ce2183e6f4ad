//! A foreign loop at its barest: poll(2) on one descriptor.

#![allow(unsafe_code, reason = "a guest's descriptor comes as a bare number")]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

/// Waits until a descriptor is readable, or the time is over; `None` is no limit. Says whether it is readable.
///
/// # Errors
/// What poll(2) says.
///
/// # Panics
/// If the number is negative, or the time is more than the kernel can count.
pub fn wait_until_readable(descriptor: RawFd, limit: Option<Duration>) -> io::Result<bool> {
    assert!(descriptor >= 0, "a descriptor is not negative");
    // SAFETY: it is not negative, which is all that memory depends on; if it is closed, poll(2) says so.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let limit = limit.map(|limit| Timespec::try_from(limit).expect("the kernel counts so far"));
    Ok(poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], limit.as_ref())? > 0)
}
