//! What can be seen of what happens.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use crate::time::Timestamp;
use crate::wire::{ErrorCode, OpCode};

/// What kind of event it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum EventKind {
    /// An operation was answered.
    Operation,
    /// A watch fired.
    Watch,
    /// A server gave a session.
    Attach,
    /// A server refused a claim.
    ClaimRefused,
    /// A connection that had claimed a session closed; why is found later.
    Close,
    /// The reason of a close was found.
    Ended,
    /// A session is on another server than before.
    Move,
    /// ZooKeeper refused a session because it has moved.
    Refusal,
    /// An incident was opened, revised or closed.
    Incident,
    /// Something is at risk, or no longer.
    Risk,
}

impl EventKind {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in filters and JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// Whom an event is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventPlace {
    /// The session.
    pub session: Option<SessionId>,
    /// Who holds it, when that is known.
    pub identity: Option<String>,
    /// The client.
    pub client: Option<SocketAddr>,
    /// The server; of a move the new one, and behind it the one before.
    pub servers: [Option<ServerId>; 2],
    /// The connection.
    pub connection: Option<ConnectionId>,
}

impl EventPlace {
    /// Bytes of one that is shared, with its two counts and its text.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + 2 * size_of::<usize>() + self.identity.as_ref().map_or(0, String::capacity)
    }
}

/// What an event of each kind says. `P` are the bytes of a path, borrowed while they pass and owned once copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventDetail<P> {
    /// An operation was answered.
    Operation {
        /// The operation; None when the reply answers no known request.
        op: Option<OpCode>,
        /// The request's number.
        xid: Xid,
        /// Its outcome.
        error: ErrorCode,
        /// The server's last zxid.
        zxid: Zxid,
        /// Bytes of the request's frame behind its length.
        request_bytes: u32,
        /// Bytes of the reply's frame behind its length.
        reply_bytes: u32,
        /// Nanoseconds from the request to the reply; None when no request is known.
        nanos: Option<u64>,
        /// The node, perhaps cut off.
        path: P,
    },
    /// A watch fired.
    Watch {
        /// 1 created, 2 deleted, 3 data changed, 4 children changed.
        event: i32,
        /// The node.
        path: P,
    },
    /// The session's negotiated timeout, in milliseconds.
    Attach {
        /// The timeout.
        timeout_ms: u32,
    },
    /// Words that say why.
    Verdict {
        /// The reason of an end or a move, or the code of a risk.
        reason: Option<&'static str>,
        /// The code of a cause.
        cause: Option<&'static str>,
        /// A sentence.
        text: Option<Box<str>>,
        /// Milliseconds that a move took.
        gap_ms: Option<u64>,
    },
    /// Nothing more.
    Bare,
}

impl EventDetail<&[u8]> {
    /// The same with a path of its own.
    pub fn copied(&self) -> EventDetail<Box<[u8]>> {
        match self.clone() {
            Self::Operation { op, xid, error, zxid, request_bytes, reply_bytes, nanos, path } => {
                let path = path.into();
                EventDetail::Operation { op, xid, error, zxid, request_bytes, reply_bytes, nanos, path }
            }
            Self::Watch { event, path } => EventDetail::Watch { event, path: path.into() },
            Self::Attach { timeout_ms } => EventDetail::Attach { timeout_ms },
            Self::Verdict { reason, cause, text, gap_ms } => EventDetail::Verdict { reason, cause, text, gap_ms },
            Self::Bare => EventDetail::Bare,
        }
    }
}

impl EventDetail<Box<[u8]>> {
    /// The same with its path lent.
    pub fn lent(&self) -> EventDetail<&[u8]> {
        match self {
            Self::Operation { op, xid, error, zxid, request_bytes, reply_bytes, nanos, path } => {
                EventDetail::Operation {
                    op: *op,
                    xid: *xid,
                    error: *error,
                    zxid: *zxid,
                    request_bytes: *request_bytes,
                    reply_bytes: *reply_bytes,
                    nanos: *nanos,
                    path,
                }
            }
            Self::Watch { event, path } => EventDetail::Watch { event: *event, path },
            Self::Attach { timeout_ms } => EventDetail::Attach { timeout_ms: *timeout_ms },
            Self::Verdict { reason, cause, text, gap_ms } => {
                EventDetail::Verdict { reason: *reason, cause: *cause, text: text.clone(), gap_ms: *gap_ms }
            }
            Self::Bare => EventDetail::Bare,
        }
    }
}

impl<P: AsRef<[u8]>> EventDetail<P> {
    /// Bytes that it takes beside itself.
    pub(super) fn bytes_behind(&self) -> usize {
        match self {
            Self::Operation { path, .. } | Self::Watch { path, .. } => path.as_ref().len(),
            Self::Verdict { text, .. } => text.as_ref().map_or(0, |text| text.len()),
            Self::Attach { .. } | Self::Bare => 0,
        }
    }
}

/// An event that was copied out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TappedEvent {
    /// What kind of event it is.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// Whom it is about.
    pub place: Arc<EventPlace>,
    /// What it says.
    pub detail: EventDetail<Box<[u8]>>,
    /// The first bytes of the request's node data; empty unless they were asked for.
    pub data: Box<[u8]>,
}
