//! What may be wrong with a network, an ensemble and a client's settings, judged from what was measured and read.
//!
//! Nothing here opens a socket, a file or a clock: measurements and texts come in, findings go out. Every finding has a
//! stable code, and one table ([`DoctorCode`]) says what each code means, why it matters and what to change.

mod address_measurement;
mod buffer_rules;
mod capacity_rules;
mod client_rules;
mod client_settings;
mod code;
mod code_entry;
mod code_meaning;
mod code_table;
mod connect_reading;
mod connect_rules;
mod doctor_report;
#[cfg(test)]
mod false_alarm_tests;
mod finding;
#[cfg(test)]
mod judge_tests;
mod kafka_reading;
mod kafka_rules;
mod member_rules;
mod network_rules;
mod quorum_rules;
mod risk_rules;
mod running_rules;
mod server_lines;
mod setting_entries;

pub use address_measurement::{AddressMeasurement, AttemptTimes, NameLookup, RoleSighting, ServerMeasurement};
pub use client_settings::{ClientKind, ClientSettings, KafkaSettings};
pub use code::{DoctorArea, DoctorCode, DoctorMark};
pub use connect_reading::ConnectReading;
pub use doctor_report::{AddressReport, AttemptReport, DoctorReport, FindingReport, ServerReport};
pub use finding::{DoctorFinding, FindingValue};
pub use risk_rules::{RunningAdvice, RunningLatency, RunningRisk, RunningSilence};
pub use running_rules::{RunningIncident, RunningMeasurement, RunningServer, RunningSession};
pub use server_lines::{MemberCount, most_connections_of_one, read_members};
pub use setting_entries::{PropertiesError, SettingEntry, of_properties, of_variables};

/// All that is known when a judgement is made.
#[derive(Clone, Debug, Default)]
pub struct DoctorEvidence {
    /// The servers of the ensemble, in the order given.
    pub servers: Vec<ServerMeasurement>,
    /// Addresses that clients use and that are no servers of the ensemble, such as those of zoogate.
    pub entries: Vec<ServerMeasurement>,
    /// The client's settings; None where none were given.
    pub client: Option<ClientSettings>,
    /// What reading the client's settings showed.
    pub read_findings: Vec<DoctorFinding>,
    /// Connections that clients will have, as the operator says; None where nothing was said.
    pub clients: Option<u64>,
    /// What a running zoogate measured; None where none was asked.
    pub running: Option<RunningMeasurement>,
}

impl DoctorEvidence {
    /// Whether the client speaks TLS to this server, as its settings say.
    fn expects_tls(&self, server: &ServerMeasurement) -> bool {
        let client = self.client.as_ref().filter(|client| client.kafka.as_ref().is_some_and(|kafka| kafka.tls));
        client.is_some_and(|client| client.connects_to(&server.server))
    }
}

/// Judges all of it: findings by area, in a fixed order.
pub fn judge(evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    let mut findings = network_rules::judge(evidence);
    findings.extend(network_rules::judge_entries(evidence));
    findings.extend(quorum_rules::judge(evidence));
    findings.extend(member_rules::judge(&evidence.servers));
    findings.extend(capacity_rules::judge(evidence));
    findings.extend(evidence.read_findings.iter().cloned());
    if let Some(client) = &evidence.client {
        findings.extend(connect_rules::judge(client, evidence));
        findings.extend(client_rules::judge(client, &evidence.servers));
        findings.extend(buffer_rules::judge(client));
        findings.extend(kafka_rules::judge(client, evidence));
    }
    if let Some(running) = &evidence.running {
        findings.extend(running_rules::judge(running, &evidence.servers));
    }
    // A stable sort: within an area the order above says what comes first.
    findings.sort_by_key(|finding| finding.code.area());
    findings
}
