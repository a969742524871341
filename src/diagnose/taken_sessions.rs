//! Sessions whose connection an incident has taken, and what became of them: each counts once in its incident, however
//! often it comes and goes until that is over.
//!
//! An incident that closes lets go of its sessions at once, however many there are: they are kept for a while, as it may
//! come again, then put aside together, and taken out when they are as many as those that count.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use super::impact::{OwnAction, change};
use super::incident::Incident;
use crate::ids::{ServerId, SessionId};
use crate::time::Timestamp;

/// Sessions whose return is credited to an incident.
pub const TAKEN_SESSIONS: usize = 65_536;
/// When there is no room left, those that are put aside make room where they are one in so many.
const WORTH_A_SEARCH: usize = 8;
/// Groups of sessions of incidents that are over.
const GROUPS_OVER: usize = 64;

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
        match self.fate {
            SessionFate::Away => {
                change(&mut incident.away, counts);
                if self.has_ephemerals {
                    change(&mut incident.impact.ephemerals_at_risk, counts);
                }
            }
            SessionFate::Back => change(&mut incident.impact.back, counts),
            SessionFate::Over => change(&mut incident.impact.expired, counts),
        }
        if self.has_moved {
            change(&mut incident.impact.moved, counts);
        }
        if self.is_passed_over {
            change(&mut incident.own_actions[OwnAction::PassedOver as usize], counts);
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
    /// When the incident was over; None while it is open.
    over_at: Option<Timestamp>,
}

/// The sessions that open incidents have taken, and those of incidents that were open a moment ago.
#[derive(Debug, Default)]
pub(super) struct TakenSessions {
    /// `len() <= TAKEN_SESSIONS`; `TakenSession::incident` is the number of a group here, and those whose group is gone do
    /// not count.
    sessions: HashMap<SessionId, TakenSession, RandomState>,
    /// In the order of their numbers: some tens of open incidents, and `GROUPS_OVER` of others at most.
    groups: Vec<TakenGroup>,
    /// Groups that there were.
    begun: u64,
    /// Sessions whose group is gone.
    aside: usize,
    /// The newest moment at which an incident was over whose group is gone: they go in that order.
    forgotten_until: Option<Timestamp>,
    dropped: u64,
}

impl TakenSessions {
    pub(super) fn is_anyone_away(&self) -> bool {
        self.groups.iter().any(|group| group.over_at.is_none() && group.away > 0)
    }

    /// Sessions that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Lists a session, or what has become of it.
    pub(super) fn put(&mut self, session: SessionId, taken: TakenSession) {
        self.remove(session);
        if self.sessions.len() >= TAKEN_SESSIONS {
            // Those that nobody waits for make room first.
            self.put_aside(|group| group.over_at.is_some());
            if self.aside * WORTH_A_SEARCH > TAKEN_SESSIONS {
                self.take_out();
            }
        }
        if self.sessions.len() >= TAKEN_SESSIONS {
            self.dropped += 1;
            return;
        }
        let is_its = |group: &TakenGroup| group.incident == taken.incident && group.over_at.is_none();
        let place = self.groups.iter().position(is_its).unwrap_or_else(|| {
            self.begun += 1;
            let (number, incident) = (self.begun, taken.incident);
            self.groups.push(TakenGroup { number, incident, len: 0, away: 0, over_at: None });
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
        let group = &self.groups[self.place(taken.incident)?];
        group.over_at.is_none().then_some(TakenSession { incident: group.incident, ..taken })
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
            self.aside -= 1;
            return;
        };
        // Where its incident comes again it is not among the others.
        self.forgotten_until = self.forgotten_until.max(self.groups[place].over_at);
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

    /// An incident is over: nobody waits for its sessions. They stay listed for a while, as it may come again.
    pub(super) fn end(&mut self, now: Timestamp, incident: u64) {
        self.groups.iter_mut().filter(|group| group.incident == incident).for_each(|group| group.over_at = Some(now));
        while self.groups.iter().filter(|group| group.over_at.is_some()).count() > GROUPS_OVER {
            // All of one incident: it could not count them anew with some of them missing.
            let over = self.groups.iter().filter_map(|group| Some((group.over_at?, group.incident)));
            let Some((_, oldest)) = over.min() else { return };
            self.put_aside(|group| group.over_at.is_some() && group.incident == oldest);
        }
    }

    /// An incident that was over at that moment has come again, and its sessions count as before; false where some of them
    /// are not listed by now. Those that were away are none of them: whether they came back meanwhile nobody has noted.
    pub(super) fn revive(&mut self, incident: u64, over_at: Timestamp) -> bool {
        let Self { sessions, groups, forgotten_until, .. } = self;
        let mut is_whole = forgotten_until.is_none_or(|forgotten_until| over_at > forgotten_until);
        for group in groups.iter_mut().filter(|group| group.incident == incident) {
            group.over_at = None;
            if group.away > 0 {
                let is_away = |taken: &TakenSession| taken.incident == group.number && taken.fate == SessionFate::Away;
                sessions.retain(|_, taken| !is_away(taken));
                group.len -= std::mem::take(&mut group.away);
                is_whole = false;
            }
        }
        groups.retain(|group| group.len > 0);
        is_whole
    }

    /// Forgets sessions of incidents that were over at a moment that is long past.
    pub(super) fn forget(&mut self, is_past: impl Fn(Timestamp) -> bool) {
        self.put_aside(|group| group.over_at.is_some_and(&is_past));
    }

    /// Puts groups aside with their sessions.
    fn put_aside(&mut self, is_gone: impl Fn(&TakenGroup) -> bool) {
        let Self { groups, aside, forgotten_until, .. } = self;
        groups.retain(|group| {
            let stays = !is_gone(group);
            if !stays {
                *aside += group.len;
                *forgotten_until = (*forgotten_until).max(group.over_at);
            }
            stays
        });
        // Seldom enough that it costs each of them no more than a step or two.
        if self.aside * 2 > self.sessions.len() {
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
        self.aside = 0;
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

    fn back(incident: u64) -> TakenSession {
        TakenSession { fate: SessionFate::Back, ..taken(incident) }
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
        all.end(Timestamp(5), 1);
        assert_eq!((incident(&all, 1), all.is_anyone_away()), (Some(3), true));
        all.remove(SessionId(1));
        assert!(!all.is_anyone_away());
    }

    #[test]
    fn who_comes_back_is_away_no_longer_and_stays_listed() {
        let mut all = with(&[(1..3, 7)]);
        for session in 1..3 {
            assert!(all.is_anyone_away());
            all.put(SessionId(session), back(7));
        }
        assert!(!all.is_anyone_away());
        assert_eq!(all.get(SessionId(1)).map(|taken| (taken.incident, taken.fate)), Some((7, SessionFate::Back)));
        all.put(SessionId(1), taken(7));
        assert!(all.is_anyone_away());
        (1..3).for_each(|session| all.remove(SessionId(session)));
        assert!(!all.is_anyone_away() && all.groups.is_empty());
    }

    #[test]
    fn an_incident_that_is_over_has_nobody_away_until_it_comes_again() {
        let mut all = with(&[(1..10, 7), (10..12, 8)]);
        all.put(SessionId(1), back(8));
        all.end(Timestamp(5), 8);
        assert_eq!((incident(&all, 1), incident(&all, 10), incident(&all, 2)), (None, None, Some(7)));
        all.end(Timestamp(6), 7);
        assert!(!all.is_anyone_away());
        assert!(!all.revive(8, Timestamp(5)) && !all.is_anyone_away(), "whether they are away is not known any more");
        assert_eq!((incident(&all, 1), incident(&all, 2), all.of(8).count()), (Some(8), None, 1));
        assert_eq!(all.get(SessionId(1)).map(|taken| taken.fate), Some(SessionFate::Back));
        // One that another incident takes meanwhile is that one's.
        all.put(SessionId(2), taken(8));
        assert!(!all.revive(7, Timestamp(6)));
        assert_eq!((all.of(7).count(), all.of(8).count()), (0, 2));
    }

    #[test]
    fn an_incident_is_not_whole_any_more_where_another_one_has_taken_of_its_sessions() {
        let mut all = TakenSessions::default();
        (1..10).for_each(|session| all.put(SessionId(session), back(7)));
        all.end(Timestamp(5), 7);
        all.put(SessionId(2), taken(8));
        assert!(!all.revive(7, Timestamp(5)));
        assert_eq!((all.of(7).count(), all.of(8).count()), (8, 1));
    }

    #[test]
    fn what_is_over_for_long_is_forgotten() {
        let mut all = with(&[(1..10, 7), (10..12, 8), (12..20, 9)]);
        all.end(Timestamp(5), 8);
        all.end(Timestamp(6), 7);
        all.forget(|over_at| over_at < Timestamp(6));
        assert_eq!((all.aside, all.sessions.len()), (2, 19), "too few to be looked for");
        all.remove(SessionId(11));
        assert_eq!((all.revive(8, Timestamp(5)), all.aside), (false, 1));
        all.forget(|over_at| over_at < Timestamp(7));
        assert_eq!((all.aside, all.sessions.len(), all.is_anyone_away()), (0, 8, true));
        (12..20).for_each(|session| all.put(SessionId(session), back(9)));
        all.end(Timestamp(7), 9);
        assert!(!all.revive(7, Timestamp(6)) && all.revive(9, Timestamp(7)));
    }

    #[test]
    fn incidents_that_are_over_keep_so_many_groups() {
        let all_of_them = GROUPS_OVER as u64 + 10;
        let mut all = TakenSessions::default();
        for number in 1..=all_of_them {
            all.put(SessionId(number as i64), back(number));
            all.end(Timestamp(number), number);
        }
        assert_eq!(all.groups.len(), GROUPS_OVER);
        let is_listed = |number: u64| all.revive(number, Timestamp(number));
        assert_eq!([10, 11, all_of_them].map(is_listed), [false, true, true]);
    }

    #[test]
    fn those_that_nobody_waits_for_make_room() {
        let most = TAKEN_SESSIONS as i64;
        let mut all = with(&[(0..most / 4, 7), (most / 4..most, 8)]);
        all.end(Timestamp(5), 7);
        assert_eq!((all.aside, all.sessions.len()), (0, TAKEN_SESSIONS));
        all.put(SessionId(most), taken(8));
        assert_eq!((all.aside, all.dropped(), incident(&all, most)), (0, 0, Some(8)));
        assert_eq!((all.sessions.len(), all.revive(7, Timestamp(5))), (TAKEN_SESSIONS * 3 / 4 + 1, false));
    }
}
