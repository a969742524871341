//! `/api/connections`: every connection that claimed a session, open or ended, and every claim that waits while no
//! server has been asked for it.

use super::fact::facts;
use super::incidents::end_cause;
use super::moment::moment;
use super::named_server;
use crate::admin::query::ListFilter;
use crate::admin::session_holder::holder;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList, ApiWord, ConnectionList, ConnectionView, EndCauseView};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::observe::ProxyTelemetry;
use crate::session::connection_end::ConnectionTraffic;
use crate::session::transition::EndedConnection;
use crate::session::verdict::RouteReason;
use crate::state::{ConnectionRow, ConnectionSummary};
use crate::time::Timestamp;

fn listener(routed: RouteReason) -> &'static str {
    if routed == RouteReason::Mirror { "mirror" } else { "pooled" }
}

/// What a connection has in some phases only.
#[derive(Default)]
struct PhaseFields<'a> {
    routed: Option<RouteReason>,
    decided: Option<&'a EndedConnection>,
    unanswered: u32,
    in_flight: u32,
    /// None while no server has been asked.
    traffic: Option<ConnectionTraffic>,
    attached_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl<'a> PhaseFields<'a> {
    /// Only at a pooled address a claim waits for which no server has been asked.
    fn listener(&self, row: &ConnectionRow) -> Option<&'static str> {
        if matches!(row, ConnectionRow::Seeking(_)) { Some("pooled") } else { self.routed.map(listener) }
    }

    fn of(telemetry: &ProxyTelemetry, row: &'a ConnectionRow) -> Self {
        match row {
            ConnectionRow::Seeking(_) => Self::default(),
            ConnectionRow::Open { connection, open } => {
                let reading = telemetry.meters().connection(open.session, *connection).unwrap_or_default();
                Self {
                    routed: Some(open.claim.routed),
                    in_flight: reading.in_flight,
                    traffic: Some(reading.traffic()),
                    attached_at: open.claim.attached_at(),
                    ..Self::default()
                }
            }
            ConnectionRow::Undecided(one) => Self {
                routed: Some(one.claim.routed),
                unanswered: one.unanswered,
                traffic: Some(one.traffic),
                attached_at: one.claim.attached_at(),
                ended_at: Some(one.ended_at),
                ..Self::default()
            },
            ConnectionRow::Ended { ended, routed } => Self {
                routed: *routed,
                decided: Some(ended),
                unanswered: ended.unanswered_count,
                in_flight: 0,
                traffic: Some(ended.traffic),
                attached_at: ended.attached_at,
                ended_at: Some(ended.ended_at),
            },
        }
    }
}

fn connection(telemetry: &ProxyTelemetry, row: &ConnectionRow) -> ConnectionView {
    let wall_clock = telemetry.wall_clock();
    let (known, phase) = (row.facts(), PhaseFields::of(telemetry, row));
    let ended = matches!(row, ConnectionRow::Ended { .. } | ConnectionRow::Undecided(_));
    let diagnosed = if ended { end_cause(telemetry, known.connection) } else { EndCauseView::default() };
    ConnectionView {
        connection: known.connection.0,
        client: known.client.to_string(),
        listener: phase.listener(row).map(ApiWord::from),
        routed: phase.routed.map(|routed| routed.label().into()),
        server: named_server(telemetry, known.server),
        session: known.session.map(|session| session.to_string()),
        state: known.state.into(),
        reason: known.reason.map(ApiWord::from),
        why: phase.decided.map(|one| telemetry.wording(one.server, one.ended_at).sentence(&one.facts)),
        confidence: phase.decided.map(|one| one.confidence.label().into()),
        diagnosed,
        facts: phase.decided.map_or_else(Vec::new, |one| facts(telemetry, &one.facts, one.ended_at)),
        unanswered: phase.unanswered,
        in_flight: phase.in_flight,
        operations: phase.traffic.map(|traffic| traffic.operations),
        client_bytes: phase.traffic.map(|traffic| traffic.client_bytes),
        server_bytes: phase.traffic.map(|traffic| traffic.server_bytes),
        claimed_at: moment(&wall_clock, known.claimed_at),
        attached_at: moment(&wall_clock, phase.attached_at),
        ended_at: moment(&wall_clock, phase.ended_at),
    }
}

impl FilterSubject for ConnectionSummary {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Session => FieldValue::session(self.session),
            FilterField::Server => FieldValue::Servers([self.server, None]),
            FilterField::Client => FieldValue::Socket(self.client),
            FilterField::Identity => FieldValue::made(holder(self.identity, Some(self.client))),
            FilterField::State => FieldValue::text(Some(self.state)),
            FilterField::Reason => FieldValue::text(self.reason),
            FilterField::Connection => FieldValue::Number(self.connection.0),
            _ => FieldValue::Absent,
        }
    }
}

/// The connections that a filter lets through, newest first.
pub(in crate::admin) fn connections(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let keys = telemetry.state().connection_keys(filter.limit, |one: &ConnectionSummary| filter.fits(one));
    let view = |telemetry: &ProxyTelemetry, row: &ConnectionRow| row_text(&connection(telemetry, row));
    StreamedList::new(ConnectionList::MEMBER, keys, |telemetry, some| telemetry.state().connections(some), view)
}
