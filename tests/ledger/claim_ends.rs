//! Claims that a server closed or refused: full, waiting for its leader, read-only, with passwords of its own.

use zoogate::ids::SessionId;
use zoogate::session::fact::{ClaimFact, Fact};
use zoogate::session::ledger::SessionState;
use zoogate::session::probe_result::{ServerHealth, ServerRole};
use zoogate::session::verdict::EndReason;
use zoogate::wire::handshake::{ConnectResponse, PasswordCheck};

use crate::story::{A, B, LEADER, LONG, Link, Story, TIMEOUT, quiet};

/// A claim at A that is closed after so long, while A serves others.
fn closed_after(ms: u64, end: fn(&mut Story, Link)) -> (Story, Link) {
    let mut story = Story::new();
    story.crowd(A, 3);
    let (session, _) = story.create(B);
    let claim = story.claim(session, A);
    story.wait(ms);
    end(&mut story, claim);
    (story, claim)
}

#[test]
fn a_full_server_closes_within_milliseconds_and_one_that_waits_for_its_leader_does_not() {
    for (ms, reason) in [(5, EndReason::ConnectionCap), (150, EndReason::ConnectionCap), (151, EndReason::NotServing)] {
        let (mut story, claim) = closed_after(ms, Story::fin);
        assert_eq!(story.reason(claim, quiet()), reason, "{ms} ms");
    }
    for ms in [200, 900] {
        let (mut story, claim) = closed_after(ms, Story::fin);
        assert_eq!(story.reason(claim, quiet()), EndReason::NotServing);
        let held = |fact: &Fact| matches!(fact, Fact::Claim(ClaimFact::Held { waited, .. }) if waited.as_millis() == u128::from(ms));
        assert!(story.facts(claim).iter().any(held), "{:?}", story.facts(claim));
    }
}

#[test]
fn a_reset_long_after_a_claim_is_a_broken_path() {
    for (ms, reason) in [(5, EndReason::ConnectionCap), (500, EndReason::ServerGone)] {
        let (mut story, claim) = closed_after(ms, Story::reset);
        assert_eq!(story.reason(claim, quiet()), reason, "{ms} ms");
    }
}

#[test]
fn a_server_that_closes_probes_as_well_is_full_only_when_it_closes_at_once() {
    for (ms, reason) in [(5, EndReason::ConnectionCap), (500, EndReason::NotServing)] {
        let mut story = Story::new();
        story.crowd(A, 3);
        let (session, _) = story.create(B);
        let claim = story.claim(session, A);
        story.set(A, ServerHealth::HangingUp);
        story.wait(ms);
        story.fin(claim);
        assert_eq!(story.reason(claim, quiet()), reason, "{ms} ms");
    }
}

#[test]
fn what_a_server_has_shown_the_client_it_does_not_lag_behind() {
    for (home, reason) in [(A, EndReason::ConnectionCap), (B, EndReason::LaggingServer)] {
        let mut story = Story::new();
        let (session, link) = story.create(home);
        story.leave(link);
        // The last look at A is older than what the client has seen.
        let claim = story.claim_seen(Story::client(1), session, A, PasswordCheck::Right, 0x1_0000_0009);
        story.set_zxid(A, 0x1_0000_0009);
        story.fin(claim);
        assert_eq!(story.reason(claim, quiet()), reason, "home {home}");
    }
}

#[test]
fn a_zxid_that_a_server_has_not_reached_even_later_it_cannot_have_shown() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.leave(link);
    let claim = story.claim_seen(Story::client(1), session, A, PasswordCheck::Right, i64::MAX);
    story.fin(claim);
    story.set_zxid(A, 0x1_0000_0009);
    assert_eq!(story.reason(claim, quiet()), EndReason::LaggingServer);
}

#[test]
fn a_read_only_server_that_refuses_a_session_does_not_have_it() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.leave(link);
    story.set_role(B, ServerRole::ReadOnly);
    let claim = story.claim(session, B);
    let refusal = ConnectResponse { timeout_ms: 0, read_only: Some(true), ..ConnectResponse::default() };
    story.answer(claim, refusal);
    let pending = matches!(story.ledger.session(session).unwrap().state(), SessionState::Pending { .. });
    assert!(pending, "it is not over");
    story.fin(claim);
    assert_eq!(story.reason(claim, 0), EndReason::NotServing);
    let back = story.attach(session, A);
    story.write(back);
    story.wait(TIMEOUT);
    assert!(story.ledger.session(session).unwrap().placement().is_some_and(|placement| placement.live));
}

#[test]
fn a_server_that_makes_passwords_of_its_own_is_recognised_by_what_it_gives() {
    for recognised in [false, true] {
        let mut story = Story::new();
        let link = story.claim_by(Story::client(1), SessionId::NEW, A, PasswordCheck::NotNeeded);
        let session = SessionId(77);
        let timeout_ms = TIMEOUT as i32;
        let given = ConnectResponse { timeout_ms, session, own_password: recognised, ..ConnectResponse::default() };
        story.answer(link, given);
        story.leave(link);
        let claim = story.claim_by(Story::client(1), session, B, PasswordCheck::Wrong);
        story.refuse(claim);
        story.fin(claim);
        let reason = if recognised { EndReason::SessionExpired } else { EndReason::WrongPassword };
        assert_eq!(story.reason(claim, 0), reason);
        let unknown = |fact: &Fact| matches!(fact, Fact::Claim(ClaimFact::OwnPasswords {}));
        assert_eq!(story.facts(claim).iter().any(unknown), recognised);
    }
}

#[test]
fn two_claims_that_cross_on_their_way_to_one_server() {
    for (answered_first, reason) in [(false, EndReason::ReattachedSameServer), (true, EndReason::Unknown)] {
        let mut story = Story::new();
        story.crowd(A, 2);
        let (session, old) = story.create(B);
        story.leave(old);
        let one = story.claim(session, A);
        story.wait(1);
        if answered_first {
            story.accept(one, session);
            story.wait(1);
        }
        let other = story.claim(session, A);
        story.wait(1);
        if !answered_first {
            story.accept(one, session);
        }
        story.accept(other, session);
        story.fin(other);
        assert_eq!(story.reason(other, LONG), reason, "{answered_first}");
        assert_eq!(story.decided(one), None);
    }
}

#[test]
fn what_a_lagging_server_tells_late_of_an_older_claim_is_no_return() {
    for (claimed_before, reason) in [(true, EndReason::SessionExpired), (false, EndReason::Unknown)] {
        let mut story = Story::new();
        story.crowd(A, 2);
        let (session, old) = story.create(LEADER);
        story.leave(old);
        let late = |story: &mut Story| {
            let late = story.claim(session, B);
            story.wait(300);
            story.give_up(late);
            late
        };
        let before = claimed_before.then(|| late(&mut story));
        let link = story.attach(session, A);
        story.wait(1_000);
        story.fin(link);
        story.wait(10);
        let left = before.unwrap_or_else(|| late(&mut story));
        story.wait(1_000);
        story.accept_late(left, session);
        story.wait(1);
        assert_eq!(story.decided(link).is_some(), !claimed_before);
        let back = story.claim(session, LEADER);
        story.wait(1);
        story.refuse(back);
        assert_eq!(story.reason(link, 0), reason);
    }
}
