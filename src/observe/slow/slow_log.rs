//! What is kept of slow operations: a ring of those beyond a threshold, and one for each operation and server.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foldhash::quality::RandomState;

use super::slow_operation::{KeptBecause, SlowOperation};
use crate::config::SlowLogSettings;
use crate::ids::ServerId;
use crate::lock::lock;
use crate::observe::tap::{EventDetail, EventPlace, TappedEvent};
use crate::observe::{LatencyClass, LogThrottle};
use crate::text;
use crate::time::Timestamp;
use crate::wire::OpCode;

/// Operations beyond a threshold that are kept.
pub(crate) const SLOW_KEPT: usize = 256;
/// Operations of servers of which the slowest one is kept.
pub(crate) const SLOWEST_KEPT: usize = 512;
/// From this latency on an operation may be the slowest of its kind.
pub(crate) const SLOWEST_FROM: Duration = Duration::from_millis(1);
/// Operations beyond a threshold that are written down in [`SLOW_WITHIN`]; further ones are counted.
pub(crate) const SLOW_AT_ONCE: u64 = 128;
/// See [`SLOW_AT_ONCE`].
pub(crate) const SLOW_WITHIN: Duration = Duration::from_millis(100);

/// The slowest of each operation, by its slot, at each server, with the nanoseconds that it took.
type SlowestOperations = HashMap<(ServerId, usize), (u64, SlowOperation), RandomState>;

/// Slow operations.
#[derive(Debug)]
pub struct SlowLog {
    thresholds: SlowLogSettings,
    servers: Vec<String>,
    kept: Mutex<VecDeque<SlowOperation>>,
    slowest: Mutex<SlowestOperations>,
    /// The number of the current time slice and how many were written down in it.
    slice: AtomicU64,
    dropped: AtomicU64,
    log_throttle: Arc<LogThrottle>,
}

impl SlowLog {
    pub(in crate::observe) fn new(
        thresholds: SlowLogSettings,
        servers: Vec<String>,
        log_throttle: Arc<LogThrottle>,
    ) -> Self {
        Self {
            thresholds,
            servers,
            kept: Mutex::default(),
            slowest: Mutex::default(),
            slice: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            log_throttle,
        }
    }

    /// Nanoseconds from which on an operation may be worth keeping.
    pub fn from(&self) -> u64 {
        let SlowLogSettings { read, write } = self.thresholds;
        [read, write].into_iter().flatten().fold(SLOWEST_FROM, Duration::min).as_nanos() as u64
    }

    /// Whether an operation took longer than its threshold.
    pub fn is_slow(&self, op: OpCode, nanos: u64) -> bool {
        let threshold = match LatencyClass::of(op.class()) {
            Some(LatencyClass::Read) => self.thresholds.read,
            Some(LatencyClass::Write) => self.thresholds.write,
            Some(LatencyClass::Ping) | None => None,
        };
        threshold.is_some_and(|threshold| u128::from(nanos) >= threshold.as_nanos())
    }

    /// Keeps an operation that is slow, and spares a line of the log for it.
    pub fn keep(&self, now: Timestamp, op: OpCode, event: impl FnOnce() -> TappedEvent, in_flight: u32) {
        if !self.has_turn(now) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let event = event();
        if let Some(suppressed) = self.log_throttle.pass("slow_operation") {
            self.write_line(op, &event, in_flight, suppressed);
        }
        let mut kept = lock(&self.kept);
        if kept.len() >= SLOW_KEPT {
            kept.pop_front();
        }
        kept.push_back(SlowOperation { event, because: KeptBecause::Threshold, in_flight });
    }

    /// Keeps an operation that may be the slowest of its kind at its server.
    pub fn keep_slowest(
        &self,
        (server, op): (ServerId, OpCode),
        nanos: u64,
        event: impl FnOnce() -> TappedEvent,
        in_flight: u32,
    ) {
        let mut slowest = lock(&self.slowest);
        let (place, count) = ((server, op.slot()), slowest.len());
        let known = slowest.get(&place).map(|(nanos, _)| *nanos);
        if known.map_or(count < SLOWEST_KEPT, |known| nanos > known) {
            slowest.insert(place, (nanos, SlowOperation { event: event(), because: KeptBecause::Slowest, in_flight }));
        }
    }

    /// Those beyond a threshold, newest first, and behind them the slowest of each operation and server, slowest first.
    pub fn operations(&self) -> Vec<SlowOperation> {
        let mut all: Vec<_> = lock(&self.kept).iter().rev().cloned().collect();
        let mut slowest: Vec<_> = lock(&self.slowest).values().cloned().collect();
        slowest.sort_by_key(|(nanos, _)| std::cmp::Reverse(*nanos));
        all.extend(slowest.into_iter().map(|(_, one)| one));
        all
    }

    /// Operations beyond a threshold that were not written down, because too many came at once.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether another one may be written down in this slice of time.
    fn has_turn(&self, now: Timestamp) -> bool {
        const COUNT_BITS: u32 = 16;
        let number = now.0 / SLOW_WITHIN.as_nanos() as u64;
        let before = self.slice.load(Ordering::Relaxed);
        if before >> COUNT_BITS != number {
            // Two threads may both begin the slice; then one more is written down than may.
            self.slice.store((number << COUNT_BITS) | 1, Ordering::Relaxed);
            return true;
        }
        let count = before & ((1 << COUNT_BITS) - 1);
        count < SLOW_AT_ONCE && {
            self.slice.fetch_add(1, Ordering::Relaxed);
            true
        }
    }

    fn write_line(&self, op: OpCode, event: &TappedEvent, in_flight: u32, suppressed: u64) {
        let EventDetail::Operation { path, nanos, request_bytes, reply_bytes, error, .. } = &event.detail else {
            return;
        };
        let EventPlace { session, client, servers: [server, _], connection, .. } = event.place.as_ref();
        let server = server.and_then(|server| self.servers.get(server.index())).map_or("-", String::as_str);
        let session = session.map_or_else(|| "-".to_owned(), |session| session.to_string());
        let client = client.map_or_else(|| "-".to_owned(), |client| client.to_string());
        let connection = connection.map_or(0, |connection| connection.0);
        let path = String::from_utf8_lossy(path);
        let path = text::one_line(&path);
        let latency_ms = nanos.unwrap_or(0) / 1_000_000;
        tracing::warn!(%session, %client, connection, server, %op, %path, latency_ms, %error, request_bytes, reply_bytes, in_flight, suppressed, "slow operation");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Xid, Zxid};
    use crate::observe::EventKind;
    use crate::wire::ErrorCode;

    fn log() -> SlowLog {
        let thresholds = SlowLogSettings { read: None, write: Some(Duration::from_millis(5)) };
        SlowLog::new(thresholds, vec!["zk1:2181".to_owned()], Arc::default())
    }

    fn event(xid: i64, nanos: u64) -> TappedEvent {
        let (op, error, zxid, nanos) = (Some(OpCode::CREATE), ErrorCode::OK, Zxid(1), Some(nanos));
        let path = vec![b'x'; 255].into();
        let detail =
            EventDetail::Operation { op, xid: Xid(xid), error, zxid, request_bytes: 9, reply_bytes: 8, nanos, path };
        TappedEvent {
            kind: EventKind::Operation,
            at: Timestamp(1),
            place: Arc::default(),
            detail,
            data: Box::default(),
        }
    }

    fn xids(log: &SlowLog) -> Vec<i64> {
        let xid = |one: &SlowOperation| match one.event.detail {
            EventDetail::Operation { xid, .. } => xid.0,
            _ => unreachable!("an operation"),
        };
        log.operations().iter().map(xid).collect()
    }

    #[test]
    fn each_class_has_its_threshold_and_pings_have_none() {
        let log = log();
        assert_eq!(log.from(), 1_000_000);
        for (op, nanos, slow) in [
            (OpCode::CREATE, 4_999_999, false),
            (OpCode::CREATE, 5_000_000, true),
            (OpCode::GET_DATA, u64::MAX, false),
            (OpCode::PING, u64::MAX, false),
            (OpCode(4711), u64::MAX, false),
        ] {
            assert_eq!(log.is_slow(op, nanos), slow, "{op} {nanos}");
        }
        let quick = SlowLogSettings { read: Some(Duration::from_micros(10)), write: None };
        assert_eq!(SlowLog::new(quick, Vec::new(), Arc::default()).from(), 10_000);
    }

    #[test]
    fn the_newest_are_kept_and_no_more_than_may_at_once() {
        let log = log();
        for number in 0..1_000 {
            // 20 ms apart: five to a slice.
            log.keep(Timestamp(number * 20_000_000), OpCode::CREATE, || event(number as i64, 7_000_000), 3);
        }
        assert_eq!(log.dropped(), 0);
        let kept = xids(&log);
        assert_eq!((kept.len(), kept[0], kept[SLOW_KEPT - 1]), (SLOW_KEPT, 999, 999 - (SLOW_KEPT as i64 - 1)));
        let later = Timestamp(1_000_000_000_000);
        let storm = allocation_counter::measure(|| {
            for number in 0..1_000_000 {
                log.keep(later, OpCode::CREATE, || event(number, 7_000_000), 3);
            }
        });
        assert_eq!(log.dropped(), 1_000_000 - SLOW_AT_ONCE);
        assert!(storm.bytes_total < 1 << 20, "{storm:?}");
    }

    #[test]
    fn the_slowest_of_each_operation_and_server_stays() {
        let log = log();
        for (server, op, nanos, xid) in [
            (0, OpCode::CREATE, 9, 1),
            (0, OpCode::CREATE, 8, 2),
            (0, OpCode::DELETE, 5, 3),
            (1, OpCode::CREATE, 7, 4),
            (0, OpCode::CREATE, 10, 5),
        ] {
            log.keep_slowest((ServerId(server), op), nanos, || event(xid, nanos), 0);
        }
        assert_eq!(xids(&log), [5, 4, 3]);
        for server in 0..2_000 {
            log.keep_slowest((ServerId(server), OpCode::EXISTS), 1, || event(0, 1), 0);
        }
        assert_eq!(log.operations().len(), SLOWEST_KEPT);
    }
}
