//! `/api/sessions/ID`: one session with everything that happened to it.

use serde::Serialize;

use super::ServerView;
use super::fact::FactView;
use super::moves::{MoveView, VerdictView};
use super::request::RequestView;
use super::sessions::SessionView;
use crate::admin::moment::Moment;
use crate::ids::SessionId;
use crate::observe::{Distribution, LatencyClass, Observatory, PENDING, SessionStory};
use crate::session::ending::{Closer, How, ProxyClose};
use crate::session::ledger::{Attachment, AttachmentEnd, Outcome};
use crate::time::Timestamp;

/// One session.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct Story {
    #[serde(flatten)]
    session: SessionView,
    /// The first unanswered requests of the connection that ended last with any.
    last_unanswered: Vec<RequestView>,
    /// In order of time.
    timeline: Vec<Happening>,
    /// Older claims that are no longer remembered.
    forgotten: u32,
    latency: Latencies,
}

/// One thing that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Happening {
    /// A server was asked for the session.
    Attach(AttachView),
    /// A connection ended.
    End(EndView),
    /// The session came to another server.
    Move(MoveView),
    /// A server refused it because it had moved.
    SessionMoved(VerdictView),
}

#[derive(Debug, Serialize)]
struct AttachView {
    #[serde(flatten)]
    at: Moment,
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
    attached_at: Moment,
}

#[derive(Debug, Serialize)]
struct EndView {
    #[serde(flatten)]
    at: Moment,
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
struct Latencies {
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
    fn new(all: &Distribution) -> Self {
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
pub(in crate::admin) fn story(observatory: &Observatory, session: SessionId) -> Option<Story> {
    let story = observatory.session_story(session)?;
    let meters = observatory.meters().session(session).unwrap_or_default();
    let latency = |class: LatencyClass| LatencyView::new(&meters.latency[class as usize]);
    let calendar = observatory.calendar();
    Some(Story {
        session: SessionView::new(observatory, &story.row, &meters.reading),
        last_unanswered: story.record.last_unanswered().iter().map(|one| RequestView::new(&calendar, one)).collect(),
        timeline: timeline(observatory, &story),
        forgotten: story.record.forgotten(),
        latency: Latencies {
            read: latency(LatencyClass::Read),
            write: latency(LatencyClass::Write),
            ping: latency(LatencyClass::Ping),
        },
    })
}

fn timeline(observatory: &Observatory, story: &SessionStory) -> Vec<Happening> {
    let mut happened: Vec<(Timestamp, Happening)> = Vec::new();
    for attachment in story.record.attachments() {
        happened.push((attachment.claim.claimed_at, Happening::Attach(attach(observatory, attachment))));
    }
    for one in &story.moves {
        happened.push((one.at, Happening::Move(MoveView::new(observatory, one))));
    }
    for verdict in &story.verdicts {
        happened.push((verdict.at, Happening::SessionMoved(VerdictView::new(observatory, verdict))));
    }
    for attachment in story.record.attachments() {
        if let Some(end) = &attachment.end {
            happened.push((end.at, Happening::End(ended(observatory, story, attachment, end))));
        }
    }
    happened.sort_by_key(|(at, _)| *at);
    happened.into_iter().map(|(_, happening)| happening).collect()
}

fn attach(observatory: &Observatory, attachment: &Attachment) -> AttachView {
    let claim = &attachment.claim;
    AttachView {
        at: Moment::at(&observatory.calendar(), claim.claimed_at),
        connection: attachment.connection.0,
        client: claim.client.to_string(),
        server: ServerView::new(observatory, claim.server),
        routed: claim.routed.label(),
        outcome: match claim.outcome {
            Outcome::Unanswered => "unanswered",
            Outcome::Accepted { .. } => "accepted",
            Outcome::Refused { .. } => "refused",
        },
        requested_timeout_ms: claim.requested_ms,
        timeout_ms: claim.negotiated_ms(),
        attached_at: Moment::attached_at(&observatory.calendar(), claim.attached_at()),
    }
}

fn ended(observatory: &Observatory, story: &SessionStory, attachment: &Attachment, end: &AttachmentEnd) -> EndView {
    let decided = story.ended.iter().find(|one| one.connection == attachment.connection);
    EndView {
        at: Moment::at(&observatory.calendar(), end.at),
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

fn closer(closer: Closer) -> &'static str {
    match closer {
        Closer::Client(How::Fin) => "client_fin",
        Closer::Client(How::Reset) => "client_reset",
        Closer::Client(How::Timeout) => "client_timeout",
        Closer::Server(How::Fin) => "server_fin",
        Closer::Server(How::Reset) => "server_reset",
        Closer::Server(How::Timeout) => "server_timeout",
        Closer::Proxy(ProxyClose::Shutdown) => "proxy_shutdown",
        Closer::Proxy(ProxyClose::HandshakeDeadline) => "proxy_handshake_deadline",
        Closer::Proxy(ProxyClose::LateClaim) => "proxy_late_claim",
        Closer::Proxy(ProxyClose::Superseded) => "proxy_superseded",
        Closer::Proxy(ProxyClose::Operator(_)) => "proxy_operator",
        Closer::Proxy(ProxyClose::MuteServer) => "proxy_mute_server",
    }
}
