//! Those who look, and the one place where events are offered to them.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::event_queue::EventQueue;
use super::event_view::EventView;
use super::load_book::{LoadBook, LoadCounts, LoadKind};
use super::tapped_event::{EventDetail, EventKind, EventPlace, TappedEvent};
use crate::filter::Filter;
use crate::lock::lock;
use crate::time::Timestamp;

/// Readers at one time.
pub(crate) const TAP_READERS: usize = 8;
/// Bytes that wait for one reader.
pub(crate) const TAP_BYTES: usize = 256 * 1024;

/// One who looks.
#[derive(Debug)]
pub struct TapReader {
    filter: Filter,
    /// One in so many of what the filter lets through.
    sample: NonZeroU64,
    matched: AtomicU64,
    queue: EventQueue<TappedEvent>,
}

impl TapReader {
    /// Takes the oldest events, at most so many bytes and one more, and says how many were dropped since it was last said.
    pub fn drain(&self, most: usize) -> (Vec<TappedEvent>, u64) {
        self.queue.drain(most)
    }

    fn offer(&self, at: Timestamp, view: &EventView<'_>, place: &Arc<EventPlace>) {
        if !self.filter.matches(view) {
            return;
        }
        let number = self.matched.fetch_add(1, Ordering::Relaxed);
        // Events of one connection share their place. It is counted with each: it may be all that is left of it.
        let bytes = size_of::<(TappedEvent, usize)>() + view.detail.bytes_behind() + place.bytes();
        if !number.is_multiple_of(self.sample.get()) || !self.queue.has_room(bytes) {
            return;
        }
        let event = TappedEvent { kind: view.kind, at, place: Arc::clone(place), detail: view.detail.copied() };
        self.queue.push(event, bytes);
    }
}

/// All who look.
#[derive(Debug, Default)]
pub struct TapHub {
    /// Whether there is anybody: the one thing that is read while there is not.
    watched: AtomicBool,
    readers: ArcSwap<Vec<Arc<TapReader>>>,
    load: LoadBook,
    /// Held while somebody comes or goes.
    door: Mutex<()>,
    /// Drops of those who have gone.
    dropped: AtomicU64,
}

impl TapHub {
    /// Whether anybody looks.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Begins to look at one in `sample` of what the filter lets through; None while as many look as may.
    pub fn open(&self, filter: Filter, sample: NonZeroU64) -> Option<Arc<TapReader>> {
        let _door = lock(&self.door);
        let mut readers = self.readers.load().as_ref().clone();
        if readers.len() >= TAP_READERS {
            return None;
        }
        let (matched, queue) = (AtomicU64::new(0), EventQueue::new(TAP_BYTES));
        let reader = Arc::new(TapReader { filter, sample, matched, queue });
        readers.push(Arc::clone(&reader));
        self.replace(readers);
        Some(reader)
    }

    /// Looks no longer.
    pub fn close(&self, reader: &Arc<TapReader>) {
        let _door = lock(&self.door);
        let mut readers = self.readers.load().as_ref().clone();
        let before = readers.len();
        readers.retain(|one| !Arc::ptr_eq(one, reader));
        if readers.len() < before {
            self.dropped.fetch_add(reader.queue.dropped(), Ordering::Relaxed);
        }
        self.replace(readers);
    }

    fn replace(&self, readers: Vec<Arc<TapReader>>) {
        self.watched.store(!readers.is_empty() || self.load.is_on(), Ordering::Relaxed);
        self.readers.store(Arc::new(readers));
    }

    /// What causes the load, by this; it is counted from the first question on until nobody has asked for a while.
    pub fn ask_load(&self, kind: LoadKind, now: Timestamp) -> LoadCounts {
        let _door = lock(&self.door);
        let counts = self.load.ask(kind, now);
        self.watched.store(true, Ordering::Relaxed);
        counts
    }

    /// Does what time brings: load that nobody asks for is no longer counted.
    pub fn tick(&self, now: Timestamp) {
        if self.load.is_on() {
            let _door = lock(&self.door);
            if self.load.expire(now) {
                self.watched.store(!self.readers.load().is_empty(), Ordering::Relaxed);
            }
        }
    }

    /// Offers an event to all who look.
    #[cold]
    pub fn offer(&self, kind: EventKind, at: Timestamp, place: &Arc<EventPlace>, detail: &EventDetail<&[u8]>) {
        if self.load.is_on() {
            self.load.count(place, detail);
        }
        let view = EventView { kind, place, detail };
        for reader in self.readers.load().iter() {
            reader.offer(at, &view, place);
        }
    }

    /// Events that found no room, of all time.
    pub fn dropped(&self) -> u64 {
        let readers = self.readers.load();
        self.dropped.load(Ordering::Relaxed) + readers.iter().map(|reader| reader.queue.dropped()).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ServerId, Xid, Zxid};
    use crate::wire::{ErrorCode, OpCode};

    fn operation(path: &[u8], error: ErrorCode) -> EventDetail<&[u8]> {
        let (op, xid, zxid) = (Some(OpCode::CREATE), Xid(1), Zxid(2));
        EventDetail::Operation { op, xid, error, zxid, request_bytes: 50, reply_bytes: 16, nanos: Some(5), path }
    }

    fn reader(hub: &TapHub, filter: &str, sample: u64) -> Arc<TapReader> {
        hub.open(Filter::parse(filter).unwrap(), NonZeroU64::new(sample).unwrap()).unwrap()
    }

    #[test]
    fn each_gets_what_its_filter_lets_through_and_nobody_after_it_has_gone() {
        let hub = TapHub::default();
        assert!(!hub.is_watched());
        let (failed, third) = (reader(&hub, "error!=ok path~/a/*", 1), reader(&hub, "", 3));
        assert!(hub.is_watched());
        let place = Arc::new(EventPlace { servers: [Some(ServerId(1)), None], ..EventPlace::default() });
        for error in [ErrorCode::OK, ErrorCode::NO_NODE] {
            for path in [b"/a/b", b"/b/b"] {
                hub.offer(EventKind::Operation, Timestamp(7), &place, &operation(path, error));
            }
        }
        let (events, dropped) = failed.drain(usize::MAX);
        assert_eq!((events.len(), dropped), (1, 0));
        assert_eq!(events[0].detail, operation(b"/a/b", ErrorCode::NO_NODE).copied());
        assert_eq!((events[0].at, &events[0].place), (Timestamp(7), &place));
        assert_eq!(third.drain(usize::MAX).0.len(), 2, "the first and the fourth");
        hub.close(&failed);
        hub.close(&failed);
        hub.offer(EventKind::Operation, Timestamp(7), &place, &operation(b"/a/b", ErrorCode::NO_NODE));
        assert_eq!(failed.drain(usize::MAX).0.len(), 0);
        hub.close(&third);
        assert!(!hub.is_watched());
    }

    #[test]
    fn one_that_does_not_read_is_dropped_for_and_holds_few_bytes() {
        let hub = TapHub::default();
        let (still, other) = (reader(&hub, "", 1), reader(&hub, "op=delete", 1));
        let (place, path) = (Arc::new(EventPlace::default()), [b'x'; 255]);
        let detail = operation(&path, ErrorCode::OK);
        let used = allocation_counter::measure(|| {
            for _ in 0..10_000 {
                hub.offer(EventKind::Operation, Timestamp(7), &place, &detail);
            }
        });
        assert!(used.bytes_current <= 2 * TAP_BYTES as i64, "{used:?}");
        let full = allocation_counter::measure(|| {
            for _ in 0..10_000 {
                hub.offer(EventKind::Operation, Timestamp(7), &place, &detail);
            }
        });
        assert_eq!(full.count_total, 0, "a full queue is seen before anything is made for it");
        let (events, dropped) = still.drain(usize::MAX);
        assert_eq!((events.len() as u64 + dropped, other.drain(usize::MAX).1), (20_000, 0));
        assert_eq!(hub.dropped(), dropped);
        hub.close(&still);
        assert_eq!(hub.dropped(), dropped, "those of one that has gone still count");
    }

    #[test]
    fn what_an_event_alone_keeps_alive_is_counted_with_it() {
        let hub = TapHub::default();
        let still = reader(&hub, "", 1);
        let identity = "h".repeat(120);
        let used = allocation_counter::measure(|| {
            for _ in 0..10_000 {
                let place = Arc::new(EventPlace { identity: Some(identity.clone()), ..EventPlace::default() });
                hub.offer(EventKind::Ended, Timestamp(7), &place, &EventDetail::Bare);
            }
        });
        assert!(used.bytes_current <= TAP_BYTES as i64 * 5 / 4, "{used:?}");
        drop(still);
    }

    #[test]
    fn load_is_counted_while_somebody_asks_for_it() {
        let (hub, place) = (TapHub::default(), Arc::new(EventPlace::default()));
        let at = |seconds: u64| Timestamp(seconds * 1_000_000_000);
        assert_eq!(hub.ask_load(LoadKind::Path, at(1)).operations, 0);
        assert!(hub.is_watched());
        hub.offer(EventKind::Operation, at(2), &place, &operation(b"/a", ErrorCode::OK));
        let counts = hub.ask_load(LoadKind::Path, at(3));
        assert_eq!((counts.since, counts.operations, counts.keys[0].0.as_str()), (at(1), 1, "/a"));
        let reader = reader(&hub, "", 1);
        hub.tick(at(13));
        hub.close(&reader);
        assert!(hub.is_watched(), "the load is still asked for");
        hub.tick(at(14));
        assert!(!hub.is_watched());
    }

    #[test]
    fn no_more_look_than_may() {
        let hub = TapHub::default();
        let all: Vec<_> = (0..TAP_READERS).map(|_| reader(&hub, "", 1)).collect();
        assert!(hub.open(Filter::default(), NonZeroU64::MIN).is_none());
        hub.close(&all[3]);
        assert!(hub.open(Filter::default(), NonZeroU64::MIN).is_some());
    }
}
