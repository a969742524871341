//! The timeouts of a client against what the servers give and what was measured.

use std::time::Duration;

use super::address_measurement::{ServerMeasurement, answering};
use super::client_settings::ClientSettings;
use super::code::DoctorCode;
use super::finding::{DoctorFinding, FindingValue};
use super::network_rules::worst_exchange;
use crate::diagnose::ServerDetails;

/// Below this an election or a collection of garbage may cost the session.
const TIGHT_MS: u64 = 6_000;
/// Above this a dead client is noticed late.
const LONG_MS: u64 = 60_000;
/// Below this it is told what an address has, however near it is.
const SHARE_MS: u64 = 1_000;

/// Ticks that servers give at least and at most, unless they are told otherwise (`ZooKeeperServer`).
const TICKS: (u64, u64) = (2, 20);

/// The bounds that every server keeps: the highest least and the lowest most, in milliseconds.
fn bounds(servers: &[ServerMeasurement]) -> (Option<u64>, Option<u64>) {
    let details = || answering(servers).map(|(_, address)| &address.details);
    let ticks = |tick: Option<u64>, count: u64| tick.map(|tick| tick.saturating_mul(count));
    let least = details().filter_map(|one| one.min_session_timeout_ms.or(ticks(one.tick_ms, TICKS.0))).max();
    (least, details().filter_map(|one| one.max_session_timeout_ms.or(ticks(one.tick_ms, TICKS.1))).min())
}

/// What is known of the bounds that a timeout is within.
fn known_bounds(servers: &[ServerMeasurement]) -> String {
    let told = |of: fn(&ServerDetails) -> bool| answering(servers).filter(|(_, one)| of(&one.details)).count();
    let by_bounds = told(|one| one.min_session_timeout_ms.is_some() && one.max_session_timeout_ms.is_some());
    let by_any = told(|one| one.tick_ms.is_some() || one.max_session_timeout_ms.is_some());
    match (by_any, by_bounds, servers.len()) {
        (0, ..) => "and what the servers give is not known: allow conf (4lw.commands.whitelist)".to_owned(),
        (any, _, all) if any < all => {
            format!(
                "within what {any} of {all} servers give; the others do not tell: allow conf (4lw.commands.whitelist)"
            )
        }
        (_, bounds, all) if bounds < all => {
            "within 2 and 20 ticks, which servers give unless they are told otherwise".to_owned()
        }
        _ => "within what the servers give".to_owned(),
    }
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
        let fits = of(DoctorCode::SessionTimeoutFits);
        findings.push(fits.with("bounds", known_bounds(servers)).with("measured", measured(servers)));
    }
    judge_connecting(client, given, servers, &mut findings);
    findings
}

/// What timeouts are compared with.
fn measured(servers: &[ServerMeasurement]) -> String {
    worst_exchange(servers).map_or_else(
        || "nothing was measured that it could be compared with".to_owned(),
        |worst| format!("a connect with its answer took {} ms at most", FindingValue::from(worst)),
    )
}

fn judge_connecting(
    client: &ClientSettings,
    given: u64,
    servers: &[ServerMeasurement],
    findings: &mut Vec<DoctorFinding>,
) {
    let addresses = client.addresses() as u64;
    if addresses == 0 {
        return;
    }
    // `ClientCnxn`: the connect timeout is the session timeout divided by the number of addresses.
    let share = given / addresses;
    let is_short = worst_exchange(servers).is_some_and(|worst| Duration::from_millis(share) < worst * 3);
    if share < SHARE_MS || is_short {
        findings.push(
            DoctorFinding::of(DoctorCode::ConnectShareShort, client.name("zookeeper.connect", "connect string"))
                .with("share_ms", share)
                .with("addresses", addresses)
                .with("measured", measured(servers))
                .hint_if(!is_short),
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
