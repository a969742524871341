//! What the kernel knows of the way to a server.

use std::time::Duration;

/// A look at what the kernel counts for connections to a server (`TCP_INFO`, linux/tcp.h), of those that were sampled.
///
/// Unacknowledged segments that stay show that the other kernel is not reached. A silence with none of them shows that
/// the kernel is there and the process is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PathSample {
    /// The smoothed round trip; of several connections the longest.
    pub rtt: Duration,
    /// Segments that were sent again since the sample before, of all sampled connections.
    pub retransmissions: u32,
    /// Segments that are sent and not acknowledged, of the connection that has most of them.
    pub unacked: u32,
    /// Segments that are taken for lost, of all sampled connections.
    pub lost: u32,
}
