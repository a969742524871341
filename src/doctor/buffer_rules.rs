//! The longest frame of a client against what servers send and take.

use super::client_settings::ClientSettings;
use super::code::DoctorCode;
use super::finding::DoctorFinding;

/// What servers take at most, unless they are told otherwise (`BinaryInputArchive.maxBuffer`).
const SERVER_TAKES: u64 = 0x000f_ffff;
/// What Kafka gives its client unless it is set (`KafkaZkClient.apply`).
const KAFKA_TAKES: u64 = 4 << 20;

pub(super) fn judge(client: &ClientSettings) -> Vec<DoctorFinding> {
    let code = match client.max_buffer {
        Some(buffer) if buffer < SERVER_TAKES => DoctorCode::BufferSmall,
        Some(buffer) if buffer > KAFKA_TAKES => DoctorCode::BufferLarge,
        _ => return Vec::new(),
    };
    let buffer = client.max_buffer.unwrap_or_default();
    vec![DoctorFinding::of(code, "jute.maxbuffer").with("buffer", buffer)]
}
