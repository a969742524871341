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

/// One connection of a worker. There are as many as sessions, and their table has room for twice as many.
#[derive(Debug)]
struct RegistryEntry {
    handle: RelayHandle,
    /// None while no server has been asked for it.
    server: Option<ServerId>,
    held: HeldBy,
    /// What its client proves that the session is its own by, where it is held by that.
    proof: u64,
}

/// A [`SessionHolder`] without its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum HeldBy {
    Claiming,
    Unproven,
    Proven,
    Mirrored,
}

/// All of a worker.
#[derive(Debug, Default)]
struct RegistryEntries {
    connections: HashMap<ConnectionId, RegistryEntry, RandomState>,
    /// Those who wait to hear how an operator's wish has ended a connection; there is hardly ever one.
    awaited: HashMap<ConnectionId, Vec<oneshot::Sender<DisconnectPoint>>, RandomState>,
}

/// The connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct RelayRegistry {
    entries: Mutex<RegistryEntries>,
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
        let mut entry =
            RegistryEntry { handle: handle.clone(), server: server.into(), held: HeldBy::Claiming, proof: 0 };
        entry.hold(holder);
        self.lock().connections.insert(number, entry);
        RegisteredConnection { registry: Arc::clone(self), number, handle }
    }

    /// Connections that are relayed; claims that wait are not among them.
    pub(crate) fn len(&self) -> usize {
        self.lock().connections.values().filter(|entry| entry.is_relayed()).count()
    }

    /// Has the connections to a server check it.
    pub(crate) fn check(&self, server: ServerId) {
        let entries = self.lock();
        for entry in entries.connections.values().filter(|entry| entry.server == Some(server) && entry.is_relayed()) {
            entry.handle.send(RelayCommand::CheckServer);
        }
    }

    /// Sends a command to one pooled connection; with a key it only concerns a client's own connections.
    pub(crate) fn send(&self, number: ConnectionId, command: RelayCommand, key: Option<ClaimKey>) -> CommandDelivery {
        let entries = self.lock();
        let Some(entry) = entries.connections.get(&number).filter(|entry| entry.is_relayed()) else {
            return CommandDelivery::NotHere;
        };
        let is_pooled = matches!(entry.held, HeldBy::Proven | HeldBy::Unproven);
        if !is_pooled || key.is_some_and(|key| entry.proof() != Some(key.proof)) {
            return CommandDelivery::NotConcerned;
        }
        entry.handle.send(command);
        CommandDelivery::Delivered
    }

    /// Says by what the client of a pooled connection holds its session, where that was not known when it was entered.
    pub(crate) fn hold(&self, number: ConnectionId, key: ClaimKey) {
        let mut entries = self.lock();
        let unproven = entries.connections.get_mut(&number).filter(|entry| entry.held == HeldBy::Unproven);
        if let Some(entry) = unproven {
            entry.hold(SessionHolder::Pooled(Some(key)));
        }
    }

    /// What the client of a pooled connection proves that its session is its own by ([`ClaimKey::proof`]); None where
    /// that is not known here.
    pub(crate) fn proof(&self, number: ConnectionId) -> Option<u64> {
        self.lock().connections.get(&number)?.proof()
    }

    /// Tells up to `most` relayed connections that were not told so before to end.
    pub(crate) fn end(&self, command: RelayCommand, most: usize) {
        let entries = self.lock();
        // Commands are ordered by urgency, so a connection that was told to end sooner is not told again.
        let untold = |entry: &&RegistryEntry| entry.is_relayed() && entry.handle.command() < command;
        for entry in entries.connections.values().filter(untold).take(most) {
            entry.handle.send(command);
        }
    }

    /// Tells a connection, whosever it is, that an operator wants it to end; None when it is not here. The answer is
    /// how that ended it, or an error when it ended for another reason.
    pub(crate) fn disconnect(&self, number: ConnectionId) -> Option<oneshot::Receiver<DisconnectPoint>> {
        let (sender, receiver) = oneshot::channel();
        let mut entries = self.lock();
        entries.connections.get(&number)?.handle.send(RelayCommand::DisconnectAtBoundary);
        entries.awaited.entry(number).or_default().push(sender);
        Some(receiver)
    }

    /// Tells a connection that an operator does not wait for a frame boundary any longer.
    pub(super) fn disconnect_now(&self, number: ConnectionId) {
        if let Some(entry) = self.lock().connections.get(&number) {
            entry.handle.send(RelayCommand::DisconnectNow);
        }
    }

    fn lock(&self) -> MutexGuard<'_, RegistryEntries> {
        lock(&self.entries)
    }
}

impl RegistryEntry {
    /// Whether its claim was answered, or it has none.
    fn is_relayed(&self) -> bool {
        self.held != HeldBy::Claiming
    }

    fn hold(&mut self, holder: SessionHolder) {
        (self.held, self.proof) = match holder {
            SessionHolder::Claiming => (HeldBy::Claiming, 0),
            SessionHolder::Pooled(None) => (HeldBy::Unproven, 0),
            SessionHolder::Pooled(Some(key)) => (HeldBy::Proven, key.proof),
            SessionHolder::Mirrored => (HeldBy::Mirrored, 0),
        };
    }

    fn proof(&self) -> Option<u64> {
        (self.held == HeldBy::Proven).then_some(self.proof)
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
        if let Some(entry) = self.registry.lock().connections.get_mut(&self.number) {
            entry.hold(holder);
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
        let awaited = self.registry.lock().awaited.remove(&self.number);
        for sender in awaited.into_iter().flatten() {
            // Whoever asked may wait no longer.
            let _ = sender.send(point);
        }
    }
}

impl Drop for RegisteredConnection {
    fn drop(&mut self) {
        let mut entries = self.registry.lock();
        entries.connections.remove(&self.number);
        if !entries.awaited.is_empty() {
            entries.awaited.remove(&self.number);
        }
    }
}

#[cfg(test)]
#[path = "relay_registry_tests.rs"]
mod tests;
