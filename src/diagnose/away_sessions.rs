//! Sessions whose connection an incident has taken, and which are not back.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::ids::SessionId;
use crate::time::Timestamp;

/// Sessions away whose return is credited to an incident.
pub const AWAY_SESSIONS: usize = 65_536;

/// A session that is away.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakenSession {
    /// The incident that took its connection.
    pub(super) incident: u64,
    /// When its connection ended.
    pub(super) since: Timestamp,
    /// Whether its ephemeral nodes are at risk.
    pub(super) has_ephemerals: bool,
}

/// The sessions that are away.
#[derive(Debug, Default)]
pub(super) struct AwaySessions {
    /// `len() <= AWAY_SESSIONS`
    sessions: HashMap<SessionId, TakenSession, RandomState>,
    dropped: u64,
}

impl AwaySessions {
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Sessions that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lists a session; whether the incident had not taken it before.
    pub(super) fn add(&mut self, session: SessionId, away: TakenSession) -> bool {
        if let Some(before) = self.sessions.get_mut(&session) {
            return std::mem::replace(before, away).incident != away.incident;
        }
        if self.sessions.len() < AWAY_SESSIONS {
            self.sessions.insert(session, away);
        } else {
            self.dropped += 1;
        }
        true
    }

    /// The incident that has taken a session.
    pub(super) fn incident_of(&self, session: SessionId) -> Option<u64> {
        self.sessions.get(&session).map(|away| away.incident)
    }

    /// A session is back.
    pub(super) fn remove(&mut self, session: SessionId) -> Option<TakenSession> {
        self.sessions.remove(&session)
    }

    /// What an incident has taken is credited to another one, which it is part of.
    pub(super) fn credit(&mut self, part: u64, whole: u64) {
        self.sessions.values_mut().filter(|away| away.incident == part).for_each(|away| away.incident = whole);
    }

    /// An incident is over: nobody waits for its sessions.
    pub(super) fn forget(&mut self, incident: u64) {
        self.sessions.retain(|_, away| away.incident != incident);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_listed_once_and_what_there_is_no_room_for_is_counted() {
        let mut away = AwaySessions::default();
        let taken = |incident| TakenSession { incident, since: Timestamp::ZERO, has_ephemerals: false };
        let session = |number: usize| SessionId(number as i64 + 1);
        assert!((0..AWAY_SESSIONS).all(|number| away.add(session(number), taken(1))));
        assert!(!away.add(session(0), taken(1)) && away.add(session(0), taken(2)), "another incident took it anew");
        assert_eq!(away.dropped(), 0);
        assert!(away.add(session(AWAY_SESSIONS), taken(1)), "it counts as away");
        assert_eq!((away.dropped(), away.incident_of(session(AWAY_SESSIONS))), (1, None));
        away.credit(2, 3);
        assert_eq!(away.incident_of(session(0)), Some(3));
        away.forget(1);
        assert_eq!(away.remove(session(0)).map(|away| away.incident), Some(3));
        assert!(away.is_empty());
    }
}
