//! `zoogate check`: would this configuration do?
//!
//! Names are looked up, since a typing error in one is the commonest fault that no parser finds. Nothing is
//! bound and no server is called: the configuration of a running zoogate can be checked beside it.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::arguments::SettingsSource;
use super::table::TextTable;
use super::{CommandOutcome, source};
use crate::admin::{AdminAccess, AdminError, AdminToken, check_socket_path};
use crate::config::{self, AdminSettings, ListenerKind, OwnListeners, ServerAddress, Settings};
use crate::proxy::is_own_address;
use crate::text;

/// How long names are looked up.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn check(from: &SettingsSource, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let loaded = match config::load(&source::read(from)?) {
        Ok(loaded) => loaded,
        Err(error) => {
            writeln!(out, "{}", text::lines(&error.to_string()))?;
            return Ok(CommandOutcome::Negative);
        }
    };
    let settings = loaded.settings;
    let mut table = TextTable::without_titles();
    for listener in &settings.listeners {
        table.row(["listen".to_owned(), listener.address.to_string(), behind(&settings, listener.kind)]);
    }
    let admin = settings.admin.as_ref();
    let address = admin.and_then(|admin| admin.address).map_or("off".to_owned(), |address| address.to_string());
    table.row(["admin".to_owned(), address, String::new()]);
    if let Some(socket) = admin.and_then(|admin| admin.socket.as_ref()) {
        table.row(["admin".to_owned(), text::one_line(&socket.to_string_lossy()).into_owned(), "socket".to_owned()]);
    }
    let own = OwnListeners::of(&settings.listeners);
    // Gathered, so that one run names all that is wrong.
    let mut faults = Vec::new();
    faults.extend(admin.into_iter().flat_map(admin_faults));
    for (server, found) in settings.servers.iter().zip(resolve_all(&settings.servers)) {
        let found = match found {
            Ok(addresses) => {
                let reached = addresses.iter().find_map(|&address| own.reached_at(address, is_own_address));
                if let Some(listener) = reached {
                    faults.push(format!("server {server} is zoogate itself, which listens on {listener}"));
                }
                addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" ")
            }
            Err(error) => {
                faults.push("not every name can be resolved".to_owned());
                error
            }
        };
        table.row(["server".to_owned(), server.to_string(), found]);
    }
    table.write(out)?;
    if let Some(chroot) = &settings.chroot {
        writeln!(
            out,
            "note: the chroot {} is part of the paths that clients send: zoogate has no use for it",
            text::one_line(chroot)
        )?;
    }
    faults.dedup();
    for fault in &faults {
        writeln!(out, "{fault}")?;
    }
    if !faults.is_empty() {
        return Ok(CommandOutcome::Negative);
    }
    writeln!(out, "valid")?;
    Ok(CommandOutcome::Success)
}

/// What of the admin address would not do.
fn admin_faults(admin: &AdminSettings) -> Vec<String> {
    let tokens = admin.token_file.iter().chain(&admin.read_token_file);
    let mut faults: Vec<String> =
        tokens.filter_map(|path| AdminToken::read(path).err()).map(|error| error.to_string()).collect();
    if faults.is_empty() {
        let together = AdminAccess::read(admin.token_file.as_deref(), admin.read_token_file.as_deref());
        faults.extend(together.err().map(|error| error.to_string()));
    }
    let socket = admin.socket.as_ref().and_then(|path| {
        let problem = check_socket_path(path).err()?;
        Some(AdminError::Socket { path: path.clone(), problem }.to_string())
    });
    faults.extend(socket);
    faults
}

fn behind(settings: &Settings, kind: ListenerKind) -> String {
    match kind {
        ListenerKind::Pooled => format!("pooled over {} servers", settings.servers.len()),
        ListenerKind::Mirror(id) => match settings.server(id) {
            Some(server) => format!("mirror of {server}"),
            None => "mirror".to_owned(),
        },
    }
}

/// Looks all names up at once, and waits for at most [`PATIENCE`].
fn resolve_all(servers: &[ServerAddress]) -> Vec<Result<Vec<SocketAddr>, String>> {
    let (tell, told) = mpsc::channel();
    for (place, server) in servers.iter().cloned().enumerate() {
        let tell = tell.clone();
        // A thread that is not done in time ends with the process.
        thread::spawn(move || tell.send((place, resolve(&server))));
    }
    drop(tell);
    let deadline = Instant::now() + PATIENCE;
    let mut found = vec![Err("cannot be resolved: no answer in 10 s".to_owned()); servers.len()];
    while let Ok((place, answer)) = told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        found[place] = answer;
    }
    found
}

/// The addresses that a server's name stands for now, or why there are none.
fn resolve(server: &ServerAddress) -> Result<Vec<SocketAddr>, String> {
    let found = (server.host.as_str(), server.port)
        .to_socket_addrs()
        .map_err(|error| format!("cannot be resolved: {error}"))?;
    let addresses: Vec<_> = found.collect();
    if addresses.is_empty() { Err("cannot be resolved: no address".to_owned()) } else { Ok(addresses) }
}
