//! Paths, clients and holders as rows.

use super::counter_rates::CounterRates;
use super::top_cell::TopCell;
use super::top_column::TopColumn;
use super::top_row::TopRow;
use crate::api::{LoadAnswer, LoadRowView};

/// Where the rate of operations stands, by which the busiest come first.
pub(super) const OPERATIONS: usize = 1;
/// Where it stands since when a row is gone.
pub(super) const STATE: usize = 6;

pub(super) const PATH_COLUMNS: [TopColumn; 9] = columns("path", "PATH", "the node, or the beginning of a long path");
pub(super) const CLIENT_COLUMNS: [TopColumn; 9] = columns("client", "CLIENT", "the client's address without its port");
pub(super) const HOLDER_COLUMNS: [TopColumn; 9] = columns("identity", "IDENTITY", "who holds the session");

const fn columns(name: &'static str, title: &'static str, meaning: &'static str) -> [TopColumn; 9] {
    [
        TopColumn::word(name, title, [16, 100], 0, meaning),
        TopColumn::number("operations_per_second", "OPS/S", 0, "operations that were answered, a second"),
        TopColumn::number("writes_per_second", "WRITE/S", 1, "of those: writes"),
        TopColumn::number("failures_per_second", "ERR/S", 2, "of those: answers with an error code"),
        TopColumn::number("bytes_per_second", "BYTES/S", 1, "bytes of their requests and replies"),
        TopColumn::number("share", "SHARE", 3, "its operations, of all that were counted"),
        TopColumn::word("seen", "SEEN", [8, 12], 6, "whether it is among the most frequent now"),
        TopColumn::number("operations", "OPERATIONS", 4, "its operations since the counting began"),
        TopColumn::number("error", "TOO MANY", 5, "by how much that may be too high, at most"),
    ]
}

/// What the counters of an answer gained.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct LoadSides {
    since_ms: Option<u64>,
    /// When the answer before was given, if what it did not list had not come at all.
    complete_at_ms: Option<u64>,
    operations: CounterRates,
    writes: CounterRates,
    failures: CounterRates,
    bytes: CounterRates,
}

impl LoadSides {
    /// Takes the counters of an answer.
    pub(super) fn count(&mut self, at_ms: u64, answer: &LoadAnswer) {
        if self.since_ms != answer.since.since_ms {
            // It was counted anew meanwhile.
            *self = Self { since_ms: answer.since.since_ms, ..Self::default() };
        }
        // The first question begins the counting, so that the first answer is empty.
        let zero_at_ms = self.complete_at_ms;
        let totals = |of: fn(&LoadRowView) -> u64| answer.load.iter().map(move |one| (one.key.clone(), of(one)));
        // What is its own for certain: the rest may be of the key that made room.
        self.operations.take_from_zero(at_ms, &mut totals(|one| one.operations.saturating_sub(one.error)), zero_at_ms);
        self.writes.take_from_zero(at_ms, &mut totals(|one| one.writes), zero_at_ms);
        self.failures.take_from_zero(at_ms, &mut totals(|one| one.failures), zero_at_ms);
        self.bytes.take_from_zero(at_ms, &mut totals(|one| one.bytes), zero_at_ms);
        self.complete_at_ms = (answer.largest_error == 0).then_some(at_ms);
    }
}

/// A row for each of these keys of an answer, the most frequent first.
pub(super) fn load_rows(answer: &LoadAnswer, shown: &[&LoadRowView], sides: &LoadSides) -> Vec<TopRow> {
    let row = |one: &&LoadRowView| {
        let rate = |rates: &CounterRates| TopCell::rate(rates.rate(&one.key));
        // Not as a float: sorted by it, equal shares stay equal.
        let thousandths = one.operations.saturating_mul(1_000) / answer.operations.max(1);
        let share = format!("{}.{} %", thousandths / 10, thousandths % 10);
        let cells = vec![
            if one.key.is_empty() { TopCell::text("(none)") } else { TopCell::text(&one.key) },
            rate(&sides.operations),
            rate(&sides.writes),
            rate(&sides.failures),
            rate(&sides.bytes),
            TopCell::count(thousandths).shown_as(&share),
            TopCell::text("now"),
            TopCell::count(one.operations),
            TopCell::count(one.error),
        ];
        TopRow::new(one.key.clone(), cells)
    };
    shown.iter().map(row).collect()
}

/// What the counts do not know, and what a filter does not of the keys that it lets through, for the line of notices.
pub(super) fn load_limits(answer: &LoadAnswer, filtered: &[&LoadRowView]) -> String {
    let cut = match filtered.iter().filter(|one| one.may_be_cut()).count() {
        0 => String::new(),
        // In front: a narrow screen has no room for the end of the line.
        cut => format!("{cut} of these are cut at {} bytes and may fit; ", LoadAnswer::KEY_BYTES),
    };
    let since = TopCell::moment(answer.since.since.as_deref(), answer.since.since_ms);
    let (all, uncounted, error) = (answer.operations, answer.uncounted, answer.largest_error);
    format!(
        "{cut}{all} operations counted since {}, {uncounted} not; what is not listed came at most {error} times",
        since.as_str()
    )
}
