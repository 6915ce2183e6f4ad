//! Waits for moments.

use crate::rig::{LONG, Rig};
use fate_core::{Clock, Instant, Until};
use std::time::Duration;

/// T1: to the nanosecond, on every clock (T11).
#[test]
fn a_wait_is_never_early_on_any_clock() {
    let mut rig = Rig::default();
    for clock in Clock::ALL {
        for nanos in [0, 1, 999, 30_001, 999_999, 1_000_001, 2_345_678] {
            let until = rig.within(clock, Duration::from_nanos(nanos));
            assert!(rig.exchange(&until).is_empty());
            assert!(rig.now(clock) >= until.on(clock), "{clock:?} {nanos}");
        }
    }
}

/// T11: the alarms of two clocks do not disturb each other, nor the poller's own timeout.
#[test]
fn a_wait_ends_when_the_first_of_three_moments_comes() {
    let mut rig = Rig::default();
    for first in Clock::ALL {
        let mut until = Until::FOREVER;
        for clock in Clock::ALL {
            let delay = if clock == first { Duration::from_millis(1) } else { LONG };
            until.at_most(clock, rig.now(clock) + delay);
        }
        assert!(rig.exchange(&until).is_empty());
        let come = |clock: &Clock| rig.now(*clock) >= until.on(*clock);
        assert_eq!(Clock::ALL.into_iter().filter(come).collect::<Vec<_>>(), [first]);
    }
}

/// T7, T11: an alarm follows its deadline both ways.
#[test]
fn an_alarm_that_was_set_for_later_goes_off_earlier_if_asked_and_the_other_way_round() {
    let mut rig = Rig::default();
    for clock in [Clock::Boot, Clock::Wall] {
        for _ in 0..2 {
            let late = rig.within(clock, LONG);
            rig.begin_to_wait(&late);
            let early = rig.within(clock, Duration::from_millis(1));
            assert!(rig.exchange(&early).is_empty());
            assert!(early.on(clock) <= rig.now(clock) && rig.now(clock) < late.on(clock));
        }
    }
}

/// T8, T11.
#[test]
fn a_moment_that_has_passed_ends_every_wait_at_once_however_often_it_is_asked_for() {
    let mut rig = Rig::default();
    for clock in Clock::ALL {
        let until = rig.within(clock, Duration::from_micros(100));
        let start = {
            let mut until = Until::FOREVER;
            until.at_most(clock, Instant::START);
            until
        };
        for until in [until, until, until, start, start] {
            assert!(rig.exchange(&until).is_empty());
        }
        assert!(rig.now(clock) < until.on(clock) + LONG);
    }
}

/// T11: what an alarm was set for before means nothing to a wait that does not ask for it.
#[test]
fn an_alarm_that_nobody_waits_for_any_more_ends_no_wait() {
    let mut rig = Rig::default();
    for clock in [Clock::Boot, Clock::Wall] {
        let soon = rig.within(clock, Duration::from_millis(1));
        rig.begin_to_wait(&soon);
        let until = rig.within(Clock::Monotonic, Duration::from_millis(3));
        assert!(rig.exchange(&until).is_empty());
        assert!(rig.now(Clock::Monotonic) >= until.on(Clock::Monotonic));
    }
}

/// T4.
#[test]
fn a_moment_centuries_away_can_be_waited_for() {
    let mut rig = Rig::default();
    for clock in Clock::ALL {
        for nanos in [u64::MAX - 1, u64::MAX / 2, 1 << 62] {
            let mut until = Until::FOREVER;
            until.at_most(clock, Instant::from_nanos(nanos));
            rig.begin_to_wait(&until);
        }
    }
}
