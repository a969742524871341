//! Ends that fall together: how many make a server that leaves, and who testifies that it stays.

use zoogate::ids::ServerId;
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::EndReason;

use crate::story::{A, B, LEADER, Link, PROBE, Story, quiet};

/// Some connections to a server, of which the first this many are closed by it; nobody looks.
fn dropped_of(standing: usize, dropped: usize) -> EndReason {
    let mut story = Story::without_prober();
    story.crowd(B, 1);
    let links = story.crowd(A, standing);
    for link in &links[..dropped] {
        story.fin(*link);
    }
    story.reason(links[0], 60_000)
}

#[test]
fn one_in_ten_of_a_big_crowd_may_stand() {
    assert_eq!(dropped_of(22, 20), EndReason::ServerLeaving);
    assert_eq!(dropped_of(23, 20), EndReason::Unknown, "three of 23 stand");
    assert_eq!(dropped_of(20, 19), EndReason::Unknown, "no big crowd");
    assert_eq!(dropped_of(2, 2), EndReason::ServerLeaving);
    assert_eq!(dropped_of(1, 1), EndReason::Unknown, "no crowd at all");
}

/// What is said of the first of three connections, after what happens to the others.
fn said_beside(others: impl Fn(&mut Story, Link)) -> String {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    let second = story.crowd(A, 2)[0];
    story.fin(link);
    story.wait(10);
    others(&mut story, second);
    assert_eq!(story.reason(link, 60_000), EndReason::Unknown);
    story.why(link)
}

#[test]
fn who_left_and_who_came_later_does_not_testify() {
    let why = said_beside(|_, _| {});
    assert!(why.contains("2 other connections to it stayed open"), "{why}");
    let why = said_beside(Story::leave);
    assert!(why.contains("another connection to it stayed open"), "{why}");
    let why = said_beside(|story, _| {
        let late = story.crowd(A, 2);
        story.leave(late[0]);
        story.fin(late[1]);
    });
    assert!(why.contains("2 other connections to it stayed open"), "{why}");
}

#[test]
fn ends_with_a_reason_of_their_own_are_no_crowd() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    let others = story.crowd(A, 3);
    story.fin(link);
    for other in others {
        story.close_session(other);
    }
    story.wait(1_000);
    story.attach(session, A);
    assert_eq!(story.reason(link, quiet()), EndReason::Unknown);
}

#[test]
fn a_look_that_shows_a_server_down_decides_at_once() {
    let mut story = Story::new();
    let links = story.crowd(A, 2);
    story.set(A, ServerHealth::Refusing);
    for link in &links {
        story.fin(*link);
    }
    story.wait(2 * PROBE);
    for link in links {
        assert_eq!(story.reason(link, 0), EndReason::ServerLeaving);
    }
}

#[test]
fn another_server_leads_in_the_same_epoch() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.set_role(LEADER, ServerRole::Follower);
    story.set_role(B, ServerRole::Leader);
    story.fin(link);
    story.look(B);
    assert_eq!(story.reason(link, quiet()), EndReason::LeaderLost);
    let why = story.why(link);
    assert!(why.contains("server 2 leads now; server 0 led before"), "{why}");
}

#[test]
fn a_lost_leader_explains_what_ends_within_two_seconds() {
    for (later, reason) in [(2_000, EndReason::LeaderLost), (2_001, EndReason::ServerLeaving)] {
        let mut story = Story::without_prober();
        let first: Vec<Link> = [LEADER, A, B].into_iter().flat_map(|server| story.crowd(server, 2)).collect();
        for link in &first {
            story.fin(*link);
        }
        story.wait(1_000);
        assert!(first.iter().all(|link| story.reason(*link, 0) == EndReason::LeaderLost));
        story.crowd(B, 1);
        let links = story.crowd(A, 3);
        story.wait(later - 1_004);
        for link in &links {
            story.fin(*link);
        }
        assert_eq!(story.reason(links[0], 60_000), reason, "{later} ms");
    }
}

/// A claim at A that the server closed after 10 ms; the look that comes in next was begun after the claim's 5th.
fn seen_during_a_claim(health: ServerHealth) -> (Story, Link) {
    let mut story = Story::new();
    let (session, _) = story.create(B);
    let link = story.claim(session, A);
    story.wait(5);
    let asked_at = story.now();
    story.wait(5);
    story.fin(link);
    let probe_result = ProbeResult { role: ServerRole::Follower, ..ProbeResult::of(health) };
    story.tell(SessionTransition::server_seen(ServerId(A), asked_at, asked_at, probe_result));
    (story, link)
}

#[test]
fn a_look_from_before_the_end_tells_only_that_the_server_was_down() {
    let (mut story, link) = seen_during_a_claim(ServerHealth::Refusing);
    assert_eq!(story.reason(link, 0), EndReason::NotServing);
    let (mut story, link) = seen_during_a_claim(ServerHealth::Serving);
    assert_eq!(story.decided(link), None);
    assert_eq!(story.reason(link, quiet()), EndReason::ConnectionCap);
}

/// This many connections to A end, and all of them; it was seen in that health so long before. When nobody looks, that
/// look is the only one.
fn dropped_after_a_look(mut story: Story, before: u64, dropped: usize) -> (Story, Vec<Link>) {
    let links = story.crowd(A, dropped);
    story.set(A, ServerHealth::NotServing);
    story.look(A);
    story.set(A, ServerHealth::Serving);
    story.wait(before);
    for link in &links {
        story.fin(*link);
    }
    (story, links)
}

#[test]
fn a_look_from_before_explains_for_a_second_and_a_half_when_nobody_looks_again() {
    for (before, reason) in [(1_500, EndReason::ServerLeaving), (1_501, EndReason::Unknown)] {
        let (mut story, links) = dropped_after_a_look(Story::without_prober(), before, 1);
        assert_eq!(story.decided(links[0]), None, "somebody may look");
        assert_eq!(story.reason(links[0], 60_000), reason, "{before} ms");
    }
}

#[test]
fn a_server_that_gave_a_session_since_was_back() {
    let mut story = Story::without_prober();
    story.set(A, ServerHealth::NotServing);
    story.look(A);
    story.wait(500);
    let (_, link) = story.create(A);
    story.wait(500);
    story.fin(link);
    assert_eq!(story.reason(link, 60_000), EndReason::Unknown);
}

#[test]
fn a_look_from_before_waits_for_the_next_one_unless_a_crowd_ends() {
    for (dropped, reason) in [(1, EndReason::Unknown), (2, EndReason::Unknown), (3, EndReason::ServerLeaving)] {
        let (mut story, links) = dropped_after_a_look(Story::new(), 1_000, dropped);
        story.look(LEADER);
        assert_eq!(story.decided(links[0]).is_some(), dropped == 3, "{dropped}");
        assert_eq!(story.reason(links[0], 60_000), reason, "{dropped}");
        let why = story.why(links[0]);
        assert_eq!(why.contains("reported that it was not serving when probed 1000 ms before"), dropped == 3, "{why}");
    }
}

#[test]
fn a_look_that_does_not_show_it_back_confirms_the_one_before() {
    let (mut story, links) = dropped_after_a_look(Story::new(), 1_000, 1);
    story.set(A, ServerHealth::HangingUp);
    story.look(A);
    story.look(LEADER);
    assert_eq!(story.reason(links[0], 0), EndReason::ServerLeaving);
}

#[test]
fn three_that_end_together_outweigh_a_look() {
    for (dropped, reason) in [(2, EndReason::Unknown), (3, EndReason::ServerLeaving)] {
        let mut story = Story::new();
        let links = story.crowd(A, dropped);
        for link in &links {
            story.fin(*link);
        }
        assert_eq!(story.reason(links[0], 60_000), reason, "{dropped}");
    }
}

/// This many connections to A end in two waves, the second when the server must have closed all; it is seen to serve.
fn dropped_in_waves(dropped: usize) -> EndReason {
    let mut story = Story::new();
    let links = story.crowd(A, dropped);
    let (first, second) = links.split_at(dropped / 2);
    for link in first {
        story.fin(*link);
    }
    story.wait(200);
    for link in &second[1..] {
        story.fin(*link);
    }
    story.wait(100);
    story.fin(second[0]);
    story.reason(links[0], 60_000)
}

#[test]
fn a_big_crowd_that_trickles_outweighs_a_look() {
    assert_eq!(dropped_in_waves(20), EndReason::ServerLeaving);
    assert_eq!(dropped_in_waves(19), EndReason::Unknown);
}

#[test]
fn ends_that_are_read_after_the_departure_was_found_belong_to_it() {
    for (health, reason) in
        [(ServerHealth::NotServing, EndReason::ServerLeaving), (ServerHealth::Serving, EndReason::Unknown)]
    {
        let mut story = Story::without_prober();
        story.look(LEADER);
        let links = story.crowd(A, 3);
        story.wait(4_000);
        story.fin(links[0]);
        story.set(A, health);
        story.wait(1);
        story.look(A);
        story.look(LEADER);
        story.wait(5);
        story.fin(links[1]);
        story.wait(200);
        story.set(A, ServerHealth::Serving);
        story.look(A);
        story.wait(100);
        let came_since = story.create(A).1;
        story.fin(came_since);
        story.wait(500);
        story.look(A);
        assert_eq!(story.reason(links[1], 61_000), reason, "{health:?}");
        assert_eq!(story.reason(came_since, 61_000), EndReason::Unknown, "{health:?}");
    }
}
