//! The three clocks, read from the system.
//!
//! Monotonic time counts from the making of the driver, boot time from the start of the machine, wall time from 1970.
//! The first is std's own clock, because that is the one in which the poller is told its deadlines.
//!
//! # Platforms
//! Outside Linux and Android boot time is the system's `CLOCK_MONOTONIC`: it counts suspension on Apple's systems, and
//! does not where the system has no such clock.
//!
//! # Invariants
//! - C1 No clock ever shows `Instant::START` or `Instant::NEVER`: these are not moments.
//!
//! # Cost
//! No system call where the kernel maps its clocks into the process, which is nearly everywhere.

use fate_core::{Clock, Instant, Time, Until};
use rustix::time::{ClockId, clock_gettime};
use std::time::{self, Duration};

#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT: ClockId = ClockId::Monotonic;

/// The system's clocks.
pub struct Clocks {
    origin: time::Instant,
}

impl Clocks {
    /// Monotonic time starts now.
    pub fn new() -> Clocks {
        Clocks { origin: time::Instant::now() }
    }

    /// A moment of monotonic time in the system's terms; `None` if it is never.
    pub fn in_system_time(&self, moment: Instant) -> Option<time::Instant> {
        if moment.is_never() { None } else { self.origin.checked_add(Duration::from_nanos(moment.as_nanos())) }
    }

    /// Whether a wait until then is over.
    pub fn has_come(&self, until: &Until) -> bool {
        let has_come = |clock| !until.on(clock).is_never() && until.on(clock) <= self.now(clock);
        Clock::ALL.into_iter().any(has_come)
    }
}

impl Default for Clocks {
    fn default() -> Clocks {
        Clocks::new()
    }
}

impl Time for Clocks {
    fn now(&self, clock: Clock) -> Instant {
        match clock {
            Clock::Monotonic => moment(self.origin.elapsed()),
            Clock::Boot => moment(read(BOOT)),
            Clock::Wall => moment(read(ClockId::Realtime)),
        }
    }
}

/// The time on a clock since its origin; none if the clock was set to a time before that.
fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or(Duration::ZERO)
}

/// C1.
fn moment(since_origin: Duration) -> Instant {
    let nanos = u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX);
    Instant::from_nanos(nanos.clamp(1, u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C1.
    #[test]
    fn a_clock_that_was_just_made_shows_a_moment() {
        let clocks = Clocks::new();
        for clock in Clock::ALL {
            assert!(clocks.now(clock) > Instant::START);
        }
        assert_eq!(moment(Duration::ZERO), Instant::from_nanos(1));
        assert_eq!(moment(Duration::MAX), Instant::from_nanos(u64::MAX - 1));
    }

    /// T11.
    #[test]
    fn wall_time_counts_from_1970() {
        let since_1970 = |time: time::SystemTime| moment(time.duration_since(time::UNIX_EPOCH).unwrap_or_default());
        let before = since_1970(time::SystemTime::now());
        let between = Clocks::new().now(Clock::Wall);
        let after = since_1970(time::SystemTime::now());
        assert!(after < before || (before..=after).contains(&between), "{before} {between} {after}");
    }

    /// T1, T4.
    #[test]
    fn a_moment_is_the_same_to_the_nanosecond_in_the_systems_time_and_never_has_none() {
        let clocks = Clocks::new();
        let far = Instant::from_nanos(u64::MAX - 1);
        for moment in [Instant::START, Instant::from_nanos(1_234_567_891), far] {
            let system = clocks.in_system_time(moment).unwrap();
            assert_eq!(system.duration_since(clocks.origin).as_nanos(), u128::from(moment.as_nanos()));
        }
        assert_eq!(clocks.in_system_time(Instant::NEVER), None);
    }

    /// T11.
    #[test]
    fn a_moment_has_come_if_it_has_on_any_clock_and_never_does_not() {
        let clocks = Clocks::new();
        assert!(!clocks.has_come(&Until::FOREVER));
        for clock in Clock::ALL {
            let mut until = Until::FOREVER;
            until.at_most(clock, clocks.now(clock) + Duration::from_secs(3600));
            assert!(!clocks.has_come(&until));
            until.at_most(clock, clocks.now(clock));
            assert!(clocks.has_come(&until));
        }
    }
}
