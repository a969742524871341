//! `/api/ensemble`: the ensemble over time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::moment::moment;
use super::named_server;
use crate::api::{
    AtTime, BaselineView, CalendarMoment, DetailsView, EnsembleEventView, EnsembleView, PathView, SinceTime,
    WatchedServerView,
};
use crate::diagnose::{EnsembleChange, EnsembleEvent, LatencyBaseline, PathSample, ServerDetails, ServerWatch};
use crate::ids::ServerId;
use crate::observe::{EnsembleWording, ProxyTelemetry, WallClock};
use crate::time::Timestamp;

/// The ensemble as it is and what happened in it.
pub(in crate::admin) fn ensemble(telemetry: &ProxyTelemetry) -> EnsembleView {
    // Copied out first: probes wait for the lock.
    let watch = telemetry.state().with_watch(Clone::clone);
    let wall_clock = telemetry.wall_clock();
    let wording = EnsembleWording::new(telemetry.server_names());
    let event = |event: &EnsembleEvent| EnsembleEventView {
        at: moment(&wall_clock, event.at),
        server: named_server(telemetry, event.server),
        change: event.change.label().into(),
        text: wording.sentence(event),
        values: values(telemetry, event.change),
    };
    EnsembleView {
        since: started(&wall_clock),
        servers: watch.servers().map(|(id, server)| watched(telemetry, &wall_clock, id, server)).collect(),
        leader: watch.leader().map(|leader| telemetry.server_name(leader).to_owned()),
        epoch: watch.epoch(),
        leader_changes: watch.leader_changes(),
        timeline: in_order(watch.timeline()).map(event).collect(),
        forgotten: watch.forgotten(),
    }
}

/// When zoogate was started.
fn started(wall_clock: &WallClock) -> SinceTime {
    let unix_millis = wall_clock.unix_millis(Timestamp::ZERO);
    Some(CalendarMoment { text: WallClock::text(unix_millis), unix_millis }).into()
}

/// By the moment when it was seen: a burst is told when it is over, and some probes are answered late.
fn in_order<'a>(events: impl Iterator<Item = &'a EnsembleEvent>) -> impl Iterator<Item = &'a EnsembleEvent> {
    let mut events: Vec<_> = events.collect();
    events.sort_by_key(|event| event.at);
    events.into_iter()
}

fn watched(
    telemetry: &ProxyTelemetry,
    wall_clock: &WallClock,
    id: ServerId,
    server: &ServerWatch,
) -> WatchedServerView {
    let details = server.details().map(|(_, details)| details);
    let restarted: AtTime = moment(wall_clock, server.restarted_at());
    let myid = details.and_then(|details| details.myid);
    WatchedServerView {
        server: named_server(telemetry, id),
        state: server.health().label().into(),
        since: moment(wall_clock, server.since()),
        role: server.known_role().label().into(),
        myid: myid.or_else(|| telemetry.state().born_on(id).map(u64::from)),
        zxid: server.zxid().map(|zxid| zxid.to_string()),
        behind: server.behind(),
        probe_ms: baseline(server.answer_time()),
        connect_ms: baseline(server.connect_time()),
        ping_ms: baseline(server.ping_time()),
        path: server.path().map(|(_, sample)| path(sample)),
        details: details.map(details_of),
        connections: telemetry.state().load(id).load(Ordering::Relaxed),
        bypassing: server.bypassing(),
        restarted_at: restarted.at,
    }
}

/// Milliseconds to the microsecond.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1_000.0
}

fn baseline(seen: LatencyBaseline) -> BaselineView {
    let LatencyBaseline { usual, last, worst_recent, samples } = seen;
    let [usual, last, worst_recent] = [usual, last, worst_recent].map(|time| time.map(millis));
    BaselineView { usual, last, worst_recent, samples }
}

/// What the kernel knows of the way to a server.
pub(super) fn path(sample: PathSample) -> PathView {
    let PathSample { rtt, retransmissions, unacked, lost } = sample;
    PathView { rtt_ms: millis(rtt), retransmissions, unacked, lost }
}

fn details_of(details: &ServerDetails) -> DetailsView {
    DetailsView {
        version: details.version.clone(),
        tick_ms: details.tick_ms,
        min_session_timeout_ms: details.min_session_timeout_ms,
        max_session_timeout_ms: details.max_session_timeout_ms,
        max_client_connections: details.max_client_connections,
        connections: details.connections,
        outstanding_requests: details.outstanding_requests,
        synced_followers: details.synced_followers,
        followers: details.followers,
        uptime_ms: details.uptime.map(|uptime| uptime.as_millis() as u64),
    }
}

/// What a change says, by name.
fn values(telemetry: &ProxyTelemetry, change: EnsembleChange) -> Map<String, Value> {
    let name = |server: Option<ServerId>| server.map(|server| telemetry.server_name(server));
    let values = match change {
        EnsembleChange::Health { before, now } => json!({ "before": before.label(), "now": now.label() }),
        EnsembleChange::Role { before, now } => json!({ "before": before.label(), "now": now.label() }),
        EnsembleChange::LeaderChanged { before, now } => json!({ "before": name(before), "now": name(now) }),
        EnsembleChange::NewEpoch { before, now } => json!({ "before": before, "now": now }),
        EnsembleChange::Restarted { down } => json!({ "down_ms": down.as_millis() as u64 }),
        EnsembleChange::Disconnects { connections, within } => {
            json!({ "connections": connections, "within_ms": within.as_millis() as u64 })
        }
        EnsembleChange::ProbeSlow { usual, now }
        | EnsembleChange::ConnectSlow { usual, now }
        | EnsembleChange::PathSlow { usual, now } => json!({ "usual_ms": millis(usual), "now_ms": millis(now) }),
        EnsembleChange::ProbeUsual { usual }
        | EnsembleChange::ConnectUsual { usual }
        | EnsembleChange::PathUsual { usual } => json!({ "usual_ms": millis(usual) }),
        EnsembleChange::Lagging { behind } => json!({ "behind": behind }),
        EnsembleChange::CaughtUp {} => json!({}),
        EnsembleChange::PathLossy { retransmissions } => json!({ "retransmissions": retransmissions }),
    };
    if let Value::Object(values) = values { values } else { Map::new() }
}
