//! Tells findings: each becomes one wide log event and its counters.
//!
//! Texts that come from clients (paths, identities) are written so that they cannot forge a line.

use super::events::Events;
use super::meter::MeterReading;
use crate::ids::ServerId;
use crate::session::ending::Unanswered;
use crate::session::identity::Identity;
use crate::session::transition::{EndedConnection, Finding};
use crate::session::verdict::{MoveVerdict, SessionMove};

/// Where findings are told.
#[derive(Debug)]
pub(super) struct Journal {
    /// Addresses by [`ServerId`].
    servers: Vec<String>,
}

impl Journal {
    pub(super) fn new(servers: Vec<String>) -> Self {
        Self { servers }
    }

    /// The address of a server as configured.
    pub(super) fn name(&self, server: ServerId) -> &str {
        self.servers.get(server.index()).map_or("unknown", String::as_str)
    }

    /// Tells one finding. `reading` is what an ended connection's meter showed, when that is known.
    pub(super) fn tell(&self, finding: &Finding, reading: Option<&MeterReading>, events: &Events) {
        match finding {
            Finding::Moved(one) => {
                events.moved(one.from, one.to);
                self.tell_move(one);
            }
            Finding::SessionMoved(verdict) => {
                events.session_moved(verdict.server, verdict.evidence, verdict.confidence);
                self.tell_verdict(verdict);
            }
            Finding::Ended(ended) => {
                events.ended(ended.server, ended.reason);
                self.tell_end(ended, &reading.copied().unwrap_or_default());
            }
            Finding::SharedSession { session, clients: [first, second], .. } => {
                events.shared();
                tracing::warn!(%session, %first, %second, "two clients use one session in turn");
            }
        }
    }

    fn tell_move(&self, one: &SessionMove) {
        tracing::info!(
            session = %one.session,
            identity = named(one.identity),
            client = %one.client,
            from = self.name(one.from),
            to = self.name(one.to),
            gap_ms = one.gap.as_millis() as u64,
            unanswered = one.unanswered_count,
            reason = one.reason.map_or("pending", |reason| reason.label()),
            routed = one.routed.label(),
            "session moved to another server"
        );
    }

    fn tell_verdict(&self, verdict: &MoveVerdict) {
        tracing::warn!(
            session = %verdict.session,
            identity = named(verdict.identity),
            client = %verdict.client,
            connection = verdict.connection.0,
            server = self.name(verdict.server),
            claimed_by = verdict.claimed_by.map(|server| self.name(server)),
            evidence = verdict.evidence.label(),
            confidence = verdict.confidence.label(),
            why = printable(&verdict.why.join("; ")),
            unanswered = verdict.unanswered_count,
            refused = verdict.unanswered.first().map(request),
            "SESSION_MOVED"
        );
    }

    fn tell_end(&self, ended: &EndedConnection, reading: &MeterReading) {
        tracing::info!(
            connection = ended.connection.0,
            session = ended.session.map(tracing::field::display),
            client = %ended.client,
            server = self.name(ended.server),
            reason = ended.reason.label(),
            why = printable(&ended.why),
            attached = ended.attached_at.is_some(),
            lasted_ms = ended.ended_at.since(ended.claimed_at).as_millis() as u64,
            operations = reading.operations,
            errors = reading.errors,
            client_bytes = reading.client_bytes,
            server_bytes = reading.server_bytes,
            unanswered = ended.unanswered_count,
            "connection ended"
        );
    }
}

fn named(identity: Option<Identity>) -> Option<String> {
    identity.map(|identity| printable(&identity.to_string()))
}

fn request(one: &Unanswered) -> String {
    printable(&format!("{} {} (xid {})", one.op, one.path, one.xid.0))
}

/// A text whose control characters are written as escapes.
fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { safe.extend(letter.escape_default()) } else { safe.push(letter) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_forge_a_line() {
        assert_eq!(printable("/a\nERROR all is lost\u{7f}/é"), "/a\\nERROR all is lost\\u{7f}/é");
    }
}
