//! The connections that a worker carries, by their numbers, so that they can be given commands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use foldhash::fast::RandomState;
use tokio::sync::oneshot;

use super::claim_key::ClaimKey;
use super::relay_command::{CommandDelivery, RelayCommand};
use super::relay_handle::RelayHandle;
use crate::ids::{ConnectionId, ServerId};
use crate::lock::lock;
use crate::session::connection_end::DisconnectPoint;

/// Who may be told that the session has gone elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SessionHolder {
    /// A claim waits for its answer: nobody holds the session by it yet.
    Claiming,
    /// The client of a pooled connection, which holds the session by this.
    Pooled(Option<ClaimKey>),
    /// A mirrored connection is left alone: it is as its server's own port.
    Mirrored,
}

/// One connection of a worker.
#[derive(Debug)]
struct RegistryEntry {
    handle: RelayHandle,
    /// None while no server has been asked for it.
    server: Option<ServerId>,
    holder: SessionHolder,
    /// Those who wait to hear how an operator's wish has ended it. Boxed, as there is hardly ever one.
    #[expect(clippy::box_collection, reason = "an entry lives as long as its connection, and few are ever awaited")]
    awaited: Option<Box<Vec<oneshot::Sender<DisconnectPoint>>>>,
}

/// The connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct RelayRegistry {
    entries: Mutex<HashMap<ConnectionId, RegistryEntry, RandomState>>,
}

impl RelayRegistry {
    /// Adds a connection under its number; it is taken off when the result is dropped.
    pub(crate) fn enter(
        self: &Arc<Self>,
        number: ConnectionId,
        server: impl Into<Option<ServerId>>,
        holder: SessionHolder,
        handle: RelayHandle,
    ) -> RegisteredConnection {
        self.lock()
            .insert(number, RegistryEntry { handle: handle.clone(), server: server.into(), holder, awaited: None });
        RegisteredConnection { registry: Arc::clone(self), number, handle }
    }

    /// Connections that are relayed; claims that wait are not among them.
    pub(crate) fn len(&self) -> usize {
        self.lock().values().filter(|entry| entry.is_relayed()).count()
    }

    /// Has the connections to a server check it.
    pub(crate) fn check(&self, server: ServerId) {
        let entries = self.lock();
        for entry in entries.values().filter(|entry| entry.server == Some(server) && entry.is_relayed()) {
            entry.handle.send(RelayCommand::CheckServer);
        }
    }

    /// Sends a command to one pooled connection; with a key it only concerns a client's own connections.
    pub(crate) fn send(&self, number: ConnectionId, command: RelayCommand, key: Option<ClaimKey>) -> CommandDelivery {
        let entries = self.lock();
        let Some(entry) = entries.get(&number).filter(|entry| entry.is_relayed()) else {
            return CommandDelivery::NotHere;
        };
        match entry.holder {
            SessionHolder::Pooled(own) if key.is_none() || own == key => {
                entry.handle.send(command);
                CommandDelivery::Delivered
            }
            _ => CommandDelivery::NotConcerned,
        }
    }

    /// Says by what the client of a pooled connection holds its session, where that was not known when it was entered.
    pub(crate) fn hold(&self, number: ConnectionId, key: ClaimKey) {
        if let Some(RegistryEntry { holder: SessionHolder::Pooled(held @ None), .. }) = self.lock().get_mut(&number) {
            *held = Some(key);
        }
    }

    /// What the client of a pooled connection holds its session by; None where that is not known here.
    pub(crate) fn key(&self, number: ConnectionId) -> Option<ClaimKey> {
        match self.lock().get(&number)?.holder {
            SessionHolder::Pooled(key) => key,
            SessionHolder::Claiming | SessionHolder::Mirrored => None,
        }
    }

    /// Tells up to `most` relayed connections that were not told so before to end.
    pub(crate) fn end(&self, command: RelayCommand, most: usize) {
        let entries = self.lock();
        // Commands are ordered by urgency, so a connection that was told to end sooner is not told again.
        let untold = |entry: &&RegistryEntry| entry.is_relayed() && entry.handle.command() < command;
        for entry in entries.values().filter(untold).take(most) {
            entry.handle.send(command);
        }
    }

    /// Tells a connection, whosever it is, that an operator wants it to end; None when it is not here. The answer is
    /// how that ended it, or an error when it ended for another reason.
    pub(crate) fn disconnect(&self, number: ConnectionId) -> Option<oneshot::Receiver<DisconnectPoint>> {
        let (sender, receiver) = oneshot::channel();
        let mut entries = self.lock();
        let entry = entries.get_mut(&number)?;
        entry.awaited.get_or_insert_default().push(sender);
        entry.handle.send(RelayCommand::DisconnectAtBoundary);
        Some(receiver)
    }

    /// Tells a connection that an operator does not wait for a frame boundary any longer.
    pub(super) fn disconnect_now(&self, number: ConnectionId) {
        if let Some(entry) = self.lock().get(&number) {
            entry.handle.send(RelayCommand::DisconnectNow);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, RegistryEntry, RandomState>> {
        lock(&self.entries)
    }
}

impl RegistryEntry {
    /// Whether its claim was answered, or it has none.
    fn is_relayed(&self) -> bool {
        self.holder != SessionHolder::Claiming
    }
}

/// A connection's place in the registry, for as long as it is carried.
#[derive(Debug)]
pub(crate) struct RegisteredConnection {
    registry: Arc<RelayRegistry>,
    number: ConnectionId,
    handle: RelayHandle,
}

impl RegisteredConnection {
    /// The connection is relayed from now on, by this task.
    pub(crate) fn relayed(&self, holder: SessionHolder, waker: &Waker) {
        self.handle.wakes(waker);
        if let Some(entry) = self.registry.lock().get_mut(&self.number) {
            entry.holder = holder;
        }
    }

    /// Its mailbox.
    #[inline]
    pub(crate) fn handle(&self) -> &RelayHandle {
        &self.handle
    }

    /// Its number.
    #[inline]
    pub(crate) fn number(&self) -> ConnectionId {
        self.number
    }

    /// An operator's wish has ended it there.
    pub(crate) fn disconnected_at(&self, point: DisconnectPoint) {
        let awaited = self.registry.lock().get_mut(&self.number).and_then(|entry| entry.awaited.take());
        for sender in awaited.into_iter().flat_map(|all| *all) {
            // Whoever asked may wait no longer.
            let _ = sender.send(point);
        }
    }
}

impl Drop for RegisteredConnection {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.number);
    }
}

#[cfg(test)]
#[path = "relay_registry_tests.rs"]
mod tests;
