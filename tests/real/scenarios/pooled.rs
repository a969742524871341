//! One address in front of all servers: a client must never pay for a server that is gone.

use std::collections::BTreeSet;

use crate::support::client::{Client, Kind};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// New sessions go to all servers; one that returns goes where it was.
#[test]
fn sessions_are_spread_and_return() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    // No server is passed over because it is slow.
    let gate = Gate::start_with(&ensemble, &["--probe-timeout", "60s"]);
    let mut clients: Vec<Client> = (0..6).map(|_| Client::create_session(gate.pooled())).collect();
    let homes: Vec<String> = clients.iter().map(|client| gate.home_of(&client.credentials())).collect();
    assert_eq!(homes.iter().collect::<BTreeSet<_>>().len(), 3, "{homes:?}");
    for server in &homes {
        assert_eq!(homes.iter().filter(|home| *home == server).count(), 2, "{homes:?}");
    }
    for (client, home) in clients.iter_mut().zip(&homes) {
        *client = Client::attach(gate.pooled(), &client.credentials());
        assert_eq!(gate.home_of(&client.credentials()), *home);
    }
    gate.expect_moves(&[]);
    gate.expect_flags(&[]);
}

/// Nobody has noticed yet that a server is dead, or frozen: the handshake itself finds another.
#[test]
fn handshake_finds_another_server() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let [frozen, dead] = ensemble.followers();
    let mut reader = Client::create_session(gate.mirror(ensemble.leader()));
    assert_eq!(reader.create("/there", b"", Kind::Persistent), 0);
    let on_frozen = Client::create_session(gate.mirror(frozen));
    ensemble.kill9(dead);
    let mut clients: Vec<Client> = (0..6).map(|_| Client::create_session(gate.pooled())).collect();
    for client in &mut clients {
        client.ping();
    }
    ensemble.restart(dead);
    ensemble.wait_serving();

    ensemble.freeze(frozen);
    let mut moved = Client::attach(gate.pooled(), &on_frozen.credentials());
    moved.ping();
    let mut clients: Vec<Client> = (0..6).map(|_| Client::create_session(gate.pooled())).collect();
    for client in &mut clients {
        client.ping();
    }
    ensemble.thaw(frozen);
}

/// While no server accepts connections the pooled address does not either, and it does again when one comes back.
#[test]
fn pooled_address_refuses_when_no_server_is_left() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let client = Client::create_session(gate.pooled());
    for server in [0, 1, 2] {
        ensemble.kill9(server);
    }
    wait::until_true("the pooled address to refuse", PATIENCE, || {
        Client::claim(gate.pooled(), &client.credentials()).is_err()
    });
    ensemble.restart_all();
    let mut again = wait::until("the pooled address to serve", PATIENCE, || gate.reattach(&client.credentials()));
    again.ping();
    gate.expect_flags(&[]);
}

/// Told to stop, it ends what it carries and then itself, with success.
#[test]
fn stops_when_told() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let mut client = Client::create_session(gate.pooled());
    gate.stop();
    client.expect_end();
    Client::attach(ensemble.address(0), &client.credentials()).ping();
}
