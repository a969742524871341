//! What becomes of the state's changes: counters, log lines, and meters that are let go of.

use std::sync::Arc;

use super::exposition::event_counters::EventCounters;
use super::logs::finding_log::FindingLog;
use super::logs::incident_log::IncidentLog;
use super::logs::risk_log::RiskLog;
use super::storage::meters::MeterRegistry;
use crate::diagnose::IncidentChange;
use crate::diagnose::risk::RiskOutcome;
use crate::session::transition::LedgerFinding;
use crate::state::{ChangeSink, SinkOutcome, StateChange};

/// Counts.
#[derive(Debug)]
pub(super) struct CounterSink(Arc<EventCounters>);

impl CounterSink {
    pub(super) fn new(events: Arc<EventCounters>) -> Self {
        Self(events)
    }

    fn count(&self, finding: &LedgerFinding) {
        match finding {
            LedgerFinding::Moved(one) => self.0.moved(one.from, one.to),
            LedgerFinding::SessionMoved(one) => self.0.session_moved(one.server, one.evidence, one.confidence),
            LedgerFinding::Ended(one, _) => self.0.ended(one.server, one.reason),
            LedgerFinding::SharedSession { .. } => self.0.shared(),
            LedgerFinding::MoveExplained(_) | LedgerFinding::ManyServers { .. } => {}
        }
    }
}

impl ChangeSink for CounterSink {
    fn name(&self) -> &'static str {
        "counters"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        match change {
            StateChange::SessionGiven { server, routed } => self.0.attached(server, routed),
            StateChange::ClaimRefused { server } => self.0.refused(server),
            StateChange::ConnectionEnded { server, unanswered, oversized } => {
                self.0.unanswered(server, unanswered);
                if oversized {
                    self.0.oversized(server);
                }
            }
            StateChange::ServerSeen { server, health } => self.0.probed(server, health),
            StateChange::Found(finding) => self.count(finding),
            StateChange::Incident(IncidentChange::Closed, incident) => self.0.incident(incident.cause().code),
            StateChange::Caused(code) => self.0.caused(code),
            StateChange::Risk(risk) if risk.outcome == RiskOutcome::Open => self.0.risk(risk.code),
            StateChange::Incident(..)
            | StateChange::Risk(_)
            | StateChange::Forgotten(_)
            | StateChange::EnsembleChanged { .. } => {}
        }
        SinkOutcome::Taken
    }
}

/// Writes findings to the log. Of one kind and server a line every ten seconds: the others are dropped, and the next
/// line says how many.
#[derive(Debug)]
pub(super) struct LogSink {
    findings: Arc<FindingLog>,
    incidents: IncidentLog,
    risks: RiskLog,
}

impl LogSink {
    pub(super) fn new(findings: Arc<FindingLog>, incidents: IncidentLog, risks: RiskLog) -> Self {
        Self { findings, incidents, risks }
    }
}

impl ChangeSink for LogSink {
    fn name(&self) -> &'static str {
        "log_lines"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        match change {
            StateChange::Found(finding) => self.findings.write_finding(finding),
            StateChange::EnsembleChanged { event, lasted } => self.findings.write_ensemble_change(&event, lasted),
            StateChange::Incident(change, incident) => {
                let written = self.incidents.write(change, incident);
                if written { SinkOutcome::Taken } else { SinkOutcome::Dropped }
            }
            StateChange::Risk(risk) => {
                let written = self.risks.write(risk);
                if written { SinkOutcome::Taken } else { SinkOutcome::Dropped }
            }
            _ => SinkOutcome::Taken,
        }
    }
}

/// Lets go of the meters of sessions that are no longer remembered.
#[derive(Debug)]
pub(super) struct MeterSink(Arc<MeterRegistry>);

impl MeterSink {
    pub(super) fn new(meters: Arc<MeterRegistry>) -> Self {
        Self(meters)
    }
}

impl ChangeSink for MeterSink {
    fn name(&self) -> &'static str {
        "meters"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        if let StateChange::Forgotten(session) = change {
            self.0.drop_dormant(session);
        }
        SinkOutcome::Taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use crate::ids::{ConnectionId, ServerId, SessionId};
    use crate::observe::logs::logging::tests::written;
    use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionTraffic};
    use crate::session::transition::{CloseDetails, EndedConnection};
    use crate::session::verdict::{Confidence, EndReason};
    use crate::time::Timestamp;
    use std::time::Duration;

    /// Takes everything and writes incidents only.
    fn incident_lines(addresses: u8) -> String {
        use crate::diagnose::{Diagnosis, EnsembleWatch};
        let sink = IncidentLog::new(vec!["zk1:2181".to_owned()], Arc::default());
        written(LogFormat::Text, LogLevel::Info, |_| {
            let (mut diagnosis, watch) = (Diagnosis::default(), EnsembleWatch::new(1));
            for number in 0..addresses {
                let now = Timestamp(u64::from(number) * 1_000_000);
                let ended = EndedConnection {
                    connection: ConnectionId(number.into()),
                    session: Some(SessionId(number.into())),
                    server: ServerId(0),
                    client: ([10, 0, 0, number], 4_000).into(),
                    claimed_at: Timestamp(1),
                    attached_at: Some(Timestamp(2)),
                    ended_at: now,
                    reason: EndReason::OversizedFrame,
                    confidence: Confidence::Certain,
                    facts: Vec::new().into(),
                    unanswered_count: 0,
                    traffic: ConnectionTraffic::default(),
                };
                let close = CloseDetails {
                    closer: ConnectionCloser::Server(CloseKind::Fin),
                    timeout: Duration::from_secs(6),
                    client_heard_at: now,
                    client_silence: Duration::ZERO,
                    server_silence: Duration::ZERO,
                    unanswered: Vec::new(),
                    unanswered_pings: 0,
                    throttled: 0,
                    closing: false,
                    identity: None,
                    client_sign: None,
                    lives_at: None,
                    unheard: None,
                    closed_before: None,
                };
                diagnosis.take(now, LedgerFinding::Ended(ended, Some(Box::new(close))), &watch);
                while let Some((change, incident)) = diagnosis.poll_change() {
                    sink.write(change, &incident);
                }
            }
        })
    }

    #[test]
    fn incidents_of_many_strangers_are_not_a_line_each() {
        // One that opened, and one that was closed for a further one.
        assert_eq!(incident_lines(200).lines().count(), 2);
        assert_eq!(incident_lines(1).lines().count(), 1);
    }
}
