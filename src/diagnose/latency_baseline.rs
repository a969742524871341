//! How long something takes as a rule, and whether it takes much longer now.

use std::time::Duration;

use crate::time::Timestamp;

/// How many times the usual latency is a step up.
pub const SLOW_TIMES: u32 = 5;
/// How much above the usual latency is a step up.
pub const SLOW_ABOVE: Duration = Duration::from_millis(50);
/// Samples whose median is the first usual latency.
const FIRST_SAMPLES: usize = 15;
/// Samples before which nothing is usual.
const FEWEST_SAMPLES: usize = 5;
/// Which part of the usual latency one sample moves it by at most.
const DRIFT_SHARE: u32 = 64;
/// Samples in a row that show that a latency is usual again.
const USUAL_IN_A_ROW: u8 = 2;
/// For at least how long the worst sample is remembered, and for at most twice as long.
const WORST_LASTS: Duration = Duration::from_secs(30);
/// Nothing takes less time.
const SHORTEST: Duration = Duration::from_micros(1);

/// How long something takes at one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LatencyBaseline {
    /// What is usual: a median that moves slowly. None before there are enough samples.
    pub usual: Option<Duration>,
    /// The last sample.
    pub last: Option<Duration>,
    /// The longest one of the last half a minute, or minute.
    pub worst_recent: Option<Duration>,
    /// How many there were.
    pub samples: u64,
}

impl LatencyBaseline {
    /// Whether a latency is far above what is usual.
    pub fn is_slow(&self, latency: Duration) -> bool {
        self.usual.is_some_and(|usual| {
            latency >= usual.saturating_mul(SLOW_TIMES) && latency.saturating_sub(usual) >= SLOW_ABOVE
        })
    }
}

/// A change of a latency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LatencyStep {
    /// Far above what was usual.
    Slow { usual: Duration, now: Duration },
    /// As usual again.
    Usual { usual: Duration },
}

/// Learns what is usual.
#[derive(Clone, Debug, Default)]
pub(super) struct LatencyTracker {
    seen: LatencyBaseline,
    /// The first samples in order of size; `len() <= FIRST_SAMPLES`.
    first: Vec<Duration>,
    is_slow: bool,
    /// Samples in a row that were as usual while it is slow.
    usual_in_a_row: u8,
    /// When the present time of the worst sample began, its worst, and that of the time before.
    worst_since: Timestamp,
    worst: [Option<Duration>; 2],
}

impl LatencyTracker {
    /// Takes a sample. Returns a step, if it is one.
    pub(super) fn add(&mut self, at: Timestamp, sample: Duration) -> Option<LatencyStep> {
        let sample = sample.max(SHORTEST);
        let step = self.step(sample);
        self.seen.last = Some(sample);
        self.seen.samples += 1;
        self.remember_worst(at, sample);
        self.learn(sample);
        step
    }

    pub(super) fn baseline(&self) -> LatencyBaseline {
        self.seen
    }

    fn step(&mut self, sample: Duration) -> Option<LatencyStep> {
        let usual = self.seen.usual?;
        if self.seen.is_slow(sample) {
            self.usual_in_a_row = 0;
            let was_slow = std::mem::replace(&mut self.is_slow, true);
            return (!was_slow).then_some(LatencyStep::Slow { usual, now: sample });
        }
        if !self.is_slow {
            return None;
        }
        self.usual_in_a_row += 1;
        if self.usual_in_a_row < USUAL_IN_A_ROW {
            return None;
        }
        (self.is_slow, self.usual_in_a_row) = (false, 0);
        Some(LatencyStep::Usual { usual })
    }

    fn remember_worst(&mut self, at: Timestamp, sample: Duration) {
        if at.since(self.worst_since) >= WORST_LASTS {
            // After a longer gap nothing of before is recent.
            let before = if at.since(self.worst_since) < WORST_LASTS * 2 { self.worst[0] } else { None };
            (self.worst, self.worst_since) = ([None, before], at);
        }
        self.worst[0] = self.worst[0].max(Some(sample));
        self.seen.worst_recent = self.worst[0].max(self.worst[1]);
    }

    fn learn(&mut self, sample: Duration) {
        if self.first.len() < FIRST_SAMPLES && self.seen.samples <= FIRST_SAMPLES as u64 {
            let place = self.first.partition_point(|one| *one < sample);
            self.first.insert(place, sample);
            if self.first.len() >= FEWEST_SAMPLES {
                self.seen.usual = self.first.get(self.first.len() / 2).copied();
            }
            return;
        }
        // Its room is not needed again.
        self.first = Vec::new();
        let Some(usual) = &mut self.seen.usual else { return };
        let most = (*usual / DRIFT_SHARE).max(SHORTEST);
        *usual = sample.clamp(usual.saturating_sub(most), usual.saturating_add(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A sample a second, from second 0 on.
    fn told(samples: &[u64]) -> (LatencyTracker, Vec<(usize, LatencyStep)>) {
        let mut tracker = LatencyTracker::default();
        let mut steps = Vec::new();
        for (second, sample) in samples.iter().enumerate() {
            let at = Timestamp::ZERO.after(Duration::from_secs(second as u64));
            steps.extend(tracker.add(at, ms(*sample)).map(|step| (second, step)));
        }
        (tracker, steps)
    }

    #[test]
    fn a_few_samples_say_nothing_and_more_have_a_median() {
        assert_eq!(told(&[2, 900, 1, 1]).0.baseline().usual, None);
        let (tracker, steps) = told(&[2, 900, 1, 1, 3]);
        assert_eq!((tracker.baseline().usual, steps), (Some(ms(2)), vec![]), "the first one of a cold server is slow");
        let seen = tracker.baseline();
        assert_eq!((seen.last, seen.worst_recent, seen.samples), (Some(ms(3)), Some(ms(900)), 5));
    }

    #[test]
    fn a_step_up_is_told_once_and_its_end_after_two_usual_samples() {
        let mut samples = [2; 20].to_vec();
        samples.extend([52, 60, 3, 80, 2, 2, 2]);
        let (_, steps) = told(&samples);
        assert_eq!(steps[0], (20, LatencyStep::Slow { usual: ms(2), now: ms(52) }));
        assert!(matches!(steps[1], (25, LatencyStep::Usual { .. })), "{steps:?}");
        assert_eq!(steps.len(), 2);
    }

    #[test]
    fn a_step_is_both_five_times_the_usual_and_fifty_milliseconds_above() {
        for (usual, sample, is_step) in [(1, 50, false), (1, 51, true), (20, 99, false), (20, 100, true)] {
            let mut samples = [usual; 20].to_vec();
            samples.push(sample);
            assert_eq!(told(&samples).1.len(), usize::from(is_step), "{usual} ms, then {sample} ms");
        }
    }

    #[test]
    fn what_stays_becomes_the_usual_slowly() {
        let mut samples = [10; 15].to_vec();
        samples.extend([1_000; 40]);
        let early = told(&samples).0.baseline().usual.expect("enough samples");
        assert!(early < ms(20), "{early:?}");
        samples.extend([1_000; 400]);
        let (tracker, steps) = told(&samples);
        assert_eq!(tracker.baseline().usual, Some(ms(1_000)));
        assert_eq!(steps.len(), 2, "slow, and then usual: {steps:?}");
    }

    #[test]
    fn the_worst_sample_is_forgotten_after_a_minute() {
        let mut samples = vec![700];
        samples.extend([5; 29]);
        assert_eq!(told(&samples).0.baseline().worst_recent, Some(ms(700)));
        samples.extend([5; 40]);
        assert_eq!(told(&samples).0.baseline().worst_recent, Some(ms(5)));
    }

    #[test]
    fn nothing_takes_no_time() {
        let (tracker, _) = told(&[0; 200]);
        assert_eq!(tracker.baseline().usual, Some(SHORTEST));
    }
}
