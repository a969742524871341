//! A queue from many threads to one reader that holds a bounded number of bytes and never makes anybody wait.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::lock::lock;

/// A bounded queue. What finds no room is dropped and counted.
#[derive(Debug)]
pub(super) struct EventQueue<T> {
    sender: Sender<(T, usize)>,
    /// Only its one reader takes this lock.
    receiver: Mutex<Receiver<(T, usize)>>,
    capacity: usize,
    held: AtomicUsize,
    dropped: AtomicU64,
    /// Drops that the reader has been told.
    told: AtomicU64,
}

impl<T> EventQueue<T> {
    /// A queue of so many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        let (sender, receiver) = channel();
        let (held, dropped, told) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { sender, receiver: Mutex::new(receiver), capacity, held, dropped, told }
    }

    /// Whether there is room for so many bytes; counts a drop if not. To be asked before anything is made for it.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let has_room = bytes <= self.room();
        self.count_dropped(u64::from(!has_room));
        has_room
    }

    /// Bytes that it has room for.
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.held.load(Ordering::Relaxed))
    }

    /// Counts so many as dropped that were never offered, as there was no room.
    pub(super) fn count_dropped(&self, number: u64) {
        if number > 0 {
            self.dropped.fetch_add(number, Ordering::Relaxed);
        }
    }

    /// Adds something of so many bytes, or counts it as dropped.
    pub(super) fn push(&self, item: T, bytes: usize) {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        // The receiver lives as long as the queue: nothing else can fail.
        if before.saturating_add(bytes) > self.capacity || self.sender.send((item, bytes)).is_err() {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            self.count_dropped(1);
        }
    }

    /// Takes the oldest, at most so many bytes and one more, and says how many were dropped since it was last said.
    pub(super) fn drain(&self, most: usize) -> (Vec<T>, u64) {
        let receiver = lock(&self.receiver);
        let (mut items, mut taken) = (Vec::new(), 0);
        while taken < most {
            let Ok((item, bytes)) = receiver.try_recv() else { break };
            taken += bytes;
            items.push(item);
        }
        self.held.fetch_sub(taken, Ordering::Relaxed);
        let dropped = self.dropped.load(Ordering::Relaxed);
        let told = self.told.swap(dropped, Ordering::Relaxed);
        (items, dropped - told)
    }

    /// How many were dropped, of all time.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_says_how_many_once() {
        let queue = EventQueue::new(100);
        for item in 0..12 {
            if queue.has_room(10) {
                queue.push(item, 10);
            }
        }
        queue.push(99, 10);
        assert_eq!(queue.drain(25), (vec![0, 1, 2], 3));
        queue.push(12, 30);
        queue.push(13, 1);
        assert_eq!(queue.drain(1_000), (vec![3, 4, 5, 6, 7, 8, 9, 12], 1));
        assert_eq!(queue.drain(1_000), (vec![], 0));
        assert_eq!((queue.dropped(), queue.held.load(Ordering::Relaxed)), (4, 0));
    }

    #[test]
    fn many_threads_keep_it_within_its_bytes_and_lose_no_count() {
        let queue = EventQueue::new(1_000);
        let taken = std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5_000).for_each(|item| queue.push(item, 10)));
            }
            let mut taken = 0;
            for _ in 0..1_000 {
                let (items, _) = queue.drain(usize::MAX);
                // What is taken frees its room only when all of it was taken: no more than fits comes at once.
                assert!(items.len() <= 100, "{}", items.len());
                taken += items.len();
            }
            taken
        });
        let (rest, _) = queue.drain(usize::MAX);
        assert!(rest.len() <= 100, "{} are held", rest.len());
        assert_eq!((taken + rest.len()) as u64 + queue.dropped(), 20_000);
    }
}
