//! Rates: what counters have gained between two answers.

use std::collections::HashMap;

/// The shortest time between two answers that a rate is made of, in milliseconds: counts of less say nothing.
const SHORTEST: u64 = 200;
/// How long a counter is kept that answers which were cut do not have, in milliseconds.
const KEPT: u64 = 60_000;
/// Counters at most that are kept so.
const MOST_KEPT: usize = 20_000;

/// The counters of an answer, and what they had gained since the one before.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct CounterRates {
    counters: HashMap<String, CounterPoint>,
}

/// A counter as it was seen last.
#[derive(Clone, Copy, PartialEq, Debug)]
struct CounterPoint {
    at_ms: u64,
    total: u64,
    rate: Option<f64>,
}

impl CounterRates {
    /// Takes the totals of an answer and forgets counters that are not among them.
    pub(super) fn take(&mut self, at_ms: u64, totals: &mut dyn Iterator<Item = (String, u64)>) {
        // Counters that are not among these totals are forgotten with the old map.
        let before = std::mem::take(&mut self.counters);
        self.take_new(at_ms, totals, &before, None);
    }

    /// As [`take`](Self::take), where counters that the answer before had not were at 0 at that time.
    pub(super) fn take_from_zero(
        &mut self,
        at_ms: u64,
        totals: &mut dyn Iterator<Item = (String, u64)>,
        zero_at_ms: Option<u64>,
    ) {
        let before = std::mem::take(&mut self.counters);
        self.take_new(at_ms, totals, &before, zero_at_ms);
    }

    /// Takes the totals of an answer that was cut: others are kept for a while, for they may be in the next one.
    pub(super) fn take_some(&mut self, at_ms: u64, totals: &mut dyn Iterator<Item = (String, u64)>) {
        let mut before = std::mem::take(&mut self.counters);
        self.take_new(at_ms, totals, &before, None);
        before.retain(|key, last| at_ms.saturating_sub(last.at_ms) < KEPT && !self.counters.contains_key(key));
        self.counters.extend(before.into_iter().take(MOST_KEPT));
    }

    fn take_new(
        &mut self,
        at_ms: u64,
        totals: &mut dyn Iterator<Item = (String, u64)>,
        before: &HashMap<String, CounterPoint>,
        zero_at_ms: Option<u64>,
    ) {
        let zero = zero_at_ms.map(|at_ms| CounterPoint { at_ms, total: 0, rate: None });
        let point = |(key, total): (String, u64)| {
            let last = before.get(&key).copied().or(zero);
            let next = last.map_or(CounterPoint { at_ms, total, rate: None }, |last| last.next(at_ms, total));
            (key, next)
        };
        self.counters = totals.map(point).collect();
    }

    /// How much a counter gained in a second; None before the second answer that has it.
    pub(super) fn rate(&self, key: &str) -> Option<f64> {
        self.counters.get(key)?.rate
    }
}

impl CounterPoint {
    fn next(self, at_ms: u64, total: u64) -> Self {
        let passed = at_ms.saturating_sub(self.at_ms);
        // A total that fell is of a zoogate that was started again.
        if total < self.total {
            return Self { at_ms, total, rate: None };
        }
        if passed < SHORTEST {
            return self;
        }
        Self { at_ms, total, rate: Some((total - self.total) as f64 * 1_000.0 / passed as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(points: &[(u64, u64)]) -> Option<f64> {
        let mut rates = CounterRates::default();
        for &(at_ms, total) in points {
            rates.take(at_ms, &mut [("a".to_owned(), total)].into_iter());
        }
        rates.rate("a")
    }

    #[test]
    fn a_rate_is_the_gain_of_a_second() {
        assert_eq!(after(&[(1_000, 5)]), None);
        assert_eq!(after(&[(1_000, 5), (3_000, 25)]), Some(10.0));
        assert_eq!(after(&[(1_000, 5), (3_000, 25), (3_100, 90)]), Some(10.0), "too short to tell");
        assert_eq!(
            after(&[(1_000, 5), (3_000, 25), (3_100, 90), (4_000, 30)]),
            Some(5.0),
            "since the last that counted"
        );
        assert_eq!(after(&[(1_000, 5), (3_000, 25), (5_000, 3)]), None, "started again");
    }

    #[test]
    fn what_was_not_there_began_at_zero() {
        let mut rates = CounterRates::default();
        rates.take_from_zero(1_000, &mut [("a".to_owned(), 7)].into_iter(), None);
        rates.take_from_zero(3_000, &mut [("a".to_owned(), 9), ("b".to_owned(), 8)].into_iter(), Some(1_000));
        assert_eq!((rates.rate("a"), rates.rate("b")), (Some(1.0), Some(4.0)));
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut rates = CounterRates::default();
        rates.take(1_000, &mut [("a".to_owned(), 1)].into_iter());
        rates.take(2_000, &mut [("b".to_owned(), 1)].into_iter());
        rates.take(3_000, &mut [("a".to_owned(), 9), ("b".to_owned(), 4)].into_iter());
        assert_eq!((rates.rate("a"), rates.rate("b")), (None, Some(3.0)));
    }

    #[test]
    fn what_an_answer_left_out_is_kept_for_a_while() {
        let mut rates = CounterRates::default();
        for (at_ms, key, total) in [(1_000, "a", 1), (2_000, "b", 1), (5_000, "a", 9)] {
            rates.take_some(at_ms, &mut [(key.to_owned(), total)].into_iter());
        }
        assert_eq!((rates.rate("a"), rates.rate("b")), (Some(2.0), None), "over the time that it was left out");
        rates.take_some(62_000, &mut [("c".to_owned(), 1)].into_iter());
        rates.take_some(63_000, &mut [("a".to_owned(), 10), ("b".to_owned(), 9)].into_iter());
        assert_eq!((rates.rate("a"), rates.rate("b")), (Some(1.0 / 58.0), None), "too old");
    }
}
