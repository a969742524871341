//! The proxies side by side: how each is started in front of a server, and what it is called in the table.

use crate::machine;
use anyhow::{Context, Result};
use std::fmt;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Where the bench keeps rendered configurations and what the proxies print.
pub(crate) const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
const ENVOY_LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/envoy/lib");
/// The zoogate that is built together with the bench.
const ZOOGATE: &str = env!("CARGO_BIN_EXE_zoogate");
const HAPROXY: &str = include_str!("peers/haproxy.cfg");
const START_PATIENCE: Duration = Duration::from_secs(20);

/// One way from the load generator to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// No proxy at all.
    Direct,
    /// zoogate, from the given binary.
    Zoogate(PathBuf),
    /// zoogate that sleeps whenever there is nothing to do.
    ZoogateSleeping,
    /// HAProxy in TCP mode.
    Haproxy,
    /// HAProxy that never sleeps: to be measured alone, for it takes the core from the others.
    HaproxyPolling,
    /// nginx with its stream module.
    Nginx,
    /// Envoy's TCP proxy.
    Envoy,
    /// Envoy with its ZooKeeper filter in front of its TCP proxy.
    EnvoyZk,
}

impl Peer {
    /// Every peer as it is by default, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let zoogate = Self::Zoogate(PathBuf::from(ZOOGATE));
        vec![Self::Direct, zoogate, Self::Haproxy, Self::Nginx, Self::Envoy, Self::EnvoyZk]
    }

    /// Peers that are only measured when they are asked for.
    fn others() -> [Self; 2] {
        [Self::ZoogateSleeping, Self::HaproxyPolling]
    }

    fn is_zoogate(&self) -> bool {
        matches!(self, Self::Zoogate(_) | Self::ZoogateSleeping)
    }

    /// What it says about its version; an error names what is missing.
    pub(crate) fn version(&self) -> Result<String> {
        let (program, flag) = match self {
            Self::Direct => return Ok(String::new()),
            Self::Zoogate(binary) => (binary.clone(), "--version"),
            Self::ZoogateSleeping => (PathBuf::from(ZOOGATE), "--version"),
            Self::Haproxy | Self::HaproxyPolling => (PathBuf::from("haproxy"), "-v"),
            Self::Nginx => (PathBuf::from("nginx"), "-v"),
            Self::Envoy | Self::EnvoyZk => (envoy()?, "--version"),
        };
        let output = Command::new(&program).arg(flag).output().with_context(|| format!("no {}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let number = text
            .split([' ', '/', '\n'])
            .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.matches('.').count() >= 2)
            .context("it does not say its version")?;
        Ok(format!("{self} {number}"))
    }

    /// Whether it is set up to run with this many workers: nginx runs without a master process, so with one.
    pub(crate) fn can_have(&self, workers: usize) -> bool {
        *self != Self::Nginx || workers == 1
    }

    /// Starts it in front of `server` with `threads` workers on `cores`, and waits until it accepts.
    pub(crate) fn start(&self, server: SocketAddr, threads: usize, cores: &[usize]) -> Result<Started> {
        let listen = if *self == Self::Direct { server } else { machine::free_address()? };
        let admin = self.is_zoogate().then(machine::free_address).transpose()?;
        let child = match self.command(listen, server, admin, threads)? {
            Some(mut command) => Some(machine::pinned(cores, || spawn(&mut command, &self.to_string()))?),
            None => None,
        };
        let started = Started { child, address: listen, admin };
        await_accept(listen).with_context(|| format!("{self} did not start; see {SCRATCH}/{self}.log"))?;
        Ok(started)
    }

    fn command(
        &self,
        listen: SocketAddr,
        server: SocketAddr,
        admin: Option<SocketAddr>,
        threads: usize,
    ) -> Result<Option<Command>> {
        let render = |template: &str, name: &str| write_configuration(template, name, (listen, server), threads);
        let command = match self {
            Self::Direct => return Ok(None),
            Self::Zoogate(binary) => zoogate_command(binary, listen, server, admin, threads),
            Self::ZoogateSleeping => {
                let mut command = zoogate_command(Path::new(ZOOGATE), listen, server, admin, threads);
                command.arg("--busy-poll=false");
                command
            }
            Self::Haproxy => haproxy_command(&render(HAPROXY, "haproxy.cfg")?),
            Self::HaproxyPolling => {
                let text = HAPROXY.replace("global\n", "global\n    busy-polling\n");
                haproxy_command(&render(&text, "haproxy-polling.cfg")?)
            }
            Self::Nginx => {
                let file = render(include_str!("peers/nginx.conf"), "nginx.conf")?;
                let mut command = Command::new("nginx");
                command.arg("-c").arg(file);
                command
            }
            Self::Envoy => envoy_command(&render(include_str!("peers/envoy.yaml"), "envoy.yaml")?, threads)?,
            Self::EnvoyZk => {
                let text = include_str!("peers/envoy.yaml").replace("{{filters}}", include_str!("peers/envoy-zk.yaml"));
                envoy_command(&render(&text, "envoy-zk.yaml")?, threads)?
            }
        };
        Ok(Some(command))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => out.write_str("direct"),
            Self::Zoogate(binary) if binary == Path::new(ZOOGATE) => out.write_str("zoogate"),
            Self::Zoogate(binary) => write!(out, "zoogate:{}", binary.file_name().unwrap_or_default().display()),
            Self::ZoogateSleeping => out.write_str("zoogate-sleeping"),
            Self::Haproxy => out.write_str("haproxy"),
            Self::HaproxyPolling => out.write_str("haproxy-polling"),
            Self::Nginx => out.write_str("nginx"),
            Self::Envoy => out.write_str("envoy"),
            Self::EnvoyZk => out.write_str("envoy-zk"),
        }
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(binary) = name.strip_prefix("zoogate=") {
            return Ok(Self::Zoogate(PathBuf::from(binary)));
        }
        let known: Vec<Self> = Self::all().into_iter().chain(Self::others()).collect();
        let names = || known.iter().map(Self::to_string).collect::<Vec<_>>().join(", ");
        let place = known.iter().position(|peer| peer.to_string() == name);
        let place = place.ok_or_else(|| format!("no peer is called {name}: zoogate=BINARY, {}", names()))?;
        Ok(known[place].clone())
    }
}

/// A proxy that runs until this is dropped.
pub(crate) struct Started {
    child: Option<Child>,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    /// Where zoogate answers `/metrics`.
    pub(crate) admin: Option<SocketAddr>,
}

impl Started {
    /// CPU time used so far; zero without a proxy.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        self.child.as_ref().map_or(Ok(Duration::ZERO), |child| machine::cpu_time(child.id()))
    }

    /// Resident bytes now; zero without a proxy.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        self.child.as_ref().map_or(Ok(0), |child| machine::resident_bytes(child.id()))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Our own server, in a process of its own.
pub(crate) fn start_server() -> Result<Started> {
    let address = machine::free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bench", "--serve", &address.to_string()]);
    start_beside_load(&mut command, "server", address)
}

/// A server that shares the load generator's core.
pub(crate) fn start_beside_load(command: &mut Command, name: &str, address: SocketAddr) -> Result<Started> {
    let child = machine::pinned(&[machine::LOAD_CORE], || spawn(command, name))?;
    let started = Started { child: Some(child), address, admin: None };
    await_accept(address).with_context(|| format!("{name} did not start; see {SCRATCH}/{name}.log"))?;
    Ok(started)
}

fn spawn(command: &mut Command, name: &str) -> Result<Child> {
    let log = File::create(Path::new(SCRATCH).join(format!("{name}.log")))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("cannot start {name}"))
}

fn await_accept(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        match TcpStream::connect(address) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("{address} accepts nobody after {START_PATIENCE:?}"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn write_configuration(
    template: &str,
    name: &str,
    (listen, server): (SocketAddr, SocketAddr),
    threads: usize,
) -> Result<PathBuf> {
    let text = template
        .replace("{{filters}}\n", "")
        .replace("{{listen}}", &listen.to_string())
        .replace("{{listen_ip}}", &listen.ip().to_string())
        .replace("{{listen_port}}", &listen.port().to_string())
        .replace("{{server}}", &server.to_string())
        .replace("{{server_ip}}", &server.ip().to_string())
        .replace("{{server_port}}", &server.port().to_string())
        .replace("{{threads}}", &threads.to_string())
        .replace("{{sessions}}", &crate::cases::MOST_SESSIONS.to_string())
        .replace("{{directory}}", SCRATCH);
    let file = Path::new(SCRATCH).join(format!("{}-{name}", listen.port()));
    fs::write(&file, text)?;
    Ok(file)
}

fn zoogate_command(
    binary: &Path,
    listen: SocketAddr,
    server: SocketAddr,
    admin: Option<SocketAddr>,
    threads: usize,
) -> Command {
    let mut command = Command::new(binary);
    command.args(["run", "--servers", &server.to_string(), "--listen", &listen.to_string()]);
    // As with every peer, no event of a connection is logged.
    command.args(["--workers", &threads.to_string(), "--log-level", "warn"]);
    if let Some(admin) = admin {
        command.args(["--admin", &admin.to_string()]);
    }
    command
}

fn haproxy_command(configuration: &Path) -> Command {
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-q").arg("-f").arg(configuration);
    command
}

fn envoy_command(configuration: &Path, threads: usize) -> Result<Command> {
    let mut command = Command::new(envoy()?);
    command.arg("-c").arg(configuration).args(["--concurrency", &threads.to_string()]);
    command.args(["--disable-hot-restart", "-l", "error"]);
    Ok(command)
}

fn envoy() -> Result<PathBuf> {
    let versions = fs::read_dir(ENVOY_LIBRARY).with_context(|| format!("no Envoy under {ENVOY_LIBRARY}"))?;
    versions
        .filter_map(Result::ok)
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|binary| binary.exists())
        .with_context(|| format!("no Envoy under {ENVOY_LIBRARY}"))
}
