//! The faults of a ZooKeeper session's life, each made to happen through zoogate, and what zoogate must say of it.
//!
//! Every test plays its fault with the session alone and among others: a sidecar sees one session only, and what other
//! connections would have testified must then come from elsewhere.

mod claims;
mod clients;
mod ensemble;
mod operators;
mod pooled;
mod servers;
mod stale_links;
mod verdicts;

use crate::support::client::Client;
use crate::support::gate::Gate;

/// How many other sessions each server carries while a fault is played.
const COMPANIES: [usize; 2] = [0, 2];

/// Sessions of others, through the same zoogate, to which nothing must happen.
struct Crowd(Vec<Client>);

impl Crowd {
    /// Opens `each` sessions on each of these servers.
    fn join(gate: &Gate, servers: &[usize], each: usize) -> Self {
        let open = |&server: &usize| (0..each).map(move |_| Client::create_session(gate.mirror(server)));
        Self(servers.iter().flat_map(open).collect())
    }

    /// All of them are still on their connections.
    fn expect_unhurt(&mut self, gate: &Gate) {
        for client in &mut self.0 {
            client.ping();
            assert_eq!(gate.end_of(client.local_address()), None);
        }
    }

    /// All of them have lost their connections, for this reason.
    fn expect_ended(&mut self, gate: &Gate, reason: &str) {
        for client in &mut self.0 {
            client.expect_end();
            gate.expect_ends(&[(client.local_address(), reason)]);
        }
    }
}
