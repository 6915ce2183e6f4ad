//! Descriptors by their numbers.
//!
//! # Invariants
//! - P1 No number reaches the kernel that no descriptor can have, be it negative or beyond [`Token::LARGEST`].
//! - P2 A foreign descriptor is borrowed for the length of one call, while an operation watches it or in the exchange
//!   that carries that operation's `Op::Cancel`; a socket, until it is closed or released. Until then whoever sent the
//!   operation keeps it open: that is the contract of `Op`. If it was closed all the same, the kernel answers with an error
//!   number, and if its number was given to another file it finds no registration of that; no memory depends on either.

#![allow(unsafe_code, reason = "the descriptors belong to others: they come as bare numbers")]

use crate::token::Token;
use rustix::io::{Errno, fcntl_getfd};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};

/// Whether the kernel knows a descriptor of this number; `EBADF` if not.
pub(crate) fn look_up(descriptor: RawFd) -> io::Result<()> {
    fcntl_getfd(borrow(descriptor)?)?;
    Ok(())
}

/// Borrows a descriptor for one call.
#[inline]
pub(super) fn borrow<'a>(descriptor: RawFd) -> io::Result<BorrowedFd<'a>> {
    if !(0..=Token::LARGEST).contains(&descriptor) {
        return Err(Errno::BADF.into());
    }
    // SAFETY: P1: it is not negative, which is all that memory depends on; P2: it is open while it is borrowed.
    Ok(unsafe { BorrowedFd::borrow_raw(descriptor) })
}
