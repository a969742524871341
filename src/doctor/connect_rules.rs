//! The connect string of a client.

use std::collections::BTreeMap;

use super::DoctorEvidence;
use super::client_settings::{ClientKind, ClientSettings};
use super::code::DoctorCode;
use super::connect_reading::ConnectReading;
use super::finding::DoctorFinding;

pub(super) fn judge(client: &ClientSettings, evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    let subject = client.name("zookeeper.connect", "connect string");
    let of = |code| DoctorFinding::of(code, subject);
    let mut findings = Vec::new();
    let Some(connect) = &client.connect else {
        let is_kraft = client.kafka.as_ref().is_some_and(|kafka| kafka.has_roles);
        if client.kind == ClientKind::Kafka {
            findings.push(if is_kraft {
                DoctorFinding::of(DoctorCode::KraftOnly, "process.roles")
            } else {
                of(DoctorCode::ConnectStringMissing)
            });
        }
        return findings;
    };
    for part in &connect.wrong_parts {
        findings.push(of(DoctorCode::ConnectStringInvalid).with("part", *part).with("parts", connect.parts));
    }
    if connect.parts == 0 {
        findings.push(of(DoctorCode::ConnectStringMissing));
    }
    if connect.is_chroot_repeated {
        findings.push(of(DoctorCode::ChrootRepeated));
    } else if let Some(fault) = connect.chroot_fault {
        findings.push(of(DoctorCode::ChrootInvalid).with("fault", fault));
    } else if !connect.has_chroot && client.kind == ClientKind::Kafka {
        findings.push(of(DoctorCode::ChrootMissing));
    }
    judge_addresses(connect, subject, evidence, &mut findings);
    if findings.is_empty() {
        findings.push(of(DoctorCode::ConnectStringGood).with("addresses", connect.addresses.len()));
    }
    findings
}

fn judge_addresses(
    connect: &ConnectReading,
    subject: &str,
    evidence: &DoctorEvidence,
    findings: &mut Vec<DoctorFinding>,
) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for address in &connect.addresses {
        *times.entry(address.to_string()).or_default() += 1;
    }
    // A name with several addresses is tried as several by clients that look it up whole; Java's takes one at a time.
    if times.len() == 1 && evidence.servers.len() + evidence.entries.len() > 0 && connect.parts == 1 {
        findings.push(DoctorFinding::of(DoctorCode::SingleAddress, subject));
    }
    for (address, times) in times.into_iter().filter(|(_, times)| *times > 1) {
        findings.push(
            DoctorFinding::of(DoctorCode::AddressRepeated, subject).with("address", address).with("times", times),
        );
    }
}
