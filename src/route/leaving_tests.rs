//! When a claim's server is left, by what was seen of it on its own and on its neighbours' connections.

use super::*;
use crate::route::UNREACHED_COUNTS;

impl Scene {
    /// Looks at a server begin and do not connect from now on.
    fn loses_probes(&mut self, server: ServerId) {
        self.seen[server.index()].probed_since = Some(self.now);
    }

    /// This many probes of a server have not connected.
    fn not_reached(&mut self, server: ServerId, times: u32) {
        let snapshot = &mut self.seen[server.index()];
        (snapshot.unreached, snapshot.health) = (times, ServerHealth::Unreachable);
    }
}

#[test]
fn a_claim_that_waits_outlasts_one_look_that_does_not_connect_and_a_new_one_goes_elsewhere() {
    let mut scene = Scene::new(7, 6_000);
    assert_eq!(scene.ask(), B);
    scene.pass(1_000, &[]);
    scene.loses_probes(B);
    assert_eq!(scene.wait(1_000, &[]).0, ClaimStep::Wait, "it may be one packet that was lost");
    scene.not_reached(B, 1);
    assert_eq!(scene.wait(500, &[]).0, ClaimStep::Wait);
    scene.not_reached(B, UNREACHED_COUNTS);
    assert_eq!(scene.decide(), ClaimStep::Leave(B));
    let mut other = Scene::new(7, 30_000);
    other.loses_probes(B);
    other.pass(600, &[]);
    other.seen[1].answered_at = Some(at(0));
    assert_eq!(other.ask(), C, "nothing was sent there yet");
}

#[test]
fn a_claim_is_not_left_for_a_server_that_may_not_be_reached() {
    let mut scene = Scene::new(7, 6_000);
    scene.order = [B, C].map(candidate).to_vec();
    assert_eq!(scene.ask(), B);
    scene.loses_probes(C);
    scene.pass(600, &[B]);
    assert_eq!(scene.decide(), ClaimStep::Wait);
}

#[test]
fn a_leader_that_only_zoogate_does_not_reach_holds_nobody_longer_than_half_of_the_timeout() {
    for asked in [A, B] {
        let mut scene = Scene::new(7, 6_000);
        scene.order = [asked, C].map(candidate).to_vec();
        scene.not_reached(A, 2);
        scene.seen[0].unanswered_since = Some(at(0));
        if asked == A {
            // The path broke under a claim that waits.
            scene.search.asked(A, scene.now);
        } else {
            assert_eq!(scene.ask(), B);
        }
        assert_eq!(scene.wait(9_000, &[A]), (ClaimStep::Leave(asked), 3_000), "{asked:?}");
        scene.search.left(asked);
        assert_eq!(scene.ask(), C);
        assert_eq!(scene.wait(9_000, &[A]).0, ClaimStep::Wait, "once");
    }
}

#[test]
fn a_leader_that_is_silent_here_while_others_work_stands_still_for_nobody() {
    let mut scene = Scene::new(7, 6_000);
    scene.pass(600, &[A]);
    scene.pass(600, &[A]);
    scene.seen[2].wrote_at = Some(scene.now);
    scene.pass(100, &[A]);
    assert_eq!(scene.ask(), B);
    assert_eq!(scene.wait(9_000, &[A]), (ClaimStep::Leave(B), 3_000));
    let mut frozen = Scene::new(7, 6_000);
    frozen.pass(100, &[A]);
    frozen.seen[2].wrote_at = Some(frozen.now);
    frozen.pass(900, &[A]);
    assert_eq!(frozen.ask(), B);
    assert_eq!(frozen.wait(9_000, &[A]).0, ClaimStep::Wait, "what was under way is still carried out");
}

#[test]
fn a_client_that_comes_back_does_not_wait_for_a_leader_that_is_not_reached_longer_than_half_of_the_timeout() {
    let mut scene = Scene::new(7, 6_000);
    scene.search.follow(Some((A, at(0))));
    scene.not_reached(A, 2);
    assert_eq!(scene.wait(2_900, &[A]).0, ClaimStep::Wait);
    scene.pass(100, &[A]);
    assert_eq!(scene.ask(), B);
}

#[test]
fn a_server_that_works_for_others_and_owes_only_this_answer_is_left_after_two_thirds() {
    let mut scene = Scene::new(7, 6_000);
    assert_eq!(scene.ask(), B);
    for second in 0..4 {
        scene.seen[2].waiting = 1;
        scene.seen[1].gave_at = Some(scene.now);
        assert_eq!(scene.wait(900, &[]).0, ClaimStep::Wait, "second {second}");
    }
    scene.seen[1].wrote_at = Some(scene.now);
    assert_eq!(scene.decide(), ClaimStep::Leave(B));
    scene.search.left(B);
    assert_eq!(scene.ask(), C);
    for _ in 0..9 {
        scene.seen[2].wrote_at = Some(scene.now);
        assert_eq!(scene.wait(900, &[]).0, ClaimStep::Wait, "once");
    }
}

#[test]
fn what_a_server_did_right_after_the_claim_came_does_not_show_that_it_goes_on() {
    let mut scene = Scene::new(7, 1_000);
    assert_eq!(scene.ask(), B);
    scene.pass(900, &[A]);
    scene.seen[1].gave_at = Some(scene.now);
    scene.seen[2].waiting = 1;
    assert_eq!(scene.wait(900, &[A]).0, ClaimStep::Wait);
}
