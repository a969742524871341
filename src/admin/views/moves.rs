//! `/api/moves` and `/api/session-moved`: what happened to sessions, in order of time.

use super::fact::facts;
use super::incidents::{end_cause, refusal_cause};
use super::moment::moment;
use super::named_server;
use super::request::request;
use crate::admin::query::ListFilter;
use crate::admin::session_holder::holder;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList, MoveList, MoveView, RefusalList, RefusalView};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::observe::ProxyTelemetry;
use crate::session::transition::EndedConnection;
use crate::session::verdict::{SessionMove, SessionMovedRefusal};
use crate::state::PENDING;

pub(super) fn session_move(telemetry: &ProxyTelemetry, one: &SessionMove, end: Option<&EndedConnection>) -> MoveView {
    MoveView {
        session: one.session.to_string(),
        former_session: one.former.map(|former| former.to_string()),
        identity: holder(one.identity, Some(one.client)),
        client: one.client.to_string(),
        from: telemetry.server_name(one.from).to_owned(),
        from_id: one.from.0,
        to: telemetry.server_name(one.to).to_owned(),
        to_id: one.to.0,
        at: moment(&telemetry.wall_clock(), one.at),
        gap_ms: one.gap.as_millis() as u64,
        unanswered: one.unanswered_count,
        reason: one.reason.map_or(PENDING, |reason| reason.label()).into(),
        routed: one.routed.label().into(),
        diagnosed: end_cause(telemetry, one.left),
        facts: end.map_or_else(Vec::new, |end| facts(telemetry, &end.facts, end.ended_at)),
    }
}

impl FilterSubject for SessionMove {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Session => FieldValue::Session(self.session),
            FilterField::Server => FieldValue::Servers([Some(self.from), Some(self.to)]),
            FilterField::Client => FieldValue::Socket(self.client),
            FilterField::Identity => FieldValue::made(holder(self.identity, Some(self.client))),
            FilterField::Reason => FieldValue::text(Some(self.reason.map_or(PENDING, |reason| reason.label()))),
            _ => FieldValue::Absent,
        }
    }
}

/// The newest moves that a filter lets through, oldest of them first.
pub(in crate::admin) fn moves(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let numbers = telemetry.state().move_numbers(filter.limit, |one: &SessionMove| filter.fits(one));
    let view = |telemetry: &ProxyTelemetry, (one, end): &(SessionMove, Option<EndedConnection>)| {
        row_text(&session_move(telemetry, one, end.as_ref()))
    };
    StreamedList::new(MoveList::MEMBER, numbers, |telemetry, some| telemetry.state().explained_moves(some), view)
}

pub(super) fn refusal(telemetry: &ProxyTelemetry, verdict: &SessionMovedRefusal) -> RefusalView {
    let wall_clock = telemetry.wall_clock();
    RefusalView {
        session: verdict.session.to_string(),
        identity: holder(verdict.identity, Some(verdict.client)),
        client: verdict.client.to_string(),
        connection: verdict.connection.0,
        server: named_server(telemetry, verdict.server),
        claimed_by: verdict.claimed_by.map(|server| telemetry.server_name(server).to_owned()),
        at: moment(&wall_clock, verdict.at),
        evidence: verdict.evidence.label().into(),
        confidence: verdict.confidence.label().into(),
        diagnosed: refusal_cause(telemetry, verdict),
        why: telemetry.wording(verdict.server, verdict.at).clauses(&verdict.facts),
        facts: facts(telemetry, &verdict.facts, verdict.at),
        unanswered: verdict.unanswered_count,
        requests: verdict.unanswered.iter().map(|one| request(&wall_clock, one)).collect(),
    }
}

impl FilterSubject for SessionMovedRefusal {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Session => FieldValue::Session(self.session),
            FilterField::Server => FieldValue::Servers([Some(self.server), None]),
            FilterField::Client => FieldValue::Socket(self.client),
            FilterField::Identity => FieldValue::made(holder(self.identity, Some(self.client))),
            FilterField::Connection => FieldValue::Number(self.connection.0),
            _ => FieldValue::Absent,
        }
    }
}

/// The newest verdicts that a filter lets through, oldest of them first.
pub(in crate::admin) fn session_moved(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let numbers = telemetry.state().verdict_numbers(filter.limit, |one: &SessionMovedRefusal| filter.fits(one));
    let view = |telemetry: &ProxyTelemetry, one: &SessionMovedRefusal| row_text(&refusal(telemetry, one));
    StreamedList::new(RefusalList::MEMBER, numbers, |telemetry, some| telemetry.state().verdicts(some), view)
}
