//! How much of everything: the full run for figures, the quick one to see that everything still runs.

pub struct Scale {
    /// Interleaved rounds for the heavy workloads and for the light ones.
    pub rounds: (usize, usize),
    /// Pending fuses for the figures that the floors are about.
    pub pending: usize,
    /// Pending fuses for everybody's growth, and the one more that only Fate is asked to carry.
    pub growth: &'static [usize],
    pub fate_alone: usize,
    /// Closures in one queue.
    pub closures: usize,
    /// Deferreds a lap.
    pub deferreds: usize,
    /// Futures spawned at a time.
    pub futures: usize,
    /// Calls from other threads, in all.
    pub calls: usize,
    /// Closures run by a pool of threads.
    pub trips: usize,
    /// Programs that are started and end at once.
    pub children: usize,
}

pub const FULL: Scale = Scale {
    rounds: (3, 5),
    pending: 1_000_000,
    growth: &[1_000, 10_000, 100_000],
    fate_alone: 10_000_000,
    closures: 1_000_000,
    deferreds: 200_000,
    futures: 100_000,
    calls: 1_000_000,
    trips: 50_000,
    children: 2_000,
};

pub const QUICK: Scale = Scale {
    rounds: (1, 1),
    pending: 10_000,
    growth: &[1_000],
    fate_alone: 20_000,
    closures: 10_000,
    deferreds: 10_000,
    futures: 10_000,
    calls: 10_000,
    trips: 2_000,
    children: 200,
};
