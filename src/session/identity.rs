//! Who holds a session, as far as the traffic tells.
//!
//! Kafka brokers register an ephemeral `/brokers/ids/N`, the controller an ephemeral `/controller`
//! (`KafkaZkClient`), both perhaps under a chroot. ClickHouse servers are told by the nodes that they write. Others are
//! named by their first ephemeral node.

use std::fmt;

use super::clickhouse::ClickHouseServer;

/// Longest path that is kept of an identity, in bytes.
pub const IDENTITY_PATH_CAP: usize = 128;

/// The holder of a session. Ordered by how much it says: a later one replaces an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Identity {
    /// The path of the first ephemeral node that the session made.
    Ephemeral(ShortPath),
    /// A ClickHouse server.
    ClickHouse(ClickHouseServer),
    /// Kafka broker of this number.
    Broker(u32),
    /// A Kafka controller, and which broker it is when that is known.
    Controller(Option<u32>),
}

/// The first bytes of a path, kept in place so that an identity needs no allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortPath {
    len: u8,
    bytes: [u8; IDENTITY_PATH_CAP],
}

impl ShortPath {
    /// Keeps the first [`IDENTITY_PATH_CAP`] bytes.
    pub fn new(path: &[u8]) -> Self {
        let len = path.len().min(IDENTITY_PATH_CAP);
        let mut bytes = [0; IDENTITY_PATH_CAP];
        bytes[..len].copy_from_slice(&path[..len]);
        Self { len: len as u8, bytes }
    }

    /// The bytes that are kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for ShortPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for ShortPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Identity {
    /// What an ephemeral node says about the session that made it; None for one that comes and goes.
    pub fn of_ephemeral(path: &[u8]) -> Option<Self> {
        if path.ends_with(b"/controller") {
            return Some(Self::Controller(None));
        }
        if let Some(server) = ClickHouseServer::of_ephemeral(path) {
            return Some(Self::ClickHouse(server));
        }
        let other = || (!ClickHouseServer::is_passing(path)).then(|| Self::Ephemeral(ShortPath::new(path)));
        broker_number(path).map(Self::Broker).or_else(other)
    }

    /// What a node says that a session writes among its first requests.
    pub fn of_session_node(path: &[u8]) -> Option<Self> {
        ClickHouseServer::of_session_node(path).map(Self::ClickHouse)
    }

    /// What is known after both were seen on one session.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Controller(None), Self::Broker(broker)) | (Self::Broker(broker), Self::Controller(None)) => {
                Self::Controller(Some(broker))
            }
            (Self::Ephemeral(_), Self::Ephemeral(_)) => self,
            (Self::ClickHouse(one), Self::ClickHouse(other)) => Self::ClickHouse(one.join(other)),
            _ => self.max(other),
        }
    }
}

fn broker_number(path: &[u8]) -> Option<u32> {
    let path = std::str::from_utf8(path).ok()?;
    let (parents, number) = path.rsplit_once('/')?;
    parents.ends_with("/brokers/ids").then(|| number.parse().ok())?
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ephemeral(path) => fmt::Display::fmt(path, f),
            Self::ClickHouse(server) => fmt::Display::fmt(server, f),
            Self::Broker(number) => write!(f, "broker-{number}"),
            Self::Controller(Some(number)) => write!(f, "broker-{number} (controller)"),
            Self::Controller(None) => f.write_str("controller"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &[u8]) -> Identity {
        Identity::of_ephemeral(path).expect("a node that stays")
    }

    #[test]
    fn brokers_and_controllers_are_named_under_any_chroot() {
        assert_eq!(named(b"/brokers/ids/7").to_string(), "broker-7");
        assert_eq!(named(b"/kafka/a/brokers/ids/12"), Identity::Broker(12));
        assert_eq!(named(b"/kafka/controller").to_string(), "controller");
        assert_eq!(named(b"/xbrokers/ids/7").to_string(), "/xbrokers/ids/7");
        assert_eq!(named(b"/brokers/ids/seven").to_string(), "/brokers/ids/seven");
    }

    #[test]
    fn the_more_telling_one_stays() {
        let lock = named(b"/locks/a");
        assert_eq!(lock.join(named(b"/locks/b")), lock);
        assert_eq!(lock.join(Identity::Broker(1)), Identity::Broker(1));
        let controller = Identity::Broker(1).join(Identity::Controller(None));
        assert_eq!(controller.to_string(), "broker-1 (controller)");
        assert_eq!(controller.join(Identity::Broker(1)), controller);
        let replica = named(b"/clickhouse/tables/1/t/replicas/r1/is_active");
        assert_eq!(lock.join(replica), replica);
    }
}
