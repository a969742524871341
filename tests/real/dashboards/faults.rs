//! What happens while Prometheus looks on.

use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

use super::prometheus::PrometheusServer;
use crate::support::child::Signal;
use crate::support::client::{Client, Credentials, Greeting, Kind, ephemeral_owner};
use crate::support::ensemble::Ensemble;
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// More than nine tenths of what a request may have (jute.maxbuffer, 1,048,575 bytes).
const ALMOST_TOO_LONG: usize = 1_000_000;
/// Longer than a request may be.
const TOO_LONG: usize = 1_100_000;
/// Requests that are on their way to a frozen leader.
const IN_FLIGHT: usize = 200;

/// The parts on which faults are played.
#[derive(Debug)]
pub(super) struct FaultStage {
    pub(super) ensemble: Ensemble,
    pub(super) gate: Gate,
    pub(super) prometheus: PrometheusServer,
}

impl FaultStage {
    fn wait_alerts(&self, names: &[&str]) {
        self.prometheus.wait_alerts(names, || self.gate.log_text());
    }

    /// A session moves and something still arrives on its old connection; then two clients take it from each other.
    pub(super) fn sessions_move(&self) {
        let [left, right] = self.ensemble.followers();
        let sides = [(left, Ipv4Addr::LOCALHOST), (right, Ipv4Addr::new(127, 0, 0, 2))];
        let mut holder = Client::create_session(self.gate.mirror(left));
        assert_eq!(holder.create("/shared", b"", Kind::Persistent), 0);
        let session = holder.credentials();
        for round in 0..4 {
            let (server, source) = sides[(round + 1) % 2];
            let next = Client::attach_from(IpAddr::V4(source), self.gate.mirror(server), &session);
            holder.send_set_data("/shared", b"late");
            holder.expect_fin();
            self.gate.expect_ends(&[(holder.local_address(), "session_moved")]);
            holder = next;
        }
        self.wait_alerts(&["ZooKeeperSessionMoved", "ZooKeeperSessionShared"]);
    }

    /// A client goes away, its successor meets its node, and it comes back too late.
    pub(super) fn sessions_are_lost(&self) {
        let [server, _] = self.ensemble.followers();
        let mut older = Client::create_session_with_timeout(self.gate.mirror(server), 4_000);
        assert_eq!(older.create("/latch/a", b"", Kind::Ephemeral), 0);
        let session = older.credentials();
        older.abandon();
        self.wait_alerts(&["ZooKeeperSessionAtRisk"]);
        let owner = || ephemeral_owner(self.ensemble.address(server), "/latch/a");
        wait::until_true("the session to expire", PATIENCE, || owner().is_none());
        assert!(matches!(Client::try_attach(self.gate.mirror(server), &session), Greeting::Refused));
        self.wait_alerts(&["ZooKeeperSessionsExpired"]);
    }

    /// Clients with a wrong password, a name that is taken, requests that are too long or not to be read, and too many.
    pub(super) fn clients_misbehave(&self) {
        let [server, _] = self.ensemble.followers();
        let address = self.gate.mirror(server);
        // The server ends this connection before it looks at the password.
        let victim = Client::create_session(address);
        let wrong = Credentials { password: vec![7; 16], ..victim.credentials() };
        assert!(matches!(Client::try_attach(address, &wrong), Greeting::Refused));

        let mut client = Client::create_session(address);
        assert_ne!(client.create("/brokers/ids/1", b"", Kind::Ephemeral), 0, "the name is taken");
        client.get_data("/brokers/ids/1");
        client.set_data("/shared", &vec![0; ALMOST_TOO_LONG]);
        client.send_set_data("/shared", &vec![0; TOO_LONG]);
        client.expect_end();

        let mut client = Client::create_session(address);
        client.link().send(&[0, 0, 0, 2, 0, 0]);
        client.expect_end();

        let crowd: Vec<_> = (0..70).map_while(|_| TcpStream::connect(self.gate.pooled()).ok()).collect();
        self.wait_alerts(&["ZoogateRejects"]);
        drop(crowd);
        // A page of another site asks on and on.
        for _ in 0..40 {
            let asked =
                ureq::get(format!("http://{}/api/sessions", self.gate.admin())).header("origin", "http://else.where");
            assert!(matches!(asked.call(), Err(ureq::Error::StatusCode(403))));
        }
        self.wait_alerts(&[
            "ZoogateAdminRefuses",
            "ZooKeeperPasswordRefused",
            "ZooKeeperDuplicateIdentity",
            "ZooKeeperFrameTooLong",
            "ZooKeeperFrameNearLimit",
            "ZoogateDoesNotUnderstand",
        ]);
    }

    /// zoogate itself stands still, again and again.
    pub(super) fn zoogate_pauses(&self) {
        for _ in 0..8 {
            self.gate.signal(Signal::Stop);
            thread::sleep(Duration::from_millis(500));
            self.gate.signal(Signal::Cont);
            thread::sleep(Duration::from_millis(500));
        }
        self.wait_alerts(&["ZoogatePauses"]);
    }

    /// The leader freezes under requests, goes on, and dies under others.
    pub(super) fn a_leader_dies(&mut self) {
        let leader = self.ensemble.leader();
        let mut client = Client::create_session(self.gate.mirror(leader));
        self.ensemble.freeze(leader);
        (0..IN_FLIGHT).for_each(|_| client.send_set_data("/shared", b"slow"));
        thread::sleep(Duration::from_millis(1_500));
        self.ensemble.thaw(leader);
        (0..IN_FLIGHT).for_each(|_| drop(client.reply()));
        self.wait_alerts(&["ZooKeeperSlow"]);
        self.ensemble.freeze(leader);
        (0..IN_FLIGHT).for_each(|_| client.send_set_data("/shared", b"lost"));
        // A freeze that is over before zoogate has read them would leave nothing unanswered.
        let session = client.credentials().id();
        wait::until_true("requests in flight", PATIENCE, || {
            let seen = self.gate.json(&format!("/api/sessions/{session}"));
            seen["in_flight"].as_u64() == Some(IN_FLIGHT as u64)
        });
        self.ensemble.kill9(leader);
        self.wait_alerts(&[
            "ZooKeeperRequestsUnanswered",
            "ZooKeeperServerNotServing",
            "ZooKeeperQuorumAtEdge",
            "ZooKeeperIncident",
            "ZoogateServerUnreachable",
        ]);
    }

    /// Another server dies: nobody can lead.
    pub(super) fn the_quorum_is_lost(&mut self) {
        let leader = self.ensemble.leader();
        self.ensemble.kill9(leader);
        self.wait_alerts(&["ZooKeeperNoLeader", "ZoogateNotReady"]);
    }
}
