//! What ClickHouse's clients and servers do otherwise: versions of the protocol, operations that are waited for no
//! longer, and the errors of a Keeper that has no quorum.

use std::time::Duration;

use super::{RuleInput, client};
use crate::session::client_profile::ClientProfile;
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::fact::{ClientFact, Fact, ServerFact};
use crate::session::ledger::session_record::SessionRecord;
use crate::session::verdict::{Confidence, EndReason, Explanation};
use crate::wire::handshake::HandshakeRefusal;
use crate::wire::{Dialect, ErrorCode, OpCode};

/// How long an operation has been unanswered at least when that is why its client ends the session: 10 s before 26.9,
/// 30 s since. One that was only just sent is left behind by a client that is stopped.
const OPERATION_PATIENCE: Duration = Duration::from_secs(5);

/// What the handshake shows by itself.
pub(super) fn at_once(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    // The refusal is in words, so it stands whatever came before or after it.
    if close.speech.refusal == Some(HandshakeRefusal::NotServing) {
        return Some(Explanation::certain(EndReason::NotServing, [ServerFact::RefusesToServe {}]));
    }
    let ended_by_client = matches!(close.end.closer, ConnectionCloser::Client(_)) && !close.end.closing;
    // A server that ignores a version answers in its own; the client then reads nonsense and hangs up. So a client
    // that closed on its own initiative right after such an answer counts as turned away too.
    (close.speech.is_unknown() && (close.speech.refusal.is_some() || ended_by_client))
        .then(|| Explanation::likely(EndReason::UnknownVersion, [unknown_version(close.speech.asked, true)]))
}

fn unknown_version(asked: Dialect, answered: bool) -> ClientFact {
    let Dialect { version, wide_xids, compressed, traced, .. } = asked;
    ClientFact::UnknownVersion { version, answered, wide_xids, compressed, traced }
}

/// A server that serves others has closed a claim of ClickHouse's unanswered.
pub(super) fn turned_away(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    let asked = close.speech.asked;
    (asked.is_clickhouse() && close.end.closer == ConnectionCloser::Server(CloseKind::Fin))
        .then(|| Explanation::likely(EndReason::UnknownVersion, [unknown_version(asked, false)]))
}

/// What is seen of nearly every session that its client closes.
const ASKED_TO_CLOSE: &[Fact] = &[Fact::Client(ClientFact::AskedToClose { over: false })];

/// The client asked to close its session. One that awaits no answer to that may do so because it got none before.
pub(super) fn closed(input: RuleInput<'_>) -> Explanation {
    let close = input.close;
    if let Some(error) = close.end.fatal_error.filter(|error| is_keepers(input, *error)) {
        return keeper_stops(error).with(ClientFact::AskedToClose { over: false });
    }
    // A server answers in order: a ping behind a request that waits says nothing of its own. One in front of it does; which
    // came first of two that came at once is not known.
    let ping_waits = match (close.end.oldest_ping_at, close.head()) {
        (Some(ping_at), Some(head)) => ping_at < head.sent_at,
        (ping_at, _) => ping_at.is_some(),
    };
    // ClickHouse's client ends its session where others end their connection.
    if (close.end.unanswered_count == 0 || ping_waits)
        && input.profile() == ClientProfile::ClickHouse
        && let Some(explanation) = client::gave_up(input)
    {
        return explanation;
    }
    // ZooKeeper's clients wait for the answer to their close, ClickHouse's do not: what is unanswered differs by
    // that.
    let awaits_close = close.end.unanswered.iter().any(|request| request.op == OpCode::CLOSE_SESSION);
    let all_shown = close.end.unanswered_count as usize == close.end.unanswered.len();
    let Some(head) = close.head().filter(|_| all_shown && !awaits_close) else {
        return Explanation::as_ever(EndReason::Closed, Confidence::Certain, ASKED_TO_CLOSE);
    };
    let waited = close.ended_at.since(head.sent_at);
    // A client that stops closes with requests in flight as well. Only a request that waited for as long as its
    // timeout shows that it was the reason.
    let gave_up = waited >= OPERATION_PATIENCE;
    let facts = [Fact::from(ClientFact::ClosedUnanswered { waited, gave_up }), input.in_flight()];
    if gave_up && ping_waits {
        // Neither was answered: the server was silent, not slow at one operation.
        return Explanation::likely(EndReason::ClientReadTimeout, facts);
    }
    if gave_up {
        return Explanation::likely(EndReason::OperationTimeout, facts);
    }
    Explanation::certain(EndReason::Closed, facts)
}

/// The server answered as a Keeper does that is stopping or has no quorum.
pub(super) fn keeper_stops(error: ErrorCode) -> Explanation {
    Explanation::likely(EndReason::ServerLeaving, [ServerFact::KeeperStops { error }])
}

/// Whether only a Keeper that stops or has no quorum answers so. Where sessions are ZooKeeper's, one that is expired
/// is.
pub(super) fn is_keepers(input: RuleInput<'_>, error: ErrorCode) -> bool {
    match error {
        ErrorCode::CONNECTION_LOSS | ErrorCode::OPERATION_TIMEOUT | ErrorCode::OUT_OF_MEMORY => true,
        ErrorCode::SESSION_EXPIRED => input.session.is_some_and(SessionRecord::has_own_id),
        _ => false,
    }
}
