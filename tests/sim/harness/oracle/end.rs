//! One end of a connection, and what can be asked about it and its surroundings.

use std::time::Duration;

use crate::harness::played::{KnownConnection, PlayedStory};
use zoogate::ids::ServerId;
use zoogate::session::connection_end::{ConnectionCloser, ConnectionEnd};
use zoogate::session::own_pause::OwnPause;
use zoogate::sim::{Cause, TruthEntry, TruthKind};
use zoogate::time::Timestamp;

/// A connection's end as the proxy saw it, with everything that is known of the story.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) played: &'a PlayedStory,
    pub(super) told: &'a KnownConnection,
    pub(super) at: Timestamp,
    pub(super) closer: ConnectionCloser,
    pub(super) seen: &'a ConnectionEnd,
    pub(super) session: i64,
}

/// Whose deed a server's close was.
#[derive(Clone, Copy, Debug)]
pub(super) enum CloseCulprit<'a> {
    /// Nobody's but the server's own, or this connection's.
    Nobody,
    /// That of a connection past the proxy.
    Unseen,
    /// That of another connection through the proxy.
    Seen(&'a KnownConnection),
}

/// The session of a connection; 0 when it never had any.
pub(super) fn session(told: &KnownConnection) -> i64 {
    told.truths.iter().map(|truth| truth.session).find(|session| *session != 0).unwrap_or(told.claimed)
}

/// Milliseconds.
pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl<'a> End<'a> {
    /// None for a connection that has not ended, or never claimed anything.
    pub(super) fn of(played: &'a PlayedStory, told: &'a KnownConnection) -> Option<Self> {
        let (at, closer) = told.ended?;
        Some(Self { played, told, at, closer, seen: told.seen.as_ref()?, session: session(told) })
    }

    /// The server's own close.
    pub(super) fn closed(&self) -> Option<&'a TruthEntry> {
        self.told.truths.iter().find(|truth| matches!(truth.what, TruthKind::Closed(_)))
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        self.closed().and_then(|truth| if let TruthKind::Closed(cause) = truth.what { Some(cause) } else { None })
    }

    pub(super) fn culprit(&self) -> CloseCulprit<'a> {
        match self.closed().and_then(|truth| truth.by) {
            None => CloseCulprit::Nobody,
            Some(link) => {
                let found = self.played.connections.iter().find(|other| other.link == Some(link));
                found.map_or(CloseCulprit::Unseen, CloseCulprit::Seen)
            }
        }
    }

    /// Whether the ledger may still be waiting for evidence when the story is over.
    pub(super) fn is_late(&self) -> bool {
        let bound = if self.told.answered.is_some() { self.told.timeout * 3 / 2 } else { Duration::ZERO };
        let paused: Duration =
            self.played.own_pauses.iter().filter(|pause| pause.to > self.at).map(|p| p.lasted()).sum();
        self.at.after(bound + paused + ms(3500)) >= self.played.curtain
    }

    /// Whether the server owed an answer.
    pub(super) fn owed(&self) -> bool {
        self.seen.unanswered_count > 0 || self.seen.unanswered_pings > 0
    }

    /// A moment so long before the end.
    pub(super) fn before(&self, time: Duration) -> Timestamp {
        Timestamp(self.at.0.saturating_sub(time.as_nanos() as u64))
    }

    /// How long the client had been silent while the proxy listened.
    pub(super) fn silence(&self) -> Duration {
        self.at.since(self.seen.client_heard_at).saturating_sub(self.paused_since(self.seen.client_heard_at))
    }

    /// How much of the time from that moment to the end the proxy itself stood still.
    pub(super) fn paused_since(&self, from: Timestamp) -> Duration {
        let part = |pause: &OwnPause| pause.to.min(self.at).since(pause.from.max(from));
        self.played.own_pauses.iter().map(part).sum()
    }

    /// How much of the time from the end to that moment it did.
    fn paused_until(&self, to: Timestamp) -> Duration {
        let part = |pause: &OwnPause| pause.to.min(to).since(pause.from.max(self.at));
        self.played.own_pauses.iter().map(part).sum()
    }

    /// The pause of the proxy's own that was over at most a second before the end.
    pub(super) fn own_pause(&self) -> Option<OwnPause> {
        let near = |pause: &&OwnPause| pause.to <= self.at && self.at.since(pause.to) <= ms(1000);
        self.played.own_pauses.iter().rev().find(near).copied()
    }

    /// The other connections of the session through the proxy.
    pub(super) fn others(&self) -> impl Iterator<Item = &'a KnownConnection> {
        let (own, session) = (self.told.connection, self.session);
        let all = self.played.connections.iter();
        all.filter(move |other| session != 0 && other.connection != own && self::session(other) == session)
    }

    /// Whether a server ran and took part from the first moment to the last; at one moment when they are the same.
    pub(super) fn served(&self, server: ServerId, first: Timestamp, last: Timestamp) -> bool {
        let own = || self.played.shifts.iter().filter(|shift| shift.server == server);
        let before = own().rev().find(|shift| shift.at <= first).is_some_and(|shift| shift.up);
        before && !own().any(|shift| shift.at > first && shift.at <= last)
    }

    /// Whether a server did not run, or took no part, at any time from the first moment to the last.
    pub(super) fn was_down(&self, server: ServerId, first: Timestamp, last: Timestamp) -> bool {
        let own = || self.played.shifts.iter().filter(|shift| shift.server == server);
        let before = own().rev().find(|shift| shift.at <= first).is_none_or(|shift| !shift.up);
        before && !own().any(|shift| shift.at > first && shift.at <= last)
    }

    /// Whether a server began or ceased to serve in the time from `before` the end until `after` it.
    pub(super) fn wavered(&self, server: ServerId, before: Duration, after: Duration) -> bool {
        let mut own = self.played.shifts.iter().filter(|shift| shift.server == server);
        own.any(|shift| shift.at <= self.at.after(after) && shift.at.after(before) >= self.at)
    }

    /// Whether the proxy saw its server down not long before the claim, or until after the end.
    pub(super) fn seen_down(&self) -> bool {
        let (server, last) = (self.told.server, self.at.after(ms(500)));
        let mut seen = self.played.seen_down.iter();
        seen.any(|(at, down)| *down == server && at.after(ms(4900)) >= self.told.opened_at && *at <= last)
    }

    /// Whether its server's port closed in the time from the end until `after` it.
    pub(super) fn stopped(&self, after: Duration) -> bool {
        let mut own = self.played.shifts.iter().filter(|shift| shift.server == self.told.server);
        own.any(|shift| !shift.open && shift.at >= self.at && shift.at <= self.at.after(after))
    }

    /// Whether its server began to serve in the time from `before` the end until `after` it.
    pub(super) fn came_back(&self, before: Duration, after: Duration) -> bool {
        let mut own = self.played.shifts.iter().filter(|shift| shift.server == self.told.server);
        own.any(|shift| shift.up && shift.at <= self.at.after(after) && shift.at.after(before) >= self.at)
    }

    /// Whether any server began or ceased to serve in that time.
    pub(super) fn any_wavered(&self, before: Duration, after: Duration) -> bool {
        let mut all = self.played.shifts.iter();
        all.any(|shift| shift.at <= self.at.after(after) && shift.at.after(before) >= self.at)
    }

    /// Whether the proxy saw the session carried by a younger connection at another server at that moment.
    pub(super) fn carried_elsewhere(&self, moment: Timestamp) -> bool {
        self.others().any(|other| {
            let given = other.truths.iter().any(|truth| truth.what == TruthKind::Granted);
            given
                && other.answered > self.told.answered
                && other.answered.is_some_and(|at| at <= moment)
                && other.ended.is_none_or(|(at, _)| at > moment)
        })
    }

    /// The answer to the first claim through the proxy that was answered within this time after the end: whether it
    /// was accepted.
    pub(super) fn returned(&self, within: Duration) -> Option<bool> {
        let answers = self.others().filter_map(|other| {
            let (decided_at, accepted) = other.truths.iter().find_map(|truth| match truth.what {
                TruthKind::Granted => Some((truth.at, true)),
                TruthKind::Closed(Cause::SessionGone) => Some((truth.at, false)),
                _ => None,
            })?;
            // What a server tells late of an older claim may have been decided before the end.
            let late = other.answered_late.filter(|_| !accepted || other.opened_at > self.at);
            let in_time = |at: Timestamp| at > self.at && at <= self.at.after(within + self.paused_until(at));
            other.answered.or(late).is_some_and(in_time).then_some((decided_at, accepted))
        });
        answers.min_by_key(|(at, _)| *at).map(|(_, accepted)| accepted)
    }

    /// Whether the proxy saw a claim of the session refused while this connection stood: it was over by then.
    pub(super) fn refused_before(&self) -> bool {
        self.others().any(|other| {
            let gone = other.truths.iter().any(|truth| truth.what == TruthKind::Closed(Cause::SessionGone));
            gone && other.answered.is_some_and(|at| Some(at) > self.told.answered && at <= self.at)
        })
    }
}
