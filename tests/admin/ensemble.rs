//! The ensemble over time, over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use zoogate::diagnose::{PathSample, ServerDetails};
use zoogate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use zoogate::session::probe_result::{ProbeResult, ProbeTiming, ServerHealth, ServerRole};
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::RouteReason;
use zoogate::wire::Dialect;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};

use crate::stage::{BROKER, Stage, at};

fn probe(stage: &Stage, server: u16, millis: u64, probe_result: ProbeResult) {
    let answer = (probe_result.health == ServerHealth::Serving).then_some(Duration::from_micros(1_500));
    let seen = SessionTransition::ServerSeen {
        server: ServerId(server),
        asked_at: at(millis),
        connected_at: at(millis),
        timing: ProbeTiming { connect: Some(Duration::from_micros(250)), answer },
        probe_result,
    };
    stage.telemetry.state().apply(at(millis), seen);
}

fn serves(role: ServerRole, zxid: i64) -> ProbeResult {
    ProbeResult { health: ServerHealth::Serving, role, zxid: Some(Zxid(zxid)) }
}

/// zk2 led; it was lost, and zk1 leads.
fn after_an_election() -> Stage {
    let stage = Stage::empty();
    probe(&stage, 0, 0, serves(ServerRole::Follower, 0x1_0000_0003));
    for millis in [0, 200, 400, 600, 800] {
        probe(&stage, 1, millis, serves(ServerRole::Leader, 0x1_0000_0003));
    }
    probe(&stage, 1, 1_000, ProbeResult::of(ServerHealth::Refusing));
    probe(&stage, 0, 2_500, serves(ServerRole::Leader, 0x2_0000_0000));
    stage
}

fn events(ensemble: &Value) -> Vec<(&str, &str)> {
    let timeline = ensemble["timeline"].as_array().expect("a timeline");
    assert!(timeline.iter().all(|event| event["text"].as_str().is_some_and(|text| !text.is_empty())), "{ensemble}");
    timeline
        .iter()
        .map(|event| (event["change"].as_str().unwrap_or("-"), event["server"].as_str().unwrap_or("-")))
        .collect()
}

#[test]
fn an_election_is_told_in_order() {
    let stage = after_an_election();
    let ensemble = stage.json("/api/ensemble");
    assert_eq!(
        (&ensemble["leader"], &ensemble["epoch"], &ensemble["leader_changes"]),
        (&json!("zk1:2181"), &json!(2), &json!(1))
    );
    let expected = [
        ("health", "zk1:2181"),
        ("health", "zk2:2181"),
        ("leader_changed", "zk2:2181"),
        ("health", "zk2:2181"),
        ("leader_changed", "-"),
        ("role", "zk1:2181"),
        ("new_epoch", "zk1:2181"),
        ("leader_changed", "zk1:2181"),
    ];
    assert_eq!(events(&ensemble), expected, "{ensemble:#}");
    let last = ensemble["timeline"].as_array().and_then(|all| all.last()).expect("an event");
    assert_eq!((&last["before"], &last["now"]), (&json!("zk2:2181"), &json!("zk1:2181")), "{last}");
    assert_eq!(last["text"], "server zk1:2181 leads; before it zk2:2181 did");
    assert!(last["at"].as_str().is_some_and(|at| at.ends_with('Z')) && last["at_ms"].is_u64(), "{last}");
}

#[test]
fn each_server_shows_what_was_measured_of_it_and_null_for_the_rest() {
    let stage = after_an_election();
    let ensemble = stage.json("/api/ensemble");
    let [one, two] = [0, 1].map(|place| &ensemble["servers"][place]);
    assert_eq!(
        (&two["state"], &two["role"], &two["zxid"]),
        (&json!("refusing"), &json!("leader"), &json!("0x100000003"))
    );
    let usual = json!({ "usual": 1.5, "last": 1.5, "worst_recent": 1.5, "samples": 5 });
    assert_eq!(two["probe_ms"], usual, "{two}");
    assert_eq!(two["connect_ms"]["usual"], 0.25, "{two}");
    let nothing = json!({ "usual": null, "last": null, "worst_recent": null, "samples": 0 });
    assert_eq!(
        (&one["ping_ms"], &one["path"], &one["details"], &one["bypassing"]),
        (&nothing, &Value::Null, &Value::Null, &Value::Null)
    );
    let traffic = stage.telemetry.state();
    traffic.note_ping(ServerId(0), at(3_000), Duration::from_millis(2));
    let sample = PathSample { rtt: Duration::from_micros(700), retransmissions: 5, unacked: 1, lost: 2 };
    traffic.note_path(ServerId(0), at(3_000), sample);
    traffic.note_details(ServerId(0), at(3_000), ServerDetails::read_conf(b"tickTime=2000\nserverId=7\n"));
    let ensemble = stage.json("/api/ensemble");
    let one = &ensemble["servers"][0];
    assert_eq!(one["path"], json!({ "rtt_ms": 0.7, "retransmissions": 5, "unacked": 1, "lost": 2 }));
    assert_eq!(
        (&one["ping_ms"]["last"], &one["details"]["tick_ms"], &one["myid"]),
        (&json!(2.0), &json!(2_000), &json!(7))
    );
    assert_eq!(events(&ensemble).last(), Some(&("path_lossy", "zk1:2181")));
}

#[test]
fn the_number_of_a_server_shows_in_the_sessions_that_it_gave() {
    let stage = Stage::empty();
    let (connection, server) = (ConnectionId(1), ServerId(0));
    let request = ConnectRequest {
        last_zxid: Zxid(0),
        timeout_ms: 30_000,
        session: SessionId::NEW,
        password: PasswordCheck::NotNeeded,
        read_only: None,
        dialect: Dialect::ZOOKEEPER,
    };
    let client = ([127, 0, 0, 1], 4000).into();
    let claimed = SessionTransition::Claimed { connection, client, server, request, routed: RouteReason::Spread };
    stage.telemetry.state().apply(at(0), claimed);
    let response = ConnectResponse { timeout_ms: 18_000, session: BROKER, ..ConnectResponse::default() };
    stage.telemetry.state().apply(at(1), SessionTransition::Answered { connection, response });
    let first = &stage.json("/api/ensemble")["servers"][0];
    assert_eq!(first["myid"], u64::from(BROKER.born_on()), "{first}");
}

#[test]
fn metrics_show_what_was_measured_and_nothing_else() {
    let stage = after_an_election();
    let (_, page) = stage.ask("/metrics");
    let has = |line: &str| page.lines().any(|seen| seen == line);
    assert!(has(r#"zoogate_server_latency_milliseconds{server="zk2:2181",of="probe",which="usual"} 1.5"#), "{page}");
    assert!(has("zoogate_leader_changes_total 1") && has("zoogate_ensemble_epoch 2"), "{page}");
    assert!(!page.contains(r#"of="ping""#) && !page.contains("zoogate_server_bypassing_connections{"), "{page}");
}
