//! Whether the servers have room: connections from one address, and requests that wait.

use super::DoctorEvidence;
use super::address_measurement::{ServerMeasurement, answering};
use super::code::DoctorCode;
use super::finding::DoctorFinding;
use super::running_rules::RunningMeasurement;

/// Requests that wait at a server which is loaded; it stops reading from its clients at a thousand.
const MANY_WAITING: u64 = 100;

/// How many clients there are: as many as was said, as have connections now, or as have sessions in a running zoogate.
pub(super) fn clients(evidence: &DoctorEvidence) -> u64 {
    let open = |server: &ServerMeasurement| {
        // The one that asks is one of them.
        server.best()?.details.connections.map(|connections| connections.saturating_sub(1))
    };
    // A session has one connection; who has none now comes back to some server.
    let connections: u64 = evidence.servers.iter().filter_map(open).sum();
    connections.max(through_zoogate(evidence))
}

/// How many come through zoogate, as was said or as it tells. Others may stay at addresses of their own.
fn through_zoogate(evidence: &DoctorEvidence) -> u64 {
    evidence.running.as_ref().map_or(0, RunningMeasurement::attached).max(evidence.clients.unwrap_or(0))
}

pub(super) fn judge(evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let (clients, mut least, mut is_low) = (clients(evidence), None::<u64>, false);
    for (server, address) in answering(&evidence.servers) {
        let of = |code| DoctorFinding::of(code, &server.server).with("address", address.address.to_string());
        if let Some(limit) = address.details.max_client_connections {
            // None at all is more than any number.
            let bound = if limit == 0 { u64::MAX } else { limit };
            least = Some(least.map_or(bound, |least| least.min(bound)));
            // Near is four fifths: the last places are needed by probes and by whoever looks for the cause.
            let most = address.most_of_one.unwrap_or(0);
            if bound < clients {
                is_low = true;
                let low = of(DoctorCode::ConnectionLimitLow).with("limit", limit).with("clients", clients);
                findings.push(low.hint_if(bound >= through_zoogate(evidence)));
            } else if most >= bound - bound / 5 {
                is_low = true;
                findings.push(of(DoctorCode::ConnectionLimitNear).with("limit", limit).with("most", most));
            }
        }
        if let Some(outstanding) = address.details.outstanding_requests.filter(|waiting| *waiting >= MANY_WAITING) {
            findings.push(of(DoctorCode::RequestsWaiting).with("outstanding", outstanding));
        }
    }
    if let Some(least) = least.filter(|_| !is_low) {
        let limit = if least == u64::MAX { 0 } else { least };
        findings
            .push(DoctorFinding::of(DoctorCode::ConnectionsAllowed, "").with("limit", limit).with("clients", clients));
    }
    findings
}
