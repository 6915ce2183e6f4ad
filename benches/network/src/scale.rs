//! How much of everything: the full run for figures, the quick one to see that everybody still does his work.

pub struct Scale {
    /// Interleaved rounds: rather many short ones than a few long ones, because the machine drifts.
    pub rounds: usize,
    /// Messages measured in a round; a quarter as many go before, to warm up.
    pub messages: usize,
    /// The same where there is one connection with one message in flight.
    pub pings: usize,
    /// The same where messages are 16 KiB.
    pub large: usize,
    /// The many connections of the busy workload.
    pub many: usize,
    /// Short connections in a round.
    pub visits: usize,
    /// Idle connections.
    pub idle: usize,
}

pub const FULL: Scale =
    Scale { rounds: 49, messages: 20_000, pings: 2_000, large: 10_000, many: 1_000, visits: 100_000, idle: 10_000 };

pub const QUICK: Scale =
    Scale { rounds: 1, messages: 4_000, pings: 500, large: 1_000, many: 200, visits: 500, idle: 300 };
