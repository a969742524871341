//! The fault scenarios that were run against real ensembles, each with one session alone and among many.

use zoogate::ids::{ServerId, Xid};
use zoogate::session::connection_end::UnansweredRequest;
use zoogate::session::event::MovedCodeLocation;
use zoogate::session::probe_result::ServerHealth;
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::{Confidence, EndReason, Evidence};
use zoogate::wire::OpCode;
use zoogate::wire::handshake::PasswordCheck;

use crate::story::{A, B, LEADER, LONG, Link, Story, TIMEOUT, alone_and_among_many, quiet};

#[test]
fn a_delayed_write_on_a_stale_link() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        story.wait(100);
        let new = story.attach(session, B);
        story.wait(2_000);
        story.write(old);
        story.wait(30);
        story.fin(old);
        assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
        story.expect_verdict(old, Evidence::AttachElsewhere, Confidence::Certain);
        let verdict = story.verdict();
        assert_eq!((verdict.server, verdict.claimed_by), (ServerId(A), Some(ServerId(B))));
        let words = story.verdict_words();
        assert!(words[1].contains("setData /a (xid 1), sent 30 ms before"), "{words:?}");
        assert!(words[2].starts_with("server 2 gave the session to 10.0.0.1:"), "{words:?}");
        assert!(words[2].contains(" 2030 ms before (connection "), "{words:?}");
        let placement = story.ledger.placement(session).unwrap();
        assert_eq!((placement.server, placement.connection, placement.live), (ServerId(B), new, true));
        assert_eq!(story.moves().len(), 1);
        assert_eq!((story.moves()[0].from, story.moves()[0].to), (ServerId(A), ServerId(B)));
        assert!(story.moves()[0].gap.is_zero());
    });
}

#[test]
fn a_multi_refused_in_words_by_an_old_server() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        story.attach(session, B);
        for xid in [7, 8] {
            let refused = UnansweredRequest {
                xid: Xid(xid),
                op: OpCode::MULTI,
                path: "/controller_epoch".to_owned(),
                ephemeral: false,
                sent_at: story.now(),
            };
            story.wait(10);
            story.tell(SessionTransition::MoveRefused {
                connection: old,
                form: MovedCodeLocation::Multi,
                refused: Some(refused),
            });
        }
        let verdicts = story.verdicts();
        assert_eq!(verdicts.len(), 2, "one verdict a refusal");
        assert_eq!((verdicts[0].evidence, verdicts[0].confidence), (Evidence::Multi, Confidence::Certain));
        assert_eq!((verdicts[0].claimed_by, verdicts[0].unanswered_count), (Some(ServerId(B)), 1));
        assert_eq!(story.ledger.open_connections().filter(|(link, _)| *link == old).count(), 1, "it lives on");
        assert_eq!(story.ledger.session(session).unwrap().verdicts(), 2);
    });
}

/// The claim of a frozen server is carried out when it thaws; the only live link pays for it. Whose doing that is
/// depends on who had left the claim.
fn late_claim(story: &mut Story, leave: impl Fn(&mut Story, Link), zoogates: bool) {
    let (session, first) = story.create(A);
    story.set(A, ServerHealth::Unresponsive);
    story.leave(first);
    let abandoned = story.claim(session, A);
    story.wait(1_500);
    leave(story, abandoned);
    let live = story.attach(session, LEADER);
    story.wait(1_000);
    story.set(A, ServerHealth::Serving);
    story.write(live);
    story.wait(20);
    story.fin(live);
    assert_eq!(story.reason(live, quiet()), EndReason::SessionMoved);
    story.expect_verdict(live, Evidence::AttachElsewhere, Confidence::Likely);
    let verdict = story.verdict();
    assert_eq!(verdict.claimed_by, Some(ServerId(A)));
    for told in ["got no answer", "server 1 serves again and carries out what it received meanwhile"] {
        let words = story.verdict_words();
        assert!(words.iter().any(|why| why.contains(told)), "{told}: {words:?}");
    }
    let own = "zoogate had given up that claim at server 1 and asked another server: zoogate caused this refusal";
    assert_eq!(story.verdict_words().iter().any(|why| why.contains(own)), zoogates, "{:?}", story.verdict_words());

    let healed = story.attach(session, LEADER);
    story.write(healed);
    story.fin(healed);
    story.wait(1_000);
    story.attach(session, LEADER);
    assert_eq!(story.reason(healed, quiet()), EndReason::SessionMoved);
    assert_eq!(story.verdicts()[1].evidence, Evidence::Inferred, "a claim explains one refusal");
    assert_eq!(story.reason(abandoned, LONG), EndReason::NotServing);
}

#[test]
fn a_late_claim_of_a_frozen_server() {
    alone_and_among_many(|story| late_claim(story, Story::give_up, true));
    alone_and_among_many(|story| late_claim(story, Story::leave, false));
}

#[test]
fn a_ping_on_a_stale_link_to_the_leader() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(LEADER);
        story.attach(session, A);
        story.wait(1_000);
        story.ping(old);
        story.fin(old);
        assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
        story.expect_verdict(old, Evidence::AttachElsewhere, Confidence::Certain);
    });
}

#[test]
fn a_ping_on_a_stale_link_to_a_follower_is_no_sign() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        story.attach(session, B);
        story.ping(old);
        story.fin(old);
        assert_eq!(story.reason(old, quiet()), EndReason::Unknown);
        assert_eq!(story.verdicts().len(), 0);
    });
}

#[test]
fn a_late_close_kills_the_live_link() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        let new = story.attach(session, B);
        story.wait(20);
        story.write(new);
        story.fin(new);
        story.wait(1);
        story.close_session(old);
        assert_eq!(story.reason(new, quiet()), EndReason::ClosedElsewhere);
        let next = story.claim(session, B);
        story.refuse(next);
        story.fin(next);
        assert_eq!(story.reason(next, 0), EndReason::SessionExpired);
        assert_eq!(story.verdicts().len(), 0);
    });
}

#[test]
fn an_oversized_frame_hops_around() {
    alone_and_among_many(|story| {
        let (session, mut link) = story.create(A);
        for server in [B, LEADER, A] {
            story.write_long(link, 2_000_000);
            story.fin(link);
            assert_eq!(story.reason(link, quiet()), EndReason::OversizedFrame);
            link = story.attach(session, server);
        }
        story.wait(LONG);
        assert_eq!(story.verdicts().len(), 0);
    });
}

#[test]
fn the_leader_is_killed() {
    let mut story = Story::new();
    let mut links: Vec<Link> = [LEADER, A, B].into_iter().flat_map(|server| story.crowd(server, 3)).collect();
    let (session, mine) = story.create(A);
    story.write(mine);
    links.push(mine);
    kill_leader(&mut story);
    for link in &links {
        story.fin(*link);
    }
    story.wait(700);
    story.set(A, ServerHealth::Serving);
    story.set(B, ServerHealth::Serving);
    story.elect(B);
    story.attach(session, B);
    story.wait(5_000);
    for link in links {
        assert_eq!(story.reason(link, 0), EndReason::LeaderLost);
    }
    assert_eq!(story.verdicts().len(), 0);
}

fn kill_leader(story: &mut Story) {
    story.set(LEADER, ServerHealth::Refusing);
    story.set(A, ServerHealth::NotServing);
    story.set(B, ServerHealth::NotServing);
}

#[test]
fn the_leader_is_killed_under_a_single_session() {
    for server in [LEADER, A] {
        let mut story = Story::new();
        let (session, link) = story.create(server);
        story.write(link);
        kill_leader(&mut story);
        story.reset(link);
        story.wait(700);
        story.set(A, ServerHealth::Serving);
        story.set(B, ServerHealth::Serving);
        story.elect(B);
        story.attach(session, B);
        assert_eq!(story.reason(link, 3_000), EndReason::LeaderLost);
        assert_eq!(story.verdicts().len(), 0);
    }
}

#[test]
fn a_quick_election_is_seen_by_its_epoch() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.write(link);
    story.elect(B);
    story.fin(link);
    story.wait(1_000);
    story.attach(session, A);
    assert_eq!(story.reason(link, 3_000), EndReason::LeaderLost);
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn the_leader_is_lost_and_nobody_looks() {
    let mut story = Story::without_prober();
    let links: Vec<Link> = [LEADER, A, B].into_iter().flat_map(|server| story.crowd(server, 2)).collect();
    for link in &links {
        story.write(*link);
        story.fin(*link);
    }
    story.wait(5_000);
    for link in links {
        assert_eq!(story.reason(link, 0), EndReason::LeaderLost);
    }
}

#[test]
fn a_follower_is_frozen_out() {
    alone_and_among_many(|story| {
        let (session, link) = story.create(A);
        let others = story.crowd(A, 2);
        story.set(A, ServerHealth::Unresponsive);
        story.look(A);
        story.wait(3_000);
        story.write(link);
        story.set(A, ServerHealth::NotServing);
        story.fin(link);
        for other in others {
            story.fin(other);
        }
        story.attach(session, B);
        assert_eq!(story.reason(link, 3_000), EndReason::ServerLeaving);
        assert_eq!(story.verdicts().len(), 0);
    });
}

#[test]
fn a_follower_is_stopped() {
    let mut story = Story::new();
    let others = story.crowd(B, 3);
    let links = story.crowd(A, 4);
    story.write(links[0]);
    story.set(A, ServerHealth::Refusing);
    for link in &links {
        story.fin(*link);
        story.wait(1);
    }
    story.wait(1_000);
    for link in links {
        assert_eq!(story.reason(link, 0), EndReason::ServerLeaving);
    }
    assert!(others.iter().all(|other| story.decided(*other).is_none()));
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn a_follower_is_stopped_and_nobody_looks() {
    let mut story = Story::without_prober();
    story.crowd(B, 3);
    let links = story.crowd(A, 4);
    for link in &links {
        story.write(*link);
        story.fin(*link);
    }
    for link in links {
        assert_eq!(story.reason(link, 4_000), EndReason::ServerLeaving);
    }
}

#[test]
fn a_follower_is_stopped_under_a_moved_session() {
    let mut story = Story::new();
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.write(old);
    story.state(old).skipped = 1;
    story.set(A, ServerHealth::Refusing);
    story.reset(old);
    assert_eq!(story.reason(old, 3_000), EndReason::ServerLeaving);
    assert_eq!(story.verdicts().len(), 0);
}

#[test]
fn a_wrong_password_kills_the_good_link() {
    alone_and_among_many(|story| {
        let (session, good) = story.create(A);
        let forged = story.claim_by(Story::client(7), session, A, PasswordCheck::Wrong);
        story.wait(1);
        story.refuse(forged);
        story.fin(forged);
        story.fin(good);
        assert_eq!(story.reason(forged, 0), EndReason::WrongPassword);
        assert_eq!(story.reason(good, 0), EndReason::ReattachedSameServer);
        story.attach(session, A);
        assert!(story.ledger.placement(session).unwrap().live);
        assert_eq!(story.verdicts().len(), 0);
    });
}

#[test]
fn a_wrong_password_elsewhere_moves_nothing() {
    alone_and_among_many(|story| {
        let (session, good) = story.create(A);
        let forged = story.claim_by(Story::client(7), session, B, PasswordCheck::Wrong);
        story.leave(forged);
        story.write(good);
        story.fin(good);
        story.wait(1_000);
        story.attach(session, A);
        story.wait(LONG);
        assert_eq!(story.verdict().evidence, Evidence::Inferred, "the forged claim is no evidence");
    });
}

#[test]
fn a_session_that_is_over_when_it_comes_back() {
    alone_and_among_many(|story| {
        let (session, link) = story.create(A);
        story.wait(TIMEOUT / 3);
        story.write(link);
        story.fin(link);
        story.wait(1_000);
        let next = story.claim(session, B);
        story.refuse(next);
        assert_eq!(story.reason(link, 0), EndReason::SessionExpired);
        assert_eq!(story.ledger.session(session).unwrap().state().label(), "ended");
        assert_eq!(story.verdicts().len(), 0);
    });
}

#[test]
fn a_zombie_that_kept_the_session_alive() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        let new = story.attach(session, B);
        story.leave(new);
        story.wait(TIMEOUT * 2);
        story.write(old);
        story.fin(old);
        assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
        story.expect_verdict(old, Evidence::AttachElsewhere, Confidence::Certain);
    });
}

#[test]
fn a_silent_stale_link_that_its_server_drops() {
    alone_and_among_many(|story| {
        let (session, old) = story.create(A);
        story.attach(session, B);
        story.wait(TIMEOUT + 3_000);
        story.fin(old);
        assert_eq!(story.reason(old, quiet()), EndReason::ClientSilent, "the session lives on");
        assert_eq!(story.ledger.session(session).unwrap().state().label(), "attached");
    });
}

#[test]
fn a_server_that_was_just_starting() {
    let mut story = Story::new();
    let (session, link) = story.create(B);
    story.leave(link);
    story.set(A, ServerHealth::Refusing);
    story.look(A);
    story.wait(2_500);
    let early = story.claim(session, A);
    story.fin(early);
    story.set(A, ServerHealth::Serving);
    assert_eq!(story.reason(early, 1_000), EndReason::NotServing);
}

#[test]
fn a_server_that_has_caught_up_since() {
    let mut story = Story::new();
    let (session, link) = story.create(B);
    story.leave(link);
    let early = story.claim_seen(Story::client(1), session, A, PasswordCheck::Right, 0x1_0000_0007);
    story.fin(early);
    story.set_zxid(A, 0x1_0000_0008);
    assert_eq!(story.reason(early, 1_000), EndReason::LaggingServer);
}

#[test]
fn a_client_that_is_answered_and_leaves() {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.wait(1_000);
    story.write(link);
    story.wait(3_900);
    story.answered(link);
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::ClientSilent);
}

#[test]
fn the_younger_of_two_claims_at_one_server_wins() {
    let mut story = Story::new();
    let (session, older, younger) = story.claim_twice(A);
    story.accept(younger, session);
    assert_eq!(story.reason(older, 0), EndReason::ReattachedSameServer);
}

#[test]
fn a_refused_session_just_after_its_server_came_back() {
    let mut story = Story::new();
    story.set(A, ServerHealth::Refusing);
    story.look(A);
    story.wait(600);
    story.set(A, ServerHealth::Serving);
    let (session, old) = story.create(A);
    story.attach(session, B);
    story.write(old);
    story.fin(old);
    assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved);
}
