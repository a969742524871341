//! The bursts of all servers: those that are open, and what the last ones have shown.

use std::collections::BTreeMap;
use std::time::Duration;

use super::burst_cause::{BurstCause, ServerDeparture};
use super::disconnect_burst::{BURST_LONGEST, DisconnectBurst, OtherBursts};
use super::ensemble_state::EnsembleState;
use crate::ids::{ConnectionId, ServerId};
use crate::time::Timestamp;

/// At most one open burst and one departure a server.
#[derive(Debug, Default)]
pub(super) struct ServerBursts {
    open: BTreeMap<ServerId, DisconnectBurst>,
    departures: BTreeMap<ServerId, ServerDeparture>,
    /// When a burst began that was found to be a lost leader's.
    leader_lost_at: Option<Timestamp>,
}

impl ServerBursts {
    pub(super) fn get(&self, server: ServerId) -> Option<&DisconnectBurst> {
        self.open.get(&server)
    }

    pub(super) fn get_mut(&mut self, server: ServerId) -> Option<&mut DisconnectBurst> {
        self.open.get_mut(&server)
    }

    pub(super) fn begin(&mut self, server: ServerId, burst: DisconnectBurst) {
        self.open.insert(server, burst);
    }

    /// Gives every burst that much longer: zoogate itself stood still.
    pub(super) fn allow(&mut self, more: Duration) {
        self.open.values_mut().for_each(|burst| burst.allow(more));
    }

    /// The servers with a burst.
    pub(super) fn servers(&self) -> Vec<ServerId> {
        self.open.keys().copied().collect()
    }

    /// The servers whose burst is to be looked at now.
    pub(super) fn due(&self, now: Timestamp) -> Vec<ServerId> {
        self.open.iter().filter(|(_, burst)| burst.is_due(now)).map(|(server, _)| *server).collect()
    }

    /// What the other bursts say about a server's burst that began at that moment.
    pub(super) fn beside(&self, server: ServerId, began_at: Timestamp, ensemble: &EnsembleState) -> OtherBursts<'_> {
        let lost = |at: Timestamp| at.after(BURST_LONGEST) >= began_at && began_at.after(BURST_LONGEST) >= at;
        OtherBursts {
            departed: self.departures.get(&server),
            leader_lost: self.leader_lost_at.is_some_and(lost),
            all_dropped: self.all_dropped_beside(server, ensemble),
        }
    }

    /// Whether every other server that carried connections is dropping all of them as well.
    fn all_dropped_beside(&self, server: ServerId, ensemble: &EnsembleState) -> bool {
        // A server without connections cannot show whether it drops any: only the others count.
        let carried = |id: ServerId, attached: u32| id != server && (attached > 0 || self.open.contains_key(&id));
        let mut others = ensemble.iter().filter(|(id, view)| carried(*id, view.attached)).peekable();
        others.peek().is_some() && others.all(|(id, _)| self.get(id).is_some_and(|other| other.survivors() == 0))
    }

    /// Ends a server's burst, and remembers what it has shown. Returns the connections whose ends it explains.
    pub(super) fn finish(&mut self, server: ServerId, cause: &BurstCause) -> Option<Vec<ConnectionId>> {
        let burst = self.open.remove(&server)?;
        if matches!(cause, BurstCause::LeaderLost(_)) {
            // Remembered, because the next server of the same outage often has less evidence than the first.
            self.leader_lost_at = Some(burst.started_at);
        }
        let straggles = self.departures.get(&server).is_some_and(|departure| burst.straggles_behind(departure));
        if matches!(cause, BurstCause::LeaderLost(_) | BurstCause::Leaving(_)) && !straggles {
            self.departures.insert(server, ServerDeparture { at: burst.started_at, cause: cause.clone() });
        }
        Some(burst.closes)
    }
}
