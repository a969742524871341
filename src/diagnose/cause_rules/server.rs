//! Causes on the server's side: its process, its path, its speed.

use std::time::Duration;

use super::ensemble::{changed, election, leader, with_ledger};
use super::has;
use super::quorum::quorum;
use super::signs::{is_late, is_let_go, is_path, repeated, slow_round_trip, unacknowledged};
use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::{AROUND, EndCase};
use crate::diagnose::health_span::HealthSpan;
use crate::diagnose::latency_baseline::LatencyBaseline;
use crate::diagnose::verdict::{CapReason, Diagnosed};
use crate::ids::ServerId;
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::fact::{EnsembleFact, Fact, OutageFact, ServerFact, WatchFact};
use crate::session::probe_result::ServerHealth;
use crate::session::verdict::{Confidence, EndReason};
use crate::time::Timestamp;

/// A server ended its connections, or one of them for no reason of the session's.
pub(super) fn left(case: EndCase<'_>) -> Diagnosed {
    let fell = quorum(case).or_else(|| leader(case)).or_else(|| own(case));
    if let Some(found) = fell {
        return found;
    }
    match case.ended.reason {
        EndReason::ServerGone => path(case),
        EndReason::LeaderLost => changed(case).unwrap_or_else(|| {
            let (code, facts) = (CauseCode::LeaderLost, case.facts());
            Diagnosed::new(code, case.began_at(), case.ended.confidence, facts)
        }),
        _ => changed(case).or_else(|| by_ledger(case)).unwrap_or_else(|| {
            let others = [CauseCode::ServerRestarted, CauseCode::ServerParted, CauseCode::ServerFrozen];
            let facts = case.facts();
            Diagnosed::new(CauseCode::Unknown, case.ended.ended_at, Confidence::Weak, facts).or_else_may_be(&others)
        }),
    }
}

/// What the ledger's facts say of a server that the watch has not caught out of service.
fn by_ledger(case: EndCase<'_>) -> Option<Diagnosed> {
    let code = case.ended.facts.iter().find_map(|fact| match fact {
        Fact::Server(ServerFact::Thawed { .. })
        | Fact::Ensemble(EnsembleFact::Down { health: ServerHealth::Unresponsive, .. }) => {
            Some(CauseCode::ServerFrozen)
        }
        Fact::Server(ServerFact::KeeperStops { .. })
        | Fact::Ensemble(EnsembleFact::Down { health: ServerHealth::Refusing, .. }) => Some(CauseCode::ServerStopped),
        Fact::Ensemble(EnsembleFact::Down { health: ServerHealth::NotServing, .. }) => Some(CauseCode::ServerParted),
        Fact::Ensemble(EnsembleFact::Down { health: ServerHealth::Unreachable, .. }) => {
            Some(CauseCode::ServerUnreachable)
        }
        _ => None,
    })?;
    Some(Diagnosed::new(code, case.began_at(), Confidence::Likely, case.facts()))
}

/// The server itself was out of service.
pub(super) fn own(case: EndCase<'_>) -> Option<Diagnosed> {
    let server = case.ended.server;
    let restarted = case.server().restarted_at().filter(|at| at.after(AROUND) >= case.ended.ended_at);
    let Some(span) = case.trouble_of(server) else {
        // Down for less than a probe's interval, and only its age or its answers tell.
        let at = restarted.filter(|at| *at <= case.ended.ended_at.after(AROUND))?;
        let facts = vec![WatchFact::Restarted { server, at: case.offset(at) }.into()];
        let found = Diagnosed::new(CauseCode::ServerRestarted, case.ended.ended_at, Confidence::Likely, facts);
        return Some(with_ledger(case, found));
    };
    let facts = case.state_facts(server, span, false);
    let found = |code, facts| Diagnosed::new(code, span.from, Confidence::Likely, facts);
    let found = match span.health {
        ServerHealth::Refusing | ServerHealth::HangingUp if restarted.is_some() => {
            let at = case.offset(restarted.unwrap_or(span.from));
            found(CauseCode::ServerRestarted, facts).with(WatchFact::Restarted { server, at })
        }
        ServerHealth::Refusing => found(CauseCode::ServerStopped, facts),
        ServerHealth::Unresponsive if let Some(fact) = is_late(case, server, span) => {
            return Some(slow_answers(case, span, facts, fact));
        }
        ServerHealth::Unresponsive => match is_path(case, server, span) {
            Some(fact) => found(CauseCode::PathServerCut, facts).ruling_out(&[CauseCode::ServerFrozen], fact),
            None => frozen(case, span, found(CauseCode::ServerFrozen, facts)),
        },
        ServerHealth::Unreachable => match is_path(case, server, span) {
            Some(fact) => found(CauseCode::PathServerCut, facts).ruling_out(&[CauseCode::ServerStopped], fact),
            None => found(CauseCode::ServerUnreachable, facts).or_else_may_be(&[CauseCode::PathServerCut]),
        },
        ServerHealth::NotServing => return Some(not_serving(case, span, facts)),
        ServerHealth::HangingUp if case.ended.attached_at.is_none() => found(CauseCode::ConnectionCap, facts),
        // A full server keeps what it carries.
        ServerHealth::HangingUp | ServerHealth::Serving | ServerHealth::Unknown => return None,
    };
    Some(repeated(case, server, with_ledger(case, found)))
}

/// The server said itself that it did not serve: for an election, a change of the leader, or because it had lost the others.
fn not_serving(case: EndCase<'_>, span: HealthSpan, facts: Vec<Fact>) -> Diagnosed {
    if let Some(found) = election(case).or_else(|| changed(case)) {
        return found;
    }
    let another = case.watch.servers().find(|(other, watch)| {
        *other != case.ended.server && watch.health_at(case.ended.ended_at) == ServerHealth::Serving
    });
    let found = Diagnosed::new(CauseCode::ServerParted, span.from, Confidence::Likely, facts);
    let found = match another {
        Some((other, _)) => found.ruling_out(
            &[CauseCode::ElectionRunning, CauseCode::QuorumLost],
            WatchFact::ServedThrough { server: other },
        ),
        None => found.capped(Confidence::Weak, CapReason::NoProbe),
    };
    with_ledger(case, found)
}

/// With what shows that it is the server that stands still, and not the path to it.
fn frozen(case: EndCase<'_>, span: HealthSpan, found: Diagnosed) -> Diagnosed {
    let server = case.ended.server;
    let connects = WatchFact::ConnectsSucceed { server };
    let found = found.ruling_out(&[CauseCode::ServerStopped, CauseCode::ServerUnreachable], connects);
    match is_let_go(case, server, span) {
        Some(fact) => found.ruling_out(&[CauseCode::PathServerCut], fact),
        None => {
            found.or_else_may_be(&[CauseCode::PathServerCut]).capped(Confidence::Likely, CapReason::AlternativeRemains)
        }
    }
}

/// A server answers all the while, and late: it is slow, or the way to it.
fn slow_answers(case: EndCase<'_>, span: HealthSpan, facts: Vec<Fact>, late: Fact) -> Diagnosed {
    let server = case.ended.server;
    let found = |code| Diagnosed::new(code, span.from, Confidence::Likely, facts);
    let not = [CauseCode::ServerFrozen, CauseCode::PathServerCut];
    let found = match slow_way(case, server, span.from) {
        Some(fact) => found(CauseCode::SlowPath).ruling_out(&not, late).with(fact),
        None => found(CauseCode::SlowServer)
            .ruling_out(&not, late)
            .or_else_may_be(&[CauseCode::SlowPath])
            .capped(Confidence::Likely, CapReason::AlternativeRemains),
    };
    with_ledger(case, found)
}

/// What shows that the way to a server is slow, and not the server: its kernel is as slow to answer.
fn slow_way(case: EndCase<'_>, server: ServerId, since: Timestamp) -> Option<Fact> {
    let connects = case.watch.server(server).connect_time();
    let step = connects.usual.zip(connects.worst_recent).filter(|(usual, worst)| is_step(*usual, *worst));
    step.map(|(usual, worst)| WatchFact::SlowConnects { server, usual, worst }.into())
        .or_else(|| slow_round_trip(case, server, since))
}

/// A server that is seen serving has ended a connection, and why is not decided.
pub(super) fn stood(case: EndCase<'_>) -> Diagnosed {
    let reset = case.close.closer == ConnectionCloser::Server(CloseKind::Reset);
    if !reset || case.server().health() != ServerHealth::Serving {
        return super::unknown(case);
    }
    let fact = WatchFact::ServedThrough { server: case.ended.server };
    Diagnosed::new(CauseCode::PathServerReset, case.ended.ended_at, Confidence::Likely, vec![fact.into()])
        .or_else_may_be(&[CauseCode::ServerRestarted, CauseCode::StaleConnection])
}

/// The connection broke, and the server served on.
fn path(case: EndCase<'_>) -> Diagnosed {
    let facts = case.facts();
    let timed_out = matches!(case.close.closer, ConnectionCloser::Server(CloseKind::Timeout));
    let code = if timed_out { CauseCode::PathServerCut } else { CauseCode::PathServerReset };
    let found = Diagnosed::new(code, case.began_at(), case.ended.confidence, facts);
    let served_on = has(case, |fact| {
        matches!(
            fact,
            Fact::Ensemble(
                EnsembleFact::Serves { .. } | EnsembleFact::OthersStand { .. } | EnsembleFact::StoodThrough { .. }
            )
        )
    });
    if served_on {
        let server = case.ended.server;
        return found
            .ruling_out(&[CauseCode::ServerStopped, CauseCode::ServerFrozen], WatchFact::ServedThrough { server });
    }
    found.or_else_may_be(&[CauseCode::ServerRestarted]).capped(Confidence::Weak, CapReason::NoProbe)
}

/// A server owed an answer for too long.
pub(super) fn kept_waiting(case: EndCase<'_>) -> Diagnosed {
    quorum(case).or_else(|| leader(case)).or_else(|| own(case)).unwrap_or_else(|| slow(case))
}

/// Every probe was answered all the same: which part of the way was slow.
pub(super) fn slow(case: EndCase<'_>) -> Diagnosed {
    let (server, watch) = (case.ended.server, case.server());
    let (since, confidence) = (case.began_at(), Confidence::Likely);
    let step = |one: LatencyBaseline| one.usual.zip(one.worst_recent).filter(|(usual, worst)| is_step(*usual, *worst));
    let found = |code, fact: Fact| with_ledger(case, Diagnosed::new(code, since, confidence, vec![fact]));
    if let Some(fact) = unacknowledged(case, server, since) {
        // Connections that a middlebox has forgotten get nothing through, while new ones do.
        return found(CauseCode::PathServerCut, fact)
            .ruling_out(&[CauseCode::ServerFrozen], WatchFact::ServedThrough { server });
    }
    if let Some(fact) = slow_way(case, server, since) {
        return found(CauseCode::SlowPath, fact);
    }
    if let Some((usual, worst)) = step(watch.answer_time()) {
        return found(CauseCode::SlowServer, WatchFact::SlowProbes { server, usual, worst }.into())
            .or_else_may_be(&[CauseCode::SlowPath])
            .capped(Confidence::Likely, CapReason::AlternativeRemains);
    }
    let (writes, others) = case.waiting();
    let claim = case.ended.attached_at.is_none();
    // A session is made and renewed by the leader, as a write is.
    if writes > 0 || claim {
        return found(CauseCode::SlowQuorum, OutageFact::WaitingWrites { writes, others }.into())
            .ruling_out(&[CauseCode::ServerFrozen, CauseCode::PathServerCut], WatchFact::ServedThrough { server });
    }
    found(CauseCode::SlowServer, OutageFact::WaitingWrites { writes, others }.into())
        .ruling_out(&[CauseCode::ServerStopped, CauseCode::ServerFrozen], WatchFact::ServedThrough { server })
        .or_else_may_be(&[CauseCode::PathServerCut, CauseCode::SlowQuorum])
        .capped(Confidence::Weak, CapReason::AlternativeRemains)
}

/// Whether a time lies clearly above what is usual.
fn is_step(usual: Duration, worst: Duration) -> bool {
    worst >= usual * 5 && worst >= usual + Duration::from_millis(50)
}

/// The ledger found nothing that explains it.
pub(super) fn unknown(case: EndCase<'_>) -> Diagnosed {
    if !matches!(case.close.closer, ConnectionCloser::Server(_)) {
        return super::unknown(case);
    }
    quorum(case)
        .or_else(|| leader(case))
        .or_else(|| own(case))
        .unwrap_or_else(|| super::unknown(case))
        .capped(Confidence::Weak, CapReason::Inferred)
}
