//! A terminal of a child's own: a pair of ends, one of which does what a keyboard and a screen would.

use fate_core::WindowSize;
use rustix::fs::{Mode, OFlags, open as open_file};
use rustix::io::ioctl_fionbio;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd"))]
const OPENING: OpenptFlags = OpenptFlags::RDWR.union(OpenptFlags::NOCTTY).union(OpenptFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd")))]
const OPENING: OpenptFlags = OpenptFlags::RDWR.union(OpenptFlags::NOCTTY);

/// Makes one: this program's end, which is non-blocking, and the child's.
pub(super) fn open(size: WindowSize) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OPENING)?;
    // Where it cannot be had at once.
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = open_file(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    // Some systems know of no size before the child's end is open.
    resize(&ours, size)?;
    ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}

/// Says how large a terminal is from now on.
pub(crate) fn resize(terminal: impl AsFd, size: WindowSize) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(terminal, size)?)
}

/// Whether it is this program's end of a terminal, which alone can name the other.
pub(crate) fn is_ours(stream: impl AsFd) -> bool {
    ptsname(stream, Vec::new()).is_ok()
}
