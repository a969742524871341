//! Time as the pure layers know it: nanoseconds since an epoch that the driver chose.
//!
//! There is no clock here. The live relay reads a monotonic clock, a capture its packets' stamps, the
//! simulation its own virtual time; all pass the result in.

use std::time::Duration;

/// Nanoseconds since the driver's epoch; monotonic within one driver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `later` more.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// This moment and `earlier` less; the epoch at the earliest.
    #[must_use]
    pub fn before(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(earlier.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Whole milliseconds since the epoch.
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_moment_is_before_the_epoch() {
        assert_eq!(Timestamp(9).before(Duration::from_nanos(4)), Timestamp(5));
        assert_eq!(Timestamp(9).before(Duration::MAX), Timestamp::ZERO);
    }

    #[test]
    fn moments_are_told_in_whole_milliseconds() {
        for (nanos, millis) in [(0, 0), (999_999, 0), (1_000_000, 1), (2_999_999, 2), (5_000_000_000, 5_000)] {
            assert_eq!(Timestamp(nanos).as_millis(), millis, "{nanos} ns");
        }
    }
}
