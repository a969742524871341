//! What was seen of a connection when it ended.
//!
//! Plain facts, gathered at the first sign of the end (a FIN or RST of either side); what they mean is judged
//! elsewhere, perhaps later, when other connections have shown more.

use std::time::Duration;

use super::client_profile::ClientSign;
use crate::ids::Xid;
use crate::text::beginning;
use crate::time::Timestamp;
use crate::wire::{ErrorCode, OpCode};

/// How many unanswered requests are described at a connection's end; the rest are counted.
pub const UNANSWERED_SHOWN: usize = 16;

/// Bytes that are kept of one of their paths.
pub const UNANSWERED_PATH: usize = 255;

/// Bytes that are kept of all their paths together: the first ones are whole, later ones may be cut or missing.
pub const UNANSWERED_PATHS: usize = 1_024;

/// Silences of a server that are shorter are not noted: clients are more patient than that.
pub const PAUSE_NOTED: Duration = Duration::from_secs(1);

/// Which side ended a connection, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionCloser {
    /// The client did.
    Client(CloseKind),
    /// The server did.
    Server(CloseKind),
    /// The proxy did: shutdown, a handshake deadline, no server left.
    Proxy(ProxyClose),
}

/// How a peer ended its side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseKind {
    /// In order.
    Fin,
    /// With a reset.
    Reset,
    /// Not at all: the path to it timed out.
    Timeout,
}

/// Why the proxy itself ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyClose {
    /// It is stopping.
    Shutdown,
    /// The server did not answer the claim in time, and another server was (or would have been) tried.
    HandshakeDeadline,
    /// The server went unresponsive with an answer owed, and the client was sent to look for another in time.
    UnresponsiveServer,
    /// Another server carried out a claim of the session that had been left behind there: the client has to come
    /// back to own its session again.
    LateClaim,
    /// The session's client came back on a newer connection, with its password.
    Superseded,
    /// An operator wanted it to end.
    Operator(DisconnectPoint),
}

/// Where a connection stood as an operator's wish ended it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisconnectPoint {
    /// At a frame boundary, with nothing held for either side.
    Boundary,
    /// Wherever it stood: it reached no frame boundary in time.
    Deadline,
    /// Wherever it stood: it is not understood, and has no frames.
    Opaque,
    /// Its claim was not answered yet.
    Claim,
}

impl DisconnectPoint {
    /// Its name in JSON and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Boundary => "at_boundary",
            Self::Deadline => "by_time",
            Self::Opaque => "opaque",
            Self::Claim => "while_waiting",
        }
    }
}

/// A request that never got its reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnansweredRequest {
    /// The client's number for it.
    pub xid: Xid,
    /// What it asked for.
    pub op: OpCode,
    /// Path (of a multi: of its first sub-operation), at most [`UNANSWERED_PATH`] bytes; lossy, and empty when it is
    /// no longer known.
    pub path: String,
    /// Whether it was to make an ephemeral node (of a multi that is not known).
    pub ephemeral: bool,
    /// When it was seen.
    pub sent_at: Timestamp,
}

impl UnansweredRequest {
    /// As much of a path as is kept. What is no text stands as U+FFFD, which is longer than the bytes that it stands
    /// for.
    pub fn path_of(bytes: &[u8]) -> String {
        beginning(&String::from_utf8_lossy(bytes), UNANSWERED_PATH).to_owned()
    }
}

/// A silence of the server while it owed an answer, which it has broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerSilence {
    /// How long it was.
    pub lasted: Duration,
    /// When the server spoke again.
    pub over_at: Timestamp,
}

impl ServerSilence {
    /// When it began.
    pub fn from(self) -> Timestamp {
        Timestamp(self.over_at.0.saturating_sub(self.lasted.as_nanos() as u64))
    }
}

/// A request that is longer than servers accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LongRequest {
    /// Its length in bytes.
    pub length: u32,
    /// What servers accept by default, or this one was seen to accept, in bytes.
    pub limit: u32,
    /// When its first bytes were read.
    pub sent_at: Timestamp,
}

/// A reply that is longer than clients take by default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LongReply {
    /// Its length in bytes.
    pub length: u32,
    /// What clients take, in bytes.
    pub limit: u32,
    /// What it answers, when that is known.
    pub request: Option<UnansweredRequest>,
    /// When its head passed.
    pub began_at: Timestamp,
    /// Whether all of it has passed.
    pub whole: bool,
    /// Such replies before it on the same connection: its client takes them.
    pub earlier: u32,
}

/// What went over a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectionTraffic {
    /// Replies.
    pub operations: u64,
    /// Those that carried an error.
    pub errors: u64,
    /// Bytes from the client.
    pub client_bytes: u64,
    /// Bytes from the server.
    pub server_bytes: u64,
}

/// The facts of a connection's end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionEnd {
    /// Who ended it.
    pub closer: ConnectionCloser,
    /// The first unanswered requests, oldest first; pings, auth and SASL exchanges are not among them.
    pub unanswered: Vec<UnansweredRequest>,
    /// How many there are in all.
    pub unanswered_count: u32,
    /// Unanswered pings.
    pub unanswered_pings: u32,
    /// When the oldest of them was sent; None when there is none, or that is not known.
    pub oldest_ping_at: Option<Timestamp>,
    /// Requests that a later reply skipped and that were never answered (protocol.md §3.4: the sign of a
    /// close marker that was overtaken).
    pub skipped: u32,
    /// The first error after which servers close: -6, -112, -115, -124; replies may still come behind it.
    pub fatal_error: Option<ErrorCode>,
    /// Requests that the server did not carry out for having too much to do (`THROTTLEDOP`).
    pub throttled: u16,
    /// Whether the client had asked to close the session.
    pub closing: bool,
    /// The first unanswered request that is longer than servers accept.
    pub oversized: Option<LongRequest>,
    /// The longest request above the default limit that was answered, in bytes; 0 where none was.
    pub long_answered: u32,
    /// The last reply that was longer than clients take by default.
    pub long_reply: Option<LongReply>,
    /// Last byte from the client.
    pub client_heard_at: Timestamp,
    /// Last byte from the server.
    pub server_heard_at: Timestamp,
    /// The last time that the server was silent for longer than [`PAUSE_NOTED`] with an answer owed, and went on.
    pub server_pause: Option<ServerSilence>,
    /// What the client library was recognised by on this connection.
    pub client_sign: Option<ClientSign>,
    /// What went over it, where the sink of its inspector counts that; else zeros.
    pub traffic: ConnectionTraffic,
}

impl ConnectionEnd {
    /// When the oldest of what the server still owed an answer to was sent; None where it owed nothing, or that is not
    /// known.
    pub fn owed_since(&self) -> Option<Timestamp> {
        let asked = self.unanswered.first().map(|request| request.sent_at).into_iter().chain(self.oldest_ping_at).min();
        // Of authentications no list is kept: what the client said last was one of them, or came behind it.
        let spoke = self.unanswered_count == 0 && self.unanswered_pings == 0;
        asked.or_else(|| (spoke && self.client_heard_at > self.server_heard_at).then_some(self.client_heard_at))
    }
}

#[cfg(test)]
impl ConnectionEnd {
    /// An end at which nothing was owed, right after both sides were heard.
    pub(crate) fn nothing_owed(closer: ConnectionCloser, now: Timestamp) -> Self {
        Self {
            closer,
            unanswered: Vec::new(),
            unanswered_count: 0,
            unanswered_pings: 0,
            oldest_ping_at: None,
            skipped: 0,
            fatal_error: None,
            throttled: 0,
            closing: false,
            oversized: None,
            long_answered: 0,
            long_reply: None,
            client_heard_at: now,
            server_heard_at: now,
            server_pause: None,
            client_sign: None,
            traffic: ConnectionTraffic::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_within_its_bytes_whatever_it_is_made_of() {
        assert_eq!(UnansweredRequest::path_of(b"/brokers/ids/1"), "/brokers/ids/1");
        let hostile = UnansweredRequest::path_of(&[0xff; 255]);
        assert_eq!(hostile, "\u{fffd}".repeat(85));
        assert_eq!(hostile.capacity(), UNANSWERED_PATH);
    }
}
