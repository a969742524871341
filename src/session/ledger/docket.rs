//! The cases that wait for evidence, and until when.
//!
//! Bounded by number and by bytes: when too many wait, the one whose time runs out first is to be decided with what is known.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use foldhash::quality::RandomState;

use super::case::Case;
use super::exodus::BurstOutcome;
use super::kept::case_weight;
use crate::ids::ConnectionId;
use crate::time::Timestamp;

/// How many cases may wait at once. A storm of 10,000 sessions fits several times.
pub const CASES: usize = 50_000;
/// Bytes of the cases that may wait, besides [`CASE_BYTES_A_SESSION`]. One is some 400 bytes, and 3 KiB at most.
pub const CASES_BYTES: usize = 6 << 20;
/// Bytes of cases that each session which is remembered may add to that: many that end together are no attack.
pub const CASE_BYTES_A_SESSION: usize = 2 << 10;

/// What a case waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// A look at the server that did not answer its claim.
    Look,
    /// The end of its server's exodus.
    Exodus,
    /// The next attach of its session; its server went on serving, as somebody said.
    Return(BurstOutcome),
}

#[derive(Debug, Default)]
pub(super) struct Docket {
    cases: HashMap<ConnectionId, (Case, Stage, Timestamp), RandomState>,
    /// The same cases by the moment when they must be decided.
    due: BTreeSet<(Timestamp, ConnectionId)>,
    /// What the cases weigh.
    bytes: usize,
}

impl Docket {
    pub(super) fn put(&mut self, case: Case, stage: Stage, due: Timestamp) {
        self.due.insert((due, case.connection));
        self.bytes += case_weight(&case);
        self.cases.insert(case.connection, (case, stage, due));
    }

    pub(super) fn take(&mut self, connection: ConnectionId) -> Option<(Case, Stage, Timestamp)> {
        let (case, stage, due) = self.cases.remove(&connection)?;
        self.due.remove(&(due, connection));
        self.bytes -= case_weight(&case);
        Some((case, stage, due))
    }

    /// Gives every case so much longer.
    pub(super) fn postpone(&mut self, more: Duration) {
        for (_, _, due) in self.cases.values_mut() {
            *due = due.after(more);
        }
        self.due = self.due.iter().map(|(due, connection)| (due.after(more), *connection)).collect();
    }

    pub(super) fn stage(&self, connection: ConnectionId) -> Option<Stage> {
        self.cases.get(&connection).map(|(_, stage, _)| *stage)
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// The next one that must be decided now: its time has run out, or there are too many.
    pub(super) fn overdue(&self, now: Timestamp, sessions: usize) -> Option<ConnectionId> {
        let &(due, connection) = self.due.first()?;
        let heavy = self.bytes > CASES_BYTES + CASE_BYTES_A_SESSION * sessions;
        (due <= now || self.cases.len() > CASES || heavy).then_some(connection)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::ids::{ServerId, SessionId, Xid, Zxid};
    use crate::session::ending::{Closer, ConnectionEnd, How, Unanswered};
    use crate::session::ledger::attachment::{Claim, Outcome};
    use crate::session::ledger::speech::Speech;
    use crate::session::verdict::RouteReason;
    use crate::wire::handshake::Password;
    use crate::wire::{Dialect, OpCode};

    /// Sessions enough for the bytes of any cases.
    const MANY: usize = 100_000;

    fn case(number: u64) -> Case {
        let end = ConnectionEnd {
            closer: Closer::Server(How::Fin),
            unanswered: Vec::new(),
            unanswered_count: 0,
            unanswered_pings: 0,
            skipped: 0,
            fatal_error: None,
            closing: false,
            oversized: None,
            long_reply: None,
            client_heard_at: Timestamp::ZERO,
            server_heard_at: Timestamp::ZERO,
            server_pause: None,
        };
        let claim = Claim {
            client: SocketAddr::from(([10, 0, 0, 1], 4000)),
            server: ServerId(0),
            claimed_at: Timestamp::ZERO,
            requested_ms: 6_000,
            routed: RouteReason::Spread,
            password: Password::NotNeeded,
            outcome: Outcome::Unanswered,
        };
        Case {
            connection: ConnectionId(number),
            session: SessionId::NEW,
            claim,
            last_zxid: Zxid(0),
            server_zxid: None,
            read_only: None,
            speech: Speech { asked: Dialect::ZOOKEEPER, agreed: None, refusal: None },
            end,
            ended_at: Timestamp::ZERO,
        }
    }

    #[test]
    fn the_first_to_run_out_of_time_is_decided_then_or_when_too_many_wait() {
        let mut docket = Docket::default();
        assert_eq!(docket.overdue(Timestamp(u64::MAX), MANY), None);
        for number in 1..=CASES as u64 {
            docket.put(case(number), Stage::Look, Timestamp(1_000 + number));
        }
        assert_eq!((docket.len(), docket.overdue(Timestamp(1_000), MANY)), (CASES, None));
        assert_eq!(docket.overdue(Timestamp(1_001), MANY), Some(ConnectionId(1)));
        docket.put(case(0), Stage::Look, Timestamp(9_000_000));
        assert_eq!(docket.overdue(Timestamp(1_000), MANY), Some(ConnectionId(1)), "one too many");
        docket.postpone(Duration::from_nanos(5));
        assert!(docket.take(ConnectionId(2)).is_some_and(|(_, _, due)| due == Timestamp(1_007)));
        docket.put(case(2), Stage::Look, Timestamp(1_002));
        docket.take(ConnectionId(1));
        docket.put(case(1), Stage::Look, Timestamp(1_001));
        let mut heavy = Docket::default();
        let lost =
            Unanswered { xid: Xid(1), op: OpCode::CREATE, path: "x".repeat(CASES_BYTES / 2), sent_at: Timestamp(1) };
        for number in 1..=2 {
            assert_eq!(heavy.overdue(Timestamp(1_000), 0), None);
            let mut case = case(number);
            case.end.unanswered = vec![lost.clone()];
            heavy.put(case, Stage::Look, Timestamp(1_000 + number));
        }
        assert_eq!(heavy.overdue(Timestamp(1_000), 0), Some(ConnectionId(1)), "too many bytes");
        assert_eq!(heavy.overdue(Timestamp(1_000), 10), None, "not for so many sessions");
        assert!(heavy.take(ConnectionId(1)).is_some());
        assert_eq!(heavy.overdue(Timestamp(1_000), 0), None);
        assert!(docket.take(ConnectionId(1)).is_some_and(|(_, _, due)| due == Timestamp(1_001)));
        assert_eq!(
            (docket.overdue(Timestamp(1_000), MANY), docket.overdue(Timestamp(1_002), MANY)),
            (None, Some(ConnectionId(2)))
        );
    }
}
