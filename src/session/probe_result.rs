//! What a probe of a server showed.

use std::time::Duration;

use crate::ids::Zxid;

/// Whether a server can be given a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ServerHealth {
    /// Not probed yet.
    Unknown,
    /// It answers and serves.
    Serving,
    /// It answers that it is not serving: an election, or no quorum.
    NotServing,
    /// It accepts TCP and says nothing: frozen, or as good as.
    Unresponsive,
    /// It closes probes without an answer while it accepts TCP: a connection cap, or it is just starting.
    HangingUp,
    /// It refuses TCP connections.
    Refusing,
    /// Its name or its path fails: no address, no route, a connect that timed out.
    Unreachable,
}

impl ServerHealth {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// A short name for labels and JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Whether the server's own port is known to accept TCP connections.
    pub fn accepts(self) -> bool {
        !matches!(self, Self::Unknown | Self::Refusing | Self::Unreachable)
    }
}

/// A server's role, as `srvr` reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ServerRole {
    /// Not reported yet.
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
    #[strum(serialize = "read-only")]
    ReadOnly,
}

impl ServerRole {
    /// A short name for labels and JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// What shows that one name stands for several servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SharedNameSign {
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

impl SharedNameSign {
    /// Its name in logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::LedOneEpoch { .. } => "led_and_followed_in_one_epoch",
            Self::ZxidWentBack { .. } => "zxid_went_back",
            Self::TwoBirthplaces { .. } => "sessions_of_two_servers",
        }
    }
}

/// How long a probe took; zoogate's own pauses are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProbeTiming {
    /// The TCP connect, when this probe made one.
    pub connect: Option<Duration>,
    /// From the question to its answer, when there was one.
    pub answer: Option<Duration>,
}

/// The result of one probe of one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProbeResult {
    /// Whether it can be given a session.
    pub health: ServerHealth,
    /// Its role, as last reported.
    pub role: ServerRole,
    /// Its last processed zxid; None when it did not report it.
    pub zxid: Option<Zxid>,
}

impl ProbeResult {
    /// A probe that showed nothing but this.
    pub fn of(health: ServerHealth) -> Self {
        Self { health, role: ServerRole::Unknown, zxid: None }
    }

    /// Reads a server's answer to `srvr` (`StatCommand`, `AbstractFourLetterCommand`). An answer that does not
    /// tell the role, such as the one of a server that does not allow the word, is a sign of life all the same.
    pub fn read_srvr(answer: &[u8]) -> Self {
        let answer = String::from_utf8_lossy(answer);
        if answer.contains("not currently serving requests") {
            return Self::of(ServerHealth::NotServing);
        }
        let field = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let role = match field("Mode:") {
            Some("leader") => ServerRole::Leader,
            Some("follower") => ServerRole::Follower,
            Some("observer") => ServerRole::Observer,
            Some("standalone") => ServerRole::Standalone,
            Some("read-only") => ServerRole::ReadOnly,
            _ => ServerRole::Unknown,
        };
        // RaftKeeper, and ClickHouse's Keeper before it wrote hexadecimal, write a decimal number.
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let zxid = field("Zxid:").and_then(number);
        Self { health: ServerHealth::Serving, role, zxid: zxid.map(|zxid| Zxid(zxid as i64)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_srvr_are_read() {
        let answer = b"Zookeeper version: 3.9.3-1\nLatency min/avg/max: 0/0.0/0\nReceived: 4\nSent: 3\n\
            Connections: 1\nOutstanding: 0\nZxid: 0x100000a2b\nMode: follower\nNode count: 5\n";
        let probe_result = ProbeResult::read_srvr(answer);
        assert_eq!(
            probe_result,
            ProbeResult { health: ServerHealth::Serving, role: ServerRole::Follower, zxid: Some(Zxid(0x1_0000_0a2b)) }
        );
        let leader = ProbeResult::read_srvr(b"Zxid: 0x7\nMode: leader\nProposal sizes last/min/max: 1/1/1\n");
        assert_eq!((leader.role, leader.zxid), (ServerRole::Leader, Some(Zxid(7))));
    }

    #[test]
    fn answers_of_other_servers_are_read_too() {
        let keeper = b"ClickHouse Keeper version: v26.9.2.1-stable\nLatency min/avg/max: 0/0/0\nReceived: 1\nSent: 1\n\
            Connections: 1\nOutstanding: 0\nZxid: 0x64\nMode: leader\nNode count: 9\n";
        let leads = ProbeResult { health: ServerHealth::Serving, role: ServerRole::Leader, zxid: Some(Zxid(0x64)) };
        assert_eq!(ProbeResult::read_srvr(keeper), leads);
        let raft = b"RaftKeeper version: v2.1.0\nSent : 4\nZxid: 100\nMode: leader\nNode count: 9\n";
        assert_eq!(ProbeResult::read_srvr(raft), leads);
        let waits = ProbeResult::read_srvr(b"This instance is not currently serving requests\n");
        assert_eq!(waits, ProbeResult::of(ServerHealth::NotServing));
    }

    #[test]
    fn refusals_of_the_word_tell_life_or_its_absence() {
        let waiting = ProbeResult::read_srvr(b"This ZooKeeper instance is not currently serving requests\n");
        assert_eq!(waiting, ProbeResult::of(ServerHealth::NotServing));
        let closed = ProbeResult::read_srvr(b"srvr is not executed because it is not in the whitelist.\n");
        assert_eq!(closed, ProbeResult::of(ServerHealth::Serving));
        assert_eq!(ProbeResult::read_srvr(b"Mode: king\nZxid: what\n"), ProbeResult::of(ServerHealth::Serving));
    }

    #[test]
    fn every_role_is_read() {
        use ServerRole::{Follower, Leader, Observer, ReadOnly, Standalone, Unknown};
        for role in [Leader, Follower, Observer, Standalone, ReadOnly] {
            let answer = format!("Mode: {}\n", role.label());
            assert_eq!(
                ProbeResult::read_srvr(answer.as_bytes()),
                ProbeResult { role, ..ProbeResult::of(ServerHealth::Serving) }
            );
        }
        let labels = [Unknown, Leader, Follower, Observer, Standalone, ReadOnly].map(ServerRole::label).join(" ");
        assert_eq!(labels, "unknown leader follower observer standalone read-only");
    }

    #[test]
    fn a_server_that_answers_or_just_listens_accepts() {
        use ServerHealth::{HangingUp, NotServing, Refusing, Serving, Unknown, Unreachable, Unresponsive};
        let accepting = [Serving, NotServing, Unresponsive, HangingUp];
        assert_eq!(accepting.map(ServerHealth::label).join(" "), "serving not_serving unresponsive hanging_up");
        assert!(accepting.into_iter().all(ServerHealth::accepts));
        let others = [Unknown, Refusing, Unreachable];
        assert_eq!(others.map(ServerHealth::label).join(" "), "unknown refusing unreachable");
        assert!(!others.into_iter().any(ServerHealth::accepts));
    }
}
