use super::*;
use crate::session::probe_result::ServerHealth::{HangingUp, NotServing, Refusing, Serving, Unreachable, Unresponsive};
use crate::session::probe_result::ServerRole::{Follower, Leader};
use crate::session::probe_result::{ProbeResult, ProbeTiming};

const A: ServerId = ServerId(0);
const B: ServerId = ServerId(1);
const C: ServerId = ServerId(2);

fn ms(moment: u64) -> Timestamp {
    Timestamp(moment * 1_000_000)
}

/// Three servers and a clock in milliseconds.
struct Told(EnsembleWatch);

impl Told {
    fn nothing() -> Self {
        Self(EnsembleWatch::new(3))
    }

    /// A probe whose answer came a millisecond after its question.
    fn probe(&mut self, at: u64, server: ServerId, result: ProbeResult) -> &mut Self {
        let timing = ProbeTiming { connect: None, answer: Some(Duration::from_millis(1)) };
        let (asked_at, told_at) = (ms(at), ms(at + 1));
        self.0.see(ServerSighting { server, asked_at, told_at, connected_at: asked_at, timing, result });
        self
    }

    fn down(&mut self, at: u64, server: ServerId, health: ServerHealth) -> &mut Self {
        self.probe(at, server, ProbeResult::of(health))
    }

    fn serves(&mut self, at: u64, server: ServerId, role: ServerRole, zxid: i64) -> &mut Self {
        self.probe(at, server, ProbeResult { health: Serving, role, zxid: Some(Zxid(zxid)) })
    }

    /// What happened, of the kind that is wanted, in words: the moment, the server, the change.
    fn told(&self, wanted: &str) -> Vec<(u64, EnsembleChange)> {
        let events = self.0.timeline().filter(|event| event.change.label() == wanted);
        events.map(|event| (event.at.as_millis(), event.change)).collect()
    }
}

#[test]
fn a_new_leader_is_told_with_the_one_before_it() {
    let mut told = Told::nothing();
    told.serves(0, A, Leader, 0x1_0000_0001).serves(10, B, Follower, 0x1_0000_0001);
    told.down(1_000, A, Refusing).serves(2_000, B, Leader, 0x2_0000_0000).serves(2_010, C, Follower, 0x1_0000_0001);
    let change = |before, now| EnsembleChange::LeaderChanged { before, now };
    let expected =
        [(0, change(None, Some(A))), (1_000, change(Some(A), None)), (2_000, change(Some(A), Some(B)))].to_vec();
    assert_eq!(told.told("leader_changed"), expected);
    assert_eq!(told.told("new_epoch"), [(2_000, EnsembleChange::NewEpoch { before: 1, now: 2 })]);
    assert_eq!((told.0.leader(), told.0.leader_changes(), told.0.epoch()), (Some(B), 1, Some(2)));
    assert_eq!([0, 1_999, 2_000].map(|at| told.0.leader_at(ms(at))), [Some(A), Some(A), Some(B)]);
    let around = told.0.leader_change_around(ms(2_300), Duration::from_millis(300)).expect("an event");
    assert_eq!(around.at, ms(2_000));
}

#[test]
fn a_leader_that_is_silent_or_not_reached_leads_until_another_one_does() {
    for health in [Unresponsive, Unreachable, HangingUp] {
        let mut told = Told::nothing();
        told.serves(0, A, Leader, 0x1_0000_0001).down(1_000, A, health);
        assert_eq!(told.0.leader(), Some(A), "{health:?}");
        told.serves(2_000, B, Leader, 0x2_0000_0001);
        assert_eq!(told.0.leader(), Some(B), "{health:?}");
    }
}

#[test]
fn a_former_leader_that_thaws_leads_nobody() {
    let mut told = Told::nothing();
    told.serves(0, A, Leader, 0x1_0000_0001).down(500, A, Unresponsive).serves(1_000, B, Leader, 0x2_0000_0000);
    told.serves(1_500, A, Leader, 0x1_0000_0001);
    assert_eq!((told.0.leader(), told.0.leader_changes()), (Some(B), 1));
    told.down(1_600, A, NotServing).serves(2_000, A, Follower, 0x2_0000_0000);
    assert_eq!(told.0.leader(), Some(B));
    assert_eq!(told.told("role"), [(2_000, EnsembleChange::Role { before: Leader, now: Follower })]);
}

#[test]
fn a_leader_that_comes_back_as_one_is_no_other() {
    let mut told = Told::nothing();
    told.serves(0, A, Leader, 0x1_0000_0001).down(500, A, NotServing).serves(900, A, Leader, 0x2_0000_0000);
    assert_eq!((told.0.leader(), told.0.leader_changes()), (Some(A), 0));
    let again = EnsembleChange::LeaderChanged { before: Some(A), now: Some(A) };
    assert_eq!(told.told("leader_changed").last(), Some(&(900, again)));
}

#[test]
fn a_restart_is_a_refusal_and_then_service() {
    let mut told = Told::nothing();
    told.serves(0, A, Follower, 1).down(1_000, A, Refusing).down(3_000, A, NotServing).serves(3_500, A, Follower, 1);
    assert_eq!(told.told("restarted"), [(3_500, EnsembleChange::Restarted { down: Duration::from_millis(2_500) })]);
    assert_eq!(told.0.server(A).restarted_at(), Some(ms(3_500)));
    told.serves(0, B, Follower, 1).down(1_000, B, Unresponsive).serves(9_000, B, Follower, 1);
    assert_eq!((told.told("restarted").len(), told.0.server(B).restarted_at()), (1, None), "it was frozen");
}

#[test]
fn connections_that_are_not_ours_are_those_that_several_counts_agree_on() {
    let mut told = Told::nothing();
    let counted = |told: &mut Told, theirs, own| {
        told.0.note_connections(A, theirs, own);
        told.0.server(A).bypassing()
    };
    assert_eq!([counted(&mut told, 9, 4), counted(&mut told, 9, 4)], [None; 2]);
    assert_eq!(counted(&mut told, 9, 4), Some(5));
    assert_eq!(counted(&mut told, 5, 4), Some(1), "fewer at once");
    assert_eq!([(); 3].map(|()| counted(&mut told, 3, 4)), [Some(0); 3], "one of ours is not counted there yet");
    assert_eq!([(); 3].map(|()| counted(&mut told, 12, 4)), [Some(0), Some(0), Some(8)], "more when they stay");
}

#[test]
fn details_are_kept_until_they_are_told_anew() {
    let mut told = Told::nothing();
    told.0.note_details(A, ms(1), ServerDetails { tick_ms: Some(2_000), ..ServerDetails::default() });
    told.0.note_details(A, ms(2), ServerDetails { connections: Some(3), ..ServerDetails::default() });
    let both = ServerDetails { tick_ms: Some(2_000), connections: Some(3), ..ServerDetails::default() };
    assert_eq!(told.0.server(A).details(), Some((ms(2), &both)));
}

#[test]
fn what_lasts_over_two_probes_is_a_lag() {
    let mut told = Told::nothing();
    let zxid = |counter: i64| 0x1_0000_0000 + counter;
    told.serves(0, A, Leader, zxid(100)).serves(500, B, Follower, zxid(90));
    assert_eq!((told.0.server(B).behind(), told.told("lagging")), (Some(10), vec![]), "once is a moment");
    told.serves(1_000, A, Leader, zxid(200)).serves(1_500, B, Follower, zxid(95));
    assert_eq!(told.told("lagging"), [(1_500, EnsembleChange::Lagging { behind: 105 })]);
    told.serves(2_000, A, Leader, zxid(200)).serves(2_500, B, Follower, zxid(100));
    assert_eq!(told.told("lagging").len(), 1, "told once");
    told.serves(3_000, A, Leader, zxid(200)).serves(3_500, B, Follower, zxid(200));
    assert_eq!(told.told("caught_up"), [(3_500, EnsembleChange::CaughtUp {})]);
    assert_eq!(told.0.server(B).behind(), Some(0));
}

#[test]
fn servers_are_compared_only_where_that_says_something() {
    let seen = |at: u64, zxid: i64| {
        let mut told = Told::nothing();
        told.serves(1_000, A, Leader, 0x1_0000_0064).serves(at, B, Follower, zxid);
        told.0.server(B).behind()
    };
    assert_eq!(seen(1_050, 0x1_0000_0001), None, "asked at about the same time");
    assert_eq!(seen(3_500, 0x1_0000_0001), None, "long ago");
    assert_eq!(seen(1_500, 0x0_0000_0001), None, "of another epoch");
    assert_eq!(seen(1_500, 0x1_0000_0065), Some(0), "ahead");
    assert_eq!(seen(1_500, 0x1_0000_0001), Some(0x63));
    // What is down lags behind nobody.
    let mut told = Told::nothing();
    told.serves(1_000, A, Leader, 0x1_0000_0064).serves(1_500, B, Follower, 0x1_0000_0001).down(2_000, B, NotServing);
    assert_eq!(told.0.server(B).behind(), None);
}

#[test]
fn roles_are_kept_while_a_server_is_down() {
    let mut told = Told::nothing();
    told.serves(0, A, Follower, 1).down(1_000, A, Unresponsive);
    let watch = told.0.server(A);
    assert_eq!((watch.role(), watch.known_role()), (ServerRole::Unknown, Follower));
    assert_eq!((watch.health(), watch.since()), (Unresponsive, Some(ms(1_000))));
    assert_eq!(
        watch.not_serving_around(ms(900), Duration::from_millis(100)).map(|span| span.health),
        Some(Unresponsive)
    );
    assert_eq!(watch.last_sighting().map(|sighting| sighting.asked_at), Some(ms(1_000)));
}

#[test]
fn a_slow_connect_and_a_slow_path_are_events() {
    let mut told = Told::nothing();
    let connect = |told: &mut Told, second: u64, connect_ms: u64| {
        let (asked_at, connect) = (ms(second * 1_000), Duration::from_millis(connect_ms));
        let timing = ProbeTiming { connect: Some(connect), answer: Some(Duration::from_millis(3)) };
        let result = ProbeResult::of(Serving);
        told.0.see(ServerSighting { server: A, asked_at, told_at: asked_at, connected_at: asked_at, timing, result });
        told.0.note_path(A, asked_at, PathSample { rtt: connect, ..PathSample::default() });
    };
    (0..10).for_each(|second| connect(&mut told, second, 2));
    connect(&mut told, 10, 400);
    (11..14).for_each(|second| connect(&mut told, second, 2));
    let (usual, now) = (Duration::from_millis(2), Duration::from_millis(400));
    assert_eq!(told.told("connect_slow"), [(10_000, EnsembleChange::ConnectSlow { usual, now })]);
    assert_eq!(told.told("connect_usual").len(), 1);
    assert_eq!(told.told("path_slow"), [(10_000, EnsembleChange::PathSlow { usual, now })]);
    assert_eq!(told.told("path_usual").len(), 1);
    assert_eq!(told.told("probe_slow"), []);
}

#[test]
fn a_slow_probe_is_an_event() {
    let mut told = Told::nothing();
    let probe = |told: &mut Told, second: u64, answer_ms: u64| {
        let (asked_at, answer) = (ms(second * 1_000), Duration::from_millis(answer_ms));
        let timing = ProbeTiming { connect: Some(Duration::from_millis(3)), answer: Some(answer) };
        let result = ProbeResult::of(Serving);
        let told_at = asked_at.after(answer);
        told.0.see(ServerSighting { server: A, asked_at, told_at, connected_at: asked_at, timing, result });
    };
    (0..10).for_each(|second| probe(&mut told, second, 2));
    probe(&mut told, 10, 400);
    (11..14).for_each(|second| probe(&mut told, second, 2));
    let (usual, now) = (Duration::from_millis(2), Duration::from_millis(400));
    assert_eq!(told.told("probe_slow"), [(10_000, EnsembleChange::ProbeSlow { usual, now })]);
    assert_eq!(told.told("probe_usual").iter().map(|(at, _)| *at).collect::<Vec<_>>(), [12_000]);
    let watch = told.0.server(A);
    assert_eq!(
        (watch.answer_time().worst_recent, watch.connect_time().last),
        (Some(now), Some(Duration::from_millis(3)))
    );
}

#[test]
fn a_lossy_path_is_told_once_a_minute() {
    let mut told = Told::nothing();
    let lossy = |retransmissions| PathSample { retransmissions, ..PathSample::default() };
    told.0.note_path(A, ms(0), lossy(2));
    for second in 1..100 {
        told.0.note_path(A, ms(second * 1_000), lossy(3));
    }
    assert_eq!(told.told("path_lossy").iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1_000, 61_000]);
    assert_eq!(told.0.server(A).path(), Some((ms(99_000), lossy(3))));
}

#[test]
fn a_server_that_is_not_configured_changes_nothing() {
    let mut told = Told::nothing();
    let nobody = ServerId(3);
    told.serves(0, nobody, Leader, 0x5_0000_0000);
    told.0.note_details(nobody, ms(1), ServerDetails::default());
    told.0.note_burst(nobody, ms(1), 5, Duration::ZERO);
    told.0.note_path(nobody, ms(1), PathSample { retransmissions: 9, ..PathSample::default() });
    told.0.note_ping(nobody, ms(1), Duration::from_millis(1));
    assert_eq!((told.0.told(), told.0.leader(), told.0.epoch()), (0, None, None));
    assert_eq!(told.0.server(nobody).health(), ServerHealth::Unknown);
    assert_eq!(told.0.servers().count(), 3);
}

#[test]
fn connections_that_a_server_closes_together_are_told_at_its_next_probe() {
    let mut told = Told::nothing();
    told.serves(0, A, Follower, 1);
    (0..20).for_each(|number| told.0.note_close(A, ms(1_000 + number)));
    told.down(1_025, A, NotServing);
    assert_eq!(told.told("disconnects"), [], "more may come");
    told.down(1_300, A, NotServing);
    let burst = EnsembleChange::Disconnects { connections: 20, within: Duration::from_millis(19) };
    assert_eq!(told.told("disconnects"), [(1_000, burst)]);
}

#[test]
fn a_burst_and_pings_are_the_servers() {
    let mut told = Told::nothing();
    told.0.note_burst(B, ms(7), 12, Duration::from_millis(30));
    let burst = EnsembleChange::Disconnects { connections: 12, within: Duration::from_millis(30) };
    assert_eq!(
        told.0.timeline().copied().collect::<Vec<_>>(),
        [EnsembleEvent { at: ms(7), server: Some(B), change: burst }]
    );
    told.0.note_ping(B, ms(8), Duration::from_millis(4));
    assert_eq!(told.0.server(B).ping_time().last, Some(Duration::from_millis(4)));
}
