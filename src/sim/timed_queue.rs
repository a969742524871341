//! What is due, in order of time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::time::Timestamp;

/// Items that are each due at a moment; those of one moment come in the order in which they were added.
#[derive(Debug)]
pub struct TimedQueue<T> {
    due: BinaryHeap<Reverse<DueItem<T>>>,
    added: u64,
}

#[derive(Debug)]
struct DueItem<T> {
    at: Timestamp,
    place: u64,
    item: T,
}

impl<T> Default for TimedQueue<T> {
    fn default() -> Self {
        Self { due: BinaryHeap::new(), added: 0 }
    }
}

impl<T> TimedQueue<T> {
    /// Adds an item that is due at this moment.
    pub fn add(&mut self, at: Timestamp, item: T) {
        self.added += 1;
        self.due.push(Reverse(DueItem { at, place: self.added, item }));
    }

    /// When the next item is due.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse(next)| next.at)
    }

    /// The next item, with its moment, if it is due by `now`.
    pub fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, T)> {
        if self.next_at().is_none_or(|at| at > now) {
            return None;
        }
        self.due.pop().map(|Reverse(next)| (next.at, next.item))
    }

    /// All items with their moments, in no order.
    pub fn waiting(&self) -> impl Iterator<Item = (Timestamp, &T)> {
        self.due.iter().map(|Reverse(due)| (due.at, &due.item))
    }

    /// The next item, whenever it is due.
    pub fn take(&mut self) -> Option<T> {
        self.due.pop().map(|Reverse(next)| next.item)
    }
}

impl<T> PartialEq for DueItem<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl<T> Eq for DueItem<T> {}

impl<T> PartialOrd for DueItem<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for DueItem<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.place).cmp(&(other.at, other.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_by_time_and_then_in_the_order_in_which_they_were_added() {
        let mut queue = TimedQueue::default();
        for (at, item) in [(5, "c"), (3, "a"), (5, "d"), (3, "b"), (9, "e")] {
            queue.add(Timestamp(at), item);
        }
        assert_eq!((queue.next_at(), queue.take_due(Timestamp(2))), (Some(Timestamp(3)), None));
        assert_eq!(queue.waiting().filter(|(at, _)| *at == Timestamp(5)).count(), 2);
        let due: Vec<_> = std::iter::from_fn(|| queue.take_due(Timestamp(5))).map(|(_, item)| item).collect();
        assert_eq!(due, ["a", "b", "c", "d"]);
        assert_eq!((queue.take(), queue.take(), queue.next_at()), (Some("e"), None, None));
    }
}
