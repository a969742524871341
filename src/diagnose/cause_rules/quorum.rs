//! Whether so many servers are away that the others cannot serve, or only zoogate's own way to them is cut.

use super::ensemble::{changed, with_ledger};
use super::signs::{is_away, is_silent, leaves_none, unacknowledged, voters};
use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::EndCase;
use crate::diagnose::health_span::HealthSpan;
use crate::diagnose::verdict::{CapReason, Diagnosed};
use crate::ids::ServerId;
use crate::session::fact::{Fact, WatchFact};
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::session::verdict::Confidence;
use crate::time::Timestamp;

/// A server and the state that it was found in.
type TroubledServer = (ServerId, HealthSpan);

/// No server that votes serves, and so many are away that the others cannot; or zoogate's own way to all of them is cut.
pub(super) fn quorum(case: EndCase<'_>) -> Option<Diagnosed> {
    let troubled: Vec<TroubledServer> =
        voters(case).map(|server| Some((server, case.trouble_of(server)?))).collect::<Option<_>>()?;
    let away = troubled.iter().copied().filter(|(_, span)| is_away(*span));
    // One that was back before the next one went has done its part.
    let last = away.clone().map(|(_, span)| span.from).max()?;
    let away: Vec<TroubledServer> = away.filter(|(_, span)| span.until.is_none_or(|until| until > last)).collect();
    let of = troubled.len();
    if of < 2 || !leaves_none(away.len(), of) {
        return None;
    }
    // None of them says anything: what is missing may be the way to them.
    if troubled.iter().all(|(_, span)| is_silent(*span)) {
        return Some(unheard(case, &away, last));
    }
    // Of two, one is enough; that it is the leader says more.
    if of == 2 && away.iter().any(|(server, _)| case.leader() == Some(*server)) {
        return None;
    }
    let refusing = away.iter().filter(|(_, span)| !is_silent(*span)).count();
    let is_shown = leaves_none(refusing, of);
    if !is_shown && let Some(fact) = leads_on(case, &away) {
        return not_lost(case, &away, last, fact);
    }
    let of = u32::try_from(of).unwrap_or(u32::MAX);
    let mut facts: Vec<Fact> = vec![WatchFact::ServingCount { serving: 0, of }.into()];
    facts.extend(states(case, &away));
    let found = with_ledger(case, Diagnosed::new(CauseCode::QuorumLost, last, Confidence::Likely, facts));
    Some(if is_shown { found } else { found.or_else_may_be(&[CauseCode::PathServerCut]) })
}

fn states(case: EndCase<'_>, away: &[TroubledServer]) -> Vec<Fact> {
    let leader = case.leader();
    away.iter().flat_map(|(server, span)| case.state_facts(*server, *span, leader == Some(*server))).collect()
}

/// Nothing came from any server.
fn unheard(case: EndCase<'_>, away: &[TroubledServer], since: Timestamp) -> Diagnosed {
    if let Some(fact) = leads_on(case, away) {
        return cut(case, away, since, fact);
    }
    let found = |code, confidence| with_ledger(case, Diagnosed::new(code, since, confidence, states(case, away)));
    if let Some(fact) = away.iter().find_map(|(server, span)| unacknowledged(case, *server, span.from)) {
        // Machines that are all without power acknowledge nothing either.
        return found(CauseCode::PathServerCut, Confidence::Likely)
            .with(fact)
            .or_else_may_be(&[CauseCode::QuorumLost])
            .capped(Confidence::Likely, CapReason::AlternativeRemains);
    }
    changed(case).unwrap_or_else(|| {
        found(CauseCode::Unknown, Confidence::Weak).or_else_may_be(&[CauseCode::PathServerCut, CauseCode::QuorumLost])
    })
}

/// The way to the servers was cut, and not the quorum lost.
fn cut(case: EndCase<'_>, away: &[TroubledServer], since: Timestamp, fact: WatchFact) -> Diagnosed {
    let found = Diagnosed::new(CauseCode::PathServerCut, since, Confidence::Likely, states(case, away));
    with_ledger(case, found.ruling_out(&[CauseCode::QuorumLost, CauseCode::ElectionRunning], fact))
        .or_else_may_be(&[CauseCode::ServerFrozen])
        .capped(Confidence::Likely, CapReason::AlternativeRemains)
}

/// Some servers were silent, and the quorum was there: what befell this connection's own server.
fn not_lost(case: EndCase<'_>, away: &[TroubledServer], since: Timestamp, fact: WatchFact) -> Option<Diagnosed> {
    let server = case.ended.server;
    let own = case.trouble_of(server)?;
    match own.health {
        // It said itself that it had lost the others.
        ServerHealth::NotServing => {
            let facts = case.state_facts(server, own, false);
            let found = Diagnosed::new(CauseCode::ServerParted, own.from, Confidence::Likely, facts);
            Some(with_ledger(case, found.ruling_out(&[CauseCode::QuorumLost, CauseCode::ElectionRunning], fact)))
        }
        _ if is_silent(own) => Some(cut(case, away, since, fact)),
        _ => None,
    }
}

/// Whether the leader, which was silent, leads a majority on in the same epoch: one that had lost it would not.
fn leads_on(case: EndCase<'_>, away: &[TroubledServer]) -> Option<WatchFact> {
    let since = away.iter().map(|(_, span)| span.from).min()?;
    let (leader, _) = away.iter().find(|(server, _)| case.watch.leader_at(since) == Some(*server))?;
    let (watch, epoch) = (case.watch.server(*leader), case.watch.epoch()?);
    let leads = case.watch.leader() == Some(*leader) && watch.role() == ServerRole::Leader;
    // Its followers may still be about to leave one that is heard again alone.
    let unserving = voters(case).filter(|server| case.watch.server(*server).health() != ServerHealth::Serving).count();
    let leads = leads && watch.health() == ServerHealth::Serving && !leaves_none(unserving, voters(case).count());
    (leads && !case.watch.elected_since(since)).then_some(WatchFact::LeadsOn { server: *leader, epoch })
}
