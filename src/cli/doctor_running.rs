//! What a running zoogate is asked for by the doctor.

use std::time::Duration;

use ureq::http::StatusCode;

use super::admin_client::AdminClient;
use super::doctor_options::DoctorOptions;
use super::query_options::RunningZoogate;
use crate::api::{
    ApiList, EnsembleView, HeartbeatView, IncidentList, LatencyList, RiskList, RiskView, SessionDetail, SessionList,
    TimeoutAdviceView,
};
use crate::diagnose::risk::RiskCode;
use crate::doctor::{
    RunningAdvice, RunningIncident, RunningLatency, RunningMeasurement, RunningRisk, RunningServer, RunningSession,
    RunningSilence,
};
use crate::observe::WallClock;

/// Elements of each list that a running zoogate is asked for.
const MOST_ELEMENTS: usize = 10_000;
/// Sessions that a running zoogate is asked for their details, the newest.
const DETAILS: usize = 50;

/// Asks a running zoogate for what it measured.
pub(super) fn ask_running(admin: String, options: &DoctorOptions) -> anyhow::Result<RunningMeasurement> {
    let client =
        AdminClient::of(&RunningZoogate { admin: Some(admin), socket: None, token_file: options.token_file.clone() })?;
    let limit = [("limit", MOST_ELEMENTS.to_string())];
    let ensemble: EnsembleView = client.get(EnsembleView::PATH, &[])?.good()?;
    let sessions: SessionList = client.get(SessionList::PATH, &limit)?.good()?;
    let incidents: IncidentList = client.get(IncidentList::PATH, &limit)?.good()?;
    let risks: RiskList = client.get(RiskList::PATH, &limit)?.good()?;
    let latency: LatencyList = client.get(LatencyList::PATH, &limit)?.good()?;
    let millis = |value: Option<i32>| value.and_then(|value| u64::try_from(value).ok());
    let now = Duration::from_millis(WallClock::unix_now());
    // One that is over and does not say since when is as good as just over.
    let over_for =
        |until: Option<u64>| until.map_or(Duration::ZERO, |until| now.saturating_sub(Duration::from_millis(until)));
    Ok(RunningMeasurement {
        servers: ensemble
            .servers
            .into_iter()
            .map(|one| RunningServer {
                server: one.server.server.unwrap_or_default(),
                addresses: Vec::new(),
                state: one.state.into_owned(),
                bypassing: one.bypassing,
                sent_again: one.path.map_or(0, |path| u64::from(path.retransmissions)),
            })
            .collect(),
        sessions: sessions
            .sessions
            .iter()
            .map(|one| RunningSession {
                is_attached: one.state == "attached",
                asked_ms: millis(one.requested_timeout_ms),
                granted_ms: millis(one.timeout_ms),
            })
            .collect(),
        incidents: incidents
            .incidents
            .into_iter()
            .map(|one| RunningIncident {
                cause: one.cause.code.into_owned(),
                over_for: (!one.open).then(|| over_for(one.until.until_ms)),
            })
            .collect(),
        risks: risks.risks.into_iter().filter(|one| one.state == "open").map(standing).collect(),
        advice: advice(&client, &sessions)?,
        latency: latency
            .latency
            .into_iter()
            .map(|one| RunningLatency {
                server: one.server.server.unwrap_or_default(),
                class: one.class.into_owned(),
                ago: over_for(one.at.at_ms),
                p99: Duration::from_micros(u64::from(one.p99_us)),
            })
            .collect(),
    })
}

fn standing(one: RiskView) -> RunningRisk {
    let code = one.code.into_owned();
    let silence = one.heartbeat.as_ref().map(|heartbeat| silence(&code, heartbeat));
    RunningRisk { code, holder: one.identity.unwrap_or(one.session), summary: one.summary, silence }
}

/// Of the side that the risk is about: a server's silence is borne by the client, a client's by the servers.
fn silence(code: &str, one: &HeartbeatView) -> RunningSilence {
    let (side, silent, borne) = if code == RiskCode::ServerSilent.label() {
        ("server", one.server_silent_ms, one.client_bears_ms)
    } else {
        ("client", one.client_silent_ms, one.timeout_ms)
    };
    let [silent, borne] = [silent, borne].map(Duration::from_millis);
    RunningSilence { side: side.to_owned(), silent, borne }
}

/// How the timeouts of some sessions fit what was seen.
fn advice(client: &AdminClient<'_>, sessions: &SessionList) -> anyhow::Result<Vec<RunningAdvice>> {
    let mut all = Vec::new();
    for session in sessions.sessions.iter().filter(|one| one.state == "attached").take(DETAILS) {
        let answer = client.get(&SessionDetail::path(&session.session), &[])?;
        // It may be over by now.
        if answer.status == StatusCode::NOT_FOUND {
            continue;
        }
        let detail: SessionDetail = answer.good()?;
        all.extend(detail.timeout_advice.map(|one: TimeoutAdviceView| RunningAdvice {
            fit: one.fit.into_owned(),
            timeout: Duration::from_millis(one.timeout_ms),
            outages: one.outages,
            exceeded: one.exceeded,
            longest: Duration::from_millis(one.longest_ms.unwrap_or(0)),
            would_bear: one.would_bear_ms.map(Duration::from_millis),
            most: one.servers_give_ms.map(Duration::from_millis),
        }));
    }
    Ok(all)
}
