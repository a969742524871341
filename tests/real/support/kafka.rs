//! A real Kafka broker in ZooKeeper mode, and Kafka's own command-line tools to use it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::child::{Process, require_java, small_java};
use super::maven::Peer;
use super::{ports, wait};

const KAFKA: Peer = Peer {
    name: "kafka-3.9.1",
    coordinates: &["org.apache.kafka:kafka_2.13:3.9.1", "org.apache.kafka:kafka-tools:3.9.1"],
};

/// The session timeout that brokers ask for, in milliseconds: short, so that a lost server matters within a test.
pub(crate) const SESSION_TIMEOUT_MS: u32 = 6000;

/// A broker with an id, an address and a folder of its own.
#[derive(Debug)]
pub(crate) struct Broker {
    address: SocketAddr,
    arguments: Vec<String>,
    folder: TempDir,
    process: Option<Process>,
    starts: usize,
}

impl Broker {
    /// Starts broker `id` on the ensemble that `connect` leads to.
    pub(crate) fn start(id: u32, connect: &str) -> Self {
        require_java();
        let folder = TempDir::with_prefix("zoogate-kafka-").expect("create a folder for the broker");
        let address = ports::loopback(ports::free());
        let configuration = folder.path().join("server.properties");
        fs::write(&configuration, settings(id, connect, address, folder.path())).expect("write server.properties");
        let mut arguments = small_java(256, &KAFKA.class_path());
        arguments.push(format!("-Dlog4j.configuration=file:{}", logging(folder.path()).display()));
        arguments.push("kafka.Kafka".into());
        arguments.push(configuration.display().to_string());
        let mut broker = Self { address, arguments, folder, process: None, starts: 0 };
        broker.restart();
        broker
    }

    /// Starts it again after its end, on its old data.
    pub(crate) fn restart(&mut self) {
        let log = self.folder.path().join("log");
        self.process = Some(Process::start("java", &self.arguments, &log));
        self.starts += 1;
    }

    /// Where it takes Kafka clients.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it says that it has started, which it does once it is registered.
    pub(crate) fn wait_started(&mut self) {
        let process = self.process.as_mut().expect("the broker runs");
        let starts = self.starts;
        wait::until_true("a broker to start", wait::PATIENCE, || {
            let text = process.log_text();
            assert!(process.runs(), "the broker ended:\n{}", process.log_tail());
            text.matches("started (kafka.server.KafkaServer)").count() >= starts
        });
    }
}

fn settings(id: u32, connect: &str, address: SocketAddr, folder: &Path) -> String {
    format!(
        "broker.id={id}\nlisteners=PLAINTEXT://{address}\nlog.dirs={}\nzookeeper.connect={connect}\n\
         zookeeper.session.timeout.ms={SESSION_TIMEOUT_MS}\nnum.partitions=1\noffsets.topic.num.partitions=1\n\
         offsets.topic.replication.factor=1\nnum.network.threads=1\nnum.io.threads=2\n\
         group.initial.rebalance.delay.ms=0\ncontrolled.shutdown.enable=true\nlog.cleaner.enable=false\n",
        folder.join("data").display()
    )
}

fn logging(folder: &Path) -> PathBuf {
    let path = folder.join("log4j.properties");
    let text = "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n\
        log4j.appender.out.layout=org.apache.log4j.PatternLayout\n\
        log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p %m (%c)%n\n";
    fs::write(&path, text).expect("write the logging configuration of the broker");
    path
}
