use super::*;
use crate::ids::{SessionId, Zxid};
use crate::route::{PROBE_FRESH, UNRESPONSIVE_AFTER};

const A: ServerId = ServerId(0);
const B: ServerId = ServerId(1);
const C: ServerId = ServerId(2);

/// Three servers and a clock; A leads, and all of them answer probes at once.
struct Scene {
    now: Timestamp,
    seen: Vec<ServerSnapshot>,
    order: Vec<ServerCandidate>,
    /// Time that the proxy itself stood still since the moment.
    paused: (Timestamp, Duration),
    search: ClaimSearch,
}

fn at(ms: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_millis(1_000_000 + ms))
}

fn candidate(server: ServerId) -> ServerCandidate {
    ServerCandidate { server, reason: RouteReason::Spread }
}

impl Scene {
    fn new(session: i64, timeout_ms: u64) -> Self {
        let serving = |role| ServerSnapshot { health: ServerHealth::Serving, role, ..ServerSnapshot::UNSEEN };
        let roles = [ServerRole::Leader, ServerRole::Follower, ServerRole::Follower];
        let terms = ClaimTerms { session: SessionId(session), timeout: Duration::from_millis(timeout_ms) };
        let mut scene = Self {
            now: at(0),
            seen: roles.map(serving).to_vec(),
            order: [B, C, A].map(candidate).to_vec(),
            paused: (Timestamp::ZERO, Duration::ZERO),
            search: ClaimSearch::new(terms, 3, at(0)),
        };
        for server in [A, B, C] {
            scene.answers(server);
        }
        scene
    }

    /// The server answers a probe now.
    fn answers(&mut self, server: ServerId) {
        let snapshot = &mut self.seen[server.index()];
        (snapshot.asked_at, snapshot.answered_at, snapshot.unanswered_since) = (Some(self.now), Some(self.now), None);
    }

    /// Time passes; all servers but those named answer probes.
    fn pass(&mut self, ms: u64, silent: &[ServerId]) {
        for server in silent {
            let snapshot = &mut self.seen[server.index()];
            snapshot.unanswered_since = snapshot.unanswered_since.or(Some(self.now));
        }
        self.now = self.now.after(Duration::from_millis(ms));
        for server in [A, B, C].into_iter().filter(|server| !silent.contains(server)) {
            self.answers(server);
        }
    }

    fn decide(&mut self) -> ClaimStep {
        let (now, (from, paused)) = (self.now, self.paused);
        let elapsed = |since: Timestamp| {
            let paused = if since <= from { paused } else { Duration::ZERO };
            now.since(since).saturating_sub(paused)
        };
        self.search.decide(&self.order, &self.seen, now, elapsed)
    }

    /// Asks whom the decision names.
    fn ask(&mut self) -> ServerId {
        match self.decide() {
            ClaimStep::Ask(candidate) => {
                self.search.asked(candidate.server, self.now);
                candidate.server
            }
            step => panic!("{step:?}"),
        }
    }

    /// Lets time pass in small steps until the decision is no longer to wait; returns it and how long that took.
    fn wait(&mut self, most_ms: u64, silent: &[ServerId]) -> (ClaimStep, u64) {
        for waited in (0..=most_ms).step_by(100) {
            match self.decide() {
                ClaimStep::Wait => self.pass(100, silent),
                step => return (step, waited),
            }
        }
        (ClaimStep::Wait, most_ms)
    }
}

#[test]
fn a_session_is_claimed_only_where_a_probe_was_just_answered() {
    let mut scene = Scene::new(7, 6_000);
    scene.now = scene.now.after(PROBE_FRESH + Duration::from_millis(1));
    assert_eq!(scene.decide(), ClaimStep::Probe(B));
    scene.answers(B);
    assert_eq!(scene.ask(), B);
    let mut new = Scene::new(0, 6_000);
    new.now = new.now.after(Duration::from_secs(1));
    assert_eq!(new.ask(), B, "a new session is nobody's yet");
}

#[test]
fn a_server_that_answers_no_probe_is_passed_over_and_one_that_was_never_probed_is_probed() {
    let mut scene = Scene::new(7, 6_000);
    scene.pass(400, &[B]);
    assert_eq!(scene.decide(), ClaimStep::Probe(B));
    scene.pass(200, &[B]);
    assert_eq!(scene.ask(), C);
    let mut scene = Scene::new(7, 6_000);
    scene.seen[1] = ServerSnapshot { health: ServerHealth::Unknown, ..ServerSnapshot::UNSEEN };
    assert_eq!(scene.decide(), ClaimStep::Probe(B));
    scene.seen[1].unanswered_since = Some(at(0));
    scene.now = at(0).after(UNRESPONSIVE_AFTER);
    scene.answers(A);
    scene.answers(C);
    assert_eq!(scene.ask(), B, "what knows no four-letter word can serve all the same");
}

#[test]
fn the_next_server_is_asked_when_one_refuses_and_the_client_is_turned_away_when_all_have() {
    let mut scene = Scene::new(7, 6_000);
    for server in [B, C, A] {
        assert_eq!(scene.ask(), server);
        assert_eq!(scene.decide(), ClaimStep::Wait);
        scene.search.over(server);
    }
    assert_eq!(scene.decide(), ClaimStep::TurnAway(TurnedAway::NobodyTook));
}

#[test]
fn while_all_are_slow_one_server_is_waited_for() {
    for (timeout, quorum_ms) in [(6_000, 2_900), (10_000, 4_900), (18_000, 8_900)] {
        let mut scene = Scene::new(7, timeout);
        scene.ask();
        assert_eq!(scene.wait(quorum_ms, &[]).0, ClaimStep::Wait);
        // A frozen leader, whom everybody waits for.
        let mut scene = Scene::new(7, timeout);
        scene.ask();
        assert_eq!(scene.wait(timeout, &[A]).0, ClaimStep::Wait, "no other server could answer either");
        let mut scene = Scene::new(7, timeout);
        scene.ask();
        scene.seen[2].waiting = 1;
        assert_eq!(scene.wait(timeout, &[]).0, ClaimStep::Wait, "claims wait elsewhere too");
    }
}

#[test]
fn when_a_leader_thaws_and_others_answer_first_nobody_is_left() {
    let mut scene = Scene::new(7, 6_000);
    scene.ask();
    assert_eq!(scene.wait(2_300, &[A]).0, ClaimStep::Wait);
    scene.seen[2].gave_at = Some(scene.now);
    scene.pass(200, &[]);
    assert_eq!(scene.decide(), ClaimStep::Wait);
    scene.seen[1].gave_at = Some(scene.now);
    assert_eq!(scene.wait(700, &[]).0, ClaimStep::Wait, "it has given a session itself: it is not slow alone");
}

#[test]
fn a_server_that_is_slow_alone_is_left_after_a_third_of_the_timeout() {
    for evidence in ["gave", "wrote", "zxid"] {
        let mut scene = Scene::new(7, 6_000);
        scene.seen.iter_mut().for_each(|snapshot| snapshot.zxid = Some(Zxid(5)));
        scene.ask();
        scene.pass(300, &[]);
        let (now, other) = (scene.now, &mut scene.seen[2]);
        match evidence {
            "gave" => other.gave_at = Some(now),
            "wrote" => other.wrote_at = Some(now),
            _ => (other.zxid, other.zxid_since) = (Some(Zxid(6)), Some(now)),
        }
        let (step, waited) = scene.wait(5_000, &[]);
        assert_eq!((step, waited), (ClaimStep::Leave(B), 1_700), "{evidence}");
        scene.search.left(B);
        assert_eq!(scene.ask(), C);
    }
}

#[test]
fn evidence_from_before_the_claim_counts_for_nothing() {
    let mut scene = Scene::new(7, 6_000);
    scene.seen[2].gave_at = Some(scene.now);
    scene.ask();
    let (step, waited) = scene.wait(5_000, &[]);
    assert_eq!((step, waited), (ClaimStep::Leave(B), 3_000), "only half of the timeout decides");
}

#[test]
fn where_nobody_can_testify_half_of_the_timeout_decides_once() {
    let mut scene = Scene::new(7, 6_000);
    scene.ask();
    assert_eq!(scene.wait(9_000, &[]), (ClaimStep::Leave(B), 3_000));
    scene.search.left(B);
    assert_eq!(scene.ask(), C);
    assert_eq!(scene.wait(9_000, &[]).0, ClaimStep::Wait);
}

#[test]
fn a_server_that_answers_no_probes_is_left_unless_it_leads() {
    for (timeout, third) in [(30_000, 10_000), (6_000, 2_000), (2_000, 1_000)] {
        let mut scene = Scene::new(7, timeout);
        assert_eq!(scene.ask(), B);
        assert_eq!(scene.wait(15_000, &[B]), (ClaimStep::Leave(B), third), "as a client of three servers would");
    }
    let mut scene = Scene::new(7, 6_000);
    scene.order = [A, B, C].map(candidate).to_vec();
    assert_eq!(scene.ask(), A);
    assert_eq!(scene.wait(6_000, &[A]).0, ClaimStep::Wait);
    scene.seen[2].role = ServerRole::Leader;
    assert_eq!(scene.wait(1_000, &[A]), (ClaimStep::Leave(A), 0), "another one leads");
}

#[test]
fn a_server_is_left_only_for_one_that_was_just_probed() {
    let mut scene = Scene::new(7, 6_000);
    scene.ask();
    scene.pass(2_000, &[B]);
    scene.seen[2].answered_at = Some(at(0));
    assert_eq!(scene.decide(), ClaimStep::Probe(C));
    scene.seen[0].health = ServerHealth::NotServing;
    scene.seen[2].health = ServerHealth::NotServing;
    assert_eq!(scene.decide(), ClaimStep::Wait, "there is no other");
}

#[test]
fn for_a_new_session_one_more_server_is_asked_after_a_third() {
    let mut scene = Scene::new(0, 6_000);
    scene.ask();
    assert_eq!(scene.wait(9_000, &[]), (ClaimStep::Leave(B), 2_000));
    scene.search.left(B);
    assert_eq!(scene.ask(), C);
    assert_eq!(scene.wait(9_000, &[]).0, ClaimStep::Wait, "one more and no others");
    scene.search.over(C);
    scene.search.over(A);
    assert_eq!(scene.decide(), ClaimStep::Wait, "the first one may still answer");
    scene.search.over(B);
    assert_eq!(scene.decide(), ClaimStep::TurnAway(TurnedAway::NobodyTook));
    let mut slow = Scene::new(0, 6_000);
    slow.ask();
    slow.seen[2].waiting = 3;
    assert_eq!(slow.wait(9_000, &[]).0, ClaimStep::Wait, "all are slow");
    (slow.seen[2].waiting, slow.seen[2].gave_at) = (0, Some(slow.now));
    assert_eq!(slow.wait(9_000, &[]), (ClaimStep::Leave(B), 500), "the others were just given theirs");
}

#[test]
fn what_was_sent_while_another_server_is_about_to_be_asked_waits_for_the_first() {
    let mut scene = Scene::new(0, 6_000);
    scene.ask();
    assert_eq!(scene.wait(9_000, &[]).0, ClaimStep::Leave(B));
    scene.search.left(B);
    scene.search.cannot_repeat();
    assert_eq!(scene.decide(), ClaimStep::Wait, "it may have it, and answers when it can");
    scene.search.over(B);
    assert_eq!(scene.decide(), ClaimStep::TurnAway(TurnedAway::NobodyTook));
}

#[test]
fn what_has_effects_goes_to_one_server_only() {
    let mut scene = Scene::new(0, 6_000);
    scene.search.cannot_repeat();
    scene.search.over(B);
    assert_eq!(scene.ask(), C, "one that was not reached has got nothing");
    assert_eq!(scene.wait(9_000, &[C]).0, ClaimStep::Wait);
    scene.search.over(C);
    assert_eq!(scene.decide(), ClaimStep::TurnAway(TurnedAway::NobodyTook));
}

#[test]
fn a_path_that_broke_is_tried_once_more_before_the_server_counts_as_refusing() {
    let mut scene = Scene::new(7, 6_000);
    assert_eq!(scene.ask(), B);
    scene.search.broke(B);
    assert_eq!(scene.ask(), B);
    scene.search.broke(B);
    assert_eq!(scene.ask(), C);
    let mut scene = Scene::new(7, 6_000);
    scene.ask();
    scene.search.broke(B);
    scene.pass(1_900, &[B]);
    assert_eq!(scene.decide(), ClaimStep::Wait, "it may have the claim");
    scene.pass(100, &[B]);
    assert_eq!(scene.ask(), C, "it answers no probes either");
}

#[test]
fn a_client_that_comes_back_finds_its_claim() {
    let mut scene = Scene::new(7, 6_000);
    scene.search.follow(Some((C, at(0))));
    scene.pass(1_000, &[]);
    assert_eq!(scene.decide(), ClaimStep::Ask(ServerCandidate { server: C, reason: RouteReason::Followed }));
    scene.search.follow(None);
    assert_eq!(scene.ask(), B, "it was answered meanwhile");
    let mut scene = Scene::new(7, 6_000);
    scene.pass(1_900, &[C]);
    scene.search.follow(Some((C, at(0))));
    assert_eq!(scene.decide(), ClaimStep::Wait, "a follower that answers nothing may still have the claim");
    scene.pass(100, &[C]);
    assert_eq!(scene.ask(), B, "for ever it is not waited for");
    let mut scene = Scene::new(7, 6_000);
    scene.search.follow(Some((A, at(0))));
    scene.pass(600, &[A]);
    assert_eq!(scene.decide(), ClaimStep::Wait, "a leader that answers nothing is waited for");
    let mut scene = Scene::new(7, 6_000);
    scene.search.follow(Some((C, at(0))));
    scene.pass(3_000, &[]);
    assert_eq!(scene.ask(), B, "half of the timeout has passed since it was claimed there");
}

#[test]
fn the_proxys_own_pauses_count_in_none_of_this() {
    let mut scene = Scene::new(7, 6_000);
    scene.ask();
    scene.paused = (at(0), Duration::from_secs(5));
    scene.pass(5_000, &[]);
    assert_eq!(scene.decide(), ClaimStep::Wait);
    assert_eq!(scene.wait(9_000, &[]), (ClaimStep::Leave(B), 3_000));
}

#[test]
fn what_a_server_answered_before_the_proxys_own_pause_is_old() {
    let mut scene = Scene::new(7, 30_000);
    scene.now = at(100);
    assert!(matches!(scene.decide(), ClaimStep::Ask(_)), "it has just answered");
    scene.paused = (at(0), Duration::from_secs(10));
    scene.now = at(10_100);
    assert_eq!(scene.decide(), ClaimStep::Probe(B), "it may have frozen meanwhile");
}

#[test]
fn patience_ends_when_the_clients_does() {
    for (timeout, patience) in [(6_000, 30_000), (45_000, 45_000)] {
        let mut scene = Scene::new(7, timeout);
        scene.seen.iter_mut().for_each(|snapshot| snapshot.unanswered_since = Some(at(0)));
        scene.now = at(1_000);
        assert_eq!(scene.decide(), ClaimStep::Wait);
        scene.now = at(patience - 1);
        assert_eq!(scene.decide(), ClaimStep::Wait);
        scene.now = at(patience);
        assert_eq!(scene.decide(), ClaimStep::TurnAway(TurnedAway::OutOfPatience));
    }
}

#[test]
fn when_those_that_refused_serve_again_an_unresponsive_one_is_not_waited_for() {
    for session in [7, 0] {
        let mut scene = Scene::new(session, 6_000);
        // A leader freezes, and the others close what they were asked while they elect another.
        assert_eq!(scene.ask(), B);
        scene.pass(600, &[A]);
        (scene.seen[1].health, scene.seen[2].health) = (ServerHealth::NotServing, ServerHealth::NotServing);
        scene.search.over(B);
        assert_eq!(scene.ask(), C);
        scene.search.over(C);
        assert_eq!(scene.wait(1_000, &[A]).0, ClaimStep::Wait, "nobody serves");
        scene.seen[2].health = ServerHealth::Serving;
        scene.pass(100, &[A]);
        assert_eq!(scene.decide(), ClaimStep::TurnAway(TurnedAway::NobodyTook), "its client finds one that serves");
    }
}

#[test]
fn servers_that_know_no_four_letter_word_take_turns_all_the_same() {
    let mut scene = Scene::new(7, 6_000);
    for snapshot in &mut scene.seen {
        *snapshot = ServerSnapshot {
            health: ServerHealth::Unresponsive,
            unanswered_since: Some(at(0)),
            ..ServerSnapshot::UNSEEN
        };
    }
    scene.now = at(600);
    assert_eq!(scene.ask(), B);
    assert_eq!(scene.wait(5_000, &[A, B, C]), (ClaimStep::Leave(B), 3_000), "half of the timeout");
    scene.search.left(B);
    assert_eq!(scene.ask(), C);
}

#[test]
fn a_server_is_not_left_for_one_without_a_quorum() {
    let mut scene = Scene::new(7, 6_000);
    scene.ask();
    scene.seen[0].role = ServerRole::ReadOnly;
    scene.seen[2].role = ServerRole::ReadOnly;
    assert_eq!(scene.wait(9_000, &[B]).0, ClaimStep::Wait);
}

#[test]
fn a_server_that_was_not_reached_has_got_nothing_wherever_an_earlier_claim_is_out() {
    let mut scene = Scene::new(7, 6_000);
    scene.search.cannot_repeat();
    scene.search.follow(Some((C, at(0))));
    assert_eq!(scene.decide(), ClaimStep::Ask(ServerCandidate { server: C, reason: RouteReason::Followed }));
    scene.search.unreached(C);
    assert_eq!(scene.ask(), B);
}

#[test]
fn a_server_that_led_before_and_is_down_replaces_no_leader() {
    for health in [ServerHealth::Refusing, ServerHealth::NotServing, ServerHealth::HangingUp] {
        for asked in [A, B] {
            let mut scene = Scene::new(7, 6_000);
            scene.order = [asked, C, B].map(candidate).to_vec();
            // It still has the role that it told last.
            (scene.seen[2].role, scene.seen[2].health) = (ServerRole::Leader, health);
            assert_eq!(scene.ask(), asked);
            assert_eq!(scene.wait(6_000, &[A]).0, ClaimStep::Wait, "{health:?} {asked:?}");
        }
    }
}

#[test]
fn claims_that_wait_for_a_silent_follower_do_not_show_that_all_are_slow() {
    for (session, most_ms) in [(7, 3_000), (0, 2_000)] {
        let mut scene = Scene::new(session, 6_000);
        scene.order = [B, A].map(candidate).to_vec();
        assert_eq!(scene.ask(), B);
        scene.seen[2].waiting = 4;
        assert_eq!(scene.wait(9_000, &[C]), (ClaimStep::Leave(B), most_ms));
    }
}

#[path = "leaving_tests.rs"]
mod leaving;
