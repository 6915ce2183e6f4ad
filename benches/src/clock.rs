//! What a piece of work has cost so far: CPU time and wall time of this process.
//!
//! The figures are CPU time, because the machines that run these benches are small and shared: a neighbour's compiler steals wall
//! time and hardly any of ours. It also lets the peers that have no virtual time wait for real deadlines without being charged
//! for the waiting, and charges every thread that works for a result (async-io has one of its own, a remote call has senders).

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// One reading of both clocks.
#[derive(Clone, Copy)]
pub struct Clock {
    cpu: Duration,
    wall: Instant,
}

impl Clock {
    /// Reads both clocks.
    pub fn read() -> Clock {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Clock { cpu: Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32), wall: Instant::now() }
    }

    /// CPU time that all threads of this process have used since `earlier`.
    pub fn cpu_since(self, earlier: Clock) -> Duration {
        self.cpu - earlier.cpu
    }

    /// Wall time since `earlier`.
    pub fn wall_since(self, earlier: Clock) -> Duration {
        self.wall - earlier.wall
    }
}
