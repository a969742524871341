//! What happens, as it happens: one object for each event of a stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApiWord;

/// Where the stream of events is.
pub const TAP: &str = "/api/tap";

/// One event. Members that it does not have are left out.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TapEventView {
    /// `operation`, `watch`, `attach`, `claim_refused`, `close`, `ended`, `move`, `refusal`, `incident` or `risk`; the name
    /// of the event in the stream too.
    pub kind: ApiWord,
    /// When it happened, RFC 3339 in UTC.
    pub at: String,
    /// The same in milliseconds since 1970.
    pub at_ms: u64,
    /// The same in microseconds since 1970.
    pub at_us: u64,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Who holds it, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The server; of a move the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The server before a move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The connection's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// The request's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xid: Option<i64>,
    /// The operation; absent when the reply answers no known request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// Its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op_code: Option<i32>,
    /// The node, cut behind 255 bytes; of a multi that of its first sub-operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Bytes of the request's frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u32>,
    /// Bytes of the reply's frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_bytes: Option<u32>,
    /// The outcome: `ok`, or a name such as `NONODE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<i32>,
    /// Microseconds from the request to the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// The server's last zxid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zxid: Option<String>,
    /// Of a watch: `created`, `deleted`, `data_changed`, `children_changed` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<ApiWord>,
    /// The session's timeout in milliseconds, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// Why a connection ended or a session moved, what shows a refusal, or the code of a risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ApiWord>,
    /// The code of a cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<ApiWord>,
    /// How long a session was away that moved, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_ms: Option<u64>,
    /// A sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The first bytes of the request's node data, where they were asked for. What is no printable ASCII is escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// An operation that took long.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SlowOperationView {
    /// `threshold` where it took longer than `slow_log.read` or `slow_log.write`, or `slowest` of its kind at its server.
    #[serde(default)]
    pub because: ApiWord,
    /// Requests of its connection that waited for a reply before the turn in which it was answered.
    #[serde(default)]
    pub in_flight: u32,
    /// The operation.
    #[serde(flatten)]
    pub operation: TapEventView,
}

/// What a stream says in an event named `dropped`: it could not keep up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DroppedEvents {
    /// Events that are missing behind the last one that was sent.
    pub dropped: u64,
}
