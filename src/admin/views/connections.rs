//! `/api/connections`: every connection that claimed a session, open or ended.

use serde::Serialize;

use super::ServerView;
use crate::admin::moment::Moment;
use crate::admin::query::Filter;
use crate::ids::{ConnectionId, SessionId};
use crate::observe::{ConnectionRow, MeterReading, Observatory};
use crate::session::ledger::Claim;
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;

/// What stands for the reason of an end while it is not decided.
pub(super) const PENDING: &str = "pending";

/// The list, newest first.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct Connections {
    connections: Vec<ConnectionView>,
    more: bool,
}

/// One connection.
#[derive(Debug, Serialize)]
struct ConnectionView {
    connection: u64,
    client: String,
    /// `pooled` or `mirror`; null when it is no longer known.
    listener: Option<&'static str>,
    routed: Option<&'static str>,
    #[serde(flatten)]
    server: ServerView,
    /// Null for a new session that was not given yet, or never.
    session: Option<String>,
    /// `claiming`, `attached`, `refused` or `ended`.
    state: &'static str,
    /// Why it ended: null while it is open, `pending` while that is not decided.
    reason: Option<&'static str>,
    why: Option<String>,
    unanswered: u32,
    in_flight: u32,
    /// Of a connection whose end is decided the session has the numbers, and these are null.
    operations: Option<u64>,
    client_bytes: Option<u64>,
    server_bytes: Option<u64>,
    #[serde(flatten)]
    claimed_at: Moment,
    #[serde(flatten)]
    attached_at: Moment,
    #[serde(flatten)]
    ended_at: Moment,
}

fn listener(routed: RouteReason) -> &'static str {
    if routed == RouteReason::Mirror { "mirror" } else { "pooled" }
}

fn open_state(claim: &Claim) -> &'static str {
    use crate::session::ledger::Outcome;
    match claim.outcome {
        Outcome::Unanswered => "claiming",
        Outcome::Accepted { .. } => "attached",
        Outcome::Refused { .. } => "refused",
    }
}

fn state(row: &ConnectionRow) -> &'static str {
    match row {
        ConnectionRow::Open { open, .. } => open_state(&open.claim),
        ConnectionRow::Closing { .. } | ConnectionRow::Ended { .. } => "ended",
    }
}

fn reason(row: &ConnectionRow) -> Option<&'static str> {
    match row {
        ConnectionRow::Open { .. } => None,
        ConnectionRow::Closing { .. } => Some(PENDING),
        ConnectionRow::Ended { ended, .. } => Some(ended.reason.label()),
    }
}

fn session(row: &ConnectionRow) -> Option<SessionId> {
    match row {
        ConnectionRow::Open { open, .. } => Some(open.session),
        ConnectionRow::Closing { closing, .. } => Some(closing.open.session),
        ConnectionRow::Ended { ended, .. } => ended.session,
    }
    .filter(|session| !session.is_new())
}

/// What does not depend on the connection's phase, and what does.
struct Facts<'a> {
    connection: ConnectionId,
    routed: Option<RouteReason>,
    why: Option<&'a str>,
    unanswered: u32,
    reading: Option<MeterReading>,
    attached_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl<'a> Facts<'a> {
    fn of(observatory: &Observatory, row: &'a ConnectionRow) -> Self {
        match row {
            ConnectionRow::Open { connection, open } => Self {
                connection: *connection,
                routed: Some(open.claim.routed),
                why: None,
                unanswered: 0,
                reading: Some(observatory.meters().connection(open.session, *connection).unwrap_or_default()),
                attached_at: open.claim.attached_at(),
                ended_at: None,
            },
            ConnectionRow::Closing { connection, closing } => Self {
                connection: *connection,
                routed: Some(closing.open.claim.routed),
                why: None,
                unanswered: closing.unanswered,
                reading: Some(MeterReading { in_flight: 0, ..closing.reading }),
                attached_at: closing.open.claim.attached_at(),
                ended_at: Some(closing.ended_at),
            },
            ConnectionRow::Ended { ended, routed } => Self {
                connection: ended.connection,
                routed: *routed,
                why: Some(&ended.why),
                unanswered: ended.unanswered_count,
                reading: None,
                attached_at: ended.attached_at,
                ended_at: Some(ended.ended_at),
            },
        }
    }
}

impl ConnectionView {
    fn new(observatory: &Observatory, row: &ConnectionRow) -> Self {
        let calendar = observatory.calendar();
        let facts = Facts::of(observatory, row);
        Self {
            connection: facts.connection.0,
            client: row.client().to_string(),
            listener: facts.routed.map(listener),
            routed: facts.routed.map(RouteReason::label),
            server: ServerView::new(observatory, row.server()),
            session: session(row).map(|session| session.to_string()),
            state: state(row),
            reason: reason(row),
            why: facts.why.map(str::to_owned),
            unanswered: facts.unanswered,
            in_flight: facts.reading.map_or(0, |reading| reading.in_flight),
            operations: facts.reading.map(|reading| reading.operations),
            client_bytes: facts.reading.map(|reading| reading.client_bytes),
            server_bytes: facts.reading.map(|reading| reading.server_bytes),
            claimed_at: Moment::claimed_at(calendar, row.claimed_at()),
            attached_at: Moment::attached_at(calendar, facts.attached_at),
            ended_at: Moment::ended_at(calendar, facts.ended_at),
        }
    }
}

/// The connections that a filter lets through.
pub(in crate::admin) fn connections(observatory: &Observatory, filter: &Filter) -> Connections {
    let mut rows = observatory.connection_rows();
    rows.retain(|row| {
        filter.server_fits(&[Some(row.server())])
            && filter.client_fits(Some(row.client()))
            && filter.state_fits(state(row))
            && filter.reason_fits(reason(row))
            && filter.session.is_none_or(|wanted| session(row) == Some(wanted))
    });
    rows.sort_by_key(|row| std::cmp::Reverse(row.claimed_at()));
    let shown = rows.iter().take(filter.limit);
    Connections {
        connections: shown.map(|row| ConnectionView::new(observatory, row)).collect(),
        more: rows.len() > filter.limit,
    }
}
