//! The closes that wait for evidence, and until when.
//!
//! Bounded by number and by bytes: when too many wait, the one whose time runs out first is to be decided with what is
//! known.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use foldhash::quality::RandomState;

use super::burst_cause::BurstOutcome;
use super::retention::close_weight;
use super::unexplained_close::UnexplainedClose;
use crate::ids::{ConnectionId, ServerId};
use crate::time::Timestamp;

/// How many unexplained closes may wait at once. A storm of 10,000 sessions fits several times.
pub const UNDECIDED_CLOSES: usize = 50_000;
/// Bytes of the closes that may wait, besides [`UNDECIDED_BYTES_A_SESSION`]. One is some 400 bytes, and 3 KiB at most.
pub const UNDECIDED_BYTES: usize = 6 << 20;
/// Bytes of closes that each session which is remembered may add to that: many that end together are no attack.
pub const UNDECIDED_BYTES_A_SESSION: usize = 2 << 10;

/// What an unexplained close waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WaitsFor {
    /// A probe of the server that did not answer its claim.
    Probe,
    /// The end of its server's burst.
    Burst,
    /// The next attach of its session; its server went on serving, as far as is known.
    Return(BurstOutcome),
}

/// Where a close stands among those that wait for a probe: by server, then in the order in which their time runs out.
type ProbePlace = (ServerId, Timestamp, ConnectionId);

/// The closes that waited for a probe of a server when one came, as far as they are not looked at yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbedCloses {
    /// The one that was looked at last.
    behind: Option<ProbePlace>,
    /// The last one of them.
    last: ProbePlace,
}

impl ProbedCloses {
    /// The server that was probed.
    pub(super) fn server(&self) -> ServerId {
        self.last.0
    }
}

#[derive(Debug, Default)]
pub(super) struct DecisionQueue {
    closes: HashMap<ConnectionId, (UnexplainedClose, WaitsFor, Timestamp), RandomState>,
    /// The same closes by the moment when they would have to be decided had zoogate never stood still.
    due: BTreeSet<(Timestamp, ConnectionId)>,
    /// Those of them that wait for a probe.
    unprobed: BTreeSet<ProbePlace>,
    /// How long zoogate itself has stood still: each close has that much longer.
    paused: Duration,
    /// What the closes weigh.
    bytes: usize,
}

impl DecisionQueue {
    pub(super) fn put(&mut self, close: UnexplainedClose, stage: WaitsFor, due: Timestamp) {
        let due = due.before(self.paused);
        self.due.insert((due, close.connection));
        if stage == WaitsFor::Probe {
            self.unprobed.insert((close.claim.server, due, close.connection));
        }
        self.bytes += close_weight(&close);
        self.closes.insert(close.connection, (close, stage, due));
    }

    pub(super) fn take(&mut self, connection: ConnectionId) -> Option<(UnexplainedClose, WaitsFor, Timestamp)> {
        let (close, stage, due) = self.closes.remove(&connection)?;
        self.due.remove(&(due, connection));
        if stage == WaitsFor::Probe {
            self.unprobed.remove(&(close.claim.server, due, connection));
        }
        self.bytes -= close_weight(&close);
        Some((close, stage, due.after(self.paused)))
    }

    /// Gives every close that much longer, however many there are.
    pub(super) fn postpone(&mut self, more: Duration) {
        self.paused += more;
    }

    pub(super) fn get(&self, connection: ConnectionId) -> Option<&UnexplainedClose> {
        self.closes.get(&connection).map(|(close, _, _)| close)
    }

    pub(super) fn closes(&self) -> impl ExactSizeIterator<Item = &UnexplainedClose> {
        self.closes.values().map(|(close, _, _)| close)
    }

    pub(super) fn stage(&self, connection: ConnectionId) -> Option<WaitsFor> {
        self.closes.get(&connection).map(|(_, stage, _)| *stage)
    }

    /// The closes that wait for a probe of this server; None when there is none.
    pub(super) fn probed(&self, server: ServerId) -> Option<ProbedCloses> {
        let first = (server, Timestamp::ZERO, ConnectionId(0));
        let last = (server, Timestamp(u64::MAX), ConnectionId(u64::MAX));
        let last = *self.unprobed.range(first..=last).next_back()?;
        Some(ProbedCloses { behind: None, last })
    }

    /// The next of these closes that still waits.
    pub(super) fn next_probed(&self, probed: &mut ProbedCloses) -> Option<ConnectionId> {
        let first = Bound::Included((probed.server(), Timestamp::ZERO, ConnectionId(0)));
        let from = probed.behind.map_or(first, Bound::Excluded);
        let next = *self.unprobed.range((from, Bound::Included(probed.last))).next()?;
        probed.behind = Some(next);
        Some(next.2)
    }

    /// The next one whose time has run out.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<ConnectionId> {
        self.due.first().filter(|(due, _)| due.after(self.paused) <= now).map(|(_, connection)| *connection)
    }

    /// The one whose time runs out first, where more wait than there is room for with this many sessions.
    pub(super) fn one_too_many(&self, sessions: usize) -> Option<ConnectionId> {
        // Many sessions that end together are a storm and no attack, so the bound grows with the sessions that are
        // known.
        let heavy = self.bytes > UNDECIDED_BYTES + UNDECIDED_BYTES_A_SESSION * sessions;
        self.due.first().filter(|_| self.closes.len() > UNDECIDED_CLOSES || heavy).map(|(_, connection)| *connection)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::ids::{SessionId, Xid, Zxid};
    use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionEnd, UnansweredRequest};
    use crate::session::ledger::attachment::{Claim, ClaimOutcome};
    use crate::session::ledger::claim_dialect::ClaimDialect;
    use crate::session::own_pause::ThreadPlace;
    use crate::session::verdict::RouteReason;
    use crate::wire::handshake::PasswordCheck;
    use crate::wire::{Dialect, OpCode};

    /// Sessions enough for the bytes of any cases.
    const MANY: usize = 100_000;

    fn close(number: u64) -> UnexplainedClose {
        let end = ConnectionEnd::nothing_owed(ConnectionCloser::Server(CloseKind::Fin), Timestamp::ZERO);
        let claim = Claim {
            client: SocketAddr::from(([10, 0, 0, 1], 4000)),
            server: ServerId(0),
            claimed_at: Timestamp::ZERO,
            requested_ms: 6_000,
            routed: RouteReason::Spread,
            password: PasswordCheck::NotNeeded,
            outcome: ClaimOutcome::Unanswered,
        };
        UnexplainedClose {
            connection: ConnectionId(number),
            session: SessionId::NEW,
            claim,
            last_zxid: Zxid(0),
            server_zxid: None,
            read_only: None,
            speech: ClaimDialect { asked: Dialect::ZOOKEEPER, agreed: None, refusal: None },
            thread: ThreadPlace::default(),
            end,
            ended_at: Timestamp::ZERO,
        }
    }

    #[test]
    fn the_first_to_run_out_of_time_is_decided_then_or_when_too_many_wait() {
        let mut queue = DecisionQueue::default();
        let first = Some(ConnectionId(1));
        assert_eq!((queue.overdue(Timestamp(u64::MAX)), queue.one_too_many(MANY)), (None, None));
        for number in 1..=UNDECIDED_CLOSES as u64 {
            queue.put(close(number), WaitsFor::Probe, Timestamp(1_000 + number));
        }
        assert_eq!(
            (queue.closes().len(), queue.overdue(Timestamp(1_000)), queue.one_too_many(MANY)),
            (UNDECIDED_CLOSES, None, None)
        );
        assert_eq!(queue.overdue(Timestamp(1_001)), first);
        queue.put(close(0), WaitsFor::Probe, Timestamp(9_000_000));
        assert_eq!((queue.overdue(Timestamp(1_000)), queue.one_too_many(MANY)), (None, first));
        queue.postpone(Duration::from_nanos(5));
        assert!(queue.take(ConnectionId(2)).is_some_and(|(_, _, due)| due == Timestamp(1_007)));
        assert_eq!(queue.one_too_many(MANY), None);
        queue.put(close(2), WaitsFor::Probe, Timestamp(1_002));
        assert!(queue.take(ConnectionId(1)).is_some_and(|(_, _, due)| due == Timestamp(1_006)));
        assert_eq!((queue.overdue(Timestamp(1_001)), queue.overdue(Timestamp(1_002))), (None, Some(ConnectionId(2))));
    }

    #[test]
    fn too_many_bytes_are_too_many_unless_there_are_sessions_for_them() {
        let mut heavy = DecisionQueue::default();
        let lost = UnansweredRequest {
            xid: Xid(1),
            op: OpCode::CREATE,
            path: "x".repeat(UNDECIDED_BYTES / 2),
            ephemeral: false,
            sent_at: Timestamp(1),
        };
        for number in 1..=2 {
            assert_eq!(heavy.one_too_many(0), None);
            let mut close = close(number);
            close.end.unanswered = vec![lost.clone()];
            heavy.put(close, WaitsFor::Probe, Timestamp(1_000 + number));
        }
        assert_eq!((heavy.one_too_many(0), heavy.one_too_many(10)), (Some(ConnectionId(1)), None));
        assert!(heavy.take(ConnectionId(1)).is_some());
        assert_eq!(heavy.one_too_many(0), None);
    }

    #[test]
    fn the_closes_that_waited_for_a_probe_are_found_in_order_while_they_wait() {
        let (mut queue, server) = (DecisionQueue::default(), ServerId(0));
        assert!(queue.probed(server).is_none());
        for number in 1..=4 {
            queue.put(close(number), WaitsFor::Probe, Timestamp(1_000 - number));
        }
        queue.put(close(5), WaitsFor::Burst, Timestamp(1));
        assert!(queue.probed(ServerId(1)).is_none());
        let mut probed = queue.probed(server).expect("closes that wait");
        assert_eq!((probed.server(), queue.next_probed(&mut probed)), (server, Some(ConnectionId(4))));
        assert!(queue.take(ConnectionId(3)).is_some());
        queue.put(close(6), WaitsFor::Probe, Timestamp(2_000));
        let rest: Vec<_> = std::iter::from_fn(|| queue.next_probed(&mut probed)).collect();
        assert_eq!(rest, [ConnectionId(2), ConnectionId(1)], "neither what was decided nor what came later");
        assert_eq!((1..=6).filter(|number| queue.take(ConnectionId(*number)).is_some()).count(), 5);
        assert!(queue.unprobed.is_empty());
    }
}
