//! The newest of many: a list that forgets its oldest when it is full, by number or by bytes, and counts what it
//! forgot.

use std::collections::VecDeque;

/// Items that it takes room for at once when it has few.
const LEAST_ROOM: usize = 4;

/// How much a ring keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingBound {
    /// Items at most.
    pub(super) items: usize,
    /// Bytes at most, of which each item says its own.
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct BoundedRing<T> {
    items: VecDeque<T>,
    /// `items.len() <= bound.items`, and `bytes <= bound.bytes`
    bound: RingBound,
    /// What the items weigh.
    bytes: usize,
    weigh: fn(&T) -> usize,
    forgotten: u64,
    /// Items that were taken out in order.
    taken: u64,
}

impl<T> BoundedRing<T> {
    pub(super) fn new(bound: RingBound, weigh: fn(&T) -> usize) -> Self {
        Self { items: VecDeque::new(), bound, bytes: 0, weigh, forgotten: 0, taken: 0 }
    }

    pub(super) fn push(&mut self, item: T) {
        let weight = (self.weigh)(&item);
        while self.items.len() >= self.bound.items || self.bytes + weight > self.bound.bytes {
            self.forgotten += 1;
            let Some(oldest) = self.items.pop_front() else { return };
            self.bytes -= (self.weigh)(&oldest);
        }
        self.bytes += weight;
        self.make_room();
        self.items.push_back(item);
    }

    /// Takes room for an eighth more at a time and never for more than it keeps: twice as much, as a list takes by itself,
    /// would be more than the bytes that its items may weigh.
    fn make_room(&mut self) {
        let len = self.items.len();
        if len == self.items.capacity() {
            let more = (len / 8).max(LEAST_ROOM).min(self.bound.items - len);
            self.items.reserve_exact(more);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.bytes -= (self.weigh)(&item);
        self.taken += 1;
        Some(item)
    }

    /// The number that the next item gets; an item keeps its number.
    pub(super) fn next_number(&self) -> u64 {
        self.first() + self.items.len() as u64
    }

    /// The item of this number, while it is there.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = number.checked_sub(self.first())?;
        self.items.get_mut(usize::try_from(place).ok()?)
    }

    pub(super) fn iter(&self) -> std::collections::vec_deque::Iter<'_, T> {
        self.items.iter()
    }

    /// The items with their numbers; an item keeps its number.
    pub(super) fn numbered(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> + ExactSizeIterator {
        let first = self.first();
        self.items.iter().enumerate().map(move |(place, item)| (first + place as u64, item))
    }

    /// The item of this number, while it is there.
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let place = number.checked_sub(self.first())?;
        self.items.get(usize::try_from(place).ok()?)
    }

    /// The number of the oldest item.
    fn first(&self) -> u64 {
        self.forgotten + self.taken
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(items: usize, bytes: usize) -> BoundedRing<usize> {
        BoundedRing::new(RingBound { items, bytes }, |item| *item)
    }

    fn kept(ring: &BoundedRing<usize>) -> Vec<usize> {
        ring.iter().copied().collect()
    }

    #[test]
    fn forgets_the_oldest_and_counts() {
        let mut ring = ring(2, 100);
        for number in 0..5 {
            ring.push(number);
        }
        assert_eq!(kept(&ring), [3, 4]);
        assert_eq!((ring.forgotten(), ring.pop()), (3, Some(3)));
        let mut none = self::ring(0, 100);
        none.push(1);
        assert_eq!((none.forgotten(), none.pop()), (1, None));
    }

    #[test]
    fn forgets_as_many_as_it_takes_to_stay_within_its_bytes() {
        let mut ring = ring(100, 10);
        for weight in [4, 3, 3, 1] {
            ring.push(weight);
        }
        assert_eq!((kept(&ring), ring.bytes, ring.forgotten()), (vec![3, 3, 1], 7, 1));
        ring.push(10);
        assert_eq!((kept(&ring), ring.bytes, ring.forgotten()), (vec![10], 10, 4));
        ring.push(11);
        assert_eq!((kept(&ring), ring.bytes, ring.forgotten()), (vec![], 0, 6), "what is too large itself is not kept");
        ring.push(2);
        assert_eq!((ring.pop(), ring.bytes), (Some(2), 0));
    }

    #[test]
    fn it_takes_hardly_more_room_than_its_items_need() {
        let mut ring = ring(1_000, usize::MAX);
        for number in 1..=2_000 {
            ring.push(number);
            let (len, room) = (ring.items.len(), ring.items.capacity());
            assert!(room <= (len + len / 8 + LEAST_ROOM).min(1_000), "room for {room}, {len} are kept");
        }
    }

    #[test]
    fn an_item_keeps_its_number() {
        let mut ring = ring(3, 100);
        (0..5).for_each(|item| ring.push(item));
        assert_eq!(ring.numbered().map(|(number, item)| (number, *item)).collect::<Vec<_>>(), [(2, 2), (3, 3), (4, 4)]);
        assert_eq!(ring.pop(), Some(2));
        assert_eq!((ring.get(2), ring.get(3), ring.get(4), ring.get(5)), (None, Some(&3), Some(&4), None));
    }
}
