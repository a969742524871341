//! Calendar times of moments, for people and other programs to read.
//!
//! Nothing is decided by the date: it may be stepped at any time. It is read at the start, and from time to time
//! after that to learn whether it was stepped. A moment is shown by the date that the machine had then, as the lines
//! of the log are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// Steps that are remembered. Moments before the oldest are shown by the date that held just before it.
pub(crate) const STEPS: usize = 64;
/// The least difference that counts as a step; smaller ones are slewing, or this process waiting for its turn
/// between the readings of the two clocks.
const LEAST_STEP: Duration = Duration::from_secs(1);

/// Later than any moment.
const NEVER: Timestamp = Timestamp(u64::MAX);

/// Turns timestamps of one driver into calendar times.
#[derive(Clone, Debug)]
pub struct WallClock {
    /// Calendar time of the driver's epoch, since 1970.
    epoch: Duration,
    /// When the date was stepped, and what the epoch is from then on; oldest first, [`NEVER`] where there
    /// was none.
    steps: [(Timestamp, Duration); STEPS],
}

impl WallClock {
    /// The date now, in milliseconds since 1970; 0 for a date before.
    pub fn unix_now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    /// The calendar of a driver for which it is `now`.
    pub fn start(now: Timestamp) -> Self {
        Self::at(now, SystemTime::now())
    }

    /// The calendar of a driver for which it was `moment` at the given calendar time.
    pub fn at(moment: Timestamp, time: SystemTime) -> Self {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = since_1970.saturating_sub(Duration::from_nanos(moment.0));
        Self { epoch, steps: [(NEVER, Duration::ZERO); STEPS] }
    }

    /// Learns what the date is now. Returns by how many milliseconds it was stepped since it was last looked at, if
    /// it was, and the calendar that knows of the step.
    pub fn checked(&self, now: Timestamp, fresh: &Self) -> Option<(i64, Self)> {
        let (before, after) = (self.epoch_at(now), fresh.epoch);
        if before.abs_diff(after) < LEAST_STEP {
            return None;
        }
        let mut next = self.clone();
        // When all places are taken the oldest step is forgotten: moments before it are shown by the next one's date.
        let free = next.steps.iter().position(|(at, _)| *at == NEVER).unwrap_or_else(|| {
            next.epoch = next.steps[0].1;
            next.steps.rotate_left(1);
            STEPS - 1
        });
        next.steps[free] = (now, after);
        Some((after.as_millis() as i64 - before.as_millis() as i64, next))
    }

    fn epoch_at(&self, at: Timestamp) -> Duration {
        self.steps.iter().rev().find(|(stepped_at, _)| *stepped_at <= at).map_or(self.epoch, |(_, epoch)| *epoch)
    }

    /// A moment in microseconds since 1970.
    pub fn unix_micros(&self, at: Timestamp) -> u64 {
        u64::try_from((self.epoch_at(at) + Duration::from_nanos(at.0)).as_micros()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970 of a moment.
    pub fn unix_millis(&self, at: Timestamp) -> u64 {
        u64::try_from((self.epoch_at(at) + Duration::from_nanos(at.0)).as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970 as RFC 3339 text in UTC; what is beyond the year 9999 is shown as its end.
    pub fn text(unix_millis: u64) -> String {
        let moment = i64::try_from(unix_millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        format!("{:.3}", moment.unwrap_or(jiff::Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_times_are_right() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800_123, "2024-02-29T00:00:00.123Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-30T22:00:00.999Z"),
        ] {
            assert_eq!(WallClock::text(millis), text);
        }
    }

    #[test]
    fn a_moment_is_shown_relative_to_the_start() {
        let second = |number| Timestamp::ZERO.after(Duration::from_secs(number));
        let wall_clock = WallClock::at(second(100), UNIX_EPOCH + Duration::from_secs(1_000_000_000));
        assert_eq!(wall_clock.unix_millis(second(101)), 1_000_000_001_000);
        let moment = wall_clock.unix_millis(second(99).after(Duration::from_millis(1)));
        assert_eq!(WallClock::text(moment), "2001-09-09T01:46:39.001Z");
    }

    #[test]
    fn a_step_of_the_date_is_told_once_and_moments_keep_the_date_that_held_then() {
        let second = |number| Timestamp::ZERO.after(Duration::from_secs(number));
        let date = |now, unix| WallClock::at(second(now), UNIX_EPOCH + Duration::from_secs(unix));
        let wall_clock = date(100, 1_000_000);
        assert!(wall_clock.checked(second(101), &date(101, 1_000_001)).is_none(), "no step");
        let slewed = WallClock::at(second(102), UNIX_EPOCH + Duration::from_millis(1_000_002_900));
        assert!(wall_clock.checked(second(102), &slewed).is_none(), "slewing is no step");
        let (forward, wall_clock) = wall_clock.checked(second(110), &date(110, 1_003_610)).unwrap();
        assert_eq!(forward, 3_600_000);
        assert!(wall_clock.checked(second(111), &date(111, 1_003_611)).is_none(), "reported twice");
        let (back, wall_clock) = wall_clock.checked(second(120), &date(120, 999_020)).unwrap();
        assert_eq!(back, -4_600_000);
        let shown = [105, 109, 110, 119, 120, 130].map(|at| wall_clock.unix_millis(second(at)) / 1000);
        assert_eq!(shown, [1_000_005, 1_000_009, 1_003_610, 1_003_619, 999_020, 999_030]);
    }

    #[test]
    fn of_many_steps_the_newest_are_known() {
        let second = |number| Timestamp::ZERO.after(Duration::from_secs(number));
        let date = |now: u64| WallClock::at(second(now), UNIX_EPOCH + Duration::from_secs(now * 1_000));
        let mut wall_clock = date(1);
        let last = STEPS as u64 + 6;
        for now in 2..=last {
            wall_clock = wall_clock.checked(second(now), &date(now)).unwrap().1;
        }
        for now in 7..=last {
            assert_eq!(wall_clock.unix_millis(second(now)), now * 1_000_000);
        }
        assert_eq!(
            wall_clock.unix_millis(second(6)),
            6_000_000,
            "by the date just before the oldest step that is known"
        );
    }
}
