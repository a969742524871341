//! One story for every reason that a connection's end can have.

use zoogate::session::connection_end::{CloseKind, ConnectionCloser, DisconnectPoint, ProxyClose};
use zoogate::session::fact::{Fact, ProxyFact};
use zoogate::session::probe_result::ServerHealth;
use zoogate::session::verdict::{Confidence, EndReason, Evidence};
use zoogate::wire::handshake::PasswordCheck;
use zoogate::wire::{ErrorCode, OpCode};

use crate::story::{A, B, LEADER, LONG, Link, Story, TIMEOUT, alone_and_among_many, quiet};

#[test]
fn an_orderly_close() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.close_session(link);
    assert_eq!(story.reason(link, 0), EndReason::Closed);
    assert_eq!(story.ledger.session(session).unwrap().state().label(), "ended");
}

#[test]
fn a_client_that_leaves() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientGone);
    assert_eq!(story.ledger.session(session).unwrap().state().label(), "pending");
    assert!(!story.ledger.placement(session).unwrap().live);
}

#[test]
fn a_client_that_gives_a_silent_server_up() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.wait(TIMEOUT / 3);
    story.ping(link);
    story.wait(TIMEOUT / 3);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientReadTimeout);
}

#[test]
fn a_client_that_was_paused() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.wait(TIMEOUT - 500);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientSilent);
}

#[test]
fn a_proxy_that_stops() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.end(link, ConnectionCloser::Proxy(ProxyClose::Shutdown));
    assert_eq!(story.reason(link, 0), EndReason::ProxyShutdown);
}

#[test]
fn an_operator_who_ends_a_connection_is_the_reason_whatever_else_there_was() {
    for point in [DisconnectPoint::Boundary, DisconnectPoint::Deadline, DisconnectPoint::Opaque] {
        alone_and_among_many(|story| {
            let (session, link) = story.create(A);
            story.write(link);
            story.wait(15_000);
            story.set(A, ServerHealth::Unresponsive);
            story.look(A);
            story.end(link, ConnectionCloser::Proxy(ProxyClose::Operator(point)));
            assert_eq!(story.reason(link, 0), EndReason::DisconnectedByOperator);
            assert_eq!(story.decided(link).unwrap().confidence, Confidence::Certain);
            assert_eq!(story.facts(link)[0], Fact::from(ProxyFact::Disconnected { point }));
            story.set(A, ServerHealth::Serving);
            let again = story.attach(session, B);
            story.wait(60_000);
            let moves = story.moves();
            assert_eq!((moves.len(), moves[0].reason), (1, Some(EndReason::DisconnectedByOperator)));
            assert!(story.verdicts().is_empty() && story.shared().is_empty() && story.decided(again).is_none());
        });
    }
}

#[test]
fn an_operator_who_ends_a_claim_that_waits_blames_nobody() {
    let mut story = Story::new();
    let (session, first) = story.create(A);
    story.leave(first);
    story.set(A, ServerHealth::Unresponsive);
    let claim = story.claim(session, A);
    story.wait(10_000);
    story.end(claim, ConnectionCloser::Proxy(ProxyClose::Operator(DisconnectPoint::Claim)));
    assert_eq!(story.reason(claim, 0), EndReason::DisconnectedByOperator);
    let why = story.why(claim);
    assert!(why.contains("an operator ended the connection while its claim waited"), "{why}");
}

#[test]
fn errors_after_which_servers_close() {
    let mut story = Story::new();
    for (error, reason) in [
        (ErrorCode::AUTH_FAILED, EndReason::AuthFailed),
        (ErrorCode::SASL_REQUIRED, EndReason::AuthFailed),
        (ErrorCode::SESSION_EXPIRED, EndReason::SessionExpired),
        (ErrorCode::UNIMPLEMENTED, EndReason::Unknown),
    ] {
        let (_, link) = story.create(A);
        story.state(link).skipped = 1;
        story.write(link);
        story.fatal(link, error);
        assert_eq!(story.reason(link, 0), reason, "{error}");
    }
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn a_frame_above_the_limit() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.write_long(link, 2_000_000);
    story.fin(link);
    assert_eq!(story.reason(link, quiet()), EndReason::OversizedFrame);
}

#[test]
fn a_path_that_times_out() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.write(link);
    story.end(link, ConnectionCloser::Server(CloseKind::Timeout));
    assert_eq!(story.reason(link, 0), EndReason::ServerGone);
}

#[test]
fn a_reset_with_nothing_to_explain_it() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.write(link);
    story.reset(link);
    story.wait(1_000);
    story.attach(session, A);
    assert_eq!(story.reason(link, 0), EndReason::ServerGone);
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn a_refused_claim() {
    let mut story = Story::new();
    let (session, good) = story.create(A);
    for (password, reason) in
        [(PasswordCheck::Wrong, EndReason::WrongPassword), (PasswordCheck::Right, EndReason::SessionExpired)]
    {
        let link = story.claim_by(Story::client(2), session, B, password);
        story.refuse(link);
        story.fin(link);
        assert_eq!(story.reason(link, 0), reason);
        assert!(story.ledger.placement(session).unwrap().live, "the good link is not touched");
    }
    story.leave(good);
}

#[test]
fn a_server_that_does_not_serve_when_it_is_claimed() {
    let mut story = Story::new();
    let (session, _) = story.create(A);
    story.set(B, ServerHealth::NotServing);
    let link = story.claim(session, B);
    story.fin(link);
    assert_eq!(story.reason(link, quiet()), EndReason::NotServing);
    let unresponsive = story.claim(session, B);
    story.wait(2_000);
    story.give_up(unresponsive);
    assert_eq!(story.reason(unresponsive, 0), EndReason::NotServing);
}

#[test]
fn a_server_behind_the_client() {
    let mut story = Story::new();
    let (session, first) = story.create(LEADER);
    story.leave(first);
    let link = story.claim_seen(Story::client(1), session, A, PasswordCheck::Right, 0x1_0000_0009);
    story.fin(link);
    assert_eq!(story.reason(link, quiet()), EndReason::LaggingServer);
}

#[test]
fn a_server_with_too_many_connections() {
    let mut story = Story::new();
    story.crowd(A, 3);
    let (session, _) = story.create(B);
    let reset = story.claim(session, A);
    story.reset(reset);
    assert_eq!(story.reason(reset, quiet()), EndReason::ConnectionCap);
    story.set(A, ServerHealth::HangingUp);
    let fin = story.claim(session, A);
    story.fin(fin);
    assert_eq!(story.reason(fin, quiet()), EndReason::ConnectionCap);
}

/// A session on A, of whose client nothing is heard for so long after it was given it, is dropped there and claimed at
/// B, which closes that this many milliseconds later; when the gap is negative, this many before.
fn claimed_as_it_ends(silent: u64, gap: i64, end: fn(&mut Story, Link)) -> (EndReason, String) {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.wait(silent);
    let claim = story.claim(session, B);
    if gap < 0 {
        story.fin(claim);
        story.wait(gap.unsigned_abs());
        end(&mut story, old);
    } else {
        end(&mut story, old);
        story.wait(gap.unsigned_abs());
        story.fin(claim);
    }
    story.look(B);
    let reason = story.reason(claim, quiet());
    (reason, story.why(claim))
}

#[test]
fn a_session_that_expires_as_it_is_claimed() {
    for (silent, gap, reason) in [
        (TIMEOUT, 3, EndReason::SessionExpired),
        (TIMEOUT, 1_000, EndReason::SessionExpired),
        (TIMEOUT, 1_001, EndReason::NotServing),
        (TIMEOUT, -3, EndReason::SessionExpired),
        (TIMEOUT - 2, 0, EndReason::ConnectionCap),
    ] {
        let (found, why) = claimed_as_it_ends(silent, gap, Story::fin);
        assert_eq!(found, reason, "{silent} ms silent, {gap} ms apart: {why}");
    }
    let (_, why) = claimed_as_it_ends(TIMEOUT, 3, Story::fin);
    assert_eq!(
        why,
        "server 2 closed the claim without an answer because the session expired: \
         server 1 closed its silent connection 3 ms before"
    );
    assert_eq!(claimed_as_it_ends(TIMEOUT, 3, Story::leave).0, EndReason::ConnectionCap, "its client left");
}

#[test]
fn a_silent_connection_that_the_claim_itself_pushes_aside_shows_no_end() {
    // How long before the claim at the same server the silent connection was closed.
    for (before, reason) in [(Some(1), EndReason::SessionExpired), (None, EndReason::ConnectionCap)] {
        let mut story = Story::new();
        let (session, old) = story.create(A);
        story.wait(TIMEOUT);
        if let Some(before) = before {
            story.fin(old);
            story.wait(before);
        }
        let claim = story.claim(session, A);
        story.wait(1);
        if before.is_none() {
            story.fin(old);
        }
        story.fin(claim);
        story.look(A);
        assert_eq!(story.reason(claim, quiet()), reason, "{before:?}");
    }
}

#[test]
fn a_close_that_a_frozen_server_carries_out_as_the_session_is_claimed() {
    // How long before the session had been asked to close.
    for (asked, reason) in [(10_000, EndReason::ClosedElsewhere), (10_001, EndReason::SessionExpired)] {
        let mut story = Story::new();
        let (session, old) = story.create(A);
        let newer = story.attach(session, LEADER);
        let state = story.state(newer);
        state.closing = true;
        story.wait(TIMEOUT);
        story.leave(newer);
        story.wait(asked - TIMEOUT - 1);
        let claim = story.claim(session, B);
        story.fin(old);
        story.fin(claim);
        story.look(B);
        assert_eq!(story.reason(claim, quiet()), reason, "{asked} ms before");
    }
}

#[test]
fn a_session_that_is_closed_as_it_is_claimed() {
    // The close was asked for 5 ms before the connection that carried the wish ended.
    for (gap, reason) in [
        (3, EndReason::ClosedElsewhere),
        (995, EndReason::ClosedElsewhere),
        (996, EndReason::NotServing),
        (-3, EndReason::ClosedElsewhere),
        (-6, EndReason::ConnectionCap),
    ] {
        let (found, why) = claimed_as_it_ends(100, gap, Story::close_session);
        assert_eq!(found, reason, "{gap} ms apart: {why}");
    }
}

#[test]
fn a_silent_connection_that_ends_while_the_session_lives_elsewhere_ended_no_session() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.wait(TIMEOUT);
    story.attach(session, LEADER);
    let claim = story.claim(session, B);
    story.fin(old);
    story.wait(3);
    story.fin(claim);
    story.look(B);
    assert_eq!(story.reason(claim, quiet()), EndReason::ConnectionCap);
}

#[test]
fn a_session_that_expires_in_silence() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.wait(TIMEOUT + 500);
    story.fin(link);
    assert_eq!(story.decided(link), None, "its server may be leaving");
    assert_eq!(story.reason(link, quiet()), EndReason::SessionExpired);
    assert_eq!(story.ledger.session(session).unwrap().state().label(), "ended");
}

#[test]
fn nothing_explains_it() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.fin(link);
    story.wait(1_000);
    story.attach(session, A);
    assert_eq!(story.reason(link, 0), EndReason::Unknown);
    let (_, lost) = story.create(A);
    story.fin(lost);
    assert_eq!(story.reason(lost, LONG), EndReason::Unknown);
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn a_session_that_moved() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.write(old);
    story.wait(20);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
    story.expect_verdict(old, Evidence::AttachElsewhere, Confidence::Certain);
}

#[test]
fn a_session_closed_elsewhere() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let new = story.attach(session, B);
    story.wait(20);
    story.fin(new);
    story.wait(2);
    story.close_session(old);
    assert_eq!(story.reason(old, 0), EndReason::Closed);
    assert_eq!(story.reason(new, quiet()), EndReason::ClosedElsewhere);
}

#[test]
fn a_session_closed_elsewhere_on_a_server_that_lags() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let new = story.attach(session, B);
    story.wait(20);
    story.close_session(old);
    story.wait(1_600);
    story.fin(new);
    assert_eq!(story.reason(new, quiet()), EndReason::ClosedElsewhere);
}

#[test]
fn a_reset_soon_after_its_server_came_back() {
    let mut story = Story::new();
    story.crowd(B, 2);
    story.set(A, ServerHealth::NotServing);
    story.look(A);
    story.set(A, ServerHealth::Serving);
    story.wait(900);
    let (_, link) = story.create(A);
    story.wait(60);
    story.reset(link);
    assert_eq!(story.reason(link, 60_000), EndReason::ServerGone);
}

#[test]
fn a_lone_session_of_a_server_that_thawed_and_serves_again_at_once() {
    // How long before the end the server said nothing, and whether it was asked once more as it thawed.
    for (unresponsive, asked_again) in [(1_900, false), (1_110, true)] {
        let mut story = Story::new();
        let (session, link) = story.create(A);
        story.set(A, ServerHealth::Unresponsive);
        story.look(A);
        story.wait(unresponsive - 10);
        if asked_again {
            story.set(A, ServerHealth::NotServing);
            story.look(A);
        }
        story.wait(10);
        story.set(A, ServerHealth::Serving);
        story.fin(link);
        story.wait(100);
        story.attach(session, B);
        assert_eq!(story.reason(link, quiet()), EndReason::ServerLeaving, "asked again: {asked_again}");
    }
}

#[test]
fn a_close_that_was_lost_with_its_leader() {
    let mut story = Story::new();
    story.crowd(A, 2);
    story.crowd(B, 2);
    let (session, old) = story.create(A);
    story.close_session(old);
    story.wait(2_000);
    let new = story.attach(session, B);
    story.fin(new);
    story.wait(50);
    story.attach(session, A);
    assert_eq!(story.reason(new, quiet()), EndReason::Unknown);
}

#[test]
fn a_close_behind_a_refused_write_and_one_before_more() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.wait(20);
    story.write(old);
    story.request(old, OpCode::CLOSE_SESSION);
    story.close_session(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
    let (_, link) = story.create(A);
    story.write(link);
    story.close_session(link);
    assert_eq!(story.reason(link, 0), EndReason::Closed);
}

#[test]
fn a_write_that_a_frozen_server_refused_late() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.write(old);
    story.wait(TIMEOUT + 500);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
}

#[test]
fn a_refusal_shortly_before_the_session_was_closed() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, old) = story.create(A);
    let new = story.attach(session, B);
    story.wait(20);
    story.write(old);
    story.fin(old);
    story.wait(50);
    story.close_session(new);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
}

#[test]
fn a_refusal_after_the_server_of_the_new_place_left() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let others = story.crowd(B, 3);
    let (session, old) = story.create(A);
    let new = story.attach(session, B);
    story.wait(20);
    story.set(B, ServerHealth::Refusing);
    story.fin(new);
    for other in others {
        story.fin(other);
    }
    story.wait(280);
    story.write(old);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
}

#[test]
fn a_reset_under_a_silent_client() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.wait(TIMEOUT + 500);
    story.reset(link);
    assert_eq!(story.reason(link, 60_000), EndReason::ServerGone);
}

#[test]
fn a_reset_of_one_of_two_connections() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.wait(10);
    story.reset(old);
    assert_eq!(story.reason(old, 60_000), EndReason::ServerGone);
}

#[test]
fn two_ends_that_fall_together_by_chance() {
    let mut story = Story::new();
    let (_, first) = story.create(A);
    let (session, second) = story.create(A);
    story.attach(session, B);
    story.fin(first);
    story.wait(90);
    story.write(second);
    story.fin(second);
    assert_eq!(story.reason(second, quiet()), EndReason::SessionMoved);
}

#[test]
fn a_session_that_came_to_the_same_server() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let new = story.claim(session, A);
    story.wait(1);
    story.fin(old);
    story.accept(new, session);
    assert_eq!(story.reason(old, 0), EndReason::ReattachedSameServer);
}

#[test]
fn a_client_that_gives_its_claim_up() {
    let mut story = Story::new();
    let (session, _) = story.create(B);
    let soon = story.claim(session, A);
    story.wait(500);
    story.leave(soon);
    assert_eq!(story.reason(soon, quiet()), EndReason::ClientGone);
    let late = story.claim(session, A);
    story.wait(TIMEOUT / 3);
    story.leave(late);
    assert_eq!(story.reason(late, quiet()), EndReason::ClientReadTimeout);
    let frozen = story.claim(session, A);
    story.set(A, ServerHealth::Unresponsive);
    story.wait(TIMEOUT / 3);
    story.leave(frozen);
    assert_eq!(story.reason(frozen, quiet()), EndReason::NotServing);
}
