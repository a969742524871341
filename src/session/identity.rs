//! Who holds a session, as far as the traffic shows.
//!
//! Kafka brokers register an ephemeral `/brokers/ids/N`, the controller an ephemeral `/controller` (`KafkaZkClient`),
//! both perhaps under a chroot: two clusters have each a broker 1. This is what the traffic says and no proof: anybody
//! who may write there can make such a node. ClickHouse servers are identified by the nodes that they write. Others are
//! named by their first ephemeral node.

use std::fmt;

use super::clickhouse::ClickHouseServer;
use super::short_path::ShortPath;

/// The holder of a session. Ordered by how much it says: a later one replaces an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HolderIdentity {
    /// The path of the first ephemeral node that the session made.
    Ephemeral(ShortPath),
    /// A ClickHouse server.
    ClickHouse(ClickHouseServer),
    /// A Kafka broker.
    Broker {
        /// Where its cluster lives.
        chroot: ShortPath,
        /// Its number.
        number: u32,
    },
    /// A Kafka controller.
    Controller {
        /// Where its cluster lives.
        chroot: ShortPath,
        /// Which broker it is, when that is known.
        broker: Option<u32>,
    },
}

impl HolderIdentity {
    /// What an ephemeral node says about the session that made it; None for one that comes and goes.
    pub fn of_ephemeral(path: &[u8]) -> Option<Self> {
        if let Some(chroot) = controller_chroot(path) {
            return Some(Self::Controller { chroot: ShortPath::new(chroot), broker: None });
        }
        if let Some(server) = ClickHouseServer::of_ephemeral(path) {
            return Some(Self::ClickHouse(server));
        }
        let other = || (!ClickHouseServer::is_passing(path)).then(|| Self::Ephemeral(ShortPath::new(path)));
        broker_of(path).or_else(other)
    }

    /// A broker of a cluster without a chroot.
    pub fn broker(number: u32) -> Self {
        Self::Broker { chroot: ShortPath::new(b""), number }
    }

    /// The node that tells of it, as far as one does.
    pub fn node(&self) -> ShortPath {
        let below = |chroot: &ShortPath, rest: &str| ShortPath::new(&[chroot.as_bytes(), rest.as_bytes()].concat());
        match self {
            Self::Ephemeral(path) => *path,
            Self::ClickHouse(server) => ShortPath::new(server.to_string().as_bytes()),
            Self::Broker { chroot, number } => below(chroot, &format!("/brokers/ids/{number}")),
            Self::Controller { chroot, .. } => below(chroot, "/controller"),
        }
    }

    /// What is left of it when it is a controller no longer.
    #[must_use]
    pub fn without_role(self) -> Self {
        match self {
            Self::Controller { chroot, broker: Some(number) } => Self::Broker { chroot, number },
            Self::Controller { chroot, broker: None } => {
                Self::Ephemeral(ShortPath::new(&[chroot.as_bytes(), CONTROLLER].concat()))
            }
            other => other,
        }
    }

    /// What a node says that a session writes among its first requests.
    pub fn of_session_node(path: &[u8]) -> Option<Self> {
        ClickHouseServer::of_session_node(path).map(Self::ClickHouse)
    }

    /// What is known after both were seen on one session.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Controller { chroot, broker: None }, Self::Broker { chroot: other, number })
            | (Self::Broker { chroot: other, number }, Self::Controller { chroot, broker: None })
                // Two clusters under different chroots may have a broker of one number: only within one chroot is it
                // the same.
                if chroot == other =>
            {
                Self::Controller { chroot, broker: Some(number) }
            }
            // The first one stays, so that the name of a session does not change with every lock that it takes.
            (Self::Ephemeral(_), Self::Ephemeral(_)) => self,
            (Self::ClickHouse(one), Self::ClickHouse(other)) => Self::ClickHouse(one.join(other)),
            _ => self.max(other),
        }
    }
}

/// The node of a controller, below its cluster's chroot.
const CONTROLLER: &[u8] = b"/controller";

/// The chroot of a cluster whose controller's node this is.
pub(super) fn controller_chroot(path: &[u8]) -> Option<&[u8]> {
    path.strip_suffix(CONTROLLER)
}

fn broker_of(path: &[u8]) -> Option<HolderIdentity> {
    let (parents, number) = std::str::from_utf8(path).ok()?.rsplit_once('/')?;
    let chroot = ShortPath::new(parents.strip_suffix("/brokers/ids")?.as_bytes());
    Some(HolderIdentity::Broker { chroot, number: number.parse().ok()? })
}

/// ` in /kafka`, or nothing.
struct InChroot(ShortPath);

impl fmt::Display for InChroot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_bytes().is_empty() { Ok(()) } else { write!(f, " in {}", self.0) }
    }
}

impl fmt::Display for HolderIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ephemeral(path) => fmt::Display::fmt(path, f),
            Self::ClickHouse(server) => fmt::Display::fmt(server, f),
            Self::Broker { chroot, number } => write!(f, "broker-{number}{}", InChroot(*chroot)),
            Self::Controller { chroot, broker: Some(number) } => {
                write!(f, "broker-{number}{} (controller)", InChroot(*chroot))
            }
            Self::Controller { chroot, broker: None } => write!(f, "controller{}", InChroot(*chroot)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &[u8]) -> HolderIdentity {
        HolderIdentity::of_ephemeral(path).expect("a node that stays")
    }

    #[test]
    fn brokers_and_controllers_are_named_under_any_chroot() {
        assert_eq!(named(b"/brokers/ids/7").to_string(), "broker-7");
        assert_eq!(named(b"/kafka/a/brokers/ids/12").to_string(), "broker-12 in /kafka/a");
        assert_ne!(named(b"/evil/brokers/ids/7"), named(b"/brokers/ids/7"));
        assert_eq!(named(b"/controller").to_string(), "controller");
        assert_eq!(named(b"/kafka/controller").to_string(), "controller in /kafka");
        assert_eq!(named(b"/xbrokers/ids/7").to_string(), "/xbrokers/ids/7");
        assert_eq!(named(b"/brokers/ids/seven").to_string(), "/brokers/ids/seven");
    }

    #[test]
    fn the_more_telling_one_stays() {
        let lock = named(b"/locks/a");
        assert_eq!(lock.join(named(b"/locks/b")), lock);
        assert_eq!(lock.join(HolderIdentity::broker(1)), HolderIdentity::broker(1));
        let controller = HolderIdentity::broker(1).join(named(b"/controller"));
        assert_eq!(controller.to_string(), "broker-1 (controller)");
        assert_eq!(controller.join(HolderIdentity::broker(1)), controller);
        assert_eq!(HolderIdentity::broker(1).join(named(b"/other/controller")).to_string(), "controller in /other");
        let replica = named(b"/clickhouse/tables/1/t/replicas/r1/is_active");
        assert_eq!(lock.join(replica), replica);
    }

    #[test]
    fn a_role_ends_and_leaves_who_had_it() {
        let controller = named(b"/kafka/controller");
        assert_eq!(controller.without_role().to_string(), "/kafka/controller");
        let broker = named(b"/kafka/brokers/ids/3");
        assert_eq!(broker.join(controller).without_role(), broker);
        assert_eq!(broker.without_role(), broker);
    }
}
