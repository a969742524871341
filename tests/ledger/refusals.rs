//! What shows that a session was refused because it had moved, and what only looks like it.

use zoogate::ids::{ServerId, SessionId};
use zoogate::session::probe_result::{ServerHealth, ServerRole};
use zoogate::session::verdict::{Confidence, EndReason, Evidence};

use crate::story::{A, B, LEADER, Link, Story, alone_and_among_many, quiet};

#[test]
fn a_gap_then_a_close() {
    alone_and_among_many(|story| {
        let (_, link) = story.create(A);
        story.write(link);
        story.state(link).skipped = 1;
        story.wait(10);
        story.hear_server(link);
        story.fin(link);
        assert_eq!(story.reason(link, quiet()), EndReason::SessionMoved);
        story.expect_verdict(link, Evidence::XidGap, Confidence::Certain);
        let first = &story.verdict_words()[0];
        assert!(first.contains("without answering setData /a (xid 1), sent 10 ms before"), "{first}");
    });
}

#[test]
fn a_gap_at_which_the_client_closes() {
    alone_and_among_many(|story| {
        let (session, link) = story.create(A);
        story.attach(session, B);
        story.write(link);
        story.state(link).skipped = 1;
        story.wait(10);
        story.leave(link);
        assert_eq!(story.reason(link, 0), EndReason::SessionMoved);
        story.expect_verdict(link, Evidence::XidGap, Confidence::Likely);
        assert_eq!(story.verdict().claimed_by, Some(ServerId(B)));
    });
}

#[test]
fn a_claim_through_another_proxy_is_inferred() {
    for (prober, crowd, confidence) in
        [(true, 0, Confidence::Likely), (false, 4, Confidence::Likely), (false, 0, Confidence::Weak)]
    {
        let mut story = if prober { Story::new() } else { Story::without_prober() };
        story.crowd(A, crowd);
        let (session, link) = story.create(A);
        story.write(link);
        story.wait(20);
        story.fin(link);
        story.wait(1_500);
        story.attach(session, B);
        assert_eq!(story.reason(link, 3_000), EndReason::SessionMoved);
        story.expect_verdict(link, Evidence::Inferred, confidence);
        let told = story
            .verdict_words()
            .iter()
            .any(|why| why.contains("the session is not over") && why.contains(" 1501 ms after"));
        assert!(told, "{:?}", story.verdict_words());
        assert!(story.verdict_words().iter().any(|why| why.starts_with("missing")), "{:?}", story.verdict_words());
    }
}

#[test]
fn a_ping_to_the_leader_is_inferred_too() {
    let mut story = Story::new();
    let (session, link) = story.create(LEADER);
    story.ping(link);
    story.fin(link);
    story.wait(1_500);
    story.attach(session, LEADER);
    assert_eq!(story.reason(link, 0), EndReason::SessionMoved);
    story.expect_verdict(link, Evidence::Inferred, Confidence::Likely);
}

#[test]
fn a_client_that_is_back_before_anybody_looked() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.write(link);
    story.fin(link);
    story.attach(session, A);
    assert_eq!(story.reason(link, quiet()), EndReason::SessionMoved);
    story.expect_verdict(link, Evidence::Inferred, Confidence::Likely);
}

#[test]
fn a_standalone_server_never_refuses_a_moved_session() {
    let mut story = Story::new();
    story.set_role(A, ServerRole::Standalone);
    story.look(A);
    let (session, link) = story.create(A);
    story.write(link);
    story.fin(link);
    story.wait(1_000);
    story.attach(session, A);
    assert_eq!(story.reason(link, 3_000), EndReason::Unknown);
}

#[test]
fn two_sessions_refused_at_once_do_not_look_like_a_leaving_server() {
    let mut story = Story::new();
    let pairs: Vec<(SessionId, Link)> = (0..2).map(|_| story.create(A)).collect();
    for (session, _) in &pairs {
        story.attach(*session, B);
    }
    for (_, link) in &pairs {
        story.write(*link);
        story.fin(*link);
    }
    story.wait(1_000);
    for (_, link) in pairs {
        assert_eq!(story.reason(link, 0), EndReason::SessionMoved);
    }
}

#[test]
fn a_session_that_is_over_on_both_its_servers() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        let new = story.attach(session, B);
        story.write(old);
        story.write(new);
        story.fin(old);
        story.fin(new);
        story.wait(1_000);
        let next = story.claim(session, A);
        story.refuse(next);
        assert_eq!(story.reason(old, 0), EndReason::SessionExpired);
        assert_eq!(story.reason(new, 0), EndReason::SessionExpired);
        assert_eq!(story.verdicts().len(), 0);
    });
}

#[test]
fn a_claim_that_is_answered_just_after_it_took_the_session() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        story.write(old);
        let new = story.claim(session, B);
        story.wait(3);
        story.fin(old);
        story.wait(1);
        story.accept(new, session);
        assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
        story.expect_verdict(old, Evidence::AttachElsewhere, Confidence::Certain);
    });
}

#[test]
fn a_frozen_server_that_nobody_saw_thaw() {
    let mut story = Story::new();
    let (session, first) = story.create(A);
    story.leave(first);
    story.set(A, ServerHealth::Unresponsive);
    let abandoned = story.claim(session, A);
    story.wait(1_500);
    story.give_up(abandoned);
    let live = story.attach(session, B);
    story.write(live);
    story.fin(live);
    assert_eq!(story.reason(live, quiet()), EndReason::SessionMoved);
    story.expect_verdict(live, Evidence::AttachElsewhere, Confidence::Likely);
    assert!(!story.verdict_words().iter().any(|why| why.contains("again")), "{:?}", story.verdict_words());
}

#[test]
fn a_server_that_does_not_allow_the_question_is_no_witness() {
    let mut story = Story::new();
    story.set_role(A, ServerRole::Unknown);
    let (session, link) = story.create(A);
    story.write(link);
    story.fin(link);
    story.wait(1_500);
    story.attach(session, A);
    assert_eq!(story.reason(link, 3_000), EndReason::SessionMoved);
    story.expect_verdict(link, Evidence::Inferred, Confidence::Weak);
}

#[test]
fn a_refusal_before_a_close_after_which_somebody_comes() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        let new = story.attach(session, B);
        story.wait(20);
        story.write(old);
        story.fin(old);
        story.wait(50);
        story.close_session(new);
        let late = story.claim(session, A);
        story.refuse(late);
        assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
    });
}

#[test]
fn a_claim_that_its_server_has_dealt_with_takes_nothing_away() {
    for (dealt_with, reason) in [(true, EndReason::SessionExpired), (false, EndReason::SessionMoved)] {
        let mut story = Story::new();
        story.crowd(A, 2);
        let (session, old) = story.create(A);
        story.leave(old);
        let unanswered = story.claim(session, B);
        story.wait(1_000);
        story.leave(unanswered);
        if dealt_with {
            let next = story.claim(session, B);
            story.wait(500);
            story.give_up(next);
            story.accept_late(next, session);
        }
        let link = story.attach(session, A);
        story.wait(100);
        story.write(link);
        story.fin(link);
        story.wait(quiet() + 500);
        let back = story.claim(session, LEADER);
        story.wait(1);
        story.refuse(back);
        assert_eq!(story.reason(link, 0), reason, "{dealt_with}");
    }
}
