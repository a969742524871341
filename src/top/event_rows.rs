//! Moves, refusals and incidents as rows.

use super::top_cell::{TopCell, short_age};
use super::top_column::{HIDDEN, TopColumn};
use super::top_row::{RowInside, TopRow};
use crate::api::{AtTime, IncidentView, MoveView, RefusalView};

/// Where the moment stands in either table.
pub(super) const AT: usize = 0;
/// Where the incident's number stands.
pub(super) const INCIDENT: usize = 0;

pub(super) const MOVE_COLUMNS: [TopColumn; 11] = [
    moment_column("AT", "when it happened"),
    TopColumn::word("kind", "KIND", [7, 7], 1, "moved: it came to another server; refused: by SESSION_MOVED"),
    TopColumn::word("session", "SESSION", [18, 18], 2, "the session"),
    TopColumn::word("identity", "IDENTITY", [12, 28], 0, "who holds it"),
    TopColumn::word("from", "FROM", [16, 32], 1, "the server that it left, or that refused it"),
    TopColumn::word("to", "TO", [16, 32], 1, "the server that it came to"),
    TopColumn::number("gap", "GAP", 3, "how long it was without a connection"),
    TopColumn::word("reason", "REASON", [16, 28], 3, "why the last connection ended, or what shows the refusal"),
    TopColumn::number("unanswered", "UNANSW", 5, "requests that were left without a reply"),
    TopColumn::word("cause", "CAUSE", [16, 32], 6, "the cause, where one was found"),
    TopColumn::word("client", "CLIENT", [16, 24], HIDDEN, "the address of its client"),
];

pub(super) const INCIDENT_COLUMNS: [TopColumn; 13] = [
    TopColumn::number("incident", "NO", 0, "its number"),
    moment_column("FROM", "when it began"),
    TopColumn::number("lasted", "LASTED", 1, "how long it lasted; open while it lasts"),
    TopColumn::word("cause", "CAUSE", [16, 32], 0, "what caused it"),
    TopColumn::word("confidence", "SURE", [7, 8], 4, "how sure that is"),
    TopColumn::word("first", "FIRST", [12, 12], 6, "who failed first"),
    TopColumn::number("sessions", "SESS", 1, "sessions that lost a connection"),
    TopColumn::number("moved", "MOVED", 5, "of those: on another server"),
    TopColumn::number("expired", "EXPIRED", 5, "of those: over"),
    TopColumn::number("unanswered", "UNANSW", 5, "requests without a reply"),
    TopColumn::number("refused", "REFUSED", 7, "refusals because a session had moved"),
    TopColumn::word("summary", "WHAT HAPPENED", [24, 160], 2, "all of it in a sentence"),
    TopColumn::word("server", "SERVER", [16, 32], HIDDEN, "the server that it is about"),
];

const fn moment_column(title: &'static str, meaning: &'static str) -> TopColumn {
    TopColumn { is_number: false, most: 12, least: 12, ..TopColumn::number("at", title, 0, meaning) }
}

fn at(moment: &AtTime) -> TopCell {
    TopCell::moment(moment.at.as_deref(), moment.at_ms)
}

/// A row for each move and each refusal, in order of time.
pub(super) fn move_rows(moves: &[MoveView], refusals: &[RefusalView]) -> Vec<TopRow> {
    let mut rows: Vec<(Option<u64>, TopRow)> = moves.iter().map(|one| (one.at.at_ms, move_row(one))).collect();
    rows.extend(refusals.iter().map(|one| (one.at.at_ms, refusal_row(one))));
    rows.sort_by_key(|(at_ms, _)| *at_ms);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn move_row(one: &MoveView) -> TopRow {
    let cells = vec![
        at(&one.at),
        TopCell::text("moved"),
        TopCell::text(&one.session),
        TopCell::maybe(one.identity.as_deref()),
        TopCell::text(&one.from),
        TopCell::text(&one.to),
        TopCell::millis(Some(one.gap_ms)),
        TopCell::text(&one.reason),
        TopCell::count(one.unanswered.into()),
        TopCell::maybe(one.diagnosed.cause.as_ref().map(|cause| &*cause.code)),
        TopCell::text(&one.client),
    ];
    let key = format!("moved {} {}", one.session, one.at.at_ms.unwrap_or(0));
    TopRow { inside: Some(RowInside::Session(one.session.clone())), ..TopRow::new(key, cells) }
}

fn refusal_row(one: &RefusalView) -> TopRow {
    let cells = vec![
        at(&one.at),
        TopCell::text("refused"),
        TopCell::text(&one.session),
        TopCell::maybe(one.identity.as_deref()),
        TopCell::maybe(one.server.server.as_deref()),
        TopCell::maybe(one.claimed_by.as_deref()),
        TopCell::nothing(),
        TopCell::text(&one.evidence),
        TopCell::count(one.unanswered.into()),
        TopCell::maybe(one.diagnosed.cause.as_ref().map(|cause| &*cause.code)),
        TopCell::text(&one.client),
    ];
    let key = format!("refused {} {}", one.session, one.at.at_ms.unwrap_or(0));
    TopRow { inside: Some(RowInside::Session(one.session.clone())), ..TopRow::new(key, cells) }
}

/// A row for each incident, newest first.
pub(super) fn incident_rows(incidents: &[IncidentView], now_ms: u64) -> Vec<TopRow> {
    incidents.iter().map(|one| incident_row(one, now_ms)).collect()
}

fn incident_row(one: &IncidentView, now_ms: u64) -> TopRow {
    let impact = &one.impact;
    let began_ms = one.at.at_ms.unwrap_or(now_ms);
    // One that is open has lasted until now.
    let lasted_ms = one.until.until_ms.unwrap_or(now_ms).saturating_sub(began_ms);
    let lasted = TopCell::millis(Some(lasted_ms));
    let cells = vec![
        TopCell::count(one.id),
        at(&one.at),
        if one.open { lasted.shown_as(&format!("open {}", short_age(lasted_ms))) } else { lasted },
        TopCell::text(&one.cause.code),
        TopCell::text(&one.cause.confidence),
        TopCell::text(&one.first),
        TopCell::count(impact.sessions.into()),
        TopCell::count(impact.moved.into()),
        TopCell::count(impact.expired.into()),
        TopCell::count(impact.unanswered.into()),
        TopCell::count(impact.refused.into()),
        TopCell::text(&one.summary),
        TopCell::maybe(one.subject.server.as_deref()),
    ];
    let inside = Some(RowInside::Incident(one.id));
    TopRow { is_over: !one.open, inside, ..TopRow::new(one.id.to_string(), cells) }
}
