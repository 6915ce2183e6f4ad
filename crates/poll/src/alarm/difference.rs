//! Alarms where the kernel has no timer for these clocks: the time that is missing, waited for on the monotonic clock.

use crate::clock::Clocks;
use crate::poller::Poller;
use fate_core::{Clock, Instant, Time, Until};
use std::io;

/// The alarms of one driver: nothing but arithmetic.
#[derive(Default)]
pub(crate) struct Alarms {}

impl Alarms {
    /// Says when the wait must end on the monotonic clock.
    pub fn limit(&mut self, _: &Poller, clocks: &Clocks, until: &Until) -> io::Result<Instant> {
        let now = clocks.now(Clock::Monotonic);
        let foreseen = |clock| now + until.on(clock).duration_since(clocks.now(clock));
        Ok(until.on(Clock::Monotonic).min(foreseen(Clock::Boot)).min(foreseen(Clock::Wall)))
    }

    /// There is nothing to hear.
    pub fn hear(&mut self) {}
}
