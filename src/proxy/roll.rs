//! The connections that a worker carries, so that they can be told to end.
//!
//! A relay sleeps until one of its sockets wakes it. When the proxy stops, or a server turns mute, it has to be
//! woken: its entry here holds its waker and a word for it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use std::collections::HashMap;

use crate::ids::ServerId;

/// What a relay is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(super) enum Word {
    /// Go on.
    GoOn = 0,
    /// Look whether your server has kept you waiting for too long.
    CheckServer = 1,
    /// End once neither side owes the other anything.
    EndWhenIdle = 2,
    /// End at the next frame boundary.
    EndAtBoundary = 3,
}

/// The ear of one relay: what was said to it, and how to wake it.
#[derive(Clone, Debug)]
pub(super) struct Ear(Arc<Listener>);

#[derive(Debug)]
struct Listener {
    word: AtomicU8,
    server: ServerId,
    waker: Waker,
}

impl Ear {
    /// What was said last.
    #[inline]
    pub(super) fn word(&self) -> Word {
        match self.0.word.load(Ordering::Relaxed) {
            0 => Word::GoOn,
            1 => Word::CheckServer,
            2 => Word::EndWhenIdle,
            _ => Word::EndAtBoundary,
        }
    }

    /// Forgets a check that was made.
    pub(super) fn checked(&self) {
        // Only a check is taken back: an end that was said meanwhile must stay.
        let (check, go_on) = (Word::CheckServer as u8, Word::GoOn as u8);
        let _ = self.0.word.compare_exchange(check, go_on, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn hear(&self, word: Word) {
        if self.0.word.fetch_max(word as u8, Ordering::Relaxed) < word as u8 {
            self.0.waker.wake_by_ref();
        }
    }
}

/// The relays of one worker.
#[derive(Debug, Default)]
pub(super) struct Roll {
    ears: Mutex<HashMap<u64, Ear, foldhash::fast::RandomState>>,
}

impl Roll {
    /// Adds a relay under a number of its own.
    pub(super) fn enter(&self, number: u64, server: ServerId, waker: Waker) -> Ear {
        let ear = Ear(Arc::new(Listener { word: AtomicU8::new(Word::GoOn as u8), server, waker }));
        self.lock().insert(number, ear.clone());
        ear
    }

    /// Takes a relay off.
    pub(super) fn leave(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// Relays on the roll.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Has the relays of a server check it.
    pub(super) fn check(&self, server: ServerId) {
        let ears = self.lock();
        for ear in ears.values().filter(|ear| ear.0.server == server) {
            ear.hear(Word::CheckServer);
        }
    }

    /// Tells up to `most` relays that were not told so before to end.
    pub(super) fn end(&self, word: Word, most: usize) {
        let ears = self.lock();
        for ear in ears.values().filter(|ear| ear.word() < word).take(most) {
            ear.hear(word);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Ear, foldhash::fast::RandomState>> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reaches_those_it_is_for_and_a_stronger_one_stays() {
        let roll = Roll::default();
        let first = roll.enter(1, ServerId(0), Waker::noop().clone());
        let second = roll.enter(2, ServerId(1), Waker::noop().clone());
        roll.check(ServerId(1));
        assert_eq!((first.word(), second.word()), (Word::GoOn, Word::CheckServer));
        second.checked();
        assert_eq!(second.word(), Word::GoOn);
        roll.end(Word::EndWhenIdle, 10);
        roll.check(ServerId(1));
        second.checked();
        assert_eq!((first.word(), second.word()), (Word::EndWhenIdle, Word::EndWhenIdle));
    }

    #[test]
    fn ends_are_said_to_so_many_at_a_time() {
        let roll = Roll::default();
        let ears: Vec<Ear> = (0..10).map(|n| roll.enter(n, ServerId(0), Waker::noop().clone())).collect();
        let told = |word| ears.iter().filter(|ear| ear.word() == word).count();
        roll.end(Word::EndWhenIdle, 4);
        assert_eq!(told(Word::EndWhenIdle), 4);
        roll.end(Word::EndWhenIdle, 4);
        assert_eq!(told(Word::EndWhenIdle), 8);
        roll.end(Word::EndAtBoundary, usize::MAX);
        assert_eq!(told(Word::EndAtBoundary), 10);
        (0..10).for_each(|n| roll.leave(n));
        assert_eq!(roll.len(), 0);
    }
}
