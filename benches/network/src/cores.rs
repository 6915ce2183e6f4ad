//! Which core serves, and which one asks.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// One core each, or the same one twice where there is only one.
#[derive(Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub load: usize,
}

impl Cores {
    /// The last two of those that this process may run on: the first one has the interrupts of most machines.
    pub fn choose() -> io::Result<Cores> {
        let mine = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| mine.is_set(*core)).rev();
        let server = cores.next().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Cores { server, load: cores.next().unwrap_or(server) })
    }
}

/// Binds this process to one core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}
