//! Reading and writing what is no connection: pipes, terminals, files, and whatever a program is born with.
//!
//! Nothing waits here. Most streams are non-blocking themselves: those of children, and what `standard` could open for this
//! program alone. Of the others it depends on what they are, and that is looked up each time: nothing is kept that could be
//! out of date, and for those that are non-blocking it is one short call of the system.
//!
//! To write to a pipe that nobody reads is an error for whoever has SIGPIPE ignored, as every program of Rust's has unless it
//! says otherwise, and the end of any other. What is done with that signal is not touched here.

use crate::children::terminal;
use crate::connection::SENDING;
use crate::raw;
use fate_core::{Socket, WindowSize};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{self, RecvFlags, SendAncillaryBuffer, SendFlags};
use std::io::{self, IoSlice, IsTerminal};
use std::os::fd::BorrowedFd;

/// No system takes more pieces of memory at a time than this (`IOV_MAX`).
const PIECES: usize = 1024;

/// How a stream is kept from waiting.
enum Manner {
    /// It does not wait, or never for long.
    Plain,
    /// A socket, which others share: it is asked not to wait, this once.
    Asked,
    /// A pipe or a device that others share: the kernel is asked first what could be done.
    Guarded,
}

impl Manner {
    #[inline]
    fn of(stream: BorrowedFd<'_>) -> Result<Manner, Errno> {
        if fcntl_getfl(stream)?.contains(OFlags::NONBLOCK) {
            return Ok(Manner::Plain);
        }
        Ok(match FileType::from_raw_mode(fstat(stream)?.st_mode) {
            FileType::Socket => Manner::Asked,
            FileType::Fifo | FileType::CharacterDevice => Manner::Guarded,
            _ => Manner::Plain,
        })
    }
}

/// See [`fate_core::System::is_terminal`].
pub(crate) fn is_terminal(stream: Socket) -> bool {
    raw::borrow(stream).is_ok_and(|stream| stream.is_terminal())
}

/// See [`fate_core::System::resize`].
pub(crate) fn resize(terminal: Socket, size: WindowSize) -> io::Result<()> {
    terminal::resize(raw::borrow(terminal)?, size)
}

/// See [`fate_core::System::read`]. When nobody has a terminal open any more, that is the end.
#[inline]
pub(crate) fn read(stream: Socket, buffer: &mut [u8]) -> io::Result<usize> {
    let stream = raw::borrow(stream)?;
    match read_now(stream, buffer) {
        Err(Errno::IO) if terminal::is_ours(stream) => Ok(0),
        outcome => Ok(outcome?),
    }
}

#[inline]
fn read_now(stream: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    match Manner::of(stream)? {
        Manner::Plain => {}
        Manner::Guarded => look(stream, PollFlags::IN)?,
        Manner::Asked => {
            let (count, _) = retry_on_intr(|| net::recv(stream, &mut *buffer, RecvFlags::DONTWAIT))?;
            return Ok(count);
        }
    }
    retry_on_intr(|| rustix::io::read(stream, &mut *buffer))
}

/// See [`fate_core::System::write`]. What is written to a terminal that nobody has open any more is lost: Linux takes it all
/// the same.
#[inline]
pub(crate) fn write(stream: Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(write_now(raw::borrow(stream)?, &pieces[..pieces.len().min(PIECES)])?)
}

#[inline]
fn write_now(stream: BorrowedFd<'_>, pieces: &[IoSlice<'_>]) -> Result<usize, Errno> {
    match Manner::of(stream)? {
        Manner::Plain => retry_on_intr(|| rustix::io::writev(stream, pieces)),
        Manner::Asked => {
            let flags = SENDING | SendFlags::DONTWAIT;
            retry_on_intr(|| net::sendmsg(stream, pieces, &mut SendAncillaryBuffer::default(), flags))
        }
        Manner::Guarded => {
            look(stream, PollFlags::OUT)?;
            let first = pieces.iter().find(|piece| !piece.is_empty()).map_or(&[][..], |piece| piece);
            // A pipe that has any room has room for so much.
            let first = &first[..first.len().min(libc::PIPE_BUF)];
            retry_on_intr(|| rustix::io::write(stream, first))
        }
    }
}

/// `EAGAIN` unless something can be done now, be it only to learn of an error.
fn look(stream: BorrowedFd<'_>, flags: PollFlags) -> Result<(), Errno> {
    let looked = &mut [PollFd::from_borrowed_fd(stream, flags)];
    match retry_on_intr(|| poll(looked, Some(&Timespec::default())))? {
        0 => Err(Errno::AGAIN),
        _ => Ok(()),
    }
}
