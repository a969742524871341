//! Real clients of six libraries on a server that is frozen: each is recognised, and its giving up is explained by its own
//! patience.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::clients::peers::{self, Start};
use crate::support::child::Process;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait;

/// Twelve seconds at most for the steadiest ping, and room for a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(2);
/// So long that clients give a frozen server up before zoogate does.
const TIMEOUT_MS: u64 = 10_000;

/// Each library: as whom zoogate knows it, and how long it bears a silent server; None where zoogate is less patient.
const EXPECTED: [(&str, &str, Option<u64>); 7] = [
    ("java-3.9", "Java", Some(TIMEOUT_MS * 2 / 3)),
    ("java-3.5", "Java", Some(TIMEOUT_MS * 2 / 3)),
    ("kazoo", "kazoo", Some(TIMEOUT_MS * 2 / 3 - 800)),
    ("go", "Go", Some(TIMEOUT_MS * 2 / 3)),
    ("c", "C", Some(TIMEOUT_MS * 2 / 3)),
    ("node", "Node.js", None),
    ("clickhouse", "ClickHouse", None),
];

fn start(start: Start, arguments: [String; 3], folder: &TempDir, name: &str) -> Process {
    let variable = start.variable.map(|(name, value)| format!("{name}={value}"));
    let all: Vec<String> =
        variable.into_iter().chain([start.program]).chain(start.arguments).chain(arguments).collect();
    Process::start("env", &all, &folder.path().join(name))
}

fn node(name: &str) -> String {
    format!("/patience-{name}")
}

/// The session of a library's client.
fn session(gate: &Gate, name: &str) -> Option<Value> {
    let sessions = gate.json("/api/sessions?limit=1000");
    let is_meant = |one: &&Value| match name {
        "clickhouse" => one["client_kind"] == "ClickHouse" && one["state"] == "attached",
        _ => one["identity"] == node(name),
    };
    sessions["sessions"].as_array()?.iter().find(is_meant).cloned()
}

#[test]
fn each_client_is_recognised_and_gives_up_in_its_own_time() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let folder = TempDir::with_prefix("zoogate-patience-").expect("create a folder for clients");
    let [follower, _] = ensemble.followers();
    let door = gate.mirror(follower).to_string();
    let mut running: Vec<Process> = peers::idle_holders()
        .into_iter()
        .map(|(name, program)| start(program, [door.clone(), TIMEOUT_MS.to_string(), node(name)], &folder, name))
        .collect();
    let clickhouse = peers::clickhouse_program("inserting.py", &[]);
    let arguments = [door, "/patience".to_owned()];
    let variable = clickhouse.variable.map(|(name, value)| format!("{name}={value}"));
    let all = variable.into_iter().chain([clickhouse.program]).chain(clickhouse.arguments).chain(arguments);
    running.push(Process::start("env", &all.collect::<Vec<_>>(), &folder.path().join("clickhouse")));

    for (name, kind, patience) in EXPECTED {
        let known = wait::until_or(
            "a client to be recognised",
            PATIENCE,
            || session(&gate, name).filter(|one| one["client_kind"] == kind),
            || format!("{name}: {:#}", session(&gate, name).unwrap_or_default()),
        );
        assert!(known["client_recognised_by"].is_string(), "{known:#}");
        if let Some(patience) = patience {
            assert_eq!(known["client_gives_up_after_ms"], patience, "{name}");
        }
    }

    ensemble.freeze(follower);
    for (name, kind, patience) in EXPECTED {
        let Some(patience) = patience else { continue };
        let id = session(&gate, name).expect("it was recognised")["session"].clone();
        let end = wait::until_or(
            "a client to give up",
            PATIENCE,
            || ended(&gate, &id).filter(|end| end["reason"] == "client_read_timeout"),
            || format!("{name} {id}: {:#?}\n{}", ended(&gate, &id), gate.tell()),
        );
        let facts = end["facts"].as_array().cloned().unwrap_or_default();
        let fact = |kind: &str| facts.iter().find(|fact| fact["kind"] == kind).cloned().unwrap_or_default();
        let recognised = fact("client_recognised");
        assert_eq!((&recognised["profile"], &recognised["patience_ms"]), (&kind.into(), &patience.into()), "{end:#}");
        let silence = fact("client_gave_up")["silence_ms"].as_u64().unwrap_or_default();
        assert!(silence + 50 >= patience, "{name}: {end:#}");
        println!("{name} gave up after {silence} ms: {}", end["why"]);
    }
    ensemble.thaw(follower);
}

/// The first connection of a session that has ended.
fn ended(gate: &Gate, session: &Value) -> Option<Value> {
    let connections = gate.json("/api/connections?state=ended&limit=1000");
    connections["connections"].as_array()?.iter().rfind(|one| one["session"] == *session).cloned()
}
