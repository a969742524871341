//! One name that stands for several servers: a Kubernetes Service, a load balancer.

use std::time::Duration;

use zoogate::ids::{ServerId, SessionId, Zxid};
use zoogate::session::fact::{EnsembleFact, Fact};
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole, SharedNameSign};
use zoogate::session::transition::{LedgerFinding, SessionTransition};
use zoogate::session::verdict::{Confidence, EndReason, Evidence};

use crate::story::{A, B, Story, quiet};

/// A look on a connection that was made right behind the last answer.
fn look(story: &mut Story, role: ServerRole, zxid: i64) {
    let connected_at = story.now();
    story.wait(1_000);
    let asked_at = story.now();
    let probe_result = ProbeResult { health: ServerHealth::Serving, role, zxid: Some(Zxid(zxid)) };
    story.tell(SessionTransition::server_seen(ServerId(A), asked_at, connected_at, probe_result));
}

fn signs(story: &Story) -> Vec<SharedNameSign> {
    let sign = |finding: &LedgerFinding| match finding {
        LedgerFinding::ManyServers { server: ServerId(A), sign } => Some(*sign),
        _ => None,
    };
    story.findings.iter().filter_map(sign).collect()
}

#[test]
fn a_server_that_leads_the_epoch_that_it_followed_is_two() {
    let mut story = Story::without_prober();
    look(&mut story, ServerRole::Follower, 0x1_0000_0005);
    look(&mut story, ServerRole::Follower, 0x1_0000_0006);
    assert_eq!(signs(&story), []);
    assert!(!story.ledger.stands_for_many(ServerId(A)));
    look(&mut story, ServerRole::Leader, 0x1_0000_0006);
    assert!(story.ledger.stands_for_many(ServerId(A)) && !story.ledger.stands_for_many(ServerId(B)));
    assert_eq!(signs(&story), [SharedNameSign::LedOneEpoch { zxid: Zxid(0x1_0000_0006) }]);
    for role in [ServerRole::Follower, ServerRole::Leader, ServerRole::Follower] {
        look(&mut story, role, 0x1_0000_0006);
    }
    assert_eq!(signs(&story).len(), 1, "told once");
}

#[test]
fn a_zxid_that_goes_back_is_that_of_another_server() {
    let mut story = Story::without_prober();
    look(&mut story, ServerRole::Follower, 0x1_0000_0009);
    look(&mut story, ServerRole::Follower, 0x1_0000_0005);
    let (before, after) = (Zxid(0x1_0000_0009), Zxid(0x1_0000_0005));
    assert_eq!(signs(&story), [SharedNameSign::ZxidWentBack { before, after }]);
}

#[test]
fn an_election_and_a_restart_are_one_server() {
    let mut story = Story::without_prober();
    look(&mut story, ServerRole::Follower, 0x1_0000_0009);
    look(&mut story, ServerRole::Leader, 0x2_0000_0000);
    look(&mut story, ServerRole::Follower, 0x2_0000_0004);
    // What it answers after it has been away, or on a connection that was made later, may be another state of it.
    let asked_at = story.now();
    let down = ProbeResult::of(ServerHealth::NotServing);
    story.tell(SessionTransition::server_seen(ServerId(A), asked_at, asked_at, down));
    look(&mut story, ServerRole::Follower, 0x2_0000_0001);
    story.wait(500);
    look(&mut story, ServerRole::Follower, 0x2_0000_0000);
    assert_eq!(signs(&story), []);
}

#[test]
fn new_sessions_that_were_born_on_two_servers_came_from_two() {
    let mut story = Story::new();
    for id in [0x0100_0000_0000_0050, 0x0100_0000_0000_0051] {
        let link =
            story.claim_by(Story::client(1), SessionId::NEW, A, zoogate::wire::handshake::PasswordCheck::NotNeeded);
        story.accept(link, SessionId(id));
    }
    assert_eq!(signs(&story), []);
    let link = story.claim_by(Story::client(1), SessionId::NEW, A, zoogate::wire::handshake::PasswordCheck::NotNeeded);
    story.accept(link, SessionId(0x0200_0000_0000_0001));
    assert_eq!(signs(&story), [SharedNameSign::TwoBirthplaces { one: 1, other: 2 }]);
}

#[test]
fn a_late_write_under_one_name_has_moved_and_nothing_is_certain() {
    for pause in [300, 2_000] {
        let mut story = Story::without_prober();
        look(&mut story, ServerRole::Follower, 0x1_0000_0005);
        look(&mut story, ServerRole::Leader, 0x1_0000_0005);
        let (session, old) = story.create(A);
        story.attach(session, A);
        story.wait(pause);
        story.write(old);
        story.wait(2);
        story.fin(old);
        look(&mut story, ServerRole::Follower, 0x1_0000_0005);
        assert_eq!(story.reason(old, quiet()), EndReason::SessionMoved, "{pause} ms");
        story.expect_verdict(old, Evidence::AttachElsewhere, Confidence::Likely);
        let told = |fact: &Fact| matches!(fact, Fact::Ensemble(EnsembleFact::ManyServers {}));
        assert!(story.facts(old).iter().any(told), "{:?}", story.facts(old));
    }
}

#[test]
fn what_needs_no_server_stays_certain() {
    let mut story = Story::without_prober();
    look(&mut story, ServerRole::Follower, 0x1_0000_0005);
    look(&mut story, ServerRole::Leader, 0x1_0000_0005);
    let (session, old) = story.create(A);
    story.close_session(old);
    assert_eq!(
        story.decided(old).map(|ended| (ended.reason, ended.confidence)),
        Some((EndReason::Closed, Confidence::Certain))
    );
    let (_, gap) = story.create(A);
    story.write(gap);
    story.state(gap).skipped = 1;
    story.fin(gap);
    story.wait(Duration::from_secs(4).as_millis() as u64);
    story.expect_verdict(gap, Evidence::XidGap, Confidence::Likely);
    story.attach(session, B);
}
