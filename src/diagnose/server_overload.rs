//! That a server had more requests outstanding than it takes.

use crate::time::Timestamp;

/// Requests that an ensemble has outstanding by default before its servers stop reading from their clients
/// (`globalOutstandingLimit`).
const OUTSTANDING_LIMIT: u32 = 1_000;

/// More requests outstanding than a server takes by default, as it told itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerOverload {
    /// When it told.
    pub at: Timestamp,
    /// How many it had outstanding.
    pub requests: u32,
    /// From how many on it stops reading from its clients, by default.
    pub limit: u32,
}

impl ServerOverload {
    /// That a server of so many had so many requests outstanding; None where it takes that many.
    pub(super) fn of(at: Timestamp, requests: u64, servers: usize) -> Option<Self> {
        // One server alone takes all of them, those of a quorum their share (`Leader-` and `FollowerZooKeeperServer`).
        let shares = u32::try_from(servers).ok().filter(|servers| *servers > 2).map_or(1, |servers| servers - 1);
        let (requests, limit) = (u32::try_from(requests).unwrap_or(u32::MAX), OUTSTANDING_LIMIT / shares);
        (requests > limit).then_some(Self { at, requests, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_shared_by_the_servers_of_a_quorum() {
        let limit = |servers, requests| ServerOverload::of(Timestamp::ZERO, requests, servers).map(|load| load.limit);
        assert_eq!([limit(1, 1_000), limit(1, 1_001), limit(2, 1_001)], [None, Some(1_000), Some(1_000)]);
        assert_eq!([limit(3, 500), limit(3, 501), limit(5, 251)], [None, Some(500), Some(250)]);
    }
}
