//! A server that is slow because it has more to do than it takes.

use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::{AROUND, EndCase};
use crate::diagnose::verdict::{CapReason, Diagnosed};
use crate::session::fact::{OutageFact, WatchFact};
use crate::session::verdict::Confidence;

/// What was found, or that the server had too much to do, where that shows why it was slow.
pub(super) fn or_overloaded(case: EndCase<'_>, mut found: Diagnosed) -> Diagnosed {
    let slow = found.cause.code;
    if !matches!(slow, CauseCode::SlowServer | CauseCode::SlowQuorum) {
        return found;
    }
    if case.close.throttled > 0 {
        (found.cause.code, found.cause.confidence) = (CauseCode::ServerOverloaded, Confidence::Likely);
        found.cause.capped_because = None;
        found.remaining.clear();
        return found.with(OutageFact::Throttled { requests: case.close.throttled.into() });
    }
    let server = case.ended.server;
    let told = case
        .server()
        .overload()
        .filter(|load| load.at >= case.began_at() && load.at <= case.ended.ended_at.after(AROUND));
    let Some(load) = told else { return found };
    let fact = WatchFact::Outstanding { server, requests: load.requests, limit: load.limit };
    if slow == CauseCode::SlowQuorum {
        // Requests pile up behind a disk as well.
        return found.with(fact).or_else_may_be(&[CauseCode::ServerOverloaded]);
    }
    (found.cause.code, found.cause.confidence) = (CauseCode::ServerOverloaded, Confidence::Likely);
    found.remaining.insert(0, CauseCode::SlowServer);
    found.cause.capped_because = Some(CapReason::AlternativeRemains);
    found.with(fact)
}
