//! Requests that are longer than servers take by default: the server closed at one, or something else befell it meanwhile.

use zoogate::diagnose::CauseCode;
use zoogate::session::connection_end::CloseKind;
use zoogate::session::connection_end::ConnectionCloser;
use zoogate::session::probe_result::ServerHealth;
use zoogate::session::verdict::{Confidence, EndReason};

use crate::causes::{cause, only_incident, pass};
use crate::story::{A, B, Link, Story, alone_and_among_many, quiet};

const LONG: u32 = 2_000_000;

/// The reason and how sure it is.
fn judged(story: &mut Story, link: Link) -> (EndReason, Confidence) {
    let reason = story.reason(link, quiet() + 100);
    (reason, story.decided(link).expect("a reason").confidence)
}

/// A long write that its server ends after so many milliseconds.
fn ended_after(story: &mut Story, ms: u64, how: CloseKind) -> Link {
    let (_, link) = story.create(A);
    story.write_long(link, LONG);
    story.wait(ms);
    story.end(link, ConnectionCloser::Server(how));
    link
}

#[test]
fn a_server_that_closes_right_behind_a_long_request_and_serves_closed_at_its_length() {
    for how in [CloseKind::Fin, CloseKind::Reset] {
        alone_and_among_many(|story| {
            let link = ended_after(story, 20, how);
            assert_eq!(judged(story, link), (EndReason::OversizedFrame, Confidence::Certain));
        });
    }
}

#[test]
fn one_that_closes_later_may_have_had_another_reason() {
    for (ms, confidence) in [(250, Confidence::Certain), (251, Confidence::Likely)] {
        let mut story = Story::new();
        let link = ended_after(&mut story, ms, CloseKind::Reset);
        assert_eq!(judged(&mut story, link), (EndReason::OversizedFrame, confidence));
    }
}

#[test]
fn a_server_that_is_not_seen_afterwards_may_have_left() {
    let mut story = Story::without_prober();
    let link = ended_after(&mut story, 20, CloseKind::Fin);
    story.wait(60_000);
    assert_eq!(judged(&mut story, link), (EndReason::OversizedFrame, Confidence::Likely));
}

#[test]
fn others_that_break_off_at_the_same_time_leave_doubt() {
    let mut story = Story::new();
    let others = story.crowd(A, 3);
    let (_, link) = story.create(A);
    story.write_long(link, LONG);
    story.reset(link);
    story.reset(others[0]);
    assert_eq!(judged(&mut story, link), (EndReason::OversizedFrame, Confidence::Likely));
}

#[test]
fn a_server_that_ends_with_a_long_request_on_its_way_ends_for_reasons_of_its_own() {
    alone_and_among_many(|story| {
        story.set(A, ServerHealth::Refusing);
        let link = ended_after(story, 20, CloseKind::Reset);
        assert_eq!(judged(story, link).0, EndReason::ServerLeaving);
    });
}

#[test]
fn what_a_server_has_answered_is_not_too_long_for_it() {
    for (answered, at, reason) in [
        (LONG, A, EndReason::ServerGone),
        (LONG + 1, A, EndReason::ServerGone),
        (LONG - 1, A, EndReason::OversizedFrame),
        (LONG, B, EndReason::OversizedFrame),
    ] {
        let mut story = Story::new();
        let (_, earlier) = story.create(at);
        story.state(earlier).long_answered = answered;
        story.leave(earlier);
        let link = ended_after(&mut story, 20, CloseKind::Reset);
        story.wait(60_000);
        assert_eq!(judged(&mut story, link).0, reason, "{answered} at {at}");
    }
}

#[test]
fn the_cause_says_what_remains() {
    for (ms, confidence, remaining) in [
        (20, Confidence::Certain, &[][..]),
        (900, Confidence::Likely, &[CauseCode::PathServerReset, CauseCode::ServerRestarted][..]),
    ] {
        let mut story = Story::diagnosed();
        let link = ended_after(&mut story, ms, CloseKind::Reset);
        pass(&mut story, 3);
        let one = cause(&story, link).expect("a cause").cause;
        assert_eq!((one.code, one.confidence), (CauseCode::OversizedRequest, confidence));
        assert_eq!(&only_incident(&story).diagnosed.remaining[..], remaining);
    }
}
