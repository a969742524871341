//! What happens on the way from a client to zoogate, and from zoogate to a server.

use std::time::Duration;

use super::scene::FaultScene;
use crate::support::client::{Client, Kind, Received};
use crate::support::fault_relay::{FaultRelay, Leg, Path};

const USUAL_MS: i32 = 6_000;

pub(super) fn path_server_silent(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let server = scene.a_follower();
    scene.server_path(server).silence();
    scene.pause(7_000..10_000);
    scene.server_path(server).heal();
    scene.live_on();
}

pub(super) fn path_server_cut(scene: &mut FaultScene) {
    cut_path(scene, |followers, _| followers);
}

pub(super) fn path_leader_cut(scene: &mut FaultScene) {
    cut_path(scene, |_, leader| leader);
}

/// zoogate's own way, as that of a machine whose network is gone; the servers go on.
pub(super) fn path_all_cut(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    for server in 0..3 {
        scene.server_path(server).cut();
    }
    scene.pause(7_000..10_000);
    for server in 0..3 {
        scene.server_path(server).heal();
    }
    scene.live_on();
}

fn cut_path(scene: &mut FaultScene, which: fn(usize, usize) -> usize) {
    scene.settle_everywhere(2, USUAL_MS);
    let (follower, leader) = (scene.a_follower(), scene.ensemble.leader());
    let server = which(follower, leader);
    scene.server_path(server).cut();
    scene.pause(7_000..10_000);
    scene.server_path(server).heal();
    scene.live_on();
}

pub(super) fn path_server_forgets(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let server = scene.chance.below(3);
    scene.server_path(server).forget_connections();
    scene.pause(6_000..8_000);
}

pub(super) fn path_server_reset(scene: &mut FaultScene) {
    scene.settle_everywhere(3, USUAL_MS);
    let server = scene.chance.below(3);
    scene.server_path(server).reset();
    scene.live_on();
}

/// Two clients on that server wait for a second and give up.
pub(super) fn path_server_slow(scene: &mut FaultScene) {
    let server = scene.chance.below(3);
    let mut clients: Vec<Client> = (0..2).map(|_| scene.client_on(server)).collect();
    for client in &mut clients {
        assert_eq!(client.create(&format!("/slow-{}", client.credentials().id()), b"", Kind::Ephemeral), 0);
    }
    scene.settle_everywhere(1, 20_000);
    let delay = scene.chance.millis(600..900);
    for leg in [Leg::Up, Leg::Down] {
        scene.server_path(server).set(leg, Path::Slow(delay));
    }
    scene.pause(4_000..5_000);
    give_up(scene, server, clients, Duration::from_millis(500));
    scene.pause(1_000..2_000);
}

/// Each asks, waits, and leaves.
fn give_up(scene: &mut FaultScene, server: usize, clients: Vec<Client>, patience: Duration) {
    for mut client in clients {
        let path = format!("/slow-{}", client.credentials().id());
        client.send_set_data(&path, b"waits");
        assert_eq!(client.link().receive(patience), Received::Silence);
        scene.give_up(client, server);
    }
}

/// Clients that come through one relay, spread over the servers.
fn settle_behind(scene: &mut FaultScene, relays: &[FaultRelay]) {
    for relay in relays {
        let session = scene.settle_at(relay.address(), vec![relay.address()], USUAL_MS);
        scene.is_about_session(session);
    }
    scene.settle_everywhere(1, USUAL_MS);
}

fn client_relays(scene: &FaultScene, count: usize) -> Vec<FaultRelay> {
    (0..count).map(|_| FaultRelay::start(scene.gate().pooled())).collect()
}

pub(super) fn path_client_cut(scene: &mut FaultScene) {
    let relays = client_relays(scene, 2);
    settle_behind(scene, &relays);
    relays.iter().for_each(FaultRelay::cut);
    scene.pause(8_000..11_000);
    relays.iter().for_each(FaultRelay::heal);
    scene.wait_settled();
    scene.keep_relays(relays);
}

pub(super) fn path_client_reset(scene: &mut FaultScene) {
    let relays = client_relays(scene, 3);
    settle_behind(scene, &relays);
    relays.iter().for_each(FaultRelay::reset);
    scene.live_on();
    scene.wait_settled();
    scene.keep_relays(relays);
}

/// What the client asks is answered at once, and the answer is lost on its way again and again.
pub(super) fn path_client_lossy(scene: &mut FaultScene) {
    let relay = FaultRelay::start(scene.gate().pooled());
    let mut client = Client::create_session(relay.address());
    assert_eq!(client.create(&format!("/slow-{}", client.credentials().id()), b"", Kind::Ephemeral), 0);
    scene.settle_everywhere(1, 20_000);
    let session = client.credentials();
    relay.lose_replies();
    client.send_set_data(&format!("/slow-{}", session.id()), b"waits");
    assert_eq!(client.link().receive(Duration::from_secs(2)), Received::Silence);
    scene.is_about(&session);
    scene.give_up(client, 0);
    scene.pause(3_000..4_000);
    scene.keep_relays(vec![relay]);
}
