//! Clients whose claim waits while no server has been asked for it.

use std::collections::HashMap;
use std::sync::Mutex;

use foldhash::quality::RandomState;

use super::rows::SeekingClient;
use crate::ids::ConnectionId;
use crate::lock::lock;

/// Such clients by their connections; at most as many as may be connected.
#[derive(Debug, Default)]
pub(super) struct SeekingClients(Mutex<HashMap<ConnectionId, SeekingClient, RandomState>>);

/// A client for which no server has been asked yet, for as long as this lives.
#[derive(Debug)]
pub struct SeekingClaim<'a> {
    clients: &'a SeekingClients,
    connection: ConnectionId,
}

impl Drop for SeekingClaim<'_> {
    fn drop(&mut self) {
        lock(&self.clients.0).remove(&self.connection);
    }
}

impl SeekingClients {
    /// Lists one for as long as what this returns lives.
    pub(super) fn add(&self, client: SeekingClient) -> SeekingClaim<'_> {
        lock(&self.0).insert(client.connection, client);
        SeekingClaim { clients: self, connection: client.connection }
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> Vec<SeekingClient> {
        lock(&self.0).values().copied().collect()
    }

    /// One of them.
    pub(super) fn get(&self, connection: ConnectionId) -> Option<SeekingClient> {
        lock(&self.0).get(&connection).copied()
    }
}
