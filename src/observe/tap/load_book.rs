//! Which paths, clients and holders cause the load: counted while somebody asks, and not at all otherwise.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use super::frequent_keys::{FrequentKeys, KeyLoad, LoadShare};
use super::tapped_event::{EventDetail, EventPlace};
use crate::lock::lock;
use crate::text;
use crate::time::Timestamp;
use crate::wire::OpClass;

/// Keys of each kind that have a counter.
pub(crate) const LOAD_KEYS: usize = 128;
/// Bytes of a key that are kept.
pub(crate) const LOAD_KEY_BYTES: usize = 128;
/// How long a question keeps the counting on.
pub(crate) const LOAD_ASKED: Duration = Duration::from_secs(10);

/// By what load is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum LoadKind {
    /// By node.
    Path,
    /// By the client's address, without its port.
    Client,
    /// By who holds the session.
    Identity,
}

impl LoadKind {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.label() == name)
    }
}

/// What was counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadCounts {
    /// Since when.
    pub since: Timestamp,
    /// Operations that were counted, pings aside.
    pub operations: u64,
    /// Operations that were not counted, because another thread was counting at that moment.
    pub uncounted: u64,
    /// What has no counter came at most so often.
    pub largest_error: u64,
    /// The keys that came most often, the most frequent first.
    pub keys: Vec<(String, KeyLoad)>,
}

/// The counters, while somebody asks.
#[derive(Debug, Default)]
pub(super) struct LoadBook {
    /// When the counting ends, in nanoseconds; 0 while nothing is counted.
    until: AtomicU64,
    uncounted: AtomicU64,
    counters: Mutex<Option<LoadCounters>>,
}

#[derive(Debug)]
struct LoadCounters {
    since: Timestamp,
    operations: u64,
    /// In the order of [`LoadKind::ALL`].
    kinds: [FrequentKeys; LoadKind::ALL.len()],
}

impl LoadBook {
    /// Whether operations are counted.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.until.load(Ordering::Relaxed) != 0
    }

    /// What was counted; counting goes on, or begins, until nobody has asked for [`LOAD_ASKED`].
    pub(super) fn ask(&self, kind: LoadKind, now: Timestamp) -> LoadCounts {
        let mut counters = lock(&self.counters);
        let counters = counters.get_or_insert_with(|| {
            self.uncounted.store(0, Ordering::Relaxed);
            let kinds = std::array::from_fn(|_| FrequentKeys::new(LOAD_KEYS));
            LoadCounters { since: now, operations: 0, kinds }
        });
        self.until.store(now.after(LOAD_ASKED).0, Ordering::Relaxed);
        let keys = &counters.kinds[kind as usize];
        LoadCounts {
            since: counters.since,
            operations: counters.operations,
            uncounted: self.uncounted.load(Ordering::Relaxed),
            largest_error: keys.largest_error(),
            keys: keys.loads(),
        }
    }

    /// Whether nobody has asked for so long that the counting ends; it is ended then.
    pub(super) fn expire(&self, now: Timestamp) -> bool {
        let mut counters = lock(&self.counters);
        let is_over = self.is_on() && now.0 > self.until.load(Ordering::Relaxed);
        if is_over {
            self.until.store(0, Ordering::Relaxed);
            *counters = None;
        }
        is_over
    }

    /// Counts an answered operation. Never waits: what meets another thread that counts is itself counted as not counted.
    pub(super) fn count(&self, place: &EventPlace, detail: &EventDetail<&[u8]>) {
        let EventDetail::Operation { op, error, request_bytes, reply_bytes, path, .. } = detail else { return };
        let class = op.map(crate::wire::OpCode::class);
        // Pings are no load, and every client has them.
        if class == Some(OpClass::Ping) {
            return;
        }
        let Some(mut counters) = self.try_counters() else {
            self.uncounted.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let Some(LoadCounters { operations, kinds: [paths, clients, identities], .. }) = counters.as_mut() else {
            return;
        };
        *operations += 1;
        let share = LoadShare {
            is_write: class == Some(OpClass::Write),
            has_failed: !error.is_ok(),
            bytes: u64::from(*request_bytes) + u64::from(*reply_bytes),
        };
        paths.count(text::beginning(&String::from_utf8_lossy(path), LOAD_KEY_BYTES), share);
        let host = place.client.map_or_else(String::new, |client| client.ip().to_string());
        clients.count(&host, share);
        let holder = place
            .identity
            .as_deref()
            .map_or(Cow::Owned(place.client.map_or(host, |one| one.to_string())), Cow::Borrowed);
        identities.count(text::beginning(&holder, LOAD_KEY_BYTES), share);
    }

    fn try_counters(&self) -> Option<MutexGuard<'_, Option<LoadCounters>>> {
        match self.counters.try_lock() {
            Ok(counters) => Some(counters),
            // As everywhere: a panic of another thread does not make the counts wrong.
            Err(TryLockError::Poisoned(counters)) => Some(counters.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Xid, Zxid};
    use crate::wire::{ErrorCode, OpCode};

    fn operation(op: OpCode, path: &[u8]) -> EventDetail<&[u8]> {
        let (op, xid, zxid, error) = (Some(op), Xid(1), Zxid(2), ErrorCode::OK);
        EventDetail::Operation { op, xid, error, zxid, request_bytes: 50, reply_bytes: 16, nanos: Some(5), path }
    }

    fn broker() -> EventPlace {
        let client = Some("10.0.0.7:4711".parse().unwrap());
        EventPlace { identity: Some("broker-7".to_owned()), client, ..EventPlace::default() }
    }

    #[test]
    fn nothing_is_counted_before_somebody_asks_and_after_nobody_has_for_a_while() {
        let (book, place) = (LoadBook::default(), broker());
        let at = |seconds: u64| Timestamp(seconds * 1_000_000_000);
        assert!(!book.is_on());
        book.count(&place, &operation(OpCode::CREATE, b"/a"));
        assert_eq!(book.ask(LoadKind::Path, at(5)).operations, 0);
        assert!(book.is_on());
        for op in [OpCode::CREATE, OpCode::GET_DATA, OpCode::PING] {
            book.count(&place, &operation(op, b"/a"));
        }
        let counts = book.ask(LoadKind::Path, at(12));
        assert_eq!((counts.since, counts.operations, counts.uncounted, counts.largest_error), (at(5), 2, 0, 0));
        let load = KeyLoad { operations: 2, error: 0, writes: 1, failures: 0, bytes: 132 };
        assert_eq!(counts.keys, [("/a".to_owned(), load)]);
        assert_eq!(book.ask(LoadKind::Client, at(12)).keys, [("10.0.0.7".to_owned(), load)]);
        assert_eq!(book.ask(LoadKind::Identity, at(12)).keys, [("broker-7".to_owned(), load)]);
        assert!(!book.expire(at(22)) && book.is_on());
        assert!(book.expire(at(23)) && !book.is_on());
        assert!(!book.expire(at(24)));
        assert_eq!(
            book.ask(LoadKind::Path, at(30)),
            LoadCounts { since: at(30), operations: 0, uncounted: 0, largest_error: 0, keys: vec![] }
        );
    }

    #[test]
    fn who_counts_never_waits_for_another() {
        let (book, place) = (LoadBook::default(), broker());
        book.ask(LoadKind::Path, Timestamp(1));
        let held = lock(&book.counters);
        book.count(&place, &operation(OpCode::CREATE, b"/a"));
        drop(held);
        let counts = book.ask(LoadKind::Path, Timestamp(2));
        assert_eq!((counts.operations, counts.uncounted), (0, 1));
    }

    #[test]
    fn many_long_paths_take_few_bytes() {
        let (book, place) = (LoadBook::default(), broker());
        book.ask(LoadKind::Path, Timestamp(1));
        let used = allocation_counter::measure(|| {
            for number in 0..20_000 {
                let path = format!("/{number}{}", "x".repeat(900));
                book.count(&place, &operation(OpCode::CREATE, path.as_bytes()));
            }
        });
        assert!(used.bytes_current <= 64 * 1024, "{used:?}");
        assert_eq!(book.ask(LoadKind::Path, Timestamp(2)).keys.len(), LOAD_KEYS);
    }
}
