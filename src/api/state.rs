//! What the admin address says of zoogate itself, and of a request that it does not answer.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApiWord;
use crate::config::LogLevel;

/// Where it says that it runs.
pub const LIVE: &str = "/livez";
/// Where its metrics are.
pub const METRICS: &str = "/metrics";
/// Where the API is described.
pub const OPENAPI: &str = "/api/openapi.json";
/// Where it says whether it serves.
pub const READY: &str = "/readyz";

/// Where changes of everything that the page shows are followed.
pub const CHANGES: &str = "/api/stream";
/// The name of the last event of a stream that the proxy ends because its token was replaced: an [`ErrorAnswer`].
pub const CLOSING: &str = "closing";

/// The process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LivenessAnswer {
    /// Always true: what does not run answers nothing.
    pub alive: bool,
}

/// Whether it serves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReadinessAnswer {
    /// Whether it does.
    pub ready: bool,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ApiWord>,
}

/// A level for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLevelRequest {
    /// The level.
    pub level: LogLevel,
}

impl LogLevelRequest {
    /// Where the level is asked for and changed.
    pub const PATH: &'static str = "/api/log-level";
}

/// The level of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LogLevelAnswer {
    /// The level.
    pub level: String,
}

/// Why there is no other answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ErrorAnswer<'a> {
    /// What is wrong.
    pub error: Cow<'a, str>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}
