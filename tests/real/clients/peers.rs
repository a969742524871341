//! The client programs: what each needs, fetched and built below `target/peers`, and how it is started.
//!
//! What cannot be had fails with one line that names it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::child::small_java;
use crate::support::ensemble::Version;
use crate::support::maven::{Peer, fetch};

/// A client library and our program for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// The Java client of 3.4.
    Java34,
    /// The Java client of 3.9.
    Java39,
    /// The same with its Netty transport.
    Java39Netty,
    /// Curator on the Java client of 3.9.
    Curator,
    /// Python.
    Kazoo,
    /// go-zookeeper.
    Go,
    /// The C client of Debian.
    C,
    /// node-zookeeper-client.
    Node,
    /// ClickHouse's own, of 26.9.
    ClickHouse,
}

/// All of them.
pub(crate) const CLIENTS: [Client; 9] = [
    Client::ClickHouse,
    Client::Java34,
    Client::Kazoo,
    Client::Java39,
    Client::Go,
    Client::Curator,
    Client::C,
    Client::Java39Netty,
    Client::Node,
];

/// How to start a program; the connect string and the root of its nodes come as last arguments.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    /// A variable of its environment.
    pub(crate) variable: Option<(&'static str, String)>,
}

impl Start {
    fn of(program: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { program: program.display().to_string(), arguments, variable: None }
    }
}

impl Client {
    /// A short name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Java34 => "java-3.4",
            Self::Java39 => "java-3.9",
            Self::Java39Netty => "java-3.9-netty",
            Self::Curator => "curator",
            Self::Kazoo => "kazoo",
            Self::Go => "go",
            Self::C => "c",
            Self::Node => "node",
            Self::ClickHouse => "clickhouse",
        }
    }

    /// Gets what it needs.
    pub(crate) fn prepare(self) -> Start {
        match self {
            Self::Java34 => java(&["Plain", "java34/StaticHostProvider"], Version::V3_4_14.peer(), &[]),
            Self::Java39 => java(&["Plain"], Version::V3_9_3.peer(), &[]),
            Self::Java39Netty => {
                let socket = "-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty";
                java(&["Plain"], Version::V3_9_3.peer(), &[socket])
            }
            Self::Curator => curator_program("Curated", &[]),
            Self::Kazoo => kazoo(),
            Self::Go => go(),
            Self::C => c(),
            Self::Node => node(),
            Self::ClickHouse => clickhouse(&[]),
        }
    }
}

/// The program that makes an interface on which every packet takes its time.
pub(crate) fn delayed_path() -> PathBuf {
    programs().join("delayed_path.py")
}

/// Programs that make a node and ask for nothing more, each with the name of its library. Arguments: the servers, the
/// timeout in ms, the node.
pub(crate) fn idle_holders() -> Vec<(&'static str, Start)> {
    // Without a login: these servers know none.
    let plain = |jars: Peer| {
        let mut start = java(&["Holding"], jars, &[]);
        start.arguments.retain(|argument| *argument != jaas());
        start
    };
    vec![
        ("java-3.9", plain(Version::V3_9_3.peer())),
        ("java-3.5", plain(Version::V3_5_10.peer())),
        ("kazoo", kazoo_program("idling.py")),
        ("go", go_program("go-holding", "./holding", "go/holding/main.go")),
        ("c", c_program("c-holding", "holding.c")),
        ("node", node_program("holding.js")),
    ]
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/clients/programs")
}

fn source(name: &str) -> String {
    fs::read_to_string(programs().join(name)).expect("read the source of a client program")
}

/// Where the login configuration of servers and clients stands.
pub(crate) fn jaas() -> String {
    format!("-Djava.security.auth.login.config={}", programs().join("jaas.conf").display())
}

/// A folder that was made from `recipe`, whatever that is; made anew when the recipe has changed.
fn made(name: &str, recipe: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers").join(name);
    fs::create_dir_all(&folder).expect("create the folder of a client program");
    let lock = File::create(folder.join("lock")).expect("create the lock file of a client program");
    lock.lock().expect("lock the folder of a client program");
    let (stamp, product) = (folder.join("recipe"), folder.join("made"));
    if fs::read_to_string(&stamp).is_ok_and(|known| known == recipe) {
        return product;
    }
    if product.exists() {
        fs::remove_dir_all(&product).expect("remove a stale client program");
    }
    fs::create_dir_all(&product).expect("create the folder of a client program");
    make(&product);
    fs::write(stamp, recipe).expect("write down what a client program was made from");
    product
}

/// Runs one step of a preparation; `package` is where the command comes from.
fn step(folder: &Path, package: &str, command: &[&str]) {
    let line = command.join(" ");
    let ended = fetch(Command::new(command[0]).args(&command[1..]).current_dir(folder).stdin(Stdio::null()))
        .unwrap_or_else(|error| panic!("cannot run {} (Debian package {package}): {error}", command[0]));
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    let fault = said.lines().find(|line| line.to_lowercase().contains("err")).or(said.lines().last());
    assert!(ended.status.success(), "`{line}` failed: {}", fault.unwrap_or("it says nothing"));
}

/// Our classes, compiled against these jars; the first one has the main method.
fn java(classes: &[&str], jars: Peer, flags: &[&str]) -> Start {
    let jar_path = jars.class_path();
    let files: Vec<String> = classes.iter().map(|class| format!("{class}.java")).collect();
    let recipe: String = files.iter().map(|file| source(file)).collect();
    let paths: Vec<String> = files.iter().map(|file| programs().join(file).display().to_string()).collect();
    let compiled = made(&format!("{}-{}", jars.name, classes[0]), &recipe, |folder| {
        let mut command = vec!["javac", "-d", ".", "-cp", &jar_path];
        command.extend(paths.iter().map(String::as_str));
        step(folder, "default-jdk-headless", &command);
    });
    let mut arguments = small_java(128, &format!("{}:{jar_path}", compiled.display()));
    arguments.push(jaas());
    arguments.extend(flags.iter().map(ToString::to_string));
    arguments.push(classes[0].into());
    Start { program: "java".into(), arguments, variable: None }
}

/// One of our programs for Curator.
pub(crate) fn curator_program(class: &str, flags: &[&str]) -> Start {
    let coordinates: &[&str] = &["org.apache.curator:curator-recipes:5.7.1", "org.slf4j:slf4j-nop:1.7.36"];
    java(&[class], Peer { name: "curator-5.7.1", coordinates }, flags)
}

fn kazoo() -> Start {
    kazoo_program("kazooed.py")
}

/// One of our programs for kazoo.
pub(crate) fn kazoo_program(file: &str) -> Start {
    let packages = ["kazoo==2.11.0", "pure-sasl==0.6.2"];
    let folder = made("kazoo-packages", &packages.join(" "), |folder| {
        step(folder, "python3-pip", &[&["pip3", "install", "-q", "--target", "."], &packages[..]].concat());
    });
    let mut start = Start::of(Path::new("python3"), &[&programs().join(file).display().to_string()]);
    start.variable = Some(("PYTHONPATH", folder.display().to_string()));
    start
}

/// The shared library alone: what else its package asks for is for other uses. `settings` are of its `<zookeeper>`
/// section.
pub(crate) fn clickhouse(settings: &[&str]) -> Start {
    clickhouse_program("clickhouse.py", settings)
}

/// One of our programs for it.
pub(crate) fn clickhouse_program(file: &str, settings: &[&str]) -> Start {
    let package = "chdb-core==26.9.0";
    let folder = made("chdb", package, |folder| {
        step(folder, "python3-pip", &["pip3", "install", "-q", "--no-deps", "--target", ".", package]);
    });
    let mut start = Start::of(Path::new("python3"), &[&programs().join(file).display().to_string()]);
    start.arguments.extend(settings.iter().map(ToString::to_string));
    start.variable = Some(("PYTHONPATH", folder.display().to_string()));
    start
}

fn go() -> Start {
    go_program("go-zookeeper", ".", "go/main.go")
}

/// A package of our module for go-zookeeper.
fn go_program(name: &str, package: &str, main: &str) -> Start {
    let recipe = [main, "go/go.mod", "go/go.sum"].map(source).concat();
    let from = programs().join("go");
    let folder = made(name, &recipe, |folder| {
        let to = folder.join("client");
        step(&from, "golang-go", &["go", "build", "-buildvcs=false", "-o", &to.display().to_string(), package]);
    });
    Start::of(&folder.join("client"), &[])
}

/// Debian's library is unpacked instead of installed: that needs no root, and changes nothing outside.
fn c() -> Start {
    c_program("c-client", "client.c")
}

fn c_program(name: &str, program: &str) -> Start {
    let file = programs().join(program);
    let folder = made(name, &source(program), |folder| {
        let download = "apt-get download -q libzookeeper-mt-dev";
        step(folder, "apt", &["sh", "-c", &format!("{download} || {{ apt-get update -q && {download}; }}")]);
        step(folder, "dpkg", &["sh", "-c", "dpkg -x libzookeeper-mt-dev_*.deb ."]);
        let compile = "gcc -O1 -Wall -Wextra -DTHREADED -Iusr/include -o client \"$0\" \
            usr/lib/*/libzookeeper_mt.a -lpthread -lm";
        step(folder, "gcc", &["sh", "-c", compile, &file.display().to_string()]);
    });
    Start::of(&folder.join("client"), &[])
}

fn node() -> Start {
    node_program("client.js")
}

fn node_program(file: &str) -> Start {
    let package = "node-zookeeper-client@1.1.3";
    let folder = made("node", package, |folder| {
        step(folder, "npm", &["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", package]);
    });
    let mut start = Start::of(Path::new("node"), &[&programs().join(file).display().to_string()]);
    start.variable = Some(("NODE_PATH", folder.join("node_modules").display().to_string()));
    start
}
