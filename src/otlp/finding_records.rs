//! Findings, incidents, risks and changes of the ensemble as log records.
//!
//! A session's id is as good as its password at many servers, and records go to whoever reads a backend. So records name
//! a session by a number that only this run makes of its id.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};

use super::resource_identity::{number, peer, resource, scope, text};
use crate::diagnose::risk::SessionRisk;
use crate::diagnose::{EnsembleEvent, Incident, IncidentReport};
use crate::history::{HistoryChange, HistoryViews};
use crate::ids::{ServerId, SessionId};
use crate::observe::{EnsembleWording, ProxyTelemetry};
use crate::session::verdict::{EndReason, SessionMove, SessionMovedRefusal};
use crate::text::one_line;
use crate::time::Timestamp;

/// Makes records, with names and words of a telemetry.
#[derive(Clone, Debug)]
pub(super) struct FindingRecords {
    telemetry: Arc<ProxyTelemetry>,
    views: HistoryViews,
    /// The key of this run.
    key: RandomState,
}

/// What stands before each id in a sentence.
const BEFORE_ID: &str = "session 0x";

/// One record in the making.
struct RecordParts {
    event: &'static str,
    at: Timestamp,
    severity: SeverityNumber,
    body: String,
    attributes: Vec<KeyValue>,
}

impl FindingRecords {
    pub(super) fn new(telemetry: Arc<ProxyTelemetry>, views: HistoryViews) -> Self {
        Self { telemetry, views, key: RandomState::new() }
    }

    /// What a session is called outside.
    fn called(&self, session: SessionId) -> String {
        format!("{:016x}", self.key.hash_one(session.0))
    }

    fn session(&self, session: SessionId) -> KeyValue {
        text("zoogate.session.hash", self.called(session))
    }

    /// A sentence with sessions as they are called outside.
    fn without_ids(&self, sentence: &str) -> String {
        let mut parts = sentence.split(BEFORE_ID);
        let mut said = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(part.len());
            let (id, rest) = part.split_at(end);
            let called = u64::from_str_radix(id, 16).map_or_else(
                // Too long for an id, or none at all: it is not shown either.
                |_| "?".to_owned(),
                |id| self.called(SessionId(id.cast_signed())),
            );
            said.extend(["session ", &called, rest]);
        }
        said
    }

    /// All of them as one request.
    pub(super) fn request(&self, instance: &str, changes: &[HistoryChange]) -> ExportLogsServiceRequest {
        let log_records = changes.iter().map(|change| self.record(change)).collect();
        let scope_logs = ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() };
        let resource = Some(resource(instance));
        let logs = ResourceLogs { resource, scope_logs: vec![scope_logs], ..ResourceLogs::default() };
        ExportLogsServiceRequest { resource_logs: vec![logs] }
    }

    fn record(&self, change: &HistoryChange) -> LogRecord {
        let parts = self.parts(change);
        let nanos = |at| self.telemetry.wall_clock().unix_millis(at).saturating_mul(1_000_000);
        // A record says what was seen in words for people; nothing from the network reaches a backend raw.
        let body = any_value::Value::StringValue(one_line(&self.without_ids(&parts.body)).into_owned());
        let mut attributes = parts.attributes;
        for attribute in &mut attributes {
            if let Some(AnyValue { value: Some(any_value::Value::StringValue(value)) }) = &mut attribute.value {
                *value = one_line(value).into_owned();
            }
        }
        LogRecord {
            time_unix_nano: nanos(parts.at),
            observed_time_unix_nano: nanos(parts.at),
            severity_number: parts.severity.into(),
            severity_text: if parts.severity == SeverityNumber::Warn { "WARN" } else { "INFO" }.to_owned(),
            body: Some(AnyValue { value: Some(body) }),
            attributes,
            event_name: parts.event.to_owned(),
            ..LogRecord::default()
        }
    }

    fn parts(&self, change: &HistoryChange) -> RecordParts {
        match change {
            HistoryChange::Move(one) => self.session_move(one),
            HistoryChange::Refusal(one) => self.refusal(one),
            HistoryChange::Incident(one) => self.incident(one),
            HistoryChange::Ensemble(event, _) => self.ensemble(event),
            HistoryChange::Risk(one) => self.risk(one),
        }
    }

    fn name(&self, server: ServerId) -> &str {
        self.telemetry.server_name(server)
    }

    fn session_move(&self, one: &SessionMove) -> RecordParts {
        let (from, to) = (self.name(one.from), self.name(one.to));
        // The reason follows when it is decided, in a record of its own.
        let reason = one.reason.map_or("pending", EndReason::label);
        let mut attributes = vec![
            self.session(one.session),
            text("zoogate.move.from", from),
            text("zoogate.reason", reason),
            number("zoogate.move.gap_ms", one.gap.as_millis() as u64),
        ];
        attributes.extend(one.identity.map(|identity| text("zoogate.identity", identity.to_string())));
        attributes.extend(peer("server", to));
        attributes.extend(peer("client", &one.client.to_string()));
        let body = format!("session {} moved from {from} to {to}: {reason}", one.session);
        RecordParts { event: "zoogate.move", at: one.at, severity: SeverityNumber::Info, body, attributes }
    }

    fn refusal(&self, one: &SessionMovedRefusal) -> RecordParts {
        let why = self.telemetry.wording(one.server, one.at).sentence(&one.facts);
        let mut attributes = vec![
            self.session(one.session),
            text("zoogate.evidence", one.evidence.label()),
            text("zoogate.confidence", one.confidence.label()),
        ];
        attributes.extend(one.identity.map(|identity| text("zoogate.identity", identity.to_string())));
        attributes.extend(peer("server", self.name(one.server)));
        attributes.extend(peer("client", &one.client.to_string()));
        let body = format!("{} refused session {}: {why}", self.name(one.server), one.session);
        let (event, severity) = ("zoogate.session_moved", SeverityNumber::Warn);
        RecordParts { event, at: one.at, severity, body, attributes }
    }

    fn incident(&self, one: &Incident) -> RecordParts {
        let report = IncidentReport { incident: one.clone(), seen_before: None };
        let view = (self.views.incident)(&self.telemetry, &report);
        let mut attributes = vec![
            number("zoogate.incident.id", view.id),
            text("zoogate.incident.state", if view.open { "open" } else { "closed" }),
            text("zoogate.cause", view.cause.code.as_ref()),
            text("zoogate.confidence", view.cause.confidence.as_ref()),
            text("zoogate.failed_first", view.first.as_ref()),
            number("zoogate.incident.sessions", view.impact.sessions.into()),
            number("zoogate.incident.unanswered", view.impact.unanswered.into()),
        ];
        attributes.extend(view.subject.session.iter().filter_map(|id| Some(self.session(SessionId::parse(id).ok()?))));
        attributes.extend(view.subject.server.iter().flat_map(|address| peer("server", address)));
        attributes.extend(view.subject.client.iter().flat_map(|address| peer("client", address)));
        let (event, severity, body) = ("zoogate.incident", SeverityNumber::Warn, view.summary);
        RecordParts { event, at: one.last_at, severity, body, attributes }
    }

    fn ensemble(&self, event: &EnsembleEvent) -> RecordParts {
        let body = EnsembleWording::new(self.telemetry.server_names()).sentence(event);
        let mut attributes = vec![text("zoogate.change", event.change.label())];
        attributes.extend(event.server.into_iter().flat_map(|one| peer("server", self.name(one))));
        RecordParts { event: "zoogate.ensemble", at: event.at, severity: SeverityNumber::Info, body, attributes }
    }

    fn risk(&self, one: &SessionRisk) -> RecordParts {
        let view = (self.views.risk)(&self.telemetry, one);
        let mut attributes = vec![
            number("zoogate.risk.id", view.id),
            text("zoogate.risk.code", view.code.as_ref()),
            text("zoogate.risk.state", view.state.as_ref()),
            self.session(one.subject.session),
        ];
        attributes.extend(view.identity.map(|identity| text("zoogate.identity", identity)));
        attributes.extend(view.server.server.iter().flat_map(|address| peer("server", address)));
        attributes.extend(view.client.iter().flat_map(|address| peer("client", address)));
        let (event, severity) = ("zoogate.risk", SeverityNumber::Warn);
        RecordParts { event, at: one.until.unwrap_or(one.since), severity, body: view.summary, attributes }
    }
}
