//! What ClickHouse's clients and servers do otherwise: versions of the protocol, operations that are waited for no
//! longer, and the errors of a Keeper that has no quorum.

use std::time::Duration;

use super::{Ruling, Scene, sentence};
use crate::session::ending::{Closer, How};
use crate::session::ledger::record::SessionRecord;
use crate::session::verdict::EndReason;
use crate::wire::handshake::Refusal;
use crate::wire::{Dialect, ErrorCode, OpCode};

/// How long an operation has been unanswered at least when that is why its client ends the session: 10 s before 26.9,
/// 30 s since. One that was only just sent is left behind by a client that is stopped.
const OPERATION_PATIENCE: Duration = Duration::from_secs(5);

/// What a Keeper's own errors say.
pub(super) const KEEPER_STOPS: &str = "its Keeper is stopping, or has no quorum";

/// What the handshake shows by itself.
pub(super) fn at_once(scene: Scene<'_>) -> Option<Ruling> {
    let (case, server) = (scene.case, scene.server());
    if case.speech.refusal == Some(Refusal::NotServing) {
        let why = format!("server {server} answered the claim with version 42: it serves nobody, for want of a leader");
        return Some(Ruling::of(EndReason::NotServing, why));
    }
    let ended_by_client = matches!(case.end.closer, Closer::Client(_)) && !case.end.closing;
    (case.speech.is_unknown() && (case.speech.refusal.is_some() || ended_by_client)).then(|| {
        let Dialect { version, .. } = case.speech.asked;
        let why = format!(
            "server {server} answered version 0 to a client that asked for version {version}: switch off {} in \
             ClickHouse's <zookeeper> section",
            switches(case.speech.asked)
        );
        Ruling::of(EndReason::UnknownVersion, why)
    })
}

/// The settings of ClickHouse's client that ask for this.
fn switches(asked: Dialect) -> String {
    let all = [
        (asked.wide_xids, "use_xid_64"),
        (asked.compressed, "use_compression"),
        (asked.traced, "pass_opentelemetry_tracing_context"),
    ];
    all.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect::<Vec<_>>().join(" and ")
}

/// A server that serves others has closed a claim of ClickHouse's unanswered.
pub(super) fn turned_away(scene: Scene<'_>) -> Option<Ruling> {
    let case = scene.case;
    let asked = case.speech.asked;
    (asked.is_clickhouse() && case.end.closer == Closer::Server(How::Fin)).then(|| {
        let why = format!(
            "server {} closed the claim of version {} unanswered: it does not speak that version (of a Keeper \
             coordination_settings.use_xid_64), or the password in the client's configuration is wrong; without {} the \
             version is 0",
            scene.server(),
            asked.version,
            switches(asked)
        );
        Ruling::of(EndReason::UnknownVersion, why)
    })
}

/// The client asked to close its session. One that awaits no answer to that may do so because it got none before.
pub(super) fn closed(scene: Scene<'_>) -> Ruling {
    let case = scene.case;
    if let Some(error) = case.end.fatal_error.filter(|error| is_keepers(scene, *error)) {
        let why =
            format!("the client closed its session as server {} answered {error}: {KEEPER_STOPS}", scene.server());
        return Ruling::of(EndReason::ServerLeaving, why);
    }
    let awaits_close = case.end.unanswered.iter().any(|request| request.op == OpCode::CLOSE_SESSION);
    let all_shown = case.end.unanswered_count as usize == case.end.unanswered.len();
    let Some(head) = case.head().filter(|_| all_shown && !awaits_close) else {
        return Ruling::of(EndReason::Closed, "the client had asked to close its session");
    };
    let waited = case.ended_at.since(head.sent_at);
    let unanswered = sentence::in_flight(case);
    if waited >= OPERATION_PATIENCE {
        let why = format!("the client gave up and closed its session: {unanswered}");
        return Ruling::of(EndReason::OperationTimeout, why);
    }
    Ruling::of(EndReason::Closed, format!("the client closed its session while {unanswered}"))
}

/// Whether only a Keeper that stops or has no quorum answers so. Where sessions are ZooKeeper's, one that is expired is.
pub(super) fn is_keepers(scene: Scene<'_>, error: ErrorCode) -> bool {
    match error {
        ErrorCode::CONNECTION_LOSS | ErrorCode::OPERATION_TIMEOUT | ErrorCode::OUT_OF_MEMORY => true,
        ErrorCode::SESSION_EXPIRED => scene.session.is_some_and(SessionRecord::has_own_id),
        _ => false,
    }
}
