//! Causes that lie with the session: another claim of it, its end.

use super::client::{not_reached, silent};
use super::ensemble::with_ledger;
use super::{has, stated};
use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::EndCase;
use crate::diagnose::verdict::{CapReason, Diagnosed};
use crate::session::fact::{Fact, MoveFact, OutageFact, SessionFact};
use crate::session::verdict::Confidence;

/// The session was refused here because another server owned it.
pub(super) fn moved(case: EndCase<'_>) -> Diagnosed {
    let rival = case.ended.facts.iter().find_map(|fact| match fact {
        Fact::Move(MoveFact::RivalClaim { client, .. }) => Some(*client),
        _ => None,
    });
    let late =
        has(case, |fact| matches!(fact, Fact::Move(MoveFact::RivalThawed { .. } | MoveFact::RivalLeftBehind { .. })));
    if late {
        return stated(case, CauseCode::LateClaim);
    }
    let same_address = rival.is_some_and(|client| client.ip() == case.ended.client.ip());
    match rival {
        // A client whose path broke more than once looks like two behind one address, and one whose address changes like
        // two behind two.
        _ if in_turn(case) || rival.is_some() && !same_address => stated(case, CauseCode::SharedSession)
            .or_else_may_be(&[CauseCode::StaleConnection])
            .capped(Confidence::Likely, CapReason::AlternativeRemains),
        // Many clients may have one address: nothing that is seen of them tells one from two.
        Some(_) => stated(case, CauseCode::StaleConnection)
            .or_else_may_be(&[CauseCode::SharedSession])
            .capped(Confidence::Likely, CapReason::AlternativeRemains),
        None => stated(case, CauseCode::StaleConnection)
            .or_else_may_be(&[CauseCode::SharedSession, CauseCode::LateClaim])
            .capped(Confidence::Weak, CapReason::Inferred),
    }
}

/// Whether two connections were seen taking the session from each other again and again.
fn in_turn(case: EndCase<'_>) -> bool {
    case.later.shared || has(case, |fact| matches!(fact, Fact::Session(SessionFact::SharedBy { .. })))
}

/// A newer connection of the session took this one's place.
pub(super) fn taken_over(case: EndCase<'_>) -> Diagnosed {
    let (client, server, timeout) = (case.close.client_silence, case.close.server_silence, case.close.timeout);
    let other = case.ended.facts.iter().find_map(|fact| match fact {
        Fact::Session(SessionFact::Reattached { by, .. }) => Some(by.ip()),
        _ => None,
    });
    let shared = |others: &[CauseCode]| {
        stated(case, CauseCode::SharedSession)
            .or_else_may_be(others)
            .capped(Confidence::Likely, CapReason::AlternativeRemains)
    };
    if case.is_client_silent() {
        // It lives, for it came back, and its end never came through.
        let facts = vec![OutageFact::SilentSide { client, server, timeout }.into()];
        let since = case.before_end(client);
        if let Some(cut) = not_reached(case, since) {
            return cut;
        }
        let found = Diagnosed::new(CauseCode::PathClientCut, since, Confidence::Likely, facts);
        return with_ledger(case, found)
            .or_else_may_be(&[CauseCode::ClientPaused])
            .capped(Confidence::Likely, CapReason::AlternativeRemains);
    }
    if in_turn(case) {
        return shared(&[CauseCode::StaleConnection]);
    }
    if other.is_some_and(|other| other != case.ended.client.ip()) {
        return shared(&[CauseCode::PathClientCut, CauseCode::ClientLeft]);
    }
    stated(case, CauseCode::ClientLeft)
}

/// The session was over.
pub(super) fn expired(case: EndCase<'_>) -> Diagnosed {
    // Its server closed it on an open connection: the client had been silent.
    if case.ended.attached_at.is_some() && case.is_client_silent() {
        return silent(case, case.close.client_silence);
    }
    // The same, and it went on shortly before that.
    if let Some(silence) = case.broken_silence() {
        return silent(case, silence);
    }
    let found = stated(case, CauseCode::SessionExpired);
    match case.close.unheard {
        Some(before) => found.with(OutageFact::LastHeard { before, timeout: case.close.timeout }),
        None => found,
    }
}
