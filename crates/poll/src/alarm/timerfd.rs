//! Alarms that are the kernel's own timers (timerfd_create(2)), one for each clock that was ever waited for.
//!
//! A timeout of the wait itself would be rounded up by some tens of microseconds, and told to the kernel anew in every
//! wait. A timer keeps its deadline to the nanosecond, and is told of it when it changes.
//!
//! # Invariants
//! - A1 `set_for` is what the kernel's timer is set for, so a timer is set only when its deadline changed. It may be
//!   `NEVER` while the timer runs, after the clock was set; that costs a wait begun again, at most.
//! - A2 A timer that has gone off is told of once, by an edge, and need not be read: whoever waits for the poller from
//!   outside is not woken twice for it. Setting it anew takes what was not read back.

use crate::poller::{Patience, Poller};
use crate::token::Token;
use fate_core::{Clock, Instant, Time, Until};
use fate_unix::Clocks;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The alarms of one driver: the first is made with it, the others when first needed.
pub(crate) struct Alarms {
    monotonic: Alarm,
    boot: Option<Alarm>,
    wall: Option<Alarm>,
}

struct Alarm {
    timer: OwnedFd,
    set_for: Instant,
}

impl Alarms {
    /// Asks the kernel for the timer that every driver needs.
    pub fn open(poller: &Poller) -> io::Result<Alarms> {
        Ok(Alarms { monotonic: Alarm::new(poller, Clock::Monotonic)?, boot: None, wall: None })
    }

    /// Sets the alarms to end a wait at the first of these moments.
    pub fn set(&mut self, poller: &Poller, clocks: &Clocks, until: &Until) -> io::Result<Patience> {
        let boot = ensure(&mut self.boot, poller, clocks, Clock::Boot, until)?;
        let wall = ensure(&mut self.wall, poller, clocks, Clock::Wall, until)?;
        let limit = until.on(Clock::Monotonic).min(boot).min(wall);
        if limit != self.monotonic.set_for {
            // Monotonic time counts from an origin of ours, so the timer is told what is left of it.
            let left = if limit.is_never() { limit } else { left(limit.duration_since(clocks.now(Clock::Monotonic))) };
            self.monotonic.set(left, TimerfdTimerFlags::empty(), limit)?;
        }
        Ok(Patience::Endless)
    }

    /// Notes that an alarm went off, or that its clock was set: it must be set anew.
    #[inline]
    pub fn hear(&mut self, token: Token) {
        if token == Token::alarm(Clock::Monotonic) {
            self.monotonic.set_for = Instant::NEVER;
        }
        for (clock, alarm) in [(Clock::Boot, &mut self.boot), (Clock::Wall, &mut self.wall)] {
            if let (true, Some(alarm)) = (token == Token::alarm(clock), alarm) {
                alarm.set_for = Instant::NEVER;
            }
        }
    }
}

/// Sets the alarm on a clock, and says what is left to the monotonic one: if there are no descriptors for another timer,
/// the time that is missing is waited for on that.
fn ensure(
    alarm: &mut Option<Alarm>,
    poller: &Poller,
    clocks: &Clocks,
    clock: Clock,
    until: &Until,
) -> io::Result<Instant> {
    let deadline = until.on(clock);
    if alarm.is_none() && !deadline.is_never() {
        *alarm = Alarm::new(poller, clock).ok();
    }
    match alarm {
        Some(alarm) if deadline != alarm.set_for => {
            alarm.set(deadline, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, deadline)?;
        }
        None if !deadline.is_never() => {
            return Ok(clocks.now(Clock::Monotonic) + deadline.duration_since(clocks.now(clock)));
        }
        _ => {}
    }
    Ok(Instant::NEVER)
}

impl Alarm {
    fn new(poller: &Poller, clock: Clock) -> io::Result<Alarm> {
        let id = match clock {
            Clock::Monotonic => TimerfdClockId::Monotonic,
            Clock::Boot => TimerfdClockId::Boottime,
            Clock::Wall => TimerfdClockId::Realtime,
        };
        let timer = timerfd_create(id, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        poller.keep(&timer, Token::alarm(clock))?;
        Ok(Alarm { timer, set_for: Instant::NEVER })
    }

    /// Sets the timer to `value`, which means `deadline`.
    fn set(&mut self, value: Instant, flags: TimerfdTimerFlags, deadline: Instant) -> io::Result<()> {
        let value = Itimerspec { it_interval: timespec(Instant::NEVER), it_value: timespec(value) };
        let mut outcome = Err(Errno::CANCELED);
        while outcome == Err(Errno::CANCELED) {
            // It says so once if somebody set the clock since it was last asked, and then takes the next try.
            outcome = timerfd_settime(&self.timer, flags, &value).map(drop);
        }
        outcome?;
        self.set_for = deadline;
        Ok(())
    }
}

/// The time that is left as a timer takes it: at least a nanosecond, because none is "not at all".
fn left(left: Duration) -> Instant {
    Instant::from_nanos(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX).clamp(1, u64::MAX - 1))
}

/// A deadline as a timer takes it. Zero is "not at all"; nobody waits for the start of time, because it has come.
fn timespec(deadline: Instant) -> Timespec {
    const SECOND: u64 = 1_000_000_000;
    let nanos = if deadline.is_never() { 0 } else { deadline.as_nanos() };
    Timespec { tv_sec: (nanos / SECOND) as _, tv_nsec: (nanos % SECOND) as _ }
}
