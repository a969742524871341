//! The timeouts of a client against what the servers give and what was measured.

use std::time::Duration;

use super::address_measurement::{ServerMeasurement, answering};
use super::client_settings::ClientSettings;
use super::code::DoctorCode;
use super::finding::DoctorFinding;
use super::network_rules::worst_exchange;

/// Below this an election or a collection of garbage may cost the session.
const TIGHT_MS: u64 = 6_000;
/// Above this a dead client is noticed late.
const LONG_MS: u64 = 60_000;
/// What an address needs at least, however near it is.
const SHARE_MS: u64 = 1_000;

/// The bounds that every server keeps: the highest least and the lowest most, in milliseconds.
fn bounds(servers: &[ServerMeasurement]) -> (Option<u64>, Option<u64>) {
    let details = || answering(servers).map(|(_, address)| &address.details);
    let least = details().filter_map(|details| details.min_session_timeout_ms).max();
    (least, details().filter_map(|details| details.max_session_timeout_ms).min())
}

pub(super) fn judge(client: &ClientSettings, servers: &[ServerMeasurement]) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    // Without a connect string a broker in KRaft mode has no session.
    let Some(asked) = client.session_timeout_ms.filter(|_| client.kafka.is_none() || client.connect.is_some()) else {
        return findings;
    };
    let of = |code| {
        DoctorFinding::of(code, client.name("zookeeper.session.timeout.ms", "session timeout"))
            .with("timeout_ms", asked)
    };
    let (least, most) = bounds(servers);
    if let Some(least) = least.filter(|least| asked < *least) {
        findings.push(of(DoctorCode::SessionTimeoutRaised).with("min_ms", least));
    }
    if let Some(most) = most.filter(|most| asked > *most) {
        findings.push(of(DoctorCode::SessionTimeoutCut).with("max_ms", most));
    }
    let given = asked.max(least.unwrap_or(0)).min(most.unwrap_or(u64::MAX));
    // What counts is what the servers give, whatever was asked for.
    let (third, worst) = (given / 3, worst_exchange(servers).unwrap_or_default());
    if worst >= Duration::from_millis(third) {
        findings.push(of(DoctorCode::SessionTimeoutTooShort).with("third_ms", third).with("worst_ms", worst));
    } else if given < TIGHT_MS {
        findings.push(of(DoctorCode::SessionTimeoutTight).with("third_ms", third));
    }
    if asked > LONG_MS {
        findings.push(of(DoctorCode::SessionTimeoutLong));
    }
    if findings.is_empty() {
        findings.push(of(DoctorCode::SessionTimeoutFits));
    }
    judge_connecting(client, given, worst, &mut findings);
    findings
}

fn judge_connecting(client: &ClientSettings, given: u64, worst: Duration, findings: &mut Vec<DoctorFinding>) {
    let addresses = client.addresses() as u64;
    if addresses == 0 {
        return;
    }
    // `ClientCnxn`: the connect timeout is the session timeout divided by the number of addresses.
    let share = given / addresses;
    if share < SHARE_MS || Duration::from_millis(share) < worst * 3 {
        findings.push(
            DoctorFinding::of(DoctorCode::ConnectShareShort, client.name("zookeeper.connect", "connect string"))
                .with("share_ms", share)
                .with("addresses", addresses)
                .with("worst_ms", worst),
        );
    }
    // A second for the pause that Java clients make between two addresses; with one address there is no other.
    let needed = if addresses > 1 { share + 1_000 } else { given };
    if let Some(timeout) = client.connection_timeout_ms.filter(|timeout| *timeout < needed) {
        findings.push(
            DoctorFinding::of(
                DoctorCode::ConnectionTimeoutShort,
                client.name("zookeeper.connection.timeout.ms", "connection timeout"),
            )
            .with("timeout_ms", timeout)
            .with("share_ms", share),
        );
    }
}
