//! Clients that stand still, crash, move, or are too many.

use std::thread;
use std::time::Duration;

use super::combination::CONNECTION_CAP;
use super::scene::FaultScene;
use crate::support::client::{Client, Credentials, Greeting, TIMEOUT_MS};
use crate::support::wait::{self, PATIENCE};

/// Longer than a session of four seconds lives on, whatever the servers' clocks make of it.
const OVER: std::ops::Range<u64> = 6_000..7_500;

pub(super) fn client_paused(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 6_000);
    let holder = scene.holder(4);
    scene.is_about_session(holder.session());
    scene.pause(500..1_500);
    holder.freeze();
    scene.pause(OVER);
    holder.thaw();
    scene.keep_holder(holder);
    scene.live_on();
}

pub(super) fn client_crashed(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 6_000);
    let mut holder = scene.holder(4);
    scene.is_about_session(holder.session());
    scene.pause(500..1_500);
    holder.kill9();
    scene.pause(OVER);
}

/// The node that it watches is written while it stands still: it is killed before it reads of that.
pub(super) fn client_crashed_with_reset(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 6_000);
    let mut other = scene.client_on(0);
    let mut holder = scene.holder(4);
    scene.is_about_session(holder.session());
    scene.pause(500..1_500);
    holder.freeze();
    other.sync("/");
    other.set_data(holder.path(), b"unread");
    thread::sleep(Duration::from_millis(300));
    holder.kill9();
    scene.keep(other);
    scene.pause(OVER);
}

pub(super) fn three_clients_killed(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 6_000);
    let mut holders: Vec<_> = (0..3).map(|_| scene.holder(4)).collect();
    for holder in &holders {
        scene.is_about_session(holder.session());
    }
    scene.pause(500..1_500);
    for holder in &mut holders {
        holder.kill9();
    }
    scene.pause(OVER);
}

pub(super) fn client_moves(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 6_000);
    let from = scene.chance.below(3);
    let mut client = scene.client_on(from);
    client.ping();
    let session = client.credentials();
    scene.is_about_client(client.local_address());
    scene.pause(200..900);
    client.abandon();
    scene.pause(10..200);
    let to = (from + 1 + scene.chance.below(2)) % 3;
    let mut again = Client::attach(scene.gate().mirror(to), &session);
    again.ping();
    scene.keep(again);
    scene.live_on();
}

/// Most of its pauses are longer than the timeout, and shorter than those that others have.
pub(super) fn client_pauses_too_long(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let holder = scene.holder(2);
    for _ in 0..4 {
        scene.pause(1_500..2_500);
        holder.freeze();
        scene.pause(2_400..3_400);
        holder.thaw();
    }
    scene.keep_holder(holder);
    scene.live_on();
}

pub(super) fn connection_cap(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let full = scene.a_follower();
    let fresh = Credentials { session: 0, password: vec![0; 16], last_zxid: 0, timeout_ms: TIMEOUT_MS };
    let mut held: Vec<Client> = Vec::new();
    // The server's refusal may come before zoogate is through to it; then there is no claim to judge.
    wait::until_true("a refusal that met a claim", PATIENCE, || {
        let Ok(link) = Client::claim(scene.gate().mirror(full), &fresh) else { return false };
        let address = link.local_address();
        match Client::hear(link, &fresh) {
            Greeting::Accepted(client) => held.push(client),
            _ => scene.is_about_client(address),
        }
        assert!(held.len() <= CONNECTION_CAP, "the server takes {CONNECTION_CAP} connections from one address");
        scene.gate().reasons().contains_key("connection_cap")
    });
    // While it is full the server does not say either that it serves.
    assert!(held.into_iter().all(Client::try_close_session), "the sessions are closed in order");
}
