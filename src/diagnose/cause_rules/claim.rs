//! Claims that no server took.

use super::ensemble::{changed, election, leader};
use super::has;
use super::quorum::quorum;
use super::server::{own, slow};
use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::EndCase;
use crate::diagnose::verdict::{CapReason, Diagnosed};
use crate::session::fact::{ClaimFact, Fact, ProxyFact, ServerFact};
use crate::session::probe_result::ServerHealth;
use crate::session::verdict::Confidence;

/// The server was not serving as it was asked, or kept the claim waiting.
pub(super) fn not_served(case: EndCase<'_>) -> Diagnosed {
    quorum(case)
        .or_else(|| leader(case))
        .or_else(|| election(case))
        .or_else(|| own(case))
        .or_else(|| changed(case))
        .or_else(|| kept(case))
        .unwrap_or_else(|| unexplained(case))
}

/// A server that was seen serving did not answer the claim in time: it waited for its leader, as for a write, or the way to
/// it was slow. One that closed the claim may have lost its leader for a moment.
fn kept(case: EndCase<'_>) -> Option<Diagnosed> {
    let closed = has(case, |fact| matches!(fact, Fact::Claim(ClaimFact::Held { .. })));
    let waited = closed || has(case, |fact| matches!(fact, Fact::Proxy(ProxyFact::GaveUpClaim { .. })));
    if !waited || case.server().health_at(case.ended.ended_at) != ServerHealth::Serving {
        return None;
    }
    let found = slow(case).or_else_may_be(&[CauseCode::ElectionRunning, CauseCode::ServerParted]);
    let surest = if closed { Confidence::Weak } else { Confidence::Likely };
    Some(found.capped(surest, CapReason::AlternativeRemains))
}

/// Nothing that was watched explains it.
fn unexplained(case: EndCase<'_>) -> Diagnosed {
    // Such a server says itself that it has lost the others; they may be as lost.
    let alone = has(case, |fact| {
        matches!(fact, Fact::Claim(ClaimFact::ReadOnlyServer { .. }) | Fact::Server(ServerFact::RefusesToServe {}))
    });
    let last = if alone { CauseCode::QuorumLost } else { CauseCode::SlowQuorum };
    let since = case.began_at().min(case.ended.ended_at);
    Diagnosed::new(CauseCode::Unknown, since, Confidence::Weak, case.facts()).or_else_may_be(&[
        CauseCode::ElectionRunning,
        CauseCode::ServerParted,
        last,
    ])
}
