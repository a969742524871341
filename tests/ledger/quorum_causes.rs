//! Causes of the ensemble: a quorum that is lost, and a way that is cut for zoogate alone.

use std::time::Duration;

use zoogate::diagnose::{CauseCode, Incident, PathSample, ServerDetails};
use zoogate::ids::{ServerId, SessionId};
use zoogate::session::connection_end::{ConnectionCloser, ProxyClose};
use zoogate::session::fact::{Fact, WatchFact};
use zoogate::session::probe_result::{ServerHealth, ServerRole};
use zoogate::session::verdict::Confidence;

use crate::causes::{code, details, only_incident, pass};
use crate::story::{A, B, LEADER, Link, Story};

const ALL: [u16; 3] = [LEADER, A, B];

/// Nothing comes from any server, and zoogate ends the connection to one of them.
fn all_silent(story: &mut Story) -> Link {
    let (_, link) = story.create(A);
    story.write(link);
    for server in ALL {
        story.set(server, ServerHealth::Unresponsive);
    }
    pass(story, 2);
    for server in ALL {
        story.set(server, ServerHealth::Unreachable);
    }
    pass(story, 2);
    story.end(link, ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer));
    pass(story, 1);
    link
}

/// All servers are reached again. Zoogate takes a port that opens for a server that is not serving yet.
fn reached_again(story: &mut Story) {
    for server in ALL {
        story.set(server, ServerHealth::NotServing);
    }
    story.look_around();
    story.wait(5);
    for server in ALL {
        story.set(server, ServerHealth::Serving);
    }
    story.look_around();
    pass(story, 2);
}

fn remaining(incident: &Incident) -> &[CauseCode] {
    &incident.diagnosed.remaining
}

fn is_ruled_out(incident: &Incident, code: CauseCode) -> bool {
    incident.diagnosed.ruled_out.iter().any(|(other, _)| *other == code)
}

#[test]
fn servers_of_which_none_says_anything_may_be_behind_a_way_that_is_cut() {
    let mut story = Story::diagnosed();
    all_silent(&mut story);
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.cause().confidence), (CauseCode::Unknown, Confidence::Weak));
    assert_eq!(remaining(&incident), [CauseCode::PathServerCut, CauseCode::QuorumLost]);
}

#[test]
fn the_kernel_shows_that_no_server_is_reached() {
    let mut story = Story::diagnosed();
    all_silent(&mut story);
    let stuck = PathSample { rtt: Duration::from_millis(1), retransmissions: 4, unacked: 2, lost: 1 };
    story.diagnosed.as_ref().expect("causes").note_path(ServerId(B), story.now(), stuck);
    pass(&mut story, 1);
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.cause().confidence), (CauseCode::PathServerCut, Confidence::Likely));
    assert_eq!(remaining(&incident), [CauseCode::QuorumLost]);
}

#[test]
fn a_leader_that_leads_on_in_its_epoch_had_its_majority() {
    let mut story = Story::diagnosed();
    let link = all_silent(&mut story);
    reached_again(&mut story);
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.cause().confidence), (CauseCode::PathServerCut, Confidence::Likely));
    assert!(is_ruled_out(&incident, CauseCode::QuorumLost), "{incident:?}");
    let leads_on = |fact: &Fact| matches!(fact, Fact::Watch(WatchFact::LeadsOn { server: ServerId(LEADER), epoch: 1 }));
    assert!(incident.diagnosed.facts.iter().any(leads_on), "{incident:?}");
    assert_eq!(code(&story, link), Some(CauseCode::PathServerCut));

    // In a new epoch it would show that they had lost each other.
    let mut story = Story::diagnosed();
    let link = all_silent(&mut story);
    story.elect(LEADER);
    reached_again(&mut story);
    assert_ne!(code(&story, link), Some(CauseCode::PathServerCut));
}

#[test]
fn one_server_that_says_so_shows_a_lost_quorum_until_the_leader_leads_on() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(B);
    for server in [LEADER, A] {
        story.set(server, ServerHealth::Unreachable);
    }
    story.set(B, ServerHealth::NotServing);
    story.fin(link);
    pass(&mut story, 2);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::QuorumLost, "{incident:?}");
    assert_eq!(remaining(&incident), [CauseCode::PathServerCut]);
    reached_again(&mut story);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::ServerParted, "{incident:?}");
    assert!(is_ruled_out(&incident, CauseCode::QuorumLost), "{incident:?}");
}

#[test]
fn servers_that_refuse_are_gone_whatever_the_others_do() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    story.write(link);
    for server in [A, B] {
        story.set(server, ServerHealth::Refusing);
    }
    story.set(LEADER, ServerHealth::Unresponsive);
    story.fin(link);
    pass(&mut story, 2);
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, remaining(&incident)), (CauseCode::QuorumLost, &[][..]));
}

/// A leader, a follower and an observer.
fn with_an_observer() -> Story {
    let mut story = Story::diagnosed();
    story.set_role(B, ServerRole::Observer);
    pass(&mut story, 1);
    story
}

#[test]
fn a_quorum_of_two_is_lost_with_the_follower_and_observers_do_not_count() {
    let mut story = with_an_observer();
    let (_, link) = story.create(LEADER);
    let (_, observed) = story.create(B);
    story.set(A, ServerHealth::Refusing);
    pass(&mut story, 1);
    for server in [LEADER, B] {
        story.set(server, ServerHealth::NotServing);
    }
    story.look_around();
    story.fin(link);
    story.fin(observed);
    pass(&mut story, 3);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::QuorumLost, "{incident:?}");
    let names_it = |fact: &Fact| matches!(fact, Fact::Watch(WatchFact::HealthSince { server: ServerId(A), .. }));
    assert!(incident.diagnosed.facts.iter().any(names_it), "{incident:?}");
    assert_eq!([link, observed].map(|link| code(&story, link)), [Some(CauseCode::QuorumLost); 2]);
}

#[test]
fn the_leader_of_two_is_the_cause_itself() {
    let mut story = with_an_observer();
    let (_, link) = story.create(A);
    story.set(LEADER, ServerHealth::Refusing);
    for server in [A, B] {
        story.set(server, ServerHealth::NotServing);
    }
    story.look_around();
    story.fin(link);
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::LeaderStopped));
}

#[test]
fn an_observer_that_is_down_is_no_lost_quorum() {
    let mut story = with_an_observer();
    let (_, link) = story.create(A);
    story.set(B, ServerHealth::Refusing);
    for server in [LEADER, A] {
        story.set(server, ServerHealth::NotServing);
    }
    story.look_around();
    story.fin(link);
    pass(&mut story, 3);
    assert_ne!(code(&story, link), Some(CauseCode::QuorumLost));
}

#[test]
fn a_server_that_reads_alone_does_not_serve() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(LEADER);
    for server in [A, B] {
        story.set(server, ServerHealth::Refusing);
    }
    story.set_role(LEADER, ServerRole::ReadOnly);
    story.look_around();
    story.fin(link);
    pass(&mut story, 2);
    assert_eq!(only_incident(&story).cause().code, CauseCode::QuorumLost);
}

#[test]
fn an_election_begins_when_the_last_server_serves_no_longer() {
    let mut story = Story::diagnosed();
    story.set(B, ServerHealth::NotServing);
    story.look_around();
    let parted = story.claim(SessionId::NEW, B);
    story.wait(5);
    story.fin(parted);
    pass(&mut story, 3);
    assert_eq!(code(&story, parted), Some(CauseCode::ServerParted));
    pass(&mut story, 3);
    let (_, link) = story.create(A);
    for server in [LEADER, A] {
        story.set(server, ServerHealth::NotServing);
    }
    story.look_around();
    let claim = story.claim(SessionId::NEW, A);
    story.fin(link);
    story.wait(5);
    story.fin(claim);
    pass(&mut story, 2);
    assert_eq!(code(&story, claim), Some(CauseCode::ElectionRunning));
    assert_eq!(code(&story, parted), Some(CauseCode::ServerParted), "that was before");
}

/// A follower is silent for clients while its leader counts that many, eight seconds later, of which it counted that many
/// before; what was prepared is told first.
fn counted_while_silent(prepare: fn(&mut Story), before: Option<u64>, meanwhile: u64) -> Incident {
    let mut story = Story::diagnosed();
    prepare(&mut story);
    let (_, link) = story.create(A);
    let count = |story: &Story, synced: u64| {
        details(story, ServerDetails::read_mntr(format!("zk_synced_followers\t{synced}\n").as_bytes()));
    };
    details(&story, ServerDetails::read_conf(b"tickTime=1000\nsyncLimit=4\n"));
    if let Some(before) = before {
        count(&story, before);
    }
    story.write(link);
    story.set(A, ServerHealth::Unresponsive);
    pass(&mut story, 4);
    story.end(link, ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer));
    pass(&mut story, 4);
    count(&story, meanwhile);
    pass(&mut story, 1);
    story.set(A, ServerHealth::Serving);
    pass(&mut story, 3);
    only_incident(&story)
}

#[test]
fn a_leader_counts_those_that_vote_and_is_compared_with_its_own_count() {
    let observes = |story: &mut Story| {
        story.set_role(B, ServerRole::Observer);
        pass(story, 1);
    };
    let says = |incident: Incident| (incident.cause().code, incident.diagnosed.remaining.to_vec());
    let frozen_for_sure = (CauseCode::ServerFrozen, vec![]);
    let undecided = (CauseCode::ServerFrozen, vec![CauseCode::PathServerCut]);
    // With an observer one follower is all of them.
    assert_eq!(says(counted_while_silent(observes, Some(1), 1)).0, CauseCode::PathServerCut);
    assert_eq!(says(counted_while_silent(observes, Some(1), 0)), frozen_for_sure);
    // There are five, of which zoogate knows three: one is missing, and it may be any.
    assert_eq!(says(counted_while_silent(|_| {}, Some(4), 3)), undecided);
    assert_eq!(says(counted_while_silent(|_| {}, Some(4), 4)).0, CauseCode::PathServerCut);
    // What it counted before is not known, or not of all that are known.
    assert_eq!(says(counted_while_silent(|_| {}, None, 2)), undecided);
    assert_eq!(says(counted_while_silent(|_| {}, Some(1), 1)), undecided);
}
