//! Risks, and whether timeouts fit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiWord, AtTime, NamedServer, UntilTime};

/// How long both sides of a connection have been silent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HeartbeatView {
    /// How long the client has been silent, in milliseconds.
    pub client_silent_ms: u64,
    /// How long the server has been silent, in milliseconds.
    pub server_silent_ms: u64,
    /// Whether the client waits for an answer.
    pub owed: bool,
    /// How long such a client bears a server's silence, in milliseconds; the timeout where it never gives up.
    pub client_bears_ms: u64,
    /// The session timeout in milliseconds: the servers expire a session whose client is silent for that long.
    pub timeout_ms: u64,
    /// The side that fell silent first, `client` or `server`; null where neither has been silent for longer than a
    /// heartbeat takes.
    pub first: Option<ApiWord>,
}

/// How a session's timeout fits what was seen.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct TimeoutAdviceView {
    /// `fits`, `too_short`, `needlessly_long` or `unknown`.
    pub fit: ApiWord,
    /// The timeout in milliseconds.
    pub timeout_ms: u64,
    /// Times in which no server served, and absences and silences of this client, that it was measured by.
    pub outages: u32,
    /// Of those: times without a server that were longer than such a client bears, most of them two thirds of the timeout,
    /// and absences and silences that were longer than the timeout.
    pub exceeded: u32,
    /// `exceeded` as a share of `outages`, from 0 to 1; null where none was seen.
    pub exceeded_share: Option<f64>,
    /// The longest of them, in milliseconds.
    pub longest_ms: Option<u64>,
    /// The time within which 99.9 % of the session's writes were answered, in milliseconds.
    pub write_p999_ms: Option<u64>,
    /// The shortest timeout that would have borne all of them, in milliseconds; null where servers give none that long.
    pub would_bear_ms: Option<u64>,
    /// The longest timeout that servers give, in milliseconds, where even that would not have borne all of them.
    pub servers_give_ms: Option<u64>,
}

/// Something that may soon be lost, or might have been.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct RiskView {
    /// Its number, counted from 1 since zoogate was started.
    pub id: u64,
    /// One of the risks that `zoogate explain` lists.
    pub code: ApiWord,
    /// When it was seen first.
    #[serde(flatten)]
    pub at: AtTime,
    /// When it went out; null while it stands.
    #[serde(flatten)]
    pub until: UntilTime,
    /// `open`; `passed` when nothing was lost; `lost` when the connection or the session
    /// was; `unknown` when its session was not seen again.
    pub state: ApiWord,
    /// The session.
    pub session: String,
    /// Who holds it.
    pub identity: Option<String>,
    /// Its client.
    pub client: Option<String>,
    /// Its server.
    #[serde(flatten)]
    pub server: NamedServer,
    /// What it is, in a sentence with its numbers.
    pub summary: String,
    /// What to do.
    pub advice: String,
    /// The silences, where it is about them.
    pub heartbeat: Option<HeartbeatView>,
    /// When the servers delete what is at risk, at the earliest, in milliseconds since 1970; null where that is not
    /// known.
    pub expires_at_ms: Option<u64>,
    /// The node, where it is about one.
    pub path: Option<String>,
    /// The session that owns the node.
    pub owner: Option<String>,
}
