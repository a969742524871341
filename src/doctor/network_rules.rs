//! What names, connects and answers show.

use std::time::Duration;

use super::DoctorEvidence;
use super::address_measurement::{AddressMeasurement, AttemptTimes, ServerMeasurement, answering};
use super::code::DoctorCode;
use super::finding::DoctorFinding;
use crate::session::probe_result::ServerHealth;

/// A look-up or an attempt that takes this long is slow: a lost first packet is sent again after a second.
const SLOW_ONCE: Duration = Duration::from_secs(1);
/// What is slow when it is usual, for a connect.
const SLOW_CONNECT: Duration = Duration::from_millis(100);
/// The same for an answer.
const SLOW_ANSWER: Duration = Duration::from_millis(200);

/// Judges the servers of the ensemble.
pub(super) fn judge(evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    let servers = &evidence.servers;
    let mut findings = Vec::new();
    for server in servers {
        judge_server(server, evidence.expects_tls(server), &mut findings);
    }
    let found = |codes: &[DoctorCode]| findings.iter().any(|finding| codes.contains(&finding.code));
    let mut fine = Vec::new();
    let addresses: Vec<&AddressMeasurement> = servers.iter().flat_map(|server| &server.addresses).collect();
    if !found(&[DoctorCode::NameUnresolved, DoctorCode::NameSlow]) && !servers.is_empty() {
        let took = servers.iter().map(|server| server.lookup.took).max().unwrap_or_default();
        fine.push(
            DoctorFinding::of(DoctorCode::NamesResolve, "")
                .with("names", servers.len())
                .with("addresses", addresses.len())
                .with("took_ms", took),
        );
    }
    // One that failed once is told below, and then not all answered.
    let answers = addresses.iter().all(|address| address.has_answered() && failures(address) == 0);
    if answers && !addresses.is_empty() && servers.iter().all(|server| server.lookup.failure.is_none()) {
        let tries: usize = addresses.iter().map(|address| address.answers.tries()).sum();
        fine.push(DoctorFinding::of(DoctorCode::ServersAnswer, "").with("servers", servers.len()).with("tries", tries));
    }
    if !found(&[DoctorCode::ConnectSlow, DoctorCode::AnswerSlow]) && answering(servers).next().is_some() {
        let longest = |of: fn(&AddressMeasurement) -> Option<Duration>| {
            answering(servers).filter_map(|(_, address)| of(address)).max().unwrap_or_default()
        };
        fine.push(
            DoctorFinding::of(DoctorCode::PathsQuick, "")
                .with("connect_ms", longest(|address| address.connects.median()))
                .with("connect_worst_ms", longest(|address| address.connects.worst()))
                .with("answer_ms", longest(|address| address.answers.median()))
                .with("answer_worst_ms", longest(|address| address.answers.worst())),
        );
    }
    fine.extend(findings);
    fine
}

/// Judges addresses that clients use beside the servers; only what is wrong is told.
pub(super) fn judge_entries(evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    for entry in &evidence.entries {
        judge_server(entry, evidence.expects_tls(entry), &mut findings);
    }
    findings
}

/// The longest that a connect and its answer took together, of all servers.
pub(super) fn worst_exchange(servers: &[ServerMeasurement]) -> Option<Duration> {
    let worst =
        answering(servers).filter_map(|(_, address)| Some(address.connects.worst()? + address.answers.worst()?));
    worst.max()
}

/// Whether nothing is to be known of a server because it is asked at a port for TLS, as its client wants it.
pub(super) fn is_secure(server: &ServerMeasurement, expects_tls: bool) -> bool {
    expects_tls && server.best().is_some_and(|best| !best.has_answered() && speaks_only_tls(failure(best)))
}

/// What a port for TLS does with a four-letter word.
fn speaks_only_tls(code: DoctorCode) -> bool {
    matches!(code, DoctorCode::AnswerTls | DoctorCode::ServerHangsUp)
}

fn judge_server(server: &ServerMeasurement, expects_tls: bool, findings: &mut Vec<DoctorFinding>) {
    let of = |code| DoctorFinding::of(code, &server.server);
    // Without an address there is nothing else to be said of it.
    if let Some(failure) = &server.lookup.failure {
        findings.push(of(DoctorCode::NameUnresolved).with("error", failure.as_str()));
        return;
    }
    if server.lookup.took >= SLOW_ONCE {
        findings.push(of(DoctorCode::NameSlow).with("took_ms", server.lookup.took));
    }
    let one_answers = server.addresses.iter().any(AddressMeasurement::has_answered);
    // Clients pass it over at once, as they do ::1 where a server listens on 127.0.0.1 alone.
    let costs_little = |address: &AddressMeasurement| {
        server.serves() && matches!(address.last.health, ServerHealth::Refusing | ServerHealth::Unreachable)
    };
    for address in &server.addresses {
        if address.has_answered() {
            judge_answering(server, address, findings);
        } else if one_answers {
            findings.push(
                of(DoctorCode::AddressFailing)
                    .with("address", address.address.to_string())
                    .with("state", address.last.health.label())
                    .hint_if(costs_little(address)),
            );
        } else {
            findings.push(failing(server, address, expects_tls));
        }
    }
}

/// What an address that never answered shows.
fn failure(address: &AddressMeasurement) -> DoctorCode {
    match address.last.health {
        // What it said tells more than the state that follows from it.
        _ if address.is_tls => DoctorCode::AnswerTls,
        _ if address.is_strange => DoctorCode::AnswerStrange,
        ServerHealth::Refusing => DoctorCode::ServerRefuses,
        ServerHealth::HangingUp => DoctorCode::ServerHangsUp,
        ServerHealth::Unknown | ServerHealth::Unreachable => DoctorCode::ServerOutOfReach,
        ServerHealth::Serving | ServerHealth::NotServing | ServerHealth::Unresponsive => DoctorCode::ServerUnanswering,
    }
}

fn failing(server: &ServerMeasurement, address: &AddressMeasurement, expects_tls: bool) -> DoctorFinding {
    let code = failure(address);
    DoctorFinding::of(code, &server.server)
        .with("address", address.address.to_string())
        .with("failures", failures(address))
        .with("tries", address.connects.tries())
        .hint_if(expects_tls && speaks_only_tls(code))
}

fn failures(address: &AddressMeasurement) -> usize {
    address.connects.failures + address.answers.failures
}

fn judge_answering(server: &ServerMeasurement, address: &AddressMeasurement, findings: &mut Vec<DoctorFinding>) {
    let of = |code| DoctorFinding::of(code, &server.server).with("address", address.address.to_string());
    if failures(address) > 0 {
        findings.push(
            of(DoctorCode::ServerUnsteady).with("failures", failures(address)).with("tries", address.connects.tries()),
        );
    }
    let slow = |attempts: &AttemptTimes, usual: Duration| {
        let (median, worst) = (attempts.median()?, attempts.worst()?);
        // One lost packet makes one attempt slow; a long way makes all of them so.
        (median >= usual || worst >= SLOW_ONCE).then_some((median, worst))
    };
    for (code, attempts, usual) in [
        (DoctorCode::ConnectSlow, &address.connects, SLOW_CONNECT),
        (DoctorCode::AnswerSlow, &address.answers, SLOW_ANSWER),
    ] {
        if let Some((median, worst)) = slow(attempts, usual) {
            findings.push(of(code).with("median_ms", median).with("worst_ms", worst));
        }
    }
}
