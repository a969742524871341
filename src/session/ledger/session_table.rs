//! All sessions that are remembered, at most as many as the limit says. A session is here once a server gave it; claims
//! of others are kept in a table of their own, where they push out one another only.
//!
//! When it is full the session that has been over the longest makes room. Then one that is away does: one whose holder
//! is not known before one whose holder is, and of those the one that has been away the longest. One that lives is
//! never put out, so that a table full of living sessions takes no more.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::quality::RandomState;

use super::session_record::{SessionEnd, SessionRecord, SessionState};
use super::waiting_sessions::{WaitingPlace, WaitingSessions};
use crate::ids::{ConnectionId, SessionId};
use crate::session::identity::HolderIdentity;
use crate::session::verdict::EndReason;
use crate::time::Timestamp;

#[derive(Debug)]
pub(super) struct SessionTable {
    /// `records.len() <= cap`
    records: HashMap<SessionId, Box<SessionRecord>, RandomState>,
    /// Those that are away or over.
    waiting: WaitingSessions,
    /// How long zoogate itself has stood still: what is pending has that much longer.
    paused: Duration,
    cap: usize,
    keep_ended: Duration,
    turned_away: u64,
    /// Sessions that were forgotten before their time.
    evicted: u64,
    /// Sessions that were forgotten and not yet polled.
    forgotten: Vec<ForgottenSession>,
}

/// A session that is no longer remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ForgottenSession {
    pub(super) session: SessionId,
    pub(super) identity: Option<HolderIdentity>,
}

impl SessionTable {
    pub(super) fn new(cap: usize, keep_ended: Duration) -> Self {
        Self {
            records: HashMap::default(),
            waiting: WaitingSessions::default(),
            paused: Duration::ZERO,
            cap,
            keep_ended,
            turned_away: 0,
            evicted: 0,
            forgotten: Vec::new(),
        }
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&SessionRecord> {
        self.records.get(&id).map(AsRef::as_ref)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &SessionRecord> {
        self.records.values().map(AsRef::as_ref)
    }

    pub(super) fn ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.records.keys().copied()
    }

    /// How many sessions are remembered.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many sessions found no room.
    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// How many sessions were forgotten before their time, to make room.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Whether sessions were forgotten since that was asked last.
    pub(super) fn has_forgotten(&self) -> bool {
        !self.forgotten.is_empty()
    }

    /// The sessions that were forgotten since this was asked last.
    pub(super) fn take_forgotten(&mut self) -> Vec<ForgottenSession> {
        std::mem::take(&mut self.forgotten)
    }

    /// Sees to it that there is a record of this session, pending when it is new; false when there is no room.
    pub(super) fn ensure(&mut self, id: SessionId, now: Timestamp) -> bool {
        if self.contains(id) {
            return true;
        }
        let mut record = SessionRecord::new(id, now);
        record.set_paused_before(self.paused);
        self.adopt(Box::new(record))
    }

    /// Whether there is a record of this session.
    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.records.contains_key(&id)
    }

    /// Takes in a record that is not here yet; false when there is no room. It may come from another table, if that has
    /// been postponed as this one.
    pub(super) fn adopt(&mut self, record: Box<SessionRecord>) -> bool {
        if self.records.len() >= self.cap && !self.make_room() {
            self.turned_away += 1;
            return false;
        }
        let id = record.id();
        self.waiting.insert(id, WaitingPlace::of(&record));
        self.records.insert(id, record);
        true
    }

    /// Takes a record out.
    pub(super) fn take(&mut self, id: SessionId) -> Option<Box<SessionRecord>> {
        let record = self.records.remove(&id)?;
        self.waiting.remove(id, WaitingPlace::of(&record));
        Some(record)
    }

    /// Changes a record in any way and keeps the order of those that wait.
    pub(super) fn change<R>(&mut self, id: SessionId, change: impl FnOnce(&mut SessionRecord) -> R) -> Option<R> {
        self.change_known(id, change).ok()
    }

    /// As [`change`](Self::change).
    ///
    /// # Errors
    /// The change, where there is no such record.
    pub(super) fn change_known<R, C: FnOnce(&mut SessionRecord) -> R>(
        &mut self,
        id: SessionId,
        change: C,
    ) -> Result<R, C> {
        let Some(record) = self.records.get_mut(&id) else { return Err(change) };
        // The place is taken before and after, so that no change can leave a record in the wrong order.
        let (state, before) = (record.state(), WaitingPlace::of(record));
        let result = change(record);
        if record.state() != state {
            record.set_paused_before(self.paused);
        }
        let after = WaitingPlace::of(record);
        if before != after {
            self.waiting.remove(id, before);
            self.waiting.insert(id, after);
        }
        Ok(result)
    }

    /// Notes why a connection of a session ended, which changes nothing of when it is over; false when it is not here.
    pub(super) fn decide(&mut self, id: SessionId, connection: ConnectionId, reason: EndReason) -> bool {
        self.records.get_mut(&id).map(|record| record.decide(connection, reason)).is_some()
    }

    /// Ends those that lapsed and forgets those that have been over for long enough, of each this many at most; whether
    /// there are more.
    pub(super) fn tick(&mut self, now: Timestamp, most: usize) -> bool {
        for _ in 0..most {
            let Some((due, id)) = self.lapsed(now) else { break };
            self.change(id, |record| record.set_state(SessionState::Ended { at: due, how: SessionEnd::Lapsed }));
        }
        for _ in 0..most {
            let Some(id) = self.outlived(now) else { break };
            self.forget(id);
        }
        self.lapsed(now).is_some() || self.outlived(now).is_some()
    }

    /// The next one that has been away for too long, and since when it is over by that.
    fn lapsed(&self, now: Timestamp) -> Option<(Timestamp, SessionId)> {
        let (unpaused, id) = self.waiting.next_to_lapse()?;
        let due = unpaused.after(self.paused);
        (due <= now).then_some((due, id))
    }

    /// The next one that has been over for as long as that is remembered.
    fn outlived(&self, now: Timestamp) -> Option<SessionId> {
        let (at, id) = self.waiting.longest_over()?;
        (at.after(self.keep_ended) <= now).then_some(id)
    }

    /// Gives every session that may come back that much longer: zoogate itself stood still. As cheap as it is for one,
    /// because a busy machine makes many pauses.
    pub(super) fn postpone(&mut self, more: Duration) {
        self.paused += more;
    }

    /// Forgets what is known under an id that a server has given anew.
    pub(super) fn begin_anew(&mut self, id: SessionId) {
        if !self.records.is_empty() {
            self.forget(id);
        }
    }

    fn make_room(&mut self) -> bool {
        // Never a living one: forgetting where a session is would make the next claim of it look like a new session.
        let made = self.waiting.first_to_go().is_some_and(|id| self.forget(id));
        self.evicted += u64::from(made);
        made
    }

    fn forget(&mut self, id: SessionId) -> bool {
        let Some(record) = self.take(id) else { return false };
        self.forgotten.push(ForgottenSession { session: id, identity: record.identity() });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Duration = Duration::from_secs(10);
    /// As many as there are.
    const MANY: usize = usize::MAX;

    fn table(ids: std::ops::RangeInclusive<i64>) -> SessionTable {
        let mut table = SessionTable::new(3, KEPT);
        for id in ids {
            assert!(table.ensure(SessionId(id), Timestamp(id as u64)));
        }
        table
    }

    fn set(table: &mut SessionTable, id: i64, state: SessionState) {
        assert!(table.change(SessionId(id), |record| record.set_state(state)).is_some());
    }

    fn ids(table: &SessionTable) -> Vec<i64> {
        let mut ids: Vec<i64> = table.ids().map(|id| id.0).collect();
        ids.sort_unstable();
        ids
    }

    fn ended(at: u64) -> SessionState {
        SessionState::Ended { at: Timestamp(at), how: SessionEnd::Closed }
    }

    #[test]
    fn a_table_full_of_living_sessions_takes_no_more() {
        let mut table = table(1..=3);
        for id in 1..=3 {
            set(&mut table, id, SessionState::Live);
        }
        assert!(table.ensure(SessionId(2), Timestamp(9)), "it is there already");
        assert_eq!(table.turned_away(), 0);
        assert!(!table.ensure(SessionId(4), Timestamp(9)));
        assert_eq!((ids(&table), table.turned_away()), (vec![1, 2, 3], 1));
    }

    #[test]
    fn the_one_that_is_over_the_longest_makes_room_then_the_one_that_is_away_the_longest() {
        let mut table = table(1..=3);
        set(&mut table, 2, ended(8));
        set(&mut table, 3, ended(7));
        for (id, left) in [(4, [1, 2, 4]), (5, [1, 4, 5]), (6, [4, 5, 6]), (7, [5, 6, 7])] {
            assert!(table.ensure(SessionId(id), Timestamp(id as u64)));
            assert_eq!(ids(&table), left);
        }
        assert_eq!((table.turned_away(), table.waiting.counts()), (0, (3, 3, 0)));
        assert_eq!(table.evicted(), 4);
        let gone: Vec<i64> = table.take_forgotten().iter().map(|gone| gone.session.0).collect();
        assert_eq!((gone, table.take_forgotten()), (vec![3, 2, 1, 4], vec![]));
    }

    #[test]
    fn who_is_away_lapses_and_is_forgotten_later() {
        let mut table = table(1..=2);
        set(&mut table, 1, SessionState::Pending { since: Timestamp(50) });
        set(&mut table, 2, SessionState::Live);
        assert!(!table.tick(Timestamp(49), MANY));
        assert_eq!(table.get(SessionId(1)).map(|record| record.state().label()), Some("pending"));
        table.tick(Timestamp(50), MANY);
        let lapsed = SessionState::Ended { at: Timestamp(50), how: SessionEnd::Lapsed };
        assert_eq!(table.get(SessionId(1)).map(SessionRecord::state), Some(lapsed));
        table.tick(Timestamp(Timestamp(50).after(KEPT).0 - 1), MANY);
        assert_eq!(ids(&table), [1, 2]);
        table.tick(Timestamp(50).after(KEPT), MANY);
        assert_eq!(ids(&table), [2]);
        assert_eq!(table.waiting.counts(), (0, 0, 0));
        assert_eq!((table.evicted(), table.take_forgotten().len()), (0, 1), "its time had come");
    }

    #[test]
    fn who_is_away_has_longer_by_what_zoogate_stood_still_since() {
        let mut table = table(1..=2);
        let is_pending = |table: &SessionTable, id| table.get(SessionId(id)).unwrap().state().label() == "pending";
        set(&mut table, 1, SessionState::Pending { since: Timestamp(50) });
        table.postpone(Duration::from_nanos(7));
        set(&mut table, 2, SessionState::Pending { since: Timestamp(54) });
        table.tick(Timestamp(56), MANY);
        assert_eq!((is_pending(&table, 1), is_pending(&table, 2)), (true, false), "its own time was not paused");
        table.postpone(Duration::from_nanos(2));
        table.tick(Timestamp(58), MANY);
        assert!(is_pending(&table, 1));
        table.tick(Timestamp(59), MANY);
        let lapsed = SessionState::Ended { at: Timestamp(59), how: SessionEnd::Lapsed };
        assert_eq!(table.get(SessionId(1)).map(SessionRecord::state), Some(lapsed));
        assert_eq!(table.waiting.counts(), (0, 0, 2));
    }

    #[test]
    fn a_record_moves_from_one_table_to_another_as_it_is() {
        let mut from = table(1..=2);
        set(&mut from, 1, ended(5));
        let mut to = SessionTable::new(3, KEPT);
        for id in [1, 2] {
            let record = from.take(SessionId(id)).unwrap();
            assert!(to.adopt(record));
        }
        assert_eq!((from.waiting.counts(), from.records.len()), ((0, 0, 0), 0));
        assert_eq!((to.waiting.counts(), ids(&to)), ((1, 1, 1), vec![1, 2]));
    }

    #[test]
    fn of_those_that_are_away_the_ones_whose_holder_is_not_known_make_room_first() {
        let mut table = table(1..=3);
        for (id, since) in [(1, 10), (2, 30), (3, 20)] {
            set(&mut table, id, SessionState::Pending { since: Timestamp(since) });
        }
        assert!(table.change(SessionId(1), |record| record.join_identity(HolderIdentity::broker(1))).is_some());
        for (id, left) in [(4, [1, 2, 4]), (5, [1, 4, 5])] {
            assert!(table.ensure(SessionId(id), Timestamp(40)));
            set(&mut table, id, SessionState::Live);
            assert_eq!(ids(&table), left);
        }
        assert!(table.ensure(SessionId(6), Timestamp(40)));
        assert_eq!((ids(&table), table.evicted()), (vec![4, 5, 6], 3), "a living one stays");
    }

    #[test]
    fn many_that_lapse_at_once_do_so_in_portions() {
        let mut table = SessionTable::new(10, KEPT);
        for id in 0..10 {
            assert!(table.ensure(SessionId(id), Timestamp(5)));
        }
        let end = Timestamp(5).after(KEPT);
        for (away, over) in [(6, 4), (2, 8)] {
            assert!(table.tick(Timestamp(5), 4), "there are more");
            assert_eq!(table.waiting.counts(), (away, away, over));
        }
        assert!(!table.tick(Timestamp(5), 4));
        for left in [6, 2] {
            assert!(table.tick(end, 4), "there are more");
            assert_eq!(table.records.len(), left);
        }
        assert!(!table.tick(end, 4) && table.records.is_empty());
    }
}
