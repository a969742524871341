//! What is known of a server at one moment, as far as a claim's way depends on it.

use std::time::Duration;

use crate::ids::Zxid;
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::time::Timestamp;

/// How old an answer to a probe may be for a claim to be sent on the strength of it.
pub const PROBE_FRESH: Duration = Duration::from_millis(150);
/// How long a probe may stay unanswered before its server counts as unresponsive. An ensemble of idle servers answers
/// within a millisecond, a busy one within tens; a stop-the-world pause of half a second is rare.
pub const UNRESPONSIVE_AFTER: Duration = Duration::from_millis(500);
/// Looks in a row that must not connect before their server counts as unresponsive: the first one may have lost a
/// packet, while a claim that waits on a connection of its own is as well as it was.
pub const UNREACHED_COUNTS: u32 = 2;
/// How much later than another server a follower may apply a transaction without being cut off.
const APPLY_LAG: Duration = Duration::from_millis(100);

/// One server at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerSnapshot {
    /// Whether it can be given a session, as last seen.
    pub health: ServerHealth,
    /// Its role, as it last reported it.
    pub role: ServerRole,
    /// When the last probe that it answered was begun; None when it never answered one.
    pub asked_at: Option<Timestamp>,
    /// When that answer came.
    pub answered_at: Option<Timestamp>,
    /// Since when a probe is under way, its connect included; None when none is.
    pub probed_since: Option<Timestamp>,
    /// Since when the question of a probe, sent on a connection, waits for its answer; None when none does.
    pub unanswered_since: Option<Timestamp>,
    /// Looks in a row that did not connect in their time.
    pub unreached: u32,
    /// The last processed zxid that it reported.
    pub zxid: Option<Zxid>,
    /// When it first reported this zxid.
    pub zxid_since: Option<Timestamp>,
    /// When it last gave a session, if it ever did.
    pub gave_at: Option<Timestamp>,
    /// When it was last seen to answer a write, if it ever was.
    pub wrote_at: Option<Timestamp>,
    /// Claims of other sessions that wait for its answer.
    pub waiting: u32,
}

impl ServerSnapshot {
    /// A server not probed yet.
    pub const UNSEEN: Self = Self {
        health: ServerHealth::Unknown,
        role: ServerRole::Unknown,
        asked_at: None,
        answered_at: None,
        probed_since: None,
        unanswered_since: None,
        unreached: 0,
        zxid: None,
        zxid_since: None,
        gave_at: None,
        wrote_at: None,
        waiting: 0,
    };

    /// Whether it answered a probe not long ago. The proxy's own pauses make an answer as old as any other time does.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.answered_at.is_some_and(|at| now.since(at) <= PROBE_FRESH)
    }

    /// Whether it leaves the question of a probe unanswered for longer than [`UNRESPONSIVE_AFTER`], or was not reached
    /// [`UNREACHED_COUNTS`] times in a row.
    pub fn is_unresponsive(&self, elapsed: impl Fn(Timestamp) -> Duration) -> bool {
        let unanswered = self.unanswered_since.is_some_and(|since| elapsed(since) >= UNRESPONSIVE_AFTER);
        unanswered || self.unreached >= UNREACHED_COUNTS
    }

    /// Whether a probe of it takes longer than [`UNRESPONSIVE_AFTER`], if only to connect. That is enough not to send
    /// it a claim, and not enough to leave one that waits there.
    pub fn keeps_waiting(&self, elapsed: impl Fn(Timestamp) -> Duration) -> bool {
        let probe_is_late = self.probed_since.is_some_and(|since| elapsed(since) >= UNRESPONSIVE_AFTER);
        probe_is_late || self.is_unresponsive(elapsed)
    }

    /// Whether it has ever answered a probe. What speaks ZooKeeper's protocol need not know the four-letter words.
    pub fn answers_probes(&self) -> bool {
        self.answered_at.is_some()
    }

    /// When it last did what only a server with a quorum can do, if it ever did.
    pub fn worked_at(&self) -> Option<Timestamp> {
        self.gave_at.max(self.wrote_at)
    }

    /// When it was seen to have a zxid that `other` does not have although it was probed later; None when it was
    /// not.
    pub fn ahead_of(&self, other: &Self) -> Option<Timestamp> {
        let ahead = self.zxid.is_some_and(|zxid| other.zxid.is_some_and(|others| zxid > others));
        self.zxid_since.filter(|since| ahead && other.asked_at >= Some(since.after(APPLY_LAG)))
    }
}
