//! Causes that concern the whole ensemble: its quorum, its leader, an election.

use std::time::Duration;

use super::signs::{is_away, is_late, is_path, leaves_none, repeated, voters};
use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::{AROUND, EndCase};
use crate::diagnose::health_span::HealthSpan;
use crate::diagnose::timeline::EnsembleChange;
use crate::diagnose::verdict::{CapReason, Diagnosed};
use crate::ids::ServerId;
use crate::session::fact::{EnsembleFact, Fact, WatchFact};
use crate::session::probe_result::ServerHealth;
use crate::session::verdict::Confidence;
use crate::time::Timestamp;

/// How far a change of the leader may be from an end that it explains: an election, and a probe that sees its outcome.
pub(super) const ELECTION: Duration = Duration::from_secs(15);

/// Within this time after an election a former leader that reaches the others follows the new one.
const REJOINS: Duration = Duration::from_secs(2);

/// Whether another server led and served already when the trouble of the connection's own server began.
fn was_replaced(case: EndCase<'_>, leader: ServerId) -> bool {
    let server = case.ended.server;
    let Some(own) = case.trouble_of(server) else { return false };
    // A leader that thaws is not serving for a moment: its trouble began as it froze.
    let began_at = if leader == server { case.server().absent_from(own) } else { own.from };
    let next = case.watch.leader_at(began_at).filter(|next| *next != leader);
    next.is_some_and(|next| case.watch.server(next).health_at(began_at) == ServerHealth::Serving)
}

/// The one that led is out of order.
pub(super) fn leader(case: EndCase<'_>) -> Option<Diagnosed> {
    let before = case.watch.leader_at(case.before_end(ELECTION).min(case.began_at()));
    let own = case.trouble_of(case.ended.server);
    // One that led for a moment only may never have told a probe so.
    let told = case.ended.facts.iter().find_map(|fact| match fact {
        Fact::Ensemble(EnsembleFact::LeaderDown { server, .. }) => Some(*server),
        _ => None,
    });
    // Of the connection's own server its connections know more than the watch.
    let is_told = |leader| told == Some(leader) && leader == case.ended.server;
    let led = [before, case.leader(), told].into_iter().flatten();
    let mut led = led.filter(|leader| is_told(*leader) || !was_replaced(case, *leader));
    let (leader, span) = led.find_map(|leader| {
        let span = case.trouble_of(leader)?;
        // What was over before the connection's own server fell out has not brought that about.
        let over = own.is_some_and(|own| span.until.is_some_and(|until| until < own.from));
        (leader == case.ended.server || !over).then_some((leader, span))
    })?;
    let mut facts = case.state_facts(leader, span, true);
    facts.extend(change(case));
    let found = |code, facts| Diagnosed::new(code, span.from, Confidence::Likely, facts);
    let found = match span.health {
        ServerHealth::Refusing => found(CauseCode::LeaderStopped, facts),
        // Slow writes are told by what waits for them.
        ServerHealth::Unresponsive if is_late(case, leader, span).is_some() => return None,
        ServerHealth::Unresponsive => match is_path(case, leader, span) {
            Some(fact) => found(CauseCode::PathServerCut, facts).with(fact),
            None => found(CauseCode::LeaderFrozen, facts).ruling_out(
                &[CauseCode::LeaderStopped, CauseCode::LeaderUnreachable],
                WatchFact::ConnectsSucceed { server: leader },
            ),
        },
        ServerHealth::Unreachable => found(CauseCode::LeaderUnreachable, facts),
        // It says itself that it does not lead any longer, or is only being started.
        _ => match parted(case, leader, span) {
            Some(fact) => found(CauseCode::LeaderParted, facts)
                .ruling_out(&[CauseCode::LeaderStopped, CauseCode::LeaderFrozen], fact),
            None => return changed(case),
        },
    };
    Some(repeated(case, leader, with_ledger(case, found)))
}

/// Whether a leader ran on that serves no longer, while another one leads: it has lost its followers, and not come back to
/// them.
fn parted(case: EndCase<'_>, former: ServerId, span: HealthSpan) -> Option<WatchFact> {
    let until = span.until.unwrap_or(case.now);
    let next = case.watch.leader_at(until).filter(|next| *next != former)?;
    let serving_since = |server| {
        let mut spans = case.watch.server(server).spans().rev();
        spans.find(|span| span.health == ServerHealth::Serving && span.from <= until).map(|span| span.from)
    };
    // One that still hears its followers is one of them a moment after they have elected.
    let stays_away = until >= serving_since(next)?.max(span.from).after(REJOINS);
    let began = Timestamp(span.from.0.saturating_sub(ELECTION.as_nanos() as u64));
    let ran_on = case.watch.server(former).spans().all(|before| {
        let recent = before.until.is_none_or(|until| until >= began) && before.from <= until;
        !(recent && is_away(*before))
    });
    let restarted = case.watch.server(former).restarted_at().is_some_and(|at| at >= began);
    (stays_away && ran_on && !restarted).then_some(WatchFact::LeadsInstead { former, now: next })
}

/// The leader changed at about that time, and what became of the old one was not seen.
pub(super) fn changed(case: EndCase<'_>) -> Option<Diagnosed> {
    let facts: Vec<Fact> = change(case).collect();
    if facts.is_empty() {
        return None;
    }
    let at = case.watch.leader_change_around(case.ended.ended_at, ELECTION)?.at;
    // A server that served on through a change, and fell out later, did not do so because of it.
    if case.trouble_of(case.ended.server).is_some_and(|own| own.from > at.after(AROUND)) {
        return None;
    }
    let found = Diagnosed::new(CauseCode::LeaderLost, at.min(case.ended.ended_at), Confidence::Likely, facts)
        .or_else_may_be(&[CauseCode::LeaderStopped, CauseCode::LeaderFrozen, CauseCode::LeaderUnreachable])
        .capped(Confidence::Likely, CapReason::AlternativeRemains);
    Some(with_ledger(case, found))
}

/// A change of the leader at about that time.
fn change(case: EndCase<'_>) -> impl Iterator<Item = Fact> {
    let event = case.watch.leader_change_around(case.ended.ended_at, ELECTION);
    event.into_iter().filter_map(move |event| {
        let at = case.offset(event.at);
        match event.change {
            EnsembleChange::LeaderChanged { before, now: Some(now) } => {
                Some(WatchFact::LeaderChanged { before: before.unwrap_or(now), now, at }.into())
            }
            EnsembleChange::NewEpoch { now, .. } => Some(WatchFact::EpochChanged { now, at }.into()),
            _ => None,
        }
    })
}

/// No server serves, and none is known to be down: they elect.
pub(super) fn election(case: EndCase<'_>) -> Option<Diagnosed> {
    let mut spans = Vec::new();
    for (server, watch) in case.watch.servers() {
        spans.push((server, watch.before_reached(watch.not_serving_around(case.ended.ended_at, AROUND)?)));
    }
    let away = |server| spans.iter().any(|(other, span)| *other == server && is_away(*span));
    let (down, of) = (voters(case).filter(|server| away(*server)).count(), voters(case).count());
    // Where those that are up are too few to elect, what took the others is the cause.
    if down > 0 && leaves_none(down, of) {
        return None;
    }
    // Only since the last of them serves no longer; one may have been parted from the others for long.
    let since = spans.iter().map(|(_, span)| span.from).max()?;
    let electing = spans.into_iter().filter(|(_, span)| span.health == ServerHealth::NotServing);
    let (server, span) = electing.max_by_key(|(_, span)| span.from)?;
    let facts = case.state_facts(server, span, false);
    Some(with_ledger(case, Diagnosed::new(CauseCode::ElectionRunning, since, Confidence::Likely, facts)))
}

/// With what the ledger saw behind it.
pub(super) fn with_ledger(case: EndCase<'_>, mut found: Diagnosed) -> Diagnosed {
    found.facts.extend(case.ended.facts.iter().cloned());
    found
}
