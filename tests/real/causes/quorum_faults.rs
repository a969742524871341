//! Servers lose each other, or come to each other late.

use std::time::Duration;

use super::leader_faults::wait_other_leader;
use super::scene::FaultScene;
use crate::support::client::{Client, Greeting, Kind, Received};
use crate::support::fault_relay::{Leg, Path};

const USUAL_MS: i32 = 8_000;

pub(super) fn follower_parted(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let parted = scene.a_follower();
    scene.ensemble.part(parted);
    scene.pause(9_000..11_000);
}

pub(super) fn leader_parted(scene: &mut FaultScene) {
    scene.settle_everywhere(2, 10_000);
    let leader = scene.ensemble.leader();
    scene.ensemble.part(leader);
    wait_other_leader(scene, leader);
    scene.pause(2_000..4_000);
}

pub(super) fn quorum_lost(scene: &mut FaultScene) {
    scene.settle_everywhere(2, 10_000);
    let [one, other] = scene.ensemble.followers();
    scene.ensemble.kill9(one);
    scene.pause(20..600);
    scene.ensemble.kill9(other);
    // The leader may look for its followers once in syncLimit only.
    scene.pause(7_000..9_000);
}

/// Three clients, one on each server, wait for two seconds and give up. Pings, which no quorum answers, go on.
pub(super) fn quorum_slow(scene: &mut FaultScene) {
    let mut clients: Vec<Client> = (0..3).map(|server| scene.client_on(server)).collect();
    for client in &mut clients {
        assert_eq!(client.create(&format!("/slow-{}", client.credentials().id()), b"", Kind::Ephemeral), 0);
    }
    scene.settle_everywhere(1, 20_000);
    let (leader, followers) = (scene.ensemble.leader(), scene.ensemble.followers());
    let delay = scene.chance.millis(1_200..1_600);
    for follower in followers {
        for leg in [Leg::Up, Leg::Down] {
            scene.ensemble.quorum_path(follower, leader).set(leg, Path::Slow(delay));
        }
    }
    scene.pause(1_500..2_500);
    for client in &mut clients {
        client.send_set_data(&format!("/slow-{}", client.credentials().id()), b"waits");
    }
    for client in &mut clients {
        client.send_ping();
        while let Received::Frame(_) = client.link().receive(Duration::from_millis(600)) {}
    }
    for (server, client) in clients.into_iter().enumerate() {
        scene.give_up(client, server);
    }
    scene.pause(1_000..2_000);
}

/// The follower hears from its leader late; a client that was on the leader comes to it at once.
pub(super) fn server_lagging(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let (leader, lagging) = (scene.ensemble.leader(), scene.a_follower());
    let mut client = scene.client_on(leader);
    let path = format!("/ahead-{}", client.credentials().id());
    assert_eq!(client.create(&path, b"", Kind::Persistent), 0);
    let delay = scene.chance.millis(1_500..2_500);
    scene.ensemble.quorum_path(lagging, leader).set(Leg::Down, Path::Slow(delay));
    for _ in 0..20 {
        client.set_data(&path, b"ahead");
    }
    let session = client.credentials();
    let claim = Client::claim(scene.gate().mirror(lagging), &session).expect("connect to zoogate");
    scene.is_about_client(claim.local_address());
    let answer = Client::hear(claim, &session);
    assert!(matches!(answer, Greeting::Ended), "{answer:?}");
    scene.keep(client);
}
