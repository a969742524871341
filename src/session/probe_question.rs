//! Which word a server is asked, and what its answer says.
//!
//! Every ZooKeeper answers `srvr`, be it by a refusal of the word. zetcd knows `ruok` alone and takes any other word
//! for the length of a frame, for which it makes room: 1.9 GB for `srvr`. So a server that nothing is known of is asked
//! `ruok` first; a refusal of that word shows a ZooKeeper, and a server that answers it is asked `srvr` once.

use super::probe_result::{ProbeResult, ServerHealth};

/// The prober's own question.
pub const QUESTION: &str = "srvr";

/// What a server answers when it is well.
const WELL: &[u8] = b"imok";

/// What a server is asked, by what is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProbeQuestion {
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
pub enum ProbeReply {
    /// The server is to be asked this at once.
    Next(ProbeQuestion),
    /// This was seen, and the server is asked that from now on.
    Seen(ProbeResult, ProbeQuestion),
}

impl ProbeQuestion {
    /// The word that is sent.
    pub fn word(self) -> &'static str {
        match self {
            Self::First | Self::Only => "ruok",
            Self::Second | Self::Usual => QUESTION,
        }
    }

    /// What the server's whole answer says.
    pub fn read(self, answer: &[u8]) -> ProbeReply {
        if answer.is_empty() {
            return ProbeReply::Seen(ProbeResult::of(ServerHealth::HangingUp), self);
        }
        match (self, answer.starts_with(WELL)) {
            (Self::First, true) => ProbeReply::Next(Self::Second),
            (Self::First | Self::Only, false) => ProbeReply::Next(Self::Usual),
            (Self::Only, true) => ProbeReply::Seen(ProbeResult::of(ServerHealth::Serving), Self::Only),
            (Self::Second | Self::Usual, _) => ProbeReply::Seen(ProbeResult::read_srvr(answer), Self::Usual),
        }
    }

    /// What is asked once another server may stand there.
    #[must_use]
    pub fn afresh(self) -> Self {
        if self == Self::Only { Self::First } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::ProbeQuestion::{First, Only, Second, Usual};
    use super::*;

    #[test]
    fn words_follow_from_what_a_server_has_answered() {
        let refusal = b"ruok is not executed because it is not in the whitelist.\n";
        let serving = ProbeResult::of(ServerHealth::Serving);
        assert_eq!(First.read(refusal), ProbeReply::Next(Usual));
        assert_eq!(First.read(b"imok"), ProbeReply::Next(Second));
        assert_eq!(Only.read(b"imok"), ProbeReply::Seen(serving, Only));
        assert_eq!(Only.read(refusal), ProbeReply::Next(Usual));
        for question in [Second, Usual] {
            assert_eq!(question.read(b"Mode: what\n"), ProbeReply::Seen(serving, Usual));
        }
        for question in [First, Second, Usual, Only] {
            assert_eq!(question.read(b""), ProbeReply::Seen(ProbeResult::of(ServerHealth::HangingUp), question));
        }
        assert_eq!([First, Second, Usual, Only].map(ProbeQuestion::word).join(" "), "ruok srvr srvr ruok");
        assert_eq!([First, Second, Usual, Only].map(ProbeQuestion::afresh), [First, Second, Usual, First]);
    }
}
