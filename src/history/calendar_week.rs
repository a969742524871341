//! Weeks of the calendar, each with a file of its own.

use jiff::civil::{ISOWeekDate, Weekday};
use jiff::tz::Offset;

/// What the names of all files begin and end with.
const NAME: (&str, &str) = ("zoogate-", ".db");

/// A week as ISO 8601 counts them, in UTC: from Monday on, the first of a year being that of its first Thursday.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(super) struct CalendarWeek {
    year: i16,
    week: i8,
}

impl CalendarWeek {
    /// The week of a moment in milliseconds since 1970. What is beyond the year 9999 is of its last week.
    pub(super) fn of(unix_millis: u64) -> Self {
        let moment = i64::try_from(unix_millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        let date = Offset::UTC.to_datetime(moment.unwrap_or(jiff::Timestamp::MAX)).date().iso_week_date();
        Self { year: date.year(), week: date.week() }
    }

    /// The name of its file.
    pub(super) fn file_name(self) -> String {
        let (before, behind) = NAME;
        format!("{before}{:04}-W{:02}{behind}", self.year, self.week)
    }

    /// The week whose file has this name.
    pub(super) fn of_file(name: &str) -> Option<Self> {
        let (year, week) = name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?.split_once("-W")?;
        let one = Self { year: year.parse().ok()?, week: week.parse().ok()? };
        one.begin()?;
        (one.file_name() == name).then_some(one)
    }

    /// The moment at which it begins, in milliseconds since 1970; 0 for weeks before that.
    pub(super) fn begins_at(self) -> u64 {
        self.begin().and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0)
    }

    /// The moment at which it is over, in milliseconds since 1970.
    pub(super) fn ends_at(self) -> u64 {
        self.begins_at() + 7 * 24 * 60 * 60 * 1_000
    }

    fn begin(self) -> Option<i64> {
        let monday = ISOWeekDate::new(self.year, self.week, Weekday::Monday).ok()?.date();
        Some(Offset::UTC.to_timestamp(monday.at(0, 0, 0, 0)).ok()?.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_belong_to_the_year_of_their_thursday() {
        for (millis, name) in [
            (0, "zoogate-1970-W01.db"),
            // Sunday, 1 January 2023, and the Monday after it.
            (1_672_531_200_000, "zoogate-2022-W52.db"),
            (1_672_617_600_000, "zoogate-2023-W01.db"),
            (1_672_617_599_999, "zoogate-2022-W52.db"),
            // Thursday, 31 December 2026.
            (1_798_675_200_000, "zoogate-2026-W53.db"),
        ] {
            let week = CalendarWeek::of(millis);
            assert_eq!(week.file_name(), name);
            assert_eq!(CalendarWeek::of_file(name), Some(week));
            assert!(week.begins_at() <= millis && millis < week.ends_at(), "{name}");
        }
        assert!(CalendarWeek::of(1_672_531_200_000) < CalendarWeek::of(1_672_617_600_000));
    }

    #[test]
    fn other_files_are_of_no_week() {
        for name in [
            "zoogate.lock",
            "zoogate-2026-W48.db-wal",
            "zoogate-2026-W48.db.damaged-1",
            "zoogate-2026-W60.db",
            "zoogate-2026-W1.db",
            "zoogate-+2026-W48.db",
        ] {
            assert_eq!(CalendarWeek::of_file(name), None, "{name}");
        }
    }
}
