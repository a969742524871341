//! The shipped dashboards and alert rules in a real Prometheus, which scrapes zoogate in front of a real ensemble through
//! a healthy time and one fault after another.

mod faults;
mod prometheus;
mod queries;
mod working_client;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::client::{Client, Kind};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use faults::FaultStage;
use prometheus::PrometheusServer;
use working_client::WorkingClient;

/// Alerts whose scenario is too long, too large or not to be had here, and why. They fire in
/// tests/deployment/alert_scenarios.yml; where one of them comes here all the same, that is no fault.
const NOT_PLAYED: [(&str, &str); 20] = [
    ("ZoogateAbsent", "the job is there"),
    ("ZoogateDescriptorsShort", "thousands of connections"),
    ("ZoogateListenerFails", "no descriptor is left on the whole machine"),
    ("ZoogateAcceptQueueFull", "thousands of connects at once"),
    ("ZoogateDrops", "tens of thousands of sessions"),
    ("ZoogateFindingsDropped", "tens of thousands of findings"),
    ("ZoogateHistoryNotWritten", "a disk that fails"),
    ("ZoogateCollectorFails", "minutes of a collector that does not answer"),
    ("ZooKeeperOrphanEphemeral", "a broker that is started again: tests/real/risks.rs"),
    ("ZooKeeperSessionTimeoutTooShort", "pauses that come again for minutes"),
    ("ZooKeeperReplyTooLarge", "tens of thousands of children"),
    ("ZooKeeperClientsWait", "two minutes without a server"),
    ("ZooKeeperNoServerTakesClients", "a client has to come just when the quorum is lost"),
    ("ZooKeeperConnectionsCapped", "the servers have no bound here"),
    ("ZooKeeperLateClaims", "a claim has to be on its way to the server that freezes"),
    ("ZooKeeperLeaderChangesOften", "three elections"),
    ("ZooKeeperServerRestartsOften", "three starts of one server"),
    ("ZooKeeperServerLags", "a minute behind others"),
    ("ZooKeeperServerSetAside", "a server that gives no session while others do"),
    ("ZooKeeperPathLossy", "loopback loses nothing"),
];

/// Runs every command that an alert names, against this zoogate and this Prometheus. The log of a unit is not to be had here.
fn run_runbooks(gate: &Gate, prometheus: &PrometheusServer) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/alerts.yml");
    let rules = fs::read_to_string(file).expect("the rules");
    let named = rules.lines().filter_map(|line| line.trim().strip_prefix("runbook: \"")?.strip_suffix('"'));
    let runbooks: BTreeSet<&str> = named.collect();
    assert!(runbooks.len() > 10);
    for runbook in runbooks {
        if let Some(path) = runbook.strip_prefix("curl --silent http://127.0.0.1:9090") {
            let targets = prometheus.targets(path);
            assert!(targets.contains(&gate.admin().to_string()), "{runbook}: {targets}");
            continue;
        }
        let Some(command) = runbook.strip_prefix("zoogate ") else {
            assert!(runbook.starts_with("journalctl --unit zoogate "), "{runbook} is not run");
            continue;
        };
        let mut program = Command::new(env!("CARGO_BIN_EXE_zoogate"));
        let said = program.args(command.split(' ')).args(["--admin", &gate.admin().to_string()]).output();
        let said = said.expect("run zoogate");
        assert_eq!(said.status.code(), Some(0), "zoogate {command}: {}", String::from_utf8_lossy(&said.stderr));
    }
}

#[test]
fn dashboards_and_alerts_meet_what_zoogate_exports() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let folder = TempDir::with_prefix("zoogate-state-").expect("create a state directory");
    let state = folder.path().display().to_string();
    let settings =
        ["--state-dir", &state, "--metrics-sessions", "2", "--connections-max", "60", "--shutdown-grace", "1s"];
    let gate = Gate::start_with(&ensemble, &settings);
    let mut client = Client::create_session(gate.pooled());
    for path in ["/brokers", "/brokers/ids", "/latch"] {
        assert_eq!(client.create(path, b"", Kind::Persistent), 0);
    }
    let _workers: Vec<WorkingClient> = (1..=4).map(|number| WorkingClient::start(gate.pooled(), number)).collect();
    let prometheus = PrometheusServer::start(gate.admin());
    prometheus.wait_scrapes(8);
    let mut early = prometheus.alerts();
    // A look at the rules before the first scrape finds no target.
    early.remove("ZoogateAbsent");
    assert_eq!(early, BTreeSet::new(), "nothing is wrong yet");

    let mut faults = FaultStage { ensemble, gate, prometheus };
    faults.sessions_move();
    faults.sessions_are_lost();
    faults.clients_misbehave();
    faults.zoogate_pauses();
    run_runbooks(&faults.gate, &faults.prometheus);
    faults.a_leader_dies();
    faults.the_quorum_is_lost();
    let FaultStage { mut gate, prometheus, .. } = faults;

    for text in prometheus.annotations() {
        let whole = !["<no value>", "{{", "%!", "NaN"].iter().any(|bad| text.contains(bad));
        assert!(whole, "an alert says {text:?}");
    }
    let mut empty = Vec::new();
    for query in queries::all() {
        match prometheus.series_so_far(&query.expression) {
            Ok(0) => empty.push(query),
            Ok(_) => {}
            Err(error) => panic!("{}: {}: {error}", query.panel, query.expression),
        }
    }
    assert!(empty.is_empty(), "queries without data: {empty:#?}");

    gate.end();
    prometheus.wait_alerts(&["ZoogateDown"], String::new);
    let (rules, seen) = (prometheus.rules(), prometheus.alerts());
    let left_out: BTreeSet<String> = NOT_PLAYED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert!(left_out.is_subset(&rules), "a rule that is left out is no rule: {left_out:?}");
    let missing: Vec<_> = rules.difference(&left_out).filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "alerts whose scenario was played and which did not come: {missing:?}");
}
