//! What operators do to connections of real sessions.

use std::net::SocketAddr;

use super::{COMPANIES, Crowd};
use crate::support::client::{Client, Kind, ephemeral_owner};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;

/// Ephemeral nodes of one session.
const NODES: usize = 20;

/// A session with ephemeral nodes of this name.
fn with_ephemerals(address: SocketAddr, name: &str) -> Client {
    let mut client = Client::create_session(address);
    for number in 0..NODES {
        assert_eq!(client.create(&format!("/{name}-{number}"), b"mine", Kind::Ephemeral), 0);
    }
    client
}

/// The session still owns all of them, as a server itself says.
fn expect_owned(server: SocketAddr, client: &Client, name: &str) {
    for number in 0..NODES {
        assert_eq!(ephemeral_owner(server, &format!("/{name}-{number}")), Some(client.credentials().session), "{name}");
    }
}

/// A client that is disconnected comes back to its server and to all its ephemeral nodes, just as one does that loses
/// its connection to the server itself.
#[test]
fn a_disconnected_session_comes_back_with_all_its_ephemerals() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let leader = ensemble.address(ensemble.leader());
    for (round, each) in COMPANIES.into_iter().enumerate() {
        let mut company = Crowd::join(&gate, &[0, 1, 2], each);
        let direct = with_ephemerals(leader, &format!("direct-{round}"));
        let credentials = direct.credentials();
        drop(direct);
        let mut direct = Client::attach(leader, &credentials);
        direct.ping();
        expect_owned(leader, &direct, &format!("direct-{round}"));

        for (way, address) in [("pooled", gate.pooled()), ("mirrored", gate.mirror(ensemble.leader()))] {
            let name = format!("{way}-{round}");
            let mut client = with_ephemerals(address, &name);
            let (credentials, local) = (client.credentials(), client.local_address());
            let home = gate.home_of(&credentials);
            assert_eq!(gate.disconnect(&credentials), ["at_boundary"]);
            client.expect_fin();
            gate.expect_ends(&[(local, "disconnected_by_operator")]);
            let mut client = Client::attach(address, &credentials);
            client.ping();
            assert_eq!(gate.home_of(&credentials), home);
            expect_owned(leader, &client, &name);
            client.close_session();
        }
        company.expect_unhurt(&gate);
        direct.close_session();
    }
    gate.expect_flags(&[]);
    gate.expect_moves(&[]);
}
