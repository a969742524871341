//! Evidence in values, and requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ApiWord, SentTime};

/// A fact behind a reason: its kind and its numbers, which carry their unit in their name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct FactView {
    /// What kind of fact it is.
    pub kind: ApiWord,
    /// Its values by name: times end in `_ms`, moments relative to the end in `_ms_after_end`.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}

/// A request that was never answered. Paths are shown, data never.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct RequestView {
    /// Its number on the connection.
    pub xid: i64,
    /// Its operation.
    pub op: String,
    /// Its path; empty where it has none or none was kept.
    pub path: String,
    /// When it passed.
    #[serde(flatten)]
    pub sent_at: SentTime,
}
