//! zoogate itself was paused: no silence is measured across that time, and it is the reason where it is.

use std::time::Duration;

use zoogate::session::connection_end::{CloseKind, ConnectionCloser, ServerSilence};
use zoogate::session::own_pause::ThreadPlace;
use zoogate::session::transition::LedgerFinding;
use zoogate::session::verdict::EndReason;
use zoogate::wire::OpCode;
use zoogate::wire::handshake::PasswordCheck;

use crate::story::{A, B, LONG, Story, TIMEOUT, quiet};

#[test]
fn a_client_that_gave_up_while_zoogate_stood_still_blames_no_server() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.ping(link);
    story.stand_still(5_000);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ProxyPaused);
    let why = story.why(link);
    assert!(why.contains("zoogate itself was paused") && why.contains("5000 ms"), "{why}");
}

/// When its session expires counts from there: the servers heard nothing while zoogate stood still.
#[test]
fn the_last_byte_of_a_client_is_told_as_it_came() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.ping(link);
    let heard_at = story.now();
    story.stand_still(5_000);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ProxyPaused);
    let told = story.findings.iter().find_map(|finding| match finding {
        LedgerFinding::Ended(ended, Some(close)) if ended.connection == link => Some(close),
        _ => None,
    });
    let close = told.expect("what else is known of the end");
    assert_eq!((close.client_heard_at, close.client_silence), (heard_at, Duration::ZERO));
}

#[test]
fn a_silence_that_was_long_enough_by_itself_stays_the_servers() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.ping(link);
    story.wait(4_000);
    story.stand_still(1_000);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientReadTimeout);
    let (_, link) = story.create(A);
    story.ping(link);
    story.wait(3_000);
    story.stand_still(1_000);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ProxyPaused);
}

#[test]
fn an_answer_that_waited_inside_zoogate_was_not_late() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.ping(link);
    let heard = story.now();
    story.stand_still(5_000);
    story.answered(link);
    let over_at = story.now();
    story.state(link).server_pause = Some(ServerSilence { lasted: over_at.since(heard), over_at });
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ProxyPaused);
}

#[test]
fn servers_that_drop_who_they_could_not_hear_have_not_left() {
    let mut story = Story::new();
    let links: Vec<_> = (0..4).map(|_| story.create(A).1).collect();
    story.wait(1_000);
    story.stand_still(9_000);
    for link in &links {
        story.hear_client(*link);
        story.fin(*link);
    }
    for link in links {
        assert_eq!(story.reason(link, 0), EndReason::ProxyPaused);
    }
}

#[test]
fn a_short_pause_explains_nothing() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, link) = story.create(A);
    story.request(link, OpCode::SET_DATA);
    story.stand_still(500);
    story.fin(link);
    story.wait(quiet() + 500);
    story.attach(session, B);
    assert_eq!(story.reason(link, 0), EndReason::SessionMoved);
}

#[test]
fn a_client_is_silent_only_while_zoogate_listens() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.wait(2_000);
    story.stand_still(3_000);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientGone);
    let (_, link) = story.create(A);
    story.wait(TIMEOUT / 2 + 100);
    story.stand_still(1_000);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientSilent);
}

#[test]
fn a_claim_that_waited_inside_zoogate_was_not_answered_late() {
    let mut story = Story::new();
    let claim = story.claim_by(Story::client(1), zoogate::ids::SessionId::NEW, A, PasswordCheck::NotNeeded);
    story.stand_still(3_000);
    story.end(claim, ConnectionCloser::Client(CloseKind::Fin));
    assert_eq!(story.reason(claim, quiet()), EndReason::ProxyPaused);
}

#[test]
fn who_is_awaited_has_so_much_longer() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, link) = story.create(A);
    story.request(link, OpCode::SET_DATA);
    story.fin(link);
    story.wait(quiet() + 500);
    story.stand_still(30_000);
    story.wait(100);
    assert!(story.decided(link).is_none(), "its client could not come back meanwhile");
    story.attach(session, B);
    assert_eq!(story.reason(link, 0), EndReason::SessionMoved);
}

#[test]
fn a_burst_of_ends_waits_for_its_look_all_the_same() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.request(link, OpCode::SET_DATA);
    story.fin(link);
    story.stand_still(4_000);
    story.wait(quiet());
    story.wait(LONG);
    assert!(story.why(link).contains("it answered a probe"), "{:?}", story.decided(link));
}

#[test]
fn a_client_that_had_been_silent_for_long_before_zoogate_stood_still() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.attach(session, B);
    story.wait(TIMEOUT + 500);
    story.stand_still(9_000);
    story.fin(link);
    assert_eq!(story.reason(link, quiet()), EndReason::ClientSilent);
}

#[test]
fn a_claim_that_was_found_after_zoogate_stood_still_may_have_waited_for_long() {
    for (paused, since, reason) in
        [(3_000, 1, EndReason::ProxyPaused), (500, 1, EndReason::ClientGone), (3_000, 2_000, EndReason::ClientGone)]
    {
        let mut story = Story::new();
        story.stand_still(paused);
        story.wait(since);
        let claim = story.claim_by(Story::client(1), zoogate::ids::SessionId::NEW, A, PasswordCheck::NotNeeded);
        story.wait(200);
        story.leave(claim);
        assert_eq!(story.reason(claim, quiet()), reason, "{paused} ms, {since} ms before");
    }
}

#[test]
fn a_refused_write_whose_case_is_heard_after_zoogate_stood_still() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    let rival = story.attach(session, B);
    story.wait(1_000);
    story.write(link);
    story.fin(link);
    story.stand_still(7_000);
    story.fin(rival);
    let back = story.claim(session, A);
    story.refuse(back);
    assert_eq!(story.reason(link, quiet()), EndReason::SessionMoved);
}

#[test]
fn who_is_awaited_has_so_much_longer_whenever_the_wait_begins() {
    let mut story = Story::new();
    story.crowd(A, 2);
    let (session, link) = story.create(A);
    story.request(link, OpCode::SET_DATA);
    story.fin(link);
    story.stand_still(14_000);
    story.wait(quiet() + 5_000);
    assert!(story.decided(link).is_none(), "its client could not come back meanwhile");
    story.attach(session, B);
    assert_eq!(story.reason(link, 0), EndReason::SessionMoved);
}

#[test]
fn a_close_that_was_found_after_zoogate_stood_still_infers_no_move() {
    for (since, reason) in [(1, EndReason::Unknown), (2_000, EndReason::SessionMoved)] {
        let mut story = Story::new();
        let (session, link) = story.create(A);
        story.write(link);
        story.stand_still(2_000);
        story.wait(since);
        story.fin(link);
        story.wait(quiet());
        story.attach(session, B);
        assert_eq!(story.reason(link, 0), reason, "{since} ms before");
    }
}

#[test]
fn a_close_that_was_found_after_zoogate_stood_still_is_a_move_where_the_server_stood_through_it() {
    for (paused, others, moved) in [(2_000, 0, false), (0, 0, true), (2_000, 2, true)] {
        // The write was read before the pause, or waited in it, and the close with it.
        for waited in [false, true] {
            let mut story = Story::new();
            story.crowd(A, others);
            let (session, link) = story.create(A);
            let rival = story.claim(session, B);
            if !waited {
                story.write(link);
            }
            story.stand_still(paused);
            if waited {
                story.write(link);
            }
            story.wait(u64::from(!waited));
            story.fin(link);
            story.wait(quiet());
            story.give_up(rival);
            story.attach(session, A);
            let is_move = story.reason(link, LONG) == EndReason::SessionMoved;
            assert_eq!(is_move, moved, "{paused} ms, waited {waited}, {others} others: {}", story.why(link));
        }
    }
}

#[test]
fn what_one_thread_did_not_see_excuses_nobody_on_another() {
    for (thread, reason) in [(0, EndReason::ProxyPaused), (1, EndReason::ClientReadTimeout)] {
        let mut story = Story::new();
        let (_, link) = story.create(A);
        story.ping(link);
        story.wait(1_000);
        story.thread = ThreadPlace(thread);
        story.stand_still(3_500);
        story.thread = ThreadPlace(0);
        story.leave(link);
        assert_eq!(story.reason(link, 0), reason, "thread {thread}");
    }
}

#[test]
fn a_session_that_may_come_back_has_so_much_longer() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.leave(link);
    let state = |story: &Story| story.ledger.session(session).map(|record| record.state().label());
    story.stand_still(3 * TIMEOUT);
    story.wait(100);
    assert_eq!(state(&story), Some("pending"), "it could not come back meanwhile");
    story.wait(2 * TIMEOUT);
    assert_eq!(state(&story), Some("ended"));
}
