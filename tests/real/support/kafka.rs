//! A real Kafka broker in ZooKeeper mode, and Kafka's own command-line tools to use it.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::child::{Process, Signal, require_java, small_java};
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
    id: u32,
    address: SocketAddr,
    arguments: Vec<String>,
    folder: TempDir,
    process: Option<Process>,
    starts: usize,
}

impl Broker {
    /// Starts broker `id` on the ensemble that `connect` leads to.
    pub(crate) fn start(id: u32, connect: &str) -> Self {
        Self::with_settings(id, connect, |settings| settings)
    }

    /// The same with changed settings.
    pub(crate) fn with_settings(id: u32, connect: &str, change: impl FnOnce(String) -> String) -> Self {
        require_java();
        let folder = TempDir::with_prefix("zoogate-kafka-").expect("create a folder for the broker");
        let address = ports::loopback(ports::free());
        let configuration = folder.path().join("server.properties");
        let settings = change(settings(id, connect, address, folder.path()));
        fs::write(&configuration, settings).expect("write server.properties");
        let mut arguments = small_java(256, &KAFKA.class_path());
        arguments.push(format!("-Dlog4j.configuration=file:{}", logging(folder.path()).display()));
        arguments.push("kafka.Kafka".into());
        arguments.push(configuration.display().to_string());
        let mut broker = Self { id, address, arguments, folder, process: None, starts: 0 };
        broker.restart();
        broker
    }

    /// Starts it again after its end, on its old data.
    pub(crate) fn restart(&mut self) {
        let log = self.folder.path().join("log");
        self.process = Some(Process::start("java", &self.arguments, &log));
        self.starts += 1;
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Where it takes Kafka clients.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged about its ZooKeeper session.
    pub(crate) fn session_log(&self) -> String {
        let text = self.process.as_ref().map(Process::log_text).unwrap_or_default();
        let told = |line: &&str| line.contains("(org.apache.zookeeper.ClientCnxn)") || line.contains("xpired");
        text.lines().filter(told).collect::<Vec<_>>().join("\n")
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

    /// Its settings.
    pub(crate) fn settings(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.properties")).expect("read server.properties")
    }

    /// Waits until it has logged this, and returns the line.
    pub(crate) fn wait_logged(&self, words: &str) -> String {
        let process = self.process.as_ref().expect("the broker was started");
        let line = || process.log_text().lines().find(|line| line.contains(words)).map(str::to_owned);
        wait::until_or(words, wait::PATIENCE, line, || process.log_tail())
    }

    /// Waits until it has ended by itself, and returns all that it has logged.
    pub(crate) fn wait_ended(&mut self) -> String {
        let process = self.process.as_mut().expect("the broker was started");
        process.wait_end(wait::PATIENCE);
        process.log_text()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("the broker runs").signal(signal);
    }

    /// Kills it, which closes its connections and leaves its session to expire.
    pub(crate) fn kill9(&mut self) {
        self.process.take().expect("the broker runs").kill();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn sigterm(&mut self) {
        let mut process = self.process.take().expect("the broker runs");
        process.signal(Signal::Term);
        process.wait_end(wait::PATIENCE);
    }
}

/// Makes a topic with one replica on each of `brokers` brokers.
pub(crate) fn create_topic(bootstrap: SocketAddr, topic: &str, brokers: usize) {
    let (bootstrap, replicas) = (bootstrap.to_string(), brokers.to_string());
    let shape = ["--partitions", "2", "--replication-factor", &replicas];
    let arguments = [&["--bootstrap-server", &bootstrap, "--create", "--topic", topic][..], &shape].concat();
    tool("org.apache.kafka.tools.TopicCommand", &arguments, "");
}

/// Sends each line as a message that every replica must have taken.
pub(crate) fn produce(bootstrap: SocketAddr, topic: &str, lines: &[String]) {
    let bootstrap = bootstrap.to_string();
    let arguments = ["--bootstrap-server", &bootstrap, "--topic", topic, "--request-required-acks", "all"];
    // As the tool has it by itself, a message is given up when it has failed three times within some tenths of seconds,
    // and the tool ends with success all the same.
    let patience = ["--message-send-max-retries", "10000", "--request-timeout-ms", "30000"];
    tool("kafka.tools.ConsoleProducer", &[&arguments[..], &patience].concat(), &(lines.join("\n") + "\n"));
}

/// Reads `count` messages from the topic's beginning, sorted; fewer when no more come for two minutes.
pub(crate) fn consume(bootstrap: SocketAddr, topic: &str, count: usize) -> Vec<String> {
    let (bootstrap, count) = (bootstrap.to_string(), count.to_string());
    let arguments = ["--bootstrap-server", &bootstrap, "--topic", topic, "--from-beginning", "--max-messages", &count];
    let patience = ["--timeout-ms", "120000"];
    let said = tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &[&arguments[..], &patience].concat(), "");
    let mut lines: Vec<String> = said.lines().map(String::from).collect();
    lines.sort();
    lines
}

/// Runs one of Kafka's command-line tools to its end and returns what it printed.
fn tool(class: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("java")
        .args(small_java(128, &KAFKA.class_path()))
        .arg(class)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run java");
    let mut stdin = child.stdin.take().expect("the tool's input is a pipe");
    stdin.write_all(input.as_bytes()).expect("write the tool's input");
    drop(stdin);
    let ended = child.wait_with_output().expect("wait for the tool");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{class} {arguments:?} failed:\n{errors}");
    String::from_utf8_lossy(&ended.stdout).into_owned()
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
