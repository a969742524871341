//! Sessions whose connection an incident has taken, and which are not back.
//!
//! An incident that closes lets go of its sessions at once, however many there are: they are put aside together, and
//! taken out when they are as many as those that count.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::ids::SessionId;
use crate::time::Timestamp;

/// Sessions away whose return is credited to an incident.
pub const AWAY_SESSIONS: usize = 65_536;
/// When there is no room left, those that are put aside make room where they are one in so many.
const WORTH_A_SEARCH: usize = 8;

/// A session that is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TakenSession {
    /// The incident that took its connection.
    pub(super) incident: u64,
    /// When its connection ended.
    pub(super) since: Timestamp,
    /// Whether its ephemeral nodes are at risk.
    pub(super) has_ephemerals: bool,
}

/// The sessions of one incident: those that it took itself, or those of one that became part of it.
#[derive(Debug)]
struct AwayGroup {
    number: u64,
    incident: u64,
    /// Sessions in it.
    len: usize,
}

/// The sessions that are away.
#[derive(Debug, Default)]
pub(super) struct AwaySessions {
    /// `len() <= AWAY_SESSIONS`; `TakenSession::incident` is the number of a group here, and those whose group is gone do
    /// not count.
    sessions: HashMap<SessionId, TakenSession, RandomState>,
    /// Those of open incidents, in the order of their numbers: some tens.
    groups: Vec<AwayGroup>,
    /// Groups that there were.
    begun: u64,
    /// Sessions whose group is gone.
    put_aside: usize,
    dropped: u64,
}

impl AwaySessions {
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.len() == self.put_aside
    }

    /// Sessions that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lists a session; whether the incident had not taken it before.
    pub(super) fn add(&mut self, session: SessionId, away: TakenSession) -> bool {
        let is_new = self.remove(session).is_none_or(|before| before.incident != away.incident);
        if self.sessions.len() >= AWAY_SESSIONS && self.put_aside * WORTH_A_SEARCH > AWAY_SESSIONS {
            self.take_out();
        }
        if self.sessions.len() >= AWAY_SESSIONS {
            self.dropped += 1;
            return is_new;
        }
        let place = self.groups.iter().position(|group| group.incident == away.incident).unwrap_or_else(|| {
            self.begun += 1;
            self.groups.push(AwayGroup { number: self.begun, incident: away.incident, len: 0 });
            self.groups.len() - 1
        });
        let group = &mut self.groups[place];
        group.len += 1;
        self.sessions.insert(session, TakenSession { incident: group.number, ..away });
        is_new
    }

    /// The incident that has taken a session.
    pub(super) fn incident_of(&self, session: SessionId) -> Option<u64> {
        let away = self.sessions.get(&session)?;
        Some(self.groups[self.place(away.incident)?].incident)
    }

    /// A session is back.
    pub(super) fn remove(&mut self, session: SessionId) -> Option<TakenSession> {
        let away = self.sessions.remove(&session)?;
        let Some(place) = self.place(away.incident) else {
            self.put_aside -= 1;
            return None;
        };
        let group = &mut self.groups[place];
        group.len -= 1;
        let incident = group.incident;
        if group.len == 0 {
            self.groups.remove(place);
        }
        Some(TakenSession { incident, ..away })
    }

    /// What an incident has taken is credited to another one, which it is part of.
    pub(super) fn credit(&mut self, part: u64, whole: u64) {
        self.groups.iter_mut().filter(|group| group.incident == part).for_each(|group| group.incident = whole);
    }

    /// An incident is over: nobody waits for its sessions.
    pub(super) fn forget(&mut self, incident: u64) {
        let put_aside = &mut self.put_aside;
        self.groups.retain(|group| {
            let stays = group.incident != incident;
            *put_aside += if stays { 0 } else { group.len };
            stays
        });
        // Seldom enough that it costs each of them no more than a step or two.
        if self.put_aside * 2 > self.sessions.len() {
            self.take_out();
        }
    }

    fn place(&self, number: u64) -> Option<usize> {
        place_of(&self.groups, number)
    }

    /// Takes out those that are put aside.
    fn take_out(&mut self) {
        let Self { sessions, groups, .. } = self;
        sessions.retain(|_, away| place_of(groups, away.incident).is_some());
        sessions.shrink_to(sessions.len() * 2);
        self.put_aside = 0;
    }
}

/// Where the group of this number is.
fn place_of(groups: &[AwayGroup], number: u64) -> Option<usize> {
    groups.binary_search_by_key(&number, |group| group.number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(incident: u64) -> TakenSession {
        TakenSession { incident, since: Timestamp(1), has_ephemerals: false }
    }

    fn with(sessions: &[(std::ops::Range<i64>, u64)]) -> AwaySessions {
        let mut away = AwaySessions::default();
        for (range, incident) in sessions {
            assert!(range.clone().all(|session| away.add(SessionId(session), taken(*incident))));
        }
        away
    }

    fn incident(away: &AwaySessions, session: i64) -> Option<u64> {
        away.incident_of(SessionId(session))
    }

    #[test]
    fn sessions_are_listed_once_and_what_there_is_no_room_for_is_counted() {
        let mut away = AwaySessions::default();
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

    #[test]
    fn who_comes_back_is_away_no_longer() {
        let mut away = with(&[(1..3, 7)]);
        assert_eq!(away.remove(SessionId(1)), Some(taken(7)));
        assert_eq!((away.remove(SessionId(1)), incident(&away, 2), away.is_empty()), (None, Some(7), false));
        away.remove(SessionId(2));
        assert!(away.is_empty() && away.groups.is_empty());
    }

    #[test]
    fn an_incident_that_is_over_has_nobody_away_though_it_comes_again() {
        let mut away = with(&[(1..10, 7), (10..12, 8)]);
        assert!(away.add(SessionId(1), taken(8)));
        away.forget(8);
        assert_eq!((incident(&away, 1), incident(&away, 10), incident(&away, 2)), (None, None, Some(7)));
        assert_eq!(away.put_aside, 3, "too few to be looked for");
        assert!(away.add(SessionId(20), taken(8)));
        assert_eq!((incident(&away, 10), incident(&away, 20)), (None, Some(8)));
        assert_eq!(away.remove(SessionId(11)), None);
        away.forget(7);
        assert_eq!((away.put_aside, away.sessions.len(), away.is_empty()), (0, 1, false));
        away.forget(8);
        assert!(away.is_empty() && away.sessions.is_empty());
    }

    #[test]
    fn those_that_are_put_aside_make_room() {
        let most = AWAY_SESSIONS as i64;
        let mut away = with(&[(0..most / 4, 7), (most / 4..most, 8)]);
        away.forget(7);
        assert_eq!((away.put_aside, away.sessions.len()), (AWAY_SESSIONS / 4, AWAY_SESSIONS));
        assert!(away.add(SessionId(most), taken(8)));
        assert_eq!((away.put_aside, away.dropped(), incident(&away, most)), (0, 0, Some(8)));
    }
}
