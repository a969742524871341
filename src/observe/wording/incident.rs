//! An incident in one sentence.

use super::phrases::ms;
use crate::diagnose::{CauseScope, Impact, Incident};

/// What an incident is about and what it cost. `servers` are the addresses by [`ServerId`](crate::ids::ServerId).
pub fn incident_summary(servers: &[String], incident: &Incident) -> String {
    let code = incident.cause().code;
    let about = match code.scope() {
        CauseScope::Ensemble | CauseScope::Zoogate => None,
        CauseScope::Server => incident.key.server.and_then(|server| servers.get(server.index())).cloned(),
        CauseScope::Client => incident.key.client.map(|client| format!("client {client}")),
        CauseScope::Session => incident
            .key
            .session
            .map(|session| format!("session {session}"))
            .or_else(|| incident.key.client.map(|client| format!("client {client}")))
            .or_else(|| incident.key.server.and_then(|server| servers.get(server.index())).cloned()),
    };
    let about = about.map_or_else(String::new, |about| format!("{about}: "));
    let cited = match incident.diagnosed.facts.len() {
        0 => String::new(),
        1 => " [1]".to_owned(),
        facts => format!(" [1-{}]", facts.min(9)),
    };
    let again = if incident.times > 1 { format!("; {} times", incident.times) } else { String::new() };
    format!("{about}{}{cited}; {}{again}", code.meaning(), cost(&incident.impact))
}

/// What was lost, in numbers.
fn cost(impact: &Impact) -> String {
    let mut parts = Vec::new();
    // A refusal in words ends none.
    if impact.connections > 0 || impact.refused == 0 {
        let (connections, sessions) = (count(impact.connections, "connection"), count(impact.sessions, "session"));
        parts.push(format!("{connections} of {sessions} ended"));
    }
    let counts = [
        (impact.back, "back"),
        (impact.moved, "moved to another server"),
        (impact.expired, "expired"),
        (impact.refused, "refused by SESSION_MOVED"),
    ];
    parts.extend(counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    if impact.unanswered > 0 {
        let ephemeral = impact.operations.iter().filter(|operation| operation.ephemeral).count();
        let made = if ephemeral > 0 { format!(", {ephemeral} of them ephemeral creates") } else { String::new() };
        parts.push(format!("{} without a reply{made}", count(impact.unanswered, "request")));
    }
    if !impact.longest_gap.is_zero() {
        parts.push(format!("longest without a connection {}", ms(impact.longest_gap)));
    }
    if impact.ephemerals_at_risk > 0 {
        parts.push(format!("{} with ephemeral nodes still away", count(impact.ephemerals_at_risk, "session")));
    }
    parts.join(", ")
}

/// A number of things.
fn count(number: u32, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}
