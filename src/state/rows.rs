//! What readers copy out of the ledger: small rows, taken under its lock and looked at outside.

use std::net::SocketAddr;

use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::client_profile::ClientSign;
use crate::session::identity::HolderIdentity;
use crate::session::ledger::{Claim, ClaimOutcome, OpenConnection, SessionRecord, SessionState, UndecidedConnection};
use crate::session::transition::EndedConnection;
use crate::session::verdict::{RouteReason, SessionMove, SessionMovedRefusal};
use crate::time::Timestamp;
use crate::wire::Dialect;

/// Where a session is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionPlace {
    /// Its id.
    pub session: SessionId,
    /// Whether it lives.
    pub state: SessionState,
    /// The server that it is on, or was on last.
    pub server: Option<ServerId>,
}

/// One session, in short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionRow {
    /// Its id.
    pub session: SessionId,
    /// Whether it lives.
    pub state: SessionState,
    /// The client that was given it last.
    pub client: Option<SocketAddr>,
    /// The server that it is on, or was on last.
    pub server: Option<ServerId>,
    /// When it attached there.
    pub attached_at: Option<Timestamp>,
    /// Who holds it.
    pub identity: Option<HolderIdentity>,
    /// The myid of the server that created it; None when its id is not of ZooKeeper's making.
    pub born_on: Option<u8>,
    /// What its client library was recognised by.
    pub client_sign: Option<ClientSign>,
    /// How its last connection speaks.
    pub dialect: Dialect,
    /// Negotiated timeout in milliseconds; None when no server has given it here.
    pub timeout_ms: Option<i32>,
    /// The timeout that its client asked for last, in milliseconds.
    pub requested_ms: Option<i32>,
    /// How often it came to another server.
    pub moves: u32,
    /// How often it was refused because it had moved.
    pub verdicts: u32,
    /// Requests that the connection which ended last left unanswered.
    pub unanswered: u32,
    /// Its last claim or end.
    pub changed_at: Timestamp,
}

impl SessionRow {
    pub(super) fn of(record: &SessionRecord) -> Self {
        let current = record.current();
        let newest = record.attachments().next_back();
        let last_end = record.attachments().rev().find_map(|attachment| attachment.end);
        Self {
            session: record.id(),
            state: record.state(),
            client: record.client(),
            server: record.server(),
            attached_at: current.and_then(|attachment| attachment.claim.attached_at()),
            identity: record.identity(),
            born_on: record.born_on(),
            client_sign: record.client_sign(),
            dialect: record.dialect(),
            timeout_ms: current.and_then(|attachment| attachment.claim.negotiated_ms()),
            requested_ms: newest.map(|attachment| attachment.claim.requested_ms),
            moves: record.moves(),
            verdicts: record.verdicts(),
            unanswered: last_end.map_or(0, |end| end.unanswered),
            changed_at: newest
                .map(|attachment| attachment.claim.claimed_at)
                .max(last_end.map(|end| end.at))
                .unwrap_or_default(),
        }
    }
}

/// One session with everything that happened to it.
#[derive(Clone, Debug)]
pub struct SessionTimeline {
    /// In short.
    pub row: SessionRow,
    /// The whole record.
    pub record: SessionRecord,
    /// Its moves that are still remembered, oldest first.
    pub moves: Vec<SessionMove>,
    /// Its verdicts that are still remembered, oldest first.
    pub verdicts: Vec<SessionMovedRefusal>,
    /// Its connections that have ended for a final reason and are still remembered, oldest first.
    pub ended: Vec<EndedConnection>,
}

/// A client of a pooled address whose claim waits while no server has been asked for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeekingClient {
    /// A number of its own.
    pub connection: ConnectionId,
    /// Its address.
    pub client: SocketAddr,
    /// The session that it claims; None for a new one.
    pub session: Option<SessionId>,
    /// When its claim came.
    pub claimed_at: Timestamp,
}

/// A connection, open or ended.
#[derive(Clone, PartialEq, Debug)]
pub enum ConnectionRow {
    /// It goes to no server yet.
    Seeking(SeekingClient),
    /// It is open.
    Open {
        /// Which.
        connection: ConnectionId,
        /// What it claimed.
        open: OpenConnection,
    },
    /// It has ended and its reason is not decided.
    Undecided(UndecidedConnection),
    /// It has ended for a reason that is final.
    Ended {
        /// What is known.
        ended: EndedConnection,
        /// Why its server was chosen, when its session is still known.
        routed: Option<RouteReason>,
    },
}

impl ConnectionRow {
    /// What it is, in whatever phase.
    pub fn facts(&self) -> ConnectionSummary {
        match self {
            Self::Seeking(client) => ConnectionSummary::of_seeking(client),
            Self::Open { connection, open } => ConnectionSummary::of_open(*connection, open),
            Self::Undecided(one) => ConnectionSummary::of_undecided(one),
            Self::Ended { ended, .. } => ConnectionSummary::of_ended(ended),
        }
    }
}

/// Where a connection can be found again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionKey {
    /// Which.
    pub(super) connection: ConnectionId,
    /// Its number among those that have ended for a final reason, when it is one of them.
    pub(super) end: Option<u64>,
}

/// What stands for the reason of an end while it is not decided.
pub const PENDING: &str = "pending";

/// What readers choose connections by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionSummary {
    /// Which.
    pub connection: ConnectionId,
    /// Its client.
    pub client: SocketAddr,
    /// Its server; None while none has been asked.
    pub server: Option<ServerId>,
    /// Its session; None for a new one that was not given yet, or never.
    pub session: Option<SessionId>,
    /// Who holds its session; None also where that was not looked up.
    pub identity: Option<HolderIdentity>,
    /// `waiting`, `attached`, `refused` or `ended`.
    pub state: &'static str,
    /// Why it ended: None while it is open, [`PENDING`] while that is not decided.
    pub reason: Option<&'static str>,
    /// When it was claimed.
    pub claimed_at: Timestamp,
}

impl ConnectionSummary {
    pub(super) fn of_seeking(one: &SeekingClient) -> Self {
        Self {
            connection: one.connection,
            client: one.client,
            server: None,
            session: one.session,
            identity: None,
            state: "waiting",
            reason: None,
            claimed_at: one.claimed_at,
        }
    }

    pub(super) fn of_open(connection: ConnectionId, open: &OpenConnection) -> Self {
        let state = match open.claim.outcome {
            ClaimOutcome::Unanswered => "waiting",
            ClaimOutcome::Accepted { .. } => "attached",
            ClaimOutcome::Refused { .. } => "refused",
        };
        Self { state, ..Self::of_claim(connection, open.session, &open.claim) }
    }

    pub(super) fn of_undecided(one: &UndecidedConnection) -> Self {
        Self { reason: Some(PENDING), ..Self::of_claim(one.connection, one.session, &one.claim) }
    }

    /// Of one that has ended.
    fn of_claim(connection: ConnectionId, session: SessionId, claim: &Claim) -> Self {
        Self {
            connection,
            client: claim.client,
            server: Some(claim.server),
            session: Some(session).filter(|session| !session.is_new()),
            identity: None,
            state: "ended",
            reason: None,
            claimed_at: claim.claimed_at,
        }
    }

    pub(super) fn of_ended(ended: &EndedConnection) -> Self {
        Self {
            connection: ended.connection,
            client: ended.client,
            server: Some(ended.server),
            session: ended.session,
            identity: None,
            state: "ended",
            reason: Some(ended.reason.label()),
            claimed_at: ended.claimed_at,
        }
    }
}
