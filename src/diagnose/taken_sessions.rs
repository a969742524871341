//! Sessions whose connection an incident has taken, and what became of them: each counts once in its incident, however
//! often it comes and goes until that is over.
//!
//! An incident that closes lets go of its sessions at once, however many there are: they are put aside together, and
//! taken out when they are as many as those that count.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::impact::OwnAction;
use super::incident::Incident;
use crate::ids::{ServerId, SessionId};
use crate::time::Timestamp;

/// Sessions whose return is credited to an incident.
pub const TAKEN_SESSIONS: usize = 65_536;
/// When there is no room left, those that are put aside make room where they are one in so many.
const WORTH_A_SEARCH: usize = 8;

/// What became of a session that lost its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SessionFate {
    /// It is not back.
    Away,
    /// It was given again, or lives on another connection.
    Back,
    /// It is over.
    Over,
}

/// A session whose connection an incident has taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TakenSession {
    /// The incident.
    pub(super) incident: u64,
    /// When its connection ended, the newest that the incident took.
    pub(super) since: Timestamp,
    /// The server of that.
    pub(super) server: ServerId,
    /// What became of it.
    pub(super) fate: SessionFate,
    /// Whether its ephemeral nodes are at risk while it is away.
    pub(super) has_ephemerals: bool,
    /// Whether it came back at another server.
    pub(super) has_moved: bool,
    /// Whether zoogate had chosen that, for its own did not serve.
    pub(super) is_passed_over: bool,
    /// Connections of it that the incident took, as far as that many can be counted.
    pub(super) rounds: u8,
}

impl TakenSession {
    /// It came from one server to another, which zoogate had chosen where `is_passed_over`.
    pub(super) fn arrive(&mut self, from: ServerId, to: ServerId, is_passed_over: bool) {
        if from != to {
            self.has_moved = true;
            self.is_passed_over |= is_passed_over;
        }
    }

    /// What it adds to its incident is counted there, or no longer.
    pub(super) fn count(&self, incident: &mut Incident, counts: bool) {
        let change = |count: &mut u32| {
            *count = if counts { count.saturating_add(1) } else { count.saturating_sub(1) };
        };
        match self.fate {
            SessionFate::Away => {
                change(&mut incident.away);
                if self.has_ephemerals {
                    change(&mut incident.impact.ephemerals_at_risk);
                }
            }
            SessionFate::Back => change(&mut incident.impact.back),
            SessionFate::Over => change(&mut incident.impact.expired),
        }
        if self.has_moved {
            change(&mut incident.impact.moved);
        }
        if self.is_passed_over {
            change(&mut incident.own_actions[OwnAction::PassedOver as usize]);
        }
    }
}

/// The sessions of one incident: those that it took itself, or those of one that became part of it.
#[derive(Debug)]
struct TakenGroup {
    number: u64,
    incident: u64,
    /// Sessions in it.
    len: usize,
    /// Of those: away.
    away: usize,
}

/// The sessions that open incidents have taken.
#[derive(Debug, Default)]
pub(super) struct TakenSessions {
    /// `len() <= TAKEN_SESSIONS`; `TakenSession::incident` is the number of a group here, and those whose group is gone do
    /// not count.
    sessions: HashMap<SessionId, TakenSession, RandomState>,
    /// Those of open incidents, in the order of their numbers: some tens.
    groups: Vec<TakenGroup>,
    /// Groups that there were.
    begun: u64,
    /// Sessions whose group is gone.
    put_aside: usize,
    dropped: u64,
}

impl TakenSessions {
    pub(super) fn is_anyone_away(&self) -> bool {
        self.groups.iter().any(|group| group.away > 0)
    }

    /// Sessions that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lists a session, or what has become of it.
    pub(super) fn put(&mut self, session: SessionId, taken: TakenSession) {
        self.remove(session);
        if self.sessions.len() >= TAKEN_SESSIONS && self.put_aside * WORTH_A_SEARCH > TAKEN_SESSIONS {
            self.take_out();
        }
        if self.sessions.len() >= TAKEN_SESSIONS {
            self.dropped += 1;
            return;
        }
        let place = self.groups.iter().position(|group| group.incident == taken.incident).unwrap_or_else(|| {
            self.begun += 1;
            self.groups.push(TakenGroup { number: self.begun, incident: taken.incident, len: 0, away: 0 });
            self.groups.len() - 1
        });
        let group = &mut self.groups[place];
        group.len += 1;
        group.away += usize::from(taken.fate == SessionFate::Away);
        self.sessions.insert(session, TakenSession { incident: group.number, ..taken });
    }

    /// A session that an open incident has taken.
    pub(super) fn get(&self, session: SessionId) -> Option<TakenSession> {
        let taken = *self.sessions.get(&session)?;
        let incident = self.groups[self.place(taken.incident)?].incident;
        Some(TakenSession { incident, ..taken })
    }

    /// Those of an incident.
    pub(super) fn of(&self, incident: u64) -> impl Iterator<Item = &TakenSession> {
        let is_of = move |taken: &&TakenSession| {
            self.place(taken.incident).is_some_and(|place| self.groups[place].incident == incident)
        };
        self.sessions.values().filter(is_of)
    }

    /// A session is no incident's.
    pub(super) fn remove(&mut self, session: SessionId) {
        let Some(taken) = self.sessions.remove(&session) else { return };
        let Some(place) = self.place(taken.incident) else {
            self.put_aside -= 1;
            return;
        };
        let group = &mut self.groups[place];
        group.len -= 1;
        group.away -= usize::from(taken.fate == SessionFate::Away);
        if group.len == 0 {
            self.groups.remove(place);
        }
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
        sessions.retain(|_, taken| place_of(groups, taken.incident).is_some());
        sessions.shrink_to(sessions.len() * 2);
        self.put_aside = 0;
    }
}

/// Where the group of this number is.
fn place_of(groups: &[TakenGroup], number: u64) -> Option<usize> {
    groups.binary_search_by_key(&number, |group| group.number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(incident: u64) -> TakenSession {
        TakenSession {
            incident,
            since: Timestamp(1),
            server: ServerId(0),
            fate: SessionFate::Away,
            has_ephemerals: false,
            has_moved: false,
            is_passed_over: false,
            rounds: 1,
        }
    }

    fn with(sessions: &[(std::ops::Range<i64>, u64)]) -> TakenSessions {
        let mut all = TakenSessions::default();
        for (range, incident) in sessions {
            range.clone().for_each(|session| all.put(SessionId(session), taken(*incident)));
        }
        all
    }

    fn incident(all: &TakenSessions, session: i64) -> Option<u64> {
        all.get(SessionId(session)).map(|taken| taken.incident)
    }

    #[test]
    fn a_session_is_small() {
        assert!(size_of::<(SessionId, TakenSession)>() <= 32);
    }

    #[test]
    fn sessions_are_listed_once_and_what_there_is_no_room_for_is_counted() {
        let most = TAKEN_SESSIONS as i64;
        let mut all = with(&[(1..most + 1, 1)]);
        all.put(SessionId(1), taken(2));
        assert_eq!((all.dropped(), incident(&all, 1)), (0, Some(2)));
        all.put(SessionId(most + 1), taken(1));
        assert_eq!((all.dropped(), incident(&all, most + 1)), (1, None));
        all.credit(2, 3);
        assert_eq!(incident(&all, 1), Some(3));
        all.forget(1);
        assert_eq!((incident(&all, 1), all.is_anyone_away()), (Some(3), true));
        all.remove(SessionId(1));
        assert!(!all.is_anyone_away());
    }

    #[test]
    fn who_comes_back_is_away_no_longer_and_stays_listed() {
        let mut all = with(&[(1..3, 7)]);
        for session in 1..3 {
            assert!(all.is_anyone_away());
            all.put(SessionId(session), TakenSession { fate: SessionFate::Back, ..taken(7) });
        }
        assert!(!all.is_anyone_away());
        assert_eq!(all.get(SessionId(1)).map(|taken| (taken.incident, taken.fate)), Some((7, SessionFate::Back)));
        all.put(SessionId(1), taken(7));
        assert!(all.is_anyone_away());
        (1..3).for_each(|session| all.remove(SessionId(session)));
        assert!(!all.is_anyone_away() && all.groups.is_empty());
    }

    #[test]
    fn an_incident_that_is_over_has_nobody_away_though_it_comes_again() {
        let mut all = with(&[(1..10, 7), (10..12, 8)]);
        all.put(SessionId(1), taken(8));
        all.forget(8);
        assert_eq!((incident(&all, 1), incident(&all, 10), incident(&all, 2)), (None, None, Some(7)));
        assert_eq!(all.put_aside, 3, "too few to be looked for");
        all.put(SessionId(20), taken(8));
        assert_eq!((incident(&all, 10), incident(&all, 20)), (None, Some(8)));
        all.remove(SessionId(11));
        all.forget(7);
        assert_eq!((all.put_aside, all.sessions.len(), all.is_anyone_away()), (0, 1, true));
        all.forget(8);
        assert!(!all.is_anyone_away() && all.sessions.is_empty());
    }

    #[test]
    fn those_that_are_put_aside_make_room() {
        let most = TAKEN_SESSIONS as i64;
        let mut all = with(&[(0..most / 4, 7), (most / 4..most, 8)]);
        all.forget(7);
        assert_eq!((all.put_aside, all.sessions.len()), (TAKEN_SESSIONS / 4, TAKEN_SESSIONS));
        all.put(SessionId(most), taken(8));
        assert_eq!((all.put_aside, all.dropped(), incident(&all, most)), (0, 0, Some(8)));
    }
}
