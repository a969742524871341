//! How many clients each worker carries, and who gets the next one.
//!
//! The kernel deals new connections to the workers by a hash, as dice would: of fifty clients one of two workers may
//! get thirty. A connection stays where it begins, so its clients would wait longer than the others' for as long as
//! they stay. So the worker that accepts a client gives it to the worker that carries the fewest, unless it is nearly
//! that itself.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Clients that a worker may have above the one with the fewest: giving one away costs some microseconds.
const SLACK: usize = 1;

/// How many clients each worker carries.
#[derive(Debug)]
pub(super) struct WorkerLoads(Vec<AtomicUsize>);

impl WorkerLoads {
    /// For this many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicUsize::new(0)).collect())
    }

    /// The worker for a client that this one has let in; it carries one more from now on.
    pub(super) fn choose(&self, own: usize) -> usize {
        let carries = |worker: usize| self.0.get(worker).map_or(usize::MAX, |carried| carried.load(Ordering::Relaxed));
        // The numbers are read without a lock and may be a client old: a choice that is off by one does no harm.
        let least = (0..self.0.len()).min_by_key(|worker| carries(*worker)).unwrap_or(own);
        let chosen = if carries(own) <= carries(least).saturating_add(SLACK) { own } else { least };
        if let Some(carried) = self.0.get(chosen) {
            carried.fetch_add(1, Ordering::Relaxed);
        }
        chosen
    }

    /// A worker carries one less.
    pub(super) fn left(&self, worker: usize) {
        if let Some(carried) = self.0.get(worker) {
            carried.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_lets_all_in_keeps_no_more_than_its_share() {
        let all = WorkerLoads::new(3);
        let mut shares = [0; 3];
        for _ in 0..300 {
            shares[all.choose(1)] += 1;
        }
        assert!(shares.iter().all(|share| (99..=102).contains(share)), "{shares:?}");
        (0..shares[2]).for_each(|_| all.left(2));
        assert_eq!(all.choose(1), 2, "who has lost its clients is the next to get one");
        assert_eq!(WorkerLoads::new(1).choose(0), 0);
    }

    #[test]
    fn who_has_the_fewest_or_nearly_gives_none_away() {
        let all = WorkerLoads::new(2);
        assert_eq!([0, 1, 0, 1, 1].map(|own| all.choose(own)), [0, 1, 0, 1, 1]);
        assert_eq!(all.choose(1), 1, "one more than the other");
        assert_eq!(all.choose(1), 0);
    }
}
