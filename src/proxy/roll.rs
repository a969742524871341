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

/// The word for one relay.
#[derive(Clone, Debug, Default)]
pub(super) struct Ear(Arc<AtomicU8>);

impl Ear {
    /// What was said last.
    #[inline]
    pub(super) fn word(&self) -> Word {
        match self.0.load(Ordering::Relaxed) {
            0 => Word::GoOn,
            1 => Word::CheckServer,
            2 => Word::EndWhenIdle,
            _ => Word::EndAtBoundary,
        }
    }

    /// Forgets a check that was made.
    pub(super) fn checked(&self) {
        // Only a check is taken back: an end that was said meanwhile must stay.
        let _ =
            self.0.compare_exchange(Word::CheckServer as u8, Word::GoOn as u8, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Entry {
    server: ServerId,
    waker: Waker,
    ear: Ear,
}

/// The relays of one worker.
#[derive(Debug, Default)]
pub(super) struct Roll {
    entries: Mutex<HashMap<u64, Entry, foldhash::fast::RandomState>>,
}

impl Roll {
    /// Adds a relay under a number of its own.
    pub(super) fn enter(&self, number: u64, server: ServerId, waker: Waker) -> Ear {
        let ear = Ear::default();
        self.lock().insert(number, Entry { server, waker, ear: ear.clone() });
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
        let entries = self.lock();
        for entry in entries.values().filter(|entry| entry.server == server) {
            entry.say(Word::CheckServer);
        }
    }

    /// Tells up to `most` relays that were not told so before to end.
    pub(super) fn end(&self, word: Word, most: usize) {
        let entries = self.lock();
        for entry in entries.values().filter(|entry| entry.ear.word() < word).take(most) {
            entry.say(word);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Entry, foldhash::fast::RandomState>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn say(&self, word: Word) {
        if self.ear.0.fetch_max(word as u8, Ordering::Relaxed) < word as u8 {
            self.waker.wake_by_ref();
        }
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
