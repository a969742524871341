//! Logs incidents: one line when one opens, one when its cause is held to be another, one when it turns out to be part of
//! another, one when it is over. Of one cause and server a line of each kind every ten seconds: strangers can make
//! incidents by the thousand.

use super::log_throttle::LogThrottle;
use crate::diagnose::{Incident, IncidentChange};
use crate::observe::wording::incident_summary;
use crate::text::one_line;

/// Writes incidents to the log.
#[derive(Debug)]
pub(in crate::observe) struct IncidentLog {
    /// Addresses by [`ServerId`](crate::ids::ServerId).
    servers: Vec<String>,
    opened: LogThrottle,
    revised: LogThrottle,
    absorbed: LogThrottle,
    closed: LogThrottle,
}

impl IncidentLog {
    pub(in crate::observe) fn new(servers: Vec<String>) -> Self {
        let [opened, revised, absorbed, closed] = [(); 4].map(|()| LogThrottle::default());
        Self { servers, opened, revised, absorbed, closed }
    }

    /// Writes what happened to one; false while lines like it are suppressed.
    pub(in crate::observe) fn write(&self, change: IncidentChange, incident: &Incident) -> bool {
        let (id, cause) = (incident.id, incident.cause());
        let (code, confidence, first) = (cause.code.label(), cause.confidence.label(), incident.origin().label());
        let throttle = match change {
            IncidentChange::Opened => &self.opened,
            IncidentChange::Revised => &self.revised,
            IncidentChange::Absorbed => &self.absorbed,
            IncidentChange::Closed => &self.closed,
        };
        let passed = match incident.key.server {
            Some(server) => throttle.pass_server(code, server),
            None => throttle.pass(code),
        };
        let Some(suppressed) = passed else { return false };
        let summary = incident_summary(&self.servers, incident);
        let summary = one_line(&summary);
        match change {
            IncidentChange::Opened => {
                tracing::warn!(incident = id, cause = code, confidence, first, suppressed, %summary, "incident opened");
            }
            IncidentChange::Revised => {
                tracing::info!(incident = id, cause = code, confidence, first, suppressed, %summary, "incident has another cause");
            }
            IncidentChange::Absorbed => {
                let part_of = incident.part_of;
                tracing::info!(incident = id, part_of, cause = code, confidence, first, suppressed, %summary, "incident is part of another");
            }
            IncidentChange::Closed => {
                let lasted_ms = incident.last_at.since(incident.opened_at).as_millis() as u64;
                tracing::warn!(incident = id, cause = code, confidence, first, lasted_ms, suppressed, %summary, "incident closed");
            }
        }
        true
    }
}
