//! What a search for a server looks at when it decides, and what that shows of the servers.

use std::time::Duration;

use super::policy::ServerCandidate;
use super::server_snapshot::ServerSnapshot;
use crate::ids::ServerId;
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::time::Timestamp;

/// How long another server must have been seen to work while the asked one gave no sign: when a leader thaws, all
/// answer within some milliseconds of each other.
pub const EVIDENCE_SETTLES: Duration = Duration::from_millis(500);

/// What a decision looks at.
#[derive(Clone, Copy)]
pub(super) struct SearchView<'a> {
    /// The order in which servers are tried now.
    pub(super) order: &'a [ServerCandidate],
    /// What is known of each server, by [`ServerId`].
    pub(super) seen: &'a [ServerSnapshot],
    /// The moment of the decision.
    pub(super) now: Timestamp,
    /// The time since a moment, without the proxy's own pauses.
    pub(super) elapsed: &'a dyn Fn(Timestamp) -> Duration,
}

impl<'a> SearchView<'a> {
    /// What is known of a server.
    pub(super) fn snapshot(&self, server: ServerId) -> &'a ServerSnapshot {
        self.seen.get(server.index()).unwrap_or(&ServerSnapshot::UNSEEN)
    }

    /// What is known of all servers but this one.
    pub(super) fn others(&self, server: ServerId) -> impl Iterator<Item = &'a ServerSnapshot> {
        self.seen.iter().enumerate().filter(move |(place, _)| *place != server.index()).map(|(_, snapshot)| snapshot)
    }

    /// Whether it answers no probe and does not lead. What leads and is silent is waited for: no other server could
    /// answer either, until another leads.
    pub(super) fn is_silent_follower(&self, server: ServerId) -> bool {
        let snapshot = self.snapshot(server);
        let replaced = self.others(server).any(|other| {
            let leads = other.role == ServerRole::Leader && other.health == ServerHealth::Serving;
            leads && other.answered_at > snapshot.answered_at
        });
        let leads = matches!(snapshot.role, ServerRole::Leader | ServerRole::Standalone);
        snapshot.answers_probes() && snapshot.is_unresponsive(self.elapsed) && (!leads || replaced)
    }

    /// Whether the server that led last answers no probe: then no client can be given anything.
    pub(super) fn leader_is_silent(&self) -> bool {
        // One that says that it does not serve, or is not there, leads no longer, whatever it reported before. Of one
        // that is not reached nothing is known: where the path from here is cut, all others still have it.
        let down =
            [ServerHealth::NotServing, ServerHealth::Refusing, ServerHealth::HangingUp, ServerHealth::Unreachable];
        let leaders =
            self.seen.iter().filter(|snapshot| snapshot.role == ServerRole::Leader && !down.contains(&snapshot.health));
        let Some(leader) = leaders.max_by_key(|snapshot| snapshot.answered_at) else { return false };
        // What others do without it they cannot do when it stands still.
        let stood_still = leader.unanswered_since.map(|since| since.after(EVIDENCE_SETTLES));
        let works = |other: &ServerSnapshot| other.worked_at() > stood_still;
        leader.is_unresponsive(self.elapsed) && !self.seen.iter().any(works)
    }
}
