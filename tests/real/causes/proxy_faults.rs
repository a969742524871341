//! What zoogate itself does, and what is done to it.

use super::scene::FaultScene;
use crate::support::child::Signal;
use crate::support::client::Client;

pub(super) fn operator_disconnect(scene: &mut FaultScene) {
    scene.settle_everywhere(1, 20_000);
    let server = scene.chance.below(3);
    let mut client = scene.client_on(server);
    client.ping();
    let session = client.credentials();
    scene.is_about_client(client.local_address());
    scene.pause(100..900);
    assert_eq!(scene.gate().disconnect(&session).len(), 1);
    client.expect_fin();
    let again = Client::attach(scene.gate().mirror(server), &session);
    scene.keep(again);
}

pub(super) fn zoogate_paused(scene: &mut FaultScene) {
    scene.settle_everywhere(2, 4_000);
    scene.gate().signal(Signal::Stop);
    scene.pause(4_500..7_000);
    scene.gate().signal(Signal::Cont);
    scene.live_on();
}

pub(super) fn zoogate_restarted(scene: &mut FaultScene) {
    scene.settle_everywhere(2, 8_000);
    scene.restart_gate();
    scene.wait_settled();
    scene.live_on();
}

pub(super) fn zoogate_stopped(scene: &mut FaultScene) {
    scene.settle_everywhere(2, 6_000);
    scene.stop_gate();
}
