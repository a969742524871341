//! Latency over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiWord, AtTime, NamedServer};

/// Latencies of one class of operations at one server within ten seconds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LatencySlotView {
    /// When the ten seconds began.
    #[serde(flatten)]
    pub at: AtTime,
    /// The server.
    #[serde(flatten)]
    pub server: NamedServer,
    /// `read`, `write` or `ping`.
    pub class: ApiWord,
    /// Operations that were answered.
    pub count: u32,
    /// Half of them took at most that long, in microseconds.
    pub p50_us: u32,
    /// 99 % of them took at most that long, in microseconds.
    pub p99_us: u32,
    /// The longest took about that long, in microseconds.
    pub max_us: u32,
}
