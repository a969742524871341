//! Causes and incidents: what the ledger found out, joined with what was watched.

use std::net::SocketAddr;
use std::time::Duration;

use zoogate::diagnose::{
    CapReason, CauseCode, ClientLeg, ClientPath, EndCause, FailureOrigin, Incident, PathSample, ServerDetails,
};
use zoogate::ids::{ServerId, SessionId};
use zoogate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};
use zoogate::session::fact::Fact;
use zoogate::session::probe_result::{ServerHealth, ServerRole};
use zoogate::session::verdict::Confidence;
use zoogate::wire::OpCode;

use crate::story::{A, B, LEADER, Link, Story, TIMEOUT};

pub(crate) fn cause(story: &Story, link: Link) -> Option<EndCause> {
    story.diagnosed.as_ref()?.with_diagnosis(|diagnosis| diagnosis.cause(link))
}

pub(crate) fn code(story: &Story, link: Link) -> Option<CauseCode> {
    cause(story, link).map(|one| one.cause.code)
}

/// All incidents, newest first.
pub(crate) fn incidents(story: &Story) -> Vec<Incident> {
    let state = story.diagnosed.as_ref().expect("a story with causes");
    state.with_diagnosis(|diagnosis| {
        let (ids, _) = diagnosis.incident_ids(usize::MAX, |_| true);
        ids.into_iter().filter_map(|id| diagnosis.incident(id)).map(|report| report.incident).collect()
    })
}

pub(crate) fn only_incident(story: &Story) -> Incident {
    let mut all = incidents(story);
    assert_eq!(all.len(), 1, "{:?}", all.iter().map(Incident::cause).collect::<Vec<_>>());
    all.remove(0)
}

/// Time passes, and the prober looks once a second.
pub(crate) fn pass(story: &mut Story, seconds: u64) {
    for _ in 0..seconds {
        story.wait(1_000);
        story.look_around();
    }
}

#[test]
fn a_leader_whose_port_refuses_has_stopped_and_all_ends_are_one_incident() {
    let mut story = Story::diagnosed();
    let links: Vec<Link> = [A, B].into_iter().flat_map(|server| story.crowd(server, 5)).collect();
    story.wait(500);
    story.set(LEADER, ServerHealth::Refusing);
    for server in [A, B] {
        story.set(server, ServerHealth::NotServing);
    }
    for link in &links {
        story.fin(*link);
    }
    story.look_around();
    pass(&mut story, 1);
    story.set(A, ServerHealth::Serving);
    story.set(B, ServerHealth::Serving);
    story.elect(A);
    story.set(LEADER, ServerHealth::Refusing);
    pass(&mut story, 3);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::LeaderStopped);
    assert_eq!((incident.impact.connections, incident.impact.sessions), (10, 10));
    assert_eq!(incident.origin(), FailureOrigin::Server);
    assert!(!incident.diagnosed.facts.is_empty());
    for link in links {
        assert_eq!(cause(&story, link).and_then(|one| one.incident), Some(incident.id));
    }
}

#[test]
fn a_frozen_leader_is_the_cause_of_what_ends_at_its_followers() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    story.set(LEADER, ServerHealth::Unresponsive);
    pass(&mut story, 2);
    story.write(link);
    pass(&mut story, TIMEOUT / 1_000);
    story.give_up(link);
    story.wait(2_000);
    let one = cause(&story, link).expect("a cause");
    assert_eq!((one.cause.code, one.first()), (CauseCode::LeaderFrozen, FailureOrigin::Server));
    assert_ne!(one.cause.confidence, Confidence::Certain);
}

#[test]
fn a_frozen_server_is_its_own_cause_and_what_looks_alike_is_said() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(B);
    story.write(link);
    story.set(B, ServerHealth::Unresponsive);
    pass(&mut story, 3);
    story.end(link, ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer));
    story.wait(2_000);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::ServerFrozen);
    assert_eq!(incident.key.server, Some(ServerId(B)));
    assert_eq!(incident.diagnosed.remaining[..], [CauseCode::PathServerCut]);
    assert_eq!(incident.cause().capped_because, None, "likely is as sure as it gets");
    assert!(incident.diagnosed.ruled_out.iter().any(|(code, _)| *code == CauseCode::ServerStopped));
    assert_eq!(incident.impact.unanswered, 1);
}

#[test]
fn two_of_three_servers_down_is_a_lost_quorum_and_not_the_leaders_fault() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(LEADER);
    let (_, other) = story.create(A);
    story.set(A, ServerHealth::Refusing);
    story.set(B, ServerHealth::Refusing);
    story.fin(other);
    story.look_around();
    story.set(LEADER, ServerHealth::NotServing);
    story.wait(300);
    story.look_around();
    story.fin(link);
    pass(&mut story, 2);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::QuorumLost, "{:?}", incident.diagnosed);
    assert_eq!(incident.impact.connections, 2);
}

#[test]
fn clients_that_vanish_together_are_one_incident_and_one_that_returns_is_none() {
    let mut story = Story::diagnosed();
    let gone: Vec<Link> = (0..3).map(|_| story.create(A).1).collect();
    for &link in &gone {
        story.leave(link);
    }
    story.wait(1_900);
    let first = cause(&story, gone[0]).expect("a first cause within two seconds");
    assert_eq!(first.cause.code, CauseCode::ClientCrashed);
    assert_eq!(first.cause.capped_because, Some(CapReason::EvidencePending));
    pass(&mut story, 2 * TIMEOUT / 1_000);
    let incident = only_incident(&story);
    assert_eq!((incident.impact.connections, incident.cause().capped_because), (3, None));

    let mut story = Story::diagnosed();
    let (session, link) = story.create(A);
    story.leave(link);
    story.wait(200);
    story.attach(session, A);
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::ClientLeft));
    assert_eq!(incidents(&story), []);
}

#[test]
fn a_client_that_leaves_while_a_write_waits_leaves_because_of_that() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    story.write(link);
    pass(&mut story, 2);
    story.leave(link);
    story.wait(2_000);
    let one = cause(&story, link).expect("a cause");
    assert_eq!((one.cause.code, one.first()), (CauseCode::SlowQuorum, FailureOrigin::Ensemble));
}

/// What a client that left after two seconds left for, where its server told of so many requests outstanding and refused
/// so many of its requests for having too much to do.
fn left_a_busy_server(op: OpCode, outstanding: u32, throttled: u16) -> (CauseCode, Vec<CauseCode>) {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    story.request(link, op);
    pass(&mut story, 1);
    let told = ServerDetails::read_srvr(format!("Outstanding: {outstanding}\n").as_bytes());
    story.diagnosed.as_ref().expect("causes").note_details(ServerId(A), story.now(), told);
    story.state(link).throttled = throttled;
    pass(&mut story, 1);
    story.leave(link);
    story.wait(2_000);
    let incident = only_incident(&story);
    (incident.cause().code, incident.diagnosed.remaining.to_vec())
}

#[test]
fn a_server_is_overloaded_where_it_says_so() {
    let slow = [CauseCode::PathServerCut, CauseCode::SlowQuorum];
    assert_eq!(left_a_busy_server(OpCode::GET_DATA, 500, 0), (CauseCode::SlowServer, slow.to_vec()));
    let (code, remaining) = left_a_busy_server(OpCode::GET_DATA, 501, 0);
    assert_eq!((code, remaining.first()), (CauseCode::ServerOverloaded, Some(&CauseCode::SlowServer)));
    // Requests pile up behind a disk as well.
    assert_eq!(
        left_a_busy_server(OpCode::SET_DATA, 501, 0),
        (CauseCode::SlowQuorum, vec![CauseCode::ServerOverloaded])
    );
    for op in [OpCode::GET_DATA, OpCode::SET_DATA] {
        assert_eq!(left_a_busy_server(op, 0, 1), (CauseCode::ServerOverloaded, vec![]));
    }
}

/// What the kernel knows of the way to the client.
fn reach(story: &Story, path: ClientPath) {
    let state = story.diagnosed.as_ref().expect("a story with causes");
    let asked = state.clients_in_question(story.now());
    assert_eq!(
        asked.iter().map(SocketAddr::ip).collect::<Vec<_>>(),
        [Story::client(1).ip()],
        "the kernel is asked about it"
    );
    state.note_client_paths(&[(asked[0], Some(path))].into_iter().collect());
}

const STUCK: ClientPath =
    ClientPath { rtt: Duration::from_millis(1), retransmissions: 3, unacked: 2, resent: 3, end_acknowledged: false };
const ACKNOWLEDGED: ClientPath = ClientPath { unacked: 0, resent: 0, end_acknowledged: true, ..STUCK };

#[test]
fn a_client_that_ended_its_connection_is_not_asked_about_when_the_kernel_knows_it_no_more() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    story.leave(link);
    story.wait(100);
    let state = story.diagnosed.as_ref().expect("a story with causes");
    let asked = state.clients_in_question(story.now());
    assert_eq!(asked.len(), 1);
    state.note_client_paths(&[(asked[0], Some(ACKNOWLEDGED))].into_iter().collect());
    assert_eq!(state.clients_in_question(story.now()), asked, "it may yet be stuck");
    state.note_client_paths(&[(asked[0], None)].into_iter().collect());
    assert_eq!(state.clients_in_question(story.now()), []);
}

#[test]
fn a_silent_client_whose_machine_does_not_acknowledge_is_behind_a_cut_path() {
    for (path, expected, is_ruled_out) in [
        (STUCK, CauseCode::PathClientCut, CauseCode::ClientPaused),
        (ACKNOWLEDGED, CauseCode::ClientPaused, CauseCode::PathClientCut),
    ] {
        let mut story = Story::diagnosed();
        let (session, link) = story.create(A);
        pass(&mut story, TIMEOUT / 1_000 + 1);
        story.fin(link);
        story.wait(800);
        reach(&story, path);
        pass(&mut story, 1);
        assert_eq!(code(&story, link), Some(expected));
        // It stays so when it gets through again.
        if let [client] = story.diagnosed.as_ref().expect("causes").clients_in_question(story.now())[..] {
            let looked_at = [(client, Some(ACKNOWLEDGED))].into_iter().collect();
            story.diagnosed.as_ref().expect("causes").note_client_paths(&looked_at);
        }
        let claim = story.claim(session, A);
        story.wait(1);
        story.refuse(claim);
        story.fin(claim);
        pass(&mut story, 2);
        let incident = only_incident(&story);
        assert_eq!((incident.cause().code, code(&story, link)), (expected, Some(expected)));
        assert!(incident.diagnosed.ruled_out.iter().any(|(code, _)| *code == is_ruled_out));
    }
}

#[test]
fn a_client_that_leaves_a_healthy_server_left_for_its_own_path_where_that_is_slow_or_cut() {
    let slow = ClientPath { rtt: Duration::from_millis(700), ..ACKNOWLEDGED };
    for (path, expected) in [(STUCK, CauseCode::PathClientCut), (slow, CauseCode::SlowClientPath)] {
        let mut story = Story::diagnosed();
        let (session, link) = story.create(A);
        story.leave(link);
        story.wait(300);
        reach(&story, path);
        story.attach(session, B);
        pass(&mut story, 3);
        let one = cause(&story, link).expect("a cause");
        assert_eq!((one.cause.code, one.first()), (expected, FailureOrigin::PathClient));
    }
}

#[test]
fn a_way_that_was_seen_slow_while_the_connection_stood_is_told_with_both_round_trips() {
    for (rtt, expected) in [(700, CauseCode::SlowClientPath), (5, CauseCode::ClientMoved)] {
        let mut story = Story::diagnosed();
        let (session, link) = story.create(A);
        let client = SocketAddr::new(Story::client(1).ip(), 4_000 + link.0 as u16);
        let leg = ClientLeg { rtt: Duration::from_millis(rtt), retransmissions: 4, unacked: 0 };
        let state = story.diagnosed.as_ref().expect("causes");
        state.note_client_legs(story.now(), &[(client, leg)]);
        let way = PathSample { rtt: Duration::from_millis(2), ..PathSample::default() };
        state.note_path(ServerId(A), story.now(), way);
        story.wait(200);
        story.leave(link);
        story.attach(session, B);
        pass(&mut story, 3);
        assert_eq!(code(&story, link), Some(expected));
        if expected == CauseCode::SlowClientPath {
            let incident = only_incident(&story);
            let kinds: Vec<&str> = incident.diagnosed.facts.iter().map(Fact::kind).collect();
            assert!(kinds.contains(&"slow_client_path") && kinds.contains(&"server_round_trip"), "{kinds:?}");
            let ruled_out: Vec<CauseCode> = incident.diagnosed.ruled_out.iter().map(|(code, _)| *code).collect();
            assert_eq!(ruled_out, [CauseCode::SlowServer, CauseCode::SlowPath]);
        }
    }
}

#[test]
fn a_client_that_leaves_after_ten_times_the_usual_wait_has_not_moved() {
    let mut story = Story::diagnosed();
    let (session, link) = story.create(A);
    story.write(link);
    story.wait(400);
    story.leave(link);
    story.wait(200);
    story.attach(session, B);
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::SlowQuorum));
}

#[test]
fn a_leader_that_runs_on_while_another_one_leads_was_parted() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(LEADER);
    let (_, other) = story.create(A);
    for server in [A, B] {
        story.set(server, ServerHealth::NotServing);
    }
    story.look_around();
    story.fin(other);
    story.wait(900);
    story.set(LEADER, ServerHealth::NotServing);
    story.look_around();
    story.fin(link);
    pass(&mut story, 1);
    for server in [A, B] {
        story.set(server, ServerHealth::Serving);
    }
    story.elect(A);
    story.set(LEADER, ServerHealth::NotServing);
    story.set_role(LEADER, ServerRole::Unknown);
    pass(&mut story, 4);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::LeaderParted, "{:?}", incident.diagnosed);
    assert_eq!(
        (code(&story, link), code(&story, other)),
        (Some(CauseCode::LeaderParted), Some(CauseCode::LeaderParted))
    );
}

#[test]
fn a_leader_that_stood_still_and_follows_late_was_not_parted() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(LEADER);
    story.set(LEADER, ServerHealth::Unresponsive);
    pass(&mut story, 4);
    story.elect(A);
    story.set(LEADER, ServerHealth::NotServing);
    story.look_around();
    story.fin(link);
    pass(&mut story, 5);
    assert_ne!(code(&story, link), Some(CauseCode::LeaderParted));
}

#[test]
fn a_server_that_answers_late_again_and_again_is_slow_and_does_not_stand_still() {
    for (late, expected) in [(1, CauseCode::ServerFrozen), (2, CauseCode::SlowServer)] {
        let mut story = Story::diagnosed();
        let (session, link) = story.create(B);
        story.set(B, ServerHealth::Unresponsive);
        story.look_around();
        story.write(link);
        for _ in 0..late {
            pass(&mut story, 2);
            let state = story.diagnosed.as_ref().expect("causes");
            state.note_late_answer(ServerId(B), story.now(), Duration::from_millis(1_700));
        }
        story.leave(link);
        story.wait(300);
        story.attach(session, A);
        pass(&mut story, 2);
        assert_eq!(code(&story, link), Some(expected));
    }
}

/// What the leader tells of itself.
pub(crate) fn details(story: &Story, told: ServerDetails) {
    story.diagnosed.as_ref().expect("causes").note_details(ServerId(LEADER), story.now(), told);
}

/// The server is silent for the clients' sake while its leader counts that many followers, eight seconds later.
fn counted_while_silent(synced: u64) -> CauseCode {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(B);
    details(&story, ServerDetails::read_conf(b"tickTime=1000\nsyncLimit=4\n"));
    details(&story, ServerDetails::read_mntr(b"zk_synced_followers\t2\n"));
    story.write(link);
    story.set(B, ServerHealth::Unresponsive);
    pass(&mut story, 4);
    let wanted = |story: &Story| {
        let now = story.now();
        story.diagnosed.as_ref().expect("causes").with_watch(|watch| watch.wants_details(ServerId(LEADER), now))
    };
    assert!(!wanted(&story), "its leader bears with it still");
    story.end(link, ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer));
    pass(&mut story, 1);
    assert_eq!(code(&story, link), Some(CauseCode::ServerFrozen), "what was counted before says nothing");
    pass(&mut story, 3);
    assert!(wanted(&story));
    details(&story, ServerDetails::read_mntr(format!("zk_synced_followers\t{synced}\n").as_bytes()));
    assert!(!wanted(&story), "it has told");
    pass(&mut story, 1);
    story.set(B, ServerHealth::Serving);
    pass(&mut story, 3);
    code(&story, link).expect("a cause")
}

#[test]
fn the_leader_that_still_counts_a_silent_server_shows_that_the_path_to_it_is_cut() {
    assert_eq!(counted_while_silent(2), CauseCode::PathServerCut);
    assert_eq!(counted_while_silent(1), CauseCode::ServerFrozen);
}

#[test]
fn a_claim_that_a_server_carries_out_when_it_goes_on_belongs_to_what_had_stopped_it() {
    let mut story = Story::diagnosed();
    let (session, link) = story.create(B);
    story.create(A);
    story.write(link);
    story.set(B, ServerHealth::Unresponsive);
    pass(&mut story, 3);
    story.end(link, ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer));
    story.wait(100);
    let claim = story.claim(session, B);
    pass(&mut story, 2);
    story.give_up(claim);
    let elsewhere = story.attach(session, A);
    pass(&mut story, 1);
    story.set(B, ServerHealth::Serving);
    story.look_around();
    story.wait(50);
    story.write(elsewhere);
    story.fin(elsewhere);
    pass(&mut story, 3);
    assert_eq!(code(&story, elsewhere), Some(CauseCode::LateClaim));
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.key.server), (CauseCode::ServerFrozen, Some(ServerId(B))));
}

#[test]
fn a_session_that_its_client_closes_is_no_incident() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    story.close_session(link);
    pass(&mut story, 2);
    assert_eq!(code(&story, link), Some(CauseCode::SessionClosed));
    assert_eq!(incidents(&story), []);
}

#[test]
fn a_silent_client_that_comes_back_was_paused() {
    let mut story = Story::diagnosed();
    let (session, link) = story.create(A);
    pass(&mut story, TIMEOUT / 1_000 + 1);
    story.fin(link);
    story.wait(1_000);
    let claim = story.claim(session, A);
    story.wait(1);
    story.refuse(claim);
    story.fin(claim);
    pass(&mut story, 2);
    assert_eq!(code(&story, link), Some(CauseCode::ClientPaused));
    let incident = only_incident(&story);
    assert_eq!(
        (incident.cause().code, incident.impact.sessions, incident.impact.expired),
        (CauseCode::ClientPaused, 1, 1)
    );
}

#[test]
fn a_client_that_goes_on_too_late_and_finds_its_session_over_was_paused() {
    for pings in [0, 1] {
        let mut story = Story::diagnosed();
        let (session, link) = story.create(A);
        pass(&mut story, TIMEOUT / 1_000 + 1);
        if pings > 0 {
            story.state(link).unanswered_pings = pings;
            story.hear_client(link);
        } else {
            story.write(link);
        }
        story.wait(1);
        story.fin(link);
        let claim = story.claim(session, A);
        story.wait(1);
        story.refuse(claim);
        story.fin(claim);
        pass(&mut story, 3);
        assert_eq!(code(&story, link), Some(CauseCode::ClientPaused));
        assert_eq!(only_incident(&story).cause().code, CauseCode::ClientPaused);
    }
}

#[test]
fn a_restarted_leader_that_is_not_among_the_others_yet_is_part_of_the_election() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(LEADER);
    story.set(LEADER, ServerHealth::Refusing);
    story.fin(link);
    story.look_around();
    story.wait(300);
    story.elect(A);
    story.set(LEADER, ServerHealth::NotServing);
    pass(&mut story, 3);
    let late = story.claim(SessionId::NEW, LEADER);
    story.wait(5);
    story.fin(late);
    pass(&mut story, 4);
    assert_eq!(only_incident(&story).cause().code, CauseCode::LeaderStopped);
}

/// It stops, is back as a follower within seconds, and stops again, which nobody else notices.
#[test]
fn a_former_leader_that_stops_again_is_a_server_that_stops() {
    let mut story = Story::diagnosed();
    pass(&mut story, 20);
    let (_, link) = story.create(LEADER);
    story.set(LEADER, ServerHealth::Refusing);
    story.fin(link);
    story.look_around();
    story.wait(300);
    story.elect(A);
    story.set(LEADER, ServerHealth::Refusing);
    pass(&mut story, 3);
    story.set(LEADER, ServerHealth::Serving);
    story.set_role(LEADER, ServerRole::Follower);
    let (_, link) = story.create(LEADER);
    pass(&mut story, 9);
    story.set(LEADER, ServerHealth::Refusing);
    story.fin(link);
    story.look_around();
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::ServerStopped));
    let codes: Vec<CauseCode> = incidents(&story).iter().map(|incident| incident.cause().code).collect();
    assert_eq!(codes, [CauseCode::ServerStopped, CauseCode::LeaderStopped]);
}

#[test]
fn a_leader_that_the_connections_know_and_the_watch_does_not_has_stopped() {
    let mut story = Story::diagnosed();
    // Its last zxid is one of an earlier epoch still, as that of a leader which was frozen would be.
    story.set_zxid(B, 9 << 32);
    pass(&mut story, 1);
    story.set_role(LEADER, ServerRole::Follower);
    story.set_role(A, ServerRole::Leader);
    story.set_zxid(A, 8 << 32);
    pass(&mut story, 20);
    let (_, link) = story.create(A);
    story.create(A);
    story.wait(100);
    story.set(A, ServerHealth::Refusing);
    story.fin(link);
    story.look_around();
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::LeaderStopped));
}

#[test]
fn a_timeout_is_too_short_for_pauses_that_make_clients_give_up_again_and_again() {
    let mut story = Story::diagnosed();
    for pause in 1..=3 {
        let link = story.claim(SessionId::NEW, B);
        story.wait(1);
        story.accept_for(link, SessionId(pause), 4_000);
        story.write(link);
        story.wait(800);
        // It stands still for 2.6 s, and the probes show less of that.
        story.set(B, ServerHealth::Unresponsive);
        story.look_around();
        story.wait(1_800);
        story.leave(link);
        story.set(B, ServerHealth::Serving);
        story.look_around();
        story.wait(1_500);
    }
    pass(&mut story, 1);
    assert_eq!(only_incident(&story).cause().code, CauseCode::TimeoutTooShort);
}

#[test]
fn a_server_that_served_on_through_an_election_and_fell_out_later_was_parted() {
    let mut story = Story::diagnosed();
    story.elect(LEADER);
    story.look_around();
    let (_, link) = story.create(B);
    pass(&mut story, 6);
    story.set(B, ServerHealth::NotServing);
    story.fin(link);
    story.look_around();
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::ServerParted));
}

#[test]
fn a_reset_at_a_server_that_serves_on_is_the_path() {
    let mut story = Story::diagnosed();
    let (_, stays) = story.create(B);
    let (_, link) = story.create(B);
    story.wait(100);
    story.reset(link);
    story.hear_server(stays);
    pass(&mut story, 2);
    let first = cause(&story, link).expect("a first cause within two seconds").cause;
    assert_eq!((first.code, first.confidence), (CauseCode::PathServerReset, Confidence::Weak));
    pass(&mut story, 10);
    let one = cause(&story, link).expect("a cause").cause;
    assert_eq!((one.code, one.confidence), (CauseCode::PathServerReset, Confidence::Likely));
    let incident = only_incident(&story);
    assert!(incident.diagnosed.ruled_out.iter().any(|(code, _)| *code == CauseCode::ServerStopped));
}

#[test]
fn an_incident_is_over_when_it_is_quiet_and_comes_again_as_the_same() {
    let mut story = Story::diagnosed();
    let reset = |story: &mut Story| {
        let (session, link) = story.create(B);
        story.wait(100);
        story.end(link, ConnectionCloser::Server(CloseKind::Reset));
        pass(story, 1);
        story.attach(session, B);
        pass(story, 8);
    };
    story.create(B);
    reset(&mut story);
    let first = only_incident(&story);
    assert!(first.until.is_some(), "{first:?}");
    assert_eq!(first.impact.back, 1);
    reset(&mut story);
    let again = only_incident(&story);
    assert_eq!((again.id, again.times, again.impact.connections), (first.id, 2, 2));
    // Nothing like it was before it, however often it came.
    assert_eq!(again.seen_before, None);
}

#[test]
fn a_storm_is_one_incident() {
    let mut story = Story::diagnosed();
    let links = story.crowd(A, 10_000);
    story.set(A, ServerHealth::Refusing);
    story.look_around();
    for link in &links {
        story.fin(*link);
    }
    pass(&mut story, 4);
    let incident = only_incident(&story);
    assert_eq!((incident.cause().code, incident.impact.sessions), (CauseCode::ServerStopped, 10_000));
}

#[test]
fn of_a_thousand_ends_that_nothing_explains_each_has_a_first_cause_within_two_seconds() {
    let mut story = Story::diagnosed();
    story.crowd(A, 2_000);
    let links: Vec<Link> = (0..1_000).map(|_| story.create(A).1).collect();
    for link in &links {
        story.write(*link);
        story.fin(*link);
    }
    story.wait(1_900);
    assert!(links.iter().all(|link| story.decided(*link).is_none()), "their sessions may come back yet");
    assert_eq!(links.iter().filter(|link| cause(&story, **link).is_some()).count(), links.len());
    assert_eq!(only_incident(&story).impact.connections, 1_000);
    pass(&mut story, 2 * TIMEOUT / 1_000);
    assert!(links.iter().all(|link| story.decided(*link).is_some()));
    assert_eq!(incidents(&story).iter().map(|incident| incident.impact.connections).sum::<u32>(), 1_000);
}

#[test]
fn a_session_that_lives_on_elsewhere_is_not_away() {
    let mut story = Story::diagnosed();
    let (session, old) = story.create(A);
    story.create(A);
    story.wait(100);
    story.attach(session, B);
    story.wait(200);
    story.write(old);
    story.fin(old);
    pass(&mut story, 3);
    let incident = only_incident(&story);
    assert_eq!(incident.cause().code, CauseCode::StaleConnection);
    let impact = incident.impact;
    assert_eq!((impact.sessions, impact.back, impact.moved, impact.refused), (1, 1, 1, 1));
    assert_eq!(impact.ephemerals_at_risk, 0);
}

#[test]
fn a_stop_leaves_no_end_undecided_and_no_incident_open() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    story.write(link);
    story.fin(link);
    assert_eq!(cause(&story, link), None, "its server is still to be asked");
    let state = story.diagnosed.take().expect("a story with causes");
    state.conclude(story.now());
    story.diagnosed = Some(state);
    assert!(cause(&story, link).is_some());
    assert!(incidents(&story).iter().all(|incident| incident.until.is_some()));
}

#[test]
fn slow_writes_at_one_server_and_another_that_stopped_are_two_incidents() {
    let mut story = Story::diagnosed();
    let (_, slow) = story.create(A);
    let (_, stopped) = story.create(B);
    story.write(slow);
    pass(&mut story, 2);
    story.set(B, ServerHealth::Refusing);
    story.look_around();
    story.fin(stopped);
    story.leave(slow);
    pass(&mut story, 3);
    let codes: Vec<CauseCode> = incidents(&story).iter().map(|incident| incident.cause().code).collect();
    assert_eq!(codes, [CauseCode::SlowQuorum, CauseCode::ServerStopped]);
}

#[test]
fn a_server_that_hangs_up_as_it_leaves_is_not_full() {
    for (then, expected) in
        [(ServerHealth::NotServing, CauseCode::ServerParted), (ServerHealth::Refusing, CauseCode::ServerStopped)]
    {
        let mut story = Story::diagnosed();
        let (_, link) = story.create(B);
        story.set(B, ServerHealth::HangingUp);
        story.look_around();
        story.fin(link);
        story.wait(200);
        story.set(B, then);
        story.look_around();
        pass(&mut story, 3);
        assert_eq!(code(&story, link), Some(expected));
    }
}

#[test]
fn a_server_that_hangs_up_refuses_and_is_not_serving_before_it_serves_was_started_again() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(B);
    story.set(B, ServerHealth::HangingUp);
    story.look_around();
    story.fin(link);
    for health in [ServerHealth::Refusing, ServerHealth::NotServing, ServerHealth::Serving] {
        story.wait(100);
        story.set(B, health);
        story.look_around();
    }
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::ServerRestarted));
}

#[test]
fn a_rolling_restart_loses_no_quorum() {
    let mut story = Story::diagnosed();
    let (_, link) = story.create(A);
    pass(&mut story, 1);
    story.set(B, ServerHealth::Refusing);
    pass(&mut story, 1);
    story.set(B, ServerHealth::Serving);
    pass(&mut story, 1);
    story.set(LEADER, ServerHealth::Refusing);
    story.set(A, ServerHealth::NotServing);
    story.look_around();
    story.fin(link);
    pass(&mut story, 3);
    assert_eq!(code(&story, link), Some(CauseCode::LeaderStopped));
}

#[test]
fn a_server_that_freezes_after_the_ensemble_has_recovered_is_another_incident() {
    let mut story = Story::diagnosed();
    let (session, link) = story.create(A);
    story.set(LEADER, ServerHealth::Refusing);
    story.fin(link);
    story.look_around();
    pass(&mut story, 1);
    story.elect(B);
    story.set(LEADER, ServerHealth::Refusing);
    let link = story.attach(session, A);
    pass(&mut story, 1);
    story.set(A, ServerHealth::Unresponsive);
    story.write(link);
    pass(&mut story, 3);
    story.end(link, ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer));
    pass(&mut story, 1);
    let codes: Vec<CauseCode> = incidents(&story).iter().map(|incident| incident.cause().code).collect();
    assert_eq!(codes, [CauseCode::ServerFrozen, CauseCode::LeaderStopped]);
}
