//! `/api/sessions/ID`: one session with everything that happened to it.

use serde::Serialize;

use super::ServerView;
use super::fact::FactView;
use super::moves::{MoveView, RefusalView};
use super::request::RequestView;
use super::sessions::SessionView;
use crate::admin::time_field::TimeField;
use crate::ids::SessionId;
use crate::observe::{HistogramSnapshot, LatencyClass, Observatory, PENDING, SessionTimeline};
use crate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};
use crate::session::ledger::{Attachment, AttachmentEnd, ClaimOutcome};
use crate::time::Timestamp;

/// One session.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct SessionDetail {
    #[serde(flatten)]
    session: SessionView,
    /// The first unanswered requests of the connection that ended last with any.
    last_unanswered: Vec<RequestView>,
    /// In order of time.
    timeline: Vec<TimelineEvent>,
    /// Older claims that are no longer remembered.
    forgotten: u32,
    latency: LatencyFields,
}

/// One thing that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum TimelineEvent {
    /// A server was asked for the session.
    Attach(AttachView),
    /// A connection ended.
    End(EndView),
    /// The session came to another server.
    Move(MoveView),
    /// A server refused it because it had moved.
    SessionMoved(RefusalView),
}

#[derive(Debug, Serialize)]
struct AttachView {
    #[serde(flatten)]
    at: TimeField,
    connection: u64,
    client: String,
    #[serde(flatten)]
    server: ServerView,
    routed: &'static str,
    /// `accepted`, `refused` or `unanswered`.
    outcome: &'static str,
    requested_timeout_ms: i32,
    timeout_ms: Option<i32>,
    #[serde(flatten)]
    attached_at: TimeField,
}

#[derive(Debug, Serialize)]
struct EndView {
    #[serde(flatten)]
    at: TimeField,
    connection: u64,
    #[serde(flatten)]
    server: ServerView,
    /// `pending` while it is not decided.
    reason: &'static str,
    why: Option<String>,
    /// How sure the reason is.
    confidence: Option<&'static str>,
    /// The evidence in values.
    facts: Vec<FactView>,
    /// Who ended it and how: `client_fin`, `server_reset`, `proxy_shutdown` and so on.
    closer: &'static str,
    unanswered: u32,
}

#[derive(Debug, Serialize)]
struct LatencyFields {
    read: LatencyView,
    write: LatencyView,
    ping: LatencyView,
}

/// Latencies of one class in microseconds; null when there were none.
#[derive(Debug, Serialize)]
struct LatencyView {
    count: u64,
    mean_us: Option<f64>,
    p50_us: Option<f64>,
    p90_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
    max_us: Option<f64>,
}

impl LatencyView {
    fn new(all: &HistogramSnapshot) -> Self {
        let count = all.count();
        let some = |nanos: u64| (count > 0).then(|| nanos as f64 / 1_000.0);
        Self {
            count,
            mean_us: some(all.sum() / count.max(1)),
            p50_us: some(all.quantile(0.5)),
            p90_us: some(all.quantile(0.9)),
            p99_us: some(all.quantile(0.99)),
            p999_us: some(all.quantile(0.999)),
            max_us: some(all.max()),
        }
    }
}

/// Everything about a session; None when it is not known.
pub(in crate::admin) fn session_detail(observatory: &Observatory, session: SessionId) -> Option<SessionDetail> {
    let session_detail = observatory.session_story(session)?;
    let meters = observatory.meters().session(session).unwrap_or_default();
    let latency = |class: LatencyClass| LatencyView::new(&meters.latency[class as usize]);
    let wall_clock = observatory.wall_clock();
    Some(SessionDetail {
        session: SessionView::new(observatory, &session_detail.row, &meters.reading),
        last_unanswered: session_detail
            .record
            .last_unanswered()
            .iter()
            .map(|one| RequestView::new(&wall_clock, one))
            .collect(),
        timeline: timeline(observatory, &session_detail),
        forgotten: session_detail.record.forgotten(),
        latency: LatencyFields {
            read: latency(LatencyClass::Read),
            write: latency(LatencyClass::Write),
            ping: latency(LatencyClass::Ping),
        },
    })
}

fn timeline(observatory: &Observatory, session_detail: &SessionTimeline) -> Vec<TimelineEvent> {
    let mut happened: Vec<(Timestamp, TimelineEvent)> = Vec::new();
    for attachment in session_detail.record.attachments() {
        happened.push((attachment.claim.claimed_at, TimelineEvent::Attach(attach(observatory, attachment))));
    }
    for one in &session_detail.moves {
        happened.push((one.at, TimelineEvent::Move(MoveView::new(observatory, one))));
    }
    for verdict in &session_detail.verdicts {
        happened.push((verdict.at, TimelineEvent::SessionMoved(RefusalView::new(observatory, verdict))));
    }
    for attachment in session_detail.record.attachments() {
        if let Some(end) = &attachment.end {
            happened.push((end.at, TimelineEvent::End(ended(observatory, session_detail, attachment, end))));
        }
    }
    happened.sort_by_key(|(at, _)| *at);
    happened.into_iter().map(|(_, happening)| happening).collect()
}

fn attach(observatory: &Observatory, attachment: &Attachment) -> AttachView {
    let claim = &attachment.claim;
    AttachView {
        at: TimeField::at(&observatory.wall_clock(), claim.claimed_at),
        connection: attachment.connection.0,
        client: claim.client.to_string(),
        server: ServerView::new(observatory, claim.server),
        routed: claim.routed.label(),
        outcome: match claim.outcome {
            ClaimOutcome::Unanswered => "unanswered",
            ClaimOutcome::Accepted { .. } => "accepted",
            ClaimOutcome::Refused { .. } => "refused",
        },
        requested_timeout_ms: claim.requested_ms,
        timeout_ms: claim.negotiated_ms(),
        attached_at: TimeField::attached_at(&observatory.wall_clock(), claim.attached_at()),
    }
}

fn ended(
    observatory: &Observatory,
    session_detail: &SessionTimeline,
    attachment: &Attachment,
    end: &AttachmentEnd,
) -> EndView {
    let decided = session_detail.ended.iter().find(|one| one.connection == attachment.connection);
    EndView {
        at: TimeField::at(&observatory.wall_clock(), end.at),
        connection: attachment.connection.0,
        server: ServerView::new(observatory, attachment.claim.server),
        reason: end.reason.map_or(PENDING, |reason| reason.label()),
        why: decided.map(|one| observatory.wording(one.server, one.ended_at).sentence(&one.facts)),
        confidence: decided.map(|one| one.confidence.label()),
        facts: decided.map_or_else(Vec::new, |one| FactView::all(observatory, &one.facts, one.ended_at)),
        closer: closer(end.closer),
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
