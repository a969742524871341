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
use serde::de::DeserializeOwned;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::cell::CellValue as _;
use super::table::Column;
use crate::admin::{AdminListener, AdminThread};
use crate::api::{
    ApiList, MoveList, MoveView, RefusalList, RefusalView, ServerList, ServerView, SessionDetail, SessionList,
    SessionView,
};
use crate::config::{self, ConfigKeys, ConfigSources, FileText, ListenerKind};
use crate::ids::SessionId;
use crate::proxy::{Proxy, ServeError};
use crate::session::probe_result::{ServerHealth, ServerRole};
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
        let admin = settings.admin.as_ref().map(AdminListener::of).transpose()?;
        let server = Proxy::bind(settings)?;
        let listeners: Vec<(ListenerKind, SocketAddr)> = kinds.into_iter().zip(server.addresses()).collect();
        let admin = admin.context("the admin address is off")?.start(server.telemetry(), server.control())?;
        let serving = thread::Builder::new().name("zoogate".to_owned()).spawn(move || server.run())?;
        let pooled = listeners.iter().find(|(kind, _)| *kind == ListenerKind::Pooled).context("no pooled address")?.1;
        let mirrors =
            listeners.iter().filter(|(kind, _)| *kind != ListenerKind::Pooled).map(|(_, address)| *address).collect();
        Ok(Self { pooled, mirrors, admin, serving })
    }

    /// Asks for a list until it shows what is waited for.
    fn wait_for<L: ApiList, T>(&self, found: impl Fn(Vec<L::Element>) -> Option<T>) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (elements, _) = self.ask::<L>(L::PATH)?.into_elements();
            if let Some(found) = found(elements) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                bail!("{} did not show what was waited for within {} s", L::PATH, PATIENCE.as_secs());
            }
            thread::sleep(LOOK);
        }
    }

    /// Asks the API once.
    fn ask<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        AdminClient::new(&self.admin.address().to_string()).get(path, &[])?.good()
    }
}

/// Tells the story; Bad when the flag that it is about did not appear.
pub(super) fn demo(keep: bool, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let mut screen = DemoScreen::new(out);
    let host = EnsembleHost::start().context("cannot start the simulated ensemble")?;
    let zoogate = DemoProxy::start(host.addresses())?;
    screen.heading("Three simulated ZooKeeper servers, and zoogate in front of them")?;
    let servers = zoogate.wait_for::<ServerList, _>(all_serve)?;
    let columns: [Column<ServerView>; 3] = [
        ("SERVER", |one| one.server.server.cell()),
        ("STATE", |one| one.state.cell()),
        ("ROLE", |one| one.role.cell()),
    ];
    screen.table(&columns, &servers)?;
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
        screen.say(&format!("the page: http://{0}/", zoogate.admin.address()))?;
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

fn all_serve(servers: Vec<ServerView>) -> Option<Vec<ServerView>> {
    servers.iter().all(|server| server.state == ServerHealth::Serving.label()).then_some(servers)
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
    servers: &[ServerView],
    stop: &Arc<AtomicBool>,
    workers: &mut Vec<JoinHandle<()>>,
) -> anyhow::Result<CommandOutcome> {
    let place = |leads: bool| servers.iter().position(|server| (server.role == ServerRole::Leader.label()) == leads);
    let (stale, fresh) = (place(false).context("no follower")?, place(true).context("no leader")?);
    let mut old = DemoClient::attach(zoogate.mirrors[stale], SessionId::NEW)?;
    old.create("/brokers/ids/4", 1)?;
    old.create("/topics/t4", 0)?;
    thread::sleep(WORK);
    screen.heading("Where every session is, and who holds it")?;
    let columns: [Column<SessionView>; 5] = [
        ("SESSION", |one| one.session.cell()),
        ("IDENTITY", |one| one.identity.cell()),
        ("SERVER", |one| one.server.server.cell()),
        ("STATE", |one| one.state.cell()),
        ("OPERATIONS", |one| one.operations.cell()),
    ];
    screen.table(&columns, &zoogate.wait_for::<SessionList, _>(Some)?)?;

    screen.heading("broker-4 loses its connection and claims its session at another server")?;
    let session = old.session;
    let new = DemoClient::attach(zoogate.mirrors[fresh], session)?;
    let id = session.to_string();
    let moved = zoogate.wait_for::<MoveList, _>(|moves| moves.into_iter().rfind(|one| one.session == id))?;
    let columns: [Column<MoveView>; 5] = [
        ("SESSION", |one| one.session.cell()),
        ("IDENTITY", |one| one.identity.cell()),
        ("FROM", |one| one.from.cell()),
        ("TO", |one| one.to.cell()),
        ("GAP MS", |one| one.gap_ms.cell()),
    ];
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
    let of_session = |refusals: Vec<RefusalView>| refusals.into_iter().rfind(|one| one.session == id);
    let Ok(refusal) = zoogate.wait_for::<RefusalList, _>(of_session) else {
        screen.say("zoogate did not flag the refusal.")?;
        return Ok(CommandOutcome::Negative);
    };
    show_refusal(screen, &refusal)?;
    show_latency(zoogate, screen)?;
    Ok(if refused.is_err() { CommandOutcome::Success } else { CommandOutcome::Negative })
}

fn show_refusal(screen: &mut DemoScreen<'_>, refusal: &RefusalView) -> anyhow::Result<()> {
    let columns: [Column<RefusalView>; 5] = [
        ("SESSION", |one| one.session.cell()),
        ("IDENTITY", |one| one.identity.cell()),
        ("REFUSED BY", |one| one.server.server.cell()),
        ("EVIDENCE", |one| one.evidence.cell()),
        ("CONFIDENCE", |one| one.confidence.cell()),
    ];
    screen.table(&columns, std::slice::from_ref(refusal))?;
    for line in &refusal.why {
        screen.point(line)?;
    }
    Ok(())
}

fn show_latency(zoogate: &DemoProxy, screen: &mut DemoScreen<'_>) -> anyhow::Result<()> {
    screen.heading("Latency of every session, in microseconds")?;
    let mut rows: Vec<SessionDetail> = Vec::new();
    for session in zoogate.wait_for::<SessionList, _>(Some)? {
        rows.push(zoogate.ask(&SessionDetail::path(session.session))?);
    }
    let columns: [Column<SessionDetail>; 8] = [
        ("SESSION", |one| one.session.session.cell()),
        ("IDENTITY", |one| one.session.identity.cell()),
        ("READS", |one| one.latency.read.count.cell()),
        ("P50", |one| one.latency.read.p50_us.cell()),
        ("P99", |one| one.latency.read.p99_us.cell()),
        ("WRITES", |one| one.latency.write.count.cell()),
        ("P50", |one| one.latency.write.p50_us.cell()),
        ("P99", |one| one.latency.write.p99_us.cell()),
    ];
    Ok(screen.table(&columns, &rows)?)
}
