//! Causes on the client's side: its process, its path to zoogate.

use std::time::Duration;

use super::ensemble::with_ledger;
use super::server::kept_waiting;
use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::client_path::ClientPath;
use crate::diagnose::end_case::EndCase;
use crate::diagnose::verdict::{CapReason, Diagnosed};
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::fact::{OutageFact, WatchFact};
use crate::session::verdict::{Confidence, RouteReason};
use crate::time::Timestamp;

/// Clients that wait for less do not leave because of it.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);
/// Clients that wait for longer do, however slow the server is as a rule.
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);

/// The client had sent nothing for too long, while the server was there.
pub(super) fn silent(case: EndCase<'_>, client: Duration) -> Diagnosed {
    let (server, timeout) = (case.close.server_silence, case.close.timeout);
    let since = case.before_end(client);
    let silence = OutageFact::SilentSide { client, server, timeout };
    let found = Diagnosed::new(CauseCode::ClientPaused, since, Confidence::Likely, vec![silence.clone().into()]);
    let found = with_ledger(case, found);
    if let Some(cut) = not_reached(case, since) {
        return cut.with(silence);
    }
    let found = match case.later.client_path {
        // The socket of a process that has ended is closed.
        Some(path) if path.end_acknowledged => found.ruling_out(
            &[CauseCode::PathClientCut, CauseCode::ClientCrashed],
            OutageFact::ClientAcknowledges { silence: client },
        ),
        _ => found,
    };
    let lives = !found.ruled_out.is_empty();
    let by_client = matches!(case.close.closer, ConnectionCloser::Client(CloseKind::Fin | CloseKind::Reset));
    if let Some(back) = case.later.back {
        let (server, at, same_client) = (back.server, case.offset(back.at), back.same_client);
        return found.ruling_out(&[CauseCode::ClientCrashed], OutageFact::CameBackAt { server, at, same_client });
    }
    // Whoever closes its connection, or claims its session, lives.
    if lives || by_client || case.later.claimed_at.is_some() {
        return found;
    }
    found
        .or_else_may_be(&[CauseCode::PathClientCut, CauseCode::ClientCrashed])
        .capped(Confidence::Weak, CapReason::AlternativeRemains)
}

/// What zoogate sent to the client last did not come to its machine.
pub(super) fn not_reached(case: EndCase<'_>, since: Timestamp) -> Option<Diagnosed> {
    let path = case.later.client_path.filter(ClientPath::is_stuck)?;
    let fact = OutageFact::ClientNotReached { segments: path.unacked, resent: path.resent.into() };
    let found = Diagnosed::new(CauseCode::PathClientCut, since, Confidence::Likely, Vec::new());
    let found = with_ledger(case, found.ruling_out(&[CauseCode::ClientPaused], fact));
    if let Some(back) = case.later.back {
        let (server, at, same_client) = (back.server, case.offset(back.at), back.same_client);
        return Some(found.ruling_out(&[CauseCode::ClientCrashed], OutageFact::CameBackAt { server, at, same_client }));
    }
    if case.later.claimed_at.is_some() {
        return Some(found);
    }
    // A machine that is down acknowledges nothing either.
    let found = found.or_else_may_be(&[CauseCode::ClientCrashed]);
    Some(found.capped(Confidence::Likely, CapReason::AlternativeRemains))
}

/// A way to the client that is so slow that it gave up answers which were on their way.
fn slow_way(case: EndCase<'_>) -> Option<OutageFact> {
    let at_end = case.later.client_path.map(|path| (path.rtt, path.retransmissions));
    let before = case.later.client_leg.map(|leg| (leg.rtt, leg.retransmissions));
    let (rtt, retransmissions) = at_end.into_iter().chain(before).max()?;
    (rtt >= LEAST_PATIENCE).then_some(OutageFact::SlowClient { rtt, retransmissions })
}

/// The same with what the kernel knows of the other way, to the server.
fn both_ways(case: EndCase<'_>, found: Diagnosed) -> Diagnosed {
    let server = case.ended.server;
    match case.server().path() {
        Some((_, sample)) => {
            let (rtt, retransmissions) = (sample.rtt, sample.retransmissions);
            let fact = WatchFact::ServerRoundTrip { server, rtt, retransmissions };
            let others: &[CauseCode] = if rtt < LEAST_PATIENCE { &[CauseCode::SlowPath] } else { &[] };
            found.ruling_out(others, fact)
        }
        None => found,
    }
}

/// The client ended its connection without closing its session.
pub(super) fn gone(case: EndCase<'_>) -> Diagnosed {
    let how = match case.close.closer {
        ConnectionCloser::Client(how) => how,
        _ => CloseKind::Fin,
    };
    let found = |code| {
        let facts = case.facts();
        Diagnosed::new(code, case.ended.ended_at, Confidence::Likely, facts)
    };
    if how == CloseKind::Timeout {
        return found(CauseCode::PathClientCut);
    }
    // A client that leaves while a request of its waits for long leaves because of that.
    if case.ended.attached_at.is_some() && case.longest_wait() >= patience(case) {
        return kept_waiting(case);
    }
    if let Some(cut) = not_reached(case, case.ended.ended_at) {
        return cut;
    }
    if let Some(slow) = slow_way(case) {
        return both_ways(case, found(CauseCode::SlowClientPath).ruling_out(&[CauseCode::SlowServer], slow));
    }
    if let Some(back) = case.later.back {
        let moved = back.routed == RouteReason::Mirror && back.server != case.ended.server;
        let code = match how {
            _ if moved => CauseCode::ClientMoved,
            CloseKind::Reset => CauseCode::PathClientReset,
            _ => CauseCode::ClientLeft,
        };
        let (server, at, same_client) = (back.server, case.offset(back.at), back.same_client);
        return found(code).ruling_out(&[CauseCode::ClientCrashed], OutageFact::CameBackAt { server, at, same_client });
    }
    // A client without a session loses none by leaving.
    if case.ended.attached_at.is_none() || case.later.claimed_at.is_some() {
        return found(CauseCode::ClientLeft);
    }
    let (time, timeout) = (case.now.since(case.ended.ended_at), case.close.timeout);
    let found = found(CauseCode::ClientCrashed).with(OutageFact::StaysAway { time, timeout });
    if time >= timeout {
        return found;
    }
    let others: &[CauseCode] = if how == CloseKind::Reset {
        &[CauseCode::PathClientReset, CauseCode::ClientLeft]
    } else {
        &[CauseCode::ClientLeft]
    };
    found.or_else_may_be(others).capped(Confidence::Weak, CapReason::EvidencePending)
}

/// How long a client waits at least for a reply before that is why it leaves: far longer than the server takes usually.
fn patience(case: EndCase<'_>) -> Duration {
    // A ping does not wait behind a disk; of a server that has become slow one of the two may tell the time before that.
    let (probes, pings) = (case.server().answer_time().usual, case.server().ping_time().usual);
    let usual = probes.into_iter().chain(pings).min().unwrap_or_default();
    usual.saturating_mul(5).clamp(LEAST_PATIENCE, LONGEST_PATIENCE)
}
