//! An owned copy of a histogram: what readers merge, keep and ask.
//!
//! Only buckets that hold something are kept, eight bytes each, because the distributions of finished
//! connections stay as long as their session does.

use smallvec::SmallVec;

use super::bucket::{BUCKETS, HistogramBucket, STEPS};

/// Counts of latencies by bucket, with their sum and maximum; nanoseconds throughout.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HistogramSnapshot {
    /// In rising order of buckets, none with a count of 0. What most sessions leave fills one or two.
    cells: SmallVec<[BucketCount; 2]>,
    sum: u64,
    max: u64,
}

/// A bucket and its count in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct BucketCount(u64);

impl BucketCount {
    /// A bucket's number needs 9 bits; what is left for the count would take a million years to fill.
    const COUNT_BITS: u32 = u64::BITS - BUCKETS.next_power_of_two().ilog2();
    const COUNT_MASK: u64 = (1 << Self::COUNT_BITS) - 1;

    fn new(bucket: HistogramBucket, count: u64) -> Self {
        Self((bucket.index() as u64) << Self::COUNT_BITS | count & Self::COUNT_MASK)
    }

    fn bucket(self) -> HistogramBucket {
        HistogramBucket::at((self.0 >> Self::COUNT_BITS) as usize)
    }

    fn count(self) -> u64 {
        self.0 & Self::COUNT_MASK
    }
}

impl HistogramSnapshot {
    /// Keeps the counts above 0; they come in rising order of buckets.
    pub fn new(counts: impl Iterator<Item = (HistogramBucket, u64)> + Clone, sum: u64, max: u64) -> Self {
        let counts = counts.filter(|(_, count)| *count > 0);
        let mut cells = SmallVec::with_capacity(counts.clone().count());
        cells.extend(counts.map(|(bucket, count)| BucketCount::new(bucket, count)));
        Self { cells, sum, max }
    }

    /// As [`HistogramSnapshot::new`], of one octave's buckets.
    pub(super) fn of_octave(octave: u8, counts: [u64; STEPS], sum: u64, max: u64) -> Self {
        let filled = counts.iter().filter(|count| **count > 0).count();
        let mut cells = SmallVec::with_capacity(filled);
        for (step, count) in counts.into_iter().enumerate() {
            if count > 0 {
                cells.push(BucketCount::new(HistogramBucket::at(usize::from(octave) * STEPS + step), count));
            }
        }
        Self { cells, sum, max }
    }

    /// How many latencies there are.
    pub fn count(&self) -> u64 {
        self.cells.iter().map(|cell| cell.count()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Their sum in nanoseconds.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The longest in nanoseconds; 0 when there are none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The buckets that hold something, lowest first.
    pub fn buckets(&self) -> impl Iterator<Item = (HistogramBucket, u64)> + Clone {
        self.cells.iter().map(|cell| (cell.bucket(), cell.count()))
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.max = self.max.max(other.max);
        if self.cells.is_empty() {
            self.cells = other.cells;
            return;
        }
        let mut merged = SmallVec::with_capacity(self.cells.len() + other.cells.len());
        let (mut ours, mut theirs) = (self.cells.iter().peekable(), other.cells.iter().peekable());
        while let (Some(our), Some(their)) = (ours.peek(), theirs.peek()) {
            let (left, right) = (our.bucket(), their.bucket());
            let (mut bucket, mut count) = (left, 0);
            if left <= right {
                count += our.count();
                ours.next();
            }
            if right <= left {
                (bucket, count) = (right, count + their.count());
                theirs.next();
            }
            merged.push(BucketCount::new(bucket, count));
        }
        merged.extend(ours.copied());
        merged.extend(theirs.copied());
        merged.shrink_to_fit();
        self.cells = merged;
    }

    /// What was recorded since `earlier`, an older copy of the same latencies. The maximum stays: it may be of
    /// either part.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut before = earlier.cells.iter().peekable();
        let counts = self.buckets().map(move |(bucket, count)| {
            while before.next_if(|cell| cell.bucket() < bucket).is_some() {}
            let was = before.next_if(|cell| cell.bucket() == bucket).map_or(0, |cell| cell.count());
            (bucket, count.saturating_sub(was))
        });
        Self::new(counts, self.sum.saturating_sub(earlier.sum), self.max)
    }

    /// Whether no bucket of the other one holds more than the same bucket here.
    pub fn covers(&self, other: &Self) -> bool {
        let mut ours = self.cells.iter().peekable();
        other.cells.iter().all(|their| {
            while ours.next_if(|our| our.bucket() < their.bucket()).is_some() {}
            ours.peek().is_some_and(|our| our.bucket() == their.bucket() && our.count() >= their.count())
        })
    }

    /// The latency in nanoseconds that the given share of all did not exceed, placed inside its bucket by rank;
    /// 0 when there are none. `share` is between 0 and 1.
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        for (bucket, count) in self.buckets() {
            if below + count >= rank {
                let width = bucket.ceiling() - bucket.floor();
                let inside = width as f64 * (rank - below) as f64 / count as f64;
                return (bucket.floor() + inside as u64).min(self.max);
            }
            below += count;
        }
        self.max
    }

    /// How many latencies are at most as long as each of these rising edges, which are ceilings of buckets.
    pub fn cumulative(&self, edges: impl Iterator<Item = HistogramBucket>) -> impl Iterator<Item = u64> {
        let mut cells = self.cells.iter().peekable();
        let mut below = 0;
        edges.map(move |edge| {
            while let Some(cell) = cells.next_if(|cell| cell.bucket() <= edge) {
                below += cell.count();
            }
            below
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::LatencyHistogram;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> HistogramSnapshot {
        let histogram = LatencyHistogram::new();
        for value in values {
            histogram.record(*value);
        }
        histogram.snapshot()
    }

    #[test]
    fn quantiles_are_within_a_bucket_of_the_truth() {
        let values: Vec<u64> = (1..=10_000).map(|number| number * 10_000).collect();
        let all = of(&values);
        for (share, truth) in [(0.5, 50_000_000.0), (0.9, 90_000_000.0), (0.99, 99_000_000.0), (0.999, 99_900_000.0)] {
            let seen = all.quantile(share) as f64;
            assert!((seen / truth - 1.0).abs() < 0.04, "{share}: {seen} for {truth}");
        }
        assert_eq!(all.quantile(1.0), 100_000_000);
    }

    #[test]
    fn quantiles_of_nothing_and_of_one() {
        assert_eq!(HistogramSnapshot::default().quantile(0.5), 0);
        let two = HistogramSnapshot::new(
            [70_000, 1_000_000].map(|nanos| (HistogramBucket::of(nanos), 1)).into_iter(),
            0,
            1_000_000,
        );
        assert!(two.quantile(0.5) < 100_000, "half of two is the first");
        let one = of(&[70_000]);
        assert_eq!(one.quantile(0.0), 70_000.min(HistogramBucket::of(70_000).ceiling()));
        assert_eq!(one.quantile(0.999), 70_000);
    }

    #[test]
    fn cumulative_counts_stop_at_each_edge() {
        let all = of(&[2_000, 2_048, 2_049, 5_000, 1 << 40]);
        let edges = [2_048, 4_096, 8_192].map(HistogramBucket::of);
        assert_eq!(all.cumulative(edges.into_iter()).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(all.count(), 5);
    }

    proptest! {
        #[test]
        fn merging_is_recording_together(
            left in proptest::collection::vec(0..1_000_000_000_u64, 0..100),
            right in proptest::collection::vec(0..1_000_000_000_u64, 0..100),
        ) {
            let mut merged = of(&left);
            merged.merge(of(&right));
            prop_assert_eq!(merged, of(&[left, right].concat()));
        }

        #[test]
        fn what_came_since_is_what_was_merged(
            early in proptest::collection::vec(0..1_000_000_000_u64, 0..100),
            late in proptest::collection::vec(0..1_000_000_000_u64, 0..100),
        ) {
            let both = of(&[early.clone(), late.clone()].concat());
            prop_assert!(both.covers(&of(&early)) && both.covers(&both));
            prop_assert_eq!(of(&early).covers(&both), late.is_empty());
            let since = both.since(&of(&early));
            let late = of(&late);
            prop_assert_eq!(since.buckets().collect::<Vec<_>>(), late.buckets().collect::<Vec<_>>());
            prop_assert_eq!(since.sum(), late.sum());
        }

        #[test]
        fn quantiles_rise(values in proptest::collection::vec(1..10_000_000_000_u64, 1..100)) {
            let all = of(&values);
            let seen: Vec<u64> = [0.0, 0.5, 0.9, 0.99, 0.999, 1.0].into_iter().map(|share| all.quantile(share)).collect();
            prop_assert!(seen.is_sorted());
            prop_assert_eq!(seen[5], all.max());
        }
    }
}
