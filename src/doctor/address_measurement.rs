//! What was measured of a server: its name, each of its addresses, and what it tells there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::server_lines::MemberCount;
use crate::config::ServerAddress;
use crate::diagnose::ServerDetails;
use crate::ids::Zxid;
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};

/// How attempts of one kind went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AttemptTimes {
    /// Times of those that succeeded, in order of time.
    pub times: Vec<Duration>,
    /// How many failed.
    pub failures: usize,
}

impl AttemptTimes {
    /// How many there were.
    pub fn tries(&self) -> usize {
        self.times.len() + self.failures
    }

    /// The one in the middle of those that succeeded.
    pub fn median(&self) -> Option<Duration> {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// The longest of those that succeeded.
    pub fn worst(&self) -> Option<Duration> {
        self.times.iter().max().copied()
    }
}

/// How the look-up of a name went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NameLookup {
    /// How long it took.
    pub took: Duration,
    /// Why there is no address; None where there is one.
    pub failure: Option<String>,
}

/// One answer that told a role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoleSighting {
    /// When it was asked, from the beginning of all measurements.
    pub asked: Duration,
    /// When its answer was there.
    pub answered: Duration,
    /// The role.
    pub role: ServerRole,
    /// Its last transaction, where it told that.
    pub zxid: Option<Zxid>,
}

/// What was measured of one address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressMeasurement {
    /// The address.
    pub address: SocketAddr,
    /// TCP connects.
    pub connects: AttemptTimes,
    /// Questions and their answers, on connections that stood.
    pub answers: AttemptTimes,
    /// What the last attempt showed.
    pub last: ProbeResult,
    /// Whether its last answer was no ZooKeeper's.
    pub is_strange: bool,
    /// Whether its last answer was a TLS alert, or it waits for TLS.
    pub is_tls: bool,
    /// Answers that told a role, oldest first.
    pub sightings: Vec<RoleSighting>,
    /// What it tells of itself.
    pub details: ServerDetails,
    /// Its number, as told at several questions: several for one address where that stands for several servers.
    pub myids: BTreeSet<u64>,
    /// The members of the ensemble, as its configuration has them.
    pub members: Option<MemberCount>,
    /// Words that it does not allow.
    pub refused: BTreeSet<&'static str>,
    /// The most connections of one client address, the measuring one's left out.
    pub most_of_one: Option<u64>,
}

impl AddressMeasurement {
    /// Nothing was measured yet.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connects: AttemptTimes::default(),
            answers: AttemptTimes::default(),
            last: ProbeResult::of(ServerHealth::Unknown),
            is_strange: false,
            is_tls: false,
            sightings: Vec::new(),
            details: ServerDetails::default(),
            myids: BTreeSet::new(),
            members: None,
            refused: BTreeSet::new(),
            most_of_one: None,
        }
    }

    /// Whether it ever answered what a ZooKeeper answers.
    pub fn has_answered(&self) -> bool {
        !self.answers.times.is_empty() && !self.is_strange && !self.is_tls
    }

    /// Whether it serves, as far as its last answer says.
    pub fn serves(&self) -> bool {
        self.has_answered() && self.last.health == ServerHealth::Serving
    }

    /// Its version.
    pub fn version(&self) -> Option<&str> {
        self.details.version.as_deref()
    }
}

/// What was measured of one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerMeasurement {
    /// The server, as it was named.
    pub server: ServerAddress,
    /// Its name.
    pub lookup: NameLookup,
    /// Its addresses.
    pub addresses: Vec<AddressMeasurement>,
}

impl ServerMeasurement {
    /// The address that tells most: one that serves, otherwise one that answers, otherwise the first.
    pub fn best(&self) -> Option<&AddressMeasurement> {
        let by = |wanted: fn(&AddressMeasurement) -> bool| self.addresses.iter().find(|address| wanted(address));
        by(AddressMeasurement::serves).or_else(|| by(AddressMeasurement::has_answered)).or(self.addresses.first())
    }

    /// Whether it serves at one of its addresses.
    pub fn serves(&self) -> bool {
        self.addresses.iter().any(AddressMeasurement::serves)
    }

    /// Its role, where it serves.
    pub fn role(&self) -> Option<ServerRole> {
        self.best().filter(|best| best.serves()).map(|best| best.last.role)
    }
}

/// Addresses that answer, of all servers.
pub(super) fn answering(
    servers: &[ServerMeasurement],
) -> impl Iterator<Item = (&ServerMeasurement, &AddressMeasurement)> {
    let best = servers.iter().filter_map(|server| Some((server, server.best()?)));
    best.filter(|(_, address)| address.has_answered())
}
