//! The three clocks a fuse can be tied to, and the door through which they are read.
//!
//! Only drivers read clocks; everything else is handed an [`Instant`].

use super::instant::Instant;

/// The clock that a fuse follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Clock {
    /// Time that this machine was running: never steps, stands still while the machine is suspended. The default.
    Monotonic = 0,
    /// Time since the machine was started: never steps, goes on while the machine is suspended.
    Boot = 1,
    /// Civil time: nanoseconds since 1970-01-01 00:00 UTC; steps when somebody sets the clock.
    Wall = 2,
}

impl Clock {
    /// All clocks, in the order in which their fuses burn within a turn.
    pub const ALL: [Clock; 3] = [Clock::Monotonic, Clock::Boot, Clock::Wall];
}

/// Where time is read. A driver hands one out; it stays readable while the driver waits.
pub trait Time {
    /// The present moment on `clock`. [`Clock::Monotonic`] and [`Clock::Boot`] never go back.
    fn now(&self, clock: Clock) -> Instant;
}

/// A moment for each clock: how long a driver may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Until([Instant; 3]);

impl Until {
    /// Wait until something happens, however long that takes.
    pub const FOREVER: Until = Until([Instant::NEVER; 3]);

    /// Do not wait at all.
    pub const NOW: Until = Until([Instant::START; 3]);

    /// The moment at which to stop waiting on `clock`.
    pub const fn on(&self, clock: Clock) -> Instant {
        self.0[clock as usize]
    }

    /// Stop waiting when `clock` shows `moment`, or earlier if that was asked before.
    pub fn at_most(&mut self, clock: Clock, moment: Instant) {
        let limit = &mut self.0[clock as usize];
        *limit = moment.min(*limit);
    }

    /// Whether no clock sets a limit.
    pub fn is_forever(&self) -> bool {
        *self == Until::FOREVER
    }

    /// Whether waiting was ruled out.
    pub fn is_now(&self) -> bool {
        *self == Until::NOW
    }
}
