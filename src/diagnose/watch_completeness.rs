//! How much of what happens zoogate can see.

use super::ensemble_watch::EnsembleWatch;
use crate::session::probe_result::ServerHealth;

/// How much of what happened can have been seen, as it was known at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WatchCompleteness {
    /// Connections of clients that do not come through zoogate, of all servers that tell; None where none does.
    pub bypassing: Option<u64>,
    /// Servers that were found serving or not.
    pub servers_seen: u32,
    /// Servers that are configured.
    pub servers: u32,
}

impl WatchCompleteness {
    /// As it is now.
    pub fn of(watch: &EnsembleWatch) -> Self {
        let bypassing = watch.servers().filter_map(|(_, server)| server.bypassing());
        let seen = watch.servers().filter(|(_, server)| server.health() != ServerHealth::Unknown).count();
        Self {
            bypassing: bypassing.reduce(u64::saturating_add),
            servers_seen: seen as u32,
            servers: watch.servers().count() as u32,
        }
    }
}
