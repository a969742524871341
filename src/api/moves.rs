//! What happened to sessions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiWord, AtTime, EndCauseView, FactView, NamedServer, RequestView};

/// A session that attached to another server than before.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct MoveView {
    /// Its id, in hexadecimal.
    pub session: String,
    /// The session that it replaces, where its holder came back with a new one; null when it is the same.
    pub former_session: Option<String>,
    /// Who holds it.
    pub identity: Option<String>,
    /// The client's address.
    pub client: String,
    /// The server that it left.
    pub from: String,
    /// The same by its number.
    pub from_id: u16,
    /// The server that it came to.
    pub to: String,
    /// The same by its number.
    pub to_id: u16,
    /// When.
    #[serde(flatten)]
    pub at: AtTime,
    /// From the end of the last connection to the new attach, in milliseconds; 0 when they overlapped.
    pub gap_ms: u64,
    /// Requests that the connection which it left did not get answered.
    pub unanswered: u32,
    /// Why the last connection ended; `pending` when that was not decided at the time.
    pub reason: ApiWord,
    /// Why the new server was asked.
    pub routed: ApiWord,
    /// Why the connection ended that it is about.
    #[serde(flatten)]
    pub diagnosed: EndCauseView,
    /// What shows why the last connection ended, in values.
    #[serde(default)]
    pub facts: Vec<FactView>,
}

/// A refusal of a session because it has moved.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct RefusalView {
    /// Its id, in hexadecimal.
    pub session: String,
    /// Who holds it.
    pub identity: Option<String>,
    /// The client's address.
    pub client: String,
    /// The connection on which it was refused.
    pub connection: u64,
    /// The server that refused it.
    #[serde(flatten)]
    pub server: NamedServer,
    /// Where the session had been claimed instead, when that was seen.
    pub claimed_by: Option<String>,
    /// When.
    #[serde(flatten)]
    pub at: AtTime,
    /// What shows it.
    pub evidence: ApiWord,
    /// How sure that is.
    pub confidence: ApiWord,
    /// Why the connection ended that it is about.
    #[serde(flatten)]
    pub diagnosed: EndCauseView,
    /// The evidence in sentences.
    pub why: Vec<String>,
    /// The same in values.
    pub facts: Vec<FactView>,
    /// Requests that were left unanswered.
    pub unanswered: u32,
    /// The first of them.
    pub requests: Vec<RequestView>,
}
