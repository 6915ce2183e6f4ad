//! What the kernel's last word on an operation means for it.
//!
//! To the kernel every end is one. To the machine an operation goes on where the reason says nothing about it: a signal, a
//! want of buffers, a connection that broke off before it was accepted.

use crate::ring::Told;
use crate::watches::readiness;
use fate_core::{Event, Interest};
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::io;

/// What comes next for an operation of which no more will be told.
pub(crate) enum Sequel {
    /// It is over.
    Over(Event),
    /// So many bytes were sent, and no more can be if there is an error; it is over.
    Sent(usize, io::Result<()>),
    /// It is launched again.
    Again,
    /// It is launched again when there are buffers.
    Starve,
}

impl Sequel {
    /// It is over because of this error.
    pub fn refused(error: impl Into<io::Error>) -> Sequel {
        Sequel::Over(Event::Failed(error.into()))
    }
}

pub(crate) fn of_watch(told: Told, interest: Interest) -> Sequel {
    match told.outcome() {
        Ok(found) => Sequel::Over(Event::Ready(readiness(interest, PollFlags::from_bits_truncate(found as u16)))),
        Err(error) => Sequel::refused(error),
    }
}

pub(crate) fn of_accept(told: Told) -> Sequel {
    match told.outcome() {
        Ok(_) => Sequel::Again,
        // See accept(2): what has befallen the connection, which is gone, and nothing the listener.
        Err(
            Errno::INTR
            | Errno::AGAIN
            | Errno::CONNABORTED
            | Errno::PROTO
            | Errno::NETDOWN
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP
            | Errno::NETUNREACH,
        ) => Sequel::Again,
        Err(Errno::CANCELED) => Sequel::Over(Event::Cancelled),
        Err(error) => Sequel::refused(error),
    }
}

pub(crate) fn of_receive(told: Told) -> Sequel {
    match told.outcome() {
        Ok(0) => Sequel::Over(Event::Ended),
        Ok(_) | Err(Errno::INTR | Errno::AGAIN) => Sequel::Again,
        Err(Errno::NOBUFS) => Sequel::Starve,
        Err(Errno::CANCELED) => Sequel::Over(Event::Cancelled),
        Err(error) => Sequel::refused(error),
    }
}

pub(crate) fn of_send(told: Told) -> Sequel {
    match told.outcome() {
        Ok(0) => Sequel::Sent(0, Err(io::ErrorKind::WriteZero.into())),
        Ok(count) => Sequel::Sent(count as usize, Ok(())),
        Err(Errno::INTR | Errno::AGAIN) => Sequel::Again,
        Err(error) => Sequel::Sent(0, Err(error.into())),
    }
}
