//! Three real ZooKeeper servers on loopback, with faults on demand.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::child::{Process, Signal, require_java, small_java};
use super::fault_relay::FaultRelay;
use super::maven::Peer;
use super::transactions::{self, Transaction};
use super::{ports, wait};

/// Ensembles that may run at once: more than this starves a small machine until elections time out.
const AT_ONCE: usize = 2;

const SERVERS: usize = 3;

/// Milliseconds; short, so that expiry and elections are quick, and long enough for a loaded machine.
pub(crate) const TICK_MS: u32 = 1000;

/// A ZooKeeper release that the tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// The oldest that is still met.
    V3_4_14,
    /// Answers a moved multi with -118 in its first result.
    V3_5_10,
    /// The first line that closes without a word where a session has moved.
    V3_6_4,
    /// The release that Kafka 3.9 ships.
    V3_8_4,
    /// The current line.
    V3_9_3,
}

impl Version {
    /// The current line, and the last of those that answer a moved multi.
    pub(crate) const BOTH_LINES: [Self; 2] = [Self::V3_9_3, Self::V3_5_10];

    /// Its jars, which are a client's as well.
    pub(crate) fn peer(self) -> Peer {
        match self {
            Self::V3_4_14 => Peer { name: "zookeeper-3.4.14", coordinates: &["org.apache.zookeeper:zookeeper:3.4.14"] },
            Self::V3_6_4 => Peer {
                name: "zookeeper-3.6.4",
                coordinates: &[
                    "org.apache.zookeeper:zookeeper:3.6.4",
                    "io.dropwizard.metrics:metrics-core:4.1.12.1",
                    "org.xerial.snappy:snappy-java:1.1.10.5",
                    "org.slf4j:slf4j-reload4j:1.7.36",
                ],
            },
            Self::V3_5_10 => Peer {
                name: "zookeeper-3.5.10",
                coordinates: &["org.apache.zookeeper:zookeeper:3.5.10", "org.slf4j:slf4j-reload4j:1.7.36"],
            },
            Self::V3_8_4 => Peer {
                name: "zookeeper-3.8.4",
                coordinates: &[
                    "org.apache.zookeeper:zookeeper:3.8.4",
                    "io.dropwizard.metrics:metrics-core:4.1.12.1",
                    "org.xerial.snappy:snappy-java:1.1.10.5",
                    "org.slf4j:slf4j-reload4j:1.7.36",
                ],
            },
            Self::V3_9_3 => Peer {
                name: "zookeeper-3.9.3",
                coordinates: &[
                    "org.apache.zookeeper:zookeeper:3.9.3",
                    "io.dropwizard.metrics:metrics-core:4.1.12.1",
                    "org.xerial.snappy:snappy-java:1.1.10.5",
                    "org.slf4j:slf4j-reload4j:1.7.36",
                ],
            },
        }
    }
}

/// How an ensemble is to be set up.
#[derive(Debug)]
pub(crate) struct Plan {
    versions: [Version; SERVERS],
    settings: Vec<String>,
    properties: Vec<String>,
    relayed: bool,
    elections_relayed: bool,
}

impl Plan {
    /// Adds a line to every server's configuration file.
    pub(crate) fn setting(mut self, line: &str) -> Self {
        self.settings.push(line.into());
        self
    }

    /// Lets Netty carry the clients' connections, on every server.
    pub(crate) fn netty(mut self) -> Self {
        let factory = "org.apache.zookeeper.server.NettyServerCnxnFactory";
        self.properties.push(format!("-Dzookeeper.serverCnxnFactory={factory}"));
        self
    }

    /// Adds an argument to every server's Java runtime.
    pub(crate) fn property(mut self, argument: &str) -> Self {
        self.properties.push(argument.into());
        self
    }

    /// Puts a relay between each follower and each leader that it may have, for faults on that path.
    ///
    /// Elections go past the relays: a follower that is cut off still learns who leads.
    pub(crate) fn relayed_quorum(mut self) -> Self {
        self.relayed = true;
        self
    }

    /// The same, and elections go through relays as well, so that a server can be parted from all others.
    pub(crate) fn relayed_elections(mut self) -> Self {
        self.elections_relayed = true;
        self.relayed_quorum()
    }

    /// Starts the servers and waits until all of them serve under one leader.
    pub(crate) fn start(self) -> Ensemble {
        require_java();
        let permit = Permit::take();
        let folder = TempDir::with_prefix("zoogate-real-").expect("create a folder for the ensemble");
        let quorum: Vec<(u16, u16)> = (0..SERVERS).map(|_| (ports::free(), ports::free())).collect();
        let links = |of: fn(&(u16, u16)) -> u16, wanted: bool| -> Vec<Vec<FaultRelay>> {
            let to_each =
                || quorum.iter().filter(|_| wanted).map(|ports| FaultRelay::start(ports::loopback(of(ports))));
            (0..SERVERS).map(|_| to_each().collect()).collect()
        };
        let relays = links(|ports| ports.0, self.relayed);
        let elections = links(|ports| ports.1, self.elections_relayed);
        let servers = (0..SERVERS).map(|index| {
            let mut seen = quorum.clone();
            for other in (0..SERVERS).filter(|&other| other != index) {
                if let Some(relay) = relays[index].get(other) {
                    seen[other].0 = relay.address().port();
                }
                if let Some(relay) = elections[index].get(other) {
                    seen[other].1 = relay.address().port();
                }
            }
            self.prepare(index, &seen, &folder.path().join(index.to_string()))
        });
        let mut ensemble = Ensemble { servers: servers.collect(), relays, elections, _folder: folder, _permit: permit };
        for server in &mut ensemble.servers {
            server.start();
        }
        ensemble.wait_serving();
        ensemble
    }

    fn prepare(&self, index: usize, quorum: &[(u16, u16)], folder: &Path) -> Server {
        let data = folder.join("data");
        fs::create_dir_all(&data).expect("create the data folder of a server");
        fs::write(data.join("myid"), (index + 1).to_string()).expect("write myid");
        let client_port = ports::free();
        let mut settings = format!(
            "tickTime={TICK_MS}\ninitLimit=20\nsyncLimit=4\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n\
             clientPort={client_port}\nclientPortAddress=127.0.0.1\ndataDir={}\nadmin.enableServer=false\n\
             4lw.commands.whitelist=*\n",
            data.display()
        );
        for (other, (link, election)) in quorum.iter().enumerate() {
            let _ = writeln!(settings, "server.{}=127.0.0.1:{link}:{election}", other + 1);
        }
        for line in &self.settings {
            settings.push_str(line);
            settings.push('\n');
        }
        let configuration = folder.join("zoo.cfg");
        fs::write(&configuration, settings).expect("write the configuration of a server");
        let logging = folder.join("log4j.properties");
        fs::write(&logging, LOGGING).expect("write the logging configuration of a server");
        let mut arguments = small_java(128, &self.versions[index].peer().class_path());
        arguments.push(format!("-Dlog4j.configuration=file:{}", logging.display()));
        arguments.push("-Dzookeeper.forceSync=no".into());
        // A vote that was lost is sent again after this many ms at most, and not after a minute.
        arguments.push("-Dzookeeper.fastleader.maxNotificationInterval=1000".into());
        arguments.extend(self.properties.iter().cloned());
        arguments.push("org.apache.zookeeper.server.quorum.QuorumPeerMain".into());
        arguments.push(configuration.display().to_string());
        Server { address: ports::loopback(client_port), arguments, log: folder.join("log"), data, process: None }
    }
}

const LOGGING: &str = "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n\
    log4j.appender.out.layout=org.apache.log4j.PatternLayout\n\
    log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p [%t:%c{1}] %m%n\n";

/// Three servers, numbered from 0; server `n` has the id `n + 1`.
#[derive(Debug)]
pub(crate) struct Ensemble {
    servers: Vec<Server>,
    /// By the follower, then by the leader.
    relays: Vec<Vec<FaultRelay>>,
    /// The same for elections.
    elections: Vec<Vec<FaultRelay>>,
    _folder: TempDir,
    _permit: Permit,
}

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    arguments: Vec<String>,
    log: PathBuf,
    data: PathBuf,
    process: Option<Process>,
}

impl Server {
    fn start(&mut self) {
        self.process = Some(Process::start("java", &self.arguments, &self.log));
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }
}

impl Ensemble {
    /// A plan for three servers of these releases.
    pub(crate) fn of(versions: [Version; SERVERS]) -> Plan {
        Plan { versions, settings: Vec::new(), properties: Vec::new(), relayed: false, elections_relayed: false }
    }

    /// Three servers of one release, with nothing special.
    pub(crate) fn start(version: Version) -> Self {
        Self::of([version; SERVERS]).start()
    }

    /// Where server `index` takes clients.
    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.servers[index].address
    }

    /// Where all servers take clients, in order.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// The whole connect string.
    pub(crate) fn connect_string(&self) -> String {
        let all: Vec<String> = self.servers.iter().map(|server| server.address.to_string()).collect();
        all.join(",")
    }

    /// The one that leads now.
    pub(crate) fn leader(&self) -> usize {
        wait::until("a leader", wait::PATIENCE, || (0..SERVERS).find(|&index| self.mode(index) == Some(Mode::Leader)))
    }

    /// The others, in order.
    pub(crate) fn followers(&self) -> [usize; 2] {
        match self.leader() {
            0 => [1, 2],
            1 => [0, 2],
            _ => [0, 1],
        }
    }

    /// Waits until every server that was not ended serves, under one leader.
    pub(crate) fn wait_serving(&mut self) {
        let running: Vec<usize> = (0..SERVERS).filter(|&index| self.servers[index].process.is_some()).collect();
        for &index in &running {
            self.wait_mode(index);
        }
        wait::until_true("exactly one leader", wait::PATIENCE, || {
            running.iter().filter(|&&index| self.mode(index) == Some(Mode::Leader)).count() == 1
        });
    }

    fn wait_mode(&mut self, index: usize) {
        wait::until_true("a server to serve", wait::PATIENCE, || {
            let serves = self.mode(index).is_some();
            let process = self.servers[index].process.as_mut().expect("the server runs");
            assert!(process.runs(), "server {index} ended:\n{}", process.log_tail());
            serves
        });
    }

    /// What server `index` says it is; `None` while it does not serve or does not answer.
    pub(crate) fn mode(&self, index: usize) -> Option<Mode> {
        let answer = four_letter_word(self.address(index), "srvr")?;
        match answer.lines().find_map(|line| line.strip_prefix("Mode: "))? {
            "leader" => Some(Mode::Leader),
            "follower" => Some(Mode::Follower),
            _ => None,
        }
    }

    /// Whether server `index` has a connection of this session.
    pub(crate) fn carries(&self, index: usize, session: i64) -> bool {
        let wanted = format!("sid=0x{session:x},");
        four_letter_word(self.address(index), "cons").is_some_and(|answer| answer.contains(&wanted))
    }

    /// Whether the leader, server `index`, says that this session is over.
    pub(crate) fn is_over(&self, index: usize, session: i64) -> bool {
        let wanted = format!("0x{session:x}\n");
        four_letter_word(self.address(index), "dump").is_some_and(|answer| !answer.contains(&wanted))
    }

    /// When server `index` answered each of its clients last, in its own words.
    pub(crate) fn last_answers(&self, index: usize) -> Option<Vec<String>> {
        let answer = four_letter_word(self.address(index), "cons")?;
        let field = |line: &str, name: &str| {
            line.split(&[',', '('][..]).find(|field| field.starts_with(name)).map(String::from)
        };
        Some(answer.lines().filter_map(|line| Some(field(line, "sid=")? + " " + &field(line, "lresp=")?)).collect())
    }

    /// Ends a server without warning.
    pub(crate) fn kill9(&mut self, index: usize) {
        self.servers[index].process = None;
    }

    /// Asks a server to end and waits until it has.
    pub(crate) fn sigterm(&mut self, index: usize) {
        let mut process = self.servers[index].process.take().expect("the server runs");
        process.signal(Signal::Term);
        process.wait_end(wait::PATIENCE);
    }

    /// Freezes a server: its port goes on accepting, nothing answers.
    pub(crate) fn freeze(&self, index: usize) {
        self.servers[index].process().signal(Signal::Stop);
        self.servers[index].process().wait_stopped();
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&self, index: usize) {
        self.servers[index].process().signal(Signal::Cont);
    }

    /// Starts a server that was ended, on its old data, and waits until it serves.
    pub(crate) fn restart(&mut self, index: usize) {
        self.servers[index].start();
        self.wait_mode(index);
    }

    /// Adds lines to the configuration file of server `index`, which hold from its next start; the last of a key counts.
    pub(crate) fn configure(&self, index: usize, lines: &str) {
        let file = self.servers[index].arguments.last().expect("the configuration of a server");
        let known = fs::read_to_string(file).expect("read the configuration of a server");
        fs::write(file, format!("{known}{lines}\n")).expect("write the configuration of a server");
    }

    /// Has server `index` run another release from its next start.
    pub(crate) fn change_version(&mut self, index: usize, version: Version) {
        let arguments = &mut self.servers[index].arguments;
        let place = arguments.iter().position(|argument| argument == "-cp").expect("a class path");
        arguments[place + 1] = version.peer().class_path();
    }

    /// Starts all servers after all were ended, and waits until they serve.
    pub(crate) fn restart_all(&mut self) {
        self.servers.iter_mut().for_each(Server::start);
        self.wait_serving();
    }

    /// The path from a follower to its leader, in an ensemble that was planned so.
    pub(crate) fn quorum_path(&self, follower: usize, leader: usize) -> &FaultRelay {
        &self.relays[follower][leader]
    }

    /// Parts a server from all others without a word, in an ensemble that was planned so.
    pub(crate) fn part(&self, index: usize) {
        for links in [&self.relays, &self.elections] {
            for other in (0..SERVERS).filter(|&other| other != index) {
                links[index][other].cut();
                links[other][index].cut();
            }
        }
    }

    /// Ends every fault: paths are open, frozen servers go on, ended ones are started; waits until all serve.
    pub(crate) fn restore(&mut self) {
        self.relays.iter().chain(&self.elections).flatten().for_each(FaultRelay::heal);
        for server in &mut self.servers {
            match &server.process {
                Some(process) => process.signal(Signal::Cont),
                None => server.start(),
            }
        }
        self.wait_serving();
    }

    /// Every transaction that server `index` has written down.
    pub(crate) fn transactions(&self, index: usize) -> Vec<Transaction> {
        transactions::read(&self.servers[index].data)
    }

    /// Everything that server `index` has logged, over all its lives.
    pub(crate) fn log_text(&self, index: usize) -> String {
        fs::read_to_string(&self.servers[index].log).unwrap_or_default()
    }
}

/// The part that a serving server plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It leads.
    Leader,
    /// It follows.
    Follower,
}

/// Sends a four-letter word on a connection of its own; `None` where no whole answer came within a second.
pub(crate) fn four_letter_word(address: SocketAddr, word: &str) -> Option<String> {
    let limit = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    // The server has closed already; whether this end can still say so does not matter.
    let _ = stream.shutdown(Shutdown::Both);
    Some(answer)
}

/// The right to run one ensemble.
#[derive(Debug)]
struct Permit;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Permit {
    fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running =
            ENDED.wait_while(running, |running| *running >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
