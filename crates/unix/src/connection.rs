//! A connection from beginning to end: accepting it, receiving, sending, closing it; without waiting.
//!
//! Every call answers at once, with `WouldBlock` if it cannot be done now. An interruption by a signal is no answer, so
//! the call is made again.
//!
//! # Invariants
//! - S1 Every socket that is made here is non-blocking, and closed when another program is executed. Where the system
//!   cannot do that in one step, a program that is executed by another thread in between inherits it.
//! - S2 A connection that nobody reads any more is an error to whoever sends, and no signal.

use crate::raw;
use fate_core::{Outgoing, Socket};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{self, AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketType, sockopt};
use std::io::{self, IoSlice};
use std::os::fd::{IntoRawFd, OwnedFd};
use std::time::Duration;

/// How many pieces of memory are sent at a time.
pub const PIECES: usize = 16;

/// S2.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const SENDING: SendFlags = SendFlags::NOSIGNAL;
/// S2: a property of the socket there.
#[cfg(target_vendor = "apple")]
pub(crate) const SENDING: SendFlags = SendFlags::empty();

/// A socket's number, which belongs to the caller.
pub(crate) fn number(descriptor: OwnedFd) -> Socket {
    Socket(descriptor.into_raw_fd())
}

/// Makes a socket (S1).
pub(crate) fn make(family: AddressFamily, kind: SocketType) -> io::Result<OwnedFd> {
    #[cfg(not(target_vendor = "apple"))]
    let socket = net::socket_with(family, kind, net::SocketFlags::NONBLOCK | net::SocketFlags::CLOEXEC, None)?;
    #[cfg(target_vendor = "apple")]
    let socket = prepare(net::socket(family, kind, None)?)?;
    Ok(socket)
}

/// Accepts a connection that waits for it (S1). It belongs to the caller.
///
/// # Errors
/// `WouldBlock` if none waits. An error of a connection that broke off before it was accepted says nothing of the
/// listener: see accept(2).
#[inline]
pub fn accept(listener: Socket) -> io::Result<Socket> {
    let listener = raw::borrow(listener)?;
    #[cfg(not(target_vendor = "apple"))]
    let flags = net::SocketFlags::NONBLOCK | net::SocketFlags::CLOEXEC;
    #[cfg(not(target_vendor = "apple"))]
    let socket = retry_on_intr(|| net::accept_with(listener, flags))?;
    #[cfg(target_vendor = "apple")]
    let socket = prepare(retry_on_intr(|| net::accept(listener))?)?;
    Ok(number(socket))
}

/// S1 and S2, in steps.
pub(crate) fn prepare(socket: OwnedFd) -> io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(&socket, true)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    #[cfg(target_vendor = "apple")]
    sockopt::set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

/// Receives what has come in on a stream, as much as fits. Nothing means that the other side has finished.
///
/// # Errors
/// `WouldBlock` if nothing has come; what else the kernel says.
#[inline]
pub fn receive(socket: Socket, buffer: &mut [u8]) -> io::Result<usize> {
    let socket = raw::borrow(socket)?;
    let (count, _) = retry_on_intr(|| net::recv(socket, &mut *buffer, RecvFlags::empty()))?;
    Ok(count)
}

/// Sends from the front of `outgoing`, and says how much the kernel took. What it took is still to be
/// [advanced](Outgoing::advance) over.
///
/// # Errors
/// `WouldBlock` if there is no room; what else the kernel says.
#[inline]
pub fn send(socket: Socket, outgoing: &Outgoing) -> io::Result<usize> {
    let socket = raw::borrow(socket)?;
    if outgoing.pieces() <= 1 {
        return Ok(retry_on_intr(|| net::send(socket, outgoing.front(), SENDING))?);
    }
    let mut slices = [IoSlice::new(&[]); PIECES];
    let count = outgoing.slices(&mut slices);
    let control = &mut SendAncillaryBuffer::default();
    Ok(retry_on_intr(|| net::sendmsg(socket, &slices[..count], control, SENDING))?)
}

/// Closes a socket, of which the caller is the owner. An abort resets a TCP connection, and drops what the kernel still
/// holds of it.
#[inline]
pub fn close(socket: Socket, is_abort: bool) {
    let Ok(socket) = raw::take(socket) else { return };
    if is_abort {
        // It is closed the ordinary way if the kernel will not hear of it, which has no bearing on the caller.
        let _ = sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
    }
}

/// Whether a connection that was begun is complete. If it was interrupted, it goes on all the same (connect(2)).
pub(crate) fn is_begun(outcome: rustix::io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether it is a socket of the internet, whatever version.
pub fn is_internet(socket: Socket) -> bool {
    let family = |socket| Some(net::getsockname(socket).ok()?.address_family());
    matches!(raw::borrow(socket).ok().and_then(family), Some(AddressFamily::INET | AddressFamily::INET6))
}
