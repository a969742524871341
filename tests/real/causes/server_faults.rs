//! A follower stands still, ends, or is slow.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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

/// The server works in spells of some 20 ms and stands still for more than a second between them; a client that has waited
/// for a second gives up.
pub(super) fn server_slow(scene: &mut FaultScene) {
    let slow = scene.a_follower();
    let mut clients: Vec<Client> = (0..2).map(|_| scene.client_on(slow)).collect();
    for client in &mut clients {
        assert_eq!(client.create(&slow_path(client), b"", Kind::Ephemeral), 0);
    }
    scene.settle_everywhere(1, 20_000);
    let sessions: Vec<_> = clients.iter().map(|client| (client.local_address(), client.credentials())).collect();
    let mut left = 0;
    let (ensemble, chance, over) = (&*scene.ensemble, &mut scene.chance, AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                ensemble.freeze(slow);
                chance.pause(1_200..1_500);
                ensemble.thaw(slow);
                thread::sleep(Duration::from_millis(20));
            }
        });
        thread::sleep(Duration::from_secs(4));
        left = clients.into_iter().map(leave_when_kept_waiting).filter(|waited| *waited).count();
        over.store(true, Ordering::Relaxed);
    });
    assert!(left > 0, "no client was kept waiting");
    for (address, session) in sessions {
        scene.is_about_client(address);
        let again = Client::attach(scene.gate().mirror((slow + 1) % 3), &session);
        scene.keep(again);
    }
    scene.live_on();
}

fn slow_path(client: &Client) -> String {
    format!("/slow-{}", client.credentials().id())
}

/// Writes until an answer does not come in time, and leaves; whether that was so.
fn leave_when_kept_waiting(mut client: Client) -> bool {
    let path = slow_path(&client);
    let waited = (0..200).any(|_| {
        client.send_set_data(&path, b"waits");
        client.link().receive(Duration::from_millis(1_050)) == Received::Silence
    });
    client.abandon();
    waited
}
