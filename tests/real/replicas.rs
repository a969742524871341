//! Debian's ClickHouse 18.16, two replicas of a table: the same inserts with a follower and then the leader of their
//! ensemble killed, straight and through zoogate, and the same rows in the end.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::child::Process;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::ports;
use crate::support::wait::{self, PATIENCE};

/// Inserts of each replica in each part of a run.
const INSERTS: u32 = 5;
/// Rows of an insert.
const ROWS: u32 = 10;

/// One ClickHouse server.
struct Replica {
    http: SocketAddr,
    name: &'static str,
    process: Process,
    _folder: TempDir,
}

impl Replica {
    fn start(name: &'static str, zookeeper: &[SocketAddr]) -> Self {
        let folder = TempDir::with_prefix("zoogate-replica-").expect("create a folder for a replica");
        let [http, tcp, interserver] = [(); 3].map(|()| ports::free());
        let path = folder.path().display();
        let node =
            |server: &SocketAddr| format!("<node><host>{}</host><port>{}</port></node>", server.ip(), server.port());
        let nodes = zookeeper.iter().map(node).collect::<Vec<_>>().concat();
        let text = format!(
            "<yandex><logger><level>information</level><log>{path}/log</log><errorlog>{path}/errors</errorlog></logger>\
             <listen_host>127.0.0.1</listen_host><http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>\
             <interserver_http_port>{interserver}</interserver_http_port>\
             <interserver_http_host>127.0.0.1</interserver_http_host>\
             <path>{path}/data/</path><tmp_path>{path}/tmp/</tmp_path><mark_cache_size>10000000</mark_cache_size>\
             <users_config>{path}/users.xml</users_config><default_profile>default</default_profile>\
             <default_database>default</default_database>\
             <zookeeper>{nodes}<session_timeout_ms>6000</session_timeout_ms></zookeeper></yandex>"
        );
        fs::write(folder.path().join("config.xml"), text).expect("write the configuration of a replica");
        fs::write(folder.path().join("users.xml"), USERS).expect("write the users of a replica");
        let arguments = [format!("--config-file={path}/config.xml")];
        let process = Process::start("/usr/sbin/clickhouse-server", &arguments, &folder.path().join("output"));
        let mut replica = Self { http: ports::loopback(http), name, process, _folder: folder };
        wait::until_true("a replica to start", PATIENCE, || {
            let runs = replica.process.runs();
            assert!(
                runs,
                "clickhouse-server (Debian package clickhouse-server) ended:\n{}",
                replica.process.log_tail()
            );
            replica.ask("SELECT 1").is_ok()
        });
        replica
    }

    fn ask(&self, query: &str) -> Result<String, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response =
            agent.post(format!("http://{}/", self.http)).send(query).map_err(|error| error.to_string())?;
        let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
        if response.status() == 200 { Ok(text.trim().to_owned()) } else { Err(text) }
    }

    /// Asks until it is carried out: while ZooKeeper has no leader, or a session is being replaced, it is not.
    fn ask_in_time(&self, query: &str) -> String {
        let mut refusal = String::new();
        let answer = || match self.ask(query) {
            Ok(answer) => Some(answer),
            Err(error) => {
                refusal = error;
                thread::sleep(Duration::from_millis(100));
                None
            }
        };
        wait::until(&format!("{query:?} of {}", self.name), PATIENCE, answer)
    }
}

const USERS: &str = "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default>\
    <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>\
    </default></users></yandex>";

/// The replicas of one way to the ensemble.
struct Pair {
    way: &'static str,
    replicas: [Replica; 2],
}

impl Pair {
    fn start(way: &'static str, zookeeper: &[SocketAddr]) -> Self {
        let replicas = ["r1", "r2"].map(|name| Replica::start(name, zookeeper));
        for replica in &replicas {
            replica.ask_in_time(&format!(
                "CREATE TABLE IF NOT EXISTS t (part UInt32, k UInt32) ENGINE = ReplicatedMergeTree('/{way}/t', '{}') ORDER BY k",
                replica.name
            ));
        }
        Self { way, replicas }
    }

    /// Inserts through both replicas. The same rows once more are none: ClickHouse knows an insert that it has carried out.
    fn insert(&self, part: u32) {
        for number in 0..INSERTS {
            for (place, replica) in self.replicas.iter().enumerate() {
                let first = (number * 2 + place as u32) * ROWS;
                replica.ask_in_time(&format!("INSERT INTO t SELECT {part}, number + {first} FROM numbers({ROWS})"));
            }
        }
    }

    /// What both replicas hold in the end.
    fn rows(&self) -> Vec<String> {
        let rows = |replica: &Replica| {
            replica.ask_in_time("SYSTEM SYNC REPLICA t");
            replica.ask_in_time("SELECT part, count(), sum(k), max(k) FROM t GROUP BY part ORDER BY part")
        };
        self.replicas.iter().map(rows).collect()
    }
}

#[test]
fn two_replicas_hold_the_same_whatever_becomes_of_their_ensemble() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let ways = [
        ("direct", ensemble.addresses()),
        ("pooled", vec![gate.pooled()]),
        ("mirror", [0, 1, 2].map(|index| gate.mirror(index)).to_vec()),
    ];
    let pairs = ways.map(|(way, zookeeper)| Pair::start(way, &zookeeper));
    let insert = |part: u32| {
        thread::scope(|scope| {
            for pair in &pairs {
                scope.spawn(move || pair.insert(part));
            }
        });
    };
    insert(1);
    let identities = gate.live_identities();
    for name in ["clickhouse r1", "clickhouse r2"] {
        assert_eq!(identities.iter().filter(|identity| *identity == name).count(), 2, "{identities:?}");
    }
    let follower = ensemble.followers()[0];
    ensemble.kill9(follower);
    insert(2);
    ensemble.restart(follower);
    let leader = ensemble.leader();
    ensemble.kill9(leader);
    insert(3);
    let expected: Vec<String> = (1..=3).map(|part| format!("{part}\t100\t4950\t99")).collect();
    let expected = vec![expected.join("\n"); 2];
    for pair in &pairs {
        assert_eq!(pair.rows(), expected, "{}\n{}", pair.way, gate.tell());
    }
    gate.expect_flags(&[]);
    assert!(!gate.reasons().contains_key("session_moved"), "{}", gate.tell());
}
