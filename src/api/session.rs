//! Sessions in short.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ActiveTime, ApiWord, AttachedTime, NamedServer};

/// One session.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// Its id, in hexadecimal.
    pub session: String,
    /// `attached`, `pending` (no connection here carries it) or `ended`.
    pub state: ApiWord,
    /// How it ended, when it has: `closed`, `expired`, `replaced` or `lapsed`.
    pub ended: Option<ApiWord>,
    /// Who holds it: by what it did, otherwise by its address.
    pub identity: Option<String>,
    /// The address of the client that claimed it last.
    pub client: Option<String>,
    /// The server that carries it, or carried it last.
    #[serde(flatten)]
    pub server: NamedServer,
    /// The myid of the server that created it, from the id itself; null where ids are not of ZooKeeper's making.
    pub born_on: Option<u8>,
    /// The client library, as far as its traffic tells: `Java`, `kazoo`, `Go`, `C`, `Node.js` or `ClickHouse`.
    pub client_kind: Option<ApiWord>,
    /// What it was recognised by, in words.
    #[serde(default)]
    pub client_recognised_by: Option<String>,
    /// After how long a silence of its server such a client gives up, in milliseconds; null for one that never does, and
    /// before its timeout is known. Of a client that was not recognised what most do.
    #[serde(default)]
    pub client_gives_up_after_ms: Option<u64>,
    /// The version of the protocol that both sides agreed on; 0 for all but ClickHouse's clients.
    pub protocol_version: i32,
    /// Bits of an xid: 32, or 64.
    pub xid_bits: u8,
    /// Whether what is said is compressed, so that operations are not seen.
    pub compressed: bool,
    /// The timeout that the server granted, in milliseconds.
    pub timeout_ms: Option<i32>,
    /// The timeout that the client asked for, in milliseconds.
    pub requested_timeout_ms: Option<i32>,
    /// Requests that wait for their answer.
    pub in_flight: u32,
    /// Requests that the connection which ended last left unanswered.
    pub unanswered: u32,
    /// Answered requests.
    pub operations: u64,
    /// Answers with an error code.
    pub errors: u64,
    /// Half of its reads and writes took at most that long, in microseconds; null when there were none.
    #[serde(default)]
    pub p50_us: Option<f64>,
    /// 99 % of its reads and writes took at most that long, in microseconds.
    #[serde(default)]
    pub p99_us: Option<f64>,
    /// How long its client has been silent, in milliseconds; null without a connection.
    #[serde(default)]
    pub client_silent_ms: Option<u64>,
    /// How long its server has been silent, in milliseconds; null without a connection.
    #[serde(default)]
    pub server_silent_ms: Option<u64>,
    /// What it waits for: `connection` (none here carries it), `server_reply`, `client_to_read` (its client takes no more)
    /// or `server_to_read` (its server takes no more); null for nothing.
    #[serde(default)]
    pub waits_for: Option<ApiWord>,
    /// Bytes from its client.
    pub client_bytes: u64,
    /// Bytes from its servers.
    pub server_bytes: u64,
    /// Times that it came to another server.
    pub moves: u32,
    /// Times that it was refused because it had moved.
    pub session_moved: u32,
    /// The newest zxid that it was shown, in hexadecimal.
    pub last_zxid: String,
    /// The watches that it has set.
    pub watches: WatchesView,
    /// When a server gave it last.
    #[serde(flatten)]
    pub attached_at: AttachedTime,
    /// When something was last heard of it.
    #[serde(flatten)]
    pub active_at: ActiveTime,
}

/// Watches by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct WatchesView {
    /// On a node's data.
    pub data: u32,
    /// On a node that is missing.
    pub exist: u32,
    /// On a node's children.
    pub child: u32,
    /// On data and children of a node, until they are removed.
    pub persistent: u32,
    /// On a whole subtree, until they are removed.
    pub recursive: u32,
    /// Those that set-watches took over from an earlier connection, whatever their kind.
    pub carried: u32,
}
