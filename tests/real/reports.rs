//! Reports of real incidents: read by somebody who was not there, they name what happened, to whom, why, and what to
//! change. They are kept below `target/reports`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::client::{Client, Greeting, Kind};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// Where the reports are kept.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/reports");
    fs::create_dir_all(&folder).expect("create the folder of the reports");
    folder
}

/// Runs `zoogate report` about an incident and returns what it wrote to its file.
fn report(gate: &Gate, name: &str, incident: u64) -> String {
    let path = folder().join(format!("{name}.md"));
    let program = env!("CARGO_BIN_EXE_zoogate");
    let (admin, id) = (gate.admin().to_string(), incident.to_string());
    let arguments = ["report", "--admin", &admin, "--incident", &id, "--out"];
    let ended = Command::new(program).args(arguments).arg(&path).output().expect("run zoogate report");
    assert!(ended.status.success(), "{ended:?}");
    fs::read_to_string(&path).expect("the report")
}

fn incident(gate: &Gate, codes: &[&str]) -> u64 {
    let all = || gate.json("/api/incidents")["incidents"].as_array().cloned().unwrap_or_default();
    let fits = |one: &Value| one["cause"]["code"].as_str().is_some_and(|code| codes.contains(&code));
    let found = wait::until_or("the incident", PATIENCE, || all().into_iter().find(fits), || gate.tell());
    found["id"].as_u64().expect("a number")
}

/// Some sessions with an ephemeral node each, spread over the servers.
fn sessions(gate: &Gate, ensemble: &Ensemble, name: &str) -> Vec<Client> {
    let make = |number: usize| {
        let mut client = Client::create_session_with_timeout(gate.mirror(number % ensemble.addresses().len()), 10_000);
        assert_eq!(client.create(&format!("/{name}-{number}"), b"secret-data", Kind::Ephemeral), 0);
        client
    };
    (0..6).map(make).collect()
}

fn expect_said(report: &str, said: &[&str]) {
    for words in said {
        assert!(report.contains(words), "{words:?} is not in\n{report}");
    }
    assert!(!report.contains("secret-data"), "node data is in\n{report}");
}

#[test]
fn reports_of_three_incidents_tell_who_was_not_there() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let clients = sessions(&gate, &ensemble, "holder");
    let leader = ensemble.leader();
    let gone = ensemble.address(leader).to_string();
    ensemble.kill9(leader);
    let id = incident(&gate, &["leader_stopped"]);
    drop(clients);
    let text = report(&gate, "leader-stopped", id);
    expect_said(
        &text,
        &["leader_stopped", &gone, "## Timeline", "## Sessions that were hit", "/holder-", "## What to change"],
    );
    ensemble.restart(leader);
    ensemble.wait_serving();

    // A zoogate of its own for each, so that none belongs to what an earlier one began.
    drop(gate);
    let gate = Gate::start(&ensemble);
    let holders = sessions(&gate, &ensemble, "later");
    let follower = ensemble.followers()[0];
    let gone = ensemble.address(follower).to_string();
    ensemble.kill9(follower);
    let id = incident(&gate, &["server_stopped"]);
    let text = report(&gate, "follower-stopped", id);
    expect_said(&text, &["server_stopped", &gone, "## Latency", "/later-"]);
    drop(holders);
    ensemble.restart(follower);
    ensemble.wait_serving();

    drop(gate);
    let gate = Gate::start(&ensemble);
    let wrong = {
        let client = Client::create_session_with_timeout(gate.pooled(), 10_000);
        let mut credentials = client.credentials();
        credentials.password[0] ^= 1;
        assert!(!matches!(Client::try_attach(gate.pooled(), &credentials), Greeting::Accepted(_)));
        credentials.id()
    };
    let id = incident(&gate, &["wrong_password"]);
    let text = report(&gate, "wrong-password", id);
    expect_said(&text, &["wrong_password", &wrong, "## What is missing from this view"]);
}
