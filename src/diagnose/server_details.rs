//! What a server tells of itself: with every answer to `srvr`, and where it allows the words, to `mntr`, `conf`, `cons`.
//!
//! The answers are text of lines, each with a name and a value (`MonitorCommand`, `ConfCommand`, `ConsCommand`). What is
//! not a number where one belongs is left out; of a server's own text only its version is kept, made harmless.

use std::time::Duration;

use crate::text::{beginning, one_line};

/// Most bytes that are kept of a server's version.
pub const VERSION_BYTES: usize = 64;

/// What a server tells of itself; None for what it did not tell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerDetails {
    /// Its version: one line of at most [`VERSION_BYTES`] bytes, without letters that are not seen.
    pub version: Option<String>,
    /// Its number in the ensemble (`conf`: `serverId`).
    pub myid: Option<u64>,
    /// Milliseconds of a tick (`conf`: `tickTime`).
    pub tick_ms: Option<u64>,
    /// Ticks after which followers and leader give each other up (`conf`: `syncLimit`).
    pub sync_limit: Option<u64>,
    /// Shortest session timeout that it gives, in milliseconds (`conf`: `minSessionTimeout`).
    pub min_session_timeout_ms: Option<u64>,
    /// Longest session timeout that it gives, in milliseconds (`conf`: `maxSessionTimeout`).
    pub max_session_timeout_ms: Option<u64>,
    /// Connections that it allows each address; 0 for no bound (`conf`: `maxClientCnxns`).
    pub max_client_connections: Option<u64>,
    /// Connections of its own count, the one that asked included (`srvr`: `Connections`, `mntr`:
    /// `zk_num_alive_connections`, the lines of `cons`).
    pub connections: Option<u64>,
    /// Requests that it has not answered (`srvr`: `Outstanding`, `mntr`: `zk_outstanding_requests`).
    pub outstanding_requests: Option<u64>,
    /// Followers that are in step with it; told by leaders (`mntr`: `zk_synced_followers`).
    pub synced_followers: Option<u64>,
    /// Followers; told by leaders (`mntr`: `zk_followers`, `zk_learners` since 3.6).
    pub followers: Option<u64>,
    /// For how long it has had its present role: an election begins this anew (`mntr`: `zk_uptime`, `ServerStats`).
    pub uptime: Option<Duration>,
}

impl ServerDetails {
    /// Reads an answer to `srvr`.
    pub fn read_srvr(answer: &[u8]) -> Self {
        let mut details = Self::default();
        for (name, value) in values(answer, ':') {
            match name {
                "Zookeeper version" | "ClickHouse Keeper version" | "RaftKeeper version" => {
                    details.version = version(value);
                }
                "Connections" => details.connections = number(value),
                "Outstanding" => details.outstanding_requests = number(value),
                _ => {}
            }
        }
        details
    }

    /// Reads an answer to `mntr`.
    pub fn read_mntr(answer: &[u8]) -> Self {
        let mut details = Self::default();
        for (name, value) in values(answer, '\t') {
            match name {
                "zk_version" => details.version = version(value),
                "zk_num_alive_connections" => details.connections = number(value),
                "zk_outstanding_requests" => details.outstanding_requests = number(value),
                "zk_synced_followers" => details.synced_followers = number(value),
                "zk_followers" | "zk_learners" => details.followers = number(value),
                "zk_uptime" => details.uptime = number(value).map(Duration::from_millis),
                _ => {}
            }
        }
        details
    }

    /// Reads an answer to `conf`.
    pub fn read_conf(answer: &[u8]) -> Self {
        let mut details = Self::default();
        for (name, value) in values(answer, '=') {
            match name {
                "serverId" | "server_id" => details.myid = number(value),
                "tickTime" => details.tick_ms = number(value),
                "syncLimit" => details.sync_limit = number(value),
                "minSessionTimeout" | "min_session_timeout_ms" => details.min_session_timeout_ms = number(value),
                "maxSessionTimeout" | "max_session_timeout_ms" => details.max_session_timeout_ms = number(value),
                "maxClientCnxns" => details.max_client_connections = number(value),
                _ => {}
            }
        }
        details
    }

    /// Counts the lines of an answer to `cons`, each of which is a connection; an answer that was cut tells no number.
    pub fn read_cons(answer: &[u8], is_whole: bool) -> Self {
        let lines = answer.split(|byte| *byte == b'\n');
        let connections = lines.filter(|line| line.trim_ascii_start().starts_with(b"/")).count() as u64;
        Self { connections: is_whole.then_some(connections), ..Self::default() }
    }

    /// Takes what was told anew; what was not stays.
    pub fn update(&mut self, newer: Self) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.version, newer.version);
        take(&mut self.myid, newer.myid);
        take(&mut self.tick_ms, newer.tick_ms);
        take(&mut self.sync_limit, newer.sync_limit);
        take(&mut self.min_session_timeout_ms, newer.min_session_timeout_ms);
        take(&mut self.max_session_timeout_ms, newer.max_session_timeout_ms);
        take(&mut self.max_client_connections, newer.max_client_connections);
        take(&mut self.connections, newer.connections);
        take(&mut self.outstanding_requests, newer.outstanding_requests);
        take(&mut self.synced_followers, newer.synced_followers);
        take(&mut self.followers, newer.followers);
        take(&mut self.uptime, newer.uptime);
    }
}

/// The lines that have a name and a value, as text; others are left out.
fn values(answer: &[u8], between: char) -> impl Iterator<Item = (&str, &str)> {
    let lines = answer.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
    lines.filter_map(move |line| line.split_once(between)).map(|(name, value)| (name.trim(), value.trim()))
}

/// A whole number; Keeper writes some of them with a fraction of zero.
fn number(value: &str) -> Option<u64> {
    value.strip_suffix(".0").unwrap_or(value).parse().ok()
}

/// The first word: what follows is a build's number and date.
fn version(value: &str) -> Option<String> {
    let word = value.split([',', ' ']).next().filter(|word| !word.is_empty())?;
    // Before it is escaped too: one letter becomes up to ten.
    Some(beginning(&one_line(beginning(word, VERSION_BYTES)), VERSION_BYTES).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_srvr_tells_version_connections_and_what_is_outstanding() {
        let answer = b"Zookeeper version: 3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC\n\
            Latency min/avg/max: 0/0.0/0\nReceived: 4\nSent: 3\nConnections: 7\nOutstanding: 2\nZxid: 0x1\nMode: leader\n";
        let expected = ServerDetails {
            version: Some("3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee".to_owned()),
            connections: Some(7),
            outstanding_requests: Some(2),
            ..ServerDetails::default()
        };
        assert_eq!(ServerDetails::read_srvr(answer), expected);
        let keeper = ServerDetails::read_srvr(b"ClickHouse Keeper version: v24.3.1-testing\nConnections: 1\n");
        assert_eq!((keeper.version.as_deref(), keeper.connections), (Some("v24.3.1-testing"), Some(1)));
    }

    #[test]
    fn an_answer_to_mntr_is_read_in_both_spellings() {
        let old =
            b"zk_version\t3.5.10-1, built on 10/08/2022\nzk_num_alive_connections\t5\nzk_outstanding_requests\t0\n\
            zk_server_state\tleader\nzk_followers\t2\nzk_synced_followers\t1\n";
        let details = ServerDetails::read_mntr(old);
        assert_eq!((details.version.as_deref(), details.connections), (Some("3.5.10-1"), Some(5)));
        assert_eq!(
            (details.outstanding_requests, details.followers, details.synced_followers),
            (Some(0), Some(2), Some(1))
        );
        let new = ServerDetails::read_mntr(b"zk_uptime\t61000\nzk_learners\t2\nzk_synced_followers\t2.0\n");
        assert_eq!((new.uptime, new.followers), (Some(Duration::from_secs(61)), Some(2)));
        assert_eq!(new.synced_followers, Some(2));
    }

    #[test]
    fn an_answer_to_conf_tells_the_bounds_of_sessions() {
        let answer = b"clientPort=2181\ndataDir=/x\ntickTime=2000\nmaxClientCnxns=60\nminSessionTimeout=4000\n\
            maxSessionTimeout=40000\nclientPortListenBacklog=-1\nserverId=3\ninitLimit=10\nsyncLimit=5\nmembership: \nserver.1=h:1:2\n";
        let details = ServerDetails::read_conf(answer);
        let expected = ServerDetails {
            myid: Some(3),
            tick_ms: Some(2_000),
            sync_limit: Some(5),
            min_session_timeout_ms: Some(4_000),
            max_session_timeout_ms: Some(40_000),
            max_client_connections: Some(60),
            ..ServerDetails::default()
        };
        assert_eq!(details, expected);
    }

    #[test]
    fn connections_of_cons_are_counted_if_the_answer_is_whole() {
        let answer = b" /127.0.0.1:4000[0](queued=0,recved=1,sent=0)\n /127.0.0.1:4001[1](queued=0,sid=0x1)\n\n";
        assert_eq!(ServerDetails::read_cons(answer, true).connections, Some(2));
        assert_eq!(ServerDetails::read_cons(answer, false), ServerDetails::default());
        assert_eq!(ServerDetails::read_cons(b"", true).connections, Some(0));
    }

    #[test]
    fn what_is_strange_is_left_out_and_nothing_raw_is_kept() {
        let hostile =
            b"zk_version\t\x1b[2J\xe2\x80\xae9\nzk_uptime\t-1\nzk_followers\t99999999999999999999\n\xff\xff\n\t\n";
        let invalid = ServerDetails::read_mntr(hostile);
        assert_eq!(
            invalid,
            ServerDetails { version: Some("\\u{1b}[2J\\u{202e}9".to_owned()), ..ServerDetails::default() }
        );
        let long = format!("Zookeeper version: {}", "\u{202e}".repeat(10_000));
        let version = ServerDetails::read_srvr(long.as_bytes()).version.expect("a version");
        assert!(version.len() <= VERSION_BYTES && version.is_ascii(), "{version}");
        assert_eq!(ServerDetails::read_srvr(b"Zookeeper version: \n").version, None);
    }

    #[test]
    fn what_was_not_told_again_stays() {
        let mut details = ServerDetails::read_conf(b"tickTime=2000\nserverId=1\n");
        details.update(ServerDetails::read_srvr(b"Connections: 3\n"));
        details.update(ServerDetails::read_srvr(b"Connections: 4\nOutstanding: 1\n"));
        let now = (details.tick_ms, details.myid, details.connections, details.outstanding_requests);
        assert_eq!(now, (Some(2_000), Some(1), Some(4), Some(1)));
    }
}
