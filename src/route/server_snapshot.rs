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

/// One server at one moment. A moment that never came is [`Timestamp::ZERO`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerSnapshot {
    /// Whether it can be given a session, as last seen.
    pub health: ServerHealth,
    /// Its role, as it last reported it.
    pub role: ServerRole,
    /// When the last probe that it answered was begun.
    pub asked_at: Timestamp,
    /// When that answer came.
    pub answered_at: Timestamp,
    /// Since when a probe is under way, its connect included; zero when none is.
    pub probed_since: Timestamp,
    /// Since when the question of a probe, sent on a connection, waits for its answer; zero when none does.
    pub unanswered_since: Timestamp,
    /// Looks in a row that did not connect in their time.
    pub unreached: u32,
    /// The last processed zxid that it reported.
    pub zxid: Option<Zxid>,
    /// When it first reported this zxid.
    pub zxid_since: Timestamp,
    /// When it last gave a session.
    pub gave_at: Timestamp,
    /// When it was last seen to answer a write.
    pub wrote_at: Timestamp,
    /// Claims of other sessions that wait for its answer.
    pub waiting: u32,
}

impl ServerSnapshot {
    /// A server not probed yet.
    pub const UNSEEN: Self = Self {
        health: ServerHealth::Unknown,
        role: ServerRole::Unknown,
        asked_at: Timestamp::ZERO,
        answered_at: Timestamp::ZERO,
        probed_since: Timestamp::ZERO,
        unanswered_since: Timestamp::ZERO,
        unreached: 0,
        zxid: None,
        zxid_since: Timestamp::ZERO,
        gave_at: Timestamp::ZERO,
        wrote_at: Timestamp::ZERO,
        waiting: 0,
    };

    /// Whether it answered a probe not long ago. `elapsed` measures the time since a moment.
    pub fn is_fresh(&self, elapsed: impl Fn(Timestamp) -> Duration) -> bool {
        self.answered_at > Timestamp::ZERO && elapsed(self.answered_at) <= PROBE_FRESH
    }

    /// Whether it leaves the question of a probe unanswered for longer than [`UNRESPONSIVE_AFTER`], or was not reached
    /// [`UNREACHED_COUNTS`] times in a row.
    pub fn is_unresponsive(&self, elapsed: impl Fn(Timestamp) -> Duration) -> bool {
        let unanswered =
            self.unanswered_since > Timestamp::ZERO && elapsed(self.unanswered_since) >= UNRESPONSIVE_AFTER;
        unanswered || self.unreached >= UNREACHED_COUNTS
    }

    /// Whether a probe of it takes longer than [`UNRESPONSIVE_AFTER`], if only to connect. That is enough not to send
    /// it a claim, and not enough to leave one that waits there.
    pub fn keeps_waiting(&self, elapsed: impl Fn(Timestamp) -> Duration) -> bool {
        let probe_is_late = self.probed_since > Timestamp::ZERO && elapsed(self.probed_since) >= UNRESPONSIVE_AFTER;
        probe_is_late || self.is_unresponsive(elapsed)
    }

    /// Whether it has ever answered a probe. What speaks ZooKeeper's protocol need not know the four-letter words.
    pub fn answers_probes(&self) -> bool {
        self.answered_at > Timestamp::ZERO
    }

    /// When it last did what only a server with a quorum can do.
    pub fn worked_at(&self) -> Timestamp {
        self.gave_at.max(self.wrote_at)
    }

    /// When it was seen to have a zxid that `other` does not have although it was probed later; zero when it was
    /// not.
    pub fn ahead_of(&self, other: &Self) -> Timestamp {
        let ahead = self.zxid.is_some_and(|zxid| other.zxid.is_some_and(|others| zxid > others));
        let seen_later = other.asked_at >= self.zxid_since.after(APPLY_LAG);
        if ahead && seen_later { self.zxid_since } else { Timestamp::ZERO }
    }
}
