//! Ends that the server made on a connection that it had given a session.

use std::time::Duration;

use super::spans::{CLOSE_REACHES, TOGETHER};
use super::{RuleInput, answer_to, moved, oversized, pause, says_over, still_serving_fact};
use crate::session::connection_end::ServerSilence;
use crate::session::fact::{ClientFact, EnsembleFact, Fact, ServerFact, SessionFact};
use crate::session::ledger::attachment::{Attachment, ClaimOutcome};
use crate::session::ledger::burst_cause::{BurstCause, BurstOutcome};
use crate::session::ledger::disconnect_burst::CROWD;
use crate::session::ledger::session_record::SessionRecord;
use crate::session::ledger::unexplained_close::UnexplainedClose;
use crate::session::verdict::{EndReason, Explanation};
use crate::time::Timestamp;

/// How much later than one server another one carries out the same transaction, usually: some hops.
const SKEW: Duration = Duration::from_millis(100);

/// How long before its clients are dropped a thawing server may have been asked last without an answer: a question
/// is given up after about a second, and the next one may still wait for its answer when the server thaws.
const THAW: Duration = Duration::from_secs(3);

/// What the connection, or another one of its session, explains by itself.
pub(super) fn at_once(input: RuleInput<'_>) -> Option<Explanation> {
    // Whether the server closed at that, or left, its other connections and the next probe show.
    if oversized::is_too_long(input) {
        return None;
    }
    explained_by_sibling(input).or_else(|| pause::server_gave_up(input))
}

/// True if this end probably has its own cause, so that it does not count as evidence that the server left.
pub(in crate::session::ledger) fn has_own_reason(input: RuleInput<'_>) -> bool {
    oversized::is_too_long(input) || by_reattach(input).is_some() || silent(input).is_some()
}

/// Another connection of the session is the reason: it was given the session by the same server, or it closed it.
pub(in crate::session::ledger) fn explained_by_sibling(input: RuleInput<'_>) -> Option<Explanation> {
    // Where the server may have closed at its length, that is asked first, once it is known whether the server left.
    if oversized::is_too_long(input) {
        return None;
    }
    by_answered_reattach(input).or_else(|| by_close(input))
}

/// As [`by_reattach`], by a claim that the server has answered, and so has dealt with.
pub(super) fn by_answered_reattach(input: RuleInput<'_>) -> Option<Explanation> {
    let answered = |other: &&Attachment| other.claim.outcome != ClaimOutcome::Unanswered;
    // Newest first: of several younger claims the latest one is what the client will recognise.
    others(input).rev().filter(answered).find(|other| reattached(other, input)).map(|other| pushed_aside(other, input))
}

/// The session was claimed again at the same server, which then closes the older connection, answered or not, before
/// it looks at the password (`ZooKeeperServer.processConnectRequest`).
pub(super) fn by_reattach(input: RuleInput<'_>) -> Option<Explanation> {
    others(input).rev().find(|other| reattached(other, input)).map(|other| pushed_aside(other, input))
}

fn pushed_aside(other: &Attachment, input: RuleInput<'_>) -> Explanation {
    let (by, from) = (other.claim.client, input.close.claim.client);
    let at = input.offset(other.claim.claimed_at);
    let fact = SessionFact::Reattached { by, from, at, answer: answer_to(other) };
    let mut explanation = Explanation::likely(EndReason::ReattachedSameServer, [fact]);
    explanation
        .facts
        .to_mut()
        .extend(input.session.and_then(|session| moved::shared(session, &moved::own(input.close))));
    explanation
}

/// The session was closed through another connection.
fn by_close(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    // Where this connection was asked to close it too, another one may have carried it out before.
    let carried_out = |other: &Attachment| {
        let end = other.end.filter(|end| end.reason == Some(EndReason::Closed) && other.ended_by_server())?;
        Some(end.at)
    };
    // A connection that asked for the close itself is explained by that. Only one that was carried out before,
    // through another connection, takes its place.
    let closed_at = if close.end.closing {
        others(input).filter_map(carried_out).find(|at| close_reaches(close, *at))?
    } else {
        input.session?.closed_at().filter(|at| close_reaches(close, *at))?
    };
    let fact = SessionFact::ClosedThrough { at: input.offset(closed_at) };
    Some(Explanation::likely(EndReason::ClosedElsewhere, [fact]))
}

/// Whether a close of the session that was asked for at that moment explains the end of the close's connection.
fn close_reaches(close: &UnexplainedClose, asked_at: Timestamp) -> bool {
    // One that was claimed later and given the session shows that the close did not happen: its leader was lost.
    close.claim.claimed_at <= asked_at && asked_at <= close.ended_at && close.ended_at.since(asked_at) <= CLOSE_REACHES
}

/// Whether this younger claim at the same server was at work when the close's connection ended.
fn reattached(other: &Attachment, input: RuleInput<'_>) -> bool {
    let close = input.close;
    let in_time = match other.claim.outcome {
        ClaimOutcome::Unanswered => {
            // Given up or not, the server carries it out when it can; until then it says nothing here either.
            let unresponsive_since = unresponsive_since(close) <= other.claim.claimed_at.after(TOGETHER);
            other.open_at(Timestamp(close.ended_at.0.saturating_sub(TOGETHER.as_nanos() as u64)))
                || (unresponsive_since && !other.ended_by_server())
        }
        ClaimOutcome::Accepted { at, .. } | ClaimOutcome::Refused { at, .. } => {
            // The server closes the older connection as it answers the claim. An end long after that answer has
            // another cause.
            at.after(TOGETHER) >= close.ended_at && !outlived(input, at)
        }
    };
    // What is found at one moment may have come in any order.
    let found_together = other.claim.claimed_at == close.claim.claimed_at && close.attached_at().is_none();
    let later = other.claim.claimed_at > close.claim.claimed_at;
    other.claim.server == close.claim.server
        && (later || found_together || crossed(other, close))
        // A claim that came after the end cannot have caused it; most often it is the client that comes back.
        && other.claim.claimed_at < close.ended_at
        && in_time
}

/// Whether this claim and the close's were on their way to the server at once, so that they may have come to it in
/// another order, and the server then closed the close's connection and not this one, unless it refused this claim.
fn crossed(other: &Attachment, close: &UnexplainedClose) -> bool {
    let refused = matches!(other.claim.outcome, ClaimOutcome::Refused { .. });
    let stood = other.end.is_none_or(|end| end.at >= close.ended_at && (refused || !other.ended_by_server()));
    let at_once = |at: Timestamp| at > close.claim.claimed_at && close.ended_at <= at.after(SKEW);
    stood && other.claim.answered_at().is_some_and(at_once)
}

/// Whether the close's connection was used after a claim under the same name had been answered, and that name stands
/// for several servers: the claim went to another one.
fn outlived(input: RuleInput<'_>, answered_at: Timestamp) -> bool {
    input.is_many() && input.close.head().is_some_and(|head| head.sent_at > answered_at)
}

/// Since when the server had said nothing on the close's connection. What it says in the last moment does not count: a
/// frozen one that thaws answers what it finds in front of a claim before it carries that out.
fn unresponsive_since(close: &UnexplainedClose) -> Timestamp {
    let last_moment = |at: Timestamp| at.after(TOGETHER) >= close.ended_at;
    match (close.attached_at(), close.end.server_pause) {
        // Even the answer to the claim came in the last moment: the server had said nothing since the claim.
        (Some(at), _) if last_moment(at) => close.claim.claimed_at,
        (_, Some(pause @ ServerSilence { over_at, .. })) if last_moment(over_at) => pause.from(),
        _ => close.end.server_heard_at,
    }
}

/// What a server shows that closes after the client had been silent.
fn closed_silent(input: RuleInput<'_>) -> Option<ServerFact> {
    let (silence, timeout) = (input.silence(input.close.end.client_heard_at), input.close.claim.timeout());
    // Servers expire a session in order, with a FIN. A reset at that moment is a path that broke.
    let closed = silence >= timeout && !input.close.was_reset();
    closed.then_some(ServerFact::ClosedSilent { silence, timeout })
}

/// The client had been silent for its whole timeout, and not because it waited for an answer. Servers end such a
/// connection in order.
fn silent(input: RuleInput<'_>) -> Option<Explanation> {
    // A client that is owed an answer is not silent of its own accord.
    if input.close.owed() {
        return None;
    }
    let fact = closed_silent(input)?;
    Some(match living_elsewhere(input) {
        Some(other) => Explanation::likely(EndReason::ClientSilent, [fact]).with(lives_on(other)),
        None => Explanation::likely(EndReason::SessionExpired, [fact]),
    })
}

/// As [`silent`], while an answer was owed: a client that waits for one pings all the same, and gives the server up
/// after two thirds of its timeout. A session that had moved would have been refused long before.
fn silent_in_flight(input: RuleInput<'_>) -> Option<Explanation> {
    let fact = closed_silent(input).filter(|_| input.close.owed())?;
    Some(Explanation::likely(EndReason::ClientSilent, [fact]).with(input.in_flight()))
}

/// The reason once it is known whether the server left; None if the session's next attach has to decide.
pub(in crate::session::ledger) fn after_burst(input: RuleInput<'_>, cause: &BurstCause) -> Option<Explanation> {
    if let Some(explanation) = explained_by_sibling(input) {
        return Some(explanation);
    }
    // The server's own end explains all its connections; only where it stayed is each one looked at by itself.
    let outcome = match cause {
        BurstCause::Leaving(facts) => {
            return Some(Explanation::likely(EndReason::ServerLeaving, facts.iter().cloned()));
        }
        BurstCause::LeaderLost(facts) => {
            return Some(Explanation::likely(EndReason::LeaderLost, facts.iter().cloned()));
        }
        BurstCause::Stays(outcome) => *outcome,
    };
    // The order is from what proves itself to what is inferred. A gap in the replies is proof, a session that came
    // back later is a hint, and a session that was over before is the least of them.
    let explained = oversized::closed_at_length(input, outcome)
        .or_else(|| by_reattach(input))
        .or_else(|| silent(input))
        .or_else(|| moved::by_gap(input, outcome))
        .or_else(|| returned(input, outcome))
        .or_else(|| over_before(input));
    // Where the other carrier of the session ended as well the session may be over. Then its next claim shows it, and a
    // verdict now would be premature.
    if explained.is_some() || rival_ended_too(input) {
        return explained;
    }
    if let Some(explanation) = moved::by_other_claim(input, outcome) {
        return Some(explanation);
    }
    // The session lives on another connection, so no later claim of it is needed to decide, and none may come.
    living_elsewhere(input).map(|other| {
        if input.close.was_reset() {
            return unexplained(input, outcome);
        }
        let facts = [ServerFact::ClosedAlone {}.into(), lives_on(other), input.in_flight()];
        Explanation::weak(EndReason::Unknown, facts)
    })
}

/// The reason once the session was claimed again; None while it was not.
pub(in crate::session::ledger) fn after_return(input: RuleInput<'_>, outcome: BurstOutcome) -> Option<Explanation> {
    by_reattach(input).or_else(|| by_close(input)).or_else(|| returned(input, outcome))
}

fn returned(input: RuleInput<'_>, outcome: BurstOutcome) -> Option<Explanation> {
    let close = input.close;
    // Only an answer after the end says whether the session outlived it. A claim that is unanswered says nothing yet.
    // What a server that lags tells late of an older claim may have been decided before the end.
    let told_late = |other: &Attachment, at: Timestamp| {
        other.claim.claimed_at <= close.ended_at && other.end.is_some_and(|end| end.at <= at)
    };
    let answer = |other: &&Attachment| match other.claim.outcome {
        ClaimOutcome::Accepted { at, .. } => at > close.ended_at && !told_late(other, at),
        ClaimOutcome::Refused { at, .. } => at > close.ended_at && says_over(&other.claim),
        ClaimOutcome::Unanswered => false,
    };
    let next = others(input).find(answer)?;
    if next.claim.attached_at().is_none() {
        return Some(match input.session.and_then(SessionRecord::closed_at) {
            // A close through another connection that was not asked in vain would have explained it already.
            Some(at) => moved::by_other_claim(input, outcome).unwrap_or_else(|| closed_late(input, at, outcome)),
            // An idle connection that was reset was lost by its path. That the session ran out afterwards is the
            // consequence.
            None if close.was_reset() && !close.owed() => unexplained(input, outcome),
            None if rival_stood(input) => {
                moved::by_other_claim(input, outcome).unwrap_or_else(|| unexplained(input, outcome))
            }
            None => {
                let (server, at) = (next.claim.server, input.offset(next.claim.claimed_at));
                Explanation::likely(EndReason::SessionExpired, [SessionFact::RefusedAt { server, at }])
            }
        });
    }
    // The client is back with its session, so the session lived. What remains are the reasons that leave a session
    // alive, from the best founded to the weakest.
    let moved = moved::by_other_claim(input, outcome)
        .or_else(|| silent_in_flight(input))
        .or_else(|| moved::inferred(input, next, outcome));
    // A thaw fits many ends and proves none, so it is asked only when nothing better was found.
    Some(moved.or_else(|| thawed(input)).unwrap_or_else(|| unexplained(input, outcome)))
}

/// The session was refused somewhere while this connection stood: it was over, and a server that lagged or was frozen
/// carried its end out only now.
fn over_before(input: RuleInput<'_>) -> Option<Explanation> {
    // Refusals from before this connection was given the session are of another life of it.
    let (close, attached_at) = (input.close, input.close.attached_at()?);
    let (at, server) = others(input).rev().find_map(|other| match other.claim.outcome {
        ClaimOutcome::Refused { at, .. } if says_over(&other.claim) => Some((at, other.claim.server)),
        _ => None,
    })?;
    // A session given since then shows that it lived on.
    let given_since = others(input).any(|other| other.claim.attached_at() > Some(at));
    (at > attached_at && at <= close.ended_at && !given_since).then(|| {
        let fact = SessionFact::RefusedAt { server, at: input.offset(at) };
        Explanation::likely(EndReason::SessionExpired, [fact])
    })
}

/// The session is over, and its client had asked to close it at that moment.
fn closed_late(input: RuleInput<'_>, asked_at: Timestamp, outcome: BurstOutcome) -> Explanation {
    let close = input.close;
    // The wish to close was its own, and the session is over: nothing else is needed.
    if close.end.closing {
        return Explanation::likely(EndReason::Closed, [ClientFact::AskedToClose { over: true }]);
    }
    // A frozen server carries the close out when it thaws, and the session has come elsewhere meanwhile.
    if asked_at <= close.ended_at && !close.was_reset() {
        let fact = SessionFact::ClosedThrough { at: input.offset(asked_at) };
        return Explanation::likely(EndReason::ClosedElsewhere, [fact]);
    }
    unexplained(input, outcome)
}

/// The reason when the session was not claimed again in time.
pub(in crate::session::ledger) fn without_return(input: RuleInput<'_>, outcome: BurstOutcome) -> Explanation {
    unexplained(input, outcome).with(SessionFact::NotSeenAgain { bound: input.close.return_bound() })
}

fn unexplained(input: RuleInput<'_>, outcome: BurstOutcome) -> Explanation {
    // Nothing explains the end. What is known is still reported, so that the reader can go on from there.
    let seen = still_serving_fact(outcome).unwrap_or_else(|| EnsembleFact::NobodyLooked {}.into());
    if !input.close.was_reset() {
        let facts = [ServerFact::ClosedAlone {}.into(), input.in_flight(), seen];
        return Explanation::weak(EndReason::Unknown, facts);
    }
    let mut facts = vec![ServerFact::PathReset {}.into(), input.in_flight()];
    // Many resets at once point at one path or middlebox, which a single one does not.
    if outcome.reset >= CROWD {
        facts.push(ServerFact::ManyReset { connections: outcome.reset, within: outcome.within }.into());
    }
    facts.push(seen);
    Explanation::likely(EndReason::ServerGone, facts)
}

/// The server was unresponsive not long before the end, and the session outlived it. One that was frozen for longer
/// than its leader waits drops its clients when it thaws, and may serve again before a probe can see it (protocol.md
/// §11, 9).
fn thawed(input: RuleInput<'_>) -> Option<Explanation> {
    let (close, view) = (input.close, input.view()?);
    // What such a server finds waiting when it thaws may be a younger claim, which closes the older connection.
    let pushed_aside = others(input)
        .any(|other| other.claim.server == close.claim.server && other.claim.claimed_at >= close.claim.claimed_at);
    let probe = view.unresponsive.filter(|probe| {
        !pushed_aside
            && Some(probe.asked_at) >= close.attached_at()
            && probe.asked_at <= close.ended_at
            && probe.asked_at.after(THAW) >= close.ended_at
    })?;
    let thawed = ServerFact::Thawed { at: input.offset(probe.asked_at) };
    Some(Explanation::likely(EndReason::ServerLeaving, [Fact::from(thawed), input.in_flight()]))
}

/// Whether a connection that carried the session elsewhere stood for some time after the end: the session lived on
/// then, and what a later claim is told says nothing about the end. Closes that are explained late, since zoogate
/// itself stood still, meet that.
fn rival_stood(input: RuleInput<'_>) -> bool {
    let close = input.close;
    others(input).any(|other| {
        other.claim.server != close.claim.server
            && other.claim.attached_at().is_some_and(|at| at <= close.ended_at && Some(at) > close.attached_at())
            && other.end.is_some_and(|end| end.at > close.ended_at.after(TOGETHER))
    })
}

/// Whether a connection that carried the session elsewhere had been closed by its server by then, and no other
/// carries it: then the session may be over, and its next attach has to show it.
fn rival_ended_too(input: RuleInput<'_>) -> bool {
    let close = input.close;
    // A close that was asked for only later, or on this connection behind what was refused, ended the rival and
    // cannot have ended this one.
    let closed_later =
        close.end.closing || input.session.and_then(SessionRecord::closed_at).is_some_and(|at| at > close.ended_at);
    living_elsewhere(input).is_none()
        && !closed_later
        && others(input).any(|other| {
            other.claim.server != close.claim.server
                && other.claim.attached_at().is_some()
                && other.ended_by_server()
                && other.end.is_some_and(|end| {
                    // One that is explained, say by its server's leaving, shows nothing about the session.
                    let open = end.reason.is_none_or(|reason| {
                        matches!(reason, EndReason::Unknown | EndReason::SessionExpired | EndReason::ClosedElsewhere)
                    });
                    open && end.at <= close.ended_at.after(SKEW) && close.ended_at.since(end.at) <= TOGETHER
                })
        })
}

/// A younger connection that carries the session at another server.
fn living_elsewhere(input: RuleInput<'_>) -> Option<&Attachment> {
    let attached_at = input.close.attached_at()?;
    let younger = |other: &&Attachment| other.is_attached() && other.claim.attached_at() > Some(attached_at);
    others(input).rev().find(younger)
}

fn lives_on(other: &Attachment) -> Fact {
    SessionFact::LivesOn { connection: other.connection, server: other.claim.server }.into()
}

/// The other claims of the session that are remembered.
pub(super) fn others(input: RuleInput<'_>) -> impl DoubleEndedIterator<Item = &Attachment> {
    let own = input.close.connection;
    input.session.into_iter().flat_map(SessionRecord::attachments).filter(move |other| other.connection != own)
}
