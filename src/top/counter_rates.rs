//! Rates: what counters have gained between two answers.

use std::collections::HashMap;

/// The shortest time between two answers that a rate is made of, in milliseconds: counts of less say nothing.
const SHORTEST: u64 = 200;

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
    pub(super) fn take(&mut self, at_ms: u64, totals: impl Iterator<Item = (String, u64)>) {
        // Counters that are not among these totals are forgotten with the old map.
        let before = std::mem::take(&mut self.counters);
        self.counters = totals
            .map(|(key, total)| {
                let next =
                    before.get(&key).map_or(CounterPoint { at_ms, total, rate: None }, |last| last.next(at_ms, total));
                (key, next)
            })
            .collect();
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
            rates.take(at_ms, [("a".to_owned(), total)].into_iter());
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
    fn what_is_gone_is_forgotten() {
        let mut rates = CounterRates::default();
        rates.take(1_000, [("a".to_owned(), 1)].into_iter());
        rates.take(2_000, [("b".to_owned(), 1)].into_iter());
        rates.take(3_000, [("a".to_owned(), 9), ("b".to_owned(), 4)].into_iter());
        assert_eq!((rates.rate("a"), rates.rate("b")), (None, Some(3.0)));
    }
}
