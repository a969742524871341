//! The signs of life of one server, as claims need them: when it was probed, when it last gave a session or
//! answered a write, how many claims wait for it. Written by the prober and by every worker, read by every search.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::ids::Zxid;
use crate::route::{ServerEntry, ServerSnapshot, ServerWork};
use crate::state::AnsweredWork;
use crate::time::Timestamp;

/// Pause between two answers to pings of one server that are measured.
const PINGS_APART: Duration = Duration::from_millis(100);

/// The signs of life of one server. Moments are nanoseconds of the proxy's clock; 0 stands for never.
#[derive(Debug, Default)]
pub(in crate::proxy) struct ServerActivity {
    /// When the probe was begun that it answered last.
    asked_at: AtomicU64,
    /// When that answer came.
    told_at: AtomicU64,
    /// Since when a probe is under way, its connect included.
    probed_since: AtomicU64,
    /// Since when the question of a probe waits for its answer.
    unanswered_since: AtomicU64,
    /// Looks in a row that did not connect in their time.
    unreached: AtomicU32,
    zxid: AtomicU64,
    zxid_since: AtomicU64,
    gave_at: AtomicU64,
    wrote_at: AtomicU64,
    answered_at: AtomicU64,
    /// When it was last asked what it has answered; what is new was answered after that.
    judged_at: AtomicU64,
    /// When a ping's answer was measured last.
    pinged_at: AtomicU64,
    waiting: AtomicU32,
    set_aside: AtomicBool,
}

impl ServerActivity {
    /// A probe begins: it connects, or asks on a connection that is there.
    pub(in crate::proxy) fn probe_begins(&self, now: Timestamp) {
        let _ = self.probed_since.compare_exchange(0, now.0, Relaxed, Relaxed);
    }

    /// A probe has its connection, which waits for its question, or is not made for a want on this side.
    pub(in crate::proxy) fn probe_rests(&self) {
        self.unreached.store(0, Relaxed);
        self.probed_since.store(self.unanswered_since.load(Relaxed), Relaxed);
    }

    /// A probe did not connect in its time.
    pub(in crate::proxy) fn not_reached(&self) {
        self.unreached.fetch_add(1, Relaxed);
    }

    /// The question of a probe was sent.
    pub(in crate::proxy) fn question_sent(&self, now: Timestamp) {
        self.probe_begins(now);
        let _ = self.unanswered_since.compare_exchange(0, now.0, Relaxed, Relaxed);
    }

    /// A probe that was begun at that moment was answered, in whatever way; `zxid` when it reported one.
    pub(in crate::proxy) fn probe_answered(&self, asked_at: Timestamp, now: Timestamp, zxid: Option<Zxid>) {
        if let Some(Zxid(zxid)) = zxid
            && self.zxid.swap(zxid as u64, Relaxed) != zxid as u64
        {
            self.zxid_since.store(now.0, Relaxed);
        }
        self.asked_at.store(asked_at.0, Relaxed);
        self.told_at.store(now.0, Relaxed);
        self.awakes();
    }

    /// A question of long ago was answered: the server is awake, and nothing more is known.
    pub(in crate::proxy) fn awakes(&self) {
        self.unreached.store(0, Relaxed);
        self.unanswered_since.store(0, Relaxed);
        self.probed_since.store(0, Relaxed);
    }

    /// Whether a probe is under way.
    pub(super) fn is_probed(&self) -> bool {
        self.probed_since.load(Relaxed) > 0
    }

    /// When it answered a probe last, if it ever did.
    pub(super) fn told_at(&self) -> Option<Timestamp> {
        moment(&self.told_at)
    }

    /// Whether a ping's answer is to be measured: a few of each second's are.
    pub(in crate::proxy) fn takes_ping(&self, now: Timestamp) -> bool {
        let last = self.pinged_at.load(Relaxed);
        // Of two workers at the same moment one takes it.
        now.since(Timestamp(last)) >= PINGS_APART
            && self.pinged_at.compare_exchange(last, now.0, Relaxed, Relaxed).is_ok()
    }

    /// It gave a session.
    pub(in crate::proxy) fn gave(&self, now: Timestamp) {
        self.gave_at.store(now.0, Relaxed);
    }

    /// A claim waits for it, or no longer does.
    pub(in crate::proxy) fn add_waiting(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// As [`add_waiting`](Self::add_waiting), the other way.
    pub(in crate::proxy) fn drop_waiting(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    /// Claims that wait for it.
    pub(in crate::proxy) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed) as usize
    }

    /// Says whether what it did to clients speaks against it.
    pub(super) fn set_aside(&self, aside: bool) {
        self.set_aside.store(aside, Relaxed);
    }

    /// Whether what it did to clients speaks against it.
    pub(super) fn is_set_aside(&self) -> bool {
        self.set_aside.load(Relaxed)
    }

    /// Takes what it has answered since the last time. A write counts as answered when it can have been answered at the
    /// earliest: where a claim was sent since the last time, it is no sign that others work while that waits.
    pub(in crate::proxy) fn take_work(&self, work: &AnsweredWork, now: Timestamp) {
        let answered = work.take();
        if answered.any {
            self.answered_at.store(now.0, Relaxed);
        }
        let since = self.judged_at.swap(now.0, Relaxed);
        if answered.writes {
            self.wrote_at.store(since, Relaxed);
        }
    }

    /// What it last did for clients.
    pub(super) fn work(&self) -> ServerWork {
        ServerWork { gave_at: moment(&self.gave_at), answered_at: moment(&self.answered_at) }
    }

    /// All that a claim's search looks at.
    pub(in crate::proxy) fn snapshot(&self, entry: &ServerEntry) -> ServerSnapshot {
        ServerSnapshot {
            health: entry.health,
            role: entry.role,
            asked_at: moment(&self.asked_at),
            answered_at: moment(&self.told_at),
            probed_since: moment(&self.probed_since),
            unanswered_since: moment(&self.unanswered_since),
            unreached: self.unreached.load(Relaxed),
            zxid: entry.zxid,
            zxid_since: moment(&self.zxid_since),
            gave_at: moment(&self.gave_at),
            wrote_at: moment(&self.wrote_at),
            waiting: self.waiting.load(Relaxed),
        }
    }
}

/// The moment that is kept there, if it has ever come.
fn moment(at: &AtomicU64) -> Option<Timestamp> {
    Some(at.load(Relaxed)).filter(|at| *at > 0).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::ServerRoster;

    #[test]
    fn a_look_is_unanswered_from_its_first_question_to_the_next_answer() {
        let activity = ServerActivity::default();
        let roster = ServerRoster::new(["a:1".to_owned()]);
        let snapshot = || activity.snapshot(&roster.servers[0]);
        activity.question_sent(Timestamp(5));
        activity.question_sent(Timestamp(9));
        assert_eq!((snapshot().unanswered_since, activity.is_probed()), (Some(Timestamp(5)), true));
        activity.probe_answered(Timestamp(9), Timestamp(11), Some(Zxid(3)));
        let seen = snapshot();
        assert_eq!(
            (seen.unanswered_since, seen.asked_at, seen.answered_at),
            (None, Some(Timestamp(9)), Some(Timestamp(11)))
        );
        assert_eq!(seen.zxid_since, Some(Timestamp(11)));
        activity.probe_answered(Timestamp(19), Timestamp(21), Some(Zxid(3)));
        assert_eq!(snapshot().zxid_since, Some(Timestamp(11)), "the same zxid");
        activity.question_sent(Timestamp(30));
        activity.awakes();
        assert_eq!((snapshot().unanswered_since, snapshot().answered_at), (None, Some(Timestamp(21))));
    }

    #[test]
    fn a_look_that_only_connects_leaves_nothing_unanswered() {
        let activity = ServerActivity::default();
        let roster = ServerRoster::new(["a:1".to_owned()]);
        let snapshot = || activity.snapshot(&roster.servers[0]);
        let nanos = |at: Option<Timestamp>| at.map_or(0, |at| at.0);
        let state = || (nanos(snapshot().probed_since), nanos(snapshot().unanswered_since), snapshot().unreached);
        activity.probe_begins(Timestamp(5));
        assert_eq!((state(), activity.is_probed()), ((5, 0, 0), true));
        activity.probe_rests();
        assert_eq!((state(), activity.is_probed()), ((0, 0, 0), false), "its connection waits to be needed");
        for began in [10, 20] {
            activity.probe_begins(Timestamp(began));
            activity.not_reached();
        }
        assert_eq!(state(), (10, 0, 2));
        activity.probe_begins(Timestamp(30));
        activity.probe_rests();
        activity.question_sent(Timestamp(40));
        assert_eq!(state(), (40, 40, 0));
        activity.probe_begins(Timestamp(50));
        activity.probe_rests();
        assert_eq!(state(), (40, 40, 0), "an earlier question is still unanswered");
        activity.probe_answered(Timestamp(50), Timestamp(51), None);
        assert_eq!(state(), (0, 0, 0));
    }
}
