//! One session with everything that happened to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    ApiWord, AtTime, AttachedTime, FactView, HeartbeatView, MoveView, NamedServer, PathView, RefusalView, RequestView,
    SessionView, TimeoutAdviceView,
};

/// One session.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SessionDetail {
    /// The same as in the list.
    #[serde(flatten)]
    pub session: SessionView,
    /// The first unanswered requests of the connection that ended last with any.
    pub last_unanswered: Vec<RequestView>,
    /// In order of time.
    pub timeline: Vec<TimelineEvent>,
    /// Older claims that are no longer remembered.
    pub forgotten: u32,
    /// How long operations took.
    pub latency: LatencyByClass,
    /// How long both sides have been silent; null without a connection.
    #[serde(default)]
    pub heartbeat: Option<HeartbeatView>,
    /// The way to its client as the kernel knows it; null where it was not looked at within the last minute.
    #[serde(default)]
    pub client_path: Option<ClientPathView>,
    /// The way to its server, by the connections that were sampled.
    #[serde(default)]
    pub server_path: Option<PathView>,
    /// How its timeout fits what was seen; null where that is not known.
    #[serde(default)]
    pub timeout_advice: Option<TimeoutAdviceView>,
}

impl SessionDetail {
    /// Where all is found that is known of this session.
    pub fn path(session: impl std::fmt::Display) -> String {
        format!("/api/sessions/{session}")
    }
}

/// What the kernel counts for the connection of a client.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ClientPathView {
    /// The smoothed round trip, in milliseconds.
    pub rtt_ms: f64,
    /// Segments that were sent again, in the connection's whole life.
    pub retransmissions: u32,
    /// Segments that are sent and not acknowledged.
    pub unacked: u32,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimelineEvent {
    /// A server was asked for the session.
    Attach(AttachView),
    /// A connection ended.
    End(EndView),
    /// The session came to another server.
    Move(MoveView),
    /// A server refused it because it had moved.
    SessionMoved(RefusalView),
    /// Something that only a newer server knows.
    #[serde(untagged)]
    Unknown(UnknownEvent),
}

/// An event of a kind that is not known here.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct UnknownEvent {
    /// What it is.
    pub kind: String,
    /// When it happened.
    #[serde(flatten)]
    pub at: AtTime,
    /// All else.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

/// A claim of the session.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct AttachView {
    /// When it was sent.
    #[serde(flatten)]
    pub at: AtTime,
    /// The connection on which it was.
    pub connection: u64,
    /// The client's address.
    pub client: String,
    /// The server that was asked.
    #[serde(flatten)]
    pub server: NamedServer,
    /// Why this one.
    pub routed: ApiWord,
    /// `accepted`, `refused` or `unanswered`.
    pub outcome: ApiWord,
    /// The timeout that the client asked for, in milliseconds.
    pub requested_timeout_ms: i32,
    /// The timeout that the server granted, in milliseconds.
    pub timeout_ms: Option<i32>,
    /// When the server gave the session.
    #[serde(flatten)]
    pub attached_at: AttachedTime,
}

/// The end of a connection.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EndView {
    /// When.
    #[serde(flatten)]
    pub at: AtTime,
    /// Which connection.
    pub connection: u64,
    /// The server that it went to.
    #[serde(flatten)]
    pub server: NamedServer,
    /// Why; `pending` while that is not decided.
    pub reason: ApiWord,
    /// The evidence for that, in a sentence.
    pub why: Option<String>,
    /// How sure the reason is.
    pub confidence: Option<ApiWord>,
    /// The evidence in values.
    pub facts: Vec<FactView>,
    /// Who ended it and how: `client_fin`, `server_reset`, `proxy_shutdown` and so on.
    pub closer: ApiWord,
    /// Requests that it left unanswered.
    pub unanswered: u32,
}

/// Latencies of the classes of operations.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LatencyByClass {
    /// Operations that change nothing.
    pub read: LatencyView,
    /// Operations that go through the leader.
    pub write: LatencyView,
    /// Pings.
    pub ping: LatencyView,
}

/// Latencies of one class in microseconds; null when there were none.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LatencyView {
    /// How many were measured.
    pub count: u64,
    /// Their mean.
    pub mean_us: Option<f64>,
    /// The median.
    pub p50_us: Option<f64>,
    /// What nine in ten do not exceed.
    pub p90_us: Option<f64>,
    /// What 99 in a hundred do not exceed.
    pub p99_us: Option<f64>,
    /// What 999 in a thousand do not exceed.
    pub p999_us: Option<f64>,
    /// The longest.
    pub max_us: Option<f64>,
}
