//! Cells: text for people, and what they are sorted by.

use std::cmp::Ordering;

use crate::text::one_line;

/// One cell of a table. Its text is one line without anything that is not seen.
#[derive(Clone, PartialEq, Debug)]
pub struct TopCell {
    text: String,
    order: CellOrder,
}

/// What a cell is sorted by.
#[derive(Clone, Copy, PartialEq, Debug)]
enum CellOrder {
    /// There is no value: behind all others, whichever way they are sorted.
    Nothing,
    /// By this number.
    Number(f64),
    /// By its text.
    Text,
}

/// What stands where there is no value.
const NOTHING: &str = "-";

impl TopCell {
    /// A cell without a value.
    pub fn nothing() -> Self {
        Self { text: NOTHING.to_owned(), order: CellOrder::Nothing }
    }

    /// Text from anywhere.
    pub fn text(text: &str) -> Self {
        Self { text: one_line(text).into_owned(), order: CellOrder::Text }
    }

    /// Text that may be missing.
    pub fn maybe(text: Option<&str>) -> Self {
        text.map_or_else(Self::nothing, Self::text)
    }

    /// A whole number.
    pub fn count(count: u64) -> Self {
        Self::number(count as f64, &count.to_string())
    }

    /// A whole number that may be missing.
    pub fn maybe_count(count: Option<u64>) -> Self {
        count.map_or_else(Self::nothing, Self::count)
    }

    /// How often in a second; short for large ones (`12.3k`).
    pub fn rate(a_second: Option<f64>) -> Self {
        a_second.map_or_else(Self::nothing, |rate| Self::number(rate, &short_number(rate)))
    }

    /// A time in microseconds, with its unit.
    pub fn micros(micros: Option<f64>) -> Self {
        micros.map_or_else(Self::nothing, |micros| Self::number(micros, &short_time(micros)))
    }

    /// A time in milliseconds, with its unit.
    pub fn millis(millis: Option<u64>) -> Self {
        Self::micros(millis.map(|millis| millis as f64 * 1_000.0))
    }

    /// A moment, by its text and in milliseconds since 1970.
    pub fn moment(text: Option<&str>, unix_millis: Option<u64>) -> Self {
        match (text, unix_millis) {
            (Some(text), Some(millis)) => Self::number(millis as f64, clock(text)),
            (text, _) => Self::maybe(text),
        }
    }

    /// Another text for the same value.
    #[must_use]
    pub fn shown_as(self, text: &str) -> Self {
        Self { text: one_line(text).into_owned(), ..self }
    }

    fn number(number: f64, text: &str) -> Self {
        Self { text: one_line(text).into_owned(), order: CellOrder::Number(number) }
    }

    /// What is shown.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The number behind it, if it has one.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self.order {
            CellOrder::Number(number) => Some(number),
            CellOrder::Nothing | CellOrder::Text => None,
        }
    }

    /// Whether there is no value.
    pub(super) fn is_nothing(&self) -> bool {
        self.order == CellOrder::Nothing
    }

    /// In which order two cells of one column stand. What has no value is last either way.
    pub(super) fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let turn = |order: Ordering| if descending { order.reverse() } else { order };
        match (self.order, other.order) {
            (CellOrder::Nothing, CellOrder::Nothing) => Ordering::Equal,
            (CellOrder::Nothing, _) => Ordering::Greater,
            (_, CellOrder::Nothing) => Ordering::Less,
            (CellOrder::Number(left), CellOrder::Number(right)) => turn(left.total_cmp(&right)),
            _ => turn(self.text.cmp(&other.text)),
        }
    }
}

/// The time of day of a moment in RFC 3339, to the millisecond, where it is one: the date is seldom of interest.
fn clock(text: &str) -> &str {
    text.split_once('T').map_or(text, |(_, time)| time.trim_end_matches('Z'))
}

/// A number in at most six letters.
fn short_number(number: f64) -> String {
    match number {
        small if small < 10.0 => format!("{small:.1}"),
        whole if whole < 10_000.0 => format!("{whole:.0}"),
        thousands if thousands < 1e6 => format!("{:.1}k", thousands / 1e3),
        millions => format!("{:.1}M", millions / 1e6),
    }
}

/// A time with its unit, in at most seven letters for all that is shorter than a day.
pub(super) fn short_time(micros: f64) -> String {
    // Three digits that count, so that a column of them can be read from above to below.
    match micros {
        short if short < 999.5 => format!("{short:.0}us"),
        millis if millis < 9_995.0 => format!("{:.2}ms", millis / 1e3),
        millis if millis < 99_950.0 => format!("{:.1}ms", millis / 1e3),
        millis if millis < 999_500.0 => format!("{:.0}ms", millis / 1e3),
        seconds if seconds < 99_950_000.0 => format!("{:.1}s", seconds / 1e6),
        seconds if seconds < 5_999e6 => format!("{:.0}s", seconds / 1e6),
        minutes if minutes < 5_999e6 * 60.0 => format!("{:.0}min", minutes / 6e7),
        hours => format!("{:.0}h", hours / 3.6e9),
    }
}

/// How long ago something was, in milliseconds, or a time that is given in whole seconds: in at most six letters.
pub(super) fn short_age(millis: u64) -> String {
    match millis / 1_000 {
        0 if millis > 0 => format!("{millis}ms"),
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}min", seconds / 60),
        seconds => format!("{}h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short() {
        let rates = [0.04, 9.96, 12.4, 9_999.4, 10_000.0, 1_234_567.0].map(|rate| TopCell::rate(Some(rate)).text);
        assert_eq!(rates, ["0.0", "10.0", "12", "9999", "10.0k", "1.2M"]);
        let times = [12.0, 999.4, 1_000.0, 12_345.0, 123_456.0, 999_499.0, 1e6, 1.8e7, 1.2e8, 7.2e9, 8.64e11];
        let times = times.map(|micros| TopCell::micros(Some(micros)).text);
        assert_eq!(
            times,
            ["12us", "999us", "1.00ms", "12.3ms", "123ms", "999ms", "1.0s", "18.0s", "120s", "120min", "240h"]
        );
        let ages = [0, 400, 18_000, 119_999, 120_000, 7_199_999, 7_200_000].map(short_age);
        assert_eq!(ages, ["0s", "400ms", "18s", "119s", "2min", "119min", "2h"]);
        assert_eq!(TopCell::moment(Some("2026-11-27T01:02:03.004Z"), Some(4)).text, "01:02:03.004");
    }

    #[test]
    fn what_has_no_value_is_last_either_way() {
        let (one, two, none) = (TopCell::count(9), TopCell::count(10), TopCell::nothing());
        assert_eq!((one.compare(&two, false), one.compare(&two, true)), (Ordering::Less, Ordering::Greater));
        for descending in [false, true] {
            assert_eq!(one.compare(&none, descending), Ordering::Less);
            assert_eq!(none.compare(&one, descending), Ordering::Greater);
        }
        assert_eq!(TopCell::text("a").compare(&TopCell::text("b"), true), Ordering::Greater);
    }

    #[test]
    fn nothing_unseen_is_in_a_cell() {
        for cell in [
            TopCell::text("a\u{1b}[2J\n"),
            TopCell::count(1).shown_as("a\u{1b}[2J\n"),
            TopCell::moment(Some("a\u{1b}[2J\n"), Some(1)),
            TopCell::moment(Some("a\u{1b}[2J\n"), None),
        ] {
            assert_eq!(cell.as_str(), "a\\u{1b}[2J\\n");
        }
    }
}
