//! Puts changes into rows: words, names and calendar times, away from the thread of the traffic.

use std::sync::Arc;

use super::history_change::HistoryChange;
use super::history_row::{EnsembleRow, HistoryRow, IncidentRow, MoveRow, RefusalRow, RiskRow, RowBody};
use crate::api::{IncidentView, RiskView};
use crate::diagnose::risk::SessionRisk;
use crate::diagnose::{EnsembleEvent, Incident, IncidentReport};
use crate::ids::ServerId;
use crate::observe::{EnsembleWording, ProxyTelemetry};
use crate::session::verdict::{EndReason, SessionMove, SessionMovedRefusal};
use crate::time::Timestamp;

/// How things are shown by the API, which the history keeps as it is.
#[derive(Clone, Copy, Debug)]
pub struct HistoryViews {
    /// An incident.
    pub incident: fn(&ProxyTelemetry, &IncidentReport) -> IncidentView,
    /// A risk.
    pub risk: fn(&ProxyTelemetry, &SessionRisk) -> RiskView,
}

/// Makes rows.
#[derive(Clone, Debug)]
pub(super) struct RowMaker {
    telemetry: Arc<ProxyTelemetry>,
    views: HistoryViews,
}

impl RowMaker {
    pub(super) fn new(telemetry: Arc<ProxyTelemetry>, views: HistoryViews) -> Self {
        Self { telemetry, views }
    }

    pub(super) fn telemetry(&self) -> &ProxyTelemetry {
        &self.telemetry
    }

    fn millis(&self, at: Timestamp) -> u64 {
        self.telemetry.wall_clock().unix_millis(at)
    }

    fn name(&self, server: ServerId) -> String {
        self.telemetry.server_name(server).to_owned()
    }

    /// The row of a change.
    pub(super) fn row(&self, change: &HistoryChange) -> HistoryRow {
        match change {
            HistoryChange::Move(one) => HistoryRow { at_ms: self.millis(one.at), body: self.session_move(one) },
            HistoryChange::Refusal(one) => HistoryRow { at_ms: self.millis(one.at), body: self.refusal(one) },
            HistoryChange::Incident(one) => self.incident(one),
            HistoryChange::Ensemble(event, lasted) => {
                let lasted_ms = lasted.map(|lasted| lasted.as_millis() as u64);
                HistoryRow { at_ms: self.millis(event.at), body: self.ensemble(event, lasted_ms) }
            }
            HistoryChange::Risk(one) => HistoryRow { at_ms: self.millis(one.since), body: self.risk(one) },
        }
    }

    fn session_move(&self, one: &SessionMove) -> RowBody {
        RowBody::Move(Box::new(MoveRow {
            connection: one.left,
            session: one.session,
            former_session: one.former,
            identity: one.identity.map(|identity| identity.to_string()),
            client: one.client.to_string(),
            from_server: self.name(one.from),
            server: self.name(one.to),
            gap_ms: one.gap.as_millis() as u64,
            unanswered: one.unanswered_count,
            routed: one.routed.label(),
            reason: one.reason.map(EndReason::label),
        }))
    }

    fn refusal(&self, one: &SessionMovedRefusal) -> RowBody {
        RowBody::Refusal(Box::new(RefusalRow {
            connection: one.connection,
            session: one.session,
            identity: one.identity.map(|identity| identity.to_string()),
            client: one.client.to_string(),
            server: self.name(one.server),
            claimed_by: one.claimed_by.map(|server| self.name(server)),
            evidence: one.evidence.label(),
            confidence: one.confidence.label(),
            why: self.telemetry.wording(one.server, one.at).sentence(&one.facts),
            unanswered: one.unanswered_count,
        }))
    }

    /// The row of an incident as it is now.
    pub(super) fn incident(&self, one: &Incident) -> HistoryRow {
        let at_ms = self.millis(one.opened_at);
        // It is part of another one, which has what it cost.
        if one.part_of.is_some() {
            return HistoryRow { at_ms, body: RowBody::Absorbed(one.id) };
        }
        let report = IncidentReport { incident: one.clone(), seen_before: None };
        let view = (self.views.incident)(&self.telemetry, &report);
        let impact = &view.impact;
        let counts =
            [impact.connections, impact.sessions, impact.moved, impact.expired, impact.refused, impact.unanswered];
        let row = IncidentRow {
            incident: one.id,
            until_ms: view.until.until_ms,
            last_ms: self.millis(one.last_at),
            times: one.times,
            since_ms: view.cause.since.since_ms,
            holders: impact.holders.clone(),
            counts,
            gap_ms: impact.gap_ms,
            evidence: json(&view.evidence),
            impact: json(impact),
            revisions: json(&view.revisions),
            cause: view.cause.code.into_owned(),
            confidence: view.cause.confidence.into_owned(),
            first: view.first.into_owned(),
            server: view.subject.server,
            client: view.subject.client,
            session: view.subject.session,
            summary: view.summary,
        };
        HistoryRow { at_ms, body: RowBody::Incident(Box::new(row)) }
    }

    fn risk(&self, one: &SessionRisk) -> RowBody {
        let view = (self.views.risk)(&self.telemetry, one);
        RowBody::Risk(Box::new(RiskRow {
            risk: view.id,
            until_ms: view.until.until_ms,
            code: one.code.label(),
            // A holder by name only: an address says nothing after a restart, and stands beside it.
            identity: one.subject.identity.as_deref().map(ToString::to_string),
            facts: json(&view),
            state: view.state.into_owned(),
            session: view.session,
            client: view.client,
            server: view.server.server,
            text: view.summary,
        }))
    }

    fn ensemble(&self, event: &EnsembleEvent, lasted_ms: Option<u64>) -> RowBody {
        let wording = EnsembleWording::new(self.telemetry.server_names());
        RowBody::Ensemble(Box::new(EnsembleRow {
            server: event.server.map(|server| self.name(server)),
            change: event.change.label(),
            lasted_ms,
            text: wording.sentence(event),
        }))
    }
}

fn json(value: &impl serde::Serialize) -> String {
    // Views are plain structures with text for keys, which JSON has a form for.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
