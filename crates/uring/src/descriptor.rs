//! What is asked and said of a descriptor by a call of its own.
//!
//! # Invariants
//! - D1 No negative number is taken for a descriptor.
//! - D2 A descriptor is borrowed for the length of one call, while an operation on it lives or in the exchange that
//!   carries its `Op::Close`. Until then whoever submitted it keeps it open: that is the contract of `Op`. If it was
//!   closed all the same, the kernel answers with an error, or for another file; no memory depends on either.

#![allow(unsafe_code, reason = "the descriptors belong to others: they come as bare numbers")]

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

/// Borrows a descriptor for one call.
fn borrow<'a>(descriptor: RawFd) -> io::Result<BorrowedFd<'a>> {
    if descriptor < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: D1: it is not negative, which is all that memory depends on; D2: it is open while it is borrowed.
    Ok(unsafe { BorrowedFd::borrow_raw(descriptor) })
}

/// Whether it makes sense to wait for a descriptor: `EPERM` if it does not. The ring would call such a file ready.
pub(crate) fn check_pollable(descriptor: RawFd) -> io::Result<()> {
    // A file that cannot be waited for is said to be ready for both, and hardly anything else is.
    let both = PollFlags::IN | PollFlags::OUT;
    if !look(descriptor, both)?.contains(both) {
        return Ok(());
    }
    let descriptor = borrow(descriptor)?;
    match FileType::from_raw_mode(fstat(descriptor)?.st_mode) {
        FileType::Fifo | FileType::Socket => Ok(()),
        // Many a device and some a file under /proc can be waited for, and epoll knows which.
        kind => match epoll::create(epoll::CreateFlags::CLOEXEC) {
            Ok(judge) => Ok(epoll::add(judge, descriptor, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?),
            Err(_) if matches!(kind, FileType::RegularFile | FileType::Directory) => Err(Errno::PERM.into()),
            Err(_) => Ok(()),
        },
    }
}

/// What a descriptor is ready for at this moment, of what is wanted.
pub(crate) fn look(descriptor: RawFd, wanted: PollFlags) -> io::Result<PollFlags> {
    let descriptor = borrow(descriptor)?;
    let mut asked = [PollFd::new(&descriptor, wanted)];
    poll(&mut asked, Some(&Timespec::default()))?;
    Ok(asked[0].revents())
}

/// Has the kernel reset a connection when it is closed, rather than send what it still holds of it.
pub(crate) fn reset_when_closed(socket: RawFd) {
    if let Ok(socket) = borrow(socket) {
        // It is closed the ordinary way if the kernel will not hear of it, which has no bearing on the caller.
        let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
    }
}
