//! Sessions of others through the same zoogate, on servers that nothing happens to: what they are given and answered is
//! the evidence that a server is slow alone.

use std::sync::Arc;
use std::time::Duration;

use crate::support::client::{Client, Kind};
use crate::support::gate::Gate;
use crate::support::java_like::{JavaLikeClient, Journey, Orders};

/// Clients that write without pause.
#[derive(Debug)]
pub(super) struct Company(Vec<JavaLikeClient>);

impl Company {
    /// Opens some sessions on each of these servers.
    pub(super) fn join(gate: &Gate, servers: &[usize], moment: &str) -> Self {
        let orders = Arc::<Orders>::default();
        let open = |number: usize, door| {
            let journey = Journey {
                addresses: vec![door],
                timeout_ms: 30_000,
                path: format!("/company-{moment}-{number}"),
                first_pause: Duration::ZERO,
                write_every: Duration::from_millis(100),
            };
            let mut client = Client::create_session_with_timeout(door, journey.timeout_ms);
            assert_eq!(client.create(&journey.path, b"first", Kind::Ephemeral), 0);
            let (link, credentials) = client.into_parts();
            JavaLikeClient::carry_on(journey, &orders, link, credentials)
        };
        let doors = servers.iter().flat_map(|&server| [gate.mirror(server); 2]);
        Self(doors.enumerate().map(|(number, door)| open(number, door)).collect())
    }

    /// How many of them have lost a connection, for whatever reason.
    pub(super) fn disturbed(&self) -> usize {
        let lost = |client: &&JavaLikeClient| client.diary().claims > 0;
        self.0.iter().filter(lost).count()
    }
}
