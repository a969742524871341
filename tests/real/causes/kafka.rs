//! Kafka brokers lose a leader, a follower, and one of themselves: what zoogate says names the broker, and what it had
//! asked for.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::combination::ServerKind;
use super::leader_faults::other_leader;
use crate::support::child::Signal;
use crate::support::client::ephemeral_owner;
use crate::support::ensemble::Ensemble;
use crate::support::gate::Gate;
use crate::support::kafka::{Broker, create_topic};
use crate::support::wait::{self, PATIENCE};

/// Longer than the leader waits for a follower, and than a broker's session waits for its broker.
const LONG: Duration = Duration::from_secs(9);

struct KafkaScene {
    gate: Gate,
    brokers: [Broker; 2],
    ensemble: Ensemble,
}

#[test]
fn brokers_and_their_requests_are_named() {
    let ensemble = ServerKind::current().start();
    let gate = Gate::start(&ensemble);
    let mut brokers = [1, 2].map(|id| Broker::start(id, &gate.pooled().to_string()));
    brokers.iter_mut().for_each(Broker::wait_started);
    let mut scene = KafkaScene { gate, brokers, ensemble };
    scene.wait_named();
    scene.lose_the_leader();
    scene.freeze_a_follower();
    scene.pause_a_broker();
}

impl KafkaScene {
    fn wait_named(&self) {
        wait::until_true("the brokers to be named", PATIENCE, || {
            let names = self.gate.live_identities();
            self.brokers.iter().all(|broker| names.iter().any(|name| name.contains(&format!("broker-{}", broker.id()))))
        });
    }

    fn lose_the_leader(&mut self) {
        let known = self.newest();
        let leader = self.ensemble.leader();
        thread::scope(|scope| {
            // What the controller asks of ZooKeeper for it is on the way, or follows.
            scope.spawn(|| create_topic(self.brokers[0].address(), "lost-leader", 2));
            thread::sleep(Duration::from_millis(1_500));
        });
        self.ensemble.kill9(leader);
        wait::until_true("another leader", PATIENCE, || other_leader(&self.ensemble, leader));
        let incident = self.incident(known, &["leader_stopped"]);
        assert!(names_a_broker(&incident), "{incident:#}");
        expect_operations(&incident);
        self.recover();
    }

    fn freeze_a_follower(&mut self) {
        let known = self.newest();
        let owners = self.owners();
        let carrier = |server: &usize| owners.iter().any(|&session| self.ensemble.carries(*server, session));
        // A follower if one carries a broker; both brokers are on the leader otherwise, and nobody is hurt.
        let Some(frozen) = self.ensemble.followers().into_iter().find(carrier) else {
            eprintln!("no broker is on a follower");
            return;
        };
        self.ensemble.freeze(frozen);
        thread::sleep(LONG);
        self.ensemble.thaw(frozen);
        let incident = self.incident(known, &["server_frozen"]);
        assert!(names_a_broker(&incident), "{incident:#}");
        expect_operations(&incident);
        self.recover();
    }

    fn pause_a_broker(&mut self) {
        let known = self.newest();
        self.brokers[1].signal(Signal::Stop);
        thread::sleep(LONG);
        self.brokers[1].signal(Signal::Cont);
        let incident = self.incident(known, &["client_paused"]);
        assert!(incident.to_string().contains("broker-2"), "{incident:#}");
        self.recover();
    }

    /// All serve and all brokers are back.
    fn recover(&mut self) {
        self.ensemble.restore();
        self.wait_named();
    }

    fn owners(&self) -> Vec<i64> {
        let address = self.ensemble.address(self.ensemble.leader());
        let owner = |broker: &Broker| ephemeral_owner(address, &format!("/brokers/ids/{}", broker.id()));
        self.brokers.iter().filter_map(owner).collect()
    }

    fn all(&self) -> Vec<Value> {
        self.gate.json("/api/incidents?limit=1000")["incidents"].as_array().cloned().unwrap_or_default()
    }

    /// The number of the newest incident.
    fn newest(&self) -> u64 {
        self.all().iter().filter_map(|incident| incident["id"].as_u64()).max().unwrap_or_default()
    }

    /// An incident behind the known ones that has one of these causes, with all that is known of it.
    fn incident(&self, known: u64, codes: &[&str]) -> Value {
        let fits = |incident: &Value| {
            incident["id"].as_u64().is_some_and(|id| id > known)
                && incident["cause"]["code"].as_str().is_some_and(|code| codes.contains(&code))
        };
        let found = wait::until_or(
            "the incident",
            PATIENCE,
            || self.all().into_iter().find(|incident| fits(incident)),
            || format!("{codes:?} among {:#?}\n{}", self.all(), self.gate.tell()),
        );
        self.gate.json(&format!("/api/incidents/{}", found["id"]))
    }
}

fn names_a_broker(incident: &Value) -> bool {
    ["broker-1", "broker-2"].iter().any(|name| incident.to_string().contains(name))
}

/// What was never answered is told by its name and path.
fn expect_operations(incident: &Value) {
    let impact = &incident["impact"];
    if impact["unanswered"].as_u64().unwrap_or_default() > 0 {
        let operations = impact["operations"].as_array().expect("operations");
        assert!(operations.iter().all(|operation| operation["op"].is_string()), "{impact:#}");
        assert!(!operations.is_empty(), "{impact:#}");
    }
}
