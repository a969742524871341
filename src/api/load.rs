//! What causes the load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiWord, SinceTime};

/// One path, client or holder.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LoadRowView {
    /// Which one; of a long path its beginning, and empty for operations without a path.
    pub key: String,
    /// Operations that were answered since `since`; at most by `error` too many.
    pub operations: u64,
    /// By how much `operations` may be too high: it may be those of a key that came before and made room.
    pub error: u64,
    /// Of the operations that are its own for certain: writes.
    pub writes: u64,
    /// Of those: answers with an error code.
    pub failures: u64,
    /// Bytes of the frames of those, of requests and replies.
    pub bytes: u64,
}

impl LoadRowView {
    /// Whether its key may be the beginning of a longer one.
    pub fn may_be_cut(&self) -> bool {
        // No letter is cut in two, and one has at most four bytes.
        self.key.len() + 3 >= LoadAnswer::KEY_BYTES
    }
}

/// What causes the load, counted while somebody asks.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LoadAnswer {
    /// By what it is counted: `path`, `client` or `identity`.
    pub by: ApiWord,
    /// Since when it is counted. The first question begins it, and ten seconds without one end it.
    #[serde(flatten)]
    pub since: SinceTime,
    /// Operations that were counted since then, pings aside.
    pub operations: u64,
    /// Operations that were not, because another thread was counting at that moment.
    pub uncounted: u64,
    /// What is not in the list came at most so often.
    pub largest_error: u64,
    /// The most frequent, the most frequent first.
    pub load: Vec<LoadRowView>,
}

impl LoadAnswer {
    /// Where it is.
    pub const PATH: &'static str = "/api/load";
    /// Bytes of a key that are kept; of those longer ones only the beginning is told.
    pub const KEY_BYTES: usize = 128;
}
