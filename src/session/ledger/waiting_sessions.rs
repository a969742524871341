//! The sessions that no connection carries, in two orders: when time brings them on, and who makes room first.

use std::collections::BTreeSet;

use super::session_record::{SessionRecord, SessionState};
use crate::ids::SessionId;
use crate::time::Timestamp;

/// Which of the sessions that are away make room first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum AwayRank {
    /// It was only claimed, and no claim of it can have been granted.
    ClaimedInVain,
    /// Nobody knows whose it is.
    Nameless,
    /// Its holder is known.
    Named,
}

impl AwayRank {
    fn of(record: &SessionRecord) -> Self {
        if record.has_identity() {
            Self::Named
        } else if record.is_claimed_in_vain() {
            Self::ClaimedInVain
        } else {
            Self::Nameless
        }
    }
}

/// Where a session stands among those that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WaitingPlace {
    /// It does not wait: a connection carries it.
    Live,
    /// It is away.
    Away {
        /// When it would lapse had zoogate never stood still.
        due: Timestamp,
        /// Who makes room before it.
        rank: AwayRank,
        /// Since when.
        since: Timestamp,
    },
    /// It is over since then.
    Ended(Timestamp),
}

impl WaitingPlace {
    pub(super) fn of(record: &SessionRecord) -> Self {
        match record.state() {
            SessionState::Live => Self::Live,
            SessionState::Pending { since } => Self::Away {
                due: record.lapses_at(since).before(record.paused_before()),
                rank: AwayRank::of(record),
                since,
            },
            SessionState::Ended { at, .. } => Self::Ended(at),
        }
    }
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct WaitingSessions {
    /// Those that are away, by the moment when they would lapse had zoogate never stood still.
    lapsing: BTreeSet<(Timestamp, SessionId)>,
    /// The same, in the order in which they make room. It is not the order in which they lapse: a stranger who asks for
    /// a long timeout would stay, and a session that is away for a moment would go.
    away: BTreeSet<(AwayRank, Timestamp, SessionId)>,
    /// Those that are over, by the moment when they ended.
    ended: BTreeSet<(Timestamp, SessionId)>,
}

impl WaitingSessions {
    pub(super) fn insert(&mut self, id: SessionId, place: WaitingPlace) {
        match place {
            WaitingPlace::Live => {}
            WaitingPlace::Away { due, rank, since } => {
                self.lapsing.insert((due, id));
                self.away.insert((rank, since, id));
            }
            WaitingPlace::Ended(at) => drop(self.ended.insert((at, id))),
        }
    }

    pub(super) fn remove(&mut self, id: SessionId, place: WaitingPlace) {
        match place {
            WaitingPlace::Live => {}
            WaitingPlace::Away { due, rank, since } => {
                self.lapsing.remove(&(due, id));
                self.away.remove(&(rank, since, id));
            }
            WaitingPlace::Ended(at) => drop(self.ended.remove(&(at, id))),
        }
    }

    /// The next one to lapse, and when it would had zoogate never stood still.
    pub(super) fn next_to_lapse(&self) -> Option<(Timestamp, SessionId)> {
        self.lapsing.first().copied()
    }

    /// The one that has been over the longest, and since when.
    pub(super) fn longest_over(&self) -> Option<(Timestamp, SessionId)> {
        self.ended.first().copied()
    }

    /// The one that makes room for another: one that is over before any that may come back.
    pub(super) fn first_to_go(&self) -> Option<SessionId> {
        let away = || self.away.first().map(|&(_, _, id)| id);
        self.longest_over().map(|(_, id)| id).or_else(away)
    }

    /// How many are away, in either order, and how many are over.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.lapsing.len(), self.away.len(), self.ended.len())
    }
}
