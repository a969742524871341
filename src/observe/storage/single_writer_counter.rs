//! A counter that one thread writes and all may read.
//!
//! Not a counter for several writers: an addition is a load and a store, so two writers would lose each
//! other's. In exchange it costs no locked instruction, which is most of what a shared counter costs.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number with a single writer. Readers see some recent value, never a torn one.
#[derive(Debug, Default)]
pub struct SingleWriterCounter(AtomicU64);

impl SingleWriterCounter {
    /// Zero, for tables in constants.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds; only the writer may call it.
    #[inline]
    pub fn add(&self, more: u64) {
        // Not fetch_add: with one writer nothing can come in between, and the locked instruction is saved.
        self.set(self.get().wrapping_add(more));
    }

    /// Replaces the value; only the writer may call it.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Keeps the larger of both; only the writer may call it.
    #[inline]
    pub fn raise(&self, value: u64) {
        if value > self.get() {
            self.set(value);
        }
    }

    /// The value now.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_on_other_threads_see_what_the_writer_added() {
        let tally = SingleWriterCounter::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    tally.add(1);
                }
            });
            let mut last = 0;
            while last < 10_000 {
                let seen = tally.get();
                assert!(seen >= last, "a counter went back from {last} to {seen}");
                last = seen;
            }
        });
        tally.raise(5);
        assert_eq!(tally.get(), 10_000);
        tally.raise(10_001);
        assert_eq!(tally.get(), 10_001);
    }
}
