//! `/api/connections`: every connection that claimed a session, open or ended, and every claim that waits while no
//! server has been asked for it.

use super::fact::facts;
use super::moment::moment;
use super::named_server;
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList, ApiWord, ConnectionList, ConnectionView};
use crate::observe::{ConnectionRow, ConnectionSummary, MeterReading, Observatory};
use crate::session::transition::EndedConnection;
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;

fn listener(routed: RouteReason) -> &'static str {
    if routed == RouteReason::Mirror { "mirror" } else { "pooled" }
}

/// What a connection has in some phases only.
struct PhaseFields<'a> {
    routed: Option<RouteReason>,
    decided: Option<&'a EndedConnection>,
    unanswered: u32,
    reading: Option<MeterReading>,
    attached_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl<'a> PhaseFields<'a> {
    /// Only at a pooled address a claim waits for which no server has been asked.
    fn listener(&self, row: &ConnectionRow) -> Option<&'static str> {
        if matches!(row, ConnectionRow::Seeking(_)) { Some("pooled") } else { self.routed.map(listener) }
    }

    fn of(observatory: &Observatory, row: &'a ConnectionRow) -> Self {
        match row {
            ConnectionRow::Seeking(_) => {
                Self { routed: None, decided: None, unanswered: 0, reading: None, attached_at: None, ended_at: None }
            }
            ConnectionRow::Open { connection, open } => Self {
                routed: Some(open.claim.routed),
                decided: None,
                unanswered: 0,
                reading: Some(observatory.meters().connection(open.session, *connection).unwrap_or_default()),
                attached_at: open.claim.attached_at(),
                ended_at: None,
            },
            ConnectionRow::Undecided { undecided, .. } => Self {
                routed: Some(undecided.open.claim.routed),
                decided: None,
                unanswered: undecided.unanswered,
                reading: Some(MeterReading { in_flight: 0, ..undecided.reading }),
                attached_at: undecided.open.claim.attached_at(),
                ended_at: Some(undecided.ended_at),
            },
            ConnectionRow::Ended { ended, routed } => Self {
                routed: *routed,
                decided: Some(ended),
                unanswered: ended.unanswered_count,
                reading: None,
                attached_at: ended.attached_at,
                ended_at: Some(ended.ended_at),
            },
        }
    }
}

fn connection(observatory: &Observatory, row: &ConnectionRow) -> ConnectionView {
    let wall_clock = observatory.wall_clock();
    let (known, phase) = (row.facts(), PhaseFields::of(observatory, row));
    ConnectionView {
        connection: known.connection.0,
        client: known.client.to_string(),
        listener: phase.listener(row).map(ApiWord::from),
        routed: phase.routed.map(|routed| routed.label().into()),
        server: named_server(observatory, known.server),
        session: known.session.map(|session| session.to_string()),
        state: known.state.into(),
        reason: known.reason.map(ApiWord::from),
        why: phase.decided.map(|one| observatory.wording(one.server, one.ended_at).sentence(&one.facts)),
        confidence: phase.decided.map(|one| one.confidence.label().into()),
        facts: phase.decided.map_or_else(Vec::new, |one| facts(observatory, &one.facts, one.ended_at)),
        unanswered: phase.unanswered,
        in_flight: phase.reading.map_or(0, |reading| reading.in_flight),
        operations: phase.reading.map(|reading| reading.operations),
        client_bytes: phase.reading.map(|reading| reading.client_bytes),
        server_bytes: phase.reading.map(|reading| reading.server_bytes),
        claimed_at: moment(&wall_clock, known.claimed_at),
        attached_at: moment(&wall_clock, phase.attached_at),
        ended_at: moment(&wall_clock, phase.ended_at),
    }
}

/// What connections can be narrowed down by.
pub(in crate::admin) const CONNECTION_FILTERS: &[&str] = &["server", "client", "session", "state", "reason"];

/// The connections that a filter lets through, newest first.
pub(in crate::admin) fn connections(observatory: &Observatory, filter: &ListFilter) -> StreamedList {
    let fits = |one: &ConnectionSummary| {
        filter.server_fits(&[one.server])
            && filter.client_fits(Some(one.client))
            && filter.state_fits(one.state)
            && filter.reason_fits(one.reason)
            && filter.session.is_none_or(|wanted| one.session == Some(wanted))
    };
    let keys = observatory.connection_keys(filter.limit, fits);
    let view = |observatory: &Observatory, row: &ConnectionRow| row_text(&connection(observatory, row));
    StreamedList::new(ConnectionList::MEMBER, keys, Observatory::connections, view)
}
