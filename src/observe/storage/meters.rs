//! The meters of all sessions: those of live connections, and what finished ones have left.
//!
//! The map stays inside this file and every method returns values, so that no guard of it is ever held across
//! anything. It is touched when a connection begins or ends and by readers, never per operation.

use std::sync::Arc;

use dashmap::DashMap;
use smallvec::SmallVec;

use super::histogram_snapshot::HistogramSnapshot;
use super::meter::{ConnectionMeter, LatencyClass, MeterReading};
use crate::diagnose::risk::HeartbeatSample;
use crate::ids::{ConnectionId, SessionId};
use crate::session::watches::WatchCounts;
use crate::time::Timestamp;

/// Meters by session.
#[derive(Debug, Default)]
pub struct MeterRegistry {
    sessions: DashMap<SessionId, MeterEntry, foldhash::fast::RandomState>,
}

#[derive(Debug, Default)]
struct MeterEntry {
    /// Usually one; two while a session moves.
    live: SmallVec<[(ConnectionId, Arc<ConnectionMeter>); 1]>,
    finished: Option<Box<FinishedTotals>>,
}

/// What the finished connections of a session add up to.
#[derive(Debug, Default)]
struct FinishedTotals {
    reading: MeterReading,
    latency: [HistogramSnapshot; LatencyClass::ALL.len()],
}

/// A session's numbers, over all its connections.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SessionMeters {
    /// Sums over all connections; `unanswered` is of finished ones, `in_flight` and watches of live ones.
    pub reading: MeterReading,
    /// Latencies by class, in the order of [`LatencyClass::ALL`].
    pub latency: [HistogramSnapshot; LatencyClass::ALL.len()],
}

impl MeterRegistry {
    /// Counts a connection's meter as its session's from now on.
    pub fn begin(&self, session: SessionId, connection: ConnectionId, meter: Arc<ConnectionMeter>) {
        let mut entry = self.sessions.entry(session).or_default();
        entry.live.push((connection, meter));
    }

    /// Adds a connection that has ended to what its session has left. Does nothing when it is not there.
    pub fn finish(&self, session: SessionId, connection: ConnectionId) {
        let Some(mut entry) = self.sessions.get_mut(&session) else { return };
        let Some(place) = entry.live.iter().position(|(live, _)| *live == connection) else { return };
        let (_, meter) = entry.live.swap_remove(place);
        // A session that had many connections at once would keep room for all of them for good.
        entry.live.shrink_to_fit();
        let finished = entry.finished.get_or_insert_default();
        // Nothing is in flight on a connection that has ended, and its watches went with it.
        finished.reading.merge(&MeterReading { in_flight: 0, watches: WatchCounts::default(), ..meter.read() });
        for &class in LatencyClass::ALL {
            finished.latency[class as usize].merge(meter.latency(class));
        }
    }

    /// Forgets a session, unless a connection carries it.
    pub fn drop_dormant(&self, session: SessionId) {
        self.sessions.remove_if(&session, |_, entry| entry.live.is_empty());
    }

    /// Sessions without a live connection: the ones that may have been forgotten elsewhere.
    pub fn dormant(&self) -> Vec<SessionId> {
        self.sessions.iter().filter(|entry| entry.live.is_empty()).map(|entry| *entry.key()).collect()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// A session's counts without its latencies; all 0 when it is not known.
    pub fn reading(&self, session: SessionId) -> MeterReading {
        self.sessions.get(&session).map(|entry| entry.reading()).unwrap_or_default()
    }

    /// All of a session's numbers; None when it is not known.
    pub fn session(&self, session: SessionId) -> Option<SessionMeters> {
        self.sessions.get(&session).map(|entry| entry.meters())
    }

    /// The signs of life of the sessions either side of which has been silent for half of the timeout, as far as the clock
    /// alone says: of each the newest connection, with the last that was heard of its client on any.
    pub fn late_heartbeats(&self, now: Timestamp) -> Vec<HeartbeatSample> {
        let sample = |entry: &MeterEntry, session: SessionId| {
            let newest = entry.newest_heartbeat(session)?;
            let silent = now.since(newest.client_heard_at.min(newest.server_heard_at));
            let is_late = !newest.timeout.is_zero() && silent * 2 >= newest.timeout;
            is_late.then_some(newest)
        };
        self.sessions.iter().filter_map(|entry| sample(&entry, *entry.key())).collect()
    }

    /// When a session's client was heard last, over its live connections; None when it has none.
    pub fn client_heard_at(&self, session: SessionId) -> Option<Timestamp> {
        let entry = self.sessions.get(&session)?;
        entry.live.iter().map(|(connection, meter)| meter.heartbeat(session, *connection).client_heard_at).max()
    }

    /// The signs of life of one live connection.
    pub fn heartbeat(&self, session: SessionId, connection: ConnectionId) -> Option<HeartbeatSample> {
        let entry = self.sessions.get(&session)?;
        entry.live.iter().find(|(live, _)| *live == connection).map(|(_, meter)| meter.heartbeat(session, connection))
    }

    /// The signs of life of a session's newest connection, with the last that was heard of its client on any; None without
    /// a live connection.
    pub fn newest_heartbeat(&self, session: SessionId) -> Option<HeartbeatSample> {
        self.sessions.get(&session)?.newest_heartbeat(session)
    }

    /// How many replies a session got, and its longest latency in nanoseconds; None when it is not known.
    pub fn merit(&self, session: SessionId) -> Option<(u64, u64)> {
        let entry = self.sessions.get(&session)?;
        let finished = entry.finished.as_ref();
        let mut operations = finished.map_or(0, |finished| finished.reading.operations);
        let mut worst = finished.into_iter().flat_map(|finished| &finished.latency).map(HistogramSnapshot::max).max();
        for (_, meter) in &entry.live {
            operations += meter.read().operations;
            worst = worst.max(Some(meter.worst()));
        }
        Some((operations, worst.unwrap_or(0)))
    }

    /// The counts of one live connection.
    pub fn connection(&self, session: SessionId, connection: ConnectionId) -> Option<MeterReading> {
        let entry = self.sessions.get(&session)?;
        entry.live.iter().find(|(live, _)| *live == connection).map(|(_, meter)| meter.read())
    }
}

impl MeterEntry {
    fn newest_heartbeat(&self, session: SessionId) -> Option<HeartbeatSample> {
        let (connection, meter) = self.live.last()?;
        let heard = self.live.iter().map(|(connection, meter)| meter.heartbeat(session, *connection).client_heard_at);
        Some(HeartbeatSample { client_heard_at: heard.max()?, ..meter.heartbeat(session, *connection) })
    }

    fn reading(&self) -> MeterReading {
        let mut sum = self.finished.as_ref().map_or_else(MeterReading::default, |finished| finished.reading);
        self.live.iter().for_each(|(_, meter)| sum.merge(&meter.read()));
        sum
    }

    fn meters(&self) -> SessionMeters {
        let mut latency = self.finished.as_ref().map(|finished| finished.latency.clone()).unwrap_or_default();
        for (_, meter) in &self.live {
            for &class in LatencyClass::ALL {
                latency[class as usize].merge(meter.latency(class));
            }
        }
        SessionMeters { reading: self.reading(), latency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ServerId, Zxid};
    use crate::observe::Direction;

    const SESSION: SessionId = SessionId(0x0100_0000_0000_0001);

    fn busy(operations: u64, nanos: u64) -> Arc<ConnectionMeter> {
        let meter = ConnectionMeter::default();
        for _ in 0..operations {
            meter.count_replies(1, Zxid(9));
            meter.record_latency(LatencyClass::Read, nanos, 1);
        }
        meter.add_turn(Timestamp(5), 10, 20, 1);
        Arc::new(meter)
    }

    #[test]
    fn a_session_is_late_when_no_connection_has_heard_its_client() {
        let at = |seconds: u64| Timestamp(seconds * 1_000_000_000);
        let registry = MeterRegistry::default();
        let meters = [1, 2].map(|number| {
            let meter = Arc::<ConnectionMeter>::default();
            registry.begin(SESSION, ConnectionId(number), Arc::clone(&meter));
            meter
        });
        assert_eq!(registry.late_heartbeats(at(1_000)), [], "its session was not given yet");
        meters[0].begin(at(10), ServerId(0), 0, 6_000);
        meters[1].begin(at(11), ServerId(1), 1, 6_000);
        assert_eq!(registry.late_heartbeats(at(12)), [], "what was given a moment ago is not silent");
        meters[0].add_turn(at(14), 10, 0, 0);
        meters[1].add_turn(at(12), 0, 10, 0);
        assert_eq!(registry.late_heartbeats(at(14)), []);
        let late = registry.late_heartbeats(at(15));
        assert_eq!(late.len(), 1);
        let HeartbeatSample { connection, server, client_heard_at, server_heard_at, .. } = late[0];
        assert_eq!((connection, server), (ConnectionId(2), ServerId(1)), "the newest one carries it");
        assert_eq!(
            (client_heard_at, server_heard_at),
            (at(14), at(12)),
            "on whichever connection the client was heard"
        );
        assert!(!late[0].server_held);
        meters[1].hold(Direction::Reply);
        assert!(registry.late_heartbeats(at(15))[0].server_held);
        meters[1].add_turn(at(15), 0, 10, 0);
        assert_eq!(registry.late_heartbeats(at(16)), []);
    }

    #[test]
    fn a_session_is_the_sum_of_its_connections() {
        let book = MeterRegistry::default();
        let (first, second) = (busy(3, 50_000), busy(2, 5_000_000));
        book.begin(SESSION, ConnectionId(1), Arc::clone(&first));
        book.begin(SESSION, ConnectionId(2), second);
        first.leave_unanswered(1);
        book.finish(SESSION, ConnectionId(1));
        let meters = book.session(SESSION).unwrap();
        assert_eq!(meters.reading.operations, 5);
        assert_eq!((meters.reading.in_flight, meters.reading.unanswered), (1, 1));
        assert_eq!((meters.reading.client_bytes, meters.reading.server_bytes), (20, 40));
        assert_eq!(meters.latency[LatencyClass::Read as usize].count(), 5);
        assert_eq!(book.reading(SESSION), meters.reading);
        assert_eq!(book.merit(SESSION), Some((5, 5_000_000)));
        assert_eq!(book.connection(SESSION, ConnectionId(1)), None);
        assert_eq!(book.connection(SESSION, ConnectionId(2)).map(|reading| reading.operations), Some(2));
    }

    #[test]
    fn sessions_go_when_they_are_dropped() {
        let book = MeterRegistry::default();
        book.begin(SESSION, ConnectionId(1), busy(1, 1_000));
        assert_eq!(book.dormant(), []);
        book.drop_dormant(SESSION);
        assert_eq!(book.len(), 1, "a connection carries it");
        book.finish(SESSION, ConnectionId(1));
        book.finish(SESSION, ConnectionId(1));
        assert_eq!(book.dormant(), [SESSION]);
        book.drop_dormant(SESSION);
        book.finish(SESSION, ConnectionId(1));
        assert!(book.is_empty());
        assert_eq!(book.session(SESSION), None);
        assert_eq!(book.reading(SESSION), MeterReading::default());
    }
}
