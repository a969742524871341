//! Clients whose claim waits while no server has been asked for it.

use std::collections::HashMap;
use std::sync::Mutex;

use foldhash::quality::RandomState;

use super::TrafficState;
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

impl TrafficState {
    /// Lists a client whose claim waits while no server has been asked for it.
    pub fn seeking_claim(&self, client: SeekingClient) -> SeekingClaim<'_> {
        let clients = self.seeking_clients();
        lock(&clients.0).insert(client.connection, client);
        SeekingClaim { clients, connection: client.connection }
    }

    /// Clients for which no server has been asked yet, in no order.
    pub(super) fn seeking(&self) -> Vec<SeekingClient> {
        lock(&self.seeking_clients().0).values().copied().collect()
    }

    /// One of them.
    pub(super) fn seeking_one(&self, connection: ConnectionId) -> Option<SeekingClient> {
        lock(&self.seeking_clients().0).get(&connection).copied()
    }
}
