//! SESSION_MOVED: the evidence of protocol.md §4.7, strongest first.
//!
//! Servers from 3.6 on never say it; they close. A follower closes at a write (or multi), the leader at anything.

use std::time::Duration;

use super::spans::TOGETHER;
use super::{RuleInput, still_serving_fact};
use crate::ids::ServerId;
use crate::session::connection_end::{CloseKind, ConnectionCloser, UnansweredRequest};
use crate::session::event::MovedCodeLocation;
use crate::session::fact::{EndOffset, EnsembleFact, Fact, MoveFact, ProxyFact, SessionFact};
use crate::session::ledger::attachment::{Attachment, ClaimOutcome};
use crate::session::ledger::burst_cause::{BurstOutcome, StillServing};
use crate::session::ledger::disconnect_burst::CROWD;
use crate::session::ledger::ensemble_state::EnsembleState;
use crate::session::ledger::session_record::SessionRecord;
use crate::session::ledger::unexplained_close::UnexplainedClose;
use crate::session::own_pause::OwnPause;
use crate::session::probe_result::ServerRole;
use crate::session::verdict::{Confidence, EndReason, Evidence, Explanation, RefusalEvidence};
use crate::time::Timestamp;
use crate::wire::OpCode;
use crate::wire::handshake::PasswordCheck;

/// How long before an attach a claim may have been made that a frozen server still carries out after it: a server
/// that is frozen for longer has lost its leader (syncLimit ticks) and with it the claim.
const LATE_CLAIM: Duration = Duration::from_mins(1);

/// A client that closes because a reply came out of order does so at once; how old the skipped request may be.
const GAP_AGE: Duration = Duration::from_secs(10);

/// A server that leaves and serves again needs at least so long.
const SOON_BACK: Duration = Duration::from_millis(250);

/// A request's way to the server, its quorum and back takes at least so long.
const SOONEST_ANSWER: Duration = Duration::from_micros(100);

/// How many claims are named in a verdict.
const CLAIMS_TOLD: usize = 3;

/// A reply said it in words.
pub(in crate::session::ledger) fn refused_in_words(
    form: MovedCodeLocation,
    refused: Option<UnansweredRequest>,
    session: Option<&SessionRecord>,
    own: &Attachment,
    ensemble: &EnsembleState,
    now: Timestamp,
) -> Explanation {
    let evidence = match form {
        MovedCodeLocation::Header => Evidence::Reply,
        MovedCodeLocation::Multi => Evidence::Multi,
    };
    let mut facts = vec![MoveFact::Said { form, request: refused }.into()];
    let claims = session.map_or_else(Vec::new, |session| rival_claims(session, own, now, ensemble));
    // The words alone are proof. The claims are added because the reader's next question is who took the session.
    facts.extend(claims.iter().map(|entry| claim_fact(entry, now)));
    facts.extend(claims.first().and_then(|first| own_doing(first)));
    if let Some(session) = session {
        facts.extend(shared(session, own));
    }
    let claimed_by = claims.first().map(|entry| entry.claim.server);
    Explanation::moved(RefusalEvidence { evidence, claimed_by }, Confidence::Certain, facts)
}

/// A reply overtook an unanswered request, then the server closed.
pub(super) fn by_gap(input: RuleInput<'_>, outcome: BurstOutcome) -> Option<Explanation> {
    if !has_gap(input.close) {
        return None;
    }
    let mut facts = vec![overtaken(input.close, false)];
    let claimed_by = add_claims(input, &mut facts);
    let seen = still_serving_fact(outcome);
    // A server that leaves may answer out of order too as it drops its queue: only a witness that it stayed makes
    // this certain.
    let confidence = if seen.is_some() { Confidence::Certain } else { Confidence::Likely };
    facts.push(seen.unwrap_or_else(|| EnsembleFact::NobodyLooked {}.into()));
    Some(Explanation::moved(RefusalEvidence { evidence: Evidence::XidGap, claimed_by }, confidence, facts))
}

/// As [`by_gap`], but the client closed first: Java and C clients do when a reply comes out of order.
pub(super) fn client_met_gap(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    // A gap that the client has lived with for longer cannot be why it hung up just now.
    let fresh = close.head().is_some_and(|head| close.ended_at.since(head.sent_at) <= GAP_AGE);
    if !has_gap(close) || !fresh {
        return None;
    }
    let mut facts = vec![overtaken(close, true)];
    let claimed_by = add_claims(input, &mut facts);
    // The server would have closed a moment later; the client was faster, so its close is never seen. Hence no more
    // than likely.
    facts.push(MoveFact::CloseUnseen {}.into());
    let evidence = RefusalEvidence { evidence: Evidence::XidGap, claimed_by };
    Some(Explanation::moved(evidence, Confidence::Likely, facts))
}

/// The session had been claimed at another server, and this one closed at a request that it would check.
pub(super) fn by_other_claim(input: RuleInput<'_>, outcome: BurstOutcome) -> Option<Explanation> {
    let close = input.close;
    if !is_checked(input) {
        return None;
    }
    if may_have_left_unseen(input, outcome) {
        return None;
    }
    // Without another claim nothing can have taken the session; that a server closed is then no evidence of it.
    let claims = rival_claims(input.session?, &own(close), close.ended_at, input.ensemble);
    let first = claims.first()?;
    let mut facts = vec![MoveFact::ClosedUnanswered {}.into(), input.in_flight()];
    facts.extend(claims.iter().take(CLAIMS_TOLD).map(|entry| claim_fact(entry, close.ended_at)));
    // A claim that a frozen server carried out late takes the session long after it was sent. That the server thawed
    // is what makes this plausible.
    facts.extend(thaw(input, first));
    facts.extend(own_doing(first));
    let seen = still_serving_fact(outcome);
    // Three things must hold: the other claim was given the session, this server went on serving, and it closed in
    // order. A reset may be the path's doing.
    let certain = first.claim.attached_at().is_some() && seen.is_some() && !close.was_reset();
    let confidence = if certain { Confidence::Certain } else { Confidence::Likely };
    facts.push(seen.unwrap_or_else(|| EnsembleFact::NobodyLooked {}.into()));
    if close.was_reset() {
        facts.push(MoveFact::WasReset {}.into());
    }
    facts.extend(input.session.and_then(|session| shared(session, &own(close))));
    let refusal = RefusalEvidence { evidence: Evidence::AttachElsewhere, claimed_by: Some(first.claim.server) };
    Some(Explanation::moved(refusal, confidence, facts))
}

/// No other claim was seen, but the session lives: it was accepted again afterwards. Where many sessions were closed
/// together without such a claim, something else befell them.
pub(super) fn inferred(input: RuleInput<'_>, next: &Attachment, outcome: BurstOutcome) -> Option<Explanation> {
    let close = input.close;
    // Without a claim that was seen, everything else must fit: one connection alone, closed in order, at a request
    // that this server would check.
    if !is_checked(input) || close.end.closer != ConnectionCloser::Server(CloseKind::Fin) || outcome.ended >= CROWD {
        return None;
    }
    if may_have_left_unseen(input, outcome) {
        return None;
    }
    let mut facts = vec![MoveFact::ClosedUnanswered {}.into(), input.in_flight(), came_back(next, close.ended_at)];
    let seen = still_serving_fact(outcome);
    // Never certain: the claim that took the session went past this proxy, or there was none.
    let confidence = if seen.is_some() { Confidence::Likely } else { Confidence::Weak };
    facts.extend(seen.clone());
    facts.push(MoveFact::NoOtherClaim {}.into());
    if seen.is_none() {
        facts.push(EnsembleFact::NobodyLooked {}.into());
    }
    let refusal = RefusalEvidence { evidence: Evidence::Inferred, claimed_by: None };
    Some(Explanation::moved(refusal, confidence, facts))
}

/// Whether the server may have left, and come back, while zoogate stood still: its close was found right behind that, too
/// early to be the answer to a request that was passed on since, and nothing shows that it stood through it.
fn may_have_left_unseen(input: RuleInput<'_>, outcome: BurstOutcome) -> bool {
    let close = input.close;
    let ended_at = close.ended_at;
    let asked_at = close.head().map_or(close.end.client_heard_at, |head| head.sent_at);
    let unseen = |pause: OwnPause| {
        let found = pause.to <= ended_at && ended_at.since(pause.to) <= TOGETHER;
        let is_answer = asked_at >= pause.to && ended_at.since(asked_at) >= SOONEST_ANSWER;
        found && !is_answer && pause.lasted() >= SOON_BACK
    };
    let stood = matches!(outcome.shown_by, StillServing::Stood(_) | StillServing::Others(_));
    !stood && input.own_pauses.last_before(ended_at).is_some_and(unseen)
}

/// Whether the head of line is something at which this server would find out that the session has moved.
fn is_checked(input: RuleInput<'_>) -> bool {
    let close = input.close;
    // A follower checks the owner only where it asks the leader, which is for writes. The leader checks everything
    // (protocol.md §4.3).
    match (input.role(), close.head()) {
        (ServerRole::Standalone | ServerRole::ReadOnly, _) => false,
        // Where a name stands for several servers the role may be another one's.
        (ServerRole::Leader, _) if !input.is_many() => close.owed(),
        (_, Some(head)) => head.op.is_write() && head.op != OpCode::DELETE_CONTAINER,
        (_, None) => false,
    }
}

/// Claims that can have taken the session away from `own`: at another server, later than its attach, accepted or
/// not answered; or not answered and made shortly before it, as long as no other connection was refused since.
/// The strongest first: accepted before unanswered, then the latest.
fn rival_claims<'a>(
    session: &'a SessionRecord,
    own: &Attachment,
    end: Timestamp,
    ensemble: &EnsembleState,
) -> Vec<&'a Attachment> {
    // A connection that was never given the session can only have been too early.
    let attached_at = own.claim.attached_at().unwrap_or(own.claim.claimed_at);
    let many = ensemble.get(own.claim.server).is_some_and(|view| view.many);
    let rival = |entry: &&Attachment| {
        entry.connection != own.connection
            && (entry.claim.server != own.claim.server || many)
            // A server gives nothing for a wrong password, so such a claim took nothing.
            && entry.claim.password != PasswordCheck::Wrong
            && entry.claim.claimed_at <= end
            && match entry.claim.outcome {
                // The later owner wins. One that was given the session before this connection lost it to this one.
                ClaimOutcome::Accepted { at, .. } => at > attached_at,
                ClaimOutcome::Unanswered => {
                    !entry.ended_by_server()
                        && !is_spent(session, entry, own)
                        && (many || !is_dealt_with(session, entry, attached_at))
                        // A server carries out an unanswered claim whenever it thaws, so it may well be older than
                        // this connection; but not older than a server can be frozen and still belong to the
                        // ensemble.
                        && entry.claim.claimed_at.after(LATE_CLAIM) >= attached_at
                }
                ClaimOutcome::Refused { .. } => false,
            }
    };
    let mut claims: Vec<_> = session.attachments().rev().filter(rival).collect();
    // The sort is stable: within accepted and unanswered claims the latest stays in front.
    claims.sort_by_key(|entry| entry.claim.attached_at().is_none());
    claims
}

/// zoogate ended the connection because a claim that had been left behind was carried out.
pub(super) fn late_claim(input: RuleInput<'_>) -> Explanation {
    let close = input.close;
    let rivals = |session| rival_claims(session, &own(close), close.ended_at, input.ensemble);
    let claims = input.session.map_or_else(Vec::new, rivals);
    let explanation = Explanation::certain(EndReason::LateClaim, [ProxyFact::LateClaim {}]);
    match claims.first() {
        Some(entry) => explanation.with(claim_fact(entry, close.ended_at)),
        None => explanation,
    }
}

/// Whether the server that never answered this claim serves again.
fn thaw(input: RuleInput<'_>, claim: &Attachment) -> Option<Fact> {
    // Only a claim that ended unanswered can have been carried out late; an accepted one needs no such story.
    let given_up_at = claim.end.filter(|_| claim.claim.attached_at().is_none())?.at;
    let server = claim.claim.server;
    input.ensemble.get(server)?.serving_since(given_up_at)?;
    Some(MoveFact::RivalThawed { server }.into())
}

/// The servers with a claim that may have taken the session away from this close's connection.
pub(in crate::session::ledger) fn rival_servers(input: RuleInput<'_>) -> Vec<ServerId> {
    let rivals = |session| rival_claims(session, &own(input.close), input.close.ended_at, input.ensemble);
    let claims = input.session.map_or_else(Vec::new, rivals);
    claims.iter().take(CLAIMS_TOLD).map(|entry| entry.claim.server).collect()
}

/// Whether an unanswered claim has already explained the refusal of another connection.
fn is_spent(session: &SessionRecord, claim: &Attachment, own: &Attachment) -> bool {
    session.attachments().any(|entry| {
        entry.connection != own.connection
            // One claim takes the session once. An older connection that was refused because of it has used it up.
            && entry.claim.claimed_at <= own.claim.claimed_at
            && entry
                .end
                .is_some_and(|end| end.reason == Some(EndReason::SessionMoved) && end.at >= claim.claim.claimed_at)
    })
}

/// Whether the server of this unanswered claim gave the session to a claim that was made later, and did so by that
/// moment: what it asks its leader stays in order, so it had dealt with both (protocol.md §5.3).
fn is_dealt_with(session: &SessionRecord, claim: &Attachment, by: Timestamp) -> bool {
    session.attachments().any(|entry| {
        entry.claim.server == claim.claim.server
            && entry.claim.claimed_at > claim.claim.claimed_at
            && entry.claim.attached_at().is_some_and(|at| at <= by)
    })
}

fn add_claims(input: RuleInput<'_>, facts: &mut Vec<Fact>) -> Option<ServerId> {
    let session = input.session?;
    let claims = rival_claims(session, &own(input.close), input.close.ended_at, input.ensemble);
    facts.extend(claims.iter().take(CLAIMS_TOLD).map(|entry| claim_fact(entry, input.close.ended_at)));
    facts.extend(claims.first().and_then(|first| own_doing(first)));
    facts.extend(shared(session, &own(input.close)));
    claims.first().map(|entry| entry.claim.server)
}

/// What comes of a claim that the proxy left behind is the proxy's doing, and not its client's.
fn own_doing(rival: &Attachment) -> Option<Fact> {
    let server = rival.claim.server;
    rival.was_left_behind().then(|| MoveFact::RivalLeftBehind { server }.into())
}

/// Names both clients when two of them use the session in turn.
pub(super) fn shared(session: &SessionRecord, own: &Attachment) -> Option<Fact> {
    let (client, other) = (own.claim.client, session.shares_with(own.claim.client)?);
    Some(SessionFact::SharedBy { client, other }.into())
}

fn claim_fact(entry: &Attachment, end: Timestamp) -> Fact {
    let claim = &entry.claim;
    let (given, at) = match claim.outcome {
        ClaimOutcome::Accepted { at, .. } => (true, at),
        _ => (false, claim.claimed_at),
    };
    let at = EndOffset::of(at, end);
    MoveFact::RivalClaim { client: claim.client, server: claim.server, connection: entry.connection, at, given }.into()
}

fn came_back(next: &Attachment, end: Timestamp) -> Fact {
    let (client, server, connection) = (next.claim.client, next.claim.server, next.connection);
    let at = EndOffset::of(next.claim.attached_at().unwrap_or(next.claim.claimed_at), end);
    SessionFact::CameBack { client, server, connection, at }.into()
}

fn has_gap(close: &UnexplainedClose) -> bool {
    close.end.skipped > 0 && close.end.fatal_error.is_none() && !close.end.closing
}

fn overtaken(close: &UnexplainedClose, by_client: bool) -> Fact {
    MoveFact::Overtaken { request: close.head().cloned(), skipped: close.end.skipped, by_client }.into()
}

pub(super) fn own(close: &UnexplainedClose) -> Attachment {
    Attachment { connection: close.connection, claim: close.claim, end: None }
}
