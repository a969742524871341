//! What a scenario is played on: a release, what carries its clients' connections, and the kind of address that they use.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::ensemble::{Ensemble, Version};

const VERSIONS: [Version; 3] = [Version::V3_9_3, Version::V3_5_10, Version::V3_8_4];

/// Every combination of the three.
const COMBINATIONS: usize = VERSIONS.len() * 2 * 2;

/// Connections that a server takes from one address: enough for every scenario but the one that fills it.
pub(super) const CONNECTION_CAP: usize = 40;

/// The kind of address that clients come back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientWay {
    /// One address in front of all servers.
    Pooled,
    /// One address for each server.
    Mirrored,
}

/// Servers of one kind: scenarios that leave them whole share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerKind {
    version: Version,
    netty: bool,
    /// Whether elections go through relays as well. Servers that are down seem to accept there, which can make an
    /// election long: only for scenarios that part a server from all others.
    elections_relayed: bool,
}

impl ServerKind {
    /// The current line.
    pub(super) const fn current() -> Self {
        Self { version: Version::V3_9_3, netty: false, elections_relayed: false }
    }

    /// The same where servers are to be parted from all others.
    pub(super) fn parting(self, parting: bool) -> Self {
        Self { elections_relayed: parting, ..self }
    }

    /// An ensemble of this kind, with the paths between its servers under control.
    pub(super) fn start(self) -> Ensemble {
        self.start_with(&[])
    }

    /// The same with further settings.
    pub(super) fn start_with(self, settings: &[&str]) -> Ensemble {
        let plan = Ensemble::of([self.version; 3]).property("-Djute.maxbuffer=4194304");
        let plan = if self.elections_relayed { plan.relayed_elections() } else { plan.relayed_quorum() };
        let plan = plan.setting(&format!("maxClientCnxns={CONNECTION_CAP}"));
        let plan = settings.iter().fold(plan, |plan, line| plan.setting(line));
        if self.netty { plan.netty() } else { plan }.start()
    }
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.version, if self.netty { "Netty" } else { "NIO" })
    }
}

/// The combination of a scenario's number on a day: all are met in turn.
pub(super) fn combination(number: usize, day: usize) -> (ServerKind, ClientWay) {
    let turn = (number + day) % COMBINATIONS;
    let way = if turn / 6 == 0 { ClientWay::Pooled } else { ClientWay::Mirrored };
    (ServerKind { version: VERSIONS[turn % 3], netty: turn / 3 % 2 == 1, elections_relayed: false }, way)
}

/// Days since 1970.
pub(super) fn today() -> usize {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs() / 86_400);
    since.unwrap_or_default() as usize
}
