//! What all threads see of the proxy's work: the ledger, the roster, the meters, the counters.
//!
//! The ledger is locked on transitions only, never per operation.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::{MeterBook, ServerCounters};
use crate::config::Settings;
use crate::ids::{ServerId, SessionId};
use crate::route::ServerRoster;
use crate::session::ledger::{LedgerLimits, SessionLedger};
use crate::session::transition::{Finding, Transition};
use crate::time::Timestamp;
use crate::wire::Fault;
use crate::wire::first_frame::Opening;

/// The shared state that the relay writes and everybody reads.
#[derive(Debug)]
pub struct Observatory {
    ledger: Mutex<SessionLedger>,
    roster: ArcSwap<ServerRoster>,
    loads: Vec<AtomicU32>,
    meters: MeterBook,
    /// By worker, then by server.
    counters: Vec<Vec<Arc<ServerCounters>>>,
    ready: AtomicBool,
}

impl Observatory {
    /// Has seen nothing yet.
    pub fn new(settings: &Settings, _now: Timestamp) -> Self {
        let limits = LedgerLimits {
            sessions: settings.ledger.sessions.get(),
            keep_ended: settings.ledger.keep_ended,
            ..LedgerLimits::default()
        };
        let per_server = || settings.servers.iter().map(|_| Arc::default()).collect();
        Self {
            ledger: Mutex::new(SessionLedger::new(limits)),
            roster: ArcSwap::from_pointee(ServerRoster::new(settings.servers.iter().map(ToString::to_string))),
            loads: settings.servers.iter().map(|_| AtomicU32::new(0)).collect(),
            meters: MeterBook::default(),
            counters: (0..settings.workers.get()).map(|_| per_server()).collect(),
            ready: AtomicBool::new(false),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, SessionLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transition; returns the servers that the ledger wants to have looked at.
    pub fn apply(&self, now: Timestamp, transition: Transition) -> Vec<ServerId> {
        if let Transition::ServerSeen { server, sighting, .. } = transition {
            self.roster.rcu(|roster| roster.seen(server, sighting, now));
        }
        let mut ledger = self.ledger();
        ledger.apply(now, transition);
        Self::drain(&mut ledger)
    }

    /// Decides what waits for its time; returns the servers that the ledger wants to have looked at.
    pub fn tick(&self, now: Timestamp) -> Vec<ServerId> {
        let mut ledger = self.ledger();
        ledger.tick(now);
        Self::drain(&mut ledger)
    }

    fn drain(ledger: &mut SessionLedger) -> Vec<ServerId> {
        while let Some(finding) = ledger.poll_finding() {
            match finding {
                Finding::Moved(moved) => tracing::info!(?moved, "session moved"),
                Finding::SessionMoved(verdict) => tracing::warn!(?verdict, "SESSION_MOVED"),
                Finding::Ended(ended) => tracing::info!(?ended, "connection ended"),
                Finding::SharedSession { session, clients, .. } => {
                    tracing::warn!(%session, ?clients, "two clients share a session");
                }
            }
        }
        std::iter::from_fn(|| ledger.poll_inquiry()).collect()
    }

    /// The servers as last seen.
    pub fn roster(&self) -> Arc<ServerRoster> {
        self.roster.load_full()
    }

    /// Open connections of a server.
    pub fn load(&self, server: ServerId) -> &AtomicU32 {
        &self.loads[server.index()]
    }

    /// The meters of all sessions.
    pub fn meters(&self) -> &MeterBook {
        &self.meters
    }

    /// What a worker counts about a server.
    pub fn counters(&self, worker: usize, server: ServerId) -> Arc<ServerCounters> {
        Arc::clone(&self.counters[worker][server.index()])
    }

    /// The server that a session is on, or was on last.
    pub fn placed_on(&self, session: SessionId) -> Option<ServerId> {
        self.ledger().placement(session).map(|placement| placement.server)
    }

    /// A conversation turned opaque.
    pub fn note_fault(&self, server: ServerId, client: SocketAddr, fault: Fault) {
        tracing::warn!(server = server.0, %client, %fault, "conversation is opaque from here on");
    }

    /// A connection that carries no session.
    pub fn note_opening(&self, server: ServerId, client: SocketAddr, opening: Opening) {
        tracing::debug!(server = server.0, %client, ?opening, "forwarded unseen");
    }

    /// A server could not be connected to.
    pub fn note_connect_failure(&self, server: ServerId, why: &'static str) {
        tracing::debug!(server = server.0, why, "connect failed");
    }

    /// A client did not send a first frame.
    pub fn note_gate(&self, why: &'static str) {
        tracing::debug!(why, "no first frame");
    }

    /// No server took a claim.
    pub fn note_unplaced(&self, client: SocketAddr, session: SessionId) {
        tracing::warn!(%client, %session, "no server took the session");
    }

    /// A client found all places taken.
    pub fn note_rejected(&self, listener: SocketAddr, open: usize) {
        tracing::warn!(%listener, open, "connection rejected: all places are taken");
    }

    /// A listener failed and goes on.
    pub fn note_listener_failure(&self, listener: SocketAddr, operation: &'static str, error: &std::io::Error) {
        tracing::warn!(%listener, operation, %error, "listener failed and is tried again");
    }

    /// Says whether traffic can be carried.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether traffic can be carried.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}
