//! One claim of a session through one connection, and its outcome.
//!
//! A claim that was refused, or never answered, is kept like one that was accepted: the server may still carry it
//! out (protocol.md §0, 5), so it is evidence.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ids::{ConnectionId, ServerId};
use crate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};
use crate::session::verdict::{EndReason, RouteReason};
use crate::time::Timestamp;
use crate::wire::handshake::{ConnectResponse, HandshakeAnswer, HandshakeRefusal, PasswordCheck};

/// A ConnectRequest on its way, and its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Who claims.
    pub client: SocketAddr,
    /// The server asked.
    pub server: ServerId,
    /// When the request was sent.
    pub claimed_at: Timestamp,
    /// Session timeout asked for, in milliseconds.
    pub requested_ms: i32,
    /// Why this server was asked.
    pub routed: RouteReason,
    /// What the password proves.
    pub password: PasswordCheck,
    /// The answer.
    pub outcome: ClaimOutcome,
}

/// What a server said to a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimOutcome {
    /// Nothing.
    Unanswered,
    /// It gave the session.
    Accepted {
        /// When.
        at: Timestamp,
        /// Negotiated timeout in milliseconds.
        timeout_ms: i32,
    },
    /// It refused it.
    Refused {
        /// When.
        at: Timestamp,
        /// What for.
        refusal: ClaimRefusal,
    },
}

/// What a refused claim says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimRefusal {
    /// The session is over, or its password is wrong: both look alike.
    SessionOver,
    /// The server is read-only and does not have the session.
    ReadOnly,
    /// The server serves no client at the moment.
    NotServing,
}

impl ClaimRefusal {
    /// What a refusing answer says; a read-only server says that it is one.
    pub fn of(response: &ConnectResponse) -> Self {
        match (response.answer(), response.read_only) {
            (HandshakeAnswer::Refused(HandshakeRefusal::NotServing), _) => Self::NotServing,
            (_, Some(true)) => Self::ReadOnly,
            _ => Self::SessionOver,
        }
    }
}

/// Shortest and longest session timeout that is believed, in milliseconds: both sides of the wire can say anything,
/// and waiting times are reckoned from it.
const TIMEOUT_MS: std::ops::RangeInclusive<i32> = 100..=3_600_000;

impl Claim {
    /// When the session was given; None when it was not.
    pub fn attached_at(&self) -> Option<Timestamp> {
        match self.outcome {
            ClaimOutcome::Accepted { at, .. } => Some(at),
            _ => None,
        }
    }

    /// When the server answered it, whatever it said; None when it did not.
    pub fn answered_at(&self) -> Option<Timestamp> {
        match self.outcome {
            ClaimOutcome::Accepted { at, .. } | ClaimOutcome::Refused { at, .. } => Some(at),
            ClaimOutcome::Unanswered => None,
        }
    }

    /// Negotiated timeout in milliseconds; None when the claim was not accepted.
    pub fn negotiated_ms(&self) -> Option<i32> {
        match self.outcome {
            ClaimOutcome::Accepted { timeout_ms, .. } => Some(timeout_ms),
            _ => None,
        }
    }

    /// The session timeout as far as it is known, within reason.
    pub fn timeout(&self) -> Duration {
        let ms = self.negotiated_ms().unwrap_or(self.requested_ms);
        Duration::from_millis(ms.clamp(*TIMEOUT_MS.start(), *TIMEOUT_MS.end()) as u64)
    }
}

/// A claim in a session's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// The connection that carried it.
    pub connection: ConnectionId,
    /// The claim.
    pub claim: Claim,
    /// How it ended; None while the connection is open.
    pub end: Option<AttachmentEnd>,
}

/// The end of an attachment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttachmentEnd {
    /// When.
    pub at: Timestamp,
    /// Who ended it.
    pub closer: ConnectionCloser,
    /// Why; None while that is not decided.
    pub reason: Option<EndReason>,
    /// Requests that were never answered.
    pub unanswered: u32,
    /// When its client was heard last.
    pub client_heard_at: Timestamp,
}

impl AttachmentEnd {
    /// For how long its client had said nothing.
    pub(super) fn client_silence(&self) -> Duration {
        self.at.since(self.client_heard_at)
    }
}

impl Attachment {
    /// Whether the session was given and the connection is open.
    pub fn is_attached(&self) -> bool {
        self.end.is_none() && self.claim.attached_at().is_some()
    }

    /// Whether the server itself ended it.
    pub(super) fn ended_by_server(&self) -> bool {
        self.end.is_some_and(|end| matches!(end.closer, ConnectionCloser::Server(CloseKind::Fin | CloseKind::Reset)))
    }

    /// Whether the proxy closed it because its session was claimed again.
    pub(super) fn was_superseded(&self) -> bool {
        self.end.is_some_and(|end| end.closer == ConnectionCloser::Proxy(ProxyClose::Superseded))
    }

    /// Whether the proxy left it behind unanswered and asked another server.
    pub(super) fn was_left_behind(&self) -> bool {
        self.end.is_some_and(|end| end.closer == ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline))
    }

    /// Whether it ended for the sake of another connection, and not by its client.
    pub(super) fn was_taken_over(&self) -> bool {
        self.ended_by_server() || self.was_superseded()
    }

    /// Whether the connection was open at that moment.
    pub(super) fn open_at(&self, moment: Timestamp) -> bool {
        self.end.is_none_or(|end| end.at >= moment)
    }
}
