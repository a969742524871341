//! A session that is moved and refused, and a leader that is killed, with the page open.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::browser::{Driver, folder};
use crate::support::client::{Client, Credentials, Kind};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// Clients beside the one that is moved.
const BROKERS: usize = 9;
/// What may read at the zoogate that wants a token.
const READ_TOKEN: &str = "read-read-read-read-read-read-read";

/// A client that has registered like a broker.
fn broker(gate: &Gate, server: usize, number: usize) -> Client {
    let mut client = Client::create_session(gate.mirror(server));
    assert_eq!(client.create(&format!("/brokers/ids/{number}"), b"{}", Kind::Ephemeral), 0);
    client
}

/// Comes again until it has its session.
fn come_again(gate: &Gate, session: &Credentials) -> Client {
    wait::until("the session to be given again", PATIENCE, || gate.reattach(session))
}

/// Another zoogate, which answers only who has its token.
fn page_with_a_token(ensemble: &Ensemble) {
    let place = tempfile::tempdir().expect("a folder for tokens");
    let token = |name: &str, text: &str| {
        let file = place.path().join(name);
        fs::write(&file, text).expect("write a token");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("keep it from others");
        file.display().to_string()
    };
    let (change, read) = (token("change", "change-change-change"), token("read", READ_TOKEN));
    let gate = Gate::start_with(ensemble, &["--admin-token-file", &change, "--admin-read-token-file", &read]);
    Driver::start("tokened.mjs", gate.admin(), &[READ_TOKEN]).finish();
    drop(gate);
}

#[test]
fn the_page_shows_what_the_api_says() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let (leader, [old, new]) = (ensemble.leader(), ensemble.followers());
    let mut first = Client::create_session(gate.mirror(leader));
    for path in ["/brokers", "/brokers/ids", "/topics", "/topics/<img src=x onerror=alert(1)>"] {
        assert_eq!(first.create(path, b"", Kind::Persistent), 0);
    }
    let mut brokers: Vec<Client> = (1..=BROKERS).map(|number| broker(&gate, number % 3, number)).collect();

    // The old connection writes once more after the session has come to another server.
    let mut stale = broker(&gate, old, 42);
    let mut moved = Client::attach(gate.mirror(new), &stale.credentials());
    moved.ping();
    stale.send_set_data("/topics/<img src=x onerror=alert(1)>", b"late");
    stale.expect_fin();
    wait::until_true("the refusal to be flagged", PATIENCE, || !gate.flags().is_empty());

    let mut driver = Driver::start("live.mjs", gate.admin(), &[&moved.credentials().id()]);
    driver.hear("watching");
    for client in &mut brokers {
        client.set_data("/topics", b"some work");
    }
    ensemble.kill9(leader);
    let lost: Vec<Credentials> = brokers.iter().chain([&moved, &first]).map(Client::credentials).collect();
    for mut client in brokers.into_iter().chain([moved, first]) {
        client.expect_end();
    }
    let mut back: Vec<Client> = lost.iter().map(|session| come_again(&gate, session)).collect();
    back.iter_mut().for_each(Client::ping);
    wait::until_true("an incident of the lost leader", PATIENCE, || {
        let incidents = gate.json("/api/incidents").to_string();
        incidents.contains("leader_crashed") || incidents.contains("leader_")
    });
    driver.tell("killed");
    driver.hear("seen");
    driver.finish();

    let mut views = Driver::start("views.mjs", gate.admin(), &[&lost[BROKERS].id()]);
    views.hear("pictures");
    views.finish();

    page_with_a_token(&ensemble);

    let file = folder("target/page/report.html").display().to_string();
    let admin = gate.admin().to_string();
    let report = ["report", "--admin", &admin, "--since", "1h", "--format", "html", "--out", &file];
    let said = Command::new(env!("CARGO_BIN_EXE_zoogate")).args(report).output().expect("the program");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    Driver::start("saved.mjs", gate.admin(), &[&file, &lost[BROKERS].id()]).finish();
    gate.stop();
}
