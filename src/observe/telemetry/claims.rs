//! What the relay notes of claims on their way: counted, and logged where it helps.

use std::net::SocketAddr;
use std::time::Duration;

use tracing::Level;

use super::ProxyTelemetry;
use crate::ids::{ServerId, SessionId};
use crate::observe::storage::claim_counts::WaitingClaim;
use crate::route::TurnedAway;

impl ProxyTelemetry {
    /// Counts a client that waits for a server to take its claim.
    pub fn waiting_claim(&self) -> WaitingClaim<'_> {
        self.claims.add_waiting()
    }

    /// A claim waits for its server's answer for so long already.
    pub fn note_waiting(&self, server: ServerId, client: SocketAddr, session: SessionId, waited: Duration) {
        if let Some(suppressed) = self.log_throttle.pass("waiting") {
            let (server, waited_ms) = (self.server_name(server), waited.as_millis() as u64);
            let waiting = self.claims.waiting();
            let session = (!session.is_new()).then(|| tracing::field::display(session));
            tracing::warn!(%client, session, server, waited_ms, waiting, suppressed, "a claim waits for its server");
        }
    }

    /// No server was left for a client: for its claim, or for what it began with that is no session.
    pub fn note_unplaced(&self, client: SocketAddr, session: Option<SessionId>, why: TurnedAway) {
        self.events().rejected("no_server");
        if let Some(suppressed) = self.log_throttle.pass("no_server") {
            let session = session.map(tracing::field::display);
            let why = match why {
                TurnedAway::NobodyTook => "each server refused it or was not reached",
                TurnedAway::OutOfPatience => "no server answered for as long as clients wait",
            };
            tracing::warn!(%client, session, why, suppressed, "no server accepted the claim; client connection closed");
        }
    }

    /// A claim that had been left behind was carried out: the client that holds it elsewhere has to come back.
    pub fn note_late_claim(&self, server: ServerId, session: SessionId) {
        self.events().late_claim(server);
        if let Some(suppressed) = self.log_throttle.pass("late_claim") {
            let server = self.server_name(server);
            tracing::warn!(%session, server, suppressed, "a server carried out a claim late, after zoogate had gone on to another server");
        }
    }

    /// A new session was given after its client had left, and is closed.
    pub fn note_orphan(&self, server: ServerId, session: SessionId) {
        self.events().orphaned(server);
        let server = self.server_name(server);
        tracing::debug!(%session, server, "a new session was given after its client had left; zoogate closes it");
    }

    /// A claim that was left behind is not watched: too many are.
    pub fn note_unwatched(&self) {
        self.claims.add_unwatched();
    }

    /// A claim that goes out is not remembered: too many are out.
    pub fn note_unremembered(&self) {
        self.claims.add_unremembered();
    }

    /// A server is set aside for what it did to clients, or no longer is.
    pub fn note_set_aside(&self, server: ServerId, aside: bool) {
        self.claims.set_aside(server, aside);
        // Kinds of their own: that it is used again is written although it was just set aside.
        let (kind, level) = if aside { ("set_aside", Level::WARN) } else { ("no_longer_set_aside", Level::INFO) };
        let Some(suppressed) = self.log_throttle.pass_level(level, None, kind, Some(server)) else { return };
        let server = self.server_name(server);
        if aside {
            tracing::warn!(
                server,
                suppressed,
                "clients get no session or no replies at this server while other servers give them: it is tried last"
            );
        } else {
            tracing::info!(server, suppressed, "this server is no longer tried last");
        }
    }
}
