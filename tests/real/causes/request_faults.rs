//! Requests that a server does not take, and replies that a client does not take.

use super::scene::FaultScene;
use crate::support::client::{Client, Kind};
use crate::support::frames::Frame;
use crate::support::wait::{self, PATIENCE};

/// The servers' `jute.maxbuffer`.
const SERVERS_TAKE: usize = 4 << 20;
/// The clients' default.
const CLIENTS_TAKE: usize = 0xf_ffff;

/// A scheme that no server knows; servers refuse nothing in one that they know.
pub(super) fn auth_failed(scene: &mut FaultScene) {
    const AUTH_XID: i32 = -4;
    const AUTH: i32 = 100;
    scene.settle_everywhere(1, 20_000);
    let server = scene.chance.below(3);
    let mut client = scene.client_on(server);
    scene.pause(100..900);
    scene.is_about_client(client.local_address());
    client.send(Frame::request(AUTH_XID, AUTH).int(0).text("unheard").buffer(b"secret"));
    client.expect_end_after_replies();
}

pub(super) fn oversized_request(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let server = scene.chance.below(3);
    let mut client = scene.client_on(server);
    let path = format!("/large-{}", client.credentials().id());
    assert_eq!(client.create(&path, b"small", Kind::Persistent), 0);
    scene.pause(100..900);
    scene.is_about_client(client.local_address());
    client.send_set_data(&path, &vec![b'x'; SERVERS_TAKE + 1]);
    client.expect_end();
    let again = Client::attach(scene.gate().mirror(server), &client.credentials());
    scene.keep(again);
}

/// The client hangs up at the reply's length, comes back, and asks again.
pub(super) fn oversized_reply(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let server = scene.chance.below(3);
    let mut client = scene.client_on(server);
    let path = format!("/wide-{}", client.credentials().id());
    assert_eq!(client.create(&path, &vec![b'x'; CLIENTS_TAKE + 300_000], Kind::Ephemeral), 0);
    let session = client.credentials();
    scene.is_about(&session);
    for _ in 0..3 {
        scene.pause(100..600);
        client.send_get_data(&path);
        assert!(client.hang_up_at_length() > CLIENTS_TAKE);
        client = wait::until("the session to come back", PATIENCE, || scene.gate().reattach(&session));
    }
    let mut last: Client = client;
    last.ping();
    scene.keep(last);
}
