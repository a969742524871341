//! What zoogate knows of a real ensemble over time, while things happen to it.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// What the command line prints of an ensemble.
fn ensemble_of(gate: &Gate) -> Value {
    let program = env!("CARGO_BIN_EXE_zoogate");
    let answer = Command::new(program).args(["ensemble", "--json", "--admin", &gate.admin().to_string()]).output();
    let answer = answer.expect("run zoogate");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

fn server(ensemble: &Value, address: SocketAddr) -> &Value {
    let servers = ensemble["servers"].as_array().expect("servers");
    servers.iter().find(|one| one["server"] == address.to_string()).expect("a configured server")
}

/// What happened to a server, each as its change and what it came to.
fn events(ensemble: &Value, address: SocketAddr) -> Vec<(String, String)> {
    let timeline = ensemble["timeline"].as_array().expect("a timeline");
    let of_server = timeline.iter().filter(|event| event["server"] == address.to_string());
    let word = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    of_server.map(|event| (word(event, "change"), word(event, "now"))).collect()
}

/// Waits until what is printed is so.
fn wait_for(what: &str, gate: &Gate, is_so: impl Fn(&Value) -> bool) -> Value {
    let ask = || Some(ensemble_of(gate)).filter(|ensemble| is_so(ensemble));
    wait::until_or(what, PATIENCE, ask, || format!("{:#}", ensemble_of(gate)))
}

fn happened(ensemble: &Value, address: SocketAddr, change: &str, now: &str) -> bool {
    events(ensemble, address).iter().any(|(one, word)| one == change && word == now)
}

/// Details, and who comes past zoogate.
fn expect_details(gate: &Gate, ensemble: &Ensemble, version: &str, follower: usize) {
    let (address, leader) = (ensemble.address(follower), ensemble.address(ensemble.leader()));
    let mut through = Client::create_session(gate.mirror(follower));
    through.ping();
    let _past = Client::create_session(address);
    let told = wait_for("details and one connection past zoogate", gate, |told| {
        let one = server(told, address);
        one["bypassing"] == 1 && one["details"]["tick_ms"] == 1_000 && server(told, leader)["details"]["followers"] == 2
    });
    let one = server(&told, address);
    assert!(one["details"]["version"].as_str().is_some_and(|told| told.starts_with(version)), "{one:#}");
    assert_eq!((&one["myid"], &one["role"]), (&(follower as u64 + 1).into(), &"follower".into()), "{one:#}");
    assert_eq!(
        (&one["details"]["max_session_timeout_ms"], &one["connections"]),
        (&60_000.into(), &1.into()),
        "{one:#}"
    );
    assert!(one["path"]["rtt_ms"].as_f64() > Some(0.0), "{one:#}");
    assert!(one["probe_ms"]["last"].as_f64() > Some(0.0) && one["ping_ms"]["last"].as_f64() > Some(0.0), "{one:#}");
    assert_eq!(told["leader"], leader.to_string());
}

#[test]
fn what_happens_to_an_ensemble_is_told_in_order() {
    for (version, name) in [(Version::V3_9_3, "3.9.3"), (Version::V3_5_10, "3.5.10")] {
        let mut ensemble = Ensemble::start(version);
        let gate = Gate::start(&ensemble);
        let (leader, [frozen, killed]) = (ensemble.leader(), ensemble.followers());
        expect_details(&gate, &ensemble, name, frozen);

        let address = ensemble.address(frozen);
        ensemble.freeze(frozen);
        wait_for("the frozen server", &gate, |told| server(told, address)["state"] == "unresponsive");
        ensemble.thaw(frozen);
        let told = wait_for("its return", &gate, |told| server(told, address)["state"] == "serving");
        assert!(happened(&told, address, "health", "unresponsive"), "{told:#}");
        assert!(!happened(&told, address, "restarted", ""), "it was frozen, not started again: {told:#}");

        let address = ensemble.address(killed);
        ensemble.kill9(killed);
        wait_for("the killed server", &gate, |told| server(told, address)["state"] == "refusing");
        ensemble.restart(killed);
        let told = wait_for("its start", &gate, |told| happened(told, address, "restarted", ""));
        assert!(server(&told, address)["restarted_at"].is_string(), "{told:#}");
        assert_eq!(
            (&told["leader_changes"], &told["leader"]),
            (&0.into(), &ensemble.address(leader).to_string().into())
        );

        let epoch = told["epoch"].as_i64().expect("an epoch");
        let address = ensemble.address(leader);
        ensemble.kill9(leader);
        let next = ensemble.address(ensemble.leader());
        // A new leader shows its epoch with its first transaction at the latest.
        let mut client = Client::create_session(gate.pooled());
        client.ping();
        let told = wait_for("another leader", &gate, |told| {
            told["leader"] == next.to_string() && told["epoch"].as_i64() > Some(epoch)
        });
        assert_eq!(told["leader_changes"], 1, "{told:#}");
        let change =
            told["timeline"].as_array().into_iter().flatten().rfind(|event| event["change"] == "leader_changed");
        let change = change.expect("a change of the leader");
        assert_eq!((&change["before"], &change["now"]), (&address.to_string().into(), &next.to_string().into()));

        let log = gate.log_text();
        for line in [
            format!("server {} is unresponsive", ensemble.address(frozen)),
            format!("server {} serves; it was unresponsive", ensemble.address(frozen)),
            format!("server {} refuses connections", ensemble.address(killed)),
            format!("server {} was started again", ensemble.address(killed)),
            format!("server {next} leads; before it {address} did"),
        ] {
            assert!(log.contains(&line), "{line} is missing in\n{log}");
        }
        gate.stop();
    }
}
