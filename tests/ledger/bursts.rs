//! Many connections of one server that end together: its number alone says nothing.

use zoogate::ids::SessionId;
use zoogate::session::fact::{EnsembleFact, Fact, ServerFact};
use zoogate::session::probe_result::ServerHealth;
use zoogate::session::verdict::{Confidence, EndReason, Evidence};
use zoogate::wire::handshake::PasswordCheck;

use crate::story::{A, B, LEADER, Link, Story, quiet};

/// This many sessions at A; each was claimed at B meanwhile, or at the leader, and has a write in flight.
fn claimed_elsewhere(story: &mut Story, count: usize, given: bool) -> Vec<(SessionId, Link)> {
    let sessions: Vec<_> = (0..count).map(|_| story.create(A)).collect();
    story.wait(100);
    for (session, _) in &sessions {
        let claim = story.claim_by(Story::client(2), *session, B, PasswordCheck::Right);
        if given {
            story.accept(claim, *session);
        }
    }
    story.wait(300);
    for (_, link) in &sessions {
        story.write(*link);
    }
    sessions
}

fn stood_through(story: &Story, link: Link) -> bool {
    story.facts(link).iter().any(|fact| matches!(fact, Fact::Ensemble(EnsembleFact::StoodThrough { .. })))
}

#[test]
fn refusals_of_many_sessions_at_once_are_refusals_where_the_server_stood_through_them() {
    for (count, apart) in [(3, 0), (5, 10), (500, 0)] {
        let mut story = Story::new();
        story.hold_probes();
        let sessions = claimed_elsewhere(&mut story, count, true);
        for (_, link) in &sessions {
            story.fin(*link);
            story.wait(apart);
        }
        for (_, link) in &sessions {
            assert_eq!(story.reason(*link, quiet()), EndReason::SessionMoved, "{count}");
            assert!(stood_through(&story, *link), "{:?}", story.facts(*link));
        }
        assert_eq!(story.verdicts().len(), count);
        let told = |verdict: &&_| {
            let verdict: &zoogate::session::verdict::SessionMovedRefusal = verdict;
            (verdict.evidence, verdict.confidence) == (Evidence::AttachElsewhere, Confidence::Certain)
        };
        assert!(story.verdicts().iter().all(told));
    }
}

#[test]
fn claims_that_nobody_answered_explain_many_refusals_too() {
    let mut story = Story::new();
    story.hold_probes();
    let sessions = claimed_elsewhere(&mut story, 5, false);
    for (_, link) in &sessions {
        story.fin(*link);
    }
    for (_, link) in &sessions {
        assert_eq!(story.reason(*link, quiet()), EndReason::SessionMoved);
    }
}

#[test]
fn a_server_that_closed_its_prober_too_has_left_however_soon_it_serves_again() {
    for count in [3, 500] {
        let mut story = Story::new();
        story.hold_probes();
        let sessions: Vec<_> = (0..count).map(|_| story.create(A)).collect();
        story.wait(100);
        for (_, link) in &sessions {
            story.fin(*link);
        }
        // The next answer comes on a connection that was made after that.
        story.wait(1);
        story.hold_probes();
        story.wait(300);
        for (session, _) in &sessions {
            story.attach(*session, A);
        }
        for (_, link) in &sessions {
            assert_eq!(story.reason(*link, quiet()), EndReason::ServerLeaving, "{count}");
        }
        assert!(story.verdicts().is_empty());
    }
}

#[test]
fn sessions_that_are_closed_together_without_another_claim_have_not_all_moved() {
    let mut story = Story::new();
    story.hold_probes();
    let sessions: Vec<_> = (0..4).map(|_| story.create(A)).collect();
    for (_, link) in &sessions {
        story.write(*link);
        story.fin(*link);
    }
    story.wait(quiet());
    for (session, link) in &sessions {
        story.attach(*session, B);
        assert_eq!(story.reason(*link, 0), EndReason::Unknown);
        assert!(stood_through(&story, *link), "{:?}", story.facts(*link));
    }
}

#[test]
fn connections_that_are_reset_together_are_a_broken_path() {
    for (prober, count) in [(true, 2), (true, 3), (true, 50), (false, 3), (false, 50)] {
        let mut story = if prober { Story::new() } else { Story::without_prober() };
        let sessions: Vec<_> = (0..count).map(|_| story.create(A)).collect();
        story.wait(100);
        for (_, link) in &sessions {
            story.reset(*link);
        }
        story.wait(if prober { quiet() } else { 3_100 });
        for (session, link) in &sessions {
            story.attach(*session, B);
            assert_eq!(story.reason(*link, 0), EndReason::ServerGone, "{prober}, {count}");
            let many = |fact: &Fact| matches!(fact, Fact::Server(ServerFact::ManyReset { connections, .. }) if *connections == count);
            assert_eq!(story.facts(*link).iter().any(many), count >= 3, "{:?}", story.facts(*link));
        }
    }
}

#[test]
fn a_server_that_was_killed_resets_and_is_seen_down() {
    let mut story = Story::new();
    let sessions: Vec<_> = (0..5).map(|_| story.create(A)).collect();
    story.set(A, ServerHealth::Refusing);
    for (_, link) in &sessions {
        story.reset(*link);
    }
    for (_, link) in &sessions {
        assert_eq!(story.reason(*link, quiet()), EndReason::ServerLeaving);
    }
}

#[test]
fn some_resets_among_many_ends_are_no_broken_path() {
    let mut story = Story::new();
    let sessions: Vec<_> = (0..6).map(|_| story.create(A)).collect();
    for (place, (_, link)) in sessions.iter().enumerate() {
        if place < 2 { story.reset(*link) } else { story.fin(*link) }
    }
    for (_, link) in &sessions {
        assert_eq!(story.reason(*link, quiet()), EndReason::ServerLeaving);
    }
    story.crowd(LEADER, 1);
}

#[test]
fn a_server_that_answers_as_it_closes_its_connections_has_not_stood_through() {
    let mut story = Story::new();
    story.hold_probes();
    let (_, link) = story.create(A);
    story.fin(link);
    // The question that was asked at the end was answered half gone; the next one shows it without its leader.
    story.wait(20);
    assert!(story.decided(link).is_none());
    story.set(A, ServerHealth::NotServing);
    assert_eq!(story.reason(link, quiet()), EndReason::ServerLeaving);
}
