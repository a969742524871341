//! Sessions that are claimed, used or closed in a place where they are not.

use std::net::{IpAddr, Ipv4Addr};

use super::scene::FaultScene;
use crate::support::client::{Client, Credentials, Greeting, Kind, Received};
use crate::support::wait::PATIENCE;

/// Two machines, each with the session's id and password, on different servers.
pub(super) fn session_shared(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let [left, right] = scene.ensemble.followers();
    let mut holder = scene.client_on(left);
    let session = holder.credentials();
    let path = format!("/shared-{}", session.id());
    assert_eq!(holder.create(&path, b"", Kind::Persistent), 0);
    scene.is_about(&session);
    let sides = [(left, Ipv4Addr::LOCALHOST), (right, Ipv4Addr::new(127, 0, 0, 2))];
    for round in 0..5 {
        let (server, source) = sides[(round + 1) % 2];
        let next = Client::attach_from(IpAddr::V4(source), scene.gate().mirror(server), &session);
        scene.pause(100..600);
        holder.send_set_data(&path, b"mine");
        holder.expect_end();
        holder = next;
    }
    scene.keep(holder);
}

pub(super) fn stale_connection(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let [old, new] = scene.ensemble.followers();
    let mut first = scene.client_on(old);
    let path = format!("/stale-{}", first.credentials().id());
    assert_eq!(first.create(&path, b"before", Kind::Persistent), 0);
    let second = Client::attach(scene.gate().mirror(new), &first.credentials());
    scene.pause(50..900);
    scene.is_about_client(first.local_address());
    first.send_set_data(&path, b"late");
    first.expect_end();
    scene.keep(second);
}

/// The follower is thawed while the leader still waits for it: later it would carry nothing out. It does not always
/// carry a claim out whose client is gone.
pub(super) fn late_claim(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let taken = (0..5).any(|_| {
        scene.live_on();
        claim_late(scene)
    });
    assert!(taken, "no late claim took its session");
}

/// Whether the late claim took the session.
fn claim_late(scene: &mut FaultScene) -> bool {
    let (leader, frozen) = (scene.ensemble.leader(), scene.a_follower());
    let mut early = scene.client_on(frozen);
    early.ping();
    let session = early.credentials();
    early.abandon();
    scene.pause(300..600);
    scene.ensemble.freeze(frozen);
    let unseen = Credentials { last_zxid: 0, ..session.clone() };
    let claim = Client::claim(scene.gate().mirror(frozen), &unseen).expect("a frozen server's port accepts");
    scene.pause(700..1_200);
    claim.abandon();
    let mut live = Client::attach(scene.gate().mirror(leader), &session);
    live.ping();
    scene.pause(200..600);
    scene.ensemble.thaw(frozen);
    for _ in 0..12 {
        live.send_ping();
        if matches!(live.link().receive(PATIENCE), Received::End(..)) {
            scene.is_about_client(live.local_address());
            return true;
        }
        scene.pause(200..300);
    }
    scene.keep(live);
    false
}

pub(super) fn session_closed(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let server = scene.chance.below(3);
    let mut client = scene.client_on(server);
    scene.pause(100..900);
    scene.is_about_client(client.local_address());
    client.close_session();
    client.expect_end();
}

pub(super) fn closed_elsewhere(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let [old, new] = scene.ensemble.followers();
    let mut first = scene.client_on(old);
    let mut second = Client::attach(scene.gate().mirror(new), &first.credentials());
    scene.pause(100..900);
    scene.is_about_client(second.local_address());
    first.close_session();
    first.expect_end();
    second.expect_end();
}

pub(super) fn wrong_password(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let server = scene.a_follower();
    let mut good = scene.client_on(server);
    good.ping();
    let forged = Credentials { password: vec![7; 16], ..good.credentials() };
    scene.pause(100..900);
    let attacker = Client::claim(scene.gate().mirror(server), &forged).expect("connect to zoogate");
    scene.is_about_client(attacker.local_address());
    let attempt = Client::hear(attacker, &forged);
    assert!(matches!(attempt, Greeting::Refused), "{attempt:?}");
    let again = Client::attach(scene.gate().mirror(server), &good.credentials());
    scene.keep(again);
}
