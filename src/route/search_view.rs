//! What a search for a server looks at when it decides, and what that shows of the servers.

use std::time::Duration;

use super::policy::Candidate;
use super::search::EVIDENCE_SETTLES;
use super::sight::ServerSight;
use crate::ids::ServerId;
use crate::session::sighting::{Health, Role};
use crate::time::Timestamp;

/// What a decision looks at.
#[derive(Clone, Copy)]
pub(super) struct SearchView<'a> {
    /// The order in which servers are tried now.
    pub(super) order: &'a [Candidate],
    /// What is known of each server, by [`ServerId`].
    pub(super) seen: &'a [ServerSight],
    /// The time since a moment, without the proxy's own pauses.
    pub(super) elapsed: &'a dyn Fn(Timestamp) -> Duration,
}

impl<'a> SearchView<'a> {
    /// What is known of a server.
    pub(super) fn sight(&self, server: ServerId) -> &'a ServerSight {
        self.seen.get(server.index()).unwrap_or(&ServerSight::UNSEEN)
    }

    /// What is known of all servers but this one.
    pub(super) fn others(&self, server: ServerId) -> impl Iterator<Item = &'a ServerSight> {
        self.seen.iter().enumerate().filter(move |(place, _)| *place != server.index()).map(|(_, sight)| sight)
    }

    /// Whether it answers no look and does not lead. What leads and is silent is waited for: nobody else could
    /// answer either, until another leads.
    pub(super) fn is_silent_follower(&self, server: ServerId) -> bool {
        let sight = self.sight(server);
        let replaced = self.others(server).any(|other| {
            let leads = other.role == Role::Leader && other.health == Health::Serving;
            leads && other.answered_at > sight.answered_at
        });
        let leads = matches!(sight.role, Role::Leader | Role::Standalone);
        sight.answers_looks() && sight.is_unresponsive(self.elapsed) && (!leads || replaced)
    }

    /// Whether the server that led last answers no look: then nobody can be given anything.
    pub(super) fn leader_is_silent(&self) -> bool {
        // One that says that it does not serve, or is not there, leads no longer, whatever it told before. Of one that is
        // not reached nobody knows: where the path from here is cut, all others still have it.
        let down = [Health::NotServing, Health::Refusing, Health::Closing, Health::Unreachable];
        let leaders = self.seen.iter().filter(|sight| sight.role == Role::Leader && !down.contains(&sight.health));
        let Some(leader) = leaders.max_by_key(|sight| sight.answered_at) else { return false };
        // What others do without it they cannot do when it stands still.
        let stood_still = leader.unanswered_since.after(EVIDENCE_SETTLES);
        let works = |other: &ServerSight| other.worked_at() > stood_still;
        leader.is_unresponsive(self.elapsed) && !self.seen.iter().any(works)
    }
}
