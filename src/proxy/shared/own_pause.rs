//! Notices that zoogate itself stood still: a stopped or throttled process, a paused machine, a worker that was
//! blocked.
//!
//! Each thread that carries traffic gives a sign of life every [`BEAT`]. One that comes late by more than the
//! scheduler is late is a pause of that thread. After a pause the sockets may be served before the next sign of life is
//! due, so every reader compares with the last one first.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::lock::lock;
use crate::session::own_pause::{AddedPause, OwnPause, ThreadPauses, ThreadPlace};
use crate::time::Timestamp;

/// Between two signs of life of a thread.
pub(in crate::proxy) const BEAT: Duration = Duration::from_millis(100);
/// Without a sign of life for so long a thread stood still. A busy machine makes threads late by some tens of
/// milliseconds.
pub(crate) const NOTED: Duration = Duration::from_millis(300);

thread_local! {
    /// The place of this thread among those that give signs of life.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The signs of life of all threads, and the pauses that they showed.
#[derive(Debug)]
pub(super) struct ThreadHeartbeats {
    /// The last sign of life by thread, in nanoseconds of the proxy's clock; 0 before the first.
    beats: Vec<AtomicU64>,
    pauses: Mutex<ThreadPauses>,
    /// When the latest pause was over, so that the lock is not taken for a time after it.
    last_to: AtomicU64,
}

impl ThreadHeartbeats {
    /// For this many threads.
    pub(in crate::proxy) fn new(threads: usize) -> Self {
        let beats = (0..threads).map(|_| AtomicU64::new(0)).collect();
        Self { beats, pauses: Mutex::default(), last_to: AtomicU64::new(0) }
    }

    /// Makes the calling thread the one at this place, and gives its first sign of life.
    pub(in crate::proxy) fn begin(&self, place: usize, now: Timestamp) {
        PLACE.set(Some(place));
        if let Some(beat) = self.beats.get(place) {
            beat.store(now.0, Ordering::Relaxed);
        }
    }

    /// The place of the calling thread; one that has none counts as the first.
    pub(in crate::proxy) fn place() -> ThreadPlace {
        ThreadPlace(PLACE.get().unwrap_or(0) as u16)
    }

    /// A sign of life of the calling thread; the pause that it ends, if it does. Threads that have no place report
    /// nothing.
    pub(super) fn beat(&self, now: Timestamp) -> Option<OwnPause> {
        let beat = self.beats.get(PLACE.get()?)?;
        let from = Timestamp(beat.load(Ordering::Relaxed));
        // Of two readings of the clock in one wake-up the earlier one may be shown last.
        beat.store(now.max(from).0, Ordering::Relaxed);
        (from > Timestamp::ZERO && now.since(from) >= NOTED).then_some(OwnPause { from, to: now })
    }

    /// Remembers a pause.
    pub(in crate::proxy) fn note(&self, pause: OwnPause) -> AddedPause {
        let mut pauses = lock(&self.pauses);
        let added = pauses.note(Self::place(), pause);
        self.last_to.fetch_max(pause.to.0, Ordering::Relaxed);
        added
    }

    /// How much of the time between two moments the calling thread stood still.
    pub(in crate::proxy) fn paused_within(&self, from: Timestamp, to: Timestamp) -> Duration {
        // Asked on every check of every silent connection, and nearly always answered here, without the lock.
        if self.last_to.load(Ordering::Relaxed) <= from.0 {
            return Duration::ZERO;
        }
        lock(&self.pauses).of(Self::place()).within(from, to)
    }

    /// How much of the time between two moments a thread stood still; a thread that has given no sign of life for
    /// [`NOTED`] by then is in a pause.
    pub(in crate::proxy) fn paused_on(&self, thread: ThreadPlace, from: Timestamp, to: Timestamp) -> Duration {
        let beat = self.beats.get(usize::from(thread.0)).map_or(0, |beat| beat.load(Ordering::Relaxed));
        let since = Timestamp(beat).max(from);
        let now = if beat > 0 && to.since(Timestamp(beat)) >= NOTED { to.since(since) } else { Duration::ZERO };
        if self.last_to.load(Ordering::Relaxed) <= from.0 {
            return now;
        }
        now + lock(&self.pauses).of(thread).within(from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp(1_000_000_000 + ms * 1_000_000)
    }

    #[test]
    fn a_thread_that_comes_late_stood_still_since_its_last_sign_of_life() {
        let beats = ThreadHeartbeats::new(2);
        assert_eq!(beats.beat(at(0)), None, "a thread that has no place");
        beats.begin(1, at(0));
        assert_eq!((beats.beat(at(100)), beats.beat(at(399))), (None, None));
        assert_eq!(beats.beat(at(699)), Some(OwnPause { from: at(399), to: at(699) }));
        assert_eq!(beats.beat(at(700)), None, "it is told once");
    }

    #[test]
    fn a_thread_that_stands_still_now_is_in_a_pause() {
        let beats = ThreadHeartbeats::new(2);
        beats.begin(1, at(1_000));
        let paused = |from, to| beats.paused_on(ThreadPlace(1), at(from), at(to)).as_millis();
        assert_eq!((paused(0, 1_250), paused(0, 1_500), paused(1_400, 1_500)), (0, 500, 100));
        assert_eq!(beats.paused_on(ThreadPlace(0), at(0), at(1_500)), Duration::ZERO, "it has not begun");
        assert_eq!(beats.paused_on(ThreadPlace(9), at(0), at(1_500)), Duration::ZERO, "there is none");
        beats.note(beats.beat(at(1_500)).expect("a pause"));
        assert_eq!((paused(0, 1_600), paused(1_400, 1_600), paused(1_500, 1_600)), (500, 100, 0));
    }

    #[test]
    fn a_pause_is_found_by_whoever_asks_about_that_time() {
        let beats = ThreadHeartbeats::new(1);
        let paused = |from, to| beats.paused_within(at(from), at(to)).as_millis();
        assert_eq!(paused(0, 9_000), 0);
        assert!(beats.note(OwnPause { from: at(1_000), to: at(6_000) }).is_new);
        assert!(!beats.note(OwnPause { from: at(1_010), to: at(6_001) }).is_new, "another thread's");
        assert_eq!((paused(0, 9_000), paused(2_000, 3_000), paused(6_001, 9_000)), (5_001, 1_000, 0));
    }
}
