//! The whole result, as JSON gives it.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::address_measurement::{AddressMeasurement, AttemptTimes, ServerMeasurement};
use super::code::DoctorMark;
use super::finding::{DoctorFinding, FindingValue};

/// Everything that was measured and found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DoctorReport {
    /// The servers, in the order given, and then other addresses of the client.
    pub servers: Vec<ServerReport>,
    /// What was found, by area.
    pub findings: Vec<FindingReport>,
    /// How many findings are problems.
    pub problems: usize,
    /// How many are warnings.
    pub warnings: usize,
    /// How many are hints, which count for nothing.
    pub hints: usize,
}

/// One server.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ServerReport {
    /// Its name.
    pub server: String,
    /// How long the look-up of its name took, in milliseconds.
    pub lookup_ms: f64,
    /// Why its name has no address.
    pub lookup_error: Option<String>,
    /// Its addresses.
    pub addresses: Vec<AddressReport>,
}

/// One address of a server.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AddressReport {
    /// The address.
    pub address: String,
    /// Its state, as the last question showed it.
    pub state: &'static str,
    /// Its role, as it told last.
    pub role: &'static str,
    /// Its last transaction, in hexadecimal.
    pub zxid: Option<String>,
    /// Its number in the ensemble.
    pub myid: Option<u64>,
    /// Its version.
    pub version: Option<String>,
    /// TCP connects.
    pub connects: AttemptReport,
    /// Questions and their answers.
    pub answers: AttemptReport,
    /// Connections of its own count.
    pub connections: Option<u64>,
    /// Connections that it allows each address; 0 for no bound.
    pub max_client_connections: Option<u64>,
    /// Shortest session timeout that it gives, in milliseconds.
    pub min_session_timeout_ms: Option<u64>,
    /// Longest session timeout that it gives, in milliseconds.
    pub max_session_timeout_ms: Option<u64>,
    /// Milliseconds of a tick.
    pub tick_ms: Option<u64>,
}

/// Attempts of one kind, times in milliseconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AttemptReport {
    /// How many there were.
    pub tries: usize,
    /// How many failed.
    pub failures: usize,
    /// The one in the middle of those that succeeded.
    pub median_ms: Option<f64>,
    /// The longest of them.
    pub worst_ms: Option<f64>,
}

/// One finding with all that its code says.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FindingReport {
    /// Its stable word.
    pub code: &'static str,
    /// `ok`, `hint`, `warning` or `problem`.
    pub mark: &'static str,
    /// `network`, `ensemble`, `client` or `zoogate`.
    pub area: &'static str,
    /// Whom it is about: a server or a setting; empty for all servers together.
    pub subject: String,
    /// What was found, in a sentence.
    pub text: String,
    /// The values that it was judged by; times in milliseconds.
    pub values: Map<String, Value>,
    /// Why it matters.
    pub why: &'static str,
    /// What it can cause; null where all is in order.
    pub consequence: Option<&'static str>,
    /// What to change.
    pub change: Option<&'static str>,
    /// The setting to change.
    pub setting: Option<String>,
}

impl DoctorReport {
    /// Gathers everything.
    pub fn of(servers: &[ServerMeasurement], findings: &[DoctorFinding]) -> Self {
        let count = |mark| findings.iter().filter(|finding| finding.mark() == mark).count();
        Self {
            servers: servers.iter().map(ServerReport::of).collect(),
            findings: findings.iter().map(FindingReport::of).collect(),
            problems: count(DoctorMark::Problem),
            warnings: count(DoctorMark::Warning),
            hints: count(DoctorMark::Hint),
        }
    }
}

impl FindingReport {
    fn of(finding: &DoctorFinding) -> Self {
        let code = finding.code;
        let value = |value: &FindingValue| match value {
            FindingValue::Count(count) => Value::from(*count),
            FindingValue::Millis(millis) => Value::from(*millis),
            FindingValue::Word(word) => Value::from(word.as_str()),
        };
        Self {
            code: code.label(),
            mark: finding.mark().label(),
            area: code.area().label(),
            subject: finding.subject.clone(),
            text: finding.text(),
            values: finding.values.iter().map(|(name, known)| ((*name).to_owned(), value(known))).collect(),
            why: code.why(),
            consequence: code.consequence(),
            change: code.change(),
            setting: finding.setting(),
        }
    }
}

impl ServerReport {
    fn of(server: &ServerMeasurement) -> Self {
        Self {
            server: server.server.to_string(),
            lookup_ms: millis(server.lookup.took),
            lookup_error: server.lookup.failure.clone(),
            addresses: server.addresses.iter().map(AddressReport::of).collect(),
        }
    }
}

impl AddressReport {
    fn of(address: &AddressMeasurement) -> Self {
        let details = &address.details;
        Self {
            address: address.address.to_string(),
            state: address.last.health.label(),
            role: address.last.role.label(),
            zxid: address.last.zxid.map(|zxid| zxid.to_string()),
            myid: address.myids.first().copied(),
            version: details.version.clone(),
            connects: AttemptReport::of(&address.connects),
            answers: AttemptReport::of(&address.answers),
            connections: details.connections,
            max_client_connections: details.max_client_connections,
            min_session_timeout_ms: details.min_session_timeout_ms,
            max_session_timeout_ms: details.max_session_timeout_ms,
            tick_ms: details.tick_ms,
        }
    }
}

impl AttemptReport {
    fn of(attempts: &AttemptTimes) -> Self {
        Self {
            tries: attempts.tries(),
            failures: attempts.failures,
            median_ms: attempts.median().map(millis),
            worst_ms: attempts.worst().map(millis),
        }
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
