//! The kernel's poller, in safe words: what it is asked to tell of, and what it tells.
//!
//! A descriptor is registered once, under one token, in one of two ways. One that somebody else owns is told of *once* for
//! each arming, level-triggered, so that nothing of it is left with the kernel when nobody asks. A socket stays registered
//! until it is closed, and the kernel tells at every *edge*: that it has become ready, or more so.
//!
//! To ask again for what is asked for already has the kernel look again: readiness of either kind is told if it is there.
//! A descriptor that was closed is forgotten by the kernel itself, so nothing need be deleted first; where a duplicate
//! keeps its registration alive, what is told of it bears an old token.
//!
//! # Platforms
//! - Linux and Android: epoll, with a bell and alarms that are told of by edges, so none of them is ever read.
//! - Elsewhere, or with `--cfg fate_portable`: what the crate `polling` finds, which must know edges: kqueue.

use crate::token::Token;
use std::ops::{BitOr, BitOrAssign, Sub};

mod number;
pub(crate) use number::look_up;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(fate_portable)))]
mod epoll;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(fate_portable)))]
pub(crate) use epoll::{Batch, Patience, Poller};

#[cfg(any(not(any(target_os = "linux", target_os = "android")), fate_portable))]
mod portable;
#[cfg(any(not(any(target_os = "linux", target_os = "android")), fate_portable))]
pub(crate) use portable::{Batch, Patience, Poller};

/// How many descriptors the kernel may tell of at a time. If more are ready it is asked again.
const BATCH: usize = 256;

/// What the kernel is asked to tell of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Interests(u8);

impl Interests {
    /// Nothing.
    pub const NONE: Interests = Interests(0);
    /// That something can be read, or that nothing more will come.
    pub const READ: Interests = Interests(1);
    /// That something can be written.
    pub const WRITE: Interests = Interests(2);
    /// That the other side has closed its direction.
    pub const HANG_UP: Interests = Interests(4);

    /// Whether all of these are among them.
    pub fn contain(self, others: Interests) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether there are none.
    pub fn are_none(self) -> bool {
        self == Interests::NONE
    }
}

impl BitOr for Interests {
    type Output = Interests;

    fn bitor(self, others: Interests) -> Interests {
        Interests(self.0 | others.0)
    }
}

impl BitOrAssign for Interests {
    fn bitor_assign(&mut self, others: Interests) {
        self.0 |= others.0;
    }
}

impl Sub for Interests {
    type Output = Interests;

    fn sub(self, others: Interests) -> Interests {
        Interests(self.0 & !others.0)
    }
}

/// What the kernel tells of a registration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    /// Which.
    pub token: Token,
    /// Reading would not block.
    pub readable: bool,
    /// Writing would not block.
    pub writable: bool,
    /// The other side has closed at least its own direction, or there is an error.
    pub closed: bool,
    /// Both directions are closed.
    pub hang_up: bool,
    /// There is an error.
    pub error: bool,
    /// There are urgent bytes (tcp(7)), at which a reception stops short.
    pub urgent: bool,
}
