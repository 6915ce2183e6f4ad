//! A moment on one clock, to the nanosecond.
//!
//! An `Instant` is a plain number of nanoseconds since its clock's origin, handed out by a driver. Arithmetic saturates:
//! what would overflow is [`Instant::NEVER`], so `Duration::MAX` means "never" and nothing can panic or wrap.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment, in nanoseconds since the origin of the clock that it was read from.
///
/// Instants of different clocks, or of different Fates, must not be compared.
///
/// ```
/// use fate_core::Instant;
/// use std::time::Duration;
///
/// let start = Instant::from_nanos(5);
/// assert_eq!(start + Duration::from_nanos(2), Instant::from_nanos(7));
/// assert_eq!(start + Duration::MAX, Instant::NEVER);
/// assert_eq!(start - Instant::from_nanos(2), Duration::from_nanos(3));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The origin of every clock: no moment is earlier.
    pub const START: Instant = Instant(0);

    /// The moment that does not come.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The moment `nanos` nanoseconds after the clock's origin.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// Nanoseconds since the clock's origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whether this is [`Instant::NEVER`].
    pub const fn is_never(self) -> bool {
        self.0 == u64::MAX
    }

    /// The time from `earlier` to this moment: zero if it is not earlier, `Duration::MAX` if this moment never comes.
    pub const fn duration_since(self, earlier: Instant) -> Duration {
        if self.is_never() {
            return Duration::MAX;
        }
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates at [`Instant::NEVER`].
impl Add<Duration> for Instant {
    type Output = Instant;

    #[inline]
    fn add(self, delay: Duration) -> Instant {
        let seconds = delay.as_secs().saturating_mul(1_000_000_000);
        Instant(self.0.saturating_add(seconds).saturating_add(u64::from(delay.subsec_nanos())))
    }
}

/// As [`Instant::duration_since`].
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

/// Seconds with all nine decimals, or `never`.
impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() {
            return f.write_str("never");
        }
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
