//! What an [`Inspector`](super::Inspector) says about a connection, as it happens, and who gets it.
//!
//! Events borrow from the bytes that are passing; who wants to keep something copies it.

use super::RequestPath;
use super::client_profile::ClientSign;
use super::connection_end::ConnectionEnd;
use super::identity::HolderIdentity;
use crate::ids::{SessionId, Xid, Zxid};
use crate::time::Timestamp;
use crate::wire::first_frame::ConnectionOpening;
use crate::wire::handshake::{ClaimSecret, ConnectRequest, ConnectResponse};
use crate::wire::{DecodeFault, ErrorCode, OpCode};

/// The one receiver of everything that a connection's [`Inspector`](super::Inspector) reads.
///
/// In the live program the events are counted and those that concern sessions reach the ledger; a simulation keeps
/// them for its own ledger. [`EventSink::on_event`] is called on the path of every operation: no lock, no allocation,
/// no look-up there.
pub trait EventSink {
    /// Bytes were read at this time; what follows until the next call happened then.
    #[inline]
    fn on_time(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// Something happened.
    fn on_event(&mut self, event: Event<'_>);

    /// Whether the client's bytes themselves are wanted too.
    #[inline]
    fn wants_client_bytes(&self) -> bool {
        false
    }

    /// Bytes of the client's frames that are about to be read; `begins` where they begin with a frame.
    fn on_client_bytes(&mut self, bytes: &[u8], begins: bool) {
        let _ = (bytes, begins);
    }

    /// A ping was answered that was sent at that moment while no request waited: how long the server itself takes.
    #[inline]
    fn on_ping(&mut self, sent_at: Timestamp) {
        let _ = sent_at;
    }

    /// A turn is over, in which either side's bytes were read as far as they had come.
    #[inline]
    fn on_turn(&mut self, turn: InspectedTurn) {
        let _ = turn;
    }

    /// The first sign of the connection's end was seen. Bytes that are still on their way may bring more events.
    fn on_end(&mut self, end: ConnectionEnd) {
        let _ = end;
    }
}

/// What one turn of a connection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InspectedTurn {
    /// Bytes from the client.
    pub client_bytes: u64,
    /// Bytes from the server.
    pub server_bytes: u64,
    /// Requests that wait for a reply after it, pings not counted.
    pub in_flight: u32,
    /// Whether the rest of a reply is still to come.
    pub inside_reply: bool,
}

/// One thing that happened on one connection.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event<'a> {
    /// The client claimed a session, with what proves that it holds it.
    ConnectRequested(ConnectRequest, ClaimSecret<'a>),
    /// The client speaks something that is no session: a four-letter word or another protocol. Nothing more is read.
    Unread(ConnectionOpening),
    /// The server answered the claim, with that by which the client holds the session when it was given.
    ConnectResponded(ConnectResponse, ClaimSecret<'a>),
    /// A request's record was read; for a multi once for each sub-operation.
    Request(Request<'a>),
    /// A reply's header was read.
    Reply(Reply<'a>),
    /// One result inside the reply to a multi or multiRead was read.
    Result {
        /// The sub-operation, or [`OpCode::ERROR`].
        op: OpCode,
        /// Its outcome.
        error: ErrorCode,
    },
    /// A watch fired.
    Watch(WatchEvent<'a>),
    /// A reply skipped requests that were sent before it.
    Gap {
        /// How many it skipped.
        skipped: u32,
    },
    /// A request found no room among those in flight and will not be followed.
    Untracked,
    /// A reply said in words that the session has moved (servers before 3.6 only).
    MoveRefused {
        /// Where it was said.
        form: MovedCodeLocation,
        /// The request that was refused; None when none with its xid is known.
        refused: Option<RefusedRequest<'a>>,
    },
    /// The session's holder was recognised.
    Identified(HolderIdentity),
    /// The client library was recognised.
    Recognised(ClientSign),
    /// The session's holder wanted to register an ephemeral node that exists already: whom that node tells of.
    NodeExists(HolderIdentity),
    /// A reply's `Stat` named the session that owns an ephemeral node; only the first replies of a connection and those
    /// behind a [`Event::NodeExists`] are looked at.
    NodeOwned {
        /// The node's path, perhaps cut at [`PATH_CAP`](crate::wire::PATH_CAP).
        path: &'a [u8],
        /// Its `ephemeralOwner`.
        owner: SessionId,
    },
    /// A node by which Kafka's controllers are known is gone.
    ControllerGone {
        /// The cluster's chroot.
        chroot: &'a [u8],
        /// Whether a watch said so, perhaps late; else the reply to a delete.
        watched: bool,
    },
    /// A multi, or the reply to one, holds an operation of no known layout: the rest of its frame was not read.
    UnknownPart(OpCode),
    /// All that follows the handshakes is compressed, as both sides agreed.
    Compressed,
    /// This many compressed blocks were passed on.
    Blocks {
        /// Of the client's.
        requests: u32,
        /// Of the server's.
        replies: u32,
    },
    /// The bytes cannot be read any further; they are still forwarded.
    Opaque(DecodeFault),
}

/// A request, or one sub-operation of a multi.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// The client's number for it.
    pub xid: Xid,
    /// The operation of the frame.
    pub op: OpCode,
    /// The sub-operation inside a multi; otherwise the same as `op`.
    pub part: OpCode,
    /// Path, or scheme of an auth packet; raw bytes, perhaps cut at [`PATH_CAP`](crate::wire::PATH_CAP).
    pub path: &'a [u8],
    /// Watch flag, create flags, mode or watcher type, by operation; of set-watches how many watches it sets.
    pub flags: i32,
    /// Bytes of node data, credentials or token that it carries.
    pub data_len: u32,
    /// Bytes of the whole frame behind its length.
    pub frame_len: u32,
}

/// A reply and what it says about its request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply<'a> {
    /// The request's xid.
    pub xid: Xid,
    /// The request's operation; None when no request with this xid is known.
    pub op: Option<OpCode>,
    /// Last zxid that the server had processed.
    pub zxid: Zxid,
    /// Outcome.
    pub error: ErrorCode,
    /// When the request was seen; the zero timestamp when none is known.
    pub sent_at: Timestamp,
    /// The request's path.
    pub path: RequestPath<'a>,
    /// The request's [`Request::flags`] (of a multi: of its first sub-operation).
    pub flags: i32,
    /// Bytes of the request's frame behind its length; 0 when none is known.
    pub request_len: u32,
    /// Bytes of the reply's frame behind its length.
    pub reply_len: u32,
}

/// A request that a server refused in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefusedRequest<'a> {
    /// The client's number for it.
    pub xid: Xid,
    /// What it asked for.
    pub op: OpCode,
    /// Path (of a multi: of its first sub-operation), perhaps cut off.
    pub path: &'a [u8],
    /// When it was seen.
    pub sent_at: Timestamp,
}

/// A notification of a watch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WatchEvent<'a> {
    /// 1 created, 2 deleted, 3 data changed, 4 children changed.
    pub kind: i32,
    /// State of the session as the server sees it; 3 is connected.
    pub state: i32,
    /// The node.
    pub path: &'a [u8],
}

/// Where in a reply a server before 3.6 says that the session has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MovedCodeLocation {
    /// -118 in the reply's header (3.2).
    Header,
    /// -118 as the first result of a multi (3.4 to 3.5).
    Multi,
}
