//! Where changes wait for the thread that writes them: bounded, and never waited for by the traffic.

use std::mem::take;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::history_change::HistoryChange;
use crate::lock::lock;

/// Changes that wait at most, those that are being written included.
pub(crate) const CHANGES_WAITING: usize = 16_384;
/// Their bytes at most.
pub(crate) const BYTES_WAITING: usize = 4 << 20;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct ChangeQueue {
    waiting: Mutex<WaitingChanges>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct WaitingChanges {
    changes: Vec<HistoryChange>,
    /// Of those, and of those that were taken and are not written.
    count: usize,
    bytes: usize,
    stop: bool,
}

/// What was taken out, and how much room it gives when it is written.
#[derive(Debug, Default)]
pub(crate) struct TakenChanges {
    pub(crate) changes: Vec<HistoryChange>,
    pub(crate) room: TakenRoom,
}

/// Room in the queue that is still taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TakenRoom {
    count: usize,
    bytes: usize,
}

impl TakenRoom {
    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }

    /// Takes out what the rows that are written took of it, where some are left of all of them.
    pub(super) fn take_written(&mut self, left: usize, all: usize) -> Self {
        let kept = |room: usize| if left < all { room * left / all } else { room };
        let kept = Self { count: kept(self.count), bytes: kept(self.bytes) };
        let written = Self { count: self.count - kept.count, bytes: self.bytes - kept.bytes };
        *self = kept;
        written
    }
}

impl ChangeQueue {
    /// Puts a change behind the others; false where there is no room.
    pub(super) fn put(&self, change: HistoryChange) -> bool {
        let bytes = change.bytes();
        let mut waiting = lock(&self.waiting);
        if waiting.count >= CHANGES_WAITING || waiting.bytes + bytes > BYTES_WAITING {
            return false;
        }
        waiting.count += 1;
        waiting.bytes += bytes;
        waiting.changes.push(change);
        true
    }

    /// Takes all that waits. Its room stays taken until it is given back.
    pub(crate) fn take(&self) -> TakenChanges {
        let changes = take(&mut lock(&self.waiting).changes);
        let bytes = changes.iter().map(HistoryChange::bytes).sum();
        TakenChanges { room: TakenRoom { count: changes.len(), bytes }, changes }
    }

    /// Gives room back.
    pub(crate) fn give_back(&self, room: TakenRoom) {
        let mut waiting = lock(&self.waiting);
        waiting.count = waiting.count.saturating_sub(room.count);
        waiting.bytes = waiting.bytes.saturating_sub(room.bytes);
    }

    /// Says that nothing more comes.
    pub(super) fn stop(&self) {
        lock(&self.waiting).stop = true;
        self.stopped.notify_all();
    }

    /// Waits so long, or until nothing more comes; whether that is so.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let waiting = lock(&self.waiting);
        let waited = self.stopped.wait_timeout_while(waiting, time, |waiting| !waiting.stop);
        waited.map_or(true, |(waiting, _)| waiting.stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::{EnsembleChange, EnsembleEvent};
    use crate::ids::{ConnectionId, ServerId, SessionId};
    use crate::session::connection_end::UnansweredRequest;
    use crate::session::verdict::{Confidence, Evidence, SessionMovedRefusal};
    use crate::time::Timestamp;
    use crate::wire::OpCode;

    fn small() -> HistoryChange {
        HistoryChange::Ensemble(
            EnsembleEvent { at: Timestamp(1), server: None, change: EnsembleChange::CaughtUp {} },
            None,
        )
    }

    /// A refusal with a path of this length.
    fn large(bytes: usize) -> HistoryChange {
        let request = UnansweredRequest {
            xid: crate::ids::Xid(1),
            op: OpCode::SET_DATA,
            path: "x".repeat(bytes),
            ephemeral: false,
            sent_at: Timestamp(1),
        };
        HistoryChange::Refusal(Box::new(SessionMovedRefusal {
            session: SessionId(1),
            connection: ConnectionId(1),
            client: ([127, 0, 0, 1], 1).into(),
            server: ServerId(0),
            claimed_by: None,
            at: Timestamp(1),
            evidence: Evidence::Reply,
            confidence: Confidence::Certain,
            facts: Vec::new().into(),
            identity: None,
            unanswered: vec![request],
            unanswered_count: 1,
        }))
    }

    #[test]
    fn what_is_not_written_takes_room() {
        let queue = ChangeQueue::default();
        let taken = |put: usize| (0..put).filter(|_| queue.put(small())).count();
        assert_eq!(taken(CHANGES_WAITING + 5), CHANGES_WAITING);
        let first = queue.take();
        assert_eq!((first.changes.len(), taken(1)), (CHANGES_WAITING, 0));
        queue.give_back(first.room);
        assert_eq!(taken(3), 3);
        assert_eq!(queue.take().changes.len(), 3);
    }

    #[test]
    fn rows_that_are_left_keep_their_room() {
        let mut room = TakenRoom { count: 100, bytes: 1_000 };
        assert_eq!(room.take_written(200, 200), TakenRoom::default());
        assert_eq!(room.take_written(50, 200), TakenRoom { count: 75, bytes: 750 });
        assert_eq!(room, TakenRoom { count: 25, bytes: 250 });
        assert_eq!((room.take_written(0, 50), room), (TakenRoom { count: 25, bytes: 250 }, TakenRoom::default()));
    }

    #[test]
    fn bytes_are_bounded() {
        let queue = ChangeQueue::default();
        let put = (0..100).filter(|_| queue.put(large(BYTES_WAITING / 8))).count();
        assert_eq!(put, 7);
        assert!(queue.put(large(10)), "there is room for a small one");
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let queue = ChangeQueue::default();
        assert!(!queue.wait(Duration::ZERO));
        queue.stop();
        assert!(queue.wait(Duration::from_hours(1)));
    }
}
