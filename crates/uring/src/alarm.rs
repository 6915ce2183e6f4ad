//! Waits on the clocks that the wait itself does not know: boot time and wall time.
//!
//! Each is a timer of the ring, set in the call that begins the wait. That of boot time is set for a span, which counts
//! suspension; that of wall time for a moment, so the kernel follows a clock that is set, in either direction.
//!
//! # Invariants
//! - A1 `set_for` is what the kernel's timer is set for, so it is set only when its deadline changed. It may be `NEVER`
//!   though it has just gone off, until that is heard; setting it then fails, and it is set anew after it was heard.
//! - A2 A timer that nobody waits for any more is set for a moment that never comes, and costs nothing there.

use crate::ring::Ring;
use crate::token::Token;
use fate_core::{Clock, Instant, Time, Until};
use fate_unix::Clocks;
use std::time::Duration;

/// How many entries setting the alarms may take.
pub(crate) const ENTRIES: usize = 2;

/// The alarms of one driver, set when first needed.
pub(crate) struct Alarms([Alarm; 2]);

struct Alarm {
    clock: Clock,
    token: Token,
    set_for: Instant,
    /// Whether the kernel has the timer.
    is_set: bool,
}

impl Default for Alarms {
    fn default() -> Alarms {
        let alarm = |clock, token| Alarm { clock, token, set_for: Instant::NEVER, is_set: false };
        Alarms([alarm(Clock::Boot, Token::BOOT), alarm(Clock::Wall, Token::WALL)])
    }
}

impl Alarms {
    /// Whether the alarms are set as a wait wants them.
    #[inline]
    pub fn are_set(&self, until: &Until) -> bool {
        self.0.iter().all(|alarm| until.on(alarm.clock) == alarm.set_for)
    }

    /// Sets the alarms, for which there is room in the ring.
    pub fn set(&mut self, ring: &mut Ring, clocks: &Clocks, until: &Until) {
        for alarm in &mut self.0 {
            if until.on(alarm.clock) != alarm.set_for {
                alarm.set(ring, clocks, until.on(alarm.clock));
            }
        }
    }

    /// Notes that the alarm of this name has gone off, if it is one.
    pub fn hear(&mut self, token: Token) {
        for alarm in self.0.iter_mut().filter(|alarm| alarm.token == token) {
            alarm.set_for = Instant::NEVER;
            alarm.is_set = false;
        }
    }
}

impl Alarm {
    fn set(&mut self, ring: &mut Ring, clocks: &Clocks, deadline: Instant) {
        let time = match self.clock {
            Clock::Wall => Duration::from_nanos(deadline.as_nanos()),
            _ => deadline.duration_since(clocks.now(self.clock)),
        };
        match self.is_set {
            true => ring.move_alarm(self.token, self.clock, time),
            false => ring.set_alarm(self.token, self.clock, time),
        }
        self.set_for = deadline;
        self.is_set = true;
    }
}
