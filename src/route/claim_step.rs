//! What a claim asks for, and the steps by which its search goes on.

use std::time::Duration;

use super::policy::ServerCandidate;
use crate::ids::{ServerId, SessionId};

/// What a claim asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimTerms {
    /// The session; [`SessionId::NEW`] for a new one.
    pub session: SessionId,
    /// The session timeout asked for.
    pub timeout: Duration,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimStep {
    /// Send the claim to this server.
    Ask(ServerCandidate),
    /// Probe this server now, and decide again when it has answered.
    Probe(ServerId),
    /// Wait: decide again after [`RECHECK`](super::RECHECK), or when something was seen.
    Wait,
    /// Leave the claim at this server behind, and decide again. The server may still carry it out.
    Leave(ServerId),
    /// Turn the client away.
    TurnAway(TurnedAway),
}

/// Why a client is turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TurnedAway {
    /// Each server was asked once, or could not be reached, and none took the claim.
    NobodyTook,
    /// The client's patience is over.
    OutOfPatience,
}
