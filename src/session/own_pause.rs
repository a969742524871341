//! Times in which zoogate itself stood still: it was stopped, throttled, or its machine was.
//!
//! What was silent meanwhile, or seemed so, says nothing about a server or a client.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

/// How many pauses are remembered; the oldest is forgotten first.
pub const OWN_PAUSES_KEPT: usize = 256;

/// One time in which zoogate, or one of its threads, did not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnPause {
    /// The last sign of life before it.
    pub from: Timestamp,
    /// The first one after it.
    pub to: Timestamp,
}

impl OwnPause {
    /// How long it was.
    pub fn lasted(self) -> Duration {
        self.to.since(self.from)
    }

    /// The part of it that lies between two moments.
    fn within(self, from: Timestamp, to: Timestamp) -> Duration {
        self.to.min(to).since(self.from.max(from))
    }

    fn touches(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

/// What a pause added to those that were known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddedPause {
    /// Time that no other pause had covered.
    pub time: Duration,
    /// Whether it touches no other pause: several threads report the same one.
    pub is_new: bool,
}

/// The latest pauses; none overlaps another.
#[derive(Clone, Debug, Default)]
pub struct OwnPauseLog {
    /// Oldest first; len <= [`OWN_PAUSES_KEPT`].
    pauses: VecDeque<OwnPause>,
}

impl OwnPauseLog {
    /// Adds a pause, joined with those that it touches.
    pub fn note(&mut self, pause: OwnPause) -> AddedPause {
        let mut joined = pause;
        let mut known = Duration::ZERO;
        self.pauses.retain(|other| {
            let apart = !other.touches(pause);
            if !apart {
                known += other.lasted();
                joined = OwnPause { from: joined.from.min(other.from), to: joined.to.max(other.to) };
            }
            apart
        });
        let place = self.pauses.partition_point(|other| other.from < joined.from);
        self.pauses.insert(place, joined);
        if self.pauses.len() > OWN_PAUSES_KEPT {
            self.pauses.pop_front();
        }
        AddedPause { time: joined.lasted().saturating_sub(known), is_new: known.is_zero() }
    }

    /// How much of the time between two moments zoogate stood still.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> Duration {
        let late_enough = self.pauses.iter().rev().take_while(|pause| pause.to > from);
        late_enough.map(|pause| pause.within(from, to)).sum()
    }

    /// The latest pause that had begun by that moment.
    pub fn last_before(&self, moment: Timestamp) -> Option<OwnPause> {
        self.pauses.iter().rev().find(|pause| pause.from <= moment).copied()
    }

    /// When the latest pause was over.
    pub fn last_to(&self) -> Option<Timestamp> {
        self.pauses.back().map(|pause| pause.to)
    }
}

/// One of the threads that carry traffic, by its place among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ThreadPlace(pub u16);

/// How many threads have pauses of their own; those beyond count each other's.
pub const THREADS_TOLD_APART: usize = 256;

/// The latest pauses, of each thread and of all: what one thread does not see for a while, others may see.
#[derive(Clone, Debug, Default)]
pub struct ThreadPauses {
    all: OwnPauseLog,
    /// By place; len <= [`THREADS_TOLD_APART`].
    own: Vec<OwnPauseLog>,
}

impl ThreadPauses {
    /// Adds a pause of a thread. Returns what it adds to those of all threads.
    pub fn note(&mut self, thread: ThreadPlace, pause: OwnPause) -> AddedPause {
        let place = usize::from(thread.0);
        if place < THREADS_TOLD_APART {
            let known = self.own.len().max(place + 1);
            self.own.resize_with(known, OwnPauseLog::default);
            self.own[place].note(pause);
        }
        self.all.note(pause)
    }

    /// The pauses of a thread.
    pub fn of(&self, thread: ThreadPlace) -> &OwnPauseLog {
        const NONE: &OwnPauseLog = &OwnPauseLog { pauses: VecDeque::new() };
        let place = usize::from(thread.0);
        if place < THREADS_TOLD_APART { self.own.get(place).unwrap_or(NONE) } else { &self.all }
    }

    /// The pauses of all threads together.
    pub fn all(&self) -> &OwnPauseLog {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(from: u64, to: u64) -> OwnPause {
        OwnPause { from: Timestamp(from), to: Timestamp(to) }
    }

    fn nanos(log: &OwnPauseLog, from: u64, to: u64) -> u128 {
        log.within(Timestamp(from), Timestamp(to)).as_nanos()
    }

    #[test]
    fn the_part_of_a_time_that_was_paused_is_known() {
        let mut log = OwnPauseLog::default();
        assert_eq!(nanos(&log, 0, 100), 0);
        log.note(pause(10, 20));
        log.note(pause(40, 50));
        for (from, to, paused) in
            [(0, 100, 20), (0, 10, 0), (0, 15, 5), (12, 15, 3), (15, 45, 10), (20, 40, 0), (45, 99, 5), (50, 99, 0)]
        {
            assert_eq!(nanos(&log, from, to), paused, "{from} to {to}");
        }
        assert_eq!(log.last_before(Timestamp(39)), Some(pause(10, 20)));
        assert_eq!(log.last_before(Timestamp(9)), None);
        assert_eq!(log.last_to(), Some(Timestamp(50)));
    }

    #[test]
    fn what_several_threads_tell_of_one_pause_counts_once() {
        let mut log = OwnPauseLog::default();
        let added = |time, is_new| AddedPause { time: Duration::from_nanos(time), is_new };
        assert_eq!(log.note(pause(10, 20)), added(10, true));
        assert_eq!(log.note(pause(12, 23)), added(3, false));
        assert_eq!(log.note(pause(11, 19)), added(0, false));
        assert_eq!(log.note(pause(40, 50)), added(10, true));
        assert_eq!(log.note(pause(5, 45)), added(22, false), "it joins both");
        assert_eq!((nanos(&log, 0, 100), log.pauses.len()), (45, 1));
        assert_eq!(log.note(pause(1, 2)), added(1, true), "told late");
        assert_eq!(log.last_to(), Some(Timestamp(50)));
    }

    #[test]
    fn what_one_thread_missed_others_may_have_seen() {
        let mut pauses = ThreadPauses::default();
        let far = ThreadPlace(THREADS_TOLD_APART as u16);
        assert!(pauses.note(ThreadPlace(2), pause(10, 20)).is_new);
        assert!(!pauses.note(ThreadPlace(0), pause(15, 25)).is_new);
        let within = |thread| nanos(pauses.of(thread), 0, 100);
        assert_eq!([0, 1, 2, 3].map(|place| within(ThreadPlace(place))), [10, 0, 10, 0]);
        assert_eq!((within(far), nanos(pauses.all(), 0, 100)), (15, 15));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut log = OwnPauseLog::default();
        for number in 0..=OWN_PAUSES_KEPT as u64 {
            log.note(pause(number * 10 + 1, number * 10 + 2));
        }
        assert_eq!((log.pauses.len(), nanos(&log, 0, 5), nanos(&log, 0, 15)), (OWN_PAUSES_KEPT, 0, 1));
    }
}
