//! What may be lost is told before it is: brokers that pause, that come back too early, that have one number; clients
//! that meet their own older node. And nothing is told while nothing is at risk.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::child::Signal;
use crate::support::client::{Client, Kind, ephemeral_owner};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::kafka::Broker;
use crate::support::wait::{self, PATIENCE};

/// The risks of one kind that are in one of these states, newest first.
fn risks(gate: &Gate, code: &str, states: &[&str]) -> Vec<Value> {
    let all = gate.json(&format!("/api/risks?reason={code}&limit=1000"));
    let all = all["risks"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|risk| states.iter().any(|state| risk["state"] == *state)).collect()
}

pub(crate) fn expect_risk(gate: &Gate, code: &str, states: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let states: Vec<&str> = states.split('|').collect();
    wait::until_or(
        "the risk",
        PATIENCE,
        || risks(gate, code, &states).into_iter().find(|risk| fits(risk)),
        || format!("{code} {states:?} among {:#}\n{}", gate.json("/api/risks"), gate.tell()),
    )
}

/// Asks for an ephemeral node and returns the error of the reply.
fn try_create(client: &mut Client, path: &str) -> i32 {
    client.create(path, b"", Kind::Ephemeral)
}

#[test]
fn brokers_are_warned_of_before_they_lose_anything() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let mut broker = Broker::start(1, &gate.pooled().to_string());
    broker.wait_started();
    assert_eq!(gate.json("/api/risks")["risks"], Value::Array(Vec::new()), "a start is no risk");
    let owner = || ephemeral_owner(ensemble.address(ensemble.leader()), "/brokers/ids/1");
    let session = owner().expect("the broker is registered");

    // It pauses and comes back in time.
    broker.signal(Signal::Stop);
    let is_broker = |risk: &Value| risk["identity"].as_str().is_some_and(|name| name.contains("broker-1"));
    let warned = expect_risk(&gate, "client_silent", "open", is_broker);
    let beat = &warned["heartbeat"];
    let [silent, timeout] = ["client_silent_ms", "timeout_ms"].map(|name| beat[name].as_u64().unwrap_or_default());
    assert!(silent * 2 >= timeout && silent < timeout, "{warned:#}");
    assert_eq!(beat["first"], "client", "{warned:#}");
    assert_eq!(owner(), Some(session), "it is told before the session is lost");
    broker.signal(Signal::Cont);
    expect_risk(&gate, "client_silent", "passed", is_broker);

    // It dies, and is started again before its session has expired.
    broker.kill9();
    broker.restart();
    let hex = format!("0x{session:x}");
    let orphan = expect_risk(&gate, "orphan_ephemeral", "open", |risk| risk["owner"] == hex.as_str());
    assert_eq!(orphan["path"], "/brokers/ids/1", "{orphan:#}");
    assert!(orphan["expires_at_ms"].is_u64(), "{orphan:#}");
    assert_eq!(owner(), Some(session), "it is told while the older node is there");
    expect_risk(&gate, "orphan_ephemeral", "passed", |risk| risk["owner"] == hex.as_str());

    // Two brokers have one number.
    broker.kill9();
    wait::until_true("the older node to go", PATIENCE, || owner().is_none());
    drop(broker);
    let mut broker = Broker::start(1, &gate.pooled().to_string());
    broker.wait_started();
    let session = format!("0x{:x}", owner().expect("the broker is registered"));
    let _twin = Broker::start(1, &gate.pooled().to_string());
    let double = expect_risk(&gate, "duplicate_identity", "open|passed", |risk| risk["owner"] == session.as_str());
    assert_eq!(double["path"], "/brokers/ids/1", "{double:#}");
    assert!(double["summary"].as_str().is_some_and(|text| text.contains("/brokers/ids/1")), "{double:#}");
    for code in ["client_silent", "orphan_ephemeral", "duplicate_identity"] {
        assert!(gate.metric("zoogate_risks_total", &[code]) >= 1.0, "{code}");
    }
}

#[test]
fn a_client_that_meets_its_own_older_node_is_told() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let mut older = Client::create_session_with_timeout(gate.pooled(), 8_000);
    assert_eq!(older.create("/latch", b"", Kind::Persistent), 0);
    assert_eq!(try_create(&mut older, "/latch/a"), 0);
    let owner = older.credentials();
    let mut other = Client::create_session_with_timeout(gate.pooled(), 8_000);
    other.get_data("/latch/a");
    older.abandon();
    expect_risk(&gate, "session_away", "open", |risk| risk["session"] == owner.id().as_str());
    // Who only looks is a stranger, on the same host too.
    let mut stranger = Client::create_session_with_timeout(gate.pooled(), 8_000);
    stranger.get_data("/latch/a");
    let mut newer = Client::create_session_with_timeout(gate.pooled(), 8_000);
    assert_eq!(try_create(&mut newer, "/latch/b"), 0);
    newer.get_data("/latch/a");
    let orphan = expect_risk(&gate, "orphan_ephemeral", "open", |risk| risk["path"] == "/latch/a");
    assert_eq!(orphan["owner"], owner.id().as_str(), "{orphan:#}");
    assert_eq!(orphan["session"], newer.credentials().id().as_str(), "{orphan:#}");
    assert_eq!(
        risks(&gate, "orphan_ephemeral", &["open"]).len(),
        1,
        "who read it while its owner lived took it for another's, and so did who made none"
    );
    // A lock that another client has is everyday life.
    let mut holder = Client::create_session_with_timeout(gate.pooled(), 8_000);
    assert_eq!(try_create(&mut holder, "/lock"), 0);
    assert_ne!(try_create(&mut newer, "/lock"), 0);
    newer.get_data("/lock");
    assert_eq!(risks(&gate, "duplicate_identity", &["open", "passed", "lost"]), [] as [Value; 0]);
    // Nobody asks for it again, so that zoogate is not told that it expired.
    expect_risk(&gate, "session_away", "lost|unknown", |risk| risk["session"] == owner.id().as_str());
}

/// What the quiet clients ask for.
const QUIET_TIMEOUT: Duration = Duration::from_secs(12);

/// A client that lives quietly, and knows how long it was silent itself: on a machine that is too busy it is, and that is
/// rightly told.
struct QuietClient {
    client: Client,
    since: Instant,
    longest: Duration,
}

impl QuietClient {
    fn start(gate: &Gate) -> Self {
        let client = Client::create_session_with_timeout(gate.pooled(), QUIET_TIMEOUT.as_millis() as i32);
        Self { client, since: Instant::now(), longest: Duration::ZERO }
    }

    fn ping(&mut self) {
        let begun = Instant::now();
        self.client.ping();
        // Its byte came between these two moments, and an answer too.
        self.longest = self.longest.max(self.since.elapsed());
        self.since = begun;
    }

    fn was_silent(&self) -> bool {
        self.longest * 2 >= QUIET_TIMEOUT
    }
}

/// Sessions that live quietly, and for how long. Nothing is told of those that were not silent.
fn quiet(sessions: usize, lasts: Duration) {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let mut broker = Broker::start(1, &gate.pooled().to_string());
    let mut clients: Vec<QuietClient> = (0..sessions).map(|_| QuietClient::start(&gate)).collect();
    broker.wait_started();
    let begun = Instant::now();
    while begun.elapsed() < lasts {
        clients.iter_mut().for_each(QuietClient::ping);
        thread::sleep(Duration::from_secs(2));
    }
    let told = gate.json("/api/risks?limit=1000");
    let silent: Vec<String> =
        clients.iter().filter(|one| one.was_silent()).map(|one| one.client.credentials().id()).collect();
    let all = told["risks"].as_array().expect("risks");
    let is_wrong = |risk: &&Value| !silent.iter().any(|session| risk["session"] == session.as_str());
    let wrong: Vec<&Value> = all.iter().filter(is_wrong).collect();
    println!(
        "{} risks told, {} of them of the {} clients that were silent",
        all.len(),
        all.len() - wrong.len(),
        silent.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", gate.tell());
}

#[test]
fn nothing_is_told_while_nothing_is_at_risk() {
    quiet(200, Duration::from_secs(20));
}

#[test]
#[ignore = "takes an hour"]
fn nothing_is_told_in_a_quiet_hour() {
    quiet(200, Duration::from_hours(1));
}
