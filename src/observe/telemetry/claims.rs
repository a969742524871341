//! What is noted of claims on their way: who waits, what was left behind, which servers are set aside.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::ProxyTelemetry;
use crate::ids::{ServerId, SessionId};
use crate::route::TurnedAway;

/// Numbers about claims that every worker changes and the page of metrics shows.
#[derive(Debug)]
pub(in crate::observe) struct ClaimState {
    waiting: AtomicU32,
    unwatched: AtomicU64,
    set_aside: Vec<AtomicBool>,
}

impl ClaimState {
    /// No claim waits, and no server is set aside.
    pub(in crate::observe) fn new(servers: usize) -> Self {
        let set_aside = (0..servers).map(|_| AtomicBool::new(false)).collect();
        Self { waiting: AtomicU32::new(0), unwatched: AtomicU64::new(0), set_aside }
    }

    /// Clients that wait for a server to take their claim.
    pub(in crate::observe) fn waiting(&self) -> u32 {
        self.waiting.load(Relaxed)
    }

    /// Claims left behind whose connection found no place among those that are watched.
    pub(in crate::observe) fn unwatched(&self) -> u64 {
        self.unwatched.load(Relaxed)
    }

    /// Whether what a server did to clients speaks against it.
    pub(in crate::observe) fn is_set_aside(&self, server: ServerId) -> bool {
        self.set_aside.get(server.index()).is_some_and(|aside| aside.load(Relaxed))
    }
}

/// A client that waits for a server, for as long as this lives.
#[derive(Debug)]
pub struct WaitingClaim<'a>(&'a AtomicU32);

impl Drop for WaitingClaim<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl ProxyTelemetry {
    /// Counts a client that waits for a server to take its claim.
    pub fn waiting_claim(&self) -> WaitingClaim<'_> {
        let waiting = &self.claims().waiting;
        waiting.fetch_add(1, Relaxed);
        WaitingClaim(waiting)
    }

    /// A claim waits for its server's answer for so long already.
    pub fn note_waiting(&self, server: ServerId, client: SocketAddr, session: SessionId, waited: Duration) {
        if let Some(suppressed) = self.log_throttle.pass("waiting") {
            let (server, waited_ms) = (self.server_name(server), waited.as_millis() as u64);
            let waiting = self.claims().waiting();
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
        self.claims().unwatched.fetch_add(1, Relaxed);
    }

    /// A server is set aside for what it did to clients, or no longer is.
    pub fn note_set_aside(&self, server: ServerId, aside: bool) {
        if let Some(entry) = self.claims().set_aside.get(server.index()) {
            entry.store(aside, Relaxed);
        }
        let server = self.server_name(server);
        if aside {
            tracing::warn!(
                server,
                "clients get no session or no replies at this server while other servers give them: it is tried last"
            );
        } else {
            tracing::info!(server, "this server is no longer tried last");
        }
    }
}
