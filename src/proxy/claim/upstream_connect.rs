//! A connection to a server for a client, within bounds.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::ids::ServerId;
use crate::proxy::network::socket::{self, ConnectError};
use crate::proxy::shared::proxy_state::ProxyState;

/// How long the connect to a server may take, and which part of a short session timeout: connecting is no claim, and
/// a server that is not reached in that time is passed over.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(1);
pub(crate) const CONNECT_SHARE: u32 = 6;
/// How long a claim with this session timeout may take to connect to one server.
pub(super) fn connect_within(timeout: Duration) -> Duration {
    CONNECT_WITHIN.min(timeout / CONNECT_SHARE)
}

/// Connects to a candidate; a failure is counted and has the server probed.
///
/// # Errors
/// [`ConnectError`].
pub(in crate::proxy) async fn connect_upstream(
    proxy: &ProxyState,
    id: ServerId,
    deadline: Instant,
) -> Result<TcpStream, ConnectError> {
    let name = &proxy.names[id.index()];
    let outcome = socket::connect(name, deadline).await;
    if let Err(error) = &outcome {
        proxy.telemetry.note_connect_failure(id, error.label());
        proxy.probe_soon(id);
        tracing::debug!(server = %name.server(), %error, "server not reached");
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_timeouts_leave_time_for_other_servers() {
        for (timeout_ms, within_ms) in [(1_200, 200), (6_000, 1_000), (60_000, 1_000)] {
            assert_eq!(connect_within(Duration::from_millis(timeout_ms)).as_millis(), within_ms);
        }
    }
}
