//! What connections of one server that ended together had in common.

use std::time::Duration;

use crate::session::fact::Fact;
use crate::time::Timestamp;

/// What a burst shows about its server.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum BurstCause {
    /// It stopped serving.
    Leaving(Vec<Fact>),
    /// The leader was lost.
    LeaderLost(Vec<Fact>),
    /// It serves as before: each connection ended for a reason of its own.
    Stays(BurstOutcome),
}

/// A server that left, as a burst has shown.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ServerDeparture {
    /// When it began to leave.
    pub(super) at: Timestamp,
    /// What showed it.
    pub(super) cause: BurstCause,
}

/// What is known once connections that ended together are a matter of each alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BurstOutcome {
    /// What shows that the server serves as before.
    pub(super) shown_by: StillServing,
    /// How many connections ended together with no reason of their own.
    pub(super) ended: u32,
    /// How many of those were reset.
    pub(super) reset: u32,
    /// From the first of them to the last.
    pub(super) within: Duration,
}

impl BurstOutcome {
    /// Nothing is known.
    pub(super) const UNKNOWN: Self =
        Self { shown_by: StillServing::Nobody, ended: 0, reset: 0, within: Duration::ZERO };
}

impl BurstCause {
    /// What is known of each connection alone.
    pub(super) fn outcome(&self) -> BurstOutcome {
        match self {
            Self::Stays(outcome) => *outcome,
            Self::Leaving(_) | Self::LeaderLost(_) => BurstOutcome::UNKNOWN,
        }
    }
}

/// What shows that a server serves as before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StillServing {
    /// This many other connections are open.
    Others(u32),
    /// A probe, this long after the end.
    Seen(Duration),
    /// A probe, this long after the end, on a connection that had been open since before.
    Stood(Duration),
    /// Nothing: no other connection, and no probe within the bound.
    Nobody,
}
