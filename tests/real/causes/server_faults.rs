//! A follower stands still, ends, or is slow.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use super::scene::FaultScene;
use crate::support::client::{Client, Kind, Received};

/// The timeout of sessions that are to notice a server that stands still for some seconds.
const SHORT_MS: i32 = 4_000;
const USUAL_MS: i32 = 6_000;

pub(super) fn follower_frozen_short(scene: &mut FaultScene) {
    follower_frozen(scene, 2_200..3_200, SHORT_MS);
}

pub(super) fn follower_frozen_long(scene: &mut FaultScene) {
    follower_frozen(scene, 6_000..8_500, USUAL_MS);
}

fn follower_frozen(scene: &mut FaultScene, lasts: Range<u64>, timeout_ms: i32) {
    scene.settle_everywhere(2, timeout_ms);
    let frozen = scene.a_follower();
    scene.ensemble.freeze(frozen);
    scene.pause(lasts);
    scene.ensemble.thaw(frozen);
    scene.live_on();
}

pub(super) fn server_pauses_too_long(scene: &mut FaultScene) {
    scene.settle_everywhere(2, SHORT_MS);
    let frozen = scene.a_follower();
    for _ in 0..4 {
        scene.ensemble.freeze(frozen);
        scene.pause(2_700..3_300);
        scene.ensemble.thaw(frozen);
        scene.pause(1_500..2_500);
        // Those that it has lost come back to it, as only those can notice the next one.
        scene.settle_on(frozen, 1, SHORT_MS);
    }
}

pub(super) fn follower_killed(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let gone = scene.a_follower();
    scene.ensemble.kill9(gone);
    scene.pause(4_000..6_000);
}

pub(super) fn follower_terminated(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let gone = scene.a_follower();
    scene.ensemble.sigterm(gone);
    scene.pause(4_000..6_000);
}

pub(super) fn follower_restarted(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let restarted = scene.a_follower();
    restart(scene, restarted);
}

fn restart(scene: &mut FaultScene, server: usize) {
    if scene.chance.below(2) == 0 {
        scene.ensemble.sigterm(server);
    } else {
        scene.ensemble.kill9(server);
    }
    scene.ensemble.restart(server);
}

pub(super) fn rolling_restart(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let (leader, followers) = (scene.ensemble.leader(), scene.ensemble.followers());
    for server in followers.into_iter().chain([leader]) {
        scene.ensemble.sigterm(server);
        scene.ensemble.restart(server);
        scene.wait_settled();
        scene.live_on();
    }
}

/// The server works for 100 ms and stands still for several times as long; a client that waits for half a second gives
/// up.
pub(super) fn server_slow(scene: &mut FaultScene) {
    let slow = scene.a_follower();
    let mut clients: Vec<Client> = (0..2).map(|_| scene.client_on(slow)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.create(&format!("/slow-{}", client.credentials().id()), b"", Kind::Ephemeral), 0, "{number}");
    }
    scene.settle_everywhere(1, 10_000);
    let begun = Instant::now();
    let (mut given_up, mut waiting) = (false, Vec::new());
    while begun.elapsed() < Duration::from_secs(6) || (!given_up && begun.elapsed() < Duration::from_secs(20)) {
        scene.ensemble.freeze(slow);
        if begun.elapsed() > Duration::from_secs(3) && !given_up {
            given_up = true;
            for mut client in clients.drain(..) {
                let path = format!("/slow-{}", client.credentials().id());
                client.send_set_data(&path, b"waits");
                assert_eq!(client.link().receive(Duration::from_millis(400)), Received::Silence);
                waiting.push(client);
            }
        }
        // Those that have waited are gone before the server answers.
        for client in waiting.drain(..) {
            scene.give_up(client, slow);
        }
        scene.pause(300..600);
        scene.ensemble.thaw(slow);
        thread::sleep(Duration::from_millis(100));
    }
    scene.live_on();
}
