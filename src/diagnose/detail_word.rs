//! The words by which a server is asked for details, and what comes of the answers.

use super::server_details::ServerDetails;

/// A word that asks a server for details. Servers allow these only where they are configured to
/// (`4lw.commands.whitelist`; since 3.5.3 the default allows `srvr` alone).
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DetailWord {
    /// Numbers of the running server.
    Mntr,
    /// Its configuration.
    Conf,
    /// Its connections, one a line.
    Cons,
}

/// What a server said to a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DetailAnswer {
    /// It told this.
    Told(ServerDetails),
    /// It does not allow the word.
    Refused,
    /// It said nothing of use: it closed, or does not serve just now.
    Nothing,
}

impl DetailWord {
    /// All of them, in the order in which they are asked.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The word as it is sent.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// What a server's answer says; it is not whole where more was said than is read.
    pub fn read(self, answer: &[u8], is_whole: bool) -> DetailAnswer {
        // `AbstractFourLetterCommand` and `NopCommand`; ClickHouse's Keeper says it in the same words.
        let says = |what: &[u8]| answer.windows(what.len()).take(256).any(|piece| piece == what);
        if says(b"is not executed because it is not in the whitelist") {
            return DetailAnswer::Refused;
        }
        if answer.trim_ascii().is_empty() || says(b"not currently serving requests") {
            return DetailAnswer::Nothing;
        }
        let details = match self {
            Self::Mntr => ServerDetails::read_mntr(answer),
            Self::Conf => ServerDetails::read_conf(answer),
            Self::Cons => ServerDetails::read_cons(answer, is_whole),
        };
        if details == ServerDetails::default() { DetailAnswer::Nothing } else { DetailAnswer::Told(details) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_server_that_does_not_serve() {
        for word in DetailWord::ALL {
            let refused = format!("{} is not executed because it is not in the whitelist.\n", word.word());
            assert_eq!(word.read(refused.as_bytes(), true), DetailAnswer::Refused);
            let waits = b"This ZooKeeper instance is not currently serving requests\n";
            assert_eq!(word.read(waits, true), DetailAnswer::Nothing);
            assert_eq!(word.read(b"", true), DetailAnswer::Nothing);
        }
        assert_eq!(DetailWord::ALL.iter().map(|word| word.word()).collect::<Vec<_>>(), ["mntr", "conf", "cons"]);
    }

    #[test]
    fn each_word_has_its_answer() {
        let told = |word: DetailWord, answer: &[u8]| match word.read(answer, true) {
            DetailAnswer::Told(details) => details,
            other => panic!("{word:?}: {other:?}"),
        };
        assert_eq!(told(DetailWord::Mntr, b"zk_num_alive_connections\t4\n").connections, Some(4));
        assert_eq!(told(DetailWord::Conf, b"tickTime=500\n").tick_ms, Some(500));
        assert_eq!(told(DetailWord::Cons, b" /1.2.3.4:5[0](queued=0)\n").connections, Some(1));
        assert_eq!(DetailWord::Cons.read(b" /1.2.3.4:5[0](queued=0)\n", false), DetailAnswer::Nothing);
        assert_eq!(DetailWord::Mntr.read(b"what?\n", true), DetailAnswer::Nothing);
    }
}
