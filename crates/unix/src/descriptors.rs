//! Descriptors that are passed with the bytes of a Unix stream (unix(7), `SCM_RIGHTS`).

use crate::connection::SENDING;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    self, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

/// No kernel passes more at a time (Linux: 253).
const MOST: usize = 256;

const SPACE: usize = rustix::cmsg_space!(ScmRights(MOST));

#[cfg(not(target_vendor = "apple"))]
const RECEIVING: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const RECEIVING: RecvFlags = RecvFlags::empty();

/// Reads bytes, and takes the descriptors that were passed with them: closed when another program is executed. If the
/// process may not have so many, those that are too many are gone.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], passed: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let slices = &mut [IoSliceMut::new(buffer)];
    let told = retry_on_intr(|| net::recvmsg(socket, slices, &mut control, RECEIVING))?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            passed.extend(descriptors.map(seal));
        }
    }
    Ok(told.bytes)
}

#[cfg(not(target_vendor = "apple"))]
fn seal(descriptor: OwnedFd) -> OwnedFd {
    descriptor
}

/// The system cannot do it as it passes them.
#[cfg(target_vendor = "apple")]
fn seal(descriptor: OwnedFd) -> OwnedFd {
    // A descriptor that was just received can be told so.
    let _ = rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC);
    descriptor
}

/// Sends bytes, and passes descriptors with the first of them. They are passed if it says that a byte was sent.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], passed: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !passed.is_empty() && !control.push(SendAncillaryMessage::ScmRights(passed)) {
        return Err(Errno::INVAL.into());
    }
    let slices = &[IoSlice::new(bytes)];
    Ok(retry_on_intr(|| net::sendmsg(socket, slices, &mut control, SENDING))?)
}
