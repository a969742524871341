//! `zoogate check`: would this configuration do?
//!
//! Names are looked up, since a typing error in one is the commonest fault that no parser finds. Nothing is
//! bound and no server is called: the configuration of a running zoogate can be checked beside it.

use std::io::Write;
use std::net::ToSocketAddrs as _;

use super::arguments::SettingsSource;
use super::table::Table;
use super::{Finding, source};
use crate::config::{self, ListenerKind, ServerAddress, Settings};
use crate::text;

pub(super) fn check(from: &SettingsSource, out: &mut dyn Write) -> anyhow::Result<Finding> {
    let loaded = match config::load(&source::read(from)?) {
        Ok(loaded) => loaded,
        Err(error) => {
            writeln!(out, "{}", text::lines(&error.to_string()))?;
            return Ok(Finding::Bad);
        }
    };
    let settings = loaded.settings;
    let mut table = Table::new(&[]);
    for listener in &settings.listeners {
        table.row(["listen".to_owned(), listener.address.to_string(), behind(&settings, listener.kind)]);
    }
    match settings.admin {
        Some(admin) => table.row(["admin".to_owned(), admin.address.to_string(), String::new()]),
        None => table.row(["admin".to_owned(), "off".to_owned(), String::new()]),
    }
    let mut finding = Finding::Good;
    for server in &settings.servers {
        let found = resolve(server);
        if found.is_err() {
            finding = Finding::Bad;
        }
        table.row(["server".to_owned(), server.to_string(), found.unwrap_or_else(|error| error)]);
    }
    table.write(out)?;
    if let Some(chroot) = &settings.chroot {
        writeln!(
            out,
            "note: the chroot {} is part of the paths that clients send: zoogate has no use for it",
            text::one_line(chroot)
        )?;
    }
    writeln!(out, "{}", if finding == Finding::Good { "valid" } else { "not every name can be resolved" })?;
    Ok(finding)
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

/// The addresses that a server's name stands for now, or why there are none.
fn resolve(server: &ServerAddress) -> Result<String, String> {
    let found = (server.host.as_str(), server.port)
        .to_socket_addrs()
        .map_err(|error| format!("cannot be resolved: {error}"))?;
    let addresses: Vec<_> = found.map(|address| address.to_string()).collect();
    if addresses.is_empty() { Err("cannot be resolved: no address".to_owned()) } else { Ok(addresses.join(" ")) }
}
