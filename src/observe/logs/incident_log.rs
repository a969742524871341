//! Logs incidents: one line when one opens, one when its cause is held to be another, one when it turns out to be part of
//! another, one when it is over. Of one cause and server a line of each kind every ten seconds: strangers can make
//! incidents by the thousand.

use std::sync::Arc;

use tracing::Level;

use super::log_throttle::LogThrottle;
use crate::diagnose::{Incident, IncidentChange};
use crate::observe::wording::incident_summary;
use crate::text::one_line;

/// Writes incidents to the log.
#[derive(Debug)]
pub(in crate::observe) struct IncidentLog {
    /// Addresses by [`ServerId`](crate::ids::ServerId).
    servers: Vec<String>,
    log_throttle: Arc<LogThrottle>,
}

impl IncidentLog {
    pub(in crate::observe) fn new(servers: Vec<String>, log_throttle: Arc<LogThrottle>) -> Self {
        Self { servers, log_throttle }
    }

    /// Writes what happened to one; false while lines like it are suppressed.
    pub(in crate::observe) fn write(&self, change: IncidentChange, incident: &Incident) -> bool {
        let (id, cause) = (incident.id, incident.cause());
        let (code, confidence, first) = (cause.code.label(), cause.confidence.label(), incident.origin().label());
        let (what, level) = match change {
            IncidentChange::Opened => ("incident opened", Level::WARN),
            IncidentChange::Revised => ("incident has another cause", Level::INFO),
            IncidentChange::Absorbed => ("incident is part of another", Level::INFO),
            IncidentChange::Closed => ("incident closed", Level::WARN),
        };
        let Some(suppressed) = self.log_throttle.pass_level(level, Some(what), code, incident.key.server) else {
            return false;
        };
        let summary = incident_summary(&self.servers, incident);
        let summary = one_line(&summary);
        match change {
            IncidentChange::Opened => {
                tracing::warn!(incident = id, cause = code, confidence, first, suppressed, %summary, "{what}");
            }
            IncidentChange::Revised => {
                tracing::info!(incident = id, cause = code, confidence, first, suppressed, %summary, "{what}");
            }
            IncidentChange::Absorbed => {
                let part_of = incident.part_of;
                tracing::info!(incident = id, part_of, cause = code, confidence, first, suppressed, %summary, "{what}");
            }
            IncidentChange::Closed => {
                let lasted_ms = incident.last_at.since(incident.opened_at).as_millis() as u64;
                tracing::warn!(incident = id, cause = code, confidence, first, lasted_ms, suppressed, %summary, "{what}");
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use crate::diagnose::{Diagnosis, EnsembleWatch};
    use crate::ids::ServerId;
    use crate::observe::logs::finding_log::FindingLog;
    use crate::observe::logs::finding_log::tests::end;
    use crate::observe::logs::log_throttle::PAUSE;
    use crate::observe::logs::logging::tests::written;
    use crate::session::verdict::EndReason;
    use crate::time::Timestamp;

    /// An end and its incident have one word, and are about one server.
    #[test]
    fn each_kind_of_change_is_suppressed_and_counted_by_itself_beside_ends_of_the_same_word() {
        let log_throttle = Arc::<LogThrottle>::default();
        let servers = || vec!["zk1:2181".to_owned()];
        let ends = FindingLog::new(servers(), Arc::clone(&log_throttle));
        let incidents = IncidentLog::new(servers(), Arc::clone(&log_throttle));
        let finding = end(0, EndReason::ConnectionCap);
        let mut diagnosis = Diagnosis::default();
        diagnosis.take(Timestamp(6), finding.clone(), &EnsembleWatch::new(1));
        let (_, incident) = diagnosis.poll_change().unwrap();
        let mut overdue = Vec::new();
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            for _ in 0..3 {
                ends.write_finding(&finding);
                incidents.write(IncidentChange::Opened, &incident);
                incidents.write(IncidentChange::Closed, &incident);
            }
            overdue = log_throttle.overdue(Instant::now() + PAUSE);
        });
        assert_eq!(text.lines().count(), 3, "{text}");
        let counted: Vec<_> = overdue
            .into_iter()
            .map(|(kind, count)| (kind.subject.unwrap_or_default(), kind.word, kind.server, count))
            .collect();
        let (word, server) = ("connection_cap", Some(ServerId(0)));
        let expected = ["connection ended", "incident closed", "incident opened"].map(|what| (what, word, server, 2));
        assert_eq!(counted, expected);
    }
}
