//! Two Kafka brokers in ZooKeeper mode that know the ensemble only through zoogate.
//!
//! The measure is ZooKeeper's own: a broker's session lives as long as its ephemeral registration keeps its owner.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::client::{Client, Greeting, ephemeral_owner};
use crate::support::ensemble::{Ensemble, TICK_MS, Version};
use crate::support::gate::Gate;
use crate::support::kafka::{Broker, consume, create_topic, produce};
use crate::support::wait::{self, PATIENCE};

/// How long a frozen server stays frozen: longer than the brokers' session timeout.
const FROZEN: Duration = Duration::from_secs(10);

#[test]
fn brokers_behind_one_pooled_address() {
    Play::begin(|gate| gate.pooled().to_string()).play_out();
}

#[test]
fn brokers_behind_one_address_per_server() {
    Play::begin(Gate::mirror_string).play_out();
}

struct Play {
    gate: Gate,
    brokers: [Broker; 2],
    ensemble: Ensemble,
    messages: Vec<String>,
}

impl Play {
    fn begin(connect: impl Fn(&Gate) -> String) -> Self {
        let ensemble = Ensemble::start(Version::V3_9_3);
        let gate = Gate::start(&ensemble);
        let mut brokers = [1, 2].map(|id| Broker::start(id, &connect(&gate)));
        brokers.iter_mut().for_each(Broker::wait_started);
        Self { gate, brokers, ensemble, messages: Vec::new() }
    }

    fn play_out(mut self) {
        self.expect_names();
        create_topic(self.brokers[0].address(), "story", 2);
        self.expect_messages("first");

        self.fail_over_and_restart_a_broker();
        self.expect_messages("after the fail-over");

        let owners = self.owners();
        self.restart_every_server();
        assert_eq!(self.owners(), owners, "a session was lost in the rolling restart\n{}", self.tell());
        self.expect_messages("after the rolling restart");

        self.lose_the_leader();
        assert_eq!(self.owners(), owners, "a session was lost with the leader\n{}", self.tell());
        self.expect_messages("after the leader's loss");
        self.gate.expect_flags(&[]);

        self.freeze_a_follower_under_a_broker();
        assert_eq!(self.owners(), owners, "a session was lost to the frozen follower\n{}", self.tell());
        self.expect_messages("after the frozen follower");
        self.expect_names();
        self.gate.stop();
    }

    /// Each broker is named by its number, and one of them as the controller.
    fn expect_names(&self) {
        wait::until_true("the brokers to be named", PATIENCE, || {
            let names = self.gate.live_identities();
            let controllers = names.iter().filter(|name| name.contains("controller")).count();
            let known = |id: u32| names.iter().filter(|name| name.contains(&format!("broker-{id}"))).count() == 1;
            controllers == 1 && self.brokers.iter().all(|broker| known(broker.id()))
        });
    }

    /// Whoever is the controller now, as ZooKeeper has it.
    fn controller(&self) -> usize {
        let owner = wait::until("a controller", PATIENCE, || self.owner("/controller"));
        let brokers = self.owners();
        brokers.iter().position(|&broker| broker == owner).expect("the controller is one of the brokers")
    }

    fn fail_over_and_restart_a_broker(&mut self) {
        let old = self.controller();
        self.brokers[old].sigterm();
        wait::until_true("the other broker to take over", PATIENCE, || {
            self.gate.live_identities().contains(&format!("broker-{} (controller)", self.brokers[1 - old].id()))
        });
        self.brokers[old].restart();
        self.brokers[old].wait_started();
        assert_eq!(self.controller(), 1 - old);
        self.expect_names();
    }

    /// Followers first, the leader last, each one back before the next goes.
    fn restart_every_server(&mut self) {
        let [first, second] = self.ensemble.followers();
        for server in [first, second, self.ensemble.leader()] {
            self.ensemble.sigterm(server);
            self.ensemble.restart(server);
            self.ensemble.wait_serving();
            self.wait_attached();
        }
    }

    fn lose_the_leader(&mut self) {
        let leader = self.ensemble.leader();
        self.ensemble.kill9(leader);
        self.ensemble.wait_serving();
        self.wait_attached();
        self.ensemble.restart(leader);
        self.ensemble.wait_serving();
    }

    /// Every broker's session is on a server.
    fn wait_attached(&self) {
        wait::until_true("the brokers to be attached", PATIENCE, || {
            let sessions = self.owners();
            sessions.iter().all(|&session| (0..3).any(|server| self.ensemble.carries(server, session)))
        });
    }

    fn freeze_a_follower_under_a_broker(&mut self) {
        let frozen = wait::until("a broker on a follower", PATIENCE, || {
            let under_broker = self.follower_under_a_broker();
            if under_broker.is_none() {
                self.lose_the_leader();
            }
            under_broker
        });
        self.wait_heartbeats_told(frozen);
        let visitors = Visitors::come_and_go(self.gate.pooled());
        self.ensemble.freeze(frozen);
        thread::sleep(FROZEN);
        self.ensemble.thaw(frozen);
        assert!(visitors.leave() > 0, "no other client was served while a follower was frozen");
        self.ensemble.wait_serving();
        self.wait_attached();
    }

    /// Waits until a follower has told the leader of every heartbeat that it has heard, which it does twice a tick. What
    /// it has not told is lost when it freezes, and the session then ends early for everybody, direct clients too.
    fn wait_heartbeats_told(&self, follower: usize) {
        let answers = || self.ensemble.last_answers(follower);
        let mut last = answers();
        let mut since = Instant::now();
        wait::until_true("a moment without a heartbeat", PATIENCE, || {
            let now = answers();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            since.elapsed() >= Duration::from_millis(u64::from(TICK_MS) * 6 / 10)
        });
        assert!(last.is_some_and(|answers| !answers.is_empty()), "the follower has a client");
    }

    fn follower_under_a_broker(&self) -> Option<usize> {
        let sessions = self.owners();
        let carries = |&server: &usize| sessions.iter().any(|&session| self.ensemble.carries(server, session));
        self.ensemble.followers().into_iter().find(carries)
    }

    fn expect_messages(&mut self, moment: &str) {
        let sent: Vec<String> = (0..20).map(|number| format!("{moment} {number}")).collect();
        produce(self.brokers[0].address(), "story", &sent);
        self.messages.extend(sent);
        self.messages.sort();
        assert_eq!(consume(self.brokers[1].address(), "story", self.messages.len()), self.messages);
    }

    fn owner(&self, path: &str) -> Option<i64> {
        ephemeral_owner(self.ensemble.address(self.ensemble.leader()), path)
    }

    /// The sessions that hold the brokers' registrations.
    fn owners(&self) -> Vec<i64> {
        let registration = |broker: &Broker| self.owner(&format!("/brokers/ids/{}", broker.id()));
        self.brokers.iter().map(|broker| registration(broker).expect("the broker is registered")).collect()
    }

    fn tell(&self) -> String {
        let brokers: Vec<String> = self.brokers.iter().map(Broker::session_log).collect();
        format!("{}\n{}", brokers.join("\n"), self.gate.log_text())
    }
}

/// Clients that come, ask for something and go, without pause.
struct Visitors {
    done: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Visitors {
    fn come_and_go(address: SocketAddr) -> Self {
        let (done, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let start = |_| {
            let (done, served) = (Arc::clone(&done), Arc::clone(&served));
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    // Who is on the follower when it freezes is answered only when it thaws.
                    if let Greeting::Accepted(client) = Client::try_create_session(address)
                        && client.try_close_session()
                    {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    thread::sleep(Duration::from_millis(50));
                }
            })
        };
        let threads = (0..3).map(start).collect();
        Self { done, served, threads }
    }

    /// Sends everybody home and says how many were served.
    fn leave(self) -> usize {
        self.done.store(true, Ordering::Relaxed);
        for visitor in self.threads {
            visitor.join().expect("a visitor fell over");
        }
        self.served.load(Ordering::Relaxed)
    }
}
