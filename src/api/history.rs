//! The history: what the state directory has of earlier times.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ApiWord, AtTime, FirstTime, LastTime, UntilTime};

/// How often there was something.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct NamedCount {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// What there was of one cause.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HistorySummaryView {
    /// `move`, `refusal`, `incident`, `ensemble` or `risk`.
    pub kind: ApiWord,
    /// The cause, the change of the ensemble, or the code of the risk; null where it is not known.
    pub cause: Option<ApiWord>,
    /// How often.
    pub count: u64,
    /// When the first of them began.
    #[serde(flatten)]
    pub first: FirstTime,
    /// When the last of them began.
    #[serde(flatten)]
    pub last: LastTime,
    /// At which servers, the most frequent first.
    pub servers: Vec<NamedCount>,
    /// Whom it met, the most frequent first.
    pub identities: Vec<NamedCount>,
    /// The shortest in milliseconds: of incidents how long they lasted, of moves how long the session was away.
    pub shortest_ms: Option<u64>,
    /// The mean.
    pub mean_ms: Option<u64>,
    /// The longest.
    pub longest_ms: Option<u64>,
    /// What the last one has that those before it had not.
    pub different: Vec<String>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntryView {
    /// `move`, `refusal`, `incident`, `ensemble`, `risk` or `latency`.
    pub kind: ApiWord,
    /// When it happened, or began.
    #[serde(flatten)]
    pub at: AtTime,
    /// When it was over.
    #[serde(flatten)]
    pub until: UntilTime,
    /// How long it lasted, in milliseconds; of a move, how long the session was away.
    pub lasted_ms: Option<u64>,
    /// The cause, the change of the ensemble, the code of the risk, or the class of operations.
    pub cause: Option<ApiWord>,
    /// How sure that is.
    pub confidence: Option<ApiWord>,
    /// Whom it met; several with commas between them.
    pub identity: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The client's address.
    pub client: Option<String>,
    /// The server; of a move, the one that the session came to.
    pub server: Option<String>,
    /// The server that the session came from.
    pub from: Option<String>,
    /// All of it in a sentence.
    pub text: String,
    /// What else is known of it, by its kind.
    pub values: Map<String, Value>,
}

/// A file that could not be read: what it holds is missing from the answer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct UnreadFile {
    /// Its name.
    pub file: String,
    /// Why.
    pub error: String,
}

/// What the history has.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HistoryAnswer {
    /// All that fits, by cause, the most frequent first.
    pub summary: Vec<HistorySummaryView>,
    /// Files that are missing from this answer.
    #[serde(default)]
    pub unread: Vec<UnreadFile>,
    /// The newest that fit, newest first.
    pub entries: Vec<HistoryEntryView>,
    /// Whether there are more than were asked for, or than could be read.
    #[serde(default)]
    pub more: bool,
}

impl HistoryAnswer {
    /// Where it is.
    pub const PATH: &'static str = "/api/history";
}
