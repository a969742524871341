//! Moments of the driver's clock by the calendar.

use crate::api::CalendarMoment;
use crate::observe::WallClock;
use crate::time::Timestamp;

/// A moment as the API shows it.
pub(super) fn moment<T: From<Option<CalendarMoment>>>(wall_clock: &WallClock, at: impl Into<Option<Timestamp>>) -> T {
    let shown = |at| {
        let unix_millis = wall_clock.unix_millis(at);
        CalendarMoment { text: WallClock::text(unix_millis), unix_millis }
    };
    T::from(at.into().map(shown))
}
