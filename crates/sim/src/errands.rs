//! Errands: work that a simulated thread would do, which takes virtual time and nothing else.
//!
//! There are no threads here. Whoever does the work says when it begins, and is told by a descriptor when it would be done: by
//! the host's monotonic clock, so that a suspended host's threads stand still too.

use crate::arrivals::What;
use crate::watches::Descriptor;
use crate::world::{HostNumber, State, World};
use fate_core::{Clock, Instant, Readiness};
use std::ops::Range;
use std::time::Duration;

/// How long errands take on one host.
#[derive(Default)]
pub(crate) struct Errands {
    takes: Option<Range<Duration>>,
}

impl World {
    /// How long work for threads takes on a host from now on: chance draws from the range each time. What takes
    /// `Duration::MAX` is never done.
    pub fn set_thread_time(&self, host: HostNumber, takes: Range<Duration>) {
        self.with_host(host, |host| host.errands.takes = Some(takes));
    }

    /// Work for a thread begins: gives what is readable once it is done, or `None` if work takes no time here.
    pub fn begin_errand(&self, host: HostNumber) -> Option<Descriptor> {
        self.with(|state| state.begin_errand(host))
    }

    /// Nobody waits for an errand any more.
    pub fn end_errand(&self, host: HostNumber, errand: Descriptor) {
        self.with_host(host, |host| host.watches.unmake(errand));
    }
}

impl State {
    fn begin_errand(&mut self, number: HostNumber) -> Option<Descriptor> {
        let truth = self.truth;
        let host = self.host(number);
        let takes = host.errands.takes.clone()?;
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let takes = host.chance.within(&(nanos(takes.start)..nanos(takes.end)));
        let errand = host.watches.make();
        let due = host.clocks.read(Clock::Monotonic, truth) + Duration::from_nanos(takes);
        if takes < u64::MAX {
            self.wait_for_errand(number, errand, due);
        }
        Some(errand)
    }

    fn wait_for_errand(&mut self, number: HostNumber, errand: Descriptor, due: Instant) {
        let truth = self.truth;
        if let Some(moment) = self.host(number).clocks.truth_of(Clock::Monotonic, due, truth) {
            self.arrivals.push(moment, What::Errand(number, errand, due));
        }
    }

    /// An errand would be done, had its host not been suspended meanwhile.
    pub(crate) fn finish_errand(&mut self, number: HostNumber, errand: Descriptor, due: Instant) {
        let truth = self.truth;
        let host = self.host(number);
        if host.clocks.read(Clock::Monotonic, truth) < due {
            return self.wait_for_errand(number, errand, due);
        }
        if host.watches.is_made(errand) {
            host.watches.set(errand, Readiness { readable: true, ..Readiness::default() });
        }
    }
}
