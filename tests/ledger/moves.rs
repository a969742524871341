//! The reason of a move is that of the connection which the session left, whenever that is known.

use zoogate::ids::ServerId;
use zoogate::session::connection_end::{ConnectionCloser, LongReply, ProxyClose};
use zoogate::session::fact::{ClientFact, Fact, MoveFact, SessionFact};
use zoogate::session::transition::LedgerFinding;
use zoogate::session::verdict::EndReason;
use zoogate::wire::OpCode;
use zoogate::wire::handshake::PasswordCheck;

use crate::story::{A, B, Link, Story, quiet};

fn explained(story: &Story) -> Vec<Option<EndReason>> {
    let reason = |finding: &LedgerFinding| match finding {
        LedgerFinding::MoveExplained(one) => Some(one.reason),
        _ => None,
    };
    story.findings.iter().filter_map(reason).collect()
}

#[test]
fn a_move_before_the_verdict_gets_its_reason_later() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, old) = story.create(A);
    story.write(old);
    story.fin(old);
    story.attach(session, B);
    assert_eq!(story.ledger.moves().next_back().unwrap().reason, None);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
    assert_eq!(story.ledger.moves().next_back().unwrap().reason, Some(EndReason::SessionMoved));
    assert_eq!(explained(&story), [Some(EndReason::SessionMoved)]);
}

#[test]
fn a_move_away_from_a_connection_that_stands_gets_its_reason_at_its_end() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.wait(500);
    story.leave(old);
    assert_eq!(story.ledger.moves().next_back().unwrap().reason, Some(EndReason::ClientGone));
    let last = story.attach(session, A);
    story.leave(last);
    assert_eq!(explained(&story), [Some(EndReason::ClientGone)], "the other's reason is not known yet");
}

#[test]
fn a_move_whose_reason_was_known_is_told_once() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.leave(old);
    story.attach(session, B);
    assert_eq!(story.ledger.moves().next_back().unwrap().reason, Some(EndReason::ClientGone));
    assert_eq!(explained(&story), []);
}

#[test]
fn the_end_of_a_refused_connection_names_who_took_the_session() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    let new = story.attach_by(Story::client(7), session, B);
    story.write(old);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
    let taken = |fact: &Fact| {
        matches!(fact, Fact::Move(MoveFact::RivalClaim { client, connection, given: true, .. })
            if client.ip() == Story::client(7).ip() && *connection == new)
    };
    assert!(story.facts(old).iter().any(taken), "{:?}", story.facts(old));
    assert_eq!(story.facts(old), &*story.verdict().facts);
    assert!(story.why(old).contains("10.0.0.7:"), "{}", story.why(old));
}

#[test]
fn what_two_clients_of_one_session_do_to_each_other_is_said_with_both_addresses() {
    let mut story = Story::new();
    let (session, mut old) = story.create(A);
    for turn in 0..6 {
        let (other, own) = if turn % 2 == 0 { (7, 1) } else { (1, 7) };
        let new = story.attach_by(Story::client(other), session, A);
        story.fin(old);
        assert_eq!(story.reason(old, 0), EndReason::ReattachedSameServer);
        let why = story.why(old);
        assert!(why.contains(&format!("10.0.0.{other}:")) && why.contains(&format!("10.0.0.{own}:")), "{why}");
        let shared = |fact: &Fact| matches!(fact, Fact::Session(SessionFact::SharedBy { .. }));
        assert_eq!(story.facts(old).iter().any(shared), turn > 0, "{turn}: {why}");
        old = new;
        story.wait(500);
    }
    assert_eq!(story.shared().len(), 1);
}

/// A connection whose client ends it so long after a long reply began.
fn after_a_long_reply(story: &mut Story, ms: u64, whole: bool, earlier: u32) -> EndReason {
    let (_, link) = story.create(A);
    story.request(link, OpCode::GET_DATA);
    let request = story.state(link).unanswered.pop();
    story.answered(link);
    let began_at = story.now();
    let reply = LongReply { length: 1_350_746, limit: 1_048_575, request, began_at, whole, earlier };
    story.state(link).long_reply = Some(reply);
    story.wait(ms);
    story.leave(link);
    let reason = story.reason(link, 0);
    let named = |fact: &Fact| matches!(fact, Fact::Client(ClientFact::LongReply { length: 1_350_746, .. }));
    assert_eq!(story.facts(link).iter().any(named), reason == EndReason::ReplyTooLarge);
    if reason == EndReason::ReplyTooLarge {
        let why = story.why(link);
        assert!(why.contains("1350746 bytes") && why.contains("getData /a"), "{why}");
    }
    reason
}

#[test]
fn a_client_that_hangs_up_at_a_long_reply() {
    let mut story = Story::new();
    assert_eq!(after_a_long_reply(&mut story, 5, true, 0), EndReason::ReplyTooLarge);
    assert_eq!(after_a_long_reply(&mut story, 1_000, true, 0), EndReason::ReplyTooLarge);
    assert_eq!(after_a_long_reply(&mut story, 1_001, true, 0), EndReason::ClientGone);
    assert_eq!(after_a_long_reply(&mut story, 2_000, false, 0), EndReason::ReplyTooLarge);
    assert_eq!(after_a_long_reply(&mut story, 5, true, 1), EndReason::ClientGone, "it takes long ones");
}

/// A session on A whose claim at B was left behind and carried out later; returns A's connection and B's.
fn left_behind(story: &mut Story) -> (Link, Link) {
    let (session, first) = story.create(A);
    story.leave(first);
    let left = story.claim_by(Story::client(1), session, B, PasswordCheck::Right);
    story.wait(2_000);
    story.give_up(left);
    let current = story.attach(session, A);
    story.wait(500);
    story.accept_late(left, session);
    (current, left)
}

#[test]
fn a_connection_that_ends_for_a_late_claim_names_the_claim() {
    let mut story = Story::new();
    let (current, left) = left_behind(&mut story);
    story.end(current, ConnectionCloser::Proxy(ProxyClose::LateClaim));
    assert_eq!(story.reason(current, 0), EndReason::LateClaim);
    let names = |fact: &Fact| matches!(fact, Fact::Move(MoveFact::RivalClaim { connection, given: true, .. }) if *connection == left);
    assert!(story.facts(current).iter().any(names), "{:?}", story.facts(current));
}

#[test]
fn a_write_that_crosses_a_late_claim_is_said_to_be_zoogates_doing() {
    let mut story = Story::new();
    let (current, _) = left_behind(&mut story);
    story.write(current);
    story.fin(current);
    assert_eq!(story.reason(current, quiet()), EndReason::SessionMoved);
    let own = |fact: &Fact| matches!(fact, Fact::Move(MoveFact::RivalLeftBehind { server }) if *server == ServerId(B));
    assert!(story.facts(current).iter().any(own), "{:?}", story.facts(current));
    assert!(story.why(current).contains("zoogate caused this refusal"), "{}", story.why(current));
}
