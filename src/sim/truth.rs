//! What the simulated servers know and never say: why they closed a connection, whom they refused, and when the
//! leader gave a session to whom.

use super::link::LinkId;
use crate::ids::ServerId;
use crate::time::Timestamp;
use crate::wire::OpCode;

/// Why a server closed a connection, or left a claim without a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Cause {
    /// The session belongs to another server.
    Moved,
    /// The session's time was over.
    Expired,
    /// The client closed the session on this connection.
    Closed,
    /// The session was closed on another connection.
    ClosedElsewhere,
    /// The session attached to this server again.
    Reattached,
    /// The server stopped, or fell out of the ensemble.
    ServerLeft,
    /// There is no leader any more.
    LeaderLost,
    /// The server was not serving when it was asked.
    NotServing,
    /// The client had seen a later zxid than the server.
    Lagging,
    /// The client has too many connections.
    Cap,
    /// A frame was longer than `jute.maxbuffer`, or its length below zero.
    Oversized,
    /// The credentials were not accepted.
    AuthFailed,
    /// The operation is not known.
    UnknownOperation,
    /// A frame could not be read.
    Broken,
    /// The session was over, or never was.
    SessionGone,
    /// The password was wrong.
    WrongPassword,
    /// Nothing came for longer than the session's timeout (NIO only).
    Idle,
    /// A four-letter word was answered.
    Word,
    /// The peer had closed.
    HungUp,
}

/// One thing that a server knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TruthKind {
    /// The leader gave the session to this connection's server.
    Granted,
    /// A request was refused because the session had moved.
    Refused {
        /// The client's number for it.
        xid: i32,
        /// What it asked for.
        op: OpCode,
        /// Whether the refusal was said in words.
        told: bool,
    },
    /// The connection was closed.
    Closed(Cause),
}

/// A fact with its place and time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TruthEntry {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub server: ServerId,
    /// On which connection.
    pub link: LinkId,
    /// Whose; 0 before a session was given.
    pub session: i64,
    /// What.
    pub what: TruthKind,
    /// The connection whose claim or request brought it about, when that was another one.
    pub by: Option<LinkId>,
}

/// Whether a server runs and takes part, from a moment on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServingShift {
    /// Since when.
    pub at: Timestamp,
    /// Which server.
    pub server: ServerId,
    /// Whether it runs and takes part.
    pub up: bool,
    /// Whether its port accepts connections.
    pub open: bool,
}
