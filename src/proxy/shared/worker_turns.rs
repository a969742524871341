//! Workers that share a processor take turns.
//!
//! A thread that never sleeps keeps its processor until the kernel's next tick, which on many machines is 4 ms away,
//! however many others wait for it. A worker under load never sleeps: the first answers are there before the last
//! requests have gone out. So where the kernel puts two workers on one processor, the clients of either would wait for
//! whole ticks. A worker that sees another one waiting for its processor therefore lets it go first before that.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::sched_getcpu;

use crate::time::Timestamp;

/// How long a worker keeps a processor that another one waits for. To change over costs some microseconds.
const TURN: Duration = Duration::from_micros(500);
/// Whoever has not been at work for longer waits for something else than another worker's turn.
const LONGEST_WAIT: Duration = Duration::from_millis(20);
/// How often a worker looks whether another one waits, at most.
const LOOK: Duration = Duration::from_micros(100);
/// The same for each worker that there is: a look reads what all of them write.
const LOOK_AT_ONE: Duration = Duration::from_micros(10);

/// What each worker is at.
#[derive(Debug)]
pub(in crate::proxy) struct WorkerTurns {
    workers: Box<[WorkerTurn]>,
    /// Between two looks of one worker.
    look: Duration,
}

/// A worker, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct WorkerTurn {
    /// When it was last at work, in nanoseconds; 0 while it sleeps.
    worked_at: AtomicU64,
    /// On which processor it looked last.
    processor: AtomicUsize,
    /// When that was, in nanoseconds.
    looked_at: AtomicU64,
}

impl WorkerTurns {
    /// For this many workers.
    pub(in crate::proxy) fn new(workers: usize) -> Self {
        let look = LOOK.max(LOOK_AT_ONE.saturating_mul(u32::try_from(workers).unwrap_or(u32::MAX)));
        Self { workers: (0..workers).map(|_| WorkerTurn::default()).collect(), look }
    }

    /// The worker sleeps, unless something has come for it.
    #[inline]
    pub(in crate::proxy) fn sleeps(&self, worker: usize) {
        if let Some(own) = self.workers.get(worker) {
            own.worked_at.store(0, Ordering::Relaxed);
        }
    }

    /// The worker is at work, on the calling thread; where another one waits for its processor, that goes first.
    #[inline]
    pub(in crate::proxy) fn work(&self, worker: usize, now: Timestamp) {
        if self.workers.len() > 1 && self.is_waited_for(worker, sched_getcpu, now) {
            thread::yield_now();
        }
    }

    /// The same: whether another one waits for the processor.
    #[inline]
    fn is_waited_for(&self, worker: usize, processor: impl FnOnce() -> usize, now: Timestamp) -> bool {
        let Some(own) = self.workers.get(worker) else { return false };
        own.worked_at.store(now.0, Ordering::Relaxed);
        now.since(Timestamp(own.looked_at.load(Ordering::Relaxed))) >= self.look && self.look(own, processor(), now)
    }

    #[cold]
    fn look(&self, own: &WorkerTurn, processor: usize, now: Timestamp) -> bool {
        own.looked_at.store(now.0, Ordering::Relaxed);
        own.processor.store(processor, Ordering::Relaxed);
        // Who was at work on this very processor, and neither sleeps nor has gone on since, waits for it.
        let waits = |other: &WorkerTurn| {
            let worked_at = other.worked_at.load(Ordering::Relaxed);
            let since = now.since(Timestamp(worked_at));
            let is_here = || other.processor.load(Ordering::Relaxed) == processor;
            worked_at != 0 && (TURN..LONGEST_WAIT).contains(&since) && is_here()
        };
        self.workers.iter().any(waits)
    }

    /// Whether a worker is at work, as far as is known.
    #[cfg(test)]
    pub(in crate::proxy) fn is_at_work(&self, worker: usize) -> bool {
        self.workers[worker].worked_at.load(Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp(1_000_000_000 + micros * 1_000)
    }

    /// Whether somebody waits for a worker that is at work on this processor.
    fn works(all: &WorkerTurns, worker: usize, processor: usize, micros: u64) -> bool {
        all.is_waited_for(worker, || processor, at(micros))
    }

    #[test]
    fn who_waits_for_the_processor_of_another_worker_goes_first_after_a_turn() {
        let (all, turn) = (WorkerTurns::new(3), TURN.as_micros() as u64);
        assert!(!works(&all, 1, 0, 0));
        // The kernel has put another one in its place.
        let steps = (1..=turn / 50 + 2).map(|step| step * 50);
        let lets_go: Vec<u64> = steps.filter(|micros| works(&all, 0, 0, *micros)).collect();
        assert_eq!(lets_go, [turn + 50], "not before, and not each time that it is asked");
        assert!(!works(&all, 1, 0, turn + 60));
        assert!(!works(&all, 0, 0, turn + 200), "the other one has gone on");
        assert!(!works(&all, 0, 0, 1_000_000), "who is not heard of for so long waits for something else");
    }

    #[test]
    fn who_sleeps_or_is_elsewhere_waits_for_nobody() {
        let all = WorkerTurns::new(2);
        works(&all, 1, 0, 0);
        assert!(!works(&all, 0, 1, 1_000), "on another processor");
        all.sleeps(1);
        assert!(!works(&all, 0, 0, 2_000), "asleep");
        all.sleeps(0);
        assert!(!works(&all, 1, 0, 3_000), "and nobody waits for itself");
    }

    #[test]
    fn the_more_workers_there_are_the_rarer_are_the_looks() {
        assert_eq!([1, 2, 64].map(|workers| WorkerTurns::new(workers).look.as_micros()), [100, 100, 640]);
    }
}
