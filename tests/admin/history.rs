//! What goes into the history, and how it is asked for it.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use zoogate::admin::HISTORY_VIEWS;
use zoogate::config::StateSettings;
use zoogate::diagnose::risk::{RiskCode, RiskDetail, RiskOutcome, RiskSubject, SessionRisk};
use zoogate::history::{HistoryStore, RunningHistory};
use zoogate::ids::{ServerId, SessionId};
use zoogate::session::identity::HolderIdentity;
use zoogate::state::{ChangeSink, SinkOutcome, StateChange};

use crate::stage::{BROKER, OTHER, Stage, at};

/// A stage with a history there, and a way to tell that of something.
fn keeping(folder: &Path) -> (Stage, RunningHistory, Box<dyn ChangeSink>) {
    let settings =
        StateSettings { dir: folder.to_path_buf(), keep: Duration::from_hours(24 * 30), max_size: 512 << 20 };
    let store = HistoryStore::open(&settings).expect("a directory");
    let (sink, told) = (store.sink(), store.sink());
    let start = |telemetry: &std::sync::Arc<_>| {
        Some(store.start(std::sync::Arc::clone(telemetry), HISTORY_VIEWS).expect("a thread"))
    };
    let (stage, history) = Stage::telling(vec![sink], start);
    (stage, history.expect("a history"), told)
}

/// A risk of the other session.
fn risk(identity: Option<HolderIdentity>) -> SessionRisk {
    let identity = identity.map(Box::new);
    SessionRisk {
        id: 1,
        code: RiskCode::SessionAway,
        subject: RiskSubject { session: OTHER, server: Some(ServerId(0)), client: None, identity },
        since: at(10),
        until: None,
        outcome: RiskOutcome::Open,
        detail: RiskDetail::Away { since: at(5), expires_at: at(4_000) },
    }
}

/// The entries of a kind.
fn entries(stage: &Stage, query: &str) -> Vec<Value> {
    stage.json(&format!("/api/history?{query}"))["entries"].as_array().expect("a list").clone()
}

#[test]
fn who_moved_who_was_refused_and_how_long_operations_took() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stage, history, told) = keeping(folder.path());
    stage.play_a_move();
    let open = risk(None);
    let lost = SessionRisk { until: Some(at(4_010)), outcome: RiskOutcome::Lost, ..open.clone() };
    for one in [&open, &lost] {
        assert_eq!(told.take(StateChange::Risk(one)), SinkOutcome::Taken);
    }
    // All that waits is written at the stop, causes and latencies too.
    drop(history);

    let moves = entries(&stage, "kind=move");
    let one = &moves[0];
    assert_eq!((moves.len(), one["identity"].as_str(), one["from"].as_str()), (1, Some("broker-7"), Some("zk1:2181")));
    assert_eq!((one["lasted_ms"].as_u64(), one["session"].as_str()), (Some(20), Some(BROKER.to_string().as_str())));
    assert_eq!(one["values"]["unanswered"], 3);
    let refusals = entries(&stage, "kind=refusal&identity=broker-7");
    let one = &refusals[0];
    assert_eq!((refusals.len(), one["confidence"].as_str()), (1, Some("certain")), "{one}");
    assert_eq!((one["values"]["evidence"].as_str(), one["server"].as_str()), (Some("multi"), Some("zk2:2181")));
    assert!(one["text"].as_str().is_some_and(|text| !text.is_empty()), "{one}");
    let risks = entries(&stage, "kind=risk&server=zk1:2181");
    assert_eq!((risks.len(), risks[0]["lasted_ms"].as_u64()), (1, Some(4_000)), "one, as it went out: {risks:#?}");
    assert_eq!(
        (risks[0]["values"]["state"].as_str(), risks[0]["cause"].as_str()),
        (Some("lost"), Some("session_away"))
    );

    // A read of 3 ms at zk1 and a write of 9 ms; a read of 5 ms at zk2. The broker's sum is where it is now.
    let latencies = entries(&stage, "kind=latency");
    let find = |server: &str, class: &str, identity: Option<&str>| {
        let of =
            |one: &&Value| one["server"] == server && one["cause"] == class && one["identity"].as_str() == identity;
        let found = latencies.iter().find(of).unwrap_or_else(|| panic!("{server} {class} in {latencies:#?}"));
        (found["values"]["operations"].as_u64(), found["values"]["mean_us"].as_u64())
    };
    assert_eq!(find("zk1:2181", "read", None), (Some(1), Some(3_000)));
    assert_eq!(find("zk1:2181", "write", None), (Some(1), Some(9_000)));
    assert_eq!(find("zk2:2181", "read", None), (Some(1), Some(5_000)));
    let whole = entries(&stage, "");
    let kinds: Vec<_> = whole.iter().map(|one| one["kind"].as_str()).collect();
    let newest = ["refusal", "incident", "move", "risk"].map(Some);
    assert_eq!(kinds, newest, "newest first, without latencies; the refusal opened the incident");
    let summary = stage.json("/api/history?identity=broker-7");
    let counts: Vec<_> =
        summary["summary"].as_array().expect("a list").iter().map(|one| &one["identities"][0]).collect();
    assert!(counts.iter().all(|one| one["name"] == "broker-7"), "{summary}");
}

#[test]
fn questions_that_cannot_be_answered_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stage, _history, _) = keeping(folder.path());
    for query in ["state=open", "kind=nothing", "since=yesterday", "session=x", "limit=-1"] {
        let (status, body) = stage.refusal(&format!("/api/history?{query}"));
        assert_eq!(status, 400, "{query}: {body}");
    }
    assert_eq!(Stage::empty().refusal("/api/history").0, 409, "nothing is kept");
}

#[test]
fn names_out_of_the_traffic_reach_nobody_raw() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stage, history, told) = keeping(folder.path());
    let evil = HolderIdentity::of_ephemeral("/evil\u{1b}[2J\u{202e}".as_bytes());
    assert_eq!(told.take(StateChange::Risk(&risk(evil))), SinkOutcome::Taken);
    drop(history);
    let (_, text) = stage.ask("/api/history?kind=risk");
    assert!(text.contains("evil") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
}

/// Allocations on this thread for so many sessions that come and go, and for the move of one.
fn traffic(stage: &Stage) -> (u64, u64) {
    let come_and_go = |number: u64| {
        let session = SessionId(0x0300_0000_0000_0000 + number as i64);
        stage.attach(session, 100 + number, 0, 5_000, 100 * number);
        stage.end(session, 100 + number, 100 * number + 50, 0);
    };
    // What grows once grows before.
    (0..1_000).for_each(come_and_go);
    let plain = allocation_counter::measure(|| (1_000..1_100).for_each(come_and_go)).count_total;
    let moving = allocation_counter::measure(|| stage.play_a_move()).count_total;
    (plain, moving)
}

#[test]
fn on_the_thread_of_the_traffic_only_what_is_kept_costs_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stage, _history, _) = keeping(folder.path());
    let (without, with) = (traffic(&Stage::empty()), traffic(&stage));
    println!(
        "allocations of 100 sessions and of a move with a refusal: {without:?} without a history, {with:?} with one"
    );
    // One or two of either side's are the runtime's own.
    let apart = with.0.abs_diff(without.0);
    assert!(apart < 10, "sessions that come and go are none of the history's business: {with:?} and {without:?}");
    // A move, its reason, a refusal and the incident that it opens with their evidence: a copy of each, and the queue.
    assert!(with.1 > without.1 && with.1 <= without.1 + 20, "{with:?} and {without:?}");
}
