//! What the ledger gets: the few things about a connection or a server that change where sessions are.

use std::net::SocketAddr;
use std::time::Duration;

use super::client_profile::ClientSign;
use super::connection_end::{ConnectionCloser, ConnectionEnd, ConnectionTraffic, UnansweredRequest};
use super::event::MovedCodeLocation;
use super::fact::FactList;
use super::identity::HolderIdentity;
use super::own_pause::OwnPause;
use super::probe_result::{ProbeResult, ProbeTiming, SharedNameSign};
use super::short_path::ShortPath;
use super::verdict::{Confidence, EndReason, RouteReason, SessionMove, SessionMovedRefusal};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::time::Timestamp;
use crate::wire::handshake::{ConnectRequest, ConnectResponse};

/// One fact for the ledger. A connection goes through `Claimed`, then `Answered` (or not), then `Ended`.
#[derive(Clone, Debug)]
pub enum SessionTransition {
    /// A ConnectRequest was sent to a server. From here on the claim cannot be taken back (protocol.md §0, 5).
    Claimed {
        /// The connection; a claim that is tried again on another server has another one.
        connection: ConnectionId,
        /// Who claims.
        client: SocketAddr,
        /// The server asked.
        server: ServerId,
        /// The claim.
        request: ConnectRequest,
        /// Why this server was asked.
        routed: RouteReason,
    },
    /// The server answered the claim: gave the session, or refused it with timeout 0.
    Answered {
        /// The connection of the claim.
        connection: ConnectionId,
        /// The answer.
        response: ConnectResponse,
    },
    /// A claim whose connection had ended here (its client had gone, or it was left behind) was carried out after
    /// all: the session belongs to that server now.
    LateAnswer {
        /// The connection of the claim.
        connection: ConnectionId,
        /// The session that it claimed.
        session: SessionId,
        /// The answer.
        response: ConnectResponse,
    },
    /// The holder of the connection's session was recognised.
    Identified {
        /// The connection.
        connection: ConnectionId,
        /// Who it is.
        identity: HolderIdentity,
    },
    /// The client library on a connection was recognised.
    Recognised {
        /// The connection.
        connection: ConnectionId,
        /// By what.
        sign: ClientSign,
    },
    /// The node by which the controller of a Kafka cluster is known is gone.
    ControllerGone {
        /// The cluster's chroot.
        chroot: ShortPath,
        /// Whether a watch said so, perhaps late; else the reply to a delete.
        watched: bool,
    },
    /// A reply said -118 in words. The connection may live on.
    MoveRefused {
        /// The connection.
        connection: ConnectionId,
        /// Where it was said.
        form: MovedCodeLocation,
        /// The request that was refused.
        refused: Option<UnansweredRequest>,
    },
    /// The first sign of a connection's end, before or after its claim was answered.
    Ended {
        /// The connection.
        connection: ConnectionId,
        /// What was seen.
        end: ConnectionEnd,
    },
    /// A server was probed, by the prober or by the way.
    ServerSeen {
        /// The server.
        server: ServerId,
        /// When the question was sent: an answer says nothing about an end that came after its question.
        asked_at: Timestamp,
        /// Since when the server has been held by connections for such questions, one right behind the answer on the
        /// other, none of which it closed unasked: an answer on one from before an end shows that it stood through
        /// that.
        connected_at: Timestamp,
        /// How long it took.
        timing: ProbeTiming,
        /// What was seen.
        probe_result: ProbeResult,
    },
    /// zoogate itself stood still: no silence is measured across that time.
    ProxyPaused(OwnPause),
}

impl SessionTransition {
    /// A probe that was not timed.
    pub fn server_seen(
        server: ServerId,
        asked_at: Timestamp,
        connected_at: Timestamp,
        probe_result: ProbeResult,
    ) -> Self {
        Self::ServerSeen { server, asked_at, connected_at, timing: ProbeTiming::default(), probe_result }
    }

    /// The connection that it ends; None where it ends none.
    pub fn ended(&self) -> Option<ConnectionId> {
        match self {
            Self::Ended { connection, .. } => Some(*connection),
            _ => None,
        }
    }

    /// The connection that it is about; None for what is not one connection's, or no longer is.
    pub fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Claimed { connection, .. }
            | Self::Answered { connection, .. }
            | Self::Identified { connection, .. }
            | Self::Recognised { connection, .. }
            | Self::MoveRefused { connection, .. }
            | Self::Ended { connection, .. } => Some(*connection),
            Self::LateAnswer { .. } | Self::ControllerGone { .. } | Self::ServerSeen { .. } | Self::ProxyPaused(_) => {
                None
            }
        }
    }
}

/// What the ledger has found out; each is reported once.
#[derive(Clone, PartialEq, Debug)]
pub enum LedgerFinding {
    /// A session is on another server than before.
    Moved(SessionMove),
    /// ZooKeeper refused a session because it has moved.
    SessionMoved(SessionMovedRefusal),
    /// A move that was reported before has its reason: why the connection ended that the session left.
    MoveExplained(SessionMove),
    /// A server's name stands for several servers; reported once.
    ManyServers {
        /// The server.
        server: ServerId,
        /// What shows it.
        sign: SharedNameSign,
    },
    /// A connection's end has its final reason. There are no details where the client closed its session: nobody asks
    /// for a cause of that.
    Ended(EndedConnection, Option<Box<CloseDetails>>),
    /// Two clients use one session in turn.
    SharedSession {
        /// The session.
        session: SessionId,
        /// The two clients, in the order of their claims.
        clients: [SocketAddr; 2],
        /// When it was recognised.
        at: Timestamp,
    },
}

/// What else is known of an ended connection, for those who ask for its cause. It is not kept.
#[derive(Clone, PartialEq, Debug)]
pub struct CloseDetails {
    /// Who ended it.
    pub closer: ConnectionCloser,
    /// The session's timeout.
    pub timeout: Duration,
    /// When the client's last byte came.
    pub client_heard_at: Timestamp,
    /// From the client's last byte to the end, the time left out in which zoogate itself stood still.
    pub client_silence: Duration,
    /// From the server's last byte to the end, likewise.
    pub server_silence: Duration,
    /// The first unanswered requests, oldest first.
    pub unanswered: Vec<UnansweredRequest>,
    /// Unanswered pings.
    pub unanswered_pings: u32,
    /// Requests that the server did not carry out for having too much to do.
    pub throttled: u16,
    /// Whether the client had asked to close the session.
    pub closing: bool,
    /// Who holds the session, when that is known.
    pub identity: Option<HolderIdentity>,
    /// What its client library was recognised by.
    pub client_sign: Option<ClientSign>,
    /// Another connection that carries the session on; None where none does.
    pub lives_at: Option<CarryingConnection>,
    /// From the end of the session's last connection to the claim of this one; None where none is remembered.
    pub unheard: Option<Duration>,
    /// Who ended that connection.
    pub closed_before: Option<ConnectionCloser>,
}

/// A connection that carries on a session which lost another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CarryingConnection {
    /// Its server.
    pub server: ServerId,
    /// When that gave it the session.
    pub since: Timestamp,
    /// Why that server was asked.
    pub routed: RouteReason,
}

/// A connection with its final reason.
#[derive(Clone, PartialEq, Debug)]
pub struct EndedConnection {
    /// The connection.
    pub connection: ConnectionId,
    /// Its session; None for a new session that was never given.
    pub session: Option<SessionId>,
    /// Its server.
    pub server: ServerId,
    /// Its client.
    pub client: SocketAddr,
    /// When its claim was sent.
    pub claimed_at: Timestamp,
    /// When its claim was accepted; None when it was not.
    pub attached_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why it ended.
    pub reason: EndReason,
    /// How sure that is.
    pub confidence: Confidence,
    /// What was seen, strongest first.
    pub facts: FactList,
    /// Requests that were never answered.
    pub unanswered_count: u32,
    /// What went over it.
    pub traffic: ConnectionTraffic,
}
