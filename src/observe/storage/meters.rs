//! The meters of all sessions: those of live connections, and what finished ones have left.
//!
//! The maps stay inside this file and every method returns values, so that no guard of them is ever held across
//! anything. They are touched when a connection begins or ends and by readers, never per operation. What lives and what
//! has ended are apart: looks at the living, twice a second, go past none of the thousands that are over.

use std::sync::Arc;

use dashmap::DashMap;
use smallvec::SmallVec;

use super::histogram_snapshot::HistogramSnapshot;
use super::meter::{ConnectionMeter, LatencyClass, MeterReading};
use crate::diagnose::risk::HeartbeatSample;
use crate::ids::{ConnectionId, SessionId};
use crate::session::watches::WatchCounts;
use crate::time::Timestamp;

/// Meters by session. Where both maps are locked, the living are first.
#[derive(Debug, Default)]
pub struct MeterRegistry {
    live: DashMap<SessionId, LiveMeters, foldhash::fast::RandomState>,
    finished: DashMap<SessionId, Box<FinishedTotals>, foldhash::fast::RandomState>,
}

/// The live connections of a session.
#[derive(Debug, Default)]
struct LiveMeters {
    /// Usually one; two while a session moves; none for the moment in which the last one has ended.
    meters: SmallVec<[(ConnectionId, Arc<ConnectionMeter>); 1]>,
    /// It is not late before this, whatever is not heard meanwhile.
    late_at: Timestamp,
}

/// What the finished connections of a session add up to.
#[derive(Clone, Debug, Default)]
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
        let mut live = self.live.entry(session).or_default();
        live.meters.push((connection, meter));
        live.late_at = Timestamp::ZERO;
    }

    /// Adds a connection that has ended to what its session has left. Does nothing when it is not there.
    pub fn finish(&self, session: SessionId, connection: ConnectionId) {
        let Some(mut live) = self.live.get_mut(&session) else { return };
        let Some(place) = live.meters.iter().position(|(number, _)| *number == connection) else { return };
        let (_, meter) = live.meters.swap_remove(place);
        // A session that had many connections at once would keep room for all of them for good.
        live.meters.shrink_to_fit();
        live.late_at = Timestamp::ZERO;
        // Before it is no longer live: whoever asks meanwhile waits for one of the two.
        let mut finished = self.finished.entry(session).or_default();
        // Nothing is in flight on a connection that has ended, and its watches went with it.
        finished.reading.merge(&MeterReading { in_flight: 0, watches: WatchCounts::default(), ..meter.read() });
        for &class in LatencyClass::ALL {
            finished.latency[class as usize].merge(meter.latency(class));
        }
        drop(finished);
        drop(live);
        self.live.remove_if(&session, |_, live| live.meters.is_empty());
    }

    /// Forgets what a session's connections have left, unless one carries it.
    pub fn drop_dormant(&self, session: SessionId) {
        if !self.live.contains_key(&session) {
            self.finished.remove(&session);
        }
    }

    /// Sessions without a live connection: the ones that may have been forgotten elsewhere.
    pub fn dormant(&self) -> Vec<SessionId> {
        let finished: Vec<SessionId> = self.finished.iter().map(|entry| *entry.key()).collect();
        finished.into_iter().filter(|session| !self.live.contains_key(session)).collect()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.live.len() + self.dormant().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.finished.is_empty()
    }

    /// A session's counts without its latencies; all 0 when it is not known.
    pub fn reading(&self, session: SessionId) -> MeterReading {
        let live = self.live.get(&session);
        let mut sum = self.finished.get(&session).map_or_else(MeterReading::default, |finished| finished.reading);
        live.iter().flat_map(|live| &live.meters).for_each(|(_, meter)| sum.merge(&meter.read()));
        sum
    }

    /// All of a session's numbers; None when it is not known.
    pub fn session(&self, session: SessionId) -> Option<SessionMeters> {
        let (live, finished) = (self.live.get(&session), self.finished.get(&session));
        if live.is_none() && finished.is_none() {
            return None;
        }
        let FinishedTotals { mut reading, mut latency } = finished.map(|totals| (**totals).clone()).unwrap_or_default();
        for (_, meter) in live.iter().flat_map(|live| &live.meters) {
            reading.merge(&meter.read());
            for &class in LatencyClass::ALL {
                latency[class as usize].merge(meter.latency(class));
            }
        }
        Some(SessionMeters { reading, latency })
    }

    /// The signs of life of the sessions either side of which has been silent for half of the timeout, as far as the clock
    /// alone says: of each the newest connection, with the last that was heard of its client on any.
    pub fn late_heartbeats(&self, now: Timestamp) -> Vec<HeartbeatSample> {
        let mut late = Vec::new();
        // Nothing is let go of: this goes through the maps with a few instructions for each session that was heard a
        // moment ago, where an iterator takes ten times as many. Whoever begins or ends waits for one part of them.
        self.live.retain(|session, live| {
            if now >= live.late_at {
                late.extend(live.look(*session, now));
            }
            true
        });
        late
    }

    /// When a session's client was heard last, over its live connections; None when it has none.
    pub fn client_heard_at(&self, session: SessionId) -> Option<Timestamp> {
        let live = self.live.get(&session)?;
        live.meters.iter().map(|(_, meter)| meter.client_heard_at()).max()
    }

    /// The signs of life of one live connection.
    pub fn heartbeat(&self, session: SessionId, connection: ConnectionId) -> Option<HeartbeatSample> {
        let live = self.live.get(&session)?;
        let meter = live.meters.iter().find(|(number, _)| *number == connection);
        meter.map(|(_, meter)| meter.heartbeat(session, connection))
    }

    /// The signs of life of a session's newest connection, with the last that was heard of its client on any; None without
    /// a live connection.
    pub fn newest_heartbeat(&self, session: SessionId) -> Option<HeartbeatSample> {
        self.live.get(&session)?.newest_heartbeat(session)
    }

    /// How many replies a session got, and its longest latency in nanoseconds; None when it is not known.
    pub fn merit(&self, session: SessionId) -> Option<(u64, u64)> {
        let (live, finished) = (self.live.get(&session), self.finished.get(&session));
        if live.is_none() && finished.is_none() {
            return None;
        }
        let mut operations = finished.as_ref().map_or(0, |finished| finished.reading.operations);
        let latencies = finished.iter().flat_map(|finished| &finished.latency);
        let mut worst = latencies.map(HistogramSnapshot::max).max().unwrap_or(0);
        for (_, meter) in live.iter().flat_map(|live| &live.meters) {
            operations += meter.read().operations;
            worst = worst.max(meter.worst());
        }
        Some((operations, worst))
    }

    /// The counts of one live connection.
    pub fn connection(&self, session: SessionId, connection: ConnectionId) -> Option<MeterReading> {
        let live = self.live.get(&session)?;
        live.meters.iter().find(|(number, _)| *number == connection).map(|(_, meter)| meter.read())
    }
}

impl LiveMeters {
    /// Its signs of life when it is late; else notes when it can be at the earliest.
    fn look(&mut self, session: SessionId, now: Timestamp) -> Option<HeartbeatSample> {
        let newest = self.newest_heartbeat(session).filter(|newest| !newest.timeout.is_zero())?;
        // What is heard later makes it later.
        self.late_at = newest.client_heard_at.min(newest.server_heard_at).after(newest.timeout / 2);
        (now >= self.late_at).then_some(newest)
    }

    /// Those of the newest connection, with the last that was heard of the client on any.
    fn newest_heartbeat(&self, session: SessionId) -> Option<HeartbeatSample> {
        let (connection, meter) = self.meters.last()?;
        let client_heard_at = self.meters.iter().map(|(_, meter)| meter.client_heard_at()).max()?;
        Some(HeartbeatSample { client_heard_at, ..meter.heartbeat(session, *connection) })
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
