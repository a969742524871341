//! The rules by which a connection's end gets its reason, one file for each kind of end.
//!
//! They look at the close, at the history of its session and at the servers, and change nothing. What they find they
//! return as values. The order in which they are asked is the order of their strength: what a connection shows by
//! itself, what another connection of the same session explains, what befell the whole server, what the session's next
//! attach shows.

mod client;
mod dialect;
mod handshake;
mod moved;
mod oversized;
mod pause;
mod server;
mod spans;

use std::time::Duration;

use super::attachment::{Attachment, Claim, ClaimOutcome, ClaimRefusal};
use super::burst_cause::{BurstOutcome, StillServing};
use super::ensemble_state::{EnsembleState, ServerRecord};
use super::session_record::SessionRecord;
use super::unexplained_close::UnexplainedClose;
use crate::session::client_profile::{ClientProfile, ClientSign, profile_of};
use crate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};
use crate::session::fact::{ClaimAnswer, ClaimFact, EndOffset, EnsembleFact, Fact, ProxyFact, ServerFact};
use crate::session::own_pause::OwnPauseLog;
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::session::verdict::{EndReason, Explanation};
use crate::time::Timestamp;
use crate::wire::handshake::PasswordCheck;
use crate::wire::{ErrorCode, OpCode};

pub(super) use handshake::{after_probe, pushed_aside_unanswered};
pub(super) use moved::{refused_in_words, rival_servers};
pub(super) use server::{after_burst, after_return, explained_by_sibling, has_own_reason, without_return};

/// What the rules may look at.
#[derive(Clone, Copy)]
pub(super) struct RuleInput<'a> {
    pub(super) close: &'a UnexplainedClose,
    /// None when the session is not known, or was forgotten.
    pub(super) session: Option<&'a SessionRecord>,
    pub(super) ensemble: &'a EnsembleState,
    pub(super) own_pauses: &'a OwnPauseLog,
}

impl<'a> RuleInput<'a> {
    /// How long nothing was heard until the end, the time left out in which zoogate itself stood still.
    pub(in crate::session::ledger) fn silence(&self, heard_at: Timestamp) -> Duration {
        let ended_at = self.close.ended_at;
        ended_at.since(heard_at).saturating_sub(self.own_pauses.within(heard_at, ended_at))
    }

    /// What the client library was recognised by; one of a session that is not remembered, on this connection.
    pub(in crate::session::ledger) fn client_sign(&self) -> Option<ClientSign> {
        self.session.and_then(SessionRecord::client_sign).or(self.close.end.client_sign)
    }

    /// Which client library it is.
    fn profile(&self) -> ClientProfile {
        profile_of(self.client_sign())
    }

    /// What is known of the close's server.
    fn view(&self) -> Option<&'a ServerRecord> {
        self.ensemble.get(self.close.claim.server)
    }

    /// The server's role, as it last reported it.
    fn role(&self) -> ServerRole {
        self.view().map_or(ServerRole::Unknown, ServerRecord::role)
    }

    /// A moment, seen from the end.
    fn offset(&self, moment: Timestamp) -> EndOffset {
        EndOffset::of(moment, self.close.ended_at)
    }

    /// Whether the close's server is one of several behind one name.
    fn is_many(&self) -> bool {
        self.view().is_some_and(|view| view.many)
    }

    /// What was in flight at the end.
    fn in_flight(&self) -> Fact {
        let end = &self.close.end;
        let request = self.close.head().cloned();
        ServerFact::InFlight { request, requests: end.unanswered_count, pings: end.unanswered_pings }.into()
    }
}

/// Whether a claim shows that the session is over: a server refused it, and not for want of the right password.
fn says_over(claim: &Claim) -> bool {
    let over = matches!(claim.outcome, ClaimOutcome::Refused { refusal: ClaimRefusal::SessionOver, .. });
    over && claim.password.may_be_right()
}

/// The reason of an end that needs no more evidence.
pub(super) fn at_once(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    // Asked first: a peer that speaks another version explains everything that follows from not being understood.
    if let Some(explanation) = dialect::at_once(input) {
        return Some(explanation);
    }
    // A refusal in words comes before who closed: after it either side may close, and it makes no difference.
    if let ClaimOutcome::Refused { refusal, .. } = close.claim.outcome {
        return Some(refused(input, refusal));
    }
    match close.end.closer {
        ConnectionCloser::Proxy(ProxyClose::Shutdown) => {
            return Some(Explanation::certain(EndReason::ProxyShutdown, [ProxyFact::Stopping {}]));
        }
        ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline) => return Some(handshake::given_up(input)),
        ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer) => return Some(left_unresponsive(input)),
        ConnectionCloser::Proxy(ProxyClose::LateClaim) => return Some(moved::late_claim(input)),
        ConnectionCloser::Proxy(ProxyClose::Superseded) => {
            return Some(Explanation::certain(EndReason::Superseded, [ProxyFact::Superseded {}]));
        }
        ConnectionCloser::Proxy(ProxyClose::Operator(point)) => {
            let facts = [ProxyFact::Disconnected { point }.into(), input.in_flight()];
            return Some(Explanation::certain::<Fact>(EndReason::DisconnectedByOperator, facts));
        }
        // What the proxy did it knows. The two peers' ends need evidence.
        ConnectionCloser::Client(_) | ConnectionCloser::Server(_) => {}
    }
    // Without a session neither timeouts nor moves apply: claims have rules of their own.
    if close.attached_at().is_none() {
        return handshake::at_once(input);
    }
    // A close that was asked for explains the end, unless the server closed at an earlier request: then it never came
    // to the close.
    if close.end.closing && !refused_before_close(close) {
        return Some(dialect::closed(input));
    }
    // The server said why in its last reply. What it says outranks what can be inferred.
    if let Some(explanation) = fatal(input) {
        return Some(explanation);
    }
    match close.end.closer {
        // A client's end is always decided at once: nothing that comes later can change what the client did.
        ConnectionCloser::Client(how) => Some(client::gone(input, how)),
        ConnectionCloser::Server(CloseKind::Timeout) => {
            Some(Explanation::likely(EndReason::ServerGone, [ServerFact::PathTimedOut { claim: false }]))
        }
        _ => server::at_once(input),
    }
}

/// Whether the server ended the connection at a request in front of the one that closes the session.
fn refused_before_close(close: &UnexplainedClose) -> bool {
    let close_request = close.end.unanswered.iter().position(|request| request.op == OpCode::CLOSE_SESSION);
    let behind = close_request.map_or(close.end.skipped > 0, |place| place > 0);
    behind && matches!(close.end.closer, ConnectionCloser::Server(CloseKind::Fin))
}

/// A claim that was answered with a refusal.
fn refused(input: RuleInput<'_>, refusal: ClaimRefusal) -> Explanation {
    let password = input.close.claim.password;
    let refused = ClaimFact::Refused { password };
    match (refusal, password) {
        (ClaimRefusal::NotServing, _) => {
            let waited = input.close.ended_at.since(input.close.claim.claimed_at);
            Explanation::certain(
                EndReason::NotServing,
                [ClaimFact::ServerSeen { waited, health: ServerHealth::NotServing }],
            )
        }
        // It has the sessions that it made itself, and no other.
        (ClaimRefusal::ReadOnly, PasswordCheck::Right | PasswordCheck::Wrong | PasswordCheck::Unjudged) => {
            let accepted = input.close.read_only == Some(true);
            Explanation::likely(EndReason::NotServing, [refused, ClaimFact::ReadOnlyServer { accepted }])
        }
        // Session over and wrong password look alike on the wire. Where the servers make their own passwords, nobody
        // but them can tell which it was.
        (ClaimRefusal::SessionOver, PasswordCheck::Unjudged) => {
            Explanation::likely(EndReason::SessionExpired, [refused, ClaimFact::OwnPasswords {}])
        }
        (ClaimRefusal::SessionOver, PasswordCheck::Wrong) => Explanation::certain(EndReason::WrongPassword, [refused]),
        (ClaimRefusal::SessionOver, PasswordCheck::Right) => over_at_claim(input, refused),
        // A new session cannot be over. That it was refused all the same is not understood.
        (_, PasswordCheck::NotNeeded) => Explanation::weak(EndReason::Unknown, [refused]),
    }
}

/// The session was over when it was claimed with the right password.
fn over_at_claim(input: RuleInput<'_>, refused: ClaimFact) -> Explanation {
    let mut explanation = Explanation::certain(EndReason::SessionExpired, [refused]);
    if let Some(at) = input.session.and_then(SessionRecord::closed_at) {
        explanation = explanation.with(ClaimFact::ClosedBefore { at: input.offset(at) });
    }
    // A session that a server calls over while another still carries it hints at servers that disagree.
    let mut others = input.session.into_iter().flat_map(SessionRecord::attachments);
    if let Some(other) = others.find(|other| other.is_attached()) {
        let (connection, server) = (other.connection, other.claim.server);
        explanation = explanation.with(ClaimFact::StillCarried { connection, server });
    }
    explanation
}

/// A server that accepted connections and no longer answered.
fn left_unresponsive(input: RuleInput<'_>) -> Explanation {
    let silence = input.silence(input.close.end.server_heard_at);
    let health =
        input.view().and_then(|view| view.last).map_or(ServerHealth::Unknown, |probe| probe.probe_result.health);
    Explanation::likely(EndReason::ServerUnresponsive, [ProxyFact::GaveUpServer { silence, health }])
        .with(input.in_flight())
}

/// An error after which servers close.
fn fatal(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    let error = close.end.fatal_error?;
    let reason = match error {
        ErrorCode::AUTH_FAILED | ErrorCode::SASL_REQUIRED => EndReason::AuthFailed,
        _ if dialect::is_keepers(input, error) => return Some(dialect::keeper_stops(error)),
        ErrorCode::SESSION_EXPIRED => EndReason::SessionExpired,
        // The server did not close at it, so the error was not fatal after all.
        _ if matches!(close.end.closer, ConnectionCloser::Client(_)) => return None,
        _ => EndReason::Unknown,
    };
    Some(Explanation::certain(reason, [ServerFact::FatalReply { error }]))
}

/// Who says that the server was serving, as a fact.
fn still_serving_fact(outcome: BurstOutcome) -> Option<Fact> {
    Some(match outcome.shown_by {
        StillServing::Others(connections) => EnsembleFact::OthersStand { connections }.into(),
        StillServing::Seen(after) => EnsembleFact::Serves { after }.into(),
        StillServing::Stood(after) => EnsembleFact::StoodThrough { after, closed: outcome.ended }.into(),
        StillServing::Nobody => return None,
    })
}

/// What came back to a claim.
fn answer_to(other: &Attachment) -> ClaimAnswer {
    match other.claim.outcome {
        ClaimOutcome::Accepted { .. } => ClaimAnswer::Given,
        ClaimOutcome::Refused { .. } => ClaimAnswer::Refused,
        ClaimOutcome::Unanswered => ClaimAnswer::None,
    }
}
