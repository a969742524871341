//! The ensemble over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ApiWord, AtTime, NamedServer, SinceTime};

/// The servers as they are, and what happened to them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EnsembleView {
    /// Since when zoogate watches it: when it was started. What was before that is not known here.
    #[serde(flatten)]
    pub since: SinceTime,
    /// In configured order.
    pub servers: Vec<WatchedServerView>,
    /// Who leads, by its address; null when nobody is known to.
    pub leader: Option<String>,
    /// The highest epoch that was seen; every elected leader begins a new one.
    pub epoch: Option<i64>,
    /// How often another server than before was seen leading.
    pub leader_changes: u64,
    /// What happened, oldest first.
    pub timeline: Vec<EnsembleEventView>,
    /// Older events that are no longer remembered.
    pub forgotten: u64,
}

impl EnsembleView {
    /// Where it is found.
    pub const PATH: &'static str = "/api/ensemble";
}

/// One server over time.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct WatchedServerView {
    /// Which one.
    #[serde(flatten)]
    pub server: NamedServer,
    /// As in the list of servers.
    pub state: ApiWord,
    /// Since when its state is what it is.
    #[serde(flatten)]
    pub since: SinceTime,
    /// The last role that it told, also while it is down.
    pub role: ApiWord,
    /// Its number in the ensemble, where it or the sessions that it gave show that.
    pub myid: Option<u64>,
    /// Its last transaction, in hexadecimal, as it told last.
    pub zxid: Option<String>,
    /// Transactions that it lacked, as last compared with what another server had told before; null where none could be.
    pub behind: Option<u64>,
    /// From a probe's question to its answer.
    pub probe_ms: BaselineView,
    /// Of a TCP connect.
    pub connect_ms: BaselineView,
    /// From a client's ping to its reply.
    pub ping_ms: BaselineView,
    /// What the kernel knows of the way to it; null where it tells nothing.
    pub path: Option<PathView>,
    /// What it tells of itself; null where it has told nothing.
    pub details: Option<DetailsView>,
    /// zoogate's client connections to it.
    pub connections: u32,
    /// Connections to it that do not come through zoogate; null where its own count is not known.
    pub bypassing: Option<u64>,
    /// When its process was started again last, as far as zoogate saw that.
    pub restarted_at: Option<String>,
}

/// What is usual, in milliseconds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct BaselineView {
    /// A median that moves slowly; null before there are enough samples.
    pub usual: Option<f64>,
    /// The last sample.
    pub last: Option<f64>,
    /// The longest one of the last half a minute, or minute.
    pub worst_recent: Option<f64>,
    /// How many there were.
    pub samples: u64,
}

/// What the kernel knows of the way to a server, by the connections that were sampled.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PathView {
    /// The longest smoothed round trip, in milliseconds.
    pub rtt_ms: f64,
    /// Segments that were sent again since the sample before.
    pub retransmissions: u32,
    /// The most segments that one connection has sent and not got acknowledged.
    pub unacked: u32,
    /// Segments that are taken for lost.
    pub lost: u32,
}

/// What a server tells of itself (`srvr`, `mntr`, `conf`, `cons`); null for what it did not tell.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DetailsView {
    /// Its version.
    pub version: Option<String>,
    /// Milliseconds of a tick.
    pub tick_ms: Option<u64>,
    /// Shortest session timeout that it gives.
    pub min_session_timeout_ms: Option<u64>,
    /// Longest session timeout that it gives.
    pub max_session_timeout_ms: Option<u64>,
    /// Connections that it allows each address; 0 for no bound.
    pub max_client_connections: Option<u64>,
    /// Connections of its own count.
    pub connections: Option<u64>,
    /// Requests that it has not answered.
    pub outstanding_requests: Option<u64>,
    /// Followers that are in step with it, if it leads.
    pub synced_followers: Option<u64>,
    /// Followers, if it leads.
    pub followers: Option<u64>,
    /// For how long it has had its present role, as it said last.
    pub uptime_ms: Option<u64>,
}

/// One thing that happened in the ensemble.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EnsembleEventView {
    /// When it was seen.
    #[serde(flatten)]
    pub at: AtTime,
    /// The server that it is about; null when it is about all of them.
    #[serde(flatten)]
    pub server: NamedServer,
    /// What happened: `health`, `role`, `leader_changed`, `new_epoch`, `restarted`, `disconnects`, `probe_slow`,
    /// `probe_usual`, `lagging`, `caught_up` or `path_lossy`.
    pub change: ApiWord,
    /// The same as a sentence.
    pub text: String,
    /// Its values by name: `before`, `now`, numbers, times that end in `_ms`.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}
