//! The simulation's source of chance: small, seeded, the same on every machine.
//!
//! SplitMix64 (Steele, Lea, Flood 2014). Not for secrets; for stories that can be played again from their seed.

use std::time::Duration;

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// Begins the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.bits() % end as u64) as usize }
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    /// A duration from `low` up to `high`.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_nanos() as u64;
        low + Duration::from_nanos(if span == 0 { 0 } else { self.bits() % span })
    }

    /// A generator of its own for a part of the story, so that one part's draws do not shift another's.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_its_story_again() {
        let draw = |seed| {
            let mut random = SeededRandom::new(seed);
            (0..8).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn ranges_hold() {
        let mut random = SeededRandom::new(1);
        for _ in 0..1000 {
            let low = Duration::from_millis(3);
            assert!((low..Duration::from_millis(9)).contains(&random.between(low, Duration::from_millis(9))));
            assert!(random.below(5) < 5);
        }
        assert_eq!((random.below(0), random.between(Duration::ZERO, Duration::ZERO)), (0, Duration::ZERO));
    }
}
