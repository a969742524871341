//! A connection that has ended and whose reason is not decided: its facts, and what they say by themselves.

use std::time::Duration;

use super::attachment::Claim;
use super::claim_dialect::ClaimDialect;
use crate::ids::{ConnectionId, SessionId, Zxid};
use crate::session::connection_end::{
    CloseKind, ConnectionCloser, ConnectionEnd, ConnectionTraffic, UnansweredRequest,
};
use crate::session::own_pause::ThreadPlace;
use crate::session::transition::EndedConnection;
use crate::session::verdict::Explanation;
use crate::time::Timestamp;

/// Longest wait for the next attach of a session, whatever its timeout: ZooKeeper's own upper limit with the sample
/// configuration is 40 s (20 ticks), and half as much is allowed for a client's back-off.
pub const RETURN_BOUND: Duration = Duration::from_mins(1);

/// A connection that has ended, while its reason is not decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UndecidedConnection {
    /// Which.
    pub connection: ConnectionId,
    /// Its session; [`SessionId::NEW`] for a new one that was not given.
    pub session: SessionId,
    /// Its claim.
    pub claim: Claim,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Requests that were never answered.
    pub unanswered: u32,
    /// What went over it.
    pub traffic: ConnectionTraffic,
}

#[derive(Clone, Debug)]
pub(super) struct UnexplainedClose {
    pub(super) connection: ConnectionId,
    /// [`SessionId::NEW`] for a new session that was not given.
    pub(super) session: SessionId,
    pub(super) claim: Claim,
    pub(super) last_zxid: Zxid,
    pub(super) server_zxid: Option<Zxid>,
    pub(super) read_only: Option<bool>,
    pub(super) speech: ClaimDialect,
    pub(super) thread: ThreadPlace,
    pub(super) end: ConnectionEnd,
    pub(super) ended_at: Timestamp,
}

impl UnexplainedClose {
    /// What readers see of it.
    pub(super) fn undecided(&self) -> UndecidedConnection {
        let Self { connection, session, claim, ended_at, .. } = *self;
        let (unanswered, traffic) = (self.end.unanswered_count, self.end.traffic);
        UndecidedConnection { connection, session, claim, ended_at, unanswered, traffic }
    }

    /// The oldest unanswered request.
    pub(super) fn head(&self) -> Option<&UnansweredRequest> {
        self.end.unanswered.first()
    }

    /// Whether the server owed an answer.
    pub(super) fn owed(&self) -> bool {
        self.end.unanswered_count > 0 || self.end.unanswered_pings > 0
    }

    pub(super) fn was_reset(&self) -> bool {
        matches!(self.end.closer, ConnectionCloser::Server(CloseKind::Reset))
    }

    pub(super) fn attached_at(&self) -> Option<Timestamp> {
        self.claim.attached_at()
    }

    pub(super) fn server_silence(&self) -> Duration {
        self.ended_at.since(self.end.server_heard_at)
    }

    /// How long its session's next attach is awaited: a client that has not come by then has lost the session.
    pub(super) fn return_bound(&self) -> Duration {
        (self.claim.timeout() * 3 / 2).min(RETURN_BOUND)
    }

    pub(super) fn closed_with(&self, explanation: Explanation) -> EndedConnection {
        let Explanation { reason, confidence, facts, .. } = explanation;
        EndedConnection {
            connection: self.connection,
            session: (!self.session.is_new()).then_some(self.session),
            server: self.claim.server,
            client: self.claim.client,
            claimed_at: self.claim.claimed_at,
            attached_at: self.claim.attached_at(),
            ended_at: self.ended_at,
            reason,
            confidence,
            facts,
            unanswered_count: self.end.unanswered_count,
            traffic: self.end.traffic,
        }
    }
}
