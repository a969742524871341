//! Servers of the ensemble.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiWord, SeenTime, SinceTime};

/// A server as lists show it: its address and, beside it, its number. To be flattened into what it belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct NamedServer {
    /// Its address as configured; null when there is none.
    pub server: Option<String>,
    /// Its place among the configured ones, from 0.
    pub server_id: Option<u16>,
}

/// One server as last seen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServerView {
    /// Which one.
    #[serde(flatten)]
    pub server: NamedServer,
    /// `serving`, `not_serving`, `unresponsive`, `hanging_up`, `refusing`, `unreachable` or `unknown`.
    pub state: ApiWord,
    /// `leader`, `follower`, `observer`, `standalone` or `unknown`.
    pub role: ApiWord,
    /// The newest zxid that it was seen to have, in hexadecimal.
    pub last_zxid: Option<String>,
    /// Sessions that are attached there now.
    pub sessions: usize,
    /// Client connections that are open now, those that carry no session included.
    pub connections: u32,
    /// Operations that it has answered since the start.
    #[serde(default)]
    pub operations: u64,
    /// Answers of its with an error code since the start.
    #[serde(default)]
    pub errors: u64,
    /// When it was last asked.
    #[serde(flatten)]
    pub seen_at: SeenTime,
    /// Since when its state is what it is.
    #[serde(flatten)]
    pub since: SinceTime,
}
