//! What the kernel knows of the way to one client whose connection ends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use foldhash::quality::RandomState;

/// A look at the clients in question; None of those whose connection the kernel knows no more.
pub type ClientPaths = HashMap<SocketAddr, Option<ClientPath>, RandomState>;

/// What the kernel counts for the connection of one client (`TCP_INFO`, linux/tcp.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientPath {
    /// The smoothed round trip.
    pub rtt: Duration,
    /// Segments that were sent again, in the connection's whole life.
    pub retransmissions: u32,
    /// Segments that are sent and not acknowledged.
    pub unacked: u32,
    /// How often the first of them was sent again.
    pub resent: u8,
    /// Whether the client's machine has acknowledged zoogate's end, and the client has not ended its side.
    pub end_acknowledged: bool,
}

impl ClientPath {
    /// Whether what was sent to the client, and sent again, did not reach its machine.
    pub fn is_stuck(&self) -> bool {
        self.unacked > 0 && self.resent > 0
    }

    /// This look, or the one before where that says more: what was stuck once gets through when the path is whole again.
    #[must_use]
    pub fn or_earlier(self, earlier: Option<Self>) -> Self {
        earlier.filter(Self::is_stuck).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_was_stuck_stays_so_in_memory() {
        let stuck = ClientPath { unacked: 1, resent: 2, ..ClientPath::default() };
        let acknowledged = ClientPath { end_acknowledged: true, ..ClientPath::default() };
        assert!(stuck.is_stuck() && !acknowledged.is_stuck());
        assert!(!ClientPath { resent: 0, ..stuck }.is_stuck(), "it may be on its way");
        assert_eq!(acknowledged.or_earlier(Some(stuck)), stuck);
        assert_eq!(stuck.or_earlier(Some(acknowledged)), stuck);
        assert_eq!(acknowledged.or_earlier(None), acknowledged);
    }
}
