//! The claims that were sent and not answered yet, of every listener and worker.
//!
//! A claim cannot be taken back. So a client that comes back while its claim is out is led to the server that has it,
//! and a session's connection is ended when a claim that was left behind is carried out elsewhere. Claims are
//! distinguished by session and password: one with another password neither waits for others nor holds others
//! up.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use foldhash::quality::RandomState;
use smallvec::SmallVec;

use crate::control::ClaimKey;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::lock::lock;
use crate::time::Timestamp;

/// Claims that are remembered at once, some 150 bytes each; beyond that the new ones are not.
pub(crate) const CLAIMS_REMEMBERED: usize = 65_536;
/// Claims of one client that are remembered at once; beyond that the oldest makes room, as the youngest is followed.
const CLAIMS_OF_ONE: usize = 8;
/// Connections of claims left behind that are watched at once, a descriptor and some KiB each.
pub(crate) const CONNECTIONS_WATCHED: u64 = 256;
/// Late answers that are remembered for searches that are still under way.
pub(crate) const LATE_ANSWERS: usize = 1_024;
/// How long a late answer is of use: no claim waits longer for its own, and then asks for those that came since it was
/// sent.
const LATE_ANSWER_COUNTS: Duration = Duration::from_mins(10);

/// One claim that is out.
#[derive(Clone, Copy, Debug)]
struct UnansweredClaim {
    connection: ConnectionId,
    server: ServerId,
    sent_at: Timestamp,
    /// When it is forgotten: by then it has been carried out or never will be.
    until: Timestamp,
}

/// Claims that were left behind and carried out.
#[derive(Debug, Default)]
struct LateAnswers {
    /// When each server carried one out last.
    newest: BTreeMap<(SessionId, ServerId), Timestamp>,
    /// In the order in which they came; older ones of one session and server are among them.
    order: VecDeque<(Timestamp, (SessionId, ServerId))>,
}

#[derive(Debug, Default)]
struct RegistryEntries {
    claims: HashMap<ClaimKey, SmallVec<[UnansweredClaim; 1]>, RandomState>,
    /// The same claims by the moment when they are forgotten. A connection has one claim.
    due: BTreeMap<(Timestamp, ConnectionId), ClaimKey>,
    late: LateAnswers,
}

/// All claims that are out.
#[derive(Debug)]
pub(in crate::proxy) struct ClaimRegistry {
    book: Mutex<RegistryEntries>,
    /// Connections that are watched, and second ones for new sessions.
    taken: AtomicUsize,
    /// Most of these at once.
    places: usize,
    digests: RandomState,
}

impl ClaimRegistry {
    /// No claim is out; this many connections may be watched.
    pub(in crate::proxy) fn new(places: usize) -> Self {
        Self { book: Mutex::default(), taken: AtomicUsize::new(0), places, digests: RandomState::default() }
    }

    /// The key of a claim.
    pub(in crate::proxy) fn key(&self, session: SessionId, password: &[u8]) -> ClaimKey {
        ClaimKey { session, proof: self.digests.hash_one(password) }
    }

    /// A claim goes out; it counts as out for `lasts` at most. False when there is no room to remember it: claims that
    /// are not known to be able to take a session leave half of it to others.
    pub(in crate::proxy) fn sent(
        &self,
        key: ClaimKey,
        can_take: bool,
        connection: ConnectionId,
        server: ServerId,
        now: Timestamp,
        lasts: Duration,
    ) -> bool {
        let mut book = self.lock();
        // On the way of new claims, so that no timer is needed: without new claims nothing grows.
        book.forget_old(now);
        if book.due.len() >= if can_take { CLAIMS_REMEMBERED } else { CLAIMS_REMEMBERED / 2 } {
            return false;
        }
        book.remember(key, UnansweredClaim { connection, server, sent_at: now, until: now.after(lasts) });
        true
    }

    /// A claim was answered, or refused in whatever way: it is no longer out.
    pub(in crate::proxy) fn settled(&self, key: ClaimKey, connection: ConnectionId) {
        self.lock().retain(key, |claim| claim.connection != connection);
    }

    /// Where the youngest claim of this client is out that another connection has sent, and since when.
    pub(in crate::proxy) fn latest(
        &self,
        key: ClaimKey,
        own: &[ConnectionId],
        now: Timestamp,
    ) -> Option<(ServerId, Timestamp)> {
        let book = self.lock();
        let others =
            book.claims.get(&key)?.iter().filter(|claim| !own.contains(&claim.connection) && claim.until > now);
        others.max_by_key(|claim| claim.sent_at).map(|claim| (claim.server, claim.sent_at))
    }

    /// A claim that was left behind was carried out: the session belongs to that server now. False when another late
    /// answer that may still be asked for made room for it.
    pub(in crate::proxy) fn answered_late(&self, session: SessionId, server: ServerId, now: Timestamp) -> bool {
        self.lock().late.note(session, server, now)
    }

    /// Whether a claim of the session that had been left behind at another server was carried out since that moment.
    /// At the same one it changes nothing.
    pub(in crate::proxy) fn was_answered_late(&self, session: SessionId, holder: ServerId, since: Timestamp) -> bool {
        self.lock().late.came_elsewhere(session, holder, since)
    }

    /// A place for one more connection that carries a claim beside its client's own: one that is watched, or a second
    /// one for a new session. Claims that are not known to be able to take a session leave half of the places to
    /// others.
    pub(in crate::proxy) fn place(self: &Arc<Self>, can_take: bool) -> Option<ClaimPlace> {
        let places = if can_take { self.places } else { self.places / 2 };
        // Given back at once where it is one too many.
        let taken = self.taken.fetch_add(1, Relaxed) < places;
        let place = ClaimPlace(Arc::clone(self));
        taken.then_some(place)
    }

    /// Places that are taken now.
    pub(in crate::proxy) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, RegistryEntries> {
        lock(&self.book)
    }
}

/// A place for a connection that carries a claim, given back when it is dropped.
#[derive(Debug)]
pub(in crate::proxy) struct ClaimPlace(Arc<ClaimRegistry>);

impl Drop for ClaimPlace {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

impl LateAnswers {
    /// Notes one; false when another one that may still be asked for made room for it.
    fn note(&mut self, session: SessionId, server: ServerId, now: Timestamp) -> bool {
        let mut has_room = true;
        while let Some(&(at, oldest)) = self.order.front() {
            let is_over = now.since(at) >= LATE_ANSWER_COUNTS;
            if !is_over && self.order.len() < LATE_ANSWERS {
                break;
            }
            self.order.pop_front();
            // Unless a newer one of the same session and server came.
            if self.newest.get(&oldest) == Some(&at) {
                self.newest.remove(&oldest);
                has_room &= is_over;
            }
        }
        self.order.push_back((now, (session, server)));
        self.newest.insert((session, server), now);
        has_room
    }

    /// Whether one of this session came at another server since that moment.
    fn came_elsewhere(&self, session: SessionId, holder: ServerId, since: Timestamp) -> bool {
        let mut of_session = self.newest.range((session, ServerId(0))..=(session, ServerId(u16::MAX)));
        of_session.any(|((_, server), at)| *server != holder && *at >= since)
    }
}

impl RegistryEntries {
    /// Remembers a claim; where there are too many of one client, its oldest makes room.
    fn remember(&mut self, key: ClaimKey, claim: UnansweredClaim) {
        let claims = self.claims.entry(key).or_default();
        if claims.len() >= CLAIMS_OF_ONE {
            let oldest = claims.remove(0);
            self.due.remove(&(oldest.until, oldest.connection));
        }
        claims.push(claim);
        self.due.insert((claim.until, claim.connection), key);
    }

    /// Forgets those whose time is over, however long others stay out that were sent before them.
    fn forget_old(&mut self, now: Timestamp) {
        while let Some((&(until, _), &key)) = self.due.first_key_value() {
            if until > now {
                break;
            }
            self.due.pop_first();
            self.retain(key, |claim| claim.until > now);
        }
    }

    /// Forgets the claims of one client but those.
    fn retain(&mut self, key: ClaimKey, mut stays: impl FnMut(&UnansweredClaim) -> bool) {
        let Self { claims: all, due, .. } = self;
        let Some(claims) = all.get_mut(&key) else { return };
        claims.retain(|claim| {
            let kept = stays(claim);
            if !kept {
                due.remove(&(claim.until, claim.connection));
            }
            kept
        });
        if claims.is_empty() {
            all.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(7);
    const LASTS: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO.after(Duration::from_secs(1 + seconds))
    }

    #[test]
    fn a_client_finds_its_own_youngest_claim_and_nobody_elses() {
        let out = ClaimRegistry::new(4);
        let (key, other) = (out.key(SESSION, b"secret"), out.key(SESSION, b"guess"));
        assert!(out.sent(key, true, ConnectionId(1), ServerId(0), at(0), LASTS));
        assert!(out.sent(key, true, ConnectionId(2), ServerId(1), at(1), LASTS));
        assert_eq!(out.latest(key, &[], at(2)), Some((ServerId(1), at(1))));
        assert_eq!(out.latest(key, &[ConnectionId(2)], at(2)), Some((ServerId(0), at(0))));
        assert_eq!(out.latest(other, &[], at(2)), None);
        out.settled(key, ConnectionId(2));
        assert_eq!(out.latest(key, &[], at(2)), Some((ServerId(0), at(0))));
        assert_eq!(out.latest(key, &[], at(11)), None, "its time is over");
    }

    #[test]
    fn memory_is_given_back_with_time_and_bounded() {
        let out = ClaimRegistry::new(4);
        for number in 0..=CLAIMS_REMEMBERED as u64 {
            let key = out.key(SessionId(number as i64), b"");
            assert_eq!(
                out.sent(key, true, ConnectionId(number), ServerId(0), at(0), LASTS),
                number < CLAIMS_REMEMBERED as u64
            );
        }
        let key = out.key(SESSION, b"");
        assert!(out.sent(key, true, ConnectionId(0), ServerId(0), at(10), LASTS), "the old ones are forgotten");
        let sizes = || {
            let book = out.lock();
            (book.claims.len(), book.due.len())
        };
        assert_eq!(sizes(), (1, 1));
        out.settled(key, ConnectionId(0));
        assert_eq!(sizes(), (0, 0));
    }

    #[test]
    fn claims_whose_time_is_over_make_room_behind_one_that_stays_out() {
        let out = ClaimRegistry::new(4);
        let lasting = out.key(SESSION, b"");
        assert!(out.sent(lasting, true, ConnectionId(0), ServerId(0), at(0), 9 * LASTS));
        for number in 1..CLAIMS_REMEMBERED as u64 {
            let key = out.key(SessionId(number as i64 + 100), b"");
            assert!(out.sent(key, true, ConnectionId(number), ServerId(0), at(0), LASTS), "{number}");
        }
        let (key, other) = (out.key(SessionId(1), b""), ConnectionId(CLAIMS_REMEMBERED as u64));
        assert!(!out.sent(key, true, other, ServerId(0), at(9), LASTS));
        assert!(out.sent(key, true, other, ServerId(0), at(10), LASTS));
        let book = out.lock();
        assert_eq!((book.claims.len(), book.due.len()), (2, 2), "the lasting one and the new one");
    }

    #[test]
    fn claims_that_can_take_nothing_leave_room() {
        let out = ClaimRegistry::new(4);
        for number in 0..=CLAIMS_REMEMBERED as u64 / 2 {
            let key = out.key(SessionId(number as i64), b"a guess");
            let is_remembered = out.sent(key, false, ConnectionId(number), ServerId(0), at(0), LASTS);
            assert_eq!(is_remembered, number < CLAIMS_REMEMBERED as u64 / 2);
        }
        assert!(out.sent(out.key(SESSION, b"secret"), true, ConnectionId(u64::MAX), ServerId(0), at(0), LASTS));
    }

    #[test]
    fn one_that_stays_out_leaves_room_for_those_that_are_settled() {
        let out = ClaimRegistry::new(4);
        let lasting = out.key(SESSION, b"");
        assert!(out.sent(lasting, true, ConnectionId(0), ServerId(0), at(0), 9 * LASTS));
        for number in 1..3 * CLAIMS_REMEMBERED as u64 {
            let key = out.key(SessionId(number as i64), b"");
            assert!(out.sent(key, true, ConnectionId(number), ServerId(0), at(1), LASTS), "{number}");
            out.settled(key, ConnectionId(number));
        }
        assert_eq!(out.latest(lasting, &[], at(2)), Some((ServerId(0), at(0))));
        let book = out.lock();
        assert_eq!((book.claims.len(), book.due.len()), (1, 1));
    }

    #[test]
    fn of_one_client_the_youngest_claims_are_remembered() {
        let out = ClaimRegistry::new(4);
        let key = out.key(SESSION, b"secret");
        for number in 0..100 {
            assert!(out.sent(key, true, ConnectionId(number), ServerId(number as u16), at(number), 20 * LASTS));
        }
        assert_eq!(out.latest(key, &[], at(100)), Some((ServerId(99), at(99))));
        let sizes = || {
            let book = out.lock();
            (book.claims.get(&key).map(SmallVec::len), book.due.len())
        };
        assert_eq!(sizes(), (Some(CLAIMS_OF_ONE), CLAIMS_OF_ONE));
        (0..100).for_each(|number| out.settled(key, ConnectionId(number)));
        assert_eq!(sizes(), (None, 0));
    }

    #[test]
    fn late_answers_are_remembered_for_a_search_under_way() {
        let out = ClaimRegistry::new(4);
        let (holder, other) = (ServerId(0), ServerId(1));
        assert!(out.answered_late(SESSION, other, at(5)));
        assert!(out.was_answered_late(SESSION, holder, at(5)) && !out.was_answered_late(SESSION, holder, at(6)));
        assert!(!out.was_answered_late(SESSION, other, at(5)), "the owner is the same");
        for number in 1..LATE_ANSWERS as i64 {
            assert!(out.answered_late(SessionId(100 + number), other, at(5)), "{number}");
        }
        assert!(out.was_answered_late(SESSION, holder, at(5)));
        assert!(!out.answered_late(SessionId(100), other, at(5)), "one that may be asked for makes room");
        assert!(!out.was_answered_late(SESSION, holder, at(5)), "the oldest did");
    }

    #[test]
    fn late_answers_that_nobody_can_ask_for_any_more_make_room_first() {
        let out = ClaimRegistry::new(4);
        let (holder, other) = (ServerId(0), ServerId(1));
        for number in 0..LATE_ANSWERS as i64 {
            assert!(out.answered_late(SessionId(100 + number), other, at(0)));
        }
        assert!(out.answered_late(SESSION, other, at(LATE_ANSWER_COUNTS.as_secs())));
        assert!(out.was_answered_late(SESSION, holder, at(0)));
        let book = out.lock();
        assert_eq!((book.late.order.len(), book.late.newest.len()), (1, 1));
    }

    #[test]
    fn the_newest_late_answer_of_a_server_counts() {
        let out = ClaimRegistry::new(4);
        let (holder, other) = (ServerId(0), ServerId(1));
        for seconds in [1, 5] {
            assert!(out.answered_late(SESSION, other, at(seconds)));
        }
        assert!(out.answered_late(SESSION, holder, at(9)));
        assert!(out.was_answered_late(SESSION, holder, at(5)) && !out.was_answered_late(SESSION, holder, at(6)));
        for number in 1..LATE_ANSWERS as i64 - 1 {
            assert!(out.answered_late(SessionId(100 + number), other, at(9)), "the older one of two makes room unseen");
        }
        assert!(out.was_answered_late(SESSION, holder, at(5)));
    }

    #[test]
    fn as_many_connections_have_a_place_as_there_are() {
        let out = Arc::new(ClaimRegistry::new(4));
        let mut others: Vec<_> = (0..2).map(|_| out.place(false)).collect();
        assert!(out.place(false).is_none(), "half is for those that could take a session");
        let own = [out.place(true), out.place(true)];
        assert!(others.iter().chain(&own).all(Option::is_some) && out.place(true).is_none());
        assert_eq!(out.taken(), 4);
        drop((others.pop(), own));
        assert!(out.place(false).is_some() && out.place(true).is_some());
        assert_eq!(out.taken(), 1);
    }
}
