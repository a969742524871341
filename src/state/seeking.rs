//! Clients whose claim waits while no server has been asked for it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::quality::RandomState;

use super::rows::SeekingClient;
use crate::ids::ConnectionId;
use crate::lock::lock;

/// Such clients by their connections; at most as many as may be connected.
#[derive(Debug, Default)]
pub(super) struct SeekingClients {
    clients: Mutex<HashMap<ConnectionId, SeekingClient, RandomState>>,
    /// How many there were since that was last asked.
    held: AtomicU32,
}

/// A client for which no server has been asked yet, for as long as this lives.
#[derive(Debug)]
pub struct SeekingClaim<'a> {
    clients: &'a SeekingClients,
    connection: ConnectionId,
}

impl Drop for SeekingClaim<'_> {
    fn drop(&mut self) {
        lock(&self.clients.clients).remove(&self.connection);
    }
}

impl SeekingClients {
    /// Lists one for as long as what this returns lives.
    pub(super) fn add(&self, client: SeekingClient) -> SeekingClaim<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        lock(&self.clients).insert(client.connection, client);
        SeekingClaim { clients: self, connection: client.connection }
    }

    /// How many were listed since this was last asked.
    pub(super) fn take_held(&self) -> u32 {
        self.held.swap(0, Ordering::Relaxed)
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> Vec<SeekingClient> {
        lock(&self.clients).values().copied().collect()
    }

    /// One of them.
    pub(super) fn get(&self, connection: ConnectionId) -> Option<SeekingClient> {
        lock(&self.clients).get(&connection).copied()
    }
}
