//! SESSION_MOVED: the evidence of protocol.md §4.7, strongest first.
//!
//! Servers from 3.6 on never say it; they close. A follower closes at a write (or multi), the leader at anything.

use std::time::Duration;

use super::{Flag, Ruling, Scene, sentence, testimony};
use crate::ids::ServerId;
use crate::session::ending::{Closer, How, Unanswered};
use crate::session::event::MovedForm;
use crate::session::ledger::attachment::{Attachment, Outcome};
use crate::session::ledger::case::Case;
use crate::session::ledger::ensemble::{Ensemble, ServerView};
use crate::session::ledger::exodus::Testimony;
use crate::session::ledger::record::SessionRecord;
use crate::session::sighting::Role;
use crate::session::verdict::{Confidence, EndReason, Evidence};
use crate::time::Timestamp;
use crate::wire::OpCode;
use crate::wire::handshake::Password;

/// How long before an attach a claim may have been made that a frozen server still carries out after it: a server
/// that is frozen for longer has lost its leader (syncLimit ticks) and with it the claim.
const LATE_CLAIM: Duration = Duration::from_mins(1);

/// A client that closes because a reply came out of order does so at once; how old the skipped request may be.
const GAP_AGE: Duration = Duration::from_secs(10);

/// What a verdict lacks that no look and no other connection supports.
const NOBODY: &str = "missing: nobody could say whether the server went on serving";

/// How many claims are named in a verdict.
const CLAIMS_TOLD: usize = 3;

/// A reply said it in words.
pub(in crate::session::ledger) fn refused_in_words(
    form: MovedForm,
    refused: Option<&Unanswered>,
    session: Option<&SessionRecord>,
    own: &Attachment,
    ensemble: &Ensemble,
    now: Timestamp,
) -> Flag {
    let (evidence, place) = match form {
        MovedForm::Header => (Evidence::Reply, "in the header of a reply"),
        MovedForm::Multi => (Evidence::Multi, "as the first result of a multi"),
    };
    let request = refused.map_or_else(String::new, |request| format!(" to {}", sentence::request(request, now)));
    let mut why =
        vec![format!("server {} answered SESSIONMOVED (-118) {place}{request}", ensemble.name(own.claim.server))];
    let claims = session.map_or_else(Vec::new, |session| rival_claims(session, own, now));
    why.extend(claims.iter().map(|entry| sentence::claim(entry, now, ensemble)));
    if let Some(session) = session {
        why.extend(shared(session, own));
    }
    Flag { evidence, confidence: Confidence::Certain, claimed_by: claims.first().map(|entry| entry.claim.server), why }
}

/// A reply overtook an unanswered request, then the server closed.
pub(super) fn by_gap(scene: Scene<'_>, said_by: Testimony) -> Option<Ruling> {
    let case = scene.case;
    if !has_gap(case) {
        return None;
    }
    let mut why = vec![format!(
        "server {} answered later requests and closed without answering {}: a close marker was overtaken",
        scene.server(),
        skipped_words(case)
    )];
    let claimed_by = add_claims(scene, &mut why);
    let seen = testimony(scene, said_by);
    let confidence = if seen.is_some() { Confidence::Certain } else { Confidence::Likely };
    why.push(seen.unwrap_or_else(|| NOBODY.to_owned()));
    Some(Ruling::moved(Flag { evidence: Evidence::XidGap, confidence, claimed_by, why }))
}

/// As [`by_gap`], but the client closed first: Java and C clients do when a reply comes out of order.
pub(super) fn client_met_gap(scene: Scene<'_>) -> Option<Ruling> {
    let case = scene.case;
    let fresh = case.head().is_some_and(|head| case.ended_at.since(head.sent_at) <= GAP_AGE);
    if !has_gap(case) || !fresh {
        return None;
    }
    let mut why = vec![format!(
        "server {} answered later requests and not {}, and the client closed at the reply out of order",
        scene.server(),
        skipped_words(case)
    )];
    let claimed_by = add_claims(scene, &mut why);
    why.push("missing: the server's own close was not seen, the client's came first".to_owned());
    Some(Ruling::moved(Flag { evidence: Evidence::XidGap, confidence: Confidence::Likely, claimed_by, why }))
}

/// The session had been claimed at another server, and this one closed at a request that it would check.
pub(super) fn by_other_claim(scene: Scene<'_>, said_by: Testimony) -> Option<Ruling> {
    let case = scene.case;
    if !is_checked(scene) {
        return None;
    }
    let claims = rival_claims(scene.session?, &own(case), case.ended_at);
    let first = claims.first()?;
    let mut why = vec![format!("server {} closed without a byte while {}", scene.server(), sentence::in_flight(case))];
    why.extend(claims.iter().take(CLAIMS_TOLD).map(|entry| sentence::claim(entry, case.ended_at, scene.ensemble)));
    why.extend(thaw(scene, first));
    let seen = testimony(scene, said_by);
    let certain = first.claim.attached_at().is_some() && seen.is_some() && !case.was_reset();
    let confidence = if certain { Confidence::Certain } else { Confidence::Likely };
    why.push(seen.unwrap_or_else(|| NOBODY.to_owned()));
    if case.was_reset() {
        why.push("the connection was reset, which a broken path does as well".to_owned());
    }
    why.extend(scene.session.and_then(|session| shared(session, &own(case))));
    Some(Ruling::moved(Flag {
        evidence: Evidence::AttachElsewhere,
        confidence,
        claimed_by: Some(first.claim.server),
        why,
    }))
}

/// No other claim was seen, but the session lives: it was accepted again afterwards.
pub(super) fn inferred(scene: Scene<'_>, next: &Attachment, said_by: Testimony) -> Option<Ruling> {
    let case = scene.case;
    if !is_checked(scene) || case.end.closer != Closer::Server(How::Fin) {
        return None;
    }
    let mut why = vec![
        format!("server {} closed without a byte while {}", scene.server(), sentence::in_flight(case)),
        format!("the session is not over: {}", sentence::claim(next, case.ended_at, scene.ensemble)),
    ];
    let seen = testimony(scene, said_by);
    let confidence = if seen.is_some() { Confidence::Likely } else { Confidence::Weak };
    why.extend(seen.clone());
    why.push("missing: no other claim of this session was seen here; it may have gone another way".to_owned());
    if seen.is_none() {
        why.push(NOBODY.to_owned());
    }
    Some(Ruling::moved(Flag { evidence: Evidence::Inferred, confidence, claimed_by: None, why }))
}

/// Whether the head of line is something at which this server would find out that the session has moved.
fn is_checked(scene: Scene<'_>) -> bool {
    let case = scene.case;
    let role = scene.ensemble.get(case.claim.server).map_or(Role::Unknown, ServerView::role);
    match (role, case.head()) {
        (Role::Standalone | Role::ReadOnly, _) => false,
        (Role::Leader, _) => case.owed(),
        (_, Some(head)) => head.op.is_write() && head.op != OpCode::DELETE_CONTAINER,
        (_, None) => false,
    }
}

/// Claims that can have taken the session away from `own`: at another server, later than its attach, accepted or
/// not answered; or not answered and made shortly before it, as long as no other connection was refused since.
/// The strongest first: accepted before unanswered, then the latest.
fn rival_claims<'a>(session: &'a SessionRecord, own: &Attachment, end: Timestamp) -> Vec<&'a Attachment> {
    let attached_at = own.claim.attached_at().unwrap_or(own.claim.claimed_at);
    let rival = |entry: &&Attachment| {
        entry.connection != own.connection
            && entry.claim.server != own.claim.server
            && entry.claim.password != Password::Wrong
            && entry.claim.claimed_at <= end
            && match entry.claim.outcome {
                Outcome::Accepted { at, .. } => at > attached_at,
                Outcome::Unanswered => {
                    !entry.ended_by_server()
                        && !is_spent(session, entry, own)
                        && entry.claim.claimed_at.after(LATE_CLAIM) >= attached_at
                }
                Outcome::Refused { .. } => false,
            }
    };
    let mut claims: Vec<_> = session.attachments().rev().filter(rival).collect();
    claims.sort_by_key(|entry| entry.claim.attached_at().is_none());
    claims
}

/// The proxy ended the connection because a claim that it had left behind was carried out elsewhere.
pub(super) fn late_claim(scene: Scene<'_>) -> Ruling {
    let case = scene.case;
    let claims = scene.session.map_or_else(Vec::new, |session| rival_claims(session, &own(case), case.ended_at));
    let words = claims.first().map_or_else(
        || "another server carried out a claim of the session that had been left behind there".to_owned(),
        |entry| sentence::claim(entry, case.ended_at, scene.ensemble),
    );
    let why =
        format!("{words}; zoogate ended this connection so that the client comes back and owns its session again");
    Ruling::of(EndReason::LateClaim, why)
}

/// Whether the server that never answered this claim serves again.
fn thaw(scene: Scene<'_>, claim: &Attachment) -> Option<String> {
    let given_up_at = claim.end.filter(|_| claim.claim.attached_at().is_none())?.at;
    let server = claim.claim.server;
    scene.ensemble.get(server)?.serving_since(given_up_at)?;
    Some(format!("server {} serves again, and carries out what it was sent meanwhile", scene.ensemble.name(server)))
}

/// The servers with a claim that may have taken the session away from this case's connection.
pub(in crate::session::ledger) fn rival_servers(scene: Scene<'_>) -> Vec<ServerId> {
    let claims =
        scene.session.map_or_else(Vec::new, |session| rival_claims(session, &own(scene.case), scene.case.ended_at));
    claims.iter().take(CLAIMS_TOLD).map(|entry| entry.claim.server).collect()
}

/// Whether an unanswered claim has already explained the refusal of another connection.
fn is_spent(session: &SessionRecord, claim: &Attachment, own: &Attachment) -> bool {
    session.attachments().any(|entry| {
        entry.connection != own.connection
            && entry.claim.claimed_at <= own.claim.claimed_at
            && entry
                .end
                .is_some_and(|end| end.reason == Some(EndReason::SessionMoved) && end.at >= claim.claim.claimed_at)
    })
}

fn add_claims(scene: Scene<'_>, why: &mut Vec<String>) -> Option<ServerId> {
    let session = scene.session?;
    let claims = rival_claims(session, &own(scene.case), scene.case.ended_at);
    why.extend(
        claims.iter().take(CLAIMS_TOLD).map(|entry| sentence::claim(entry, scene.case.ended_at, scene.ensemble)),
    );
    why.extend(shared(session, &own(scene.case)));
    claims.first().map(|entry| entry.claim.server)
}

/// Names both clients when two of them use the session in turn.
fn shared(session: &SessionRecord, own: &Attachment) -> Option<String> {
    let other = session.shares_with(own.claim.client)?;
    Some(format!("two clients use this session in turn: {} and {other}", own.claim.client))
}

fn has_gap(case: &Case) -> bool {
    case.end.skipped > 0 && case.end.fatal_error.is_none() && !case.end.closing
}

fn skipped_words(case: &Case) -> String {
    match case.head() {
        Some(head) => sentence::request(head, case.ended_at),
        None => format!("{} requests", case.end.skipped),
    }
}

fn own(case: &Case) -> Attachment {
    Attachment { connection: case.connection, claim: case.claim, end: None }
}
