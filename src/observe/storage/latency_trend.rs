//! Latency over time: for each server and class of operations, one line of figures for every ten seconds.

use std::collections::VecDeque;
use std::time::Duration;

use super::histogram_snapshot::HistogramSnapshot;
use super::meter::LatencyClass;
use crate::ids::ServerId;
use crate::time::Timestamp;

/// How much time one slot stands for.
pub(crate) const SLOT: Duration = Duration::from_secs(10);
/// Slots that are kept over all servers and classes, the newest; 32 bytes each.
pub(crate) const SLOTS_KEPT: usize = 4_320;

/// Latencies of one class at one server within one slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LatencySlot {
    /// When the slot began.
    pub from: Timestamp,
    /// The server.
    pub server: ServerId,
    /// The class of operations.
    pub class: LatencyClass,
    /// How many were answered.
    pub count: u32,
    /// Half of them took at most that long, in microseconds.
    pub p50_us: u32,
    /// 99 % of them took at most that long, in microseconds.
    pub p99_us: u32,
    /// The longest took about that long, in microseconds.
    pub max_us: u32,
}

/// The newest slots, in order of time; a slot in which nothing was answered is left out.
#[derive(Debug, Default)]
pub(in crate::observe) struct LatencyTrend {
    /// `len() <= SLOTS_KEPT`
    slots: VecDeque<LatencySlot>,
    /// When the slot began that is being gathered; None before the first one.
    from: Option<Timestamp>,
    /// What there was when it began, by server and then by class.
    before: Vec<[HistogramSnapshot; LatencyClass::ALL.len()]>,
}

impl LatencyTrend {
    /// Whether a slot is over, or the first one has not begun.
    pub(in crate::observe) fn is_due(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| now.since(from) >= SLOT)
    }

    /// Ends the slot; `all` are the latencies so far, by server and then by class.
    pub(in crate::observe) fn end_slot(
        &mut self,
        now: Timestamp,
        all: Vec<[HistogramSnapshot; LatencyClass::ALL.len()]>,
    ) {
        let before = std::mem::take(&mut self.before);
        if let Some(from) = self.from {
            for (place, (all, before)) in all.iter().zip(&before).enumerate() {
                for class in LatencyClass::ALL {
                    let place_of_class = *class as usize;
                    let within = all[place_of_class].since(&before[place_of_class]);
                    if !within.is_empty() {
                        self.keep(slot(from, ServerId(place as u16), *class, &within));
                    }
                }
            }
        }
        (self.from, self.before) = (Some(now), all);
    }

    fn keep(&mut self, slot: LatencySlot) {
        if self.slots.len() >= SLOTS_KEPT {
            self.slots.pop_front();
        }
        self.slots.push_back(slot);
    }

    /// All slots that are kept, oldest first.
    pub(in crate::observe) fn slots(&self) -> Vec<LatencySlot> {
        self.slots.iter().copied().collect()
    }
}

fn slot(from: Timestamp, server: ServerId, class: LatencyClass, within: &HistogramSnapshot) -> LatencySlot {
    let micros = |share| u32::try_from(within.quantile(share) / 1_000).unwrap_or(u32::MAX);
    let count = u32::try_from(within.count()).unwrap_or(u32::MAX);
    LatencySlot { from, server, class, count, p50_us: micros(0.5), p99_us: micros(0.99), max_us: micros(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::LatencyHistogram;

    #[test]
    fn a_slot_has_what_came_within_it() {
        let writes = LatencyHistogram::default();
        let mut trend = LatencyTrend::default();
        let all = |writes: &LatencyHistogram| {
            let mut one: [HistogramSnapshot; LatencyClass::ALL.len()] = Default::default();
            one[LatencyClass::Write as usize] = writes.snapshot();
            vec![one]
        };
        let at = |seconds| Timestamp::ZERO.after(Duration::from_secs(seconds));
        writes.record_many(9_000_000, 5);
        assert!(trend.is_due(at(1)));
        trend.end_slot(at(1), all(&writes));
        assert!(!trend.is_due(at(10)) && trend.is_due(at(11)));
        writes.record_many(1_000_000, 99);
        writes.record_many(500_000_000, 1);
        trend.end_slot(at(11), all(&writes));
        trend.end_slot(at(21), all(&writes));
        let slots = trend.slots();
        assert_eq!(slots.len(), 1, "nothing was answered in the second one");
        let LatencySlot { from, server, class, count, p50_us, max_us, .. } = slots[0];
        assert_eq!((from, server, class, count), (at(1), ServerId(0), LatencyClass::Write, 100));
        assert!((900..=1_100).contains(&p50_us) && max_us >= 400_000, "{slots:?}");
    }

    #[test]
    fn it_stays_within_its_bound() {
        let reads = LatencyHistogram::default();
        let mut trend = LatencyTrend::default();
        for second in 0..SLOTS_KEPT as u64 + 100 {
            reads.record_many(1_000, 1);
            let mut one: [HistogramSnapshot; LatencyClass::ALL.len()] = Default::default();
            one[LatencyClass::Read as usize] = reads.snapshot();
            trend.end_slot(Timestamp::ZERO.after(SLOT * second as u32), vec![one]);
        }
        assert_eq!(trend.slots().len(), SLOTS_KEPT);
        assert!(size_of::<LatencySlot>() <= 32);
    }
}
