//! The newest causes, each by what it is the cause of.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use foldhash::quality::RandomState;

use super::end_cause::EndCause;

/// So many causes at most.
#[derive(Debug)]
pub(super) struct KeptCauses<K, const MOST: usize> {
    causes: HashMap<K, EndCause, RandomState>,
    /// Those, the oldest first.
    order: VecDeque<K>,
}

impl<K, const MOST: usize> Default for KeptCauses<K, MOST> {
    fn default() -> Self {
        Self { causes: HashMap::default(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, const MOST: usize> KeptCauses<K, MOST> {
    pub(super) fn get(&self, key: &K) -> Option<EndCause> {
        self.causes.get(key).copied()
    }

    /// The newest one of those that are wanted.
    pub(super) fn newest(&self, wanted: impl Fn(&K) -> bool) -> Option<EndCause> {
        self.order.iter().rev().find(|key| wanted(key)).and_then(|key| self.get(key))
    }

    /// Keeps a cause, or what it has become; whether it is a new one.
    pub(super) fn put(&mut self, key: K, cause: EndCause) -> bool {
        let is_new = self.causes.insert(key, cause).is_none();
        if is_new {
            self.order.push_back(key);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.causes.remove(&oldest);
        }
        is_new
    }
}
