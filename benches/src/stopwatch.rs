//! The one place where anything is measured: named laps, each with its time and its memory.

use crate::census::Census;
use crate::clock::Clock;
use std::time::Duration;

/// What one lap cost; laps of the same name are added up.
#[derive(Clone, Copy, Default)]
pub struct Reading {
    pub cpu: Duration,
    pub wall: Duration,
    /// Calls to the allocator: nothing unless the census is on.
    pub calls: u64,
    /// Bytes alive at the end that were not at the start: likewise.
    pub grown: i64,
}

/// Collects the laps of one contender in one round.
#[derive(Default)]
pub struct Stopwatch {
    laps: Vec<(&'static str, Reading)>,
}

impl Stopwatch {
    /// Does `work` and adds its cost to the lap called `name`.
    pub fn lap(&mut self, name: &'static str, work: impl FnOnce()) {
        let (before, clock) = (Census::count(), Clock::read());
        work();
        let (now, after) = (Clock::read(), Census::count());
        let lap = self.entry(name);
        lap.cpu += now.cpu_since(clock);
        lap.wall += now.wall_since(clock);
        lap.calls += after.calls - before.calls;
        lap.grown += after.live - before.live;
    }

    /// The sum of the laps called `name`, if there was one.
    pub fn reading(&self, name: &str) -> Option<Reading> {
        self.laps.iter().find(|(lap, _)| *lap == name).map(|(_, reading)| *reading)
    }

    fn entry(&mut self, name: &'static str) -> &mut Reading {
        let at = self.laps.iter().position(|(lap, _)| *lap == name).unwrap_or_else(|| {
            self.laps.push((name, Reading::default()));
            self.laps.len() - 1
        });
        &mut self.laps[at].1
    }
}
