//! What only a Kafka broker's settings can have wrong: TLS, ACLs, requests in flight, the migration to KRaft.

use super::DoctorEvidence;
use super::address_measurement::answering;
use super::client_settings::{ClientSettings, KafkaSettings};
use super::code::DoctorCode;
use super::finding::DoctorFinding;

/// Fewer requests in flight than this make a controller slow.
const FEW_IN_FLIGHT: u64 = 5;
/// A server stops reading from its clients at a thousand (`globalOutstandingLimit`), of all of them.
const MANY_IN_FLIGHT: u64 = 1_000;

pub(super) fn judge(client: &ClientSettings, evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    let Some(kafka) = &client.kafka else { return Vec::new() };
    let mut findings = Vec::new();
    judge_tls(client, kafka, evidence, &mut findings);
    // Kafka checks the same before it starts (`KafkaServer.initZkClient`).
    let by_certificate = kafka.tls && kafka.has_netty && kafka.has_keystore;
    if kafka.set_acl && !kafka.has_login && !by_certificate {
        let login = if kafka.options_untold {
            "whether a login to ZooKeeper is configured is not known: give --kafka-opts"
        } else {
            "no login to ZooKeeper is configured"
        };
        let finding = DoctorFinding::of(DoctorCode::AclWithoutLogin, "zookeeper.set.acl").with("login", login);
        findings.push(finding.hint_if(kafka.options_untold));
    }
    if let Some(requests) = kafka.max_in_flight.filter(|requests| !(FEW_IN_FLIGHT..=MANY_IN_FLIGHT).contains(requests))
    {
        findings.push(
            DoctorFinding::of(DoctorCode::InFlightUnusual, "zookeeper.max.in.flight.requests")
                .with("requests", requests),
        );
    }
    if kafka.migration {
        let of = |code| DoctorFinding::of(code, "zookeeper.metadata.migration.enable");
        findings.push(of(DoctorCode::MigrationOn));
        for (has, missing) in [
            (kafka.has_quorum, "controller.quorum.voters"),
            (kafka.has_controller_listeners, "controller.listener.names"),
        ] {
            if !has {
                findings.push(of(DoctorCode::MigrationIncomplete).with("missing", missing));
            }
        }
    }
    let others = evidence.read_findings.iter().chain(&findings);
    if client.connect.is_some() && !others.into_iter().any(|finding| finding.mark().counts()) {
        findings.push(DoctorFinding::of(DoctorCode::SettingsGood, "").with("settings", kafka.settings));
    }
    findings
}

fn judge_tls(
    client: &ClientSettings,
    kafka: &KafkaSettings,
    evidence: &DoctorEvidence,
    findings: &mut Vec<DoctorFinding>,
) {
    let of = |code| DoctorFinding::of(code, "zookeeper.ssl.client.enable");
    if !kafka.tls {
        if kafka.tls_settings > 0 {
            findings.push(of(DoctorCode::TlsSettingsUnused).with("settings", kafka.tls_settings));
        }
        return;
    }
    findings.push(of(DoctorCode::TlsHidesTraffic));
    if !kafka.has_netty {
        findings.push(DoctorFinding::of(DoctorCode::TlsWithoutNetty, "zookeeper.clientCnxnSocket"));
    }
    // A four-letter word that is answered in the clear has met a port without TLS, or one that takes both. What other
    // clients connect to is no matter.
    let mut plain = answering(&evidence.servers).chain(answering(&evidence.entries));
    if let Some((server, _)) = plain.find(|(server, _)| client.connects_to(&server.server)) {
        findings.push(of(DoctorCode::TlsToPlainPort).with("address", server.server.to_string()));
    }
}
