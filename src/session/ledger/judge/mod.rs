//! The rules by which a connection's end gets its reason, one file for each kind of end.
//!
//! They look at the case, at the history of its session and at the servers, and change nothing. What they find they
//! return as values. The order in which they are asked is the order of their strength: what a connection shows by
//! itself, what another connection of the same session explains, what befell the whole server, what the session's next
//! attach shows.

mod client;
mod dialect;
mod handshake;
mod moved;
mod pause;
mod server;

use std::time::Duration;

use super::attachment::{Attachment, Claim, ClaimRefusal, Outcome};
use super::case::Case;
use super::ensemble::{Ensemble, ServerView};
use super::exodus::{BurstOutcome, Testimony};
use super::record::SessionRecord;
use crate::session::ending::{Closer, How, ProxyClose};
use crate::session::fact::{ClaimAnswer, ClaimFact, EndOffset, EnsembleFact, Fact, ProxyFact, ServerFact};
use crate::session::own_pause::OwnPauseLog;
use crate::session::sighting::{Health, Role};
use crate::session::verdict::{EndReason, Explanation};
use crate::time::Timestamp;
use crate::wire::handshake::Password;
use crate::wire::{ErrorCode, OpCode};

pub(super) use handshake::{after_look, pushed_aside_unanswered};
pub(super) use moved::{refused_in_words, rival_servers};
pub(super) use server::{after_exodus, after_return, explained_by_sibling, has_own_reason, without_return};

/// What the rules may look at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) case: &'a Case,
    /// None when the session is not known, or was forgotten.
    pub(super) session: Option<&'a SessionRecord>,
    pub(super) ensemble: &'a Ensemble,
    pub(super) own_pauses: &'a OwnPauseLog,
}

impl<'a> Scene<'a> {
    /// How long nothing was heard until the end, the time left out in which zoogate itself stood still.
    fn silence(&self, heard_at: Timestamp) -> Duration {
        let ended_at = self.case.ended_at;
        ended_at.since(heard_at).saturating_sub(self.own_pauses.within(heard_at, ended_at))
    }

    /// What is known of the case's server.
    fn view(&self) -> Option<&'a ServerView> {
        self.ensemble.get(self.case.claim.server)
    }

    /// The server's role, as it told last.
    fn role(&self) -> Role {
        self.view().map_or(Role::Unknown, ServerView::role)
    }

    /// A moment, seen from the end.
    fn offset(&self, moment: Timestamp) -> EndOffset {
        EndOffset::of(moment, self.case.ended_at)
    }

    /// Whether the case's server is one of several behind one name.
    fn is_many(&self) -> bool {
        self.view().is_some_and(|view| view.many)
    }

    /// What was in flight at the end.
    fn in_flight(&self) -> Fact {
        let end = &self.case.end;
        let request = self.case.head().cloned();
        ServerFact::InFlight { request, requests: end.unanswered_count, pings: end.unanswered_pings }.into()
    }
}

/// Whether a claim shows that the session is over: a server refused it, and not for want of the right password.
fn says_over(claim: &Claim) -> bool {
    let over = matches!(claim.outcome, Outcome::Refused { refusal: ClaimRefusal::SessionOver, .. });
    over && claim.password.may_be_right()
}

/// The reason of an end that needs no more evidence.
pub(super) fn at_once(scene: Scene<'_>) -> Option<Explanation> {
    let case = scene.case;
    // Asked first: a peer that speaks another version explains everything that follows from not being understood.
    if let Some(explanation) = dialect::at_once(scene) {
        return Some(explanation);
    }
    // A refusal in words comes before who closed: after it either side may close, and it makes no difference.
    if let Outcome::Refused { refusal, .. } = case.claim.outcome {
        return Some(refused(scene, refusal));
    }
    match case.end.closer {
        Closer::Proxy(ProxyClose::Shutdown) => {
            return Some(Explanation::certain(EndReason::ProxyShutdown, [ProxyFact::Stopping {}]));
        }
        Closer::Proxy(ProxyClose::HandshakeDeadline) => return Some(handshake::given_up(scene)),
        Closer::Proxy(ProxyClose::MuteServer) => return Some(left_unresponsive(scene)),
        Closer::Proxy(ProxyClose::LateClaim) => return Some(moved::late_claim(scene)),
        Closer::Proxy(ProxyClose::Superseded) => {
            return Some(Explanation::certain(EndReason::Superseded, [ProxyFact::Superseded {}]));
        }
        Closer::Proxy(ProxyClose::Operator(point)) => {
            let facts = [ProxyFact::Disconnected { point }.into(), scene.in_flight()];
            return Some(Explanation::certain::<Fact>(EndReason::DisconnectedByOperator, facts));
        }
        // What the proxy did it knows. The two peers' ends need evidence.
        Closer::Client(_) | Closer::Server(_) => {}
    }
    // Without a session neither timeouts nor moves apply: claims have rules of their own.
    if case.attached_at().is_none() {
        return handshake::at_once(scene);
    }
    // A close that was asked for explains the end, unless the server closed at an earlier request: then it never came
    // to the close.
    if case.end.closing && !refused_before_close(case) {
        return Some(dialect::closed(scene));
    }
    // The server said why in its last reply. What it says outranks what can be inferred.
    if let Some(explanation) = fatal(scene) {
        return Some(explanation);
    }
    match case.end.closer {
        // A client's end is always decided at once: nothing that comes later can change what the client did.
        Closer::Client(how) => Some(client::gone(scene, how)),
        Closer::Server(How::Timeout) => {
            Some(Explanation::likely(EndReason::ServerGone, [ServerFact::PathTimedOut { claim: false }]))
        }
        _ => server::at_once(scene),
    }
}

/// Whether the server ended the connection at a request in front of the one that closes the session.
fn refused_before_close(case: &Case) -> bool {
    let close = case.end.unanswered.iter().position(|request| request.op == OpCode::CLOSE_SESSION);
    let behind = close.map_or(case.end.skipped > 0, |place| place > 0);
    behind && matches!(case.end.closer, Closer::Server(How::Fin))
}

/// A claim that was answered with a refusal.
fn refused(scene: Scene<'_>, refusal: ClaimRefusal) -> Explanation {
    let password = scene.case.claim.password;
    let refused = ClaimFact::Refused { password };
    match (refusal, password) {
        (ClaimRefusal::NotServing, _) => {
            let waited = scene.case.ended_at.since(scene.case.claim.claimed_at);
            Explanation::certain(EndReason::NotServing, [ClaimFact::ServerSeen { waited, health: Health::NotServing }])
        }
        // It has the sessions that it made itself, and no other.
        (ClaimRefusal::ReadOnly, Password::Right | Password::Wrong | Password::Unjudged) => {
            let accepted = scene.case.read_only == Some(true);
            Explanation::likely(EndReason::NotServing, [refused, ClaimFact::ReadOnlyServer { accepted }])
        }
        // Session over and wrong password look alike on the wire. Where the servers make their own passwords, nobody
        // but them can tell which it was.
        (ClaimRefusal::SessionOver, Password::Unjudged) => {
            Explanation::likely(EndReason::SessionExpired, [refused, ClaimFact::OwnPasswords {}])
        }
        (ClaimRefusal::SessionOver, Password::Wrong) => Explanation::certain(EndReason::WrongPassword, [refused]),
        (ClaimRefusal::SessionOver, Password::Right) => over_at_claim(scene, refused),
        // A new session cannot be over. That it was refused all the same is not understood.
        (_, Password::NotNeeded) => Explanation::weak(EndReason::Unknown, [refused]),
    }
}

/// The session was over when it was claimed with the right password.
fn over_at_claim(scene: Scene<'_>, refused: ClaimFact) -> Explanation {
    let mut explanation = Explanation::certain(EndReason::SessionExpired, [refused]);
    if let Some(at) = scene.session.and_then(SessionRecord::closed_at) {
        explanation = explanation.with(ClaimFact::ClosedBefore { at: scene.offset(at) });
    }
    // A session that a server calls over while another still carries it hints at servers that disagree.
    let mut others = scene.session.into_iter().flat_map(SessionRecord::attachments);
    if let Some(other) = others.find(|other| other.is_attached()) {
        let (connection, server) = (other.connection, other.claim.server);
        explanation = explanation.with(ClaimFact::StillCarried { connection, server });
    }
    explanation
}

/// A server that accepted connections and no longer answered.
fn left_unresponsive(scene: Scene<'_>) -> Explanation {
    let silence = scene.silence(scene.case.end.server_heard_at);
    let health = scene.view().and_then(|view| view.last).map_or(Health::Unknown, |look| look.sighting.health);
    Explanation::likely(EndReason::ServerUnresponsive, [ProxyFact::GaveUpServer { silence, health }])
        .with(scene.in_flight())
}

/// An error after which servers close.
fn fatal(scene: Scene<'_>) -> Option<Explanation> {
    let case = scene.case;
    let error = case.end.fatal_error?;
    let reason = match error {
        ErrorCode::AUTH_FAILED | ErrorCode::SASL_REQUIRED => EndReason::AuthFailed,
        _ if dialect::is_keepers(scene, error) => return Some(dialect::keeper_stops(error)),
        ErrorCode::SESSION_EXPIRED => EndReason::SessionExpired,
        // The server did not close at it, so the error was not fatal after all.
        _ if matches!(case.end.closer, Closer::Client(_)) => return None,
        _ => EndReason::Unknown,
    };
    Some(Explanation::certain(reason, [ServerFact::FatalReply { error }]))
}

/// Who says that the server was serving, as a fact.
fn testimony(outcome: BurstOutcome) -> Option<Fact> {
    Some(match outcome.said_by {
        Testimony::Others(connections) => EnsembleFact::OthersStand { connections }.into(),
        Testimony::Seen(after) => EnsembleFact::Serves { after }.into(),
        Testimony::Stood(after) => EnsembleFact::StoodThrough { after, closed: outcome.ended }.into(),
        Testimony::Nobody => return None,
    })
}

/// What came back to a claim.
fn answer_to(other: &Attachment) -> ClaimAnswer {
    match other.claim.outcome {
        Outcome::Accepted { .. } => ClaimAnswer::Given,
        Outcome::Refused { .. } => ClaimAnswer::Refused,
        Outcome::Unanswered => ClaimAnswer::None,
    }
}
