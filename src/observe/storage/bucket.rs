//! Where a latency falls on the logarithmic scale that all histograms share.
//!
//! An octave is a doubling; each is cut into 16 equal steps, so a bucket is at most 1/16 wide relative to the
//! values in it. The scale runs from 1.024 µs to 68.7 s, clamped at both ends: a faster answer does not come
//! over a socket, and a slower one than the last bucket is past every session timeout.

/// Steps of one octave.
pub(in crate::observe) const STEPS: usize = 16;
/// Octaves of the scale.
pub(super) const OCTAVES: usize = 26;
/// Buckets of the scale.
pub(super) const BUCKETS: usize = STEPS * OCTAVES;

const STEP_BITS: u32 = STEPS.ilog2();
/// The scale begins at 2 to this power, in nanoseconds.
const LOWEST_BITS: u32 = 10;

/// A place on the scale. Holds the values above [`HistogramBucket::floor`] up to and including
/// [`HistogramBucket::ceiling`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HistogramBucket {
    /// 0 <= octave < OCTAVES
    octave: u8,
    /// 0 <= step < STEPS
    step: u8,
}

impl HistogramBucket {
    /// The bucket of a number of nanoseconds.
    #[inline]
    pub fn of(nanos: u64) -> Self {
        const TOP: u64 = (1 << (LOWEST_BITS + OCTAVES as u32)) - 1;
        // One less, so that an upper edge belongs to the bucket below it, as `le` of Prometheus wants it.
        let value = nanos.saturating_sub(1).clamp(1 << LOWEST_BITS, TOP);
        let octave = value.ilog2() - LOWEST_BITS;
        let step = (value >> (octave + LOWEST_BITS - STEP_BITS)) as u8 & (STEPS as u8 - 1);
        Self { octave: octave as u8, step }
    }

    /// The bucket with this number on the scale, counted from the lowest.
    pub fn at(index: usize) -> Self {
        debug_assert!(index < BUCKETS, "bucket {index} of {BUCKETS}");
        Self { octave: (index / STEPS) as u8, step: (index % STEPS) as u8 }
    }

    /// Its number on the scale.
    pub fn index(self) -> usize {
        usize::from(self.octave) * STEPS + usize::from(self.step)
    }

    /// Its octave.
    #[inline]
    pub fn octave(self) -> u8 {
        self.octave
    }

    /// Its place inside the octave.
    #[inline]
    pub fn step(self) -> usize {
        usize::from(self.step)
    }

    /// Nanoseconds above which its values are.
    pub fn floor(self) -> u64 {
        if self.index() == 0 { 0 } else { Self::at(self.index() - 1).ceiling() }
    }

    /// Nanoseconds up to which its values are. The last bucket takes all longer ones too.
    pub fn ceiling(self) -> u64 {
        (STEPS as u64 + u64::from(self.step) + 1) << (u32::from(self.octave) + LOWEST_BITS - STEP_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_meet_and_belong_below() {
        for index in 0..BUCKETS {
            let bucket = HistogramBucket::at(index);
            assert_eq!(bucket.index(), index);
            assert_eq!(HistogramBucket::of(bucket.ceiling()), bucket, "upper edge of {index}");
            assert_eq!(HistogramBucket::of(bucket.floor() + 1), bucket, "first value of {index}");
            if index + 1 < BUCKETS {
                assert_eq!(HistogramBucket::of(bucket.ceiling() + 1).index(), index + 1);
            }
        }
        assert_eq!(HistogramBucket::at(STEPS - 1).ceiling(), 2048);
        assert_eq!(HistogramBucket::at(BUCKETS - 1).ceiling(), 1 << 36);
    }

    #[test]
    fn values_beyond_the_scale_go_to_its_ends() {
        assert_eq!(HistogramBucket::of(0).index(), 0);
        assert_eq!(HistogramBucket::of(1).index(), 0);
        assert_eq!(HistogramBucket::of(u64::MAX).index(), BUCKETS - 1);
    }

    #[test]
    fn a_bucket_is_at_most_a_sixteenth_wide() {
        for index in 1..BUCKETS {
            let bucket = HistogramBucket::at(index);
            assert!((bucket.ceiling() - bucket.floor()) * 16 <= bucket.floor(), "{bucket:?}");
        }
    }
}
