//! Causes of claims that no server took.

use zoogate::diagnose::CauseCode;
use zoogate::ids::SessionId;
use zoogate::session::probe_result::ServerRole;
use zoogate::session::verdict::{Confidence, EndReason};
use zoogate::wire::handshake::ConnectResponse;

use crate::causes::{cause, code, incidents, pass};
use crate::clickhouse;
use crate::story::{A, B, Story};

#[test]
fn a_claim_that_zoogate_gave_up_at_a_server_that_serves_waited_for_the_quorum() {
    let mut story = Story::diagnosed();
    pass(&mut story, 1);
    let claim = story.claim(SessionId::NEW, A);
    pass(&mut story, 6);
    story.give_up(claim);
    pass(&mut story, 3);
    assert_eq!(code(&story, claim), Some(CauseCode::SlowQuorum));
    let incident = incidents(&story).remove(0);
    assert!(incident.diagnosed.remaining.contains(&CauseCode::ElectionRunning), "{incident:?}");
}

#[test]
fn a_claim_that_a_server_held_and_closed_is_a_guess() {
    let mut story = Story::diagnosed();
    pass(&mut story, 1);
    let claim = story.claim(SessionId::NEW, A);
    story.wait(400);
    story.fin(claim);
    pass(&mut story, 3);
    let one = cause(&story, claim).expect("a cause");
    assert_eq!((one.cause.code, one.cause.confidence), (CauseCode::SlowQuorum, Confidence::Weak));
}

#[test]
fn a_claim_at_a_server_that_nobody_looked_at_has_no_known_cause() {
    let mut story = Story::without_prober();
    story.diagnosed = Some(Story::causes());
    let claim = story.claim(SessionId::NEW, A);
    pass_unseen(&mut story);
    story.give_up(claim);
    pass_unseen(&mut story);
    let one = cause(&story, claim).expect("a cause");
    assert_eq!((one.cause.code, one.cause.confidence), (CauseCode::Unknown, Confidence::Weak));
    let incident = incidents(&story).remove(0);
    let expected = [CauseCode::ElectionRunning, CauseCode::ServerParted, CauseCode::SlowQuorum];
    assert_eq!(incident.diagnosed.remaining[..], expected);
}

fn pass_unseen(story: &mut Story) {
    story.wait(6_000);
}

#[test]
fn a_server_that_says_that_it_has_no_leader_does_not_say_that_nobody_has() {
    let mut story = Story::diagnosed();
    pass(&mut story, 1);
    let claim = clickhouse::claim(&mut story, A, clickhouse::WIDE);
    clickhouse::answer(&mut story, claim, 42, SessionId(-1));
    story.fin(claim);
    assert_eq!(story.reason(claim, 0), EndReason::NotServing);
    pass(&mut story, 3);
    let one = cause(&story, claim).expect("a cause");
    assert_eq!((one.cause.code, one.cause.confidence), (CauseCode::Unknown, Confidence::Weak));
}

#[test]
fn a_server_that_reads_alone_while_another_serves_is_parted() {
    let mut story = Story::diagnosed();
    let (session, link) = story.create(A);
    story.leave(link);
    story.set_role(B, ServerRole::ReadOnly);
    pass(&mut story, 1);
    let claim = story.claim(session, B);
    story.answer(claim, ConnectResponse { timeout_ms: 0, read_only: Some(true), ..ConnectResponse::default() });
    story.fin(claim);
    pass(&mut story, 3);
    assert_eq!(code(&story, claim), Some(CauseCode::ServerParted));
}
