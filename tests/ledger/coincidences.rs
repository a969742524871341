//! Ends that fall together, and what comes between an end and the looks at its server: which of two explanations
//! holds when the first that offers itself is wrong.

use std::time::Duration;

use zoogate::ids::ServerId;
use zoogate::session::connection_end::ServerSilence;
use zoogate::session::probe_result::{ProbeResult, ServerHealth};
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::EndReason;
use zoogate::wire::OpCode;
use zoogate::wire::handshake::PasswordCheck;

use crate::story::{A, B, LEADER, LONG, Story, TIMEOUT, quiet};

#[test]
fn a_server_that_answers_again_as_its_client_gives_up() {
    for (lasted, since, reason) in [
        (TIMEOUT * 2 / 3, 1, EndReason::ClientReadTimeout),
        (TIMEOUT * 2 / 3, 60, EndReason::ClientGone),
        (TIMEOUT / 2, 1, EndReason::ClientGone),
    ] {
        let mut story = Story::new();
        let (_, link) = story.create(A);
        story.wait(TIMEOUT / 3);
        story.ping(link);
        story.wait(TIMEOUT / 3);
        story.answered(link);
        let over_at = story.now();
        story.state(link).server_pause = Some(ServerSilence { lasted: Duration::from_millis(lasted), over_at });
        story.wait(since);
        story.leave(link);
        assert_eq!(story.reason(link, 0), reason, "{lasted} ms, {since} ms before");
    }
}

#[test]
fn a_silent_client_of_a_server_that_leaves() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.wait(TIMEOUT + 500);
    story.set(A, ServerHealth::Refusing);
    story.fin(link);
    assert_eq!(story.reason(link, LONG), EndReason::ServerLeaving);
}

#[test]
fn silent_clients_that_expire_together_are_no_burst() {
    for mut story in [Story::new(), Story::without_prober()] {
        let links = story.crowd(A, 5);
        story.wait(TIMEOUT + 500);
        for link in &links {
            story.fin(*link);
        }
        for link in links {
            assert_eq!(story.reason(link, LONG), EndReason::SessionExpired);
        }
    }
}

#[test]
fn a_claim_that_waited_at_a_frozen_server_that_then_leaves() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.set(A, ServerHealth::Unresponsive);
    let waiting = story.claim(session, A);
    story.wait(3_000);
    story.set(A, ServerHealth::NotServing);
    story.fin(old);
    story.fin(waiting);
    assert_eq!(story.reason(old, LONG), EndReason::ServerLeaving);
    assert_eq!(story.reason(waiting, 0), EndReason::NotServing, "nobody was given the session");
}

#[test]
fn a_claim_that_is_answered_after_the_older_connection_was_closed() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let younger = story.claim(session, A);
    story.wait(1);
    story.fin(old);
    assert_eq!(story.decided(old), None, "the server may as well be leaving");
    story.wait(1);
    story.accept(younger, session);
    assert_eq!(story.reason(old, 0), EndReason::ReattachedSameServer);
}

#[test]
fn a_write_refused_in_front_of_the_close_that_ended_the_rival() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let rival = story.attach(session, B);
    story.wait(500);
    story.write(old);
    story.request(old, OpCode::CLOSE_SESSION);
    story.wait(30);
    story.fin(rival);
    story.close_session(old);
    assert_eq!(story.reason(old, LONG), EndReason::SessionMoved);
    assert_eq!(story.verdict().connection, old);
}

/// A leader is lost and elected while nobody looks; a session comes back, and its connection ends alone.
fn after_an_election(story: &mut Story) -> EndReason {
    for server in [LEADER, A, B] {
        story.look(server);
    }
    story.wait(1_000);
    story.set(A, ServerHealth::NotServing);
    story.look(A);
    story.wait(1_000);
    story.set(A, ServerHealth::Serving);
    story.set(LEADER, ServerHealth::Refusing);
    story.elect(B);
    let (_, link) = story.create(A);
    story.wait(200);
    story.fin(link);
    story.wait(10);
    story.look(A);
    story.look(B);
    story.reason(link, LONG)
}

#[test]
fn an_election_before_the_session_came_is_not_the_reason() {
    assert_eq!(after_an_election(&mut Story::without_prober()), EndReason::Unknown);
}

#[test]
fn a_follower_that_ends_while_the_leader_is_unresponsive() {
    for (health, reason) in
        [(ServerHealth::Refusing, EndReason::ServerLeaving), (ServerHealth::NotServing, EndReason::LeaderLost)]
    {
        let mut story = Story::new();
        let (_, link) = story.create(A);
        story.set(LEADER, ServerHealth::Unresponsive);
        story.look(LEADER);
        story.wait(500);
        story.set(A, health);
        story.fin(link);
        assert_eq!(story.reason(link, LONG), reason, "{health:?}");
    }
}

#[test]
fn two_lone_ends_on_two_servers_are_no_lost_leader() {
    let mut story = Story::without_prober();
    for server in [LEADER, A, B] {
        story.look(server);
    }
    let (_, leaving) = story.create(A);
    let (_, alone) = story.create(B);
    story.wait(500);
    story.fin(alone);
    story.set(A, ServerHealth::Refusing);
    story.fin(leaving);
    story.wait(1);
    story.look(A);
    story.wait(600);
    story.look(LEADER);
    assert_eq!(story.reason(leaving, LONG), EndReason::ServerLeaving);
}

#[test]
fn a_leader_that_is_lost_just_after_it_was_seen() {
    let mut story = Story::new();
    let (_, first) = story.create(A);
    let links = story.crowd(A, 4);
    story.fin(first);
    story.wait(100);
    story.look(LEADER);
    story.wait(50);
    story.set(LEADER, ServerHealth::Refusing);
    story.set(A, ServerHealth::NotServing);
    for link in &links {
        story.fin(*link);
    }
    story.wait(10);
    story.look(A);
    for link in links {
        assert_eq!(story.reason(link, LONG), EndReason::LeaderLost);
    }
}

#[test]
fn a_trickle_of_ends_at_a_server_that_serves() {
    for (pause, reason) in [(200, EndReason::Unknown), (50, EndReason::ServerLeaving)] {
        let mut story = Story::new();
        let links = story.crowd(A, 3);
        for link in &links {
            story.wait(pause);
            story.fin(*link);
        }
        for link in links {
            assert_eq!(story.reason(link, LONG), reason, "one every {pause} ms");
        }
    }
}

#[test]
fn a_server_that_is_behind_when_it_is_just_back() {
    let mut story = Story::new();
    let (session, _) = story.create(B);
    story.set(A, ServerHealth::NotServing);
    story.look(A);
    story.wait(500);
    story.set(A, ServerHealth::Serving);
    story.set_zxid(A, 0x1_0000_0005);
    let link = story.claim_seen(Story::client(1), session, A, PasswordCheck::Right, 0x1_0000_0009);
    story.wait(1);
    story.fin(link);
    assert_eq!(story.reason(link, quiet()), EndReason::LaggingServer);
}

#[test]
fn a_question_that_stood_unanswered_when_the_claim_came() {
    let mut story = Story::without_prober();
    let (session, _) = story.create(B);
    let asked_at = story.now();
    story.wait(30);
    let link = story.claim(session, A);
    story.wait(400);
    story.leave(link);
    story.wait(570);
    story.tell(SessionTransition::server_seen(
        ServerId(A),
        asked_at,
        asked_at,
        ProbeResult::of(ServerHealth::Unresponsive),
    ));
    assert_eq!(story.reason(link, 0), EndReason::NotServing);
}

#[test]
fn a_younger_claim_at_a_server_that_serves_pushes_the_older_one_aside() {
    let mut story = Story::new();
    let (session, older, younger) = story.claim_twice(A);
    assert_eq!(story.decided(older), None);
    assert_eq!(story.reason(older, quiet()), EndReason::ReattachedSameServer, "not answered, and the server serves");
    story.accept(younger, session);
}

#[test]
fn a_close_that_a_frozen_server_carries_out_when_it_thaws() {
    let mut story = Story::new();
    let (session, first) = story.create(A);
    story.hear_client(first);
    story.state(first).closing = true;
    story.wait(400);
    story.leave(first);
    let second = story.attach(session, B);
    story.wait(3_000);
    story.fin(second);
    story.wait(500);
    let third = story.claim(session, LEADER);
    story.refuse(third);
    assert_eq!(story.reason(second, 0), EndReason::ClosedElsewhere);
}

#[test]
fn credentials_that_a_frozen_server_leaves_unanswered() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.wait(100);
    story.hear_server(link);
    story.wait(TIMEOUT / 3);
    story.hear_client(link);
    story.wait(TIMEOUT / 3);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientReadTimeout);
}

#[test]
fn a_close_behind_an_unanswered_read_when_another_connection_has_closed_the_session() {
    let mut story = Story::new();
    let (session, old) = story.create(LEADER);
    let rival = story.attach(session, A);
    story.wait(500);
    story.close_session(rival);
    story.wait(100);
    story.request(old, OpCode::EXISTS);
    story.request(old, OpCode::CLOSE_SESSION);
    story.wait(300);
    story.close_session(old);
    assert_eq!(story.reason(old, LONG), EndReason::ClosedElsewhere);
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn a_paused_client_whose_write_was_still_unanswered_when_the_server_dropped_it() {
    for (silence, reason) in [(TIMEOUT, EndReason::ClientSilent), (TIMEOUT - 1, EndReason::SessionMoved)] {
        let mut story = Story::new();
        let (session, link) = story.create(A);
        story.write(link);
        story.wait(silence);
        story.fin(link);
        story.wait(1_000);
        story.attach(session, B);
        assert_eq!(story.reason(link, 0), reason, "{silence} ms");
    }
}

#[test]
fn a_session_that_was_over_before_its_old_connection_ended() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, old) = story.create(A);
    let new = story.attach(session, B);
    story.wait(20);
    story.write(old);
    story.wait(1_500);
    story.fin(new);
    story.wait(800);
    let next = story.claim(session, LEADER);
    story.refuse(next);
    story.fin(next);
    story.wait(1_200);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionExpired);
    assert_eq!(story.reason(new, 0), EndReason::SessionExpired);
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn a_session_that_was_given_after_a_refusal_was_not_over() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, old) = story.create(A);
    story.wait(100);
    // A server that has not heard of the session yet takes it for an expired one.
    let early = story.claim(session, LEADER);
    story.refuse(early);
    story.fin(early);
    story.wait(100);
    story.attach(session, B);
    story.wait(20);
    story.write(old);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
}

#[test]
fn a_forged_claim_that_was_refused_does_not_hide_a_refusal() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, old) = story.create(A);
    story.attach(session, B);
    let forged = story.claim_by(Story::client(3), session, LEADER, PasswordCheck::Wrong);
    story.refuse(forged);
    story.fin(forged);
    story.wait(20);
    story.write(old);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
}

#[test]
fn a_frozen_server_that_answers_as_it_thaws_and_then_carries_a_claim_out() {
    // How long before the end the server had spoken again.
    for (since, reason) in [(0, EndReason::ReattachedSameServer), (1_001, EndReason::SessionExpired)] {
        let mut story = Story::new();
        let (session, old) = story.create(A);
        story.wait(100);
        story.ping(old);
        story.wait(100);
        let forged = story.claim_by(Story::client(3), session, A, PasswordCheck::Wrong);
        story.wait(2_000);
        story.leave(forged);
        story.wait(4_000);
        story.answered(old);
        let pause = ServerSilence { lasted: Duration::from_millis(6_200), over_at: story.now() };
        story.state(old).server_pause = Some(pause);
        story.wait(since);
        story.fin(old);
        assert_eq!(story.reason(old, quiet()), reason, "{since}");
    }
}

#[test]
fn a_claim_that_a_frozen_server_answers_before_it_carries_a_younger_one_out() {
    let mut story = Story::new();
    let (session, first) = story.create(B);
    story.leave(first);
    let claim = story.claim(session, A);
    story.wait(2_000);
    let forged = story.claim_by(Story::client(3), session, A, PasswordCheck::Wrong);
    story.wait(2_000);
    story.leave(forged);
    story.wait(4_000);
    story.accept(claim, session);
    story.fin(claim);
    assert_eq!(story.reason(claim, quiet()), EndReason::ReattachedSameServer);
}

#[test]
fn a_claim_that_is_answered_as_its_client_gives_it_up() {
    for (waited, since, reason) in [
        (TIMEOUT / 6, 5, EndReason::ClientReadTimeout),
        (TIMEOUT / 6, 6, EndReason::ClientGone),
        (TIMEOUT / 6 - 1, 0, EndReason::ClientGone),
    ] {
        let mut story = Story::new();
        let (session, _) = story.create(B);
        let link = story.claim(session, A);
        story.wait(waited);
        story.accept(link, session);
        story.wait(since);
        story.leave(link);
        assert_eq!(story.reason(link, 0), reason, "{waited} {since}");
    }
}

#[test]
fn a_server_that_was_behind_before_a_claim_which_waited() {
    let mut story = Story::new();
    let (session, link) = story.create(B);
    story.leave(link);
    let waiting = story.claim_seen(Story::client(1), session, A, PasswordCheck::Right, 0x1_0000_0007);
    story.set_zxid(A, 0x1_0000_0008);
    for _ in 0..2 {
        story.wait(500);
        story.look(A);
    }
    story.fin(waiting);
    assert_eq!(story.reason(waiting, 1_000), EndReason::LaggingServer);
}
