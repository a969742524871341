//! Workers that share a processor take turns.
//!
//! A thread that never sleeps keeps its processor until the kernel's next tick, which on many machines is 4 ms away,
//! however many others wait for it. A worker under load never sleeps: the first answers are there before the last
//! requests have gone out. So where the kernel puts two workers on one processor, the clients of either would wait for
//! whole ticks. A worker that sees another one waiting for its processor therefore lets it go first before that.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::time::Timestamp;

/// How long a worker keeps a processor that another one waits for. To change over costs some microseconds.
const TURN: Duration = Duration::from_micros(500);
/// How often a worker looks whether another one waits: looking reads what all others write.
const LOOK: Duration = Duration::from_micros(100);

/// What each worker is at.
#[derive(Debug)]
pub(in crate::proxy) struct WorkerTurns(Box<[WorkerTurn]>);

/// A worker, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct WorkerTurn {
    /// When it was last at work, in nanoseconds; 0 while it sleeps.
    worked_at: AtomicU64,
    /// On which processor that was.
    processor: AtomicUsize,
    /// When it last looked at the others, in nanoseconds.
    looked_at: AtomicU64,
}

impl WorkerTurns {
    /// For this many workers.
    pub(in crate::proxy) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| WorkerTurn::default()).collect())
    }

    /// The worker sleeps, unless something has come for it.
    #[inline]
    pub(in crate::proxy) fn sleeps(&self, worker: usize) {
        if let Some(own) = self.0.get(worker) {
            own.worked_at.store(0, Ordering::Relaxed);
        }
    }

    /// The worker is at work on this processor; whether it is to let another one go first.
    #[inline]
    pub(in crate::proxy) fn works(&self, worker: usize, processor: usize, now: Timestamp) -> bool {
        let Some(own) = self.0.get(worker) else { return false };
        own.processor.store(processor, Ordering::Relaxed);
        own.worked_at.store(now.0, Ordering::Relaxed);
        now.since(Timestamp(own.looked_at.load(Ordering::Relaxed))) >= LOOK && self.looks(own, processor, now)
    }

    #[cold]
    fn looks(&self, own: &WorkerTurn, processor: usize, now: Timestamp) -> bool {
        own.looked_at.store(now.0, Ordering::Relaxed);
        // Who was at work on this very processor, and neither sleeps nor has gone on since, waits for it.
        let waits = |other: &WorkerTurn| {
            let worked_at = other.worked_at.load(Ordering::Relaxed);
            worked_at != 0
                && other.processor.load(Ordering::Relaxed) == processor
                && now.since(Timestamp(worked_at)) >= TURN
        };
        self.0.iter().any(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp(1_000_000_000 + micros * 1_000)
    }

    #[test]
    fn who_waits_for_the_processor_of_another_worker_goes_first_after_a_turn() {
        let (all, turn) = (WorkerTurns::new(3), TURN.as_micros() as u64);
        assert!(!all.works(1, 0, at(0)));
        // The kernel has put another one in its place.
        let lets_go: Vec<u64> =
            (1..=turn / 50 + 2).map(|step| step * 50).filter(|now| all.works(0, 0, at(*now))).collect();
        assert_eq!(lets_go, [turn + 50], "not before, and not each time that it is asked");
        assert!(!all.works(1, 0, at(turn + 60)));
        assert!(!all.works(0, 0, at(turn + 200)), "the other one has gone on");
    }

    #[test]
    fn who_sleeps_or_is_elsewhere_waits_for_nobody() {
        let all = WorkerTurns::new(2);
        all.works(1, 0, at(0));
        assert!(!all.works(0, 1, at(10_000)), "on another processor");
        all.sleeps(1);
        assert!(!all.works(0, 0, at(20_000)), "asleep");
        all.sleeps(0);
        assert!(!all.works(1, 0, at(30_000)), "and nobody waits for itself");
    }
}
