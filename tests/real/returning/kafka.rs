//! Two Kafka brokers lose their connections in the moment in which the leader stands still: one comes back straight to a
//! server, the other through a pooled address.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::everything;
use crate::support::client::ephemeral_owner;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::fault_relay::FaultRelay;
use crate::support::gate::Gate;
use crate::support::kafka::{Broker, consume, create_topic, produce};
use crate::support::transactions::TransactionKind;
use crate::support::wait::{self, PATIENCE};

const FROZEN: Duration = Duration::from_secs(2);

#[test]
fn brokers_return_while_the_leader_stands_still() {
    let ensemble = Ensemble::of([Version::V3_9_3; 3]).setting("syncLimit=10").start();
    let gate = Gate::start(&ensemble);
    let (leader, [follower, _]) = (ensemble.leader(), ensemble.followers());
    let paths = [ensemble.address(follower), gate.pooled()].map(FaultRelay::start);
    let mut brokers = [0, 1].map(|index: usize| Broker::start(index as u32 + 1, &paths[index].address().to_string()));
    brokers.iter_mut().for_each(Broker::wait_started);
    create_topic(brokers[0].address(), "story", 2);
    let owners = || brokers.each_ref().map(|broker| owner(ensemble.address(leader), broker.id()));
    let begun = owners();

    for round in 0..if everything() { 6 } else { 2 } {
        let before = brokers.each_ref().map(established);
        paths.iter().for_each(FaultRelay::reset);
        ensemble.freeze(leader);
        thread::sleep(FROZEN);
        ensemble.thaw(leader);
        wait::until_true("both brokers to be back", PATIENCE, || {
            brokers.iter().zip(before).all(|(broker, before)| established(broker) > before)
        });
        assert_eq!(owners(), begun, "a session was lost in round {round}\n{}", tell(&brokers, &gate));
    }
    let sent: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    produce(brokers[0].address(), "story", &sent);
    let mut sorted = sent;
    sorted.sort();
    assert_eq!(consume(brokers[1].address(), "story", sorted.len()), sorted);

    let transactions = ensemble.transactions(leader);
    let refused = begun.map(|session| {
        let of_it = transactions.iter().filter(|one| one.session == session);
        of_it.filter(|one| one.kind == TransactionKind::MovedRefusal).count()
    });
    eprintln!("moved refusals: direct {}, pooled {}", refused[0], refused[1]);
    eprintln!("connections by reason: {:?}", gate.reasons());
    assert_eq!(refused, [0, 0], "{}", tell(&brokers, &gate));
    assert_eq!(ensemble.leader(), leader, "the leader was taken for lost");
}

/// How often a broker was let in.
fn established(broker: &Broker) -> usize {
    broker.session_log().to_lowercase().matches("session establishment complete").count()
}

/// The session that holds a broker's registration.
fn owner(address: SocketAddr, id: u32) -> i64 {
    ephemeral_owner(address, &format!("/brokers/ids/{id}")).expect("the broker is registered")
}

fn tell(brokers: &[Broker; 2], gate: &Gate) -> String {
    let logs: Vec<String> = brokers.iter().map(Broker::session_log).collect();
    format!("{}\n{}", logs.join("\n"), gate.log_text())
}
