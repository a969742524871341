//! What readers copy out of the ledger. Each takes its lock for a short time and formats nothing meanwhile.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::TrafficState;
use super::rows::{ConnectionKey, ConnectionRow, ConnectionSummary, SessionPlace, SessionRow, SessionTimeline};
use crate::ids::{ConnectionId, SessionId};
use crate::session::ledger::{LedgerLosses, SessionLedger, SessionState};
use crate::session::transition::EndedConnection;
use crate::session::verdict::{SessionMove, SessionMovedRefusal};
use crate::time::Timestamp;

/// Sessions that a reader copies before it lets others have the lock: some tens of microseconds.
pub(crate) const ROWS_AT_ONCE: usize = 256;
/// Moves or verdicts that are copied before that, to be chosen among: a verdict has a list of requests.
const CHOSEN_AT_ONCE: u64 = 64;
/// Moves, verdicts and ended connections in the detail of one session, of each kind.
pub(crate) const STORY: usize = 256;

impl TrafficState {
    /// The ids of all sessions, in no order.
    pub fn session_ids(&self) -> Vec<SessionId> {
        self.ledger().session_ids().collect()
    }

    /// Copies sessions out, some at a time, so that the ledger is never held for long. Those that it has
    /// forgotten meanwhile are left out.
    pub fn session_rows(&self, sessions: &[SessionId]) -> Vec<SessionRow> {
        let mut rows = Vec::with_capacity(sessions.len());
        // The lock is given up after each portion, so that a list of 100,000 rows delays no connection.
        for some in sessions.chunks(ROWS_AT_ONCE) {
            let ledger = self.ledger();
            rows.extend(some.iter().filter_map(|session| ledger.session(*session)).map(SessionRow::of));
        }
        rows
    }

    /// Copies out where sessions are, as [`TrafficState::session_rows`] does.
    pub fn session_places(&self, sessions: &[SessionId]) -> Vec<SessionPlace> {
        let mut places = Vec::with_capacity(sessions.len());
        for some in sessions.chunks(ROWS_AT_ONCE) {
            let ledger = self.ledger();
            places.extend(some.iter().filter_map(|session| {
                let record = ledger.session(*session)?;
                Some(SessionPlace { session: *session, state: record.state(), server: record.server() })
            }));
        }
        places
    }

    /// How many sessions are attached to each server, by [`ServerId`](crate::ids::ServerId).
    pub fn attached(&self) -> Vec<usize> {
        self.count_attached(&self.session_places(&self.session_ids()))
    }

    /// As [`TrafficState::attached`], of sessions that were copied out.
    pub fn count_attached(&self, places: &[SessionPlace]) -> Vec<usize> {
        let mut counts = vec![0; self.servers()];
        for place in places.iter().filter(|place| place.state == SessionState::Live) {
            if let Some(count) = place.server.and_then(|server| counts.get_mut(server.index())) {
                *count += 1;
            }
        }
        counts
    }

    /// Everything about one session, as far as its detail shows it: the newest [`STORY`] of its moves, of its verdicts,
    /// and of its ended connections.
    pub fn session_story(&self, session: SessionId) -> Option<SessionTimeline> {
        let ledger = self.ledger();
        let record = ledger.session(session)?;
        Some(SessionTimeline {
            row: SessionRow::of(record),
            record: record.clone(),
            moves: newest(ledger.moves().rev().filter(|one| one.session == session)),
            verdicts: newest(ledger.verdicts().rev().filter(|one| one.session == session)),
            ended: newest(ledger.ended_connections().rev().filter(|one| one.session == Some(session))),
        })
    }

    /// The numbers of the newest moves that are wanted, in order of time, and whether there are more.
    pub fn move_numbers(&self, limit: usize, wanted: impl Fn(&SessionMove) -> bool) -> (Vec<u64>, bool) {
        let newest = self.ledger().numbered_moves().next_back().map(|(number, _)| number);
        self.choose(newest, |ledger, number| ledger.move_numbered(number).cloned(), limit, wanted)
    }

    /// Copies moves out. Those that are forgotten meanwhile are left out.
    pub fn moves(&self, numbers: &[u64]) -> Vec<SessionMove> {
        let ledger = self.ledger();
        numbers.iter().filter_map(|number| ledger.move_numbered(*number).cloned()).collect()
    }

    /// Moves as [`TrafficState::moves`] copies them, each with the end of the connection that was left, while that is
    /// kept.
    pub fn explained_moves(&self, numbers: &[u64]) -> Vec<(SessionMove, Option<EndedConnection>)> {
        let ledger = self.ledger();
        let moves: Vec<SessionMove> =
            numbers.iter().filter_map(|number| ledger.move_numbered(*number).cloned()).collect();
        let wanted: HashSet<ConnectionId> = moves.iter().map(|one| one.left).collect();
        let ends = ledger.ended_connections().filter(|ended| wanted.contains(&ended.connection));
        let ends: HashMap<ConnectionId, &EndedConnection> = ends.map(|ended| (ended.connection, ended)).collect();
        let explained = |one: SessionMove| {
            let end = ends.get(&one.left).map(|ended| (*ended).clone());
            (one, end)
        };
        moves.into_iter().map(explained).collect()
    }

    /// The numbers of the newest verdicts that are wanted, in order of time, and whether there are more.
    pub fn verdict_numbers(&self, limit: usize, wanted: impl Fn(&SessionMovedRefusal) -> bool) -> (Vec<u64>, bool) {
        let newest = self.ledger().numbered_verdicts().next_back().map(|(number, _)| number);
        self.choose(newest, |ledger, number| ledger.verdict_numbered(number).cloned(), limit, wanted)
    }

    /// The numbers of the newest that are wanted, in order of time, and whether there are more. They are copied some at
    /// a time and compared when the ledger is free again: a filter takes as long as its text is.
    fn choose<T>(
        &self,
        newest: Option<u64>,
        copy: impl Fn(&SessionLedger, u64) -> Option<T>,
        limit: usize,
        wanted: impl Fn(&T) -> bool,
    ) -> (Vec<u64>, bool) {
        let (mut taken, mut end, mut more) = (Vec::new(), newest.map_or(0, |newest| newest + 1), false);
        while end > 0 && !more {
            let begin = end.saturating_sub(CHOSEN_AT_ONCE);
            let some: Vec<(u64, T)> = {
                let ledger = self.ledger();
                // What is older than one that is forgotten is forgotten too.
                (begin..end).rev().map_while(|number| Some((number, copy(&ledger, number)?))).collect()
            };
            end = if some.is_empty() { 0 } else { begin };
            for (number, _) in some.into_iter().filter(|(_, one)| wanted(one)) {
                more = taken.len() >= limit;
                if more {
                    break;
                }
                taken.push(number);
            }
        }
        taken.reverse();
        (taken, more)
    }

    /// Copies verdicts out. Those that are forgotten meanwhile are left out.
    pub fn verdicts(&self, numbers: &[u64]) -> Vec<SessionMovedRefusal> {
        let ledger = self.ledger();
        numbers.iter().filter_map(|number| ledger.verdict_numbered(*number).cloned()).collect()
    }

    /// A connection that is open, by its number.
    pub fn open_connection(&self, connection: ConnectionId) -> Option<ConnectionSummary> {
        let open = self.ledger().open_connection(connection).copied();
        let seeking = || self.seeking_clients().get(connection).map(|one| ConnectionSummary::of_seeking(&one));
        open.map(|open| ConnectionSummary::of_open(connection, &open)).or_else(seeking)
    }

    /// Where the newest connections that are wanted can be found, newest first, and whether there are more.
    pub fn connection_keys(
        &self,
        limit: usize,
        wanted: impl Fn(&ConnectionSummary) -> bool,
    ) -> (Vec<ConnectionKey>, bool) {
        let mut found = self.chosen_connections(wanted);
        let order = |(claimed_at, key): &(Timestamp, ConnectionKey)| Reverse((*claimed_at, key.connection));
        // Selected before sorted: of 50,000 connections only the few that are shown are put in order.
        let more = found.len() > limit;
        if more {
            found.select_nth_unstable_by_key(limit, order);
            found.truncate(limit);
        }
        found.sort_unstable_by_key(order);
        (found.into_iter().map(|(_, key)| key).collect(), more)
    }

    /// The connections that are wanted. They are copied some at a time and compared when the ledger is free again.
    fn chosen_connections(&self, wanted: impl Fn(&ConnectionSummary) -> bool) -> Vec<(Timestamp, ConnectionKey)> {
        let (mut found, mut met) = (Vec::new(), HashSet::with_hasher(FixedState::default()));
        let mut add = |some: Vec<(ConnectionSummary, Option<u64>)>| {
            // One that ends meanwhile is met again in its next phase.
            for (facts, end) in some.into_iter().filter(|(facts, _)| wanted(facts)) {
                if met.insert(facts.connection) {
                    found.push((facts.claimed_at, ConnectionKey { connection: facts.connection, end }));
                }
            }
        };
        let seeking = self.seeking_clients().all().into_iter();
        add(seeking.map(|one| (ConnectionSummary::of_seeking(&one), None)).collect());
        // In the order in which connections go through their phases, so that none is missed.
        let open: Vec<ConnectionId> = self.ledger().open_connections().map(|(connection, _)| connection).collect();
        for some in open.chunks(ROWS_AT_ONCE) {
            let ledger = self.ledger();
            let copied = some.iter().filter_map(|connection| {
                let open = ledger.open_connection(*connection)?;
                Some((held_by(&ledger, ConnectionSummary::of_open(*connection, open)), None))
            });
            let copied = copied.collect();
            drop(ledger);
            add(copied);
        }
        let undecided: Vec<ConnectionId> = self.ledger().undecided_connections().map(|one| one.connection).collect();
        for some in undecided.chunks(ROWS_AT_ONCE) {
            let ledger = self.ledger();
            let copied = some.iter().filter_map(|connection| {
                let one = ledger.undecided_connection(*connection)?;
                Some((held_by(&ledger, ConnectionSummary::of_undecided(&one)), None))
            });
            let copied = copied.collect();
            drop(ledger);
            add(copied);
        }
        let mut end = self.ledger().numbered_ends().next_back().map_or(0, |(newest, _)| newest + 1);
        while end > 0 {
            let begin = end.saturating_sub(ROWS_AT_ONCE as u64);
            let ledger = self.ledger();
            let copied = (begin..end).rev().map_while(|number| {
                let ended = ledger.end_numbered(number)?;
                Some((held_by(&ledger, ConnectionSummary::of_ended(ended)), Some(number)))
            });
            let copied: Vec<_> = copied.collect();
            drop(ledger);
            end = if copied.is_empty() { 0 } else { begin };
            add(copied);
        }
        found
    }

    /// Copies connections out. Those that are elsewhere or forgotten meanwhile are left out.
    pub fn connections(&self, keys: &[ConnectionKey]) -> Vec<ConnectionRow> {
        let seeking = |key: &ConnectionKey| self.seeking_clients().get(key.connection).map(ConnectionRow::Seeking);
        let ledger = self.ledger();
        keys.iter().filter_map(|key| row(&ledger, *key).or_else(|| seeking(key))).collect()
    }

    /// Those of these sessions that are not remembered, asked some at a time.
    pub fn unknown_sessions(&self, sessions: &[SessionId]) -> Vec<SessionId> {
        let mut unknown = Vec::new();
        for some in sessions.chunks(ROWS_AT_ONCE) {
            let ledger = self.ledger();
            unknown.extend(some.iter().filter(|session| ledger.session(**session).is_none()));
        }
        unknown
    }

    /// What the ledger could not keep or place.
    pub fn losses(&self) -> LedgerLosses {
        self.ledger().losses()
    }
}

/// The same with who holds its session.
fn held_by(ledger: &SessionLedger, facts: ConnectionSummary) -> ConnectionSummary {
    let identity = facts.session.and_then(|session| ledger.session(session)?.identity());
    ConnectionSummary { identity, ..facts }
}

fn row(ledger: &SessionLedger, key: ConnectionKey) -> Option<ConnectionRow> {
    let connection = key.connection;
    // By number and not by connection: what was chosen may have been decided, or forgotten, since.
    if let Some(number) = key.end {
        let ended = ledger.end_numbered(number)?;
        let record = ended.session.and_then(|session| ledger.session(session));
        let claimed = record.and_then(|record| record.attachments().find(|one| one.connection == connection));
        let routed = claimed.map(|one| one.claim.routed);
        return Some(ConnectionRow::Ended { ended: ended.clone(), routed });
    }
    let open = ledger.open_connection(connection).map(|open| ConnectionRow::Open { connection, open: *open });
    open.or_else(|| ledger.undecided_connection(connection).map(ConnectionRow::Undecided))
}

/// Clones the first ones, as many as a timeline shows, which come newest first, in order of time.
fn newest<'a, T: Clone + 'a>(all: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut taken: Vec<T> = all.take(STORY).cloned().collect();
    taken.reverse();
    taken
}
