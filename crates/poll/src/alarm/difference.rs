//! Alarms where the kernel has no timers for these clocks: the time that is missing, waited for on the monotonic clock.

use crate::poller::{Patience, Poller};
use crate::token::Token;
use fate_core::{Clock, Time, Until};
use fate_unix::Clocks;
use std::io;

/// The alarms of one driver: nothing but arithmetic.
pub(crate) struct Alarms {}

impl Alarms {
    /// There is nothing to ask for.
    pub fn open(_: &Poller) -> io::Result<Alarms> {
        Ok(Alarms {})
    }

    /// Says how long the poller may wait.
    pub fn set(&mut self, _: &Poller, clocks: &Clocks, until: &Until) -> io::Result<Patience> {
        let now = clocks.now(Clock::Monotonic);
        let foreseen = |clock| now + until.on(clock).duration_since(clocks.now(clock));
        let limit = until.on(Clock::Monotonic).min(foreseen(Clock::Boot)).min(foreseen(Clock::Wall));
        Ok(Patience::Until(clocks.in_system_time(limit)))
    }

    /// There is nothing to hear.
    pub fn hear(&mut self, _: Token) {}
}
