//! The requests of one connection that wait for their replies.
//!
//! Servers answer in order but for a few kinds of reply (protocol.md §3.2), so the first entry is nearly always
//! the one. Where it is not, the entry is searched, and what stood before it counts as skipped until its own
//! reply comes after all. Both memory and search are bounded by [`IN_FLIGHT_CAP`].

use std::collections::VecDeque;

use super::RequestPath;
use super::path_ring::{PathRef, PathRing};
use crate::ids::Xid;
use crate::time::Timestamp;
use crate::wire::OpCode;

/// Requests in flight that are tracked on one connection; a server throttles at 1,000
/// (`globalOutstandingLimit`). More are forwarded all the same and counted as untracked.
pub const IN_FLIGHT_CAP: usize = 4096;

/// Entries that are looked at for the replies of one wake-up that are not the oldest request's: some tens of
/// microseconds. A peer that needs more is not answered in order by any server, and its further replies of that wake-up
/// count as replies to nothing.
pub(crate) const LOOKED_AT: usize = 16 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PendingState {
    Waiting,
    /// A later request was answered before it. None before it is [`PendingState::Waiting`], but for what is answered aside.
    Skipped,
    /// Its turn had come; the same holds of those before it.
    Answered,
    /// Answered past others that may wait still.
    Overtook,
}

/// Whether a create's flags ask for an ephemeral node (`CreateMode` 1 and 3).
pub(super) fn is_ephemeral(part: OpCode, flags: i32) -> bool {
    matches!(part, OpCode::CREATE | OpCode::CREATE2 | OpCode::CREATE_IF_NOT_EXISTS) && matches!(flags, 1 | 3)
}

/// A request in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) xid: Xid,
    pub(super) op: OpCode,
    pub(super) sent_at: Timestamp,
    pub(super) frame_len: u32,
    pub(super) flags: i32,
    pub(super) path: PathRef,
    state: PendingState,
}

impl Pending {
    fn is_answered(&self) -> bool {
        matches!(self.state, PendingState::Answered | PendingState::Overtook)
    }

    /// Whether it asks for an ephemeral node.
    pub(super) fn makes_ephemeral(&self) -> bool {
        is_ephemeral(self.op, self.flags)
    }

    /// Auth and SASL are answered by another thread of the server, out of order (`processPacket`).
    fn is_aside(&self) -> bool {
        matches!(self.op, OpCode::AUTH | OpCode::SASL)
    }

    /// Whether its client awaits no reply to it.
    fn is_unawaited(&self) -> bool {
        self.op == OpCode::CLOSE_SESSION && Xid::CLICKHOUSE_CLOSES.contains(&self.xid)
    }
}

/// A reply's place among the requests.
#[derive(Debug)]
pub(super) struct ReplyMatch {
    pub(super) request: Pending,
    /// Requests that this reply skipped and that were not skipped before.
    pub(super) skipped: u32,
}

/// The requests in flight, oldest first.
#[derive(Default, Debug)]
pub(super) struct PendingRequests {
    /// The first entry is not answered; len <= IN_FLIGHT_CAP.
    ring: VecDeque<Pending>,
    paths: PathRing,
    /// Entries in [`PendingState::Skipped`].
    skipped: u32,
    /// Entries that are answered.
    answered: u32,
    /// Requests that found no room, ever.
    untracked: u64,
    /// Whether the newest request found room.
    newest_tracked: bool,
    /// Entries that were looked at in this wake-up.
    looked_at: usize,
}

impl PendingRequests {
    /// Adds the request whose head was just read; false when it finds no room.
    #[inline]
    pub(super) fn push(&mut self, xid: Xid, op: OpCode, frame_len: u32, now: Timestamp) -> bool {
        self.newest_tracked = self.ring.len() < IN_FLIGHT_CAP;
        if self.newest_tracked {
            let (flags, path, state) = (0, self.paths.next(), PendingState::Waiting);
            self.ring.push_back(Pending { xid, op, sent_at: now, frame_len, flags, path, state });
        } else {
            self.untracked += 1;
        }
        self.newest_tracked
    }

    /// Whether another request would be tracked.
    pub(super) fn has_room(&self) -> bool {
        self.ring.len() < IN_FLIGHT_CAP
    }

    /// Adds what the body of the newest request says.
    #[inline]
    pub(super) fn describe_newest(&mut self, path: &[u8], flags: i32) {
        if !self.newest_tracked {
            return;
        }
        // The ring grows rather than lose the path of a request that may still have to be named.
        let oldest = self.ring.front().map_or_else(|| self.paths.next(), |oldest| oldest.path);
        if let Some(newest) = self.ring.back_mut() {
            newest.flags = flags;
            newest.path = self.paths.store(path, oldest);
        }
    }

    /// The oldest request, if it is the one with this xid: the answer to nearly every reply. Looked at where it
    /// stands, because copying it out would cost more than all the rest.
    #[inline]
    pub(super) fn first_if(&self, xid: Xid) -> Option<&Pending> {
        self.ring.front().filter(|first| first.xid == xid && first.state == PendingState::Waiting)
    }

    /// Drops the oldest request: it was answered.
    #[inline]
    pub(super) fn drop_first(&mut self) {
        self.ring.pop_front();
        if self.answered > 0 {
            self.drop_answered();
        }
    }

    /// Begins a wake-up, of which the searches are bounded together.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.looked_at = 0;
    }

    /// Takes the request that a reply answers, wherever it stands; `in_order` is false for replies that may
    /// overtake others. None too when this wake-up has searched for long enough.
    #[cold]
    pub(super) fn search(&mut self, xid: Xid, in_order: bool) -> Option<ReplyMatch> {
        if self.looked_at >= LOOKED_AT {
            return None;
        }
        let place = self.place_of(xid)?;
        let request = self.ring[place];
        let in_order = in_order && !request.is_aside();
        // Only a reply that keeps the order proves that those before it were passed over. One that was itself skipped
        // has shown that already.
        let skipped = if in_order && request.state == PendingState::Waiting { self.skip_before(place) } else { 0 };
        // The reply came after all, so nothing was lost: the gap is taken back.
        if request.state == PendingState::Skipped {
            self.skipped -= 1;
        }
        let was_its_turn = in_order || request.state == PendingState::Skipped;
        self.ring[place].state = if was_its_turn { PendingState::Answered } else { PendingState::Overtook };
        self.answered += 1;
        self.drop_answered();
        Some(ReplyMatch { request, skipped })
    }

    /// Where the oldest request with this xid stands, behind where it should: a client counts on, so a request is about
    /// as far from the first one as its xid is.
    fn place_of(&mut self, xid: Xid) -> Option<usize> {
        // Xids are unique only among requests in flight, so an entry that was answered must not match again.
        let wanted = |entry: &Pending| entry.xid == xid && !entry.is_answered();
        let counted = self.ring.front().map_or(0, |first| xid.0.saturating_sub(first.xid.0));
        let start = usize::try_from(counted).unwrap_or(0).min(self.ring.len());
        let behind = self.ring.range(start..).position(wanted).map(|steps| start + steps);
        let place = behind.or_else(|| self.ring.range(..start).position(wanted));
        // Counted whether found or not: a server that answers nothing that was asked would otherwise search for free.
        self.looked_at += behind.map_or(self.ring.len(), |place| place - start);
        place
    }

    /// Marks those before a reply that keeps the order, back to where that was done before; how many it is.
    fn skip_before(&mut self, place: usize) -> u32 {
        let mut skipped = 0;
        for entry in self.ring.range_mut(..place).rev() {
            self.looked_at += 1;
            match entry.state {
                PendingState::Skipped | PendingState::Answered => break,
                PendingState::Waiting if !entry.is_aside() => {
                    entry.state = PendingState::Skipped;
                    skipped += 1;
                }
                PendingState::Waiting | PendingState::Overtook => {}
            }
        }
        self.skipped += skipped;
        skipped
    }

    fn drop_answered(&mut self) {
        // Only at the front: taking an entry out of the middle would move all behind it.
        while self.ring.front().is_some_and(Pending::is_answered) {
            self.ring.pop_front();
            self.answered -= 1;
        }
    }

    /// The path of a request that waits or was taken a moment ago, for those who may want it.
    #[inline]
    pub(super) fn path_of(&self, request: &Pending) -> RequestPath<'_> {
        RequestPath::kept(&self.paths, request.path)
    }

    /// The path of a request that waits or was taken a moment ago, as far as it is still kept.
    pub(super) fn path(&self, request: &Pending) -> &[u8] {
        self.paths.get(request.path)
    }

    /// Requests that wait, oldest first. Not among them are auth and SASL exchanges, and the close of a client that
    /// awaits no reply to it.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Pending> {
        let awaited = |entry: &&Pending| !entry.is_aside() && !entry.is_unawaited();
        self.ring.iter().filter(|entry| !entry.is_answered()).filter(awaited)
    }

    /// Requests in flight, untracked ones not counted.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.ring.len() - self.answered as usize
    }

    /// Requests that a later reply skipped and that still wait.
    pub(super) fn skipped(&self) -> u32 {
        self.skipped
    }

    /// Requests that were never tracked for want of room.
    pub(super) fn untracked(&self) -> u64 {
        self.untracked
    }

    /// Gives memory back while nothing is in flight.
    pub(super) fn release(&mut self) {
        // Thousands of idle connections would each keep the memory of their busiest moment.
        if self.ring.is_empty() {
            self.ring = VecDeque::new();
            self.paths.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(xids: &[i64]) -> PendingRequests {
        let mut pending = PendingRequests::default();
        for xid in xids {
            pending.push(Xid(*xid), OpCode::GET_DATA, 20, Timestamp(7));
            pending.describe_newest(format!("/{xid}").as_bytes(), 1);
        }
        pending
    }

    fn answer(pending: &mut PendingRequests, xid: Xid, in_order: bool) -> Option<ReplyMatch> {
        let Some(request) = pending.first_if(xid).copied() else { return pending.search(xid, in_order) };
        pending.drop_first();
        Some(ReplyMatch { request, skipped: 0 })
    }

    #[test]
    fn replies_in_order_leave_nothing() {
        let mut pending = pending(&[1, 2, 3]);
        for xid in [1, 2, 3] {
            let found = answer(&mut pending, Xid(xid), true).unwrap();
            assert_eq!((found.request.xid.0, found.skipped), (xid, 0));
            assert_eq!(pending.path(&found.request), format!("/{xid}").as_bytes());
        }
        assert_eq!(pending.len(), 0);
        assert!(answer(&mut pending, Xid(4), true).is_none());
    }

    #[test]
    fn a_gap_is_told_once_and_taken_back_when_the_reply_comes() {
        let mut pending = pending(&[1, 2, 3, 4]);
        answer(&mut pending, Xid(1), true).unwrap();
        assert_eq!(answer(&mut pending, Xid(3), true).unwrap().skipped, 1);
        assert_eq!(answer(&mut pending, Xid(4), true).unwrap().skipped, 0);
        assert_eq!((pending.skipped(), pending.len()), (1, 1));
        let waiting: Vec<i64> = pending.waiting().map(|entry| entry.xid.0).collect();
        assert_eq!(waiting, [2]);
        assert_eq!(answer(&mut pending, Xid(2), true).unwrap().skipped, 0);
        assert_eq!((pending.skipped(), pending.len()), (0, 0));
    }

    #[test]
    fn replies_that_may_overtake_are_no_gap() {
        let mut all = pending(&[1, 2]);
        all.push(Xid(-4), OpCode::AUTH, 40, Timestamp(8));
        assert_eq!(answer(&mut all, Xid(-4), true).unwrap().skipped, 0);
        assert_eq!(answer(&mut all, Xid(2), false).unwrap().skipped, 0);
        assert_eq!(all.skipped(), 0);
        assert_eq!(answer(&mut all, Xid(1), true).unwrap().request.xid, Xid(1));
        assert_eq!(all.len(), 0);
    }

    #[test]
    fn equal_xids_are_answered_oldest_first() {
        let mut pending = PendingRequests::default();
        for at in [1, 2] {
            pending.push(Xid(-8), OpCode::SET_WATCHES, 9, Timestamp(at));
        }
        assert_eq!(answer(&mut pending, Xid(-8), true).unwrap().request.sent_at, Timestamp(1));
        assert_eq!(answer(&mut pending, Xid(-8), true).unwrap().request.sent_at, Timestamp(2));
    }

    #[test]
    fn more_than_the_cap_are_counted_and_not_kept() {
        let mut pending = PendingRequests::default();
        for xid in 0..IN_FLIGHT_CAP as i64 + 10 {
            pending.push(Xid(xid), OpCode::EXISTS, 9, Timestamp(1));
            pending.describe_newest(b"/x", 0);
        }
        assert_eq!((pending.len(), pending.untracked()), (IN_FLIGHT_CAP, 10));
        assert!(answer(&mut pending, Xid(IN_FLIGHT_CAP as i64 + 1), true).is_none());
        for xid in 0..IN_FLIGHT_CAP as i64 {
            answer(&mut pending, Xid(xid), true).unwrap();
        }
        pending.release();
        assert_eq!(pending.ring.capacity(), 0);
    }

    #[test]
    fn searches_of_one_wake_up_are_bounded_together() {
        let all: Vec<i64> = (0..IN_FLIGHT_CAP as i64).collect();
        let mut pending = pending(&all);
        let last = Xid(IN_FLIGHT_CAP as i64 - 1);
        for unknown in 0..LOOKED_AT / IN_FLIGHT_CAP {
            assert!(pending.looked_at < LOOKED_AT);
            assert!(pending.search(Xid(1_000_000 + unknown as i64), true).is_none());
        }
        assert!(pending.search(last, true).is_none(), "nobody searches any longer");
        assert!(answer(&mut pending, Xid(0), true).is_some(), "the oldest one needs no search");
        pending.begin();
        assert!(pending.search(last, true).is_some());
    }

    #[test]
    fn replies_behind_one_that_never_comes_are_not_searched_for() {
        let mut pending = pending(&[1]);
        pending.push(Xid(-4), OpCode::AUTH, 40, Timestamp(8));
        for xid in 2..IN_FLIGHT_CAP as i64 {
            pending.push(Xid(xid), OpCode::GET_DATA, 20, Timestamp(7));
        }
        pending.begin();
        for xid in 2..IN_FLIGHT_CAP as i64 {
            assert_eq!(answer(&mut pending, Xid(xid), true).unwrap().skipped, u32::from(xid == 2));
        }
        assert_eq!((pending.len(), pending.skipped()), (2, 1));
        assert!(pending.looked_at < 3 * IN_FLIGHT_CAP, "{} entries were looked at", pending.looked_at);
        assert_eq!(answer(&mut pending, Xid(-4), true).unwrap().request.op, OpCode::AUTH);
        assert_eq!(answer(&mut pending, Xid(1), true).unwrap().request.xid, Xid(1));
        assert!(pending.ring.is_empty());
    }

    #[test]
    fn one_that_overtakes_others_proves_nothing_of_those_before_it() {
        let mut pending = pending(&[1, 2, 3, 4]);
        assert_eq!(answer(&mut pending, Xid(3), false).unwrap().skipped, 0);
        assert_eq!(answer(&mut pending, Xid(4), true).unwrap().skipped, 2, "the first two");
        assert_eq!((pending.skipped(), pending.len()), (2, 2));
    }

    #[test]
    fn what_was_answered_out_of_order_leaves_no_room_taken() {
        let mut pending = PendingRequests::default();
        for round in 0..IN_FLIGHT_CAP as i64 {
            for xid in [3 * round, 3 * round + 1, 3 * round + 2] {
                assert!(pending.push(Xid(xid), OpCode::EXISTS, 9, Timestamp(1)));
            }
            for xid in [3 * round + 1, 3 * round, 3 * round + 2] {
                assert!(answer(&mut pending, Xid(xid), false).is_some());
            }
            assert_eq!((pending.len(), pending.ring.len()), (0, 0));
        }
        for xid in [1, 2] {
            pending.push(Xid(xid), OpCode::EXISTS, 9, Timestamp(1));
        }
        for xid in [2, 1] {
            assert!(answer(&mut pending, Xid(xid), false).is_some());
            assert_eq!(pending.len() as i64, xid - 1);
        }
        assert!(pending.ring.is_empty());
    }
}
