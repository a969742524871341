//! A probe and when it was.

use crate::ids::ServerId;
use crate::session::probe_result::{ProbeResult, ProbeTiming};
use crate::time::Timestamp;

/// One probe of a server with its times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerSighting {
    /// The server.
    pub server: ServerId,
    /// When the question was sent.
    pub asked_at: Timestamp,
    /// When the answer came, or was given up.
    pub told_at: Timestamp,
    /// Since when the server has been held by connections for questions without a break.
    pub connected_at: Timestamp,
    /// How long it took.
    pub timing: ProbeTiming,
    /// What was seen.
    pub result: ProbeResult,
}
