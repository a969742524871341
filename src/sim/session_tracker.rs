//! The leader's memory of sessions: who owns each, and when it expires.
//!
//! Ownership is by learner link, not by TCP connection (`SessionTrackerImpl.checkSession`): all of the leader's
//! own clients share one owner, and a learner that joined again is another owner than before.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Timestamp;

/// Through whom a session speaks to the leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionOwner {
    /// The leader's own clients.
    Leader,
    /// One link of one learner; the number is never used twice.
    Learner(u64),
}

/// Why the leader does not let a session do something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackerRefusal {
    /// It does not know the session.
    Unknown,
    /// The session is being closed.
    Closing,
    /// Another connection owns it.
    Moved,
}

#[derive(Clone, Debug)]
struct TrackerEntry {
    timeout: Duration,
    owner: Option<SessionOwner>,
    expires_at: Timestamp,
    closing: bool,
}

/// The sessions of one leader's reign.
#[derive(Clone, Debug)]
pub struct SessionTracker {
    tick: Duration,
    entries: BTreeMap<i64, TrackerEntry>,
}

impl SessionTracker {
    /// A new leader's: every session gets its full timeout again, and none has an owner.
    pub fn new(tick: Duration, now: Timestamp, sessions: &BTreeMap<i64, i32>) -> Self {
        let mut tracker = Self { tick, entries: BTreeMap::new() };
        for (session, timeout_ms) in sessions {
            tracker.add(now, *session, *timeout_ms, None);
        }
        tracker
    }

    /// Takes up a session.
    pub fn add(&mut self, now: Timestamp, session: i64, timeout_ms: i32, owner: Option<SessionOwner>) {
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        let expires_at = self.round_up(now.after(timeout));
        self.entries.insert(session, TrackerEntry { timeout, owner, expires_at, closing: false });
    }

    /// The next multiple of the tick (`ExpiryQueue.roundToNextInterval`).
    fn round_up(&self, at: Timestamp) -> Timestamp {
        let tick = self.tick.as_nanos() as u64;
        Timestamp((at.0 / tick + 1) * tick)
    }

    /// Notes that the session lives; false when it does not.
    pub fn touch(&mut self, now: Timestamp, session: i64) -> bool {
        let Some(timeout) = self.entries.get(&session).filter(|entry| !entry.closing).map(|entry| entry.timeout) else {
            return false;
        };
        let expires_at = self.round_up(now.after(timeout));
        if let Some(entry) = self.entries.get_mut(&session) {
            entry.expires_at = entry.expires_at.max(expires_at);
        }
        true
    }

    /// Gives the session to `owner`, whatever owner it had; false if it does not live.
    pub fn claim(&mut self, now: Timestamp, session: i64, owner: SessionOwner) -> bool {
        let lives = self.touch(now, session);
        if let Some(entry) = self.entries.get_mut(&session).filter(|_| lives) {
            entry.owner = Some(owner);
        }
        lives
    }

    /// Whether `owner` may speak for the session; one without an owner is taken over.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&mut self, session: i64, owner: SessionOwner) -> Result<(), TrackerRefusal> {
        let entry = self.entries.get_mut(&session).ok_or(TrackerRefusal::Unknown)?;
        if entry.closing {
            return Err(TrackerRefusal::Closing);
        }
        match entry.owner {
            Some(current) if current != owner => Err(TrackerRefusal::Moved),
            _ => {
                entry.owner = Some(owner);
                Ok(())
            }
        }
    }

    /// Whether the session is known and not being closed.
    pub fn lives(&self, session: i64) -> bool {
        self.entries.get(&session).is_some_and(|entry| !entry.closing)
    }

    /// Marks a session as being closed; false when it was already, or is not known.
    pub fn close(&mut self, session: i64) -> bool {
        match self.entries.get_mut(&session) {
            Some(entry) if !entry.closing => {
                entry.closing = true;
                true
            }
            _ => false,
        }
    }

    /// Forgets a session whose end is committed.
    pub fn remove(&mut self, session: i64) {
        self.entries.remove(&session);
    }

    /// The sessions whose time is over.
    pub fn expired(&self, now: Timestamp) -> Vec<i64> {
        let over = |entry: &TrackerEntry| !entry.closing && entry.expires_at <= now;
        self.entries.iter().filter(|(_, entry)| over(entry)).map(|(session, _)| *session).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp(millis * 1_000_000)
    }

    fn tracker() -> SessionTracker {
        SessionTracker::new(Duration::from_secs(2), at(0), &BTreeMap::from([(7, 4000)]))
    }

    #[test]
    fn the_first_to_speak_after_an_election_owns_the_session() {
        let mut tracker = tracker();
        assert_eq!(tracker.check(7, SessionOwner::Learner(1)), Ok(()));
        assert_eq!(tracker.check(7, SessionOwner::Leader), Err(TrackerRefusal::Moved));
        assert!(tracker.claim(at(1), 7, SessionOwner::Leader));
        assert_eq!(tracker.check(7, SessionOwner::Learner(1)), Err(TrackerRefusal::Moved));
        assert_eq!(tracker.check(8, SessionOwner::Leader), Err(TrackerRefusal::Unknown));
    }

    #[test]
    fn sessions_live_up_to_the_tick_after_their_timeout() {
        let mut tracker = tracker();
        assert!(tracker.touch(at(100), 7));
        assert_eq!(tracker.expired(at(5999)), Vec::<i64>::new());
        assert_eq!(tracker.expired(at(6000)), [7]);
        assert!(tracker.close(7));
        assert!(!tracker.touch(at(6000), 7));
        assert!(!tracker.claim(at(6000), 7, SessionOwner::Leader));
        assert_eq!(tracker.check(7, SessionOwner::Leader), Err(TrackerRefusal::Closing));
        assert!(!tracker.close(7));
    }
}
