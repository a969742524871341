//! `zoogate run`: relays traffic until it is to stop.

use super::arguments::SettingsSource;
use super::{CommandOutcome, source};
use crate::admin::{AdminListener, HISTORY_VIEWS};
use crate::config::{self, Settings};
use crate::history::{HistoryStore, RunningHistory};
use crate::observe::begin_log;
use crate::otlp::OtlpExporter;
use crate::proxy::Proxy;

pub(super) fn run(from: &SettingsSource) -> anyhow::Result<CommandOutcome> {
    let settings = config::load(&source::read(from)?)?.settings;
    // The guard writes what waits when it is dropped: behind everything that may still log.
    let (log, _guard) = begin_log(settings.log.format, settings.log.level)?;
    greet(&settings);
    let history = settings.state.as_ref().map(HistoryStore::open).transpose()?;
    let exporter = settings.otlp.as_ref().map(OtlpExporter::new);
    let kept = history.as_ref().map(HistoryStore::sink).into_iter();
    let sinks = kept.chain(exporter.as_ref().map(OtlpExporter::sink)).collect();
    let admin = settings.admin.as_ref().map(AdminListener::of).transpose()?;
    let served_at = settings.admin.clone();
    let server = Proxy::bind_with(settings, sinks)?;
    server.telemetry().set_log(log);
    // It outlives the traffic: what is found out at the stop is written too.
    let history = history.map(|history| history.start(server.telemetry(), HISTORY_VIEWS)).transpose()?;
    let _exporter = exporter.map(|exporter| exporter.start(server.telemetry(), HISTORY_VIEWS)).transpose()?;
    let reader = history.as_ref().map(RunningHistory::reader);
    let admin = admin.map(|admin| admin.with_history(reader));
    let admin = admin.map(|admin| admin.start(server.telemetry(), server.control())).transpose()?;
    if let (Some(admin), Some(at)) = (&admin, served_at) {
        let address = at.address.map(|_| tracing::field::display(admin.address()));
        let socket = at.socket.map(|path| path.display().to_string());
        tracing::info!(address, socket, "serving metrics and the API");
    }
    let telemetry = server.telemetry();
    let outcome = server.run();
    // First what waits for the disk: whoever still asks keeps nothing from being written.
    drop(history);
    drop(admin);
    // What was known of tens of thousands of sessions goes with the process: freed one by one, it would delay the end.
    std::mem::forget(telemetry);
    outcome?;
    Ok(CommandOutcome::Success)
}

fn greet(settings: &Settings) {
    if let Some(chroot) = &settings.chroot {
        tracing::info!(chroot, "the chroot is ignored: clients send it as part of their paths");
    }
}
