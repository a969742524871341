//! What servers' answers tell beside the details that a running proxy wants: the members of the ensemble (`conf`) and the
//! connections of each client address (`cons`).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Members of an ensemble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemberCount {
    /// Those that vote.
    pub voters: u64,
    /// Those that only follow.
    pub observers: u64,
}

impl MemberCount {
    /// All of them.
    pub fn all(self) -> u64 {
        self.voters + self.observers
    }

    /// How many voters must serve.
    pub fn needed(self) -> u64 {
        self.voters / 2 + 1
    }
}

/// Reads the members from an answer to `conf`: `server.N=host:port:port[:role][;client port]`. None where it names none,
/// as a server alone does, and servers before 3.5.
pub fn read_members(answer: &[u8]) -> Option<MemberCount> {
    let mut members = MemberCount { voters: 0, observers: 0 };
    for line in answer.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok()) {
        let Some((number, address)) = line.trim().strip_prefix("server.").and_then(|rest| rest.split_once('=')) else {
            continue;
        };
        if number.parse::<u64>().is_err() {
            continue;
        }
        let quorum = address.split(';').next().unwrap_or_default();
        if quorum.trim_end().ends_with(":observer") {
            members.observers += 1;
        } else {
            members.voters += 1;
        }
    }
    (members.all() > 0).then_some(members)
}

/// The most connections that one client address has, from a whole answer to `cons`: lines such as
/// ` /10.0.0.1:4000[1](…)`. The connection of the one who asks counts as none.
pub fn most_connections_of_one(answer: &[u8], asker: SocketAddr) -> u64 {
    let mut counts: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for line in answer.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok()) {
        let Some((address, _)) = line.trim_start().strip_prefix('/').and_then(|rest| rest.split_once('[')) else {
            continue;
        };
        // Java writes IPv6 addresses without brackets: what is behind the last colon is the port.
        let Some((host, port)) = address.rsplit_once(':') else { continue };
        let Ok(host) = host.trim_matches(['[', ']']).parse::<IpAddr>() else { continue };
        if host == asker.ip() && port.parse() == Ok(asker.port()) {
            continue;
        }
        *counts.entry(host).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_counted_by_their_part() {
        let answer = b"clientPort=2181\nserverId=1\nmembership: \nserver.1=a:1:2:participant;0.0.0.0:2181\n\
            server.2=b:1:2\nserver.3=c:1:2:observer\nserver.x=d:1:2\nversion=0\n";
        let members = read_members(answer).unwrap();
        assert_eq!((members.voters, members.observers, members.all(), members.needed()), (2, 1, 3, 2));
        assert_eq!(read_members(b"clientPort=2181\nserverId=0\n"), None);
        assert_eq!(read_members(b"\xff\xff\nserver.=\n"), None);
    }

    #[test]
    fn connections_are_counted_by_address_without_the_one_that_asks() {
        let answer = b" /10.0.0.1:4000[1](queued=0)\n /10.0.0.1:4001[1](queued=0)\n /0:0:0:0:0:0:0:1:9[0](x)\n\
            /10.0.0.2:7[0](queued=0)\nnonsense\n /[\n";
        assert_eq!(most_connections_of_one(answer, "10.0.0.2:7".parse().unwrap()), 2);
        assert_eq!(most_connections_of_one(answer, "10.0.0.1:4000".parse().unwrap()), 1);
        assert_eq!(most_connections_of_one(b" /[::1]:9[0](x)\n", "[::1]:9".parse().unwrap()), 0);
        assert_eq!(most_connections_of_one(b"", "[::1]:9".parse().unwrap()), 0);
    }
}
