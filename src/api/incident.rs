//! Incidents and causes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ApiWord, AtTime, SinceTime, UntilTime};

/// A cause with how sure it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct CauseView {
    /// One of the causes that `zoogate explain` lists.
    pub code: ApiWord,
    /// Since when it had been so.
    #[serde(flatten)]
    pub since: SinceTime,
    /// How sure it is: `weak`, `likely` or `certain`.
    pub confidence: ApiWord,
    /// Why it is not surer: `evidence_pending`, `no_probe`, `shared_name`, `alternative_remains` or `inferred`; null
    /// where nothing holds it down.
    pub capped_because: Option<ApiWord>,
}

/// Why a connection ended, which looks further than its reason: at the ensemble, the paths, and what happened later. All
/// is null while the connection is open, and when it is no longer kept. To be flattened into what it belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EndCauseView {
    /// The cause.
    pub cause: Option<CauseView>,
    /// Who failed first: `client`, `server`, `path_client`, `path_server`, `ensemble`, `zoogate`, `operator` or
    /// `unknown`.
    pub first: Option<ApiWord>,
    /// Where in its life the connection was: `handshake`, `idle`, `in_flight` or `closing`.
    pub phase: Option<ApiWord>,
    /// The incident that its end belongs to.
    pub incident: Option<u64>,
}

/// Whom an incident is about. Members that make no difference are null.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SubjectView {
    /// A server.
    pub server: Option<String>,
    /// The address of clients.
    pub client: Option<String>,
    /// A session.
    pub session: Option<String>,
}

/// One thing that was seen.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceView {
    /// The number by which it is cited.
    pub n: u32,
    /// When, where it was at a moment.
    #[serde(flatten)]
    pub at: AtTime,
    /// Who saw it: `traffic`, `probe`, `server`, `kernel` or `zoogate`.
    pub source: ApiWord,
    /// What kind of fact it is.
    pub kind: ApiWord,
    /// The fact in a sentence.
    pub text: String,
    /// The fact in values, as in `facts` of a connection.
    pub values: Map<String, Value>,
}

/// A cause that it cannot have been.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct RuledOutView {
    /// The cause.
    pub cause: ApiWord,
    /// The numbers of the evidence against it.
    pub by: Vec<u32>,
}

/// An operation that never got its reply.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LostOperationView {
    /// The operation.
    pub op: String,
    /// Its path.
    pub path: String,
    /// Whether it was to make an ephemeral node.
    pub ephemeral: bool,
}

/// What was lost or delayed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ImpactView {
    /// Connections that ended.
    pub connections: u32,
    /// Sessions that lost a connection, each counted once.
    pub sessions: u32,
    /// Of those: back by now.
    pub back: u32,
    /// Of those: on another server.
    pub moved: u32,
    /// Of those: over.
    pub expired: u32,
    /// Refusals because a session had moved.
    pub refused: u32,
    /// Who holds those sessions, as far as that is known: the first of them.
    #[serde(default)]
    pub holders: Vec<String>,
    /// Requests that never got a reply.
    pub unanswered: u32,
    /// The first of them.
    pub operations: Vec<LostOperationView>,
    /// Longest time that a session was without a connection, in milliseconds.
    pub gap_ms: u64,
    /// Sessions with ephemeral nodes that are not back.
    pub ephemerals_at_risk: u32,
}

/// Something to do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ActionView {
    /// What.
    pub text: String,
    /// The setting that it is about.
    pub setting: Option<String>,
    /// Why that helps.
    pub why: String,
}

/// What zoogate itself did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct OwnActionView {
    /// `gave_up_server`, `gave_up_claim`, `passed_over`, `ended_for_late_claim`, `closed_older`, `held`, `drained` or
    /// `disconnected`.
    pub what: ApiWord,
    /// How often.
    pub count: u32,
}

/// How much of what happened zoogate can have seen, as that was known when it began.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct CompletenessView {
    /// Connections of clients that do not come through zoogate, of all servers that tell; null where none does.
    pub bypassing: Option<u64>,
    /// Servers that were found serving or not, of all that are configured.
    pub servers_seen: u32,
    /// Servers that are configured.
    pub servers: u32,
}

/// That it happened before.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SeenBeforeView {
    /// Incidents of the same cause before this one: since zoogate started, and those that its state directory had then.
    pub count: u32,
    /// When the last of them began.
    pub last: Option<String>,
}

/// A cause that an incident was held to have.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct RevisionView {
    /// Until when.
    #[serde(flatten)]
    pub at: AtTime,
    /// The cause.
    pub cause: CauseView,
}

/// Ends, moves and refusals that have one cause.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct IncidentView {
    /// Its number.
    pub id: u64,
    /// `incident`.
    pub kind: ApiWord,
    /// When it began.
    #[serde(flatten)]
    pub at: AtTime,
    /// When it was over.
    #[serde(flatten)]
    pub until: UntilTime,
    /// Whether it is open.
    pub open: bool,
    /// How often its cause came: again shortly after it was over, or after it had healed; 1 when it did not come again.
    pub times: u32,
    /// Whom it is about.
    pub subject: SubjectView,
    /// All of it in a sentence.
    pub summary: String,
    /// The cause.
    pub cause: CauseView,
    /// Who failed first: `client`, `server`, `path_client`, `path_server`, `ensemble`, `zoogate`, `operator` or
    /// `unknown`.
    pub first: ApiWord,
    /// Where in its life the connection was that it is judged by: `handshake`, `idle`, `in_flight` or `closing`.
    pub phase: ApiWord,
    /// What shows the cause, strongest first.
    pub evidence: Vec<EvidenceView>,
    /// What it cannot have been.
    pub ruled_out: Vec<RuledOutView>,
    /// What else it may have been.
    pub remaining: Vec<ApiWord>,
    /// What it cost.
    pub impact: ImpactView,
    /// What to do.
    pub actions: Vec<ActionView>,
    /// What zoogate did.
    pub own_actions: Vec<OwnActionView>,
    /// How much zoogate can have seen.
    pub completeness: CompletenessView,
    /// That it happened before.
    pub seen_before: Option<SeenBeforeView>,
    /// What the cause was held to be before.
    pub revisions: Vec<RevisionView>,
}

impl IncidentView {
    /// Where one incident is.
    pub fn path(id: impl std::fmt::Display) -> String {
        format!("/api/incidents/{id}")
    }
}
