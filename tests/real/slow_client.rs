//! A client behind a path that takes its time, in both directions and down to the kernel: what it gives up is explained by
//! that path, with the round trips of both.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{self, Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::clients::peers;
use crate::support::client::{Client, Credentials, Kind, Received, TIMEOUT_MS};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::ports;
use crate::support::wait::{self, PATIENCE};

/// One way.
const DELAY_MS: u64 = 400;

/// An interface whose far end is this machine; what is sent there comes back late.
struct DelayedPath {
    own: String,
    far: String,
    program: Child,
}

impl DelayedPath {
    /// None where the machine allows no such interface.
    fn open() -> Option<Self> {
        let name = format!("zg{}", process::id());
        let [own, far] = [1, 2].map(|host| format!("10.213.{}.{host}", process::id() % 250));
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "python3"]).arg(peers::delayed_path());
        command.args([&name, &own, &far, &DELAY_MS.to_string()]);
        let mut program = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("start python3");
        let mut said = String::new();
        let output = program.stdout.take().expect("the output is a pipe");
        BufReader::new(output).read_line(&mut said).expect("read what a program says");
        let path = Self { own, far, program };
        match said.trim() {
            "open" => Some(path),
            _ if said.starts_with("forbidden") => {
                eprintln!("not tested: this machine allows no interface of its own: {said}");
                None
            }
            _ => panic!("no path: {said}"),
        }
    }
}

impl Drop for DelayedPath {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn a_client_behind_a_slow_path_is_told_so_with_both_round_trips() {
    if File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        eprintln!("not tested: this machine has no /dev/net/tun");
        return;
    }
    let Some(path) = DelayedPath::open() else { return };
    let ensemble = Ensemble::start(Version::V3_9_3);
    let port = ports::free();
    let gate = Gate::start_with(&ensemble, &["--listen", &format!("{}:{port}", path.own)]);
    let door: SocketAddr = format!("{}:{port}", path.far).parse().expect("an address");
    let own = path.own.parse().expect("an address");
    let fresh = Credentials { session: 0, password: vec![0; 16], last_zxid: 0, timeout_ms: TIMEOUT_MS };
    let mut client = Client::attach_from(own, door, &fresh);
    let session = client.credentials();
    let node = format!("/slow-{}", session.id());
    assert_eq!(client.create(&node, b"", Kind::Ephemeral), 0);

    // Both ways are measured while it lives.
    let detail = || gate.json(&format!("/api/sessions/{}", session.id()));
    let measured = wait::until_or(
        "both ways to be measured",
        PATIENCE,
        || Some(detail()).filter(|one| one["client_path"].is_object() && one["server_path"].is_object()),
        || format!("{:#}", detail()),
    );
    let rtt = |way: &str| measured[way]["rtt_ms"].as_f64().unwrap_or_default();
    assert!(rtt("client_path") >= 2.0 * DELAY_MS as f64 * 0.9, "{measured:#}");
    assert!(rtt("server_path") < DELAY_MS as f64, "{measured:#}");

    // It waits for less than the path takes, and comes back another way.
    client.send_set_data(&node, b"waits");
    assert_eq!(client.link().receive(Duration::from_millis(DELAY_MS + 100)), Received::Silence);
    let peer = SocketAddr::new(door.ip(), client.local_address().port()).to_string();
    client.abandon();
    let judged = || end_of(&gate, &peer).filter(|end| end["cause"]["code"] == "slow_client_path");
    let end = wait::until_or("the slow path to be named", PATIENCE, judged, || {
        format!("{:#?}\n{}", end_of(&gate, &peer), gate.tell())
    });
    assert_eq!((&end["first"], &end["unanswered"]), (&"path_client".into(), &0.into()), "{end:#}");
    let again = Client::attach(gate.pooled(), &session);
    let incidents = gate.json("/api/incidents?limit=100");
    let told =
        incidents["incidents"].as_array().into_iter().flatten().find(|one| one["cause"]["code"] == "slow_client_path");
    let evidence = told.unwrap_or_else(|| panic!("no incident: {incidents:#}"))["evidence"].to_string();
    for fact in ["\"slow_client_path\"", "\"server_round_trip\"", "\"kernel\""] {
        assert!(evidence.contains(fact), "{fact} in {evidence}");
    }
    println!("{evidence}");
    drop(again);
}

/// The end of the connection that came from there.
fn end_of(gate: &Gate, client: &str) -> Option<Value> {
    let connections = gate.json("/api/connections?state=ended&limit=1000");
    connections["connections"].as_array()?.iter().find(|one| one["client"] == client).cloned()
}
