//! The keys that come most often, in bounded memory: Space-Saving (Metwally, Agrawal and El Abbadi, 2005).
//!
//! So many keys have a counter. A key without one takes the counter of the rarest, with its count: a count is never too
//! low, and at most by that much too high. What comes more often than all divided by the number of counters is among
//! them for certain.

use std::collections::HashMap;

/// What is counted of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyLoad {
    /// Operations that were answered; at most by `error` too many.
    pub operations: u64,
    /// By how much `operations` may be too high.
    pub error: u64,
    /// Of the operations that were seen for certain: writes.
    pub writes: u64,
    /// Of those: answers with an error code.
    pub failures: u64,
    /// Bytes of the frames of those, of requests and replies.
    pub bytes: u64,
}

/// What one operation adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LoadShare {
    pub(super) is_write: bool,
    pub(super) has_failed: bool,
    pub(super) bytes: u64,
}

/// Counters of the most frequent keys.
#[derive(Debug)]
pub(super) struct FrequentKeys {
    places: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    counters: Vec<(Box<str>, KeyLoad)>,
    capacity: usize,
}

impl FrequentKeys {
    /// With so many counters.
    pub(super) fn new(capacity: usize) -> Self {
        Self { places: HashMap::default(), counters: Vec::new(), capacity }
    }

    /// Counts an operation for a key.
    pub(super) fn count(&mut self, key: &str, share: LoadShare) {
        let place = match self.places.get(key) {
            Some(place) => *place,
            None => self.place_for(key),
        };
        let load = &mut self.counters[place].1;
        load.operations += 1;
        load.writes += u64::from(share.is_write);
        load.failures += u64::from(share.has_failed);
        load.bytes += share.bytes;
    }

    /// A counter for a key that has none: a free one, or the rarest one's.
    fn place_for(&mut self, key: &str) -> usize {
        let free = self.counters.len();
        // A look at all of them: there are few, and nothing has to be kept in order at every operation.
        let rarest = self.counters.iter().enumerate().min_by_key(|(_, (_, load))| load.operations);
        let (place, load) = match rarest {
            Some((place, (_, load))) if free >= self.capacity => {
                (place, KeyLoad { operations: load.operations, error: load.operations, ..KeyLoad::default() })
            }
            _ => (free, KeyLoad::default()),
        };
        if place == free {
            self.counters.push((key.into(), load));
        } else {
            let former = std::mem::replace(&mut self.counters[place], (key.into(), load));
            self.places.remove(&former.0);
        }
        self.places.insert(key.into(), place);
        place
    }

    /// By how much a count may be too high at most; a key without a counter came at most so often.
    pub(super) fn largest_error(&self) -> u64 {
        let rarest = self.counters.iter().map(|(_, load)| load.operations).min();
        if self.counters.len() < self.capacity { 0 } else { rarest.unwrap_or(0) }
    }

    /// All keys that have a counter, the most frequent first.
    pub(super) fn loads(&self) -> Vec<(String, KeyLoad)> {
        let mut loads: Vec<_> = self.counters.iter().map(|(key, load)| (key.to_string(), *load)).collect();
        loads.sort_by(|(left, a), (right, b)| b.operations.cmp(&a.operations).then_with(|| left.cmp(right)));
        loads
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const READ: LoadShare = LoadShare { is_write: false, has_failed: false, bytes: 10 };

    #[test]
    fn what_fits_is_counted_exactly() {
        let mut keys = FrequentKeys::new(2);
        keys.count("/a", READ);
        keys.count("/b", LoadShare { is_write: true, has_failed: true, bytes: 5 });
        keys.count("/b", READ);
        let b = KeyLoad { operations: 2, error: 0, writes: 1, failures: 1, bytes: 15 };
        let a = KeyLoad { operations: 1, bytes: 10, ..KeyLoad::default() };
        assert_eq!(keys.loads(), [("/b".to_owned(), b), ("/a".to_owned(), a)]);
        keys.count("/c", READ);
        let c = KeyLoad { operations: 2, error: 1, bytes: 10, ..KeyLoad::default() };
        assert_eq!(keys.loads(), [("/b".to_owned(), b), ("/c".to_owned(), c)]);
        assert_eq!(keys.largest_error(), 2);
    }

    proptest! {
        #[test]
        fn no_count_is_too_low_or_too_high_by_more_than_its_error(
            stream in proptest::collection::vec(0_u32..40, 0..2_000), capacity in 1_usize..20,
        ) {
            let (mut keys, mut truth) = (FrequentKeys::new(capacity), BTreeMap::<String, u64>::new());
            for number in &stream {
                // A few come often, most seldom.
                let key = format!("/{}", number * number / 40);
                keys.count(&key, READ);
                *truth.entry(key).or_default() += 1;
            }
            let loads = keys.loads();
            prop_assert!(loads.len() <= capacity);
            prop_assert_eq!(loads.iter().map(|(_, load)| load.operations).sum::<u64>(), stream.len() as u64);
            for (key, load) in &loads {
                prop_assert!(load.operations >= truth[key] && load.operations - load.error <= truth[key]);
                prop_assert!(load.error <= stream.len() as u64 / capacity as u64);
            }
            for (key, count) in &truth {
                let is_there = loads.iter().any(|(known, _)| known == key);
                prop_assert!(is_there || *count <= keys.largest_error(), "{} came {} times", key, count);
            }
        }
    }
}
