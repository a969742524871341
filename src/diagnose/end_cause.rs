//! The cause that the end of one connection has.

use super::verdict::{ConnectionPhase, FailureOrigin, JudgedCause};
use crate::time::Timestamp;

/// The cause of one connection's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndCause {
    /// The cause.
    pub cause: JudgedCause,
    /// When the connection ended.
    pub ended_at: Timestamp,
    /// Where in its life the connection was.
    pub phase: ConnectionPhase,
    /// The incident that it belongs to.
    pub incident: Option<u64>,
}

impl EndCause {
    /// Who failed first.
    pub fn first(&self) -> FailureOrigin {
        FailureOrigin::of(self.cause.code)
    }
}
