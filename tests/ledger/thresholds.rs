//! Every rule at its edge: what just falls under it, and what just does not.

use zoogate::ids::{ServerId, SessionId, Zxid};
use zoogate::session::connection_end::{CloseKind, ConnectionCloser};
use zoogate::session::probe_result::{ServerHealth, ServerRole};
use zoogate::session::verdict::{EndReason, Evidence};
use zoogate::wire::Dialect;
use zoogate::wire::handshake::{ConnectRequest, PasswordCheck};
use zoogate::wire::{ErrorCode, OpCode};

use crate::story::{A, B, LEADER, Link, Story, TIMEOUT, quiet};

/// Tells a story for each of some numbers; each has its outcome.
fn each<const N: usize>(cases: [(u64, EndReason); N], tell: impl Fn(&mut Story, u64) -> EndReason) {
    for (number, reason) in cases {
        assert_eq!(tell(&mut Story::new(), number), reason, "{number}");
    }
}

#[test]
fn a_client_gives_up_after_two_thirds_of_its_timeout() {
    each([(3_949, EndReason::ClientGone), (3_950, EndReason::ClientReadTimeout)], |story, silence| {
        let (_, link) = story.create(A);
        story.ping(link);
        story.wait(silence);
        story.leave(link);
        story.reason(link, 0)
    });
}

/// A path that was cut lets through what was held up on it together with the client's end.
#[test]
fn a_server_that_was_asked_a_moment_ago_has_kept_nobody_waiting() {
    each([(99, EndReason::ClientGone), (100, EndReason::ClientReadTimeout)], |story, owed| {
        let (_, link) = story.create(A);
        story.wait(TIMEOUT - owed);
        story.ping(link);
        story.wait(owed);
        story.leave(link);
        story.reason(link, 0)
    });
}

#[test]
fn a_client_is_silent_after_half_of_its_timeout() {
    let half = TIMEOUT / 2;
    each([(half, EndReason::ClientGone), (half + 1, EndReason::ClientSilent)], |story, silence| {
        let (_, link) = story.create(A);
        story.hear_client(link);
        story.wait(silence);
        story.leave(link);
        story.reason(link, 0)
    });
}

#[test]
fn a_wish_to_close_counts_unless_the_server_ended_at_a_request_before_it() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.request(link, OpCode::CLOSE_SESSION);
    story.close_session(link);
    assert_eq!(story.reason(link, 0), EndReason::Closed);

    let (session, old) = story.create(A);
    story.attach(session, B);
    story.wait(20);
    story.write(old);
    story.state(old).skipped = 1;
    story.close_session(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved, "the close was answered, the write was not");
}

#[test]
fn a_client_that_leaves_at_an_error_leaves_of_its_own_will() {
    let mut story = Story::new();
    for (error, reason) in
        [(ErrorCode::UNIMPLEMENTED, EndReason::ClientGone), (ErrorCode::AUTH_FAILED, EndReason::AuthFailed)]
    {
        let (_, link) = story.create(A);
        story.state(link).fatal_error = Some(error);
        story.leave(link);
        assert_eq!(story.reason(link, 0), reason, "{error}");
    }
}

#[test]
fn a_server_seen_down_shortly_before_a_claim_needs_no_other_look() {
    for (before, at_once) in [(1_500, true), (1_501, false)] {
        let mut story = Story::new();
        story.set(A, ServerHealth::NotServing);
        story.look(A);
        let (session, _) = story.create(B);
        story.wait(before - 1);
        let link = story.claim(session, A);
        story.leave(link);
        assert_eq!(story.decided(link).is_some(), at_once, "{before} ms");
        assert_eq!(story.reason(link, quiet()), EndReason::NotServing);
    }
}

#[test]
fn a_read_only_server_turns_away_who_did_not_ask_for_one() {
    // One that the client would take serves new sessions, and none that it did not make itself.
    for (read_only, new, at_once) in
        [(Some(false), false, true), (None, true, true), (Some(true), true, false), (Some(true), false, true)]
    {
        let mut story = Story::new();
        story.set_role(A, ServerRole::ReadOnly);
        story.look(A);
        let session = if new { SessionId::NEW } else { story.create(B).0 };
        let (last_zxid, timeout_ms) = (Zxid(0), TIMEOUT as i32);
        let request = ConnectRequest {
            last_zxid,
            timeout_ms,
            session,
            password: PasswordCheck::Right,
            read_only,
            dialect: Dialect::ZOOKEEPER,
        };
        let link = story.claim_as(Story::client(1), A, request);
        story.fin(link);
        assert_eq!(story.decided(link).is_some(), at_once, "{read_only:?}, {new}");
        let reason = if at_once { EndReason::NotServing } else { EndReason::ConnectionCap };
        assert_eq!(story.reason(link, quiet()), reason, "{read_only:?}, {new}");
    }
}

#[test]
fn an_unanswered_claim_that_nobody_can_explain() {
    for (how, reason) in [(CloseKind::Fin, EndReason::Unknown), (CloseKind::Reset, EndReason::ConnectionCap)] {
        let mut story = Story::without_prober();
        let (session, _) = story.create(B);
        let link = story.claim(session, A);
        story.end(link, ConnectionCloser::Server(how));
        assert_eq!(story.reason(link, 3_100), reason, "{how:?}");
    }
}

#[test]
fn a_look_that_shows_nothing_explains_nothing() {
    let mut story = Story::new();
    let (session, _) = story.create(B);
    story.set(A, ServerHealth::Unknown);
    let link = story.claim(session, A);
    story.fin(link);
    assert_eq!(story.reason(link, quiet()), EndReason::Unknown);
}

#[test]
fn a_server_that_closes_probes_too_is_starting_or_full() {
    // How long ago it was seen down, if at all; how many it carries.
    for (down, crowd, reason) in [
        (Some(5_000), 0, EndReason::NotServing),
        (Some(5_001), 0, EndReason::ConnectionCap),
        (Some(4_000), 1, EndReason::ConnectionCap),
        (None, 0, EndReason::ConnectionCap),
    ] {
        let mut story = Story::new();
        let (session, _) = story.create(B);
        story.crowd(A, crowd);
        if let Some(ago) = down {
            story.set(A, ServerHealth::Refusing);
            story.look(A);
            story.wait(ago);
        }
        story.set(A, ServerHealth::HangingUp);
        story.look(A);
        let link = story.claim(session, A);
        story.fin(link);
        assert_eq!(story.reason(link, quiet()), reason, "{down:?}, {crowd} others");
    }
}

#[test]
fn a_server_lags_when_the_client_has_seen_more() {
    let at = 0x1_0000_0005;
    for (seen, reason) in [(at, EndReason::ConnectionCap), (at + 1, EndReason::LaggingServer)] {
        let mut story = Story::new();
        let (session, _) = story.create(B);
        let link = story.claim_seen(Story::client(1), session, A, PasswordCheck::Right, seen);
        story.fin(link);
        assert_eq!(story.reason(link, quiet()), reason, "{seen:#x}");
    }
}

#[test]
fn a_client_waits_for_a_sixth_of_its_timeout_at_least() {
    let share = TIMEOUT / 6;
    each([(share - 1, EndReason::ClientGone), (share, EndReason::ClientReadTimeout)], |story, waited| {
        let (session, _) = story.create(B);
        let link = story.claim(session, A);
        story.wait(waited);
        story.leave(link);
        story.reason(link, quiet())
    });
}

#[test]
fn a_silence_is_as_long_as_the_timeout() {
    each([(TIMEOUT - 1, EndReason::Unknown), (TIMEOUT, EndReason::SessionExpired)], |story, silence| {
        let (_, link) = story.create(A);
        story.hear_client(link);
        story.wait(silence);
        story.fin(link);
        story.reason(link, 60_000)
    });
}

#[test]
fn a_close_reaches_other_servers_for_ten_seconds() {
    each([(10_000, EndReason::ClosedElsewhere), (10_001, EndReason::Unknown)], |story, since| {
        let (session, old) = story.create(A);
        let new = story.attach(session, B);
        story.wait(20);
        story.close_session(old);
        story.wait(since - 6);
        story.hear_client(new);
        story.wait(1);
        story.fin(new);
        story.reason(new, 60_000)
    });
}

#[test]
fn a_follower_checks_writes_and_the_leader_whatever_comes() {
    for (server, op, reason) in [
        (A, OpCode::SET_DATA, EndReason::SessionMoved),
        (A, OpCode::GET_DATA, EndReason::Unknown),
        (A, OpCode::DELETE_CONTAINER, EndReason::Unknown),
        (LEADER, OpCode::GET_DATA, EndReason::SessionMoved),
    ] {
        let mut story = Story::new();
        let (session, old) = story.create(server);
        story.attach(session, B);
        story.request(old, op);
        story.fin(old);
        assert_eq!(story.reason(old, quiet()), reason, "{op} on server {server}");
    }
}

#[test]
fn a_frozen_server_carries_a_claim_out_for_a_minute() {
    for (ago, evidence) in [(60_000, Evidence::AttachElsewhere), (60_001, Evidence::Inferred)] {
        let mut story = Story::new();
        let (session, first) = story.create(LEADER);
        story.leave(first);
        let abandoned = story.claim(session, B);
        story.wait(1_000);
        story.leave(abandoned);
        story.wait(ago - 1_001);
        let live = story.attach(session, A);
        story.write(live);
        story.fin(live);
        story.wait(quiet());
        story.attach(session, A);
        assert_eq!(story.reason(live, 60_000), EndReason::SessionMoved);
        assert_eq!(story.verdict().evidence, evidence, "{ago} ms");
    }
}

#[test]
fn a_claim_explains_a_refusal_whatever_was_refused_before_it() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.write(old);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
    let abandoned = story.claim(session, LEADER);
    story.wait(1_000);
    story.leave(abandoned);
    let live = story.attach(session, A);
    story.write(live);
    story.fin(live);
    assert_eq!(story.reason(live, quiet()), EndReason::SessionMoved);
    assert_eq!(story.verdicts()[1].claimed_by, Some(ServerId(LEADER)));
    assert_eq!(story.verdicts()[1].evidence, Evidence::AttachElsewhere);
}

#[test]
fn a_gap_without_a_known_request_is_told_by_its_number() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.state(link).skipped = 2;
    story.fin(link);
    assert_eq!(story.reason(link, quiet()), EndReason::SessionMoved);
    let first = &story.verdict_words()[0];
    assert!(first.contains("without answering 2 requests"), "{first}");
}

/// The old connection of a session at a server where a younger claim was made and is over.
fn beside_a_claim(story: &mut Story, end_claim: impl Fn(&mut Story, Link)) -> Link {
    let (session, old) = story.create(A);
    story.wait(100);
    let claim = story.claim(session, A);
    story.wait(100);
    end_claim(story, claim);
    old
}

#[test]
fn a_claim_that_was_given_up_pushes_aside_who_hears_nothing_after_it() {
    // How long after the claim the server last spoke on the old connection, if it did.
    for (spoke, reason) in [
        (None, EndReason::ReattachedSameServer),
        (Some(1_000), EndReason::ReattachedSameServer),
        (Some(1_001), EndReason::Unknown),
    ] {
        let mut story = Story::new();
        let old = beside_a_claim(&mut story, Story::leave);
        if let Some(after) = spoke {
            story.wait(after - 100);
            story.answered(old);
        }
        story.wait(2_000);
        story.fin(old);
        assert_eq!(story.reason(old, 60_000), reason, "{spoke:?}");
    }
}

#[test]
fn a_claim_that_its_server_closed_pushes_aside_for_a_second() {
    each([(1_000, EndReason::ReattachedSameServer), (1_001, EndReason::Unknown)], |story, since| {
        let old = beside_a_claim(story, Story::fin);
        story.wait(since);
        story.fin(old);
        story.reason(old, 60_000)
    });
}

#[test]
fn a_claim_that_was_answered_pushes_aside_for_a_second() {
    for accepted in [true, false] {
        each([(1_000, EndReason::ReattachedSameServer), (1_001, EndReason::Unknown)], |story, since| {
            let (session, old) = story.create(A);
            let claim = story.claim(session, A);
            if accepted {
                story.accept(claim, session);
            } else {
                story.refuse(claim);
            }
            story.wait(since);
            story.fin(old);
            story.reason(old, 60_000)
        });
    }
}

#[test]
fn a_forged_claim_does_not_tell_that_a_session_is_over() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.fin(link);
    story.wait(500);
    let forged = story.claim_by(Story::client(7), session, B, PasswordCheck::Wrong);
    story.wait(1);
    story.refuse(forged);
    assert_eq!(story.decided(link), None);
    story.attach(session, A);
    assert_eq!(story.reason(link, 0), EndReason::Unknown);
}

#[test]
fn a_session_that_is_over_was_lost_with_its_path_or_expired() {
    for (how, owed, reason) in [
        (CloseKind::Reset, false, EndReason::ServerGone),
        (CloseKind::Reset, true, EndReason::SessionExpired),
        (CloseKind::Fin, false, EndReason::SessionExpired),
    ] {
        let mut story = Story::new();
        let (session, link) = story.create(A);
        if owed {
            story.write(link);
        }
        story.end(link, ConnectionCloser::Server(how));
        story.wait(500);
        let next = story.claim(session, B);
        story.refuse(next);
        assert_eq!(story.reason(link, quiet()), reason, "{how:?}, {owed}");
    }
}

#[test]
fn a_session_that_does_not_come_back_is_said_not_to() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.fin(link);
    assert_eq!(story.reason(link, TIMEOUT * 3 / 2 + 25), EndReason::Unknown);
    let why = story.why(link);
    assert!(why.ends_with("the session was not seen again within 9000 ms"), "{why}");
}

/// A session on a server that was seen in that health so long before it closed; it comes back elsewhere.
fn closed_after_a_look(health: ServerHealth, before: u64) -> EndReason {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.set(A, health);
    story.look(A);
    story.set(A, ServerHealth::Serving);
    story.wait(before);
    story.fin(link);
    story.wait(100);
    story.attach(session, B);
    story.reason(link, quiet())
}

#[test]
fn a_server_drops_its_clients_as_it_thaws_for_three_seconds() {
    assert_eq!(closed_after_a_look(ServerHealth::Unresponsive, 3_000), EndReason::ServerLeaving);
    assert_eq!(closed_after_a_look(ServerHealth::Unresponsive, 3_001), EndReason::Unknown);
    assert_eq!(closed_after_a_look(ServerHealth::NotServing, 3_000), EndReason::Unknown, "it was not frozen");
}

#[test]
fn a_server_that_was_unresponsive_before_or_after_a_connection_does_not_explain_its_end() {
    let mut story = Story::new();
    story.set(A, ServerHealth::Unresponsive);
    story.look(A);
    story.set(A, ServerHealth::Serving);
    story.wait(1_600);
    let (session, before) = story.create(A);
    story.fin(before);
    story.wait(100);
    story.attach(session, B);
    assert_eq!(story.reason(before, quiet()), EndReason::Unknown, "it had thawed before the attach");

    let mut story = Story::new();
    let (session, after) = story.create(A);
    story.fin(after);
    story.wait(quiet());
    story.set(A, ServerHealth::Unresponsive);
    story.look(A);
    story.attach(session, B);
    assert_eq!(story.reason(after, quiet()), EndReason::Unknown, "it served at the end, and froze later");
}

#[test]
fn a_server_that_thaws_may_have_found_a_younger_claim() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let claim = story.claim(session, A);
    story.wait(100);
    story.leave(claim);
    story.wait(1_400);
    story.answered(old);
    story.set(A, ServerHealth::Unresponsive);
    story.look(A);
    story.set(A, ServerHealth::Serving);
    story.wait(1_900);
    story.fin(old);
    story.wait(100);
    story.attach(session, B);
    assert_eq!(story.reason(old, quiet()), EndReason::Unknown);
}

#[test]
fn a_refusal_before_the_session_was_closed_through_a_third_connection() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let second = story.attach(session, B);
    let third = story.attach(session, LEADER);
    story.write(old);
    story.fin(old);
    story.wait(50);
    story.close_session(third);
    story.wait(1);
    story.fin(second);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
    assert_eq!(story.reason(second, quiet()), EndReason::ClosedElsewhere);
}

#[test]
fn a_session_that_is_over_as_its_client_wished_behind_an_unanswered_write() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.write(link);
    story.request(link, OpCode::CLOSE_SESSION);
    story.close_session(link);
    story.wait(500);
    let next = story.claim(session, B);
    story.refuse(next);
    assert_eq!(story.reason(link, quiet()), EndReason::Closed);
}
