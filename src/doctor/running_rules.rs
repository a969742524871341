//! What a running zoogate measured.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::address_measurement::ServerMeasurement;
use super::code::DoctorCode;
use super::finding::DoctorFinding;
use super::risk_rules::{self, RunningAdvice, RunningLatency, RunningRisk};
use crate::diagnose::server_watch::LOSSY_FROM;

/// For how long an incident that is over is still told.
const INCIDENT_TOLD: Duration = Duration::from_hours(1);

/// One server as a running zoogate has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunningServer {
    /// Its name.
    pub server: String,
    /// The addresses that its name has here; none where they were not looked up.
    pub addresses: Vec<SocketAddr>,
    /// Its state, as lists show it.
    pub state: String,
    /// Connections to it that do not come through zoogate; None where that is not known.
    pub bypassing: Option<u64>,
    /// Segments that were sent again, as sampled last.
    pub sent_again: u64,
}

/// One session as a running zoogate has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RunningSession {
    /// Whether a connection carries it now.
    pub is_attached: bool,
    /// The timeout that its client asked for, in milliseconds.
    pub asked_ms: Option<u64>,
    /// The one that it got.
    pub granted_ms: Option<u64>,
}

/// One incident as a running zoogate has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunningIncident {
    /// Its cause.
    pub cause: String,
    /// For how long it has been over; None while it is open.
    pub over_for: Option<Duration>,
}

/// All that was asked of a running zoogate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunningMeasurement {
    /// The servers, in its order.
    pub servers: Vec<RunningServer>,
    /// The sessions, the newest.
    pub sessions: Vec<RunningSession>,
    /// The incidents that it remembers.
    pub incidents: Vec<RunningIncident>,
    /// The risks that stand, newest first.
    pub risks: Vec<RunningRisk>,
    /// How timeouts fit what was seen, of some sessions.
    pub advice: Vec<RunningAdvice>,
    /// Latencies of some minutes.
    pub latency: Vec<RunningLatency>,
}

impl RunningServer {
    /// Whether it is this one: by its name, or by an address of both.
    fn is(&self, given: &ServerMeasurement) -> bool {
        let has_shared = || given.addresses.iter().any(|address| self.addresses.contains(&address.address));
        self.server == given.server.to_string() || has_shared()
    }
}

impl RunningMeasurement {
    /// Sessions that have a connection now.
    pub(super) fn attached(&self) -> u64 {
        self.sessions.iter().filter(|session| session.is_attached).count() as u64
    }
}

pub(super) fn judge(running: &RunningMeasurement, given: &[ServerMeasurement]) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let has_same = |one: &ServerMeasurement| running.servers.iter().any(|server| server.is(one));
    let is_known = |server: &RunningServer| given.iter().any(|one| server.is(one));
    if !running.servers.iter().all(is_known) || !given.iter().all(has_same) {
        findings.push(
            DoctorFinding::of(DoctorCode::ZoogateServersDiffer, "")
                .with("servers", running.servers.len())
                .with("given", given.len()),
        );
    }
    for server in &running.servers {
        let of = |code| DoctorFinding::of(code, &server.server);
        if server.state != "serving" {
            findings.push(of(DoctorCode::ZoogateServerDown).with("state", server.state.as_str()));
        }
        if let Some(connections) = server.bypassing.filter(|bypassing| *bypassing > 0) {
            findings.push(of(DoctorCode::ClientsBypass).with("connections", connections));
        }
        if server.sent_again >= u64::from(LOSSY_FROM) {
            findings.push(of(DoctorCode::PathLossy).with("segments", server.sent_again));
        }
    }
    if running.servers.iter().all(|server| server.state == "serving") {
        findings.insert(
            0,
            DoctorFinding::of(DoctorCode::ZoogateServes, "")
                .with("servers", running.servers.len())
                .with("sessions", running.attached()),
        );
    }
    judge_sessions(running, &mut findings);
    judge_incidents(running, &mut findings);
    findings.extend(risk_rules::judge_risks(&running.risks));
    findings.extend(risk_rules::judge_advice(&running.advice));
    findings.extend(risk_rules::judge_latency(&running.latency));
    findings
}

fn judge_sessions(running: &RunningMeasurement, findings: &mut Vec<DoctorFinding>) {
    let cut: Vec<(u64, u64)> = running
        .sessions
        .iter()
        .filter(|session| session.is_attached)
        .filter_map(|session| Some((session.asked_ms?, session.granted_ms?)))
        .filter(|(asked, granted)| granted < asked)
        .collect();
    if let Some((asked, granted)) = cut.first() {
        findings.push(
            DoctorFinding::of(DoctorCode::SessionsCut, "")
                .with("sessions", cut.len())
                .with("asked_ms", *asked)
                .with("granted_ms", *granted),
        );
    }
}

fn judge_incidents(running: &RunningMeasurement, findings: &mut Vec<DoctorFinding>) {
    let mut by_cause: BTreeMap<&str, usize> = BTreeMap::new();
    let recent = |incident: &&RunningIncident| incident.over_for.is_none_or(|time| time <= INCIDENT_TOLD);
    for incident in running.incidents.iter().filter(recent) {
        *by_cause.entry(&incident.cause).or_default() += 1;
    }
    let incidents: usize = by_cause.values().sum();
    findings.push(match by_cause.into_iter().max_by_key(|(_, count)| *count) {
        Some((cause, _)) => {
            DoctorFinding::of(DoctorCode::IncidentsSeen, "").with("incidents", incidents).with("cause", cause)
        }
        None => DoctorFinding::of(DoctorCode::NoIncidents, ""),
    });
}
