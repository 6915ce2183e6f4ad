//! The streams that this program was born with, opened once more.
//!
//! They are shared with whoever started this program, and that it does not wait is a property of what is shared: to set it
//! would have the shell's own reads fail. So what is opened here is something of one's own, by kind:
//!
//! - A terminal or a pipe is opened anew, by way of its number, and what was opened does not wait.
//! - A terminal that may not be opened so (it belongs to somebody else after su(1)) is opened as `/dev/tty`, if it controls
//!   this program.
//! - Anything else is copied: files and the like, which never wait for long; sockets, which can be asked not to wait call by
//!   call; and what could not be opened anew. `stream` sees to it that none of them waits.
//!
//! # Platforms
//! What was opened is told by its number on Linux and Android alone; elsewhere that gives a copy. There, a terminal is opened
//! by name, and a pipe is copied. The same holds where `/proc` is not mounted, for terminals and pipes alike.
//!
//! A pipe that is copied is read only when something is there, and written only as far as there is room. If somebody else
//! reads or writes the same end at the same moment, the call may wait for the other end all the same.

use crate::connection;
use crate::raw;
use fate_core::{Socket, Standard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fstat, open as open_file};
use rustix::io::Errno;
use rustix::termios::{isatty, tcgetsid};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Opens one of them.
///
/// # Errors
/// `EBADF` if it is closed; what else the system says.
pub(crate) fn open(standard: Standard) -> io::Result<Socket> {
    let number = match standard {
        Standard::Input => libc::STDIN_FILENO,
        Standard::Output => libc::STDOUT_FILENO,
        Standard::Error => libc::STDERR_FILENO,
    };
    Ok(connection::number(open_anew(raw::borrow(Socket(number))?)?))
}

/// Something of one's own that stands for the same stream.
fn open_anew(original: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let opened = match FileType::from_raw_mode(fstat(original)?.st_mode) {
        FileType::Fifo => open_pipe(original),
        FileType::CharacterDevice if isatty(original) => open_terminal(original),
        _ => Err(Errno::NOTSUP),
    };
    opened.or_else(|_| original.try_clone_to_owned())
}

fn open_pipe(original: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let opened = by_number(original)?;
    // Of a pipe with a name, the kernel tells the end only to those who had it open while somebody wrote. If all writers have
    // left already, that is the original alone, and a copy of it.
    if hung_up(original) && !hung_up(opened.as_fd()) { Err(Errno::PIPE) } else { Ok(opened) }
}

fn open_terminal(original: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    by_number(original).or_else(|error| match tcgetsid(original) {
        Ok(_) => open_file("/dev/tty", flags(original)?, Mode::empty()),
        // It does not control this program.
        Err(_) => Err(error),
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn by_number(original: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsRawFd;
    open_file(format!("/proc/self/fd/{}", original.as_raw_fd()), flags(original)?, Mode::empty())
}

/// By name: only a terminal has one that can be asked for.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn by_number(original: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let name = rustix::termios::ttyname(original, Vec::new())?;
    open_file(name, flags(original)?, Mode::empty())
}

/// What may be done with the original, and no waiting.
fn flags(original: BorrowedFd<'_>) -> Result<OFlags, Errno> {
    let access = fcntl_getfl(original)? & OFlags::RWMODE;
    Ok(access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY)
}

/// Whether the other end is gone, as far as the kernel tells.
fn hung_up(stream: BorrowedFd<'_>) -> bool {
    let look = &mut [PollFd::from_borrowed_fd(stream, PollFlags::empty())];
    poll(look, Some(&Timespec::default())).is_ok_and(|count| count > 0)
}
