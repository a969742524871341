//! How many descriptors the process may have, and so how many clients it can carry.
//!
//! A proxy without a descriptor left cannot look at its servers, and would take them all for dead. Clients are
//! therefore let in only as far as there is room for everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// A client's connection and its server's.
const PER_CLIENT: u64 = 2;
/// The log, the look-ups of names, the admin address and its readers, what the libraries open for themselves.
const HOUSE: u64 = 48;
/// A worker's event queue, its wake-up, its signals.
const PER_WORKER: u64 = 4;
/// A prober's connection, and the next one while the last one closes.
const PER_SERVER: u64 = 2;

/// Raises the limit as far as the system allows, and returns the number of clients that have room: never more
/// than were asked for, never less than one.
pub(super) fn places(settings: &Settings) -> usize {
    let limit = raise();
    let wanted = settings.connections.max.get();
    let places = room(limit, settings).clamp(1, wanted);
    if places < wanted {
        tracing::info!(limit, clients = places, "the descriptor limit leaves room for fewer clients than allowed");
    }
    places
}

fn room(limit: u64, settings: &Settings) -> usize {
    let workers = settings.workers.get() as u64;
    let listeners = settings.listeners.len() as u64 * (workers + 1);
    let house = HOUSE + PER_WORKER * workers + PER_SERVER * settings.servers.len() as u64 + listeners;
    usize::try_from(limit.saturating_sub(house) / PER_CLIENT).unwrap_or(usize::MAX)
}

/// Raises the soft limit to the hard one; returns what holds then.
fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = &raised {
        tracing::debug!(%error, "descriptor limit not raised");
    }
    // None stands for no limit.
    if raised.is_ok() { maximum } else { current }.unwrap_or(u64::MAX)
}
