//! One risk: what may be lost, since when, and how it went out.

use std::net::SocketAddr;

use super::heartbeat_budget::HeartbeatBudget;
use super::risk_code::RiskCode;
use crate::ids::{ServerId, SessionId};
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;
use crate::time::Timestamp;

/// Whose risk it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RiskSubject {
    /// The session.
    pub session: SessionId,
    /// The server that it is on, or was on last.
    pub server: Option<ServerId>,
    /// Its client.
    pub client: Option<SocketAddr>,
    /// Who holds it.
    pub identity: Option<Box<HolderIdentity>>,
}

/// The numbers of a risk, by its kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RiskDetail {
    /// What was left of the timeout when it was looked at last.
    Heartbeat(HeartbeatBudget),
    /// The session has no connection.
    Away {
        /// Since when.
        since: Timestamp,
        /// When the servers expire it at the earliest.
        expires_at: Timestamp,
    },
    /// A node and the session that owns it.
    Node {
        /// The node's path, at its beginning.
        path: Box<ShortPath>,
        /// Its owner; None where it is not known which session that is.
        owner: Option<SessionId>,
        /// When the owner expires at the earliest; None where that cannot be told.
        expires_at: Option<Timestamp>,
    },
}

/// How a risk went out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RiskOutcome {
    /// It still stands.
    Open,
    /// It passed: whoever was late is back, or the other session is gone.
    Passed,
    /// What was at risk was lost: the connection ended, or the session expired.
    Lost,
    /// What became of it is not known: its session was not seen again and may live elsewhere.
    Unknown,
}

/// One risk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRisk {
    /// Its number, counted from 1.
    pub id: u64,
    /// What may be lost.
    pub code: RiskCode,
    /// Whose it is.
    pub subject: RiskSubject,
    /// When it was seen first.
    pub since: Timestamp,
    /// When it went out; None while it stands.
    pub until: Option<Timestamp>,
    /// How it went out.
    pub outcome: RiskOutcome,
    /// Its numbers.
    pub detail: RiskDetail,
}
