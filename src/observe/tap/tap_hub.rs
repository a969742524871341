//! Those who look, and the one place where events are offered to them.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::data_room::DataRoom;
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
/// A queue with less room than this is full for the rest of a turn. Most events are shorter.
const TURN_ROOM: usize = 1024;

/// One who looks.
#[derive(Debug)]
pub struct TapReader {
    filter: Filter,
    /// One in so many of what the filter lets through.
    sample: NonZeroU64,
    /// Bytes of node data that it wants of each request.
    data: usize,
    matched: AtomicU64,
    queue: EventQueue<TappedEvent>,
}

impl TapReader {
    /// Takes the oldest events, at most so many bytes and one more, and says how many were dropped since it was last said.
    pub fn drain(&self, most: usize) -> (Vec<TappedEvent>, u64) {
        self.queue.drain(most)
    }

    /// Whether it wants everything and has no room for it.
    fn is_full(&self) -> bool {
        self.filter.is_empty() && self.sample == NonZeroU64::MIN && self.queue.room() < TURN_ROOM
    }

    fn offer(&self, at: Timestamp, view: &EventView<'_>, place: &Arc<EventPlace>, data: &[u8]) {
        if !self.filter.matches(view) {
            return;
        }
        // Who takes all needs no number, and a count that all threads share is dear.
        let is_sampled = self.sample > NonZeroU64::MIN;
        let number = if is_sampled { self.matched.fetch_add(1, Ordering::Relaxed) } else { 0 };
        // Events of one connection share their place. It is counted with each: it may be all that is left of it.
        let data = &data[..data.len().min(self.data)];
        let bytes = size_of::<(TappedEvent, usize)>() + view.detail.bytes_behind() + place.bytes() + data.len();
        if !number.is_multiple_of(self.sample.get()) || !self.queue.has_room(bytes) {
            return;
        }
        let (place, detail) = (Arc::clone(place), view.detail.copied());
        self.queue.push(TappedEvent { kind: view.kind, at, place, detail, data: data.into() }, bytes);
    }
}

/// Those who look, as they are at the beginning of a connection's turn. A turn may bring thousands of replies: who wants
/// all of them and has no room gets their number at its end, and nothing is made or counted for it meanwhile.
#[derive(Debug)]
pub struct TapTurn {
    readers: Arc<Vec<Arc<TapReader>>>,
    /// Events of the turn that each did not get; None who has room.
    missed: [Option<u64>; TAP_READERS],
}

impl TapTurn {
    /// Offers an event to each.
    fn offer(&mut self, at: Timestamp, view: &EventView<'_>, place: &Arc<EventPlace>, data: &[u8]) {
        for (reader, missed) in self.readers.iter().zip(&mut self.missed) {
            match missed {
                Some(missed) => *missed += 1,
                None => reader.offer(at, view, place, data),
            }
        }
    }
}

impl Drop for TapTurn {
    fn drop(&mut self) {
        for (reader, missed) in self.readers.iter().zip(self.missed) {
            reader.queue.count_dropped(missed.unwrap_or_default());
        }
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
    /// Whether node data may be seen.
    shows_data: AtomicBool,
    /// Bytes of it that somebody wants of each request.
    data_wanted: AtomicUsize,
    room: DataRoom,
}

impl TapHub {
    /// Whether anybody looks.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Begins to look at one in `sample` of what the filter lets through; None while as many look as may.
    pub fn open(&self, filter: Filter, sample: NonZeroU64) -> Option<Arc<TapReader>> {
        self.open_with_data(filter, sample, 0)
    }

    /// As [`TapHub::open`], and the first `data` bytes of each request's node data are shown, if any may be seen.
    pub fn open_with_data(&self, filter: Filter, sample: NonZeroU64, data: usize) -> Option<Arc<TapReader>> {
        let data = if self.shows_data() { data } else { 0 };
        let _door = lock(&self.door);
        let mut readers = self.readers.load().as_ref().clone();
        if readers.len() >= TAP_READERS {
            return None;
        }
        let (matched, queue) = (AtomicU64::new(0), EventQueue::new(TAP_BYTES));
        let reader = Arc::new(TapReader { filter, sample, data, matched, queue });
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
        self.data_wanted.store(readers.iter().map(|reader| reader.data).max().unwrap_or(0), Ordering::Relaxed);
        self.readers.store(Arc::new(readers));
    }

    /// From now on node data may be seen.
    pub fn show_data(&self) {
        self.shows_data.store(true, Ordering::Relaxed);
    }

    /// Whether node data may be seen.
    pub fn shows_data(&self) -> bool {
        self.shows_data.load(Ordering::Relaxed)
    }

    /// Bytes of node data that somebody wants of each request; 0 when nobody does.
    pub fn data_wanted(&self) -> usize {
        self.data_wanted.load(Ordering::Relaxed)
    }

    /// Room for node data that waits for its reply.
    pub fn room(&self) -> &DataRoom {
        &self.room
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
    pub fn offer(&self, kind: EventKind, at: Timestamp, place: &Arc<EventPlace>, detail: &EventDetail<&[u8]>) {
        self.offer_in(&mut None, kind, at, place, detail);
    }

    /// Offers an event of a connection's turn, which begins with it if there is none.
    pub fn offer_in(
        &self,
        turn: &mut Option<TapTurn>,
        kind: EventKind,
        at: Timestamp,
        place: &Arc<EventPlace>,
        detail: &EventDetail<&[u8]>,
    ) {
        self.offer_with_data(turn, (kind, at), place, detail, &[]);
    }

    /// As [`TapHub::offer_in`], with the beginning of the request's node data.
    #[cold]
    pub fn offer_with_data(
        &self,
        turn: &mut Option<TapTurn>,
        (kind, at): (EventKind, Timestamp),
        place: &Arc<EventPlace>,
        detail: &EventDetail<&[u8]>,
        data: &[u8],
    ) {
        if self.load.is_on() {
            self.load.count(place, detail);
        }
        let turn = turn.get_or_insert_with(|| self.begin_turn());
        turn.offer(at, &EventView { kind, place, detail }, place, data);
    }

    fn begin_turn(&self) -> TapTurn {
        let readers = self.readers.load_full();
        let mut missed = [None; TAP_READERS];
        for (reader, missed) in readers.iter().zip(&mut missed) {
            *missed = reader.is_full().then_some(0);
        }
        TapTurn { readers, missed }
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
        let mut turn = None;
        for _ in 0..10_000 {
            hub.offer_in(&mut turn, EventKind::Operation, Timestamp(7), &place, &detail);
        }
        drop(turn);
        let (events, dropped) = still.drain(usize::MAX);
        assert_eq!((events.len() as u64 + dropped, other.drain(usize::MAX).1), (30_000, 0));
        assert_eq!(hub.dropped(), dropped);
        hub.close(&still);
        assert_eq!(hub.dropped(), dropped, "those of one that has gone still count");
    }

    #[test]
    fn who_is_full_when_a_turn_begins_gets_its_number_and_others_get_what_they_want_of_it() {
        let hub = TapHub::default();
        let (still, failed) = (reader(&hub, "", 1), reader(&hub, "error!=ok", 1));
        let place = Arc::new(EventPlace::default());
        let mut turn = None;
        let offer = |turn: &mut Option<TapTurn>, error| {
            hub.offer_in(turn, EventKind::Operation, Timestamp(7), &place, &operation(b"/a", error));
        };
        for _ in 0..5_000 {
            offer(&mut turn, ErrorCode::OK);
        }
        turn = None;
        let before = hub.dropped();
        assert!(before > 0, "it is full");
        for error in [ErrorCode::OK, ErrorCode::NO_NODE, ErrorCode::OK] {
            offer(&mut turn, error);
        }
        assert_eq!((failed.drain(usize::MAX).0.len(), hub.dropped()), (1, before), "its number is told at the end");
        drop(turn.take());
        assert_eq!(hub.dropped(), before + 3);
        assert_eq!(still.drain(usize::MAX).1, before + 3);
        offer(&mut turn, ErrorCode::OK);
        assert_eq!(still.drain(usize::MAX).0.len(), 1, "it has room again");
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
    fn node_data_is_for_those_who_asked_for_it_where_it_may_be_seen() {
        let hub = TapHub::default();
        let open = |data| hub.open_with_data(Filter::default(), NonZeroU64::MIN, data).unwrap();
        let early = open(5);
        assert_eq!(hub.data_wanted(), 0, "it may not be seen");
        hub.show_data();
        let (other, few, more) = (open(0), open(3), open(6));
        assert_eq!(hub.data_wanted(), 6);
        let (place, detail) = (Arc::new(EventPlace::default()), operation(b"/a", ErrorCode::OK));
        hub.offer_with_data(&mut None, (EventKind::Operation, Timestamp(7)), &place, &detail, b"secret");
        hub.offer(EventKind::Operation, Timestamp(7), &place, &detail);
        for (reader, expected) in [(&early, &b""[..]), (&other, b""), (&few, b"sec"), (&more, b"secret")] {
            let (events, _) = reader.drain(usize::MAX);
            assert_eq!((&*events[0].data, &*events[1].data), (expected, &b""[..]));
        }
        hub.close(&more);
        assert_eq!(hub.data_wanted(), 3);
        hub.close(&few);
        assert_eq!(hub.data_wanted(), 0);
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
