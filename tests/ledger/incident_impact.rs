//! What an incident cost: each session counts once, with what became of it, and each end where it belongs.

use std::time::Duration;

use zoogate::diagnose::{CauseCode, Impact, OwnAction};
use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid};
use zoogate::observe::incident_summary;
use zoogate::session::connection_end::{CloseKind, ConnectionCloser, DisconnectPoint, ProxyClose, UnansweredRequest};
use zoogate::session::event::MovedCodeLocation;
use zoogate::session::identity::HolderIdentity;
use zoogate::session::probe_result::ServerHealth;
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::{EndReason, RouteReason};
use zoogate::state::SeekingClient;
use zoogate::wire::OpCode;

use crate::causes::{code, incidents, only_incident, pass};
use crate::story::{A, B, LEADER, Link, Story, TIMEOUT};

/// The leader is killed with so many sessions, which come back at its followers after so many milliseconds, for that
/// reason: sessions, those that are back, those that moved, how often routing passed the leader over.
fn after_a_killed_leader(sessions: usize, away_ms: u64, routed: RouteReason) -> (u32, u32, u32, u32) {
    let mut story = Story::diagnosed();
    let held: Vec<(SessionId, Link)> = (0..sessions).map(|_| story.create(LEADER)).collect();
    story.set(LEADER, ServerHealth::Refusing);
    for (_, link) in &held {
        story.fin(*link);
    }
    for server in [A, B] {
        story.set(server, ServerHealth::NotServing);
    }
    story.look_around();
    story.wait(away_ms);
    for server in [A, B] {
        story.set(server, ServerHealth::Serving);
    }
    story.elect(A);
    story.set(LEADER, ServerHealth::Refusing);
    story.look_around();
    story.routed = routed;
    for (number, (session, _)) in held.iter().enumerate() {
        story.attach(*session, if number % 2 == 0 { A } else { B });
    }
    pass(&mut story, 3);
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.impact.connections), (CauseCode::LeaderStopped, sessions as u32));
    let impact = incident.impact;
    assert!(impact.longest_gap >= Duration::from_millis(away_ms), "{:?}", impact.longest_gap);
    (impact.sessions, impact.back, impact.moved, incident.own_actions[OwnAction::PassedOver as usize])
}

#[test]
fn sessions_of_a_killed_leader_that_come_back_elsewhere_have_moved() {
    for away_ms in [100, 3_000] {
        assert_eq!(after_a_killed_leader(412, away_ms, RouteReason::PinUnhealthy), (412, 412, 412, 412), "{away_ms}");
    }
    assert_eq!(after_a_killed_leader(20, 100, RouteReason::Mirror), (20, 20, 20, 0));
    // More than can wait for their first cause.
    for away_ms in [1, 3_000] {
        assert_eq!(after_a_killed_leader(1_000, away_ms, RouteReason::Fallback), (1_000, 1_000, 1_000, 1_000));
    }
}

#[test]
fn a_session_that_comes_and_goes_within_one_incident_counts_once() {
    for (comes_back, expected) in [(true, (4, 1, 1, 0)), (false, (4, 1, 0, 0))] {
        let mut story = Story::diagnosed();
        story.create(B);
        let (session, mut link) = story.create(B);
        for round in 1..=4 {
            story.wait(300);
            story.end(link, ConnectionCloser::Server(CloseKind::Reset));
            story.wait(700);
            if round < 4 || comes_back {
                link = story.attach(session, B);
            }
            story.look_around();
        }
        pass(&mut story, 4);
        let impact = only_incident(&story).impact;
        assert_eq!((impact.connections, impact.sessions, impact.back, impact.moved), expected);
    }
}

#[test]
fn a_session_counts_once_in_an_incident_that_was_over_and_comes_again() {
    let mut story = Story::diagnosed();
    story.create(B);
    let (session, mut link) = story.create(B);
    for round in 1..=2 {
        story.hear_client(link);
        story.hear_server(link);
        story.wait(100);
        story.reset(link);
        pass(&mut story, 1);
        link = story.attach(session, B);
        pass(&mut story, 8);
        let incident = only_incident(&story);
        assert!(incident.until.is_some(), "{incident:?}");
        assert_eq!((incident.times, incident.impact.connections), (round, round));
        assert_eq!((incident.impact.sessions, incident.impact.back), (1, 1));
    }
}

#[test]
fn a_session_that_two_incidents_took_counts_once_in_what_they_turn_out_to_be() {
    let mut story = Story::diagnosed();
    let (session, mut link) = story.create(A);
    for server in [A, B] {
        story.set(server, ServerHealth::NotServing);
        story.look_around();
        story.fin(link);
        pass(&mut story, 2);
        link = story.attach(session, if server == A { B } else { LEADER });
    }
    assert_eq!(incidents(&story).iter().map(|incident| incident.impact.sessions).collect::<Vec<_>>(), [1, 1]);
    let (_, other) = story.create(LEADER);
    story.set(LEADER, ServerHealth::Refusing);
    story.look_around();
    story.fin(other);
    story.fin(link);
    pass(&mut story, 2);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::LeaderStopped);
    let impact = incident.impact;
    assert_eq!((impact.connections, impact.sessions, impact.back), (4, 2, 0));
}

#[test]
fn a_session_that_is_over_is_waited_for_no_longer() {
    let mut story = Story::diagnosed();
    let (session, link) = story.create(B);
    let identity = HolderIdentity::broker(7);
    story.tell(SessionTransition::Identified { connection: link, identity });
    story.set(B, ServerHealth::Refusing);
    story.look_around();
    story.fin(link);
    pass(&mut story, 2);
    let impact = only_incident(&story).impact;
    assert_eq!((impact.sessions, impact.ephemerals_at_risk, impact.expired), (1, 1, 0));
    pass(&mut story, TIMEOUT / 1_000);
    story.set(B, ServerHealth::Serving);
    story.look_around();
    for server in [A, LEADER] {
        let claim = story.claim(session, server);
        story.wait(1);
        story.refuse(claim);
        story.fin(claim);
    }
    pass(&mut story, 2);
    let impact = only_incident(&story).impact;
    assert_eq!((impact.connections, impact.sessions, impact.back, impact.expired), (3, 1, 0, 1));
    assert_eq!(impact.ephemerals_at_risk, 0, "they are gone");
    pass(&mut story, 5);
    assert!(only_incident(&story).until.is_some(), "nobody is away");
}

/// Two sessions whose ends at a server that stays are explained by nothing until they come back: then they had moved.
#[test]
fn an_end_whose_reason_is_found_later_counts_where_it_belongs() {
    let mut story = Story::diagnosed();
    story.crowd(A, 4);
    let held = [story.create(A), story.create(A)];
    for (_, link) in &held {
        story.write(*link);
        story.wait(20);
        story.fin(*link);
        story.wait(300);
    }
    pass(&mut story, 2);
    let before = only_incident(&story);
    assert_eq!((before.impact.connections, before.impact.refused, before.impact.unanswered), (2, 0, 2));
    story.attach(held[0].0, B);
    story.wait(50);
    assert_eq!(story.decided(held[0].1).map(|ended| ended.reason), Some(EndReason::SessionMoved));
    let [moved, rest] = &incidents(&story)[..] else { panic!("{:?}", incidents(&story)) };
    assert_eq!((moved.cause().code, rest.cause().code), (CauseCode::StaleConnection, before.cause().code));
    let figures = |impact: &Impact| {
        (impact.connections, impact.sessions, impact.back, impact.moved, impact.refused, impact.unanswered)
    };
    assert_eq!((figures(&moved.impact), figures(&rest.impact)), ((1, 1, 1, 1, 1, 1), (1, 1, 0, 0, 0, 1)));
    assert_eq!((moved.impact.operations.len(), rest.impact.operations.len()), (1, 1));
    story.attach(held[1].0, B);
    pass(&mut story, 1);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::StaleConnection);
    assert_eq!(figures(&incident.impact), (2, 2, 2, 2, 2, 2));
    assert_eq!(held.map(|(_, link)| code(&story, link)), [Some(CauseCode::StaleConnection); 2]);
}

#[test]
fn a_leader_that_fails_again_and_again_is_one_incident_that_came_as_often() {
    let mut story = Story::diagnosed();
    let (session, mut link) = story.create(B);
    for _ in 0..3 {
        story.set(LEADER, ServerHealth::Refusing);
        story.set(B, ServerHealth::NotServing);
        story.look_around();
        story.fin(link);
        pass(&mut story, 1);
        story.elect(LEADER);
        story.set(LEADER, ServerHealth::Serving);
        story.set(B, ServerHealth::Serving);
        story.look_around();
        link = story.attach(session, B);
        pass(&mut story, 3);
    }
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.times, incident.impact.connections), (CauseCode::LeaderStopped, 3, 3));
    assert_eq!((incident.impact.sessions, incident.impact.back), (1, 1));
}

#[test]
fn a_server_that_stops_again_while_a_session_is_away_came_twice_and_its_last_ends_did_not() {
    let mut story = Story::diagnosed();
    let links: Vec<Link> = (0..3).map(|_| story.create(B).1).collect();
    story.set(B, ServerHealth::Refusing);
    story.look_around();
    for link in links {
        story.fin(link);
        pass(&mut story, 1);
    }
    story.set(B, ServerHealth::Serving);
    pass(&mut story, 3);
    let first = only_incident(&story);
    assert_eq!((first.times, first.until), (1, None), "three sessions are away");
    let (_, again) = story.create(B);
    pass(&mut story, 20);
    story.set(B, ServerHealth::Refusing);
    story.look_around();
    story.fin(again);
    pass(&mut story, 2);
    let incident = only_incident(&story);
    assert_eq!((incident.id, incident.times, incident.impact.connections), (first.id, 2, 4));
}

/// A server says in a multi's results that the session has moved, and its connection stays open.
fn refuse_in_words(story: &mut Story, link: Link) {
    story.wait(20);
    let sent_at = story.now();
    let refused =
        UnansweredRequest { xid: Xid(1), op: OpCode::MULTI, path: "/a".to_owned(), ephemeral: false, sent_at };
    let form = MovedCodeLocation::Multi;
    story.tell(SessionTransition::MoveRefused { connection: link, form, refused: Some(refused) });
}

#[test]
fn a_refusal_in_words_has_a_cause_and_an_incident_though_its_connection_stays() {
    let mut story = Story::diagnosed();
    let (session, old) = story.create(A);
    story.attach(session, B);
    (0..2).for_each(|_| refuse_in_words(&mut story, old));
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.key.server), (CauseCode::StaleConnection, Some(ServerId(A))));
    let impact = &incident.impact;
    assert_eq!((impact.refused, impact.unanswered, impact.connections, impact.sessions), (2, 2, 0, 0));
    let summary = incident_summary(&["0".to_owned(), "1".to_owned(), "2".to_owned()], &incident);
    assert!(summary.ends_with("; 2 refused by SESSION_MOVED, 2 requests without a reply"), "{summary}");
    // Another client has it now.
    story.attach_by(Story::client(2), session, LEADER);
    refuse_in_words(&mut story, old);
    let causes: Vec<(CauseCode, Option<u64>)> = story
        .verdicts()
        .iter()
        .filter_map(|verdict| {
            let state = story.diagnosed.as_ref().expect("a story with causes");
            state.with_diagnosis(|diagnosis| diagnosis.cause_of_refusal(verdict))
        })
        .map(|known| (known.cause.code, known.incident))
        .collect();
    let stale = (CauseCode::StaleConnection, Some(incident.id));
    assert_eq!(causes, [stale, stale, (CauseCode::SharedSession, Some(incident.id + 1))]);
    assert_eq!(code(&story, old), None, "it is open");
    story.leave(old);
    pass(&mut story, 3);
    assert_ne!(code(&story, old), Some(CauseCode::StaleConnection), "its end has its own");
}

fn done(story: &Story, action: OwnAction) -> u32 {
    only_incident(story).own_actions[action as usize]
}

#[test]
fn what_zoogate_did_itself_is_told() {
    let mut story = Story::diagnosed();
    for _ in 0..3 {
        let (_, link) = story.create(A);
        story.end(link, ConnectionCloser::Proxy(ProxyClose::Shutdown));
    }
    assert_eq!((only_incident(&story).cause().code, done(&story, OwnAction::Drained)), (CauseCode::ZoogateStopped, 3));

    let mut story = Story::diagnosed();
    let (session, link) = story.create(A);
    story.end(link, ConnectionCloser::Proxy(ProxyClose::Operator(DisconnectPoint::Boundary)));
    pass(&mut story, 2 * TIMEOUT / 1_000);
    assert_eq!(incidents(&story), [], "an operator's disconnect is none");
    for server in [A, B] {
        let claim = story.claim(session, server);
        story.wait(1);
        story.refuse(claim);
        story.fin(claim);
    }
    pass(&mut story, 2);
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.impact.expired), (CauseCode::SessionExpired, 1));
    assert_eq!(done(&story, OwnAction::Disconnected), 1, "and what came of it is one");
}

#[test]
fn claims_that_waited_for_a_server_were_held_and_what_can_be_seen_is_told_as_it_was() {
    let mut story = Story::diagnosed();
    let bypass = |story: &Story, theirs| {
        let state = story.diagnosed.as_ref().expect("a story with causes");
        (0..3).for_each(|_| state.note_connections(ServerId(A), theirs, 1));
    };
    bypass(&story, 10);
    pass(&mut story, 1);
    let (session, link) = story.create(LEADER);
    for server in [LEADER, A, B] {
        story.set(server, ServerHealth::Refusing);
    }
    story.look_around();
    story.fin(link);
    let claimed_at = story.now();
    let state = story.diagnosed.as_ref().expect("a story with causes");
    for number in 0..2 {
        let (connection, client) = (ConnectionId(1_000 + number), Story::client(1));
        drop(state.seeking_claim(SeekingClient { connection, client, session: Some(session), claimed_at }));
    }
    pass(&mut story, 2);
    assert_eq!(done(&story, OwnAction::Held), 2);
    bypass(&story, 1);
    pass(&mut story, 2);
    let incident = only_incident(&story);
    assert_eq!(incident.completeness.bypassing, Some(9), "as it was when it began");
    assert_eq!((incident.completeness.servers_seen, incident.completeness.servers), (3, 3));
}
