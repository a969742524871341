//! Connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiWord, AttachedTime, ClaimedTime, EndCauseView, EndedTime, FactView, NamedServer};

/// A connection that claimed a session, open or ended.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionView {
    /// Its number.
    pub connection: u64,
    /// The client's address.
    pub client: String,
    /// `pooled` or `mirror`; null when it is no longer known.
    pub listener: Option<ApiWord>,
    /// Why this server was asked.
    pub routed: Option<ApiWord>,
    /// The server that it goes to.
    #[serde(flatten)]
    pub server: NamedServer,
    /// Null for a new session that was not given yet, or never.
    pub session: Option<String>,
    /// `waiting`, `attached`, `refused` or `ended`.
    pub state: ApiWord,
    /// Why it ended: null while it is open, `pending` while that is not decided.
    pub reason: Option<ApiWord>,
    /// The evidence for that, in a sentence.
    pub why: Option<String>,
    /// How sure the reason is: `weak`, `likely` or `certain`.
    pub confidence: Option<ApiWord>,
    /// Why the connection ended that it is about.
    #[serde(flatten)]
    pub diagnosed: EndCauseView,
    /// The evidence in values.
    pub facts: Vec<FactView>,
    /// Requests that it left unanswered.
    pub unanswered: u32,
    /// Requests that wait for their answer.
    pub in_flight: u32,
    /// Answered requests. Null, as the bytes are, while no server has been asked.
    pub operations: Option<u64>,
    /// Bytes from the client.
    pub client_bytes: Option<u64>,
    /// Bytes from the server.
    pub server_bytes: Option<u64>,
    /// When the client claimed the session.
    #[serde(flatten)]
    pub claimed_at: ClaimedTime,
    /// When the server gave it.
    #[serde(flatten)]
    pub attached_at: AttachedTime,
    /// When it ended.
    #[serde(flatten)]
    pub ended_at: EndedTime,
}
