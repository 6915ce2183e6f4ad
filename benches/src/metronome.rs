//! A kernel for Fate with a clock that jumps: to the next deadline, but never by less than a beat.
//!
//! The peers that have virtual time are measured at this pace: tokio's paused clock counts in milliseconds, and stakker is told the
//! time once a millisecond. So Fate gets it too, beside its own simulation, in which every moment that has a fuse has a turn. What
//! is due within a beat burns in one turn, as it does in any loop with work to do.

use fate_core::{Clock, Completion, Driver, Instant, Network, Op, Ring, System, Time, Until};
use fate_sim::World;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The clock stands still for this long, or jumps farther.
pub const BEAT: Duration = Duration::from_millis(1);

/// The driver and, sharing its nanoseconds, the clock.
#[derive(Clone, Default)]
pub struct Metronome(Rc<Cell<u64>>);

impl Driver for Metronome {
    fn name(&self) -> &'static str {
        "metronome"
    }

    fn time(&self) -> Rc<dyn Time> {
        Rc::new(self.clone())
    }

    fn network(&self) -> Rc<dyn Network> {
        World::new(0).host("metronome").network()
    }

    fn system(&self) -> Rc<dyn System> {
        World::new(0).host("metronome").system()
    }

    fn exchange(&mut self, _: &mut Vec<Op>, _: &mut VecDeque<Completion>, until: &Until) -> io::Result<()> {
        let due = until.on(Clock::Monotonic);
        if !until.is_now() && !due.is_never() {
            self.0.set(due.as_nanos().max(self.0.get() + BEAT.as_nanos() as u64));
        }
        Ok(())
    }

    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>> {
        Ok(Arc::new(Deaf))
    }

    fn pollable(&mut self) -> io::Result<RawFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn random(&mut self) -> u64 {
        0
    }
}

impl Time for Metronome {
    fn now(&self, _: Clock) -> Instant {
        Instant::from_nanos(self.0.get())
    }
}

/// Nobody rings: these benches call from other threads only on a real kernel.
struct Deaf;

impl Ring for Deaf {
    fn ring(&self) {}
}
