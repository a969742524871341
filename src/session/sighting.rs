//! What a look at a server showed.

use crate::ids::Zxid;

/// Whether a server can be given a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Health {
    /// Not looked at yet.
    Unknown,
    /// It answers and serves.
    Serving,
    /// It answers that it is not serving: an election, or no quorum.
    NotServing,
    /// It accepts TCP and says nothing: frozen, or as good as.
    Mute,
    /// It closes probes without an answer while it accepts TCP: a connection cap, or it is just starting.
    Closing,
    /// It refuses TCP connections.
    Refusing,
    /// Its name or its path fails: no address, no route, a connect that timed out.
    Unreachable,
}

impl Health {
    /// A short name for labels and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Serving => "serving",
            Self::NotServing => "not_serving",
            Self::Mute => "mute",
            Self::Closing => "closing",
            Self::Refusing => "refusing",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether the server's own port is known to accept TCP connections.
    pub fn accepts(self) -> bool {
        !matches!(self, Self::Unknown | Self::Refusing | Self::Unreachable)
    }
}

/// A server's role, as `srvr` tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// Not told yet.
    Unknown,
    /// Leads the quorum.
    Leader,
    /// Follows and votes.
    Follower,
    /// Follows without a vote.
    Observer,
    /// Serves alone.
    Standalone,
    /// Serves reads without a quorum.
    ReadOnly,
}

impl Role {
    /// A short name for labels and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Standalone => "standalone",
            Self::ReadOnly => "read-only",
        }
    }
}

/// What shows that one name stands for several servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameSign {
    /// It followed and then led in the same epoch: a server that begins to lead begins a new one.
    LedOneEpoch {
        /// The zxid that the leader showed.
        zxid: Zxid,
    },
    /// Its zxid went back while it served.
    ZxidWentBack {
        /// What it had shown.
        before: Zxid,
        /// What it showed then.
        after: Zxid,
    },
    /// It gave new sessions with the ids of two servers.
    TwoBirthplaces {
        /// The number of the one server (`myid`).
        one: u8,
        /// That of the other.
        other: u8,
    },
}

impl NameSign {
    /// Its name in logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::LedOneEpoch { .. } => "led_and_followed_in_one_epoch",
            Self::ZxidWentBack { .. } => "zxid_went_back",
            Self::TwoBirthplaces { .. } => "sessions_of_two_servers",
        }
    }
}

/// The result of one look at one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// Whether it can be given a session.
    pub health: Health,
    /// Its role, as last told.
    pub role: Role,
    /// Its last processed zxid; None when it did not tell.
    pub zxid: Option<Zxid>,
}

impl Sighting {
    /// A look that showed nothing but this.
    pub fn of(health: Health) -> Self {
        Self { health, role: Role::Unknown, zxid: None }
    }

    /// Reads a server's answer to `srvr` (`StatCommand`, `AbstractFourLetterCommand`). An answer that does not
    /// tell the role, such as the one of a server that does not allow the word, is a sign of life all the same.
    pub fn read_srvr(answer: &[u8]) -> Self {
        let answer = String::from_utf8_lossy(answer);
        if answer.contains("not currently serving requests") {
            return Self::of(Health::NotServing);
        }
        let field = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let role = match field("Mode:") {
            Some("leader") => Role::Leader,
            Some("follower") => Role::Follower,
            Some("observer") => Role::Observer,
            Some("standalone") => Role::Standalone,
            Some("read-only") => Role::ReadOnly,
            _ => Role::Unknown,
        };
        // RaftKeeper, and ClickHouse's Keeper before it wrote hexadecimal, write a decimal number.
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let zxid = field("Zxid:").and_then(number);
        Self { health: Health::Serving, role, zxid: zxid.map(|zxid| Zxid(zxid as i64)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_srvr_are_read() {
        let answer = b"Zookeeper version: 3.9.3-1\nLatency min/avg/max: 0/0.0/0\nReceived: 4\nSent: 3\n\
            Connections: 1\nOutstanding: 0\nZxid: 0x100000a2b\nMode: follower\nNode count: 5\n";
        let sighting = Sighting::read_srvr(answer);
        assert_eq!(
            sighting,
            Sighting { health: Health::Serving, role: Role::Follower, zxid: Some(Zxid(0x1_0000_0a2b)) }
        );
        let leader = Sighting::read_srvr(b"Zxid: 0x7\nMode: leader\nProposal sizes last/min/max: 1/1/1\n");
        assert_eq!((leader.role, leader.zxid), (Role::Leader, Some(Zxid(7))));
    }

    #[test]
    fn answers_of_other_servers_are_read_too() {
        let keeper = b"ClickHouse Keeper version: v26.9.2.1-stable\nLatency min/avg/max: 0/0/0\nReceived: 1\nSent: 1\n\
            Connections: 1\nOutstanding: 0\nZxid: 0x64\nMode: leader\nNode count: 9\n";
        let leads = Sighting { health: Health::Serving, role: Role::Leader, zxid: Some(Zxid(0x64)) };
        assert_eq!(Sighting::read_srvr(keeper), leads);
        let raft = b"RaftKeeper version: v2.1.0\nSent : 4\nZxid: 100\nMode: leader\nNode count: 9\n";
        assert_eq!(Sighting::read_srvr(raft), leads);
        let waits = Sighting::read_srvr(b"This instance is not currently serving requests\n");
        assert_eq!(waits, Sighting::of(Health::NotServing));
    }

    #[test]
    fn refusals_of_the_word_tell_life_or_its_absence() {
        let waiting = Sighting::read_srvr(b"This ZooKeeper instance is not currently serving requests\n");
        assert_eq!(waiting, Sighting::of(Health::NotServing));
        let closed = Sighting::read_srvr(b"srvr is not executed because it is not in the whitelist.\n");
        assert_eq!(closed, Sighting::of(Health::Serving));
        assert_eq!(Sighting::read_srvr(b"Mode: king\nZxid: what\n"), Sighting::of(Health::Serving));
    }

    #[test]
    fn every_role_is_read() {
        use Role::{Follower, Leader, Observer, ReadOnly, Standalone, Unknown};
        for role in [Leader, Follower, Observer, Standalone, ReadOnly] {
            let answer = format!("Mode: {}\n", role.label());
            assert_eq!(Sighting::read_srvr(answer.as_bytes()), Sighting { role, ..Sighting::of(Health::Serving) });
        }
        let labels = [Unknown, Leader, Follower, Observer, Standalone, ReadOnly].map(Role::label).join(" ");
        assert_eq!(labels, "unknown leader follower observer standalone read-only");
    }

    #[test]
    fn a_server_that_answers_or_just_listens_accepts() {
        use Health::{Closing, Mute, NotServing, Refusing, Serving, Unknown, Unreachable};
        let accepting = [Serving, NotServing, Mute, Closing];
        assert_eq!(accepting.map(Health::label).join(" "), "serving not_serving mute closing");
        assert!(accepting.into_iter().all(Health::accepts));
        let others = [Unknown, Refusing, Unreachable];
        assert_eq!(others.map(Health::label).join(" "), "unknown refusing unreachable");
        assert!(!others.into_iter().any(Health::accepts));
    }
}
