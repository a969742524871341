//! How many descriptors the process may have, and so how many clients it can carry.
//!
//! A proxy without a descriptor left cannot look at its servers, and would take them all for dead. Clients are
//! therefore let in only as far as there is room for everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::claim_registry::CONNECTIONS_WATCHED;
use crate::config::Settings;

/// A client's connection and its server's.
pub(crate) const PER_CLIENT: u64 = 2;
/// The log, the look-ups of names, the admin address and its readers, what the libraries open for themselves.
pub(crate) const RESERVED_DESCRIPTORS: u64 = 48;
/// One in this many is kept for the connections of claims left behind.
pub(crate) const LEFT_CLAIMS_SHARE: u64 = 256;
/// A worker's event queue, its wake-up, its signals.
pub(crate) const PER_WORKER: u64 = 4;
/// A prober's connection, the next one while the last one closes, and one that asks for details.
pub(crate) const PER_SERVER: u64 = 3;

/// What there is room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DescriptorRoom {
    /// Clients: never more than were asked for, never less than one.
    pub(in crate::proxy) clients: usize,
    /// Connections of claims that were left behind.
    pub(super) left_claims: usize,
}

/// Raises the limit as far as the system allows, and returns what there is room for then.
pub(super) fn room_for(settings: &Settings) -> DescriptorRoom {
    let limit = raise();
    let wanted = settings.connections.max.get();
    let places = room(limit, settings).clamp(1, wanted);
    if places < wanted {
        tracing::info!(limit, clients = places, "the descriptor limit allows fewer clients than connections.max");
    }
    DescriptorRoom { clients: places, left_claims: left_claims(limit) as usize }
}

fn left_claims(limit: u64) -> u64 {
    (limit / LEFT_CLAIMS_SHARE).min(CONNECTIONS_WATCHED)
}

fn room(limit: u64, settings: &Settings) -> usize {
    let workers = settings.workers.get() as u64;
    let listeners = settings.listeners.len() as u64 * (workers + 1);
    let house = RESERVED_DESCRIPTORS
        + left_claims(limit)
        + PER_WORKER * workers
        + PER_SERVER * settings.servers.len() as u64
        + listeners;
    usize::try_from(limit.saturating_sub(house) / PER_CLIENT).unwrap_or(usize::MAX)
}

/// Raises the soft limit to the hard one; returns what holds then.
fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = &raised {
        tracing::debug!(%error, "could not raise the descriptor limit");
    }
    // None stands for no limit.
    if raised.is_ok() { maximum } else { current }.unwrap_or(u64::MAX)
}
