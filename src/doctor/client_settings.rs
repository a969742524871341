//! The settings of a client that matter for ZooKeeper.

use super::connect_reading::ConnectReading;
use super::kafka_settings::KafkaSettings;

/// What kind of client has the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClientKind {
    /// A Kafka broker, by its own file or variables.
    Kafka,
    /// Any other, by what was said on the command line.
    #[default]
    Other,
}

/// The settings of a client.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientSettings {
    /// What kind of client it is.
    pub kind: ClientKind,
    /// Its connect string; None where none is given.
    pub connect: Option<ConnectReading>,
    /// The session timeout that it asks for, in milliseconds.
    pub session_timeout_ms: Option<u64>,
    /// How long it waits for its first connection, in milliseconds.
    pub connection_timeout_ms: Option<u64>,
    /// The longest frame that it takes or sends, in bytes (`jute.maxbuffer`).
    pub max_buffer: Option<u64>,
    /// What only a Kafka broker has.
    pub kafka: Option<KafkaSettings>,
}

impl ClientSettings {
    /// How many addresses it chooses from; each is one, whatever its name stands for.
    pub fn addresses(&self) -> usize {
        self.connect.as_ref().map_or(0, |connect| connect.addresses.len())
    }

    /// The name of a setting as this client has it.
    pub(super) fn name(&self, kafka: &'static str, other: &'static str) -> &'static str {
        match self.kind {
            ClientKind::Kafka => kafka,
            ClientKind::Other => other,
        }
    }

    /// The part of its session timeout that a Java client gives each address, in milliseconds.
    pub fn share_ms(&self) -> Option<u64> {
        let addresses = self.addresses() as u64;
        self.session_timeout_ms.filter(|_| addresses > 0).map(|timeout| timeout / addresses)
    }
}
