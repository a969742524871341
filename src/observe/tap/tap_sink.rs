//! What becomes of the state's changes for those who look: moves, refusals, reasons, incidents, risks.

use std::sync::Arc;

use super::tap_hub::TapHub;
use super::tapped_event::{EventDetail, EventKind, EventPlace};
use crate::diagnose::Incident;
use crate::diagnose::risk::SessionRisk;
use crate::observe::{incident_summary, risk_summary};
use crate::session::transition::{CloseDetails, EndedConnection, LedgerFinding};
use crate::session::verdict::{EndReason, SessionMove, SessionMovedRefusal};
use crate::state::{ChangeSink, SinkOutcome, StateChange};
use crate::time::Timestamp;

/// Offers what changes to those who look. What they have no room for is counted with them.
#[derive(Debug)]
pub(in crate::observe) struct TapSink {
    hub: Arc<TapHub>,
    servers: Vec<String>,
}

impl TapSink {
    pub(in crate::observe) fn new(hub: Arc<TapHub>, servers: Vec<String>) -> Self {
        Self { hub, servers }
    }

    fn offer(&self, kind: EventKind, at: Timestamp, place: EventPlace, detail: &EventDetail<&[u8]>) {
        self.hub.offer(kind, at, &Arc::new(place), detail);
    }

    fn moved(&self, one: &SessionMove) {
        let place = EventPlace {
            session: Some(one.session),
            identity: one.identity.map(|identity| identity.to_string()),
            client: Some(one.client),
            servers: [Some(one.to), Some(one.from)],
            connection: None,
        };
        let reason = one.reason.map(EndReason::label);
        let gap_ms = Some(one.gap.as_millis() as u64);
        self.offer(EventKind::Move, one.at, place, &EventDetail::Verdict { reason, cause: None, text: None, gap_ms });
    }

    fn refused(&self, one: &SessionMovedRefusal) {
        let place = EventPlace {
            session: Some(one.session),
            identity: one.identity.map(|identity| identity.to_string()),
            client: Some(one.client),
            servers: [Some(one.server), None],
            connection: Some(one.connection),
        };
        let reason = Some(one.evidence.label());
        let detail = EventDetail::Verdict { reason, cause: None, text: None, gap_ms: None };
        self.offer(EventKind::Refusal, one.at, place, &detail);
    }

    /// A closed session has no details, and its holder is not named.
    fn ended(&self, one: &EndedConnection, details: Option<&CloseDetails>) {
        let place = EventPlace {
            session: one.session,
            identity: details.and_then(|details| details.identity).map(|identity| identity.to_string()),
            client: Some(one.client),
            servers: [Some(one.server), None],
            connection: Some(one.connection),
        };
        let reason = Some(one.reason.label());
        let detail = EventDetail::Verdict { reason, cause: None, text: None, gap_ms: None };
        self.offer(EventKind::Ended, one.ended_at, place, &detail);
    }

    fn incident(&self, one: &Incident) {
        let servers = [one.key.server, None];
        // One that met several holders is nobody's own.
        let identity = match one.impact.holders.as_slice() {
            [holder] => Some(holder.to_string()),
            _ => None,
        };
        let place = EventPlace { session: one.key.session, identity, servers, ..EventPlace::default() };
        let cause = Some(one.cause().code.label());
        let text = Some(incident_summary(&self.servers, one).into_boxed_str());
        let detail = EventDetail::Verdict { reason: None, cause, text, gap_ms: None };
        self.offer(EventKind::Incident, one.last_at, place, &detail);
    }

    fn risk(&self, one: &SessionRisk) {
        let subject = &one.subject;
        let place = EventPlace {
            session: Some(subject.session),
            identity: subject.identity.as_deref().map(ToString::to_string),
            client: subject.client,
            servers: [subject.server, None],
            connection: None,
        };
        let (reason, text) = (Some(one.code.label()), Some(risk_summary(&self.servers, one).into_boxed_str()));
        let detail = EventDetail::Verdict { reason, cause: None, text, gap_ms: None };
        self.offer(EventKind::Risk, one.until.unwrap_or(one.since), place, &detail);
    }
}

impl ChangeSink for TapSink {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        if self.hub.is_watched() {
            match change {
                StateChange::Found(LedgerFinding::Moved(one)) => self.moved(one),
                StateChange::Found(LedgerFinding::SessionMoved(one)) => self.refused(one),
                StateChange::Found(LedgerFinding::Ended(one, details)) => self.ended(one, details.as_deref()),
                StateChange::Incident(_, one) => self.incident(one),
                StateChange::Risk(one) => self.risk(one),
                _ => {}
            }
        }
        SinkOutcome::Taken
    }
}
