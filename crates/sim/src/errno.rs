//! What the simulated kernel says when it says no.
//!
//! The numbers are those of the system this was built for, so that a program which looks at them reads under simulation
//! what it would read from the real kernel.

use std::io;

/// A refusal, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Errno(i32);

/// What a call of the simulated kernel comes to.
pub(crate) type Answer<T = ()> = Result<T, Errno>;

/// The number on Linux, and on the systems that descend from BSD.
const fn number(linux: i32, bsd: i32) -> Errno {
    Errno(if cfg!(any(target_os = "linux", target_os = "android")) { linux } else { bsd })
}

impl Errno {
    pub const NO_SUCH_FILE: Errno = number(2, 2);
    pub const BAD_DESCRIPTOR: Errno = number(9, 9);
    pub const NO_CHILD: Errno = number(10, 10);
    pub const WOULD_BLOCK: Errno = number(11, 35);
    pub const PERMISSION_DENIED: Errno = number(13, 13);
    pub const EXISTS: Errno = number(17, 17);
    pub const NO_SUCH_DEVICE: Errno = number(19, 19);
    pub const INVALID: Errno = number(22, 22);
    pub const TABLE_FULL: Errno = number(24, 24);
    pub const NO_TERMINAL: Errno = number(25, 25);
    pub const BROKEN_PIPE: Errno = number(32, 32);
    pub const NO_SOCKET: Errno = number(88, 38);
    pub const DESTINATION_REQUIRED: Errno = number(89, 39);
    pub const MESSAGE_TOO_LONG: Errno = number(90, 40);
    pub const WRONG_KIND: Errno = number(91, 41);
    pub const FAMILY_NOT_SUPPORTED: Errno = number(97, 47);
    pub const NOT_SUPPORTED: Errno = number(95, 45);
    pub const ADDRESS_IN_USE: Errno = number(98, 48);
    pub const ADDRESS_NOT_AVAILABLE: Errno = number(99, 49);
    pub const NETWORK_DOWN: Errno = number(100, 50);
    pub const NETWORK_UNREACHABLE: Errno = number(101, 51);
    pub const CONNECTION_RESET: Errno = number(104, 54);
    pub const IS_CONNECTED: Errno = number(106, 56);
    pub const NOT_CONNECTED: Errno = number(107, 57);
    pub const TIMED_OUT: Errno = number(110, 60);
    pub const CONNECTION_REFUSED: Errno = number(111, 61);
    pub const HOST_UNREACHABLE: Errno = number(113, 65);
    pub const ALREADY: Errno = number(114, 37);

    /// The refusal that has this number.
    pub const fn of(number: i32) -> Errno {
        Errno(number)
    }

    /// The error, as the system would give it.
    pub fn error(self) -> io::Error {
        io::Error::from_raw_os_error(self.0)
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        errno.error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn the_numbers_mean_here_what_they_say() {
        let kinds = [
            (Errno::WOULD_BLOCK, ErrorKind::WouldBlock),
            (Errno::ADDRESS_IN_USE, ErrorKind::AddrInUse),
            (Errno::ADDRESS_NOT_AVAILABLE, ErrorKind::AddrNotAvailable),
            (Errno::NETWORK_DOWN, ErrorKind::NetworkDown),
            (Errno::NETWORK_UNREACHABLE, ErrorKind::NetworkUnreachable),
            (Errno::HOST_UNREACHABLE, ErrorKind::HostUnreachable),
            (Errno::CONNECTION_RESET, ErrorKind::ConnectionReset),
            (Errno::CONNECTION_REFUSED, ErrorKind::ConnectionRefused),
            (Errno::NOT_CONNECTED, ErrorKind::NotConnected),
            (Errno::TIMED_OUT, ErrorKind::TimedOut),
            (Errno::BROKEN_PIPE, ErrorKind::BrokenPipe),
            (Errno::NO_SUCH_FILE, ErrorKind::NotFound),
            (Errno::PERMISSION_DENIED, ErrorKind::PermissionDenied),
            (Errno::INVALID, ErrorKind::InvalidInput),
        ];
        for (errno, kind) in kinds {
            assert_eq!(errno.error().kind(), kind, "{errno:?}");
        }
    }
}
