//! Chance that can be had again: the same seed draws the same moments.

use std::ops::Range;
use std::thread;
use std::time::Duration;

/// A stream of drawn numbers (splitmix64).
#[derive(Debug, Clone, Copy)]
pub(super) struct SeededChance(u64);

impl SeededChance {
    /// The stream of one run: of the bench's seed, a scenario's name, and the round.
    pub(super) fn of_run(seed: u64, name: &str, round: usize) -> Self {
        let named = name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
        Self(named.wrapping_add(round as u64))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `count`, from 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// A length of time within these milliseconds.
    pub(super) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.next() % (range.end - range.start))
    }

    /// Lets a length of time within these milliseconds pass.
    pub(super) fn pause(&mut self, range: Range<u64>) {
        thread::sleep(self.millis(range));
    }
}
