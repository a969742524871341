//! `zoogate run`: relays traffic until it is to stop.

use super::arguments::SettingsSource;
use super::{CommandOutcome, source};
use crate::admin::AdminListener;
use crate::config::{self, Settings};
use crate::observe::begin_log;
use crate::proxy::Proxy;

pub(super) fn run(from: &SettingsSource) -> anyhow::Result<CommandOutcome> {
    let settings = config::load(&source::read(from)?)?.settings;
    // The guard writes what waits when it is dropped: behind everything that may still log.
    let (log, _guard) = begin_log(settings.log.format, settings.log.level)?;
    greet(&settings);
    let admin = settings.admin.map(|admin| AdminListener::bind(admin.address)).transpose()?;
    let server = Proxy::bind(settings)?;
    server.telemetry().set_log(log);
    let admin = admin.map(|admin| admin.start(server.telemetry(), server.control())).transpose()?;
    if let Some(admin) = &admin {
        tracing::info!(address = %admin.address(), "serving metrics and the API");
    }
    server.run()?;
    Ok(CommandOutcome::Success)
}

fn greet(settings: &Settings) {
    if let Some(chroot) = &settings.chroot {
        tracing::info!(chroot, "the chroot is ignored: clients send it as part of their paths");
    }
}
