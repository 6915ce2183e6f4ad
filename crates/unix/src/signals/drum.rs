//! The drum: by it a handler wakes a loop, which watches the other side.
//!
//! On Linux one descriptor is both sides; elsewhere it is a pipe.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// Readable when it was beaten and not silenced since. Neither side ever blocks.
pub(super) struct Drum {
    listened_to: OwnedFd,
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    beaten: OwnedFd,
}

impl Drum {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn new() -> io::Result<Drum> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Drum { listened_to: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub fn new() -> io::Result<Drum> {
        let (listened_to, beaten) = io::pipe()?;
        let (listened_to, beaten) = (OwnedFd::from(listened_to), OwnedFd::from(beaten));
        rustix::io::ioctl_fionbio(&listened_to, true)?;
        rustix::io::ioctl_fionbio(&beaten, true)?;
        Ok(Drum { listened_to, beaten })
    }

    /// What a handler writes eight bytes to.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn beaten(&self) -> RawFd {
        self.listened_to.as_raw_fd()
    }

    /// What a handler writes eight bytes to.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub fn beaten(&self) -> RawFd {
        self.beaten.as_raw_fd()
    }

    /// Makes it unreadable, until it is beaten again.
    pub fn silence(&self) {
        let mut bytes = [0; 512];
        // An eventfd is empty after one read; a pipe once less was read than there was room for.
        while rustix::io::read(self.listened_to.as_fd(), &mut bytes).is_ok_and(|read| read == bytes.len()) {}
    }
}

/// The side that a loop watches.
impl AsRawFd for Drum {
    fn as_raw_fd(&self) -> RawFd {
        self.listened_to.as_raw_fd()
    }
}
