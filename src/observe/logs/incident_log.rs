//! Logs incidents: one line when one opens, one when its cause is held to be another, one when it is over.

use crate::diagnose::{Incident, IncidentChange};
use crate::observe::wording::incident_summary;
use crate::text::one_line;

/// Writes incidents to the log.
#[derive(Debug)]
pub(in crate::observe) struct IncidentLog {
    /// Addresses by [`ServerId`](crate::ids::ServerId).
    servers: Vec<String>,
}

impl IncidentLog {
    pub(in crate::observe) fn new(servers: Vec<String>) -> Self {
        Self { servers }
    }

    /// Writes what happened to one. They are few: a storm is one incident.
    pub(in crate::observe) fn write(&self, change: IncidentChange, incident: &Incident) {
        let (id, cause) = (incident.id, incident.cause());
        let (code, confidence, first) = (cause.code.label(), cause.confidence.label(), incident.origin().label());
        let summary = incident_summary(&self.servers, incident);
        let summary = one_line(&summary);
        match change {
            IncidentChange::Opened => {
                tracing::warn!(incident = id, cause = code, confidence, first, %summary, "incident opened");
            }
            IncidentChange::Revised => {
                tracing::info!(incident = id, cause = code, confidence, first, %summary, "incident has another cause");
            }
            IncidentChange::Closed => {
                let lasted_ms = incident.last_at.since(incident.opened_at).as_millis() as u64;
                tracing::warn!(incident = id, cause = code, confidence, first, lasted_ms, %summary, "incident closed");
            }
        }
    }
}
