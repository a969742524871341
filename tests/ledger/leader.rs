//! A server that drops everybody: because it leaves, or because its leader was lost.

use zoogate::ids::ServerId;
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::EndReason;

use crate::story::{A, B, LEADER, Link, Story, quiet};

/// Drops a crowd of three to A after what is told before; nobody looks unless the story does.
fn crowd_dropped(before: impl Fn(&mut Story), after: impl Fn(&mut Story)) -> (Story, Link) {
    let mut story = Story::without_prober();
    story.crowd(B, 1);
    let links = story.crowd(A, 3);
    before(&mut story);
    for link in &links {
        story.fin(*link);
    }
    after(&mut story);
    // Until a look that was asked at once has been waited past.
    story.wait(quiet() + 100);
    (story, links[0])
}

fn nothing(_: &mut Story) {}

#[track_caller]
fn expect(told: (Story, Link), at_once: bool, reason: EndReason, words: &str) {
    let (mut story, link) = told;
    assert_eq!(story.decided(link).is_some(), at_once);
    assert_eq!(story.reason(link, 60_000), reason);
    let why = story.why(link);
    assert!(why.contains(words), "{why}");
}

const ALL: &str = "server 1 closed all of its 3 connections within 0 ms";

#[test]
fn where_nobody_knows_the_leader_it_is_waited_for_a_look() {
    expect(crowd_dropped(nothing, nothing), false, EndReason::ServerLeaving, ALL);
}

#[test]
fn a_standalone_server_has_no_leader_to_lose() {
    let alone = |story: &mut Story| {
        story.set_role(A, ServerRole::Standalone);
        story.look(A);
    };
    expect(crowd_dropped(alone, nothing), true, EndReason::ServerLeaving, ALL);
}

#[test]
fn a_leader_that_was_seen_down_shortly_before_is_the_reason() {
    for (before, at_once, reason) in [(1_500, true, EndReason::LeaderLost), (1_501, false, EndReason::ServerLeaving)] {
        let down = |story: &mut Story| {
            story.look(LEADER);
            story.set(LEADER, ServerHealth::Refusing);
            story.look(LEADER);
            story.wait(before);
        };
        let words = if at_once { "server 0, the leader, refusing; server 1 closed all" } else { ALL };
        expect(crowd_dropped(down, nothing), at_once, reason, words);
    }
}

#[test]
fn only_a_look_that_was_begun_since_shows_that_the_leader_still_leads() {
    let before = |story: &mut Story| {
        story.look(LEADER);
        story.wait(100);
    };
    expect(crowd_dropped(before, nothing), false, EndReason::ServerLeaving, ALL);
    expect(crowd_dropped(before, |story| story.look(LEADER)), true, EndReason::ServerLeaving, ALL);
    let gone = |story: &mut Story| {
        story.set_role(LEADER, ServerRole::Follower);
        story.look(LEADER);
    };
    expect(crowd_dropped(before, gone), false, EndReason::ServerLeaving, ALL);
}

#[test]
fn without_a_known_leader_one_that_serves_shows_that_there_is_one() {
    let serves = |story: &mut Story| story.look(B);
    expect(crowd_dropped(nothing, serves), true, EndReason::ServerLeaving, ALL);
    let looked_before = |story: &mut Story| {
        story.look(B);
        story.wait(1);
    };
    expect(crowd_dropped(looked_before, nothing), false, EndReason::ServerLeaving, ALL);
}

#[test]
fn without_a_known_leader_none_that_serves_shows_that_there_is_none() {
    let down = |story: &mut Story| {
        story.set(B, ServerHealth::NotServing);
        story.look(B);
    };
    expect(
        crowd_dropped(nothing, down),
        true,
        EndReason::LeaderLost,
        "no other server was serving; server 1 closed all",
    );
    let one = |story: &mut Story| {
        down(story);
        story.set(LEADER, ServerHealth::HangingUp);
        story.look(LEADER);
    };
    expect(crowd_dropped(nothing, one), false, EndReason::ServerLeaving, ALL);
}

#[test]
fn servers_seen_down_before_a_session_was_given_do_not_show_that_there_is_no_leader() {
    let mut story = Story::without_prober();
    for (server, health) in [(B, ServerHealth::NotServing), (LEADER, ServerHealth::Refusing)] {
        story.set(server, health);
        story.look(server);
    }
    story.wait(100);
    let (session, link) = story.create(A);
    story.wait(100);
    story.look(LEADER);
    story.fin(link);
    story.wait(1);
    story.look(A);
    story.wait(1_000);
    let next = story.claim(session, B);
    story.refuse(next);
    assert_eq!(story.reason(link, 0), EndReason::SessionExpired);
}

#[test]
fn a_server_that_said_nothing_was_unresponsive_as_long_as_it_was_asked() {
    for health in [ServerHealth::Unresponsive, ServerHealth::Unreachable] {
        // How long before the session was given the question had been given up, if it had been.
        for (given_up, reason) in [(None, EndReason::LeaderLost), (Some(1), EndReason::ServerLeaving)] {
            let mut story = Story::without_prober();
            story.crowd(LEADER, 1);
            let asked_at = story.now();
            let seen = SessionTransition::server_seen(ServerId(LEADER), asked_at, asked_at, ProbeResult::of(health));
            story.wait(600);
            if let Some(before) = given_up {
                story.tell(seen.clone());
                story.wait(before);
            }
            let (_, link) = story.create(A);
            story.wait(100);
            story.fin(link);
            for server in [A, B] {
                story.set(server, ServerHealth::NotServing);
                story.look(server);
            }
            if given_up.is_none() {
                story.wait(300);
                story.tell(seen);
            }
            assert_eq!(story.reason(link, 60_000), reason, "{health:?} {given_up:?}");
        }
    }
}

#[test]
fn a_leader_that_thaws_as_its_follower_leaves_is_the_reason_though_it_answers_as_leader_again() {
    // Whether the leader answers again before its follower closes.
    for (answered_before, reason) in [(false, EndReason::LeaderLost), (true, EndReason::ServerLeaving)] {
        let mut story = Story::without_prober();
        story.look(LEADER);
        let (_, link) = story.create(A);
        story.wait(3_000);
        story.set(LEADER, ServerHealth::Unresponsive);
        story.look(LEADER);
        story.wait(200);
        story.set(LEADER, ServerHealth::Serving);
        if answered_before {
            story.look(LEADER);
            story.wait(10);
        }
        story.fin(link);
        story.wait(10);
        story.look(LEADER);
        story.wait(200);
        story.set(A, ServerHealth::NotServing);
        story.look(A);
        assert_eq!(story.reason(link, 60_000), reason, "answered before: {answered_before}");
    }
}

#[test]
fn a_server_that_serves_has_a_leader_however_the_others_are_seen() {
    let mut story = Story::without_prober();
    let (session, old) = story.create(A);
    for (server, health) in [(B, ServerHealth::Refusing), (LEADER, ServerHealth::Unresponsive)] {
        story.set(server, health);
        story.look(server);
    }
    story.wait(100);
    story.claim(session, A);
    story.wait(1);
    story.fin(old);
    story.look(A);
    assert_eq!(story.reason(old, quiet() + 100), EndReason::ReattachedSameServer);
}

#[test]
fn a_lone_connection_waits_for_a_look_at_its_server_when_the_leader_is_suspected() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.set(A, ServerHealth::HangingUp);
    story.set(LEADER, ServerHealth::Unreachable);
    story.fin(link);
    story.wait(quiet());
    assert_eq!(story.decided(link), None);
    assert_eq!(story.reason(link, 3_000), EndReason::LeaderLost);
}

#[test]
fn two_that_end_together_wait_for_a_look_that_tells() {
    let mut story = Story::new();
    let links = story.crowd(A, 2);
    story.set(A, ServerHealth::HangingUp);
    for link in &links {
        story.fin(*link);
    }
    story.wait(quiet());
    assert_eq!(story.decided(links[0]), None);
    assert_eq!(story.reason(links[0], 3_000), EndReason::ServerLeaving);
}

#[test]
fn it_is_said_how_the_server_was_seen() {
    for (health, words) in [
        (ServerHealth::NotServing, "server 1 reported that it was not serving when probed 0 ms before the end"),
        (ServerHealth::Refusing, "server 1 refused connections when probed 0 ms before the end"),
        (
            ServerHealth::Unresponsive,
            "server 1 accepted connections and did not answer when probed 0 ms before the end",
        ),
        (ServerHealth::Unreachable, "server 1 could not be reached when probed 0 ms before the end"),
    ] {
        let mut story = Story::new();
        let (_, link) = story.create(A);
        story.set(A, health);
        story.fin(link);
        assert_eq!(story.reason(link, quiet()), EndReason::ServerLeaving);
        let why = story.why(link);
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn a_server_that_carries_nobody_does_not_testify() {
    for (idle, reason) in [(true, EndReason::LeaderLost), (false, EndReason::ServerLeaving)] {
        let mut story = Story::without_prober();
        let links = [story.crowd(A, 3), story.crowd(B, 2)].concat();
        let one = story.crowd(LEADER, 1)[0];
        if idle {
            story.leave(one);
        }
        for link in &links {
            story.fin(*link);
        }
        assert_eq!(story.reason(links[0], 60_000), reason, "{idle}");
    }
    let mut story = Story::without_prober();
    let one = story.crowd(B, 1)[0];
    story.leave(one);
    let links = story.crowd(A, 3);
    for link in &links {
        story.fin(*link);
    }
    assert_eq!(story.reason(links[0], 60_000), EndReason::ServerLeaving, "no other server lost anybody");
}
