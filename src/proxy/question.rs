//! Which word a server is asked, and what its answer says.
//!
//! Every ZooKeeper answers `srvr`, be it by a refusal of the word. zetcd knows `ruok` alone and takes any other word for
//! the length of a frame, for which it makes room: 1.9 GB for `srvr`. So a server that nothing is known of is asked
//! `ruok` first; a refusal of that word shows a ZooKeeper, and whoever answers it is asked `srvr` once.

use super::loop_watch::QUESTION;
use crate::session::sighting::{Health, Sighting};

/// What a server answers when it is well.
const WELL: &[u8] = b"imok";

/// What a server is asked, by what is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// Nothing is known: `ruok`.
    First,
    /// It has answered `ruok`: `srvr`, which it may not know.
    Second,
    /// It answers `srvr`.
    Usual,
    /// It answers `ruok` and nothing else.
    Only,
}

/// What follows from an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// The server is to be asked this at once.
    Next(Question),
    /// This was seen, and the server is asked that from now on.
    Seen(Sighting, Question),
}

impl Question {
    /// The word that is sent.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First | Self::Only => "ruok",
            Self::Second | Self::Usual => QUESTION,
        }
    }

    /// What the server's whole answer says.
    pub(super) fn read(self, answer: &[u8]) -> Heard {
        if answer.is_empty() {
            return Heard::Seen(Sighting::of(Health::Closing), self);
        }
        match (self, answer.starts_with(WELL)) {
            (Self::First, true) => Heard::Next(Self::Second),
            (Self::First | Self::Only, false) => Heard::Next(Self::Usual),
            (Self::Only, true) => Heard::Seen(Sighting::of(Health::Serving), Self::Only),
            (Self::Second | Self::Usual, _) => Heard::Seen(Sighting::read_srvr(answer), Self::Usual),
        }
    }

    /// What is asked once another server may stand there.
    pub(super) fn afresh(self) -> Self {
        if self == Self::Only { Self::First } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::Question::{First, Only, Second, Usual};
    use super::*;

    #[test]
    fn words_follow_from_what_a_server_has_answered() {
        let refusal = b"ruok is not executed because it is not in the whitelist.\n";
        let serving = Sighting::of(Health::Serving);
        assert_eq!(First.read(refusal), Heard::Next(Usual));
        assert_eq!(First.read(b"imok"), Heard::Next(Second));
        assert_eq!(Only.read(b"imok"), Heard::Seen(serving, Only));
        assert_eq!(Only.read(refusal), Heard::Next(Usual));
        for question in [Second, Usual] {
            assert_eq!(question.read(b"Mode: what\n"), Heard::Seen(serving, Usual));
        }
        for question in [First, Second, Usual, Only] {
            assert_eq!(question.read(b""), Heard::Seen(Sighting::of(Health::Closing), question));
        }
        assert_eq!([First, Second, Usual, Only].map(Question::word).join(" "), "ruok srvr srvr ruok");
        assert_eq!([First, Second, Usual, Only].map(Question::afresh), [First, Second, Usual, First]);
    }
}
