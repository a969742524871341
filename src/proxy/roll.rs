//! The connections that a worker carries, so that they can be told to end.
//!
//! A relay sleeps until one of its sockets wakes it. When the proxy stops, or a server turns mute, it has to be
//! woken: its entry here holds its waker and a word for it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use std::collections::HashMap;

use super::claims_out::ClaimKey;
use crate::ids::{ConnectionId, ServerId};

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
    /// The session belongs to another server, which has carried out a claim late: end at the next frame boundary, so
    /// that the client comes back and owns it again.
    EndForLateClaim = 4,
    /// The session's client has come back on a newer connection: end now, with whatever is unsent.
    Superseded = 5,
}

/// Whether a word reached its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// It did.
    Heard,
    /// The connection is a mirrored one, or of another client: no word is said to it.
    NotMeant,
    /// There is no such connection here.
    NotHere,
}

/// Who may be said to that the session has gone elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    /// The client of a pooled connection, which holds the session by this.
    Pooled(Option<ClaimKey>),
    /// A mirrored connection is left alone: it is as its server's own port.
    Mirrored,
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
            3 => Word::EndAtBoundary,
            4 => Word::EndForLateClaim,
            _ => Word::Superseded,
        }
    }

    /// Forgets a check that was made.
    pub(super) fn checked(&self) {
        // Only a check is taken back: an end that was said meanwhile must stay.
        let (check, go_on) = (Word::CheckServer as u8, Word::GoOn as u8);
        let _ = self.0.word.compare_exchange(check, go_on, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Says a word to the relay.
    pub(super) fn hear(&self, word: Word) {
        if self.0.word.fetch_max(word as u8, Ordering::Relaxed) < word as u8 {
            self.0.waker.wake_by_ref();
        }
    }
}

/// The relays of one worker.
#[derive(Debug, Default)]
pub(super) struct Roll {
    entries: Mutex<HashMap<ConnectionId, RollEntry, foldhash::fast::RandomState>>,
}

/// One relay on a roll.
#[derive(Debug)]
struct RollEntry {
    ear: Ear,
    holder: Holder,
}

impl Roll {
    /// Adds a relay under its connection's number.
    pub(super) fn enter(&self, number: ConnectionId, server: ServerId, holder: Holder, waker: Waker) -> Ear {
        let ear = Ear(Arc::new(Listener { word: AtomicU8::new(Word::GoOn as u8), server, waker }));
        self.lock().insert(number, RollEntry { ear: ear.clone(), holder });
        ear
    }

    /// Says by what the client of a pooled connection holds its session, where that was not known when it was entered.
    pub(super) fn hold(&self, number: ConnectionId, key: ClaimKey) {
        if let Some(RollEntry { holder: Holder::Pooled(held @ None), .. }) = self.lock().get_mut(&number) {
            *held = Some(key);
        }
    }

    /// Takes a relay off.
    pub(super) fn leave(&self, number: ConnectionId) {
        self.lock().remove(&number);
    }

    /// Relays on the roll.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Has the relays of a server check it.
    pub(super) fn check(&self, server: ServerId) {
        let entries = self.lock();
        for ear in entries.values().map(|entry| &entry.ear).filter(|ear| ear.0.server == server) {
            ear.hear(Word::CheckServer);
        }
    }

    /// Says a word to one pooled connection; a word that only concerns a client's own connections not to others.
    pub(super) fn tell(&self, number: ConnectionId, word: Word, key: Option<ClaimKey>) -> Told {
        let entries = self.lock();
        let Some(entry) = entries.get(&number) else { return Told::NotHere };
        match entry.holder {
            Holder::Pooled(own) if key.is_none() || own == key => {
                entry.ear.hear(word);
                Told::Heard
            }
            Holder::Pooled(_) | Holder::Mirrored => Told::NotMeant,
        }
    }

    /// What the client of a pooled connection holds its session by; None where that is not known here.
    pub(super) fn key(&self, number: ConnectionId) -> Option<ClaimKey> {
        match self.lock().get(&number)?.holder {
            Holder::Pooled(key) => key,
            Holder::Mirrored => None,
        }
    }

    /// Tells up to `most` relays that were not told so before to end.
    pub(super) fn end(&self, word: Word, most: usize) {
        let entries = self.lock();
        for ear in entries.values().map(|entry| &entry.ear).filter(|ear| ear.word() < word).take(most) {
            ear.hear(word);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, RollEntry, foldhash::fast::RandomState>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reaches_those_it_is_for_and_a_stronger_one_stays() {
        let roll = Roll::default();
        let enter = |number, server| {
            roll.enter(ConnectionId(number), ServerId(server), Holder::Mirrored, Waker::noop().clone())
        };
        let (first, second) = (enter(1, 0), enter(2, 1));
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
    fn only_a_clients_own_pooled_connections_are_told_that_it_came_back() {
        let (roll, claims) = (Roll::default(), super::super::claims_out::ClaimsOut::new(0));
        let key = |password: &[u8]| Some(claims.key(crate::ids::SessionId(7), password));
        let enter = |number, holder| roll.enter(ConnectionId(number), ServerId(0), holder, Waker::noop().clone());
        let (own, mirrored) = (enter(1, Holder::Pooled(key(b"right"))), enter(2, Holder::Mirrored));
        let tell = |number, password| roll.tell(ConnectionId(number), Word::Superseded, key(password));
        assert_eq!(
            (tell(1, b"wrong"), tell(2, b"right"), tell(3, b"right")),
            (Told::NotMeant, Told::NotMeant, Told::NotHere)
        );
        assert_eq!((own.word(), mirrored.word()), (Word::GoOn, Word::GoOn));
        assert_eq!((tell(1, b"right"), own.word()), (Told::Heard, Word::Superseded));
        assert_eq!(roll.tell(ConnectionId(2), Word::EndForLateClaim, None), Told::NotMeant);
    }

    #[test]
    fn a_session_that_was_given_late_is_its_clients_from_then_on() {
        let (roll, claims) = (Roll::default(), super::super::claims_out::ClaimsOut::new(0));
        let key = claims.key(crate::ids::SessionId(7), b"right");
        for (number, holder) in [(1, Holder::Pooled(None)), (2, Holder::Mirrored)] {
            roll.enter(ConnectionId(number), ServerId(0), holder, Waker::noop().clone());
        }
        let tell = |number| roll.tell(ConnectionId(number), Word::Superseded, Some(key));
        assert_eq!((tell(1), tell(2)), (Told::NotMeant, Told::NotMeant));
        [1, 2, 3].into_iter().for_each(|number| roll.hold(ConnectionId(number), key));
        assert_eq!((tell(1), tell(2), tell(3)), (Told::Heard, Told::NotMeant, Told::NotHere));
        roll.hold(ConnectionId(1), claims.key(crate::ids::SessionId(7), b"another"));
        assert_eq!(roll.key(ConnectionId(1)), Some(key), "it is given once");
    }

    #[test]
    fn ends_are_said_to_so_many_at_a_time() {
        let roll = Roll::default();
        let ears: Vec<Ear> = (0..10)
            .map(|n| roll.enter(ConnectionId(n), ServerId(0), Holder::Mirrored, Waker::noop().clone()))
            .collect();
        let told = |word| ears.iter().filter(|ear| ear.word() == word).count();
        roll.end(Word::EndWhenIdle, 4);
        assert_eq!(told(Word::EndWhenIdle), 4);
        roll.end(Word::EndWhenIdle, 4);
        assert_eq!(told(Word::EndWhenIdle), 8);
        roll.end(Word::EndAtBoundary, usize::MAX);
        assert_eq!(told(Word::EndAtBoundary), 10);
        (0..10).for_each(|n| roll.leave(ConnectionId(n)));
        assert_eq!(roll.len(), 0);
    }
}
