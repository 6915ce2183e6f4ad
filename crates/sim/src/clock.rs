//! A host's three clocks, as they follow from the true time.
//!
//! ```text
//!   true time ──┬─ less what the host slept through ──▶ monotonic
//!               ├──────────────────────────────────────▶ boot
//!               └─ plus 2000-01-01 and every step ─────▶ wall
//! ```

use fate_core::{Clock, Instant};

/// What every host's wall clock shows when the simulation begins: 2000-01-01 00:00 UTC, in nanoseconds since 1970.
const WALL_START: u64 = 946_684_800 * 1_000_000_000;

/// True time does not get there, so a host that sleeps until then never wakes.
pub(crate) const LAST: u64 = u64::MAX;

/// One host's clocks. All figures are nanoseconds of true time.
#[derive(Default)]
pub(crate) struct Clocks {
    slept: u64,
    asleep_from: u64,
    asleep_until: u64,
    ahead: i64,
}

impl Clocks {
    /// What `clock` shows at the true time `truth`.
    pub fn read(&self, clock: Clock, truth: u64) -> Instant {
        Instant::from_nanos(match clock {
            Clock::Monotonic => truth - self.slept_by(truth),
            Clock::Boot => truth,
            Clock::Wall => (WALL_START.saturating_add(truth)).saturating_add_signed(self.ahead),
        })
    }

    fn slept_by(&self, truth: u64) -> u64 {
        self.slept + truth.min(self.asleep_until).saturating_sub(self.asleep_from)
    }

    /// The true time at which `clock` will show `moment`, as far as is known at `truth`; `None` if never.
    pub fn truth_of(&self, clock: Clock, moment: Instant, truth: u64) -> Option<u64> {
        if moment.is_never() {
            return None;
        }
        let missing = moment.as_nanos().saturating_sub(self.read(clock, truth).as_nanos());
        let from = if clock == Clock::Monotonic { truth.max(self.asleep_until) } else { truth };
        let shown = if missing == 0 { truth } else { from.saturating_add(missing) };
        Some(shown.max(self.asleep_until)).filter(|&truth| truth < LAST)
    }

    /// The host sleeps from `truth` on for `nanos`, or longer if it is asleep already.
    pub fn suspend(&mut self, truth: u64, nanos: u64) {
        if truth >= self.asleep_until {
            self.slept += self.asleep_until - self.asleep_from;
            self.asleep_from = truth;
            self.asleep_until = truth;
        }
        self.asleep_until = self.asleep_until.max(truth.saturating_add(nanos));
    }

    /// Whether the host is suspended.
    pub fn is_asleep(&self, truth: u64) -> bool {
        truth < self.asleep_until
    }

    /// When the host wakes that is suspended.
    pub fn wakes_at(&self) -> u64 {
        self.asleep_until
    }

    /// Somebody sets the wall clock.
    pub fn step(&mut self, nanos: i64) {
        self.ahead = self.ahead.saturating_add(nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspended_host_sleeps_on_one_clock_and_ages_on_the_others() {
        let mut clocks = Clocks::default();
        clocks.suspend(100, 50);
        assert!(clocks.is_asleep(149) && !clocks.is_asleep(150));
        assert_eq!(clocks.read(Clock::Monotonic, 160), Instant::from_nanos(110));
        assert_eq!(clocks.read(Clock::Boot, 160), Instant::from_nanos(160));
        assert_eq!(clocks.truth_of(Clock::Monotonic, Instant::from_nanos(105), 120), Some(155));
        assert_eq!(clocks.truth_of(Clock::Boot, Instant::from_nanos(130), 120), Some(150));
        clocks.suspend(160, 40);
        assert_eq!(clocks.read(Clock::Monotonic, 210), Instant::from_nanos(120));
    }

    #[test]
    fn a_step_moves_the_wall_clock_alone() {
        let mut clocks = Clocks::default();
        let before = clocks.read(Clock::Wall, 10);
        clocks.step(-7);
        assert_eq!(before - clocks.read(Clock::Wall, 10), std::time::Duration::from_nanos(7));
        assert_eq!(clocks.read(Clock::Boot, 10), Instant::from_nanos(10));
    }
}
