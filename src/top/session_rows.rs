//! The sessions as rows.

use super::counter_rates::CounterRates;
use super::top_cell::{TopCell, short_age, short_time};
use super::top_column::{HIDDEN, TopColumn};
use super::top_row::{RowInside, TopRow};
use crate::api::{SessionView, WatchesView};

/// Where the state stands.
pub(super) const STATE: usize = 3;
/// Where the rate of operations stands, by which the busiest come first.
pub(super) const OPERATIONS: usize = 4;

pub(super) const COLUMNS: [TopColumn; 19] = [
    TopColumn::word("session", "SESSION", [18, 18], 0, "its id"),
    TopColumn::word("identity", "IDENTITY", [12, 28], 0, "who holds it, by what it did, otherwise its address"),
    TopColumn::word("server", "SERVER", [16, 32], 4, "the server that carries it, or carried it last"),
    TopColumn::word("state", "STATE", [8, 14], 1, "attached, pending, or how it ended and how long ago"),
    TopColumn::number("operations_per_second", "OPS/S", 0, "operations that were answered, a second"),
    TopColumn::number("p99", "P99", 2, "99 % of its reads and writes took at most that long, since it began"),
    TopColumn::number("in_flight", "FLY", 2, "requests that wait for their reply"),
    TopColumn::number("silent", "SILENT", 1, "how long its client has been silent, of its session timeout"),
    TopColumn::word(
        "waits_for",
        "WAITS FOR",
        [10, 16],
        3,
        "what it waits for, and how long its server has said nothing",
    ),
    TopColumn::number("moves", "MOVES", 4, "times that it came to another server"),
    TopColumn::number("refused", "REFUSED", 6, "times that it was refused because it had moved"),
    TopColumn::number("watches", "WATCHES", 6, "watches that it has set, of all kinds"),
    TopColumn::number("errors_per_second", "ERR/S", 7, "answers with an error code, a second"),
    TopColumn::number("p50", "P50", 7, "half of its reads and writes took at most that long, since it began"),
    TopColumn::number("operations", "OPERATIONS", 8, "operations that were answered since it began"),
    TopColumn::word("client", "CLIENT", [16, 24], 8, "the address of its client"),
    TopColumn::number("unanswered", "UNANSWERED", HIDDEN, "requests that its last connection left without a reply"),
    TopColumn::number("timeout", "TIMEOUT", HIDDEN, "its session timeout"),
    TopColumn::word("active_at", "ACTIVE", [14, 14], HIDDEN, "when something was heard of it last"),
];

/// What its counters gained.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct SessionSides {
    operations: CounterRates,
    errors: CounterRates,
}

impl SessionSides {
    /// Takes the counters of a list. Of one that was cut others come the next time: those that are not in it are kept for
    /// a while.
    pub(super) fn count(&mut self, at_ms: u64, sessions: &[SessionView], is_cut: bool) {
        let take = if is_cut { CounterRates::take_some } else { CounterRates::take };
        take(&mut self.operations, at_ms, &mut sessions.iter().map(|one| (one.session.clone(), one.operations)));
        take(&mut self.errors, at_ms, &mut sessions.iter().map(|one| (one.session.clone(), one.errors)));
    }
}

/// A row for each session.
pub(super) fn session_rows(sessions: &[SessionView], sides: &SessionSides, now_ms: u64) -> Vec<TopRow> {
    sessions.iter().map(|one| session_row(one, sides, now_ms)).collect()
}

fn session_row(one: &SessionView, sides: &SessionSides, now_ms: u64) -> TopRow {
    // A session that is over has no rate: its counters stand still, and 0 would say that it idles.
    let is_over = one.state == "ended";
    let cells = vec![
        TopCell::text(&one.session),
        TopCell::maybe(one.identity.as_deref()),
        TopCell::maybe(one.server.server.as_deref()),
        state(one, now_ms),
        TopCell::rate(sides.operations.rate(&one.session).filter(|_| !is_over)),
        TopCell::micros(one.p99_us),
        TopCell::count(one.in_flight.into()),
        silence(one),
        waits_for(one),
        TopCell::count(one.moves.into()),
        TopCell::count(one.session_moved.into()),
        TopCell::count(watches(&one.watches)),
        TopCell::rate(sides.errors.rate(&one.session).filter(|_| !is_over)),
        TopCell::micros(one.p50_us),
        TopCell::count(one.operations),
        TopCell::maybe(one.client.as_deref()),
        TopCell::count(one.unanswered.into()),
        TopCell::millis(one.timeout_ms.and_then(|timeout| u64::try_from(timeout).ok())),
        TopCell::moment(one.active_at.active_at.as_deref(), one.active_at.active_at_ms),
    ];
    let inside = Some(RowInside::Session(one.session.clone()));
    TopRow { is_over, inside, ..TopRow::new(one.session.clone(), cells) }
}

/// What it is, and of one that is over how and how long ago.
fn state(one: &SessionView, now_ms: u64) -> TopCell {
    let Some(ended) = &one.ended else { return TopCell::text(&one.state) };
    let ago = one.active_at.active_at_ms.map(|heard_ms| now_ms.saturating_sub(heard_ms));
    let ago = ago.map_or_else(String::new, |ago| format!(" {}", short_age(ago)));
    TopCell::text(&format!("{ended}{ago}"))
}

/// How long its client has been silent, of its timeout. Sorted by the share: who is near its end comes first.
fn silence(one: &SessionView) -> TopCell {
    let Some(silent) = one.client_silent_ms else { return TopCell::nothing() };
    let time = short_time(silent as f64 * 1_000.0);
    match one.timeout_ms.and_then(|timeout| u64::try_from(timeout).ok()).filter(|timeout| *timeout > 0) {
        Some(timeout) => {
            // In parts of a million, which no two that differ by a millisecond share at any timeout that there is.
            let share = TopCell::count(silent.saturating_mul(1_000_000) / timeout);
            share.shown_as(&format!("{time}/{}", short_age(timeout)))
        }
        None => TopCell::count(silent).shown_as(&time),
    }
}

fn waits_for(one: &SessionView) -> TopCell {
    let Some(what) = one.waits_for.as_deref() else { return TopCell::nothing() };
    // A word that only a newer zoogate knows is shown as it is.
    let words = match what {
        "server_reply" => "reply",
        "client_to_read" => "client to read",
        "server_to_read" => "server to read",
        other => other,
    };
    match one.server_silent_ms.filter(|_| what == "server_reply") {
        Some(silent) => TopCell::text(&format!("{words} {}", short_time(silent as f64 * 1_000.0))),
        None => TopCell::text(words),
    }
}

fn watches(all: &WatchesView) -> u64 {
    let WatchesView { data, exist, child, persistent, recursive, carried } = *all;
    [data, exist, child, persistent, recursive, carried].map(u64::from).iter().sum()
}
