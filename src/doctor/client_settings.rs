//! The settings of a client that matter for ZooKeeper.

use super::connect_reading::ConnectReading;
use crate::config::ServerAddress;

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

    /// Whether an address is in its connect string.
    pub(super) fn connects_to(&self, address: &ServerAddress) -> bool {
        self.connect.as_ref().is_some_and(|connect| connect.addresses.contains(address))
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

/// What only a Kafka broker has. No value that may be a secret is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that Kafka has, or whether a setting is there")]
pub struct KafkaSettings {
    /// Settings for ZooKeeper that were read.
    pub settings: usize,
    /// `zookeeper.set.acl`.
    pub set_acl: bool,
    /// Whether a JAAS file is named in KAFKA_OPTS and SASL is not turned off there.
    pub has_login: bool,
    /// Whether nobody has said what is in KAFKA_OPTS.
    pub options_untold: bool,
    /// `zookeeper.ssl.client.enable`.
    pub tls: bool,
    /// Whether `zookeeper.clientCnxnSocket` names the class that can do TLS.
    pub has_netty: bool,
    /// Whether a key store is given.
    pub has_keystore: bool,
    /// TLS settings beside the switch.
    pub tls_settings: usize,
    /// `zookeeper.max.in.flight.requests`.
    pub max_in_flight: Option<u64>,
    /// `zookeeper.metadata.migration.enable`.
    pub migration: bool,
    /// Whether `process.roles` is set: a node in KRaft mode.
    pub has_roles: bool,
    /// Whether the KRaft controllers are named.
    pub has_quorum: bool,
    /// Whether their listeners are.
    pub has_controller_listeners: bool,
}
