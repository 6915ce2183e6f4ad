//! What has no safe word: numbers as descriptors, addresses as bytes, and who is at the other end.
//!
//! # Invariants
//! - R1 No negative number is taken for a descriptor.
//! - R2 A socket is borrowed for the length of one call. Whoever made it or was given it keeps it open until it is
//!   handed to [`take`]: that is the contract of `Op` and of `Network`. If it was closed all the same, the kernel answers
//!   with an error, or acts on another file of that number; no memory depends on either.
//! - R3 A socket is taken once, by whoever it belongs to, to be closed or given away; nobody else uses its number after
//!   that.
//! - R4 Of an address that the kernel wrote, as many bytes are written as its length says.

#![allow(unsafe_code, reason = "sockets are bare numbers, and two calls of the system have no safe form")]

use fate_core::{Credentials, Socket};
use rustix::io::Errno;
use rustix::net::SocketAddrAny;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// Borrows a socket for one call; `EBADF` if it cannot be one.
#[inline]
pub(crate) fn borrow<'a>(socket: Socket) -> io::Result<BorrowedFd<'a>> {
    if socket.0 < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: R1: it is not negative, which is all that memory depends on; R2: it is open while it is borrowed.
    Ok(unsafe { BorrowedFd::borrow_raw(socket.0) })
}

/// Takes a socket from whoever it belongs to; `EBADF` if it cannot be one.
#[inline]
pub(crate) fn take(socket: Socket) -> io::Result<OwnedFd> {
    borrow(socket)?;
    // SAFETY: R1 by the line above; R3: it belongs to the caller alone.
    Ok(unsafe { OwnedFd::from_raw_fd(socket.0) })
}

/// The bytes of an address, as the system lays them out.
pub(crate) fn bytes(address: &SocketAddrAny) -> &[u8] {
    // SAFETY: R4: so many bytes are initialised, and they live as long as the address is borrowed.
    unsafe { std::slice::from_raw_parts(address.as_ptr().cast(), address.addr_len() as usize) }
}

/// Who is at the other end of a Unix stream.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn credentials(socket: impl AsFd) -> io::Result<Credentials> {
    use std::os::fd::AsRawFd;
    let mut told = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    let descriptor = socket.as_fd().as_raw_fd();
    let (value, length) = ((&raw mut told).cast(), &raw mut length);
    // SAFETY: the kernel writes at most `length` bytes to `told`, which is made of plain numbers and outlives the call.
    if unsafe { libc::getsockopt(descriptor, libc::SOL_SOCKET, libc::SO_PEERCRED, value, length) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if told.uid == u32::MAX {
        return Err(Errno::NOTCONN.into());
    }
    Ok(Credentials { process: u32::try_from(told.pid).ok().filter(|id| *id > 0), user: told.uid, group: told.gid })
}

/// Who is at the other end of a Unix stream.
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd", target_os = "netbsd"))]
pub(crate) fn credentials(socket: impl AsFd) -> io::Result<Credentials> {
    use std::os::fd::AsRawFd;
    let (mut user, mut group) = (0, 0);
    // SAFETY: the system writes one number to each of these, which outlive the call.
    if unsafe { libc::getpeereid(socket.as_fd().as_raw_fd(), &raw mut user, &raw mut group) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Credentials { process: None, user, group })
}

/// The system does not tell.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd"
)))]
pub(crate) fn credentials(_: impl AsFd) -> io::Result<Credentials> {
    Err(io::ErrorKind::Unsupported.into())
}
