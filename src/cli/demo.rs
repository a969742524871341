//! `zoogate demo`: the whole story in some seconds, with nothing else installed.
//!
//! A simulated ensemble on loopback sockets, zoogate in front of it, clients under load, and one session whose old
//! connection delivers a write after the session has moved. Everything shown is asked for at the admin address,
//! as any user can.

mod client;
mod host;
mod screen;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use crate::admin::{AdminListener, AdminThread};
use crate::config::{self, ConfigKeys, ConfigSources, FileText, ListenerKind};
use crate::ids::SessionId;
use crate::proxy::{Proxy, ServeError};
use client::DemoClient;
use host::EnsembleHost;
use screen::DemoScreen;

/// How long anything is awaited before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the API is asked while something is awaited.
const LOOK: Duration = Duration::from_millis(100);
/// How long clients work before the first tables are shown.
const WORK: Duration = Duration::from_millis(1_500);

/// A zoogate that runs inside this process.
struct DemoProxy {
    pooled: SocketAddr,
    mirrors: Vec<SocketAddr>,
    admin: AdminThread,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl DemoProxy {
    fn start(servers: &[SocketAddr]) -> anyhow::Result<Self> {
        let connect: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
        let listeners: Vec<String> = servers.iter().map(|server| format!("\"127.0.0.1:0={server}\"")).collect();
        let text = format!(
            "servers = \"{}\"\nlisten = [\"127.0.0.1:0\", {}]\n[admin]\naddress = \"127.0.0.1:0\"\n",
            connect.join(","),
            listeners.join(", ")
        );
        let file = FileText { path: PathBuf::from("demo"), text };
        let cores = std::num::NonZeroUsize::MIN;
        let sources = ConfigSources { file: Some(file), variables: Vec::new(), flags: ConfigKeys::default(), cores };
        let settings = config::load(&sources)?.settings;
        let kinds: Vec<ListenerKind> = settings.listeners.iter().map(|listener| listener.kind).collect();
        let admin = settings.admin.map(|admin| AdminListener::bind(admin.address)).transpose()?;
        let server = Proxy::bind(settings)?;
        let listeners: Vec<(ListenerKind, SocketAddr)> = kinds.into_iter().zip(server.addresses()).collect();
        let admin = admin.context("the admin address is off")?.start(server.observatory())?;
        let serving = thread::Builder::new().name("zoogate".to_owned()).spawn(move || server.run())?;
        let pooled = listeners.iter().find(|(kind, _)| *kind == ListenerKind::Pooled).context("no pooled address")?.1;
        let mirrors =
            listeners.iter().filter(|(kind, _)| *kind != ListenerKind::Pooled).map(|(_, address)| *address).collect();
        Ok(Self { pooled, mirrors, admin, serving })
    }

    /// Asks the API until the answer is what is waited for.
    fn wait_for<T>(&self, path: &str, found: impl Fn(&Value) -> Option<T>) -> anyhow::Result<T> {
        let address = self.admin.address().to_string();
        let client = AdminClient::new(&address);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = client.get(path, &[])?;
            if let Some(found) = found(&answer.body) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                bail!("{path} did not show what was waited for within {} s: {:#}", PATIENCE.as_secs(), answer.body);
            }
            thread::sleep(LOOK);
        }
    }

    fn list(&self, path: &str, member: &str) -> anyhow::Result<Vec<Value>> {
        self.wait_for(path, |body| body.get(member)?.as_array().cloned())
    }
}

/// Tells the story; Bad when the flag that it is about did not appear.
pub(super) fn demo(keep: bool, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let mut screen = DemoScreen::new(out);
    let host = EnsembleHost::start().context("cannot start the simulated ensemble")?;
    let zoogate = DemoProxy::start(host.addresses())?;
    screen.heading("Three simulated ZooKeeper servers, and zoogate in front of them")?;
    let servers = zoogate.wait_for("/api/servers", serving_servers)?;
    screen.table(&[("SERVER", "/server"), ("STATE", "/state"), ("ROLE", "/role")], &servers)?;
    screen.say(&format!(
        "One address for all of them: {}. One address for each: {}.",
        zoogate.pooled,
        all(&zoogate.mirrors)
    ))?;

    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = start_workers(zoogate.pooled, &stop)?;
    let finding = tell(&zoogate, &mut screen, &servers, &stop, &mut workers)?;
    if keep {
        screen.heading("Still running, until Ctrl-C")?;
        screen.say(&format!("clients: {} or {}", zoogate.pooled, all(&zoogate.mirrors)))?;
        screen.say(&format!("ask it: zoogate sessions --admin {0}, or http://{0}/metrics", zoogate.admin.address()))?;
        zoogate.serving.join().map_err(|_| anyhow!("zoogate panicked"))??;
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().map_err(|_| anyhow!("a client panicked"))?;
    }
    Ok(finding)
}

fn all(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}

fn serving_servers(body: &Value) -> Option<Vec<Value>> {
    let servers = body.get("servers")?.as_array()?;
    let serving = |server: &Value| server.get("state").and_then(Value::as_str) == Some("serving");
    servers.iter().all(serving).then(|| servers.clone())
}

/// Three clients that register like Kafka brokers and work.
fn start_workers(address: SocketAddr, stop: &Arc<AtomicBool>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut first = DemoClient::attach(address, SessionId::NEW)?;
    for path in ["/brokers", "/brokers/ids", "/topics"] {
        first.create(path, 0)?;
    }
    let mut workers = Vec::new();
    let mut clients =
        vec![first, DemoClient::attach(address, SessionId::NEW)?, DemoClient::attach(address, SessionId::NEW)?];
    for (place, mut client) in clients.drain(..).enumerate() {
        let number = place + 1;
        client.create(&format!("/brokers/ids/{number}"), 1)?;
        client.create(&format!("/topics/t{number}"), 0)?;
        let pause = Duration::from_millis(number as u64 * 2);
        workers.push(client.work(format!("/topics/t{number}"), pause, stop));
    }
    Ok(workers)
}

fn tell(
    zoogate: &DemoProxy,
    screen: &mut DemoScreen<'_>,
    servers: &[Value],
    stop: &Arc<AtomicBool>,
    workers: &mut Vec<JoinHandle<()>>,
) -> anyhow::Result<CommandOutcome> {
    let place = |leads: bool| {
        servers.iter().position(|server| (server.get("role").and_then(Value::as_str) == Some("leader")) == leads)
    };
    let (stale, fresh) = (place(false).context("no follower")?, place(true).context("no leader")?);
    let mut old = DemoClient::attach(zoogate.mirrors[stale], SessionId::NEW)?;
    old.create("/brokers/ids/4", 1)?;
    old.create("/topics/t4", 0)?;
    thread::sleep(WORK);
    screen.heading("Where every session is, and who holds it")?;
    let columns = [
        ("SESSION", "/session"),
        ("IDENTITY", "/identity"),
        ("SERVER", "/server"),
        ("STATE", "/state"),
        ("OPERATIONS", "/operations"),
    ];
    screen.table(&columns, &zoogate.list("/api/sessions", "sessions")?)?;

    screen.heading("broker-4 loses its connection and claims its session at another server")?;
    let session = old.session;
    let new = DemoClient::attach(zoogate.mirrors[fresh], session)?;
    let moved = zoogate.wait_for("/api/moves", |body| newest(body, "moves", session))?;
    let columns =
        [("SESSION", "/session"), ("IDENTITY", "/identity"), ("FROM", "/from"), ("TO", "/to"), ("GAP MS", "/gap_ms")];
    screen.table(&columns, &[moved])?;
    screen.say("The old connection is still open on the way: what was sent on it arrives only now.")?;
    workers.push(new.work("/topics/t4".to_owned(), Duration::from_millis(5), stop));
    thread::sleep(Duration::from_millis(300));

    screen.heading("A late write on the old connection: refused by SESSION_MOVED")?;
    let refused = old.write("/topics/t4");
    screen.say(match &refused {
        Ok(_) => "The write was answered, which should not happen.",
        Err(_) => {
            "The client only saw its connection closed without an answer, and ZooKeeper reports nothing. zoogate:"
        }
    })?;
    let Ok(verdict) = zoogate.wait_for("/api/session-moved", |body| newest(body, "session_moved", session)) else {
        screen.say("zoogate did not flag the refusal.")?;
        return Ok(CommandOutcome::Negative);
    };
    show_verdict(screen, &verdict)?;
    show_latency(zoogate, screen)?;
    Ok(if refused.is_err() { CommandOutcome::Success } else { CommandOutcome::Negative })
}

/// The last element of a list that is about this session.
fn newest(body: &Value, member: &str, session: SessionId) -> Option<Value> {
    let about = |element: &&Value| element.get("session").and_then(Value::as_str) == Some(&session.to_string());
    body.get(member)?.as_array()?.iter().rfind(about).cloned()
}

fn show_verdict(screen: &mut DemoScreen<'_>, verdict: &Value) -> anyhow::Result<()> {
    let columns = [
        ("SESSION", "/session"),
        ("IDENTITY", "/identity"),
        ("REFUSED BY", "/server"),
        ("EVIDENCE", "/evidence"),
        ("CONFIDENCE", "/confidence"),
    ];
    screen.table(&columns, std::slice::from_ref(verdict))?;
    for line in verdict.get("why").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        screen.point(line)?;
    }
    Ok(())
}

fn show_latency(zoogate: &DemoProxy, screen: &mut DemoScreen<'_>) -> anyhow::Result<()> {
    screen.heading("Latency of every session, in microseconds")?;
    let mut rows = Vec::new();
    for session in zoogate.list("/api/sessions", "sessions")? {
        if let Some(id) = session.get("session").and_then(Value::as_str) {
            rows.push(zoogate.wait_for(&format!("/api/sessions/{id}"), |body| Some(body.clone()))?);
        }
    }
    let columns = [
        ("SESSION", "/session"),
        ("IDENTITY", "/identity"),
        ("READS", "/latency/read/count"),
        ("P50", "/latency/read/p50_us"),
        ("P99", "/latency/read/p99_us"),
        ("WRITES", "/latency/write/count"),
        ("P50", "/latency/write/p50_us"),
        ("P99", "/latency/write/p99_us"),
    ];
    Ok(screen.table(&columns, &rows)?)
}
