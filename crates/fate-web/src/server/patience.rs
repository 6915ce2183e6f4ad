//! How long a server waits for the other side, and how much it takes from it.

use std::time::Duration;

/// How long a kept connection does nothing before hyper's part of it is let go.
pub(super) const NAP: Duration = Duration::from_millis(200);

/// Who is slow, but brings or takes so many bytes a second, is not too slow.
const PACE: u64 = 500;

/// How many headers a request may have, if nobody says otherwise: as many as hyper takes by itself.
pub(super) const HEADERS: usize = 100;

/// How long a server waits for the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub header: Duration,
    pub idle: Duration,
    pub body: Duration,
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            header: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(30),
            write: Duration::from_secs(60),
        }
    }
}

/// How much a server takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub body: u64,
    pub header_bytes: usize,
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body: 16 << 20, header_bytes: 64 << 10, headers: HEADERS }
    }
}

/// How long the other side may yet keep us waiting: spent by waiting, earned by bytes, and never more than at first.
#[derive(Clone, Copy)]
pub(super) struct Credit {
    left: Duration,
    most: Duration,
}

impl Credit {
    pub fn new(most: Duration) -> Credit {
        Credit { left: most, most }
    }

    pub fn left(self) -> Duration {
        self.left
    }

    /// So many bytes came after so long.
    #[must_use]
    pub fn after(self, waited: Duration, bytes: usize) -> Credit {
        let earned = Duration::from_millis((bytes as u64).saturating_mul(1000 / PACE));
        Credit { left: self.left.saturating_sub(waited).saturating_add(earned).min(self.most), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// W2: a byte now and then does not hold a connection for ever, and whoever keeps the pace is never cut off.
    #[test]
    fn a_trickle_uses_up_its_credit_and_a_stream_does_not() {
        let trickle = (0..30).fold(Credit::new(30 * SECOND), |credit, _| credit.after(SECOND, 1));
        assert!(trickle.left() < SECOND, "{:?}", trickle.left());
        let stream = (0..1000).fold(Credit::new(30 * SECOND), |credit, _| credit.after(SECOND, 500));
        assert_eq!(stream.left(), 30 * SECOND);
    }
}
