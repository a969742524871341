//! What is counted of one connection while it lives.
//!
//! One relay task writes, all others read. It is as small as an idle session allows: latencies take memory only
//! once there are some.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use super::counters::Direction;
use super::histogram::LatencyHistogram;
use super::histogram_snapshot::HistogramSnapshot;
use super::single_writer_counter::SingleWriterCounter;
use crate::diagnose::risk::HeartbeatSample;
use crate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use crate::session::connection_end::ConnectionTraffic;
use crate::session::own_pause::ThreadPlace;
use crate::session::watches::{WatchCounts, WatchKind};
use crate::time::Timestamp;
use crate::wire::OpClass;

/// The classes that latency is kept for, by connection and session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum LatencyClass {
    /// Answered by the connected server.
    Read,
    /// Goes through the leader.
    Write,
    /// The heartbeat.
    Ping,
}

impl LatencyClass {
    /// All classes.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels and JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// The class of an operation; None for handshakes, credentials, session ends and what is unknown.
    #[inline]
    pub fn of(class: OpClass) -> Option<Self> {
        match class {
            OpClass::Read => Some(Self::Read),
            OpClass::Write => Some(Self::Write),
            OpClass::Ping => Some(Self::Ping),
            OpClass::Other => None,
        }
    }
}

/// The counts of one connection. All writing methods are for its relay task alone.
#[derive(Debug, Default)]
pub struct ConnectionMeter {
    operations: SingleWriterCounter,
    errors: SingleWriterCounter,
    client_bytes: SingleWriterCounter,
    server_bytes: SingleWriterCounter,
    /// When the client's last byte came, and the server's; nanoseconds since the epoch.
    client_heard_at: SingleWriterCounter,
    server_heard_at: SingleWriterCounter,
    last_zxid: AtomicI64,
    in_flight: AtomicU32,
    unanswered: AtomicU32,
    /// Negotiated session timeout in milliseconds; 0 before the session was given.
    timeout_ms: AtomicU32,
    server: AtomicU16,
    /// The worker that carries it.
    worker: AtomicU16,
    /// Whether the client, or the server, is not read now because the other one takes no more.
    client_held: AtomicBool,
    server_held: AtomicBool,
    watches: [AtomicU32; WatchKind::ALL.len()],
    latency: [LatencyHistogram; LatencyClass::ALL.len()],
}

impl ConnectionMeter {
    /// A server gave the session now, with this timeout in milliseconds; this worker carries it.
    pub fn begin(&self, now: Timestamp, server: ServerId, worker: u16, timeout_ms: u32) {
        self.server.store(server.0, Ordering::Relaxed);
        self.worker.store(worker, Ordering::Relaxed);
        // Both have just been heard; the turn in which that was is written down later.
        self.client_heard_at.set(now.0);
        self.server_heard_at.set(now.0);
        self.timeout_ms.store(timeout_ms, Ordering::Relaxed);
    }

    /// A side is not read on, because the other one takes no more.
    pub fn hold(&self, direction: Direction) {
        match direction {
            Direction::Request => self.client_held.store(true, Ordering::Relaxed),
            Direction::Reply => self.server_held.store(true, Ordering::Relaxed),
        }
    }

    /// When the client was heard last; the epoch before the session was given.
    pub fn client_heard_at(&self) -> Timestamp {
        Timestamp(self.client_heard_at.get())
    }

    /// The connection's signs of life; `session` and `connection` are whose it is.
    pub fn heartbeat(&self, session: SessionId, connection: ConnectionId) -> HeartbeatSample {
        let [client_heard_at, server_heard_at] =
            [&self.client_heard_at, &self.server_heard_at].map(|heard_at| Timestamp(heard_at.get()));
        HeartbeatSample {
            session,
            connection,
            server: ServerId(self.server.load(Ordering::Relaxed)),
            thread: ThreadPlace(self.worker.load(Ordering::Relaxed)),
            client_heard_at,
            server_heard_at,
            timeout: Duration::from_millis(self.timeout_ms.load(Ordering::Relaxed).into()),
            // Pings are not among those in flight; every request is answered, so who spoke last waits.
            is_owed: client_heard_at > server_heard_at || self.in_flight.load(Ordering::Relaxed) > 0,
            client_held: self.client_held.load(Ordering::Relaxed),
            server_held: self.server_held.load(Ordering::Relaxed),
        }
    }

    /// Counts replies, of which `zxid` was the highest.
    #[inline]
    pub fn count_replies(&self, replies: u64, zxid: Zxid) {
        self.operations.add(replies);
        // Refusals carry a zxid of 0 or -1, which say nothing about the server (protocol.md §3.2).
        if zxid.0 > self.last_zxid.load(Ordering::Relaxed) {
            self.last_zxid.store(zxid.0, Ordering::Relaxed);
        }
    }

    /// Says of a reply that it carried an error.
    pub fn count_error(&self) {
        self.errors.add(1);
    }

    /// Records how long this many replies took, in nanoseconds.
    #[inline]
    pub fn record_latency(&self, class: LatencyClass, nanos: u64, replies: u64) {
        self.latency[class as usize].record_many(nanos, replies);
    }

    /// Counts what one wake-up moved, in bytes, and says how many requests are in flight after it.
    #[inline]
    pub fn add_turn(&self, now: Timestamp, client_bytes: u64, server_bytes: u64, in_flight: u32) {
        self.client_bytes.add(client_bytes);
        self.server_bytes.add(server_bytes);
        if client_bytes > 0 {
            self.client_heard_at.set(now.0);
            self.client_held.store(false, Ordering::Relaxed);
        }
        if server_bytes > 0 {
            self.server_heard_at.set(now.0);
            self.server_held.store(false, Ordering::Relaxed);
        }
        self.in_flight.store(in_flight, Ordering::Relaxed);
    }

    /// Replaces the numbers of watches.
    pub fn set_watches(&self, counts: WatchCounts) {
        for (watch, count) in self.watches.iter().zip(counts) {
            watch.store(count, Ordering::Relaxed);
        }
    }

    /// Says how many requests the connection left unanswered when it ended. Nothing is in flight after that.
    pub fn leave_unanswered(&self, unanswered: u32) {
        self.unanswered.store(unanswered, Ordering::Relaxed);
        self.in_flight.store(0, Ordering::Relaxed);
        self.set_watches(WatchCounts::default());
    }

    /// A copy of everything.
    pub fn read(&self) -> MeterReading {
        MeterReading {
            operations: self.operations.get(),
            errors: self.errors.get(),
            client_bytes: self.client_bytes.get(),
            server_bytes: self.server_bytes.get(),
            active_at: Timestamp(self.client_heard_at.get().max(self.server_heard_at.get())),
            last_zxid: Zxid(self.last_zxid.load(Ordering::Relaxed)),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            unanswered: self.unanswered.load(Ordering::Relaxed),
            watches: self.watches.each_ref().map(|watch| watch.load(Ordering::Relaxed)),
        }
    }

    /// The longest latency of all classes in nanoseconds.
    pub fn worst(&self) -> u64 {
        self.latency.iter().map(LatencyHistogram::max).max().unwrap_or(0)
    }

    /// A copy of the latencies of a class.
    pub fn latency(&self, class: LatencyClass) -> HistogramSnapshot {
        self.latency[class as usize].snapshot()
    }
}

/// What a connection's meter, or the meters of a session together, showed at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MeterReading {
    /// Replies.
    pub operations: u64,
    /// Replies with an error code, whatever it is.
    pub errors: u64,
    /// Bytes from the client.
    pub client_bytes: u64,
    /// Bytes from the server.
    pub server_bytes: u64,
    /// When the last byte came, from either side; the epoch when none did.
    pub active_at: Timestamp,
    /// Highest zxid that a reply has shown; 0 when none has.
    pub last_zxid: Zxid,
    /// Requests waiting for their reply.
    pub in_flight: u32,
    /// Requests that were never answered.
    pub unanswered: u32,
    /// Watches set.
    pub watches: WatchCounts,
}

impl MeterReading {
    /// What went over the connection.
    pub fn traffic(&self) -> ConnectionTraffic {
        let Self { operations, errors, client_bytes, server_bytes, .. } = *self;
        ConnectionTraffic { operations, errors, client_bytes, server_bytes }
    }

    /// Adds what another connection of the same session showed.
    pub fn merge(&mut self, other: &Self) {
        self.operations += other.operations;
        self.errors += other.errors;
        self.client_bytes += other.client_bytes;
        self.server_bytes += other.server_bytes;
        self.active_at = self.active_at.max(other.active_at);
        self.last_zxid = self.last_zxid.max(other.last_zxid);
        self.in_flight += other.in_flight;
        self.unanswered += other.unanswered;
        for (ours, theirs) in self.watches.iter_mut().zip(other.watches) {
            *ours += theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_costs_little() {
        let idle = allocation_counter::measure(|| {
            let meter = ConnectionMeter::default();
            for _ in 0..10 {
                meter.count_replies(1, Zxid(5));
                meter.record_latency(LatencyClass::Ping, 90_000, 1);
            }
            std::mem::forget(meter);
        });
        let bytes = size_of::<ConnectionMeter>() as u64 + idle.bytes_total;
        assert!(bytes <= 320, "an idle connection's meter takes {bytes} bytes");
    }

    #[test]
    fn counts_what_it_is_told() {
        let meter = ConnectionMeter::default();
        meter.count_replies(1, Zxid(7));
        meter.count_replies(1, Zxid(-1));
        meter.count_error();
        meter.add_turn(Timestamp(10), 100, 200, 3);
        meter.add_turn(Timestamp(20), 1, 2, 4);
        meter.set_watches([1, 2, 3, 4, 5, 6]);
        let reading = meter.read();
        assert_eq!(reading.operations, 2);
        assert_eq!(reading.errors, 1);
        assert_eq!((reading.client_bytes, reading.server_bytes), (101, 202));
        assert_eq!(reading.last_zxid, Zxid(7), "a refusal's zxid says nothing");
        assert_eq!((reading.active_at, reading.in_flight), (Timestamp(20), 4));
        assert_eq!(reading.watches, [1, 2, 3, 4, 5, 6]);
        meter.leave_unanswered(2);
        assert_eq!((meter.read().in_flight, meter.read().unanswered, meter.read().watches), (0, 2, [0; 6]));
    }

    #[test]
    fn two_connections_of_a_session_add_up() {
        let one = MeterReading {
            operations: 1,
            errors: 2,
            client_bytes: 3,
            server_bytes: 4,
            active_at: Timestamp(5),
            last_zxid: Zxid(60),
            in_flight: 7,
            unanswered: 8,
            watches: [9, 0, 0, 0, 0, 1],
        };
        let other = MeterReading { active_at: Timestamp(50), last_zxid: Zxid(6), ..one };
        let sum = MeterReading {
            operations: 2,
            errors: 4,
            client_bytes: 6,
            server_bytes: 8,
            active_at: Timestamp(50),
            last_zxid: Zxid(60),
            in_flight: 14,
            unanswered: 16,
            watches: [18, 0, 0, 0, 0, 2],
        };
        for (mut left, right) in [(one, other), (other, one)] {
            left.merge(&right);
            assert_eq!(left, sum);
        }
    }
}
