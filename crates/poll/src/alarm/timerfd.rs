//! Alarms that are the kernel's own timers, one for each clock that a fuse ever followed.
//!
//! # Invariants
//! - A1 `set_for` is what the kernel's timer is set for, so a timer is set only when its deadline changed. It may be
//!   `NEVER` while the timer runs, after the clock was set; that costs a wait begun again, at most.
//! - A2 A timer that has gone off is read before the exchange ends: whoever waits for the poller from outside is not
//!   woken twice for it.

use crate::clock::Clocks;
use crate::poller::Poller;
use crate::token::Token;
use fate_core::{Clock, Instant, Until};
use rustix::io::{Errno, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;

/// The alarms of one driver, made when first needed.
#[derive(Default)]
pub(crate) struct Alarms {
    boot: Option<Alarm>,
    wall: Option<Alarm>,
}

struct Alarm {
    timer: OwnedFd,
    set_for: Instant,
}

impl Alarms {
    /// Sets the alarms and says when the wait must end on the monotonic clock.
    pub fn limit(&mut self, poller: &Poller, _: &Clocks, until: &Until) -> io::Result<Instant> {
        set(&mut self.boot, poller, TimerfdClockId::Boottime, until.on(Clock::Boot))?;
        set(&mut self.wall, poller, TimerfdClockId::Realtime, until.on(Clock::Wall))?;
        Ok(until.on(Clock::Monotonic))
    }

    /// Silences the alarms that went off.
    pub fn hear(&mut self) {
        self.boot.iter_mut().chain(&mut self.wall).for_each(Alarm::hear);
    }
}

fn set(alarm: &mut Option<Alarm>, poller: &Poller, clock: TimerfdClockId, deadline: Instant) -> io::Result<()> {
    match alarm {
        Some(alarm) => alarm.set(deadline),
        None if deadline.is_never() => Ok(()),
        None => alarm.insert(Alarm::new(poller, clock)?).set(deadline),
    }
}

impl Alarm {
    fn new(poller: &Poller, clock: TimerfdClockId) -> io::Result<Alarm> {
        let timer = timerfd_create(clock, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        poller.keep(&timer, Token::ALARM)?;
        Ok(Alarm { timer, set_for: Instant::NEVER })
    }

    fn set(&mut self, deadline: Instant) -> io::Result<()> {
        if deadline == self.set_for {
            return Ok(());
        }
        // The kernel takes `CANCEL_ON_SET` on the wall clock alone, and ignores it on the others.
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        let value = Itimerspec { it_interval: timespec(Instant::NEVER), it_value: timespec(deadline) };
        let mut outcome = Err(Errno::CANCELED);
        while outcome == Err(Errno::CANCELED) {
            // It says so once if somebody set the clock since it was last asked, and then takes the next try.
            outcome = timerfd_settime(&self.timer, flags, &value).map(drop);
        }
        outcome?;
        self.set_for = deadline;
        Ok(())
    }

    /// Reads the timer: it went off (and is set for nothing any more), the clock was set (and it must be set anew), or
    /// it did not go off.
    fn hear(&mut self) {
        if read(&self.timer, &mut [0; 8]) != Err(Errno::AGAIN) {
            self.set_for = Instant::NEVER;
        }
    }
}

/// A deadline as a timer takes it. Zero is "not at all"; nobody waits for the start of time, because it has come.
fn timespec(deadline: Instant) -> Timespec {
    const SECOND: u64 = 1_000_000_000;
    let nanos = if deadline.is_never() { 0 } else { deadline.as_nanos() };
    Timespec { tv_sec: (nanos / SECOND) as _, tv_nsec: (nanos % SECOND) as _ }
}
