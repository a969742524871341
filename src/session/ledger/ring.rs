//! The newest of many: a list that forgets its oldest when it is full, and counts what it forgot.

use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Ring<T> {
    items: VecDeque<T>,
    /// `items.len() <= cap`
    cap: usize,
    forgotten: u64,
}

impl<T> Ring<T> {
    pub(super) fn new(cap: usize) -> Self {
        Self { items: VecDeque::new(), cap, forgotten: 0 }
    }

    pub(super) fn push(&mut self, item: T) {
        if self.items.len() >= self.cap {
            self.forgotten += 1;
            if self.items.pop_front().is_none() {
                return;
            }
        }
        self.items.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    pub(super) fn iter(&self) -> std::collections::vec_deque::Iter<'_, T> {
        self.items.iter()
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_and_counts() {
        let mut ring = Ring::new(2);
        for number in 0..5 {
            ring.push(number);
        }
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [3, 4]);
        assert_eq!((ring.forgotten(), ring.pop()), (3, Some(3)));
        let mut none = Ring::new(0);
        none.push(1);
        assert_eq!((none.forgotten(), none.pop()), (1, None));
    }
}
