//! The leader stands still or ends.

use std::time::Duration;

use super::scene::FaultScene;
use crate::support::ensemble::{Ensemble, Mode};
use crate::support::wait;

/// Servers that look for a leader ask each other less and less often, up to once a minute (maxNotificationInterval of
/// FastLeaderElection): an election can take that long, and now and then another such time.
const ELECTION_PATIENCE: Duration = Duration::from_mins(3);
const SHORT_MS: i32 = 4_000;
const USUAL_MS: i32 = 10_000;

pub(super) fn leader_frozen_short(scene: &mut FaultScene) {
    scene.settle_everywhere(2, SHORT_MS);
    let leader = scene.ensemble.leader();
    scene.ensemble.freeze(leader);
    scene.pause(2_000..3_000);
    scene.ensemble.thaw(leader);
    scene.live_on();
}

pub(super) fn leader_frozen_long(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let leader = scene.ensemble.leader();
    scene.ensemble.freeze(leader);
    wait_other_leader(scene, leader);
    scene.pause(500..2_500);
    scene.ensemble.thaw(leader);
    scene.live_on();
}

/// Waits until another server leads.
pub(super) fn wait_other_leader(scene: &FaultScene, former: usize) {
    wait::until_true("another leader", ELECTION_PATIENCE, || other_leader(scene.ensemble, former));
}

/// Whether another server leads.
pub(super) fn other_leader(ensemble: &Ensemble, former: usize) -> bool {
    (0..3).any(|server| server != former && ensemble.mode(server) == Some(Mode::Leader))
}

pub(super) fn leader_killed(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let leader = scene.ensemble.leader();
    scene.ensemble.kill9(leader);
    wait_other_leader(scene, leader);
    scene.pause(1_000..3_000);
}

pub(super) fn leader_terminated(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    let leader = scene.ensemble.leader();
    scene.ensemble.sigterm(leader);
    wait_other_leader(scene, leader);
    scene.pause(1_000..3_000);
}

pub(super) fn leader_flapping(scene: &mut FaultScene) {
    scene.settle_everywhere(2, USUAL_MS);
    for _ in 0..3 {
        let leader = scene.ensemble.leader();
        scene.ensemble.kill9(leader);
        wait_other_leader(scene, leader);
        scene.ensemble.restart(leader);
        scene.pause(300..1_200);
    }
}
