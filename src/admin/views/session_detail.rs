//! `/api/sessions/ID`: one session with everything that happened to it.

use super::fact::facts;
use super::moment::moment;
use super::moves::{refusal, session_move};
use super::request::request;
use super::{ensemble, named_server, risks, sessions};
use crate::api::{
    AttachView, ClientPathView, EndView, HeartbeatView, LatencyByClass, LatencyView, SessionDetail, TimelineEvent,
};
use crate::diagnose::ClientLeg;
use crate::diagnose::risk::HeartbeatBudget;
use crate::ids::SessionId;
use crate::observe::{HistogramSnapshot, LatencyClass, ProxyTelemetry};
use crate::session::client_profile::profile_of;
use crate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};
use crate::session::ledger::{Attachment, AttachmentEnd, ClaimOutcome};
use crate::state::{PENDING, SessionTimeline};
use crate::time::Timestamp;

fn latencies(all: &HistogramSnapshot) -> LatencyView {
    let count = all.count();
    let some = |nanos: u64| (count > 0).then(|| nanos as f64 / 1_000.0);
    LatencyView {
        count,
        mean_us: some(all.sum() / count.max(1)),
        p50_us: some(all.quantile(0.5)),
        p90_us: some(all.quantile(0.9)),
        p99_us: some(all.quantile(0.99)),
        p999_us: some(all.quantile(0.999)),
        max_us: some(all.max()),
    }
}

/// Everything about a session; None when it is not known.
pub(in crate::admin) fn session_detail(telemetry: &ProxyTelemetry, session: SessionId) -> Option<SessionDetail> {
    let session_detail = telemetry.state().session_story(session)?;
    let meters = telemetry.meters().session(session).unwrap_or_default();
    let latency = |class: LatencyClass| latencies(&meters.latency[class as usize]);
    let wall_clock = telemetry.wall_clock();
    Some(SessionDetail {
        session: sessions::session(telemetry, &session_detail.row, &meters),
        last_unanswered: session_detail.record.last_unanswered().iter().map(|one| request(&wall_clock, one)).collect(),
        timeline: timeline(telemetry, &session_detail),
        forgotten: session_detail.record.forgotten(),
        latency: LatencyByClass {
            read: latency(LatencyClass::Read),
            write: latency(LatencyClass::Write),
            ping: latency(LatencyClass::Ping),
        },
        heartbeat: current_heartbeat(telemetry, &session_detail),
        client_path: client_path(telemetry, &session_detail),
        server_path: session_detail.row.server.and_then(|server| {
            let known = telemetry.state().with_watch(|watch| watch.server(server).path());
            known.map(|(_, sample)| ensemble::path(sample))
        }),
        timeout_advice: session_detail.row.timeout_ms.map(|timeout_ms| {
            risks::timeout_advice(telemetry, session, profile_of(session_detail.row.client_sign), timeout_ms)
        }),
    })
}

/// The way to the session's client, where it was looked at lately.
fn client_path(telemetry: &ProxyTelemetry, detail: &SessionTimeline) -> Option<ClientPathView> {
    let client = detail.row.client?;
    let now = telemetry.state().risks_looked_at();
    let ClientLeg { rtt, retransmissions, unacked } =
        telemetry.state().with_diagnosis(|diagnosis| diagnosis.client_legs.of(now, client))?;
    Some(ClientPathView { rtt_ms: rtt.as_micros() as f64 / 1_000.0, retransmissions, unacked })
}

/// How long both sides of the session's connection have been silent.
fn current_heartbeat(telemetry: &ProxyTelemetry, detail: &SessionTimeline) -> Option<HeartbeatView> {
    let place = detail.record.placement().filter(|place| place.live)?;
    let sample = telemetry.meters().heartbeat(detail.row.session, place.connection)?;
    let budget = HeartbeatBudget::of(&sample, telemetry.state().risks_looked_at(), |_| std::time::Duration::ZERO);
    Some(risks::heartbeat(&budget.of_client(profile_of(detail.row.client_sign))))
}

fn timeline(telemetry: &ProxyTelemetry, session_detail: &SessionTimeline) -> Vec<TimelineEvent> {
    let mut happened: Vec<(Timestamp, TimelineEvent)> = Vec::new();
    for attachment in session_detail.record.attachments() {
        happened.push((attachment.claim.claimed_at, TimelineEvent::Attach(attach(telemetry, attachment))));
    }
    for one in &session_detail.moves {
        let end = session_detail.ended.iter().find(|ended| ended.connection == one.left);
        happened.push((one.at, TimelineEvent::Move(session_move(telemetry, one, end))));
    }
    for verdict in &session_detail.verdicts {
        happened.push((verdict.at, TimelineEvent::SessionMoved(refusal(telemetry, verdict))));
    }
    for attachment in session_detail.record.attachments() {
        if let Some(end) = &attachment.end {
            happened.push((end.at, TimelineEvent::End(ended(telemetry, session_detail, attachment, end))));
        }
    }
    happened.sort_by_key(|(at, _)| *at);
    happened.into_iter().map(|(_, happening)| happening).collect()
}

fn attach(telemetry: &ProxyTelemetry, attachment: &Attachment) -> AttachView {
    let claim = &attachment.claim;
    AttachView {
        at: moment(&telemetry.wall_clock(), claim.claimed_at),
        connection: attachment.connection.0,
        client: claim.client.to_string(),
        server: named_server(telemetry, claim.server),
        routed: claim.routed.label().into(),
        outcome: match claim.outcome {
            ClaimOutcome::Unanswered => "unanswered",
            ClaimOutcome::Accepted { .. } => "accepted",
            ClaimOutcome::Refused { .. } => "refused",
        }
        .into(),
        requested_timeout_ms: claim.requested_ms,
        timeout_ms: claim.negotiated_ms(),
        attached_at: moment(&telemetry.wall_clock(), claim.attached_at()),
    }
}

fn ended(
    telemetry: &ProxyTelemetry,
    session_detail: &SessionTimeline,
    attachment: &Attachment,
    end: &AttachmentEnd,
) -> EndView {
    let decided = session_detail.ended.iter().find(|one| one.connection == attachment.connection);
    EndView {
        at: moment(&telemetry.wall_clock(), end.at),
        connection: attachment.connection.0,
        server: named_server(telemetry, attachment.claim.server),
        reason: end.reason.map_or(PENDING, |reason| reason.label()).into(),
        why: decided.map(|one| telemetry.wording(one.server, one.ended_at).sentence(&one.facts)),
        confidence: decided.map(|one| one.confidence.label().into()),
        facts: decided.map_or_else(Vec::new, |one| facts(telemetry, &one.facts, one.ended_at)),
        closer: closer(end.closer).into(),
        unanswered: end.unanswered,
    }
}

fn closer(closer: ConnectionCloser) -> &'static str {
    match closer {
        ConnectionCloser::Client(CloseKind::Fin) => "client_fin",
        ConnectionCloser::Client(CloseKind::Reset) => "client_reset",
        ConnectionCloser::Client(CloseKind::Timeout) => "client_timeout",
        ConnectionCloser::Server(CloseKind::Fin) => "server_fin",
        ConnectionCloser::Server(CloseKind::Reset) => "server_reset",
        ConnectionCloser::Server(CloseKind::Timeout) => "server_timeout",
        ConnectionCloser::Proxy(ProxyClose::Shutdown) => "proxy_shutdown",
        ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline) => "proxy_handshake_deadline",
        ConnectionCloser::Proxy(ProxyClose::LateClaim) => "proxy_late_claim",
        ConnectionCloser::Proxy(ProxyClose::Superseded) => "proxy_superseded",
        ConnectionCloser::Proxy(ProxyClose::Operator(_)) => "proxy_operator",
        ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer) => "proxy_unresponsive_server",
    }
}
