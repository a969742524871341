//! A latency histogram with one writer, which grows with what it has seen.
//!
//! Most sessions are idle: their histograms hold a few pings in one or two octaves. So the histogram is a short
//! list of octaves in the order in which they were first seen; an empty one is a pointer. Recording into an
//! octave that is there takes no lock and no locked instruction, readers walk the same list meanwhile.
//! It is not for several writers (see [`SingleWriterCounter`]), and it forgets the order of what it saw.

use std::sync::OnceLock;

use smallvec::SmallVec;

use super::bucket::{HistogramBucket, STEPS};
use super::histogram_snapshot::HistogramSnapshot;
use super::single_writer_counter::SingleWriterCounter;

/// Counts by [`HistogramBucket`], with sum and maximum; nanoseconds throughout.
#[derive(Debug, Default)]
pub struct LatencyHistogram(OnceLock<Box<FilledBuckets>>);

#[derive(Debug)]
struct FilledBuckets {
    sum: SingleWriterCounter,
    max: SingleWriterCounter,
    first: BucketOctave,
}

/// The buckets of one octave, and the octave that was seen next.
#[derive(Debug)]
struct BucketOctave {
    number: u8,
    counts: [SingleWriterCounter; STEPS],
    next: OnceLock<Box<BucketOctave>>,
}

impl BucketOctave {
    fn new(number: u8) -> Self {
        Self { number, counts: [const { SingleWriterCounter::new() }; STEPS], next: OnceLock::new() }
    }

    /// Its buckets with their counts.
    fn filled(&self) -> impl Iterator<Item = (HistogramBucket, u64)> + Clone {
        let base = usize::from(self.number) * STEPS;
        self.counts.iter().enumerate().map(move |(step, count)| (HistogramBucket::at(base + step), count.get()))
    }
}

impl LatencyHistogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Counts one latency; only the writer may call it. Allocates the first time that an octave is seen.
    #[inline]
    pub fn record(&self, nanos: u64) {
        self.record_many(nanos, 1);
    }

    /// Counts a latency this many times; as [`LatencyHistogram::record`].
    #[inline]
    pub fn record_many(&self, nanos: u64, times: u64) {
        let bucket = HistogramBucket::of(nanos);
        // Allocated at the first record only: most of the histograms of 100,000 sessions never get one.
        let filled = match self.0.get() {
            Some(filled) => filled,
            None => self.begin(bucket.octave()),
        };
        filled.sum.add(nanos.wrapping_mul(times));
        filled.max.raise(nanos);
        let mut octave = &filled.first;
        // In the order of first sight, which puts the octave that a session nearly always hits in front.
        while octave.number != bucket.octave() {
            octave = match octave.next.get() {
                Some(next) => next,
                None => extend(octave, bucket.octave()),
            };
        }
        octave.counts[bucket.step()].add(times);
    }

    #[cold]
    fn begin(&self, octave: u8) -> &FilledBuckets {
        self.0.get_or_init(|| {
            Box::new(FilledBuckets {
                sum: SingleWriterCounter::new(),
                max: SingleWriterCounter::new(),
                first: BucketOctave::new(octave),
            })
        })
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    /// The longest that was recorded in nanoseconds; 0 when nothing was.
    pub fn max(&self) -> u64 {
        self.0.get().map_or(0, |filled| filled.max.get())
    }

    /// A copy of what it holds now. While the writer writes, the sum may be ahead of the counts by a record.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let Some(filled) = self.0.get() else { return HistogramSnapshot::default() };
        if filled.first.next.get().is_none() {
            // As of most connections: nothing is to be sorted.
            let counts = filled.first.counts.each_ref().map(SingleWriterCounter::get);
            return HistogramSnapshot::of_octave(filled.first.number, counts, filled.sum.get(), filled.max.get());
        }
        let mut octaves: SmallVec<[&BucketOctave; 8]> =
            std::iter::successors(Some(&filled.first), |octave| octave.next.get().map(Box::as_ref)).collect();
        // Readers want ascending bounds. Sorting here keeps the writer's path free of it.
        octaves.sort_unstable_by_key(|octave| octave.number);
        let counts = octaves.iter().flat_map(|octave| octave.filled());
        HistogramSnapshot::new(counts, filled.sum.get(), filled.max.get())
    }
}

#[cold]
fn extend(octave: &BucketOctave, number: u8) -> &BucketOctave {
    octave.next.get_or_init(|| Box::new(BucketOctave::new(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_histogram_is_a_pointer_and_its_state() {
        assert!(size_of::<LatencyHistogram>() <= 16);
        let histogram = LatencyHistogram::new();
        assert!(histogram.is_empty());
        assert_eq!(histogram.snapshot(), HistogramSnapshot::default());
    }

    #[test]
    fn recording_allocates_only_for_an_octave_that_is_new() {
        let histogram = LatencyHistogram::new();
        let first = allocation_counter::measure(|| histogram.record(50_000));
        assert_eq!(first.count_total, 1);
        assert!(first.bytes_total <= 176, "{} bytes", first.bytes_total);
        let again = allocation_counter::measure(|| (33_000..65_000).for_each(|nanos| histogram.record(nanos)));
        assert_eq!(again.count_total, 0);
        let next = allocation_counter::measure(|| histogram.record(100_000));
        assert_eq!(next.count_total, 1);
    }

    #[test]
    fn readers_see_a_growing_histogram_while_it_is_written() {
        const RECORDS: u64 = 20_000;
        let histogram = LatencyHistogram::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..RECORDS).for_each(|number| histogram.record(number * 977_777)));
            let mut last = 0;
            while last < RECORDS {
                let count = histogram.snapshot().count();
                assert!(count >= last);
                last = count;
            }
        });
        assert_eq!(histogram.snapshot().max(), (RECORDS - 1) * 977_777);
    }

    proptest! {
        #[test]
        fn holds_what_was_recorded(values in proptest::collection::vec(0..100_000_000_000_u64, 0..200)) {
            let histogram = LatencyHistogram::new();
            for value in &values {
            histogram.record(*value);
        }
            let snapshot = histogram.snapshot();
            prop_assert_eq!(snapshot.count(), values.len() as u64);
            prop_assert_eq!(snapshot.sum(), values.iter().sum::<u64>());
            prop_assert_eq!(snapshot.max(), values.iter().copied().max().unwrap_or(0));
            for (bucket, count) in snapshot.buckets() {
                prop_assert_eq!(count, values.iter().filter(|value| HistogramBucket::of(**value) == bucket).count() as u64);
            }
        }
    }
}
