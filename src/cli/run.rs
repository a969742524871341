//! `zoogate run`: relays traffic until it is to stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;

use super::arguments::SettingsSource;
use super::bounded_end::BoundedEnd;
use super::{CommandOutcome, FAILURE, source};
use crate::admin::{AdminListener, HISTORY_VIEWS};
use crate::config::{self, Settings};
use crate::history::{HistoryStore, RunningHistory};
use crate::observe::begin_log;
use crate::otlp::OtlpExporter;
use crate::proxy::{Proxy, ServeError};

/// How long a stop that is cut short waits for the disk of the history.
const HISTORY_ENDS_WITHIN: Duration = Duration::from_millis(300);
/// How long the last lines of the log are waited for where nobody reads them: a little longer than the log waits itself.
const LOG_ENDS_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn run(from: &SettingsSource) -> anyhow::Result<CommandOutcome> {
    // Before anything can take long: the file may be a pipe, and the state directory on a slow disk.
    survive_other_signals()?;
    let settings = config::load(&source::read(from)?)?.settings;
    let (log, guard) = begin_log(settings.log.format, settings.log.level)?;
    // The guard writes what waits when it is dropped: behind everything that may still log. Where standard error takes
    // nothing it says so on standard output, which may be the same pipe.
    let _log_end = BoundedEnd::new(guard, LOG_ENDS_WITHIN);
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
    let exporter = exporter.map(|exporter| exporter.start(server.telemetry(), HISTORY_VIEWS)).transpose()?;
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
    let is_forced = matches!(outcome, Err(ServeError::Forced { .. }));
    // First what waits for the disk: neither who still asks nor a signal that was sent twice keeps it from being
    // written.
    match history {
        Some(history) if is_forced => history.stop_within(HISTORY_ENDS_WITHIN),
        history => drop(history),
    }
    end_at_next_signal(if outcome.is_ok() { 0 } else { FAILURE });
    let ending = (admin, exporter);
    if is_forced {
        // It is to end at once: no collector is waited for any more.
        std::mem::forget(ending);
    } else {
        drop(ending);
    }
    // What was known of tens of thousands of sessions goes with the process: freed one by one, it would delay the end.
    std::mem::forget(telemetry);
    outcome?;
    Ok(CommandOutcome::Success)
}

/// Takes from the signals that others send for reasons of their own what they do to a process that does not await them.
/// The proxy awaits them, but only once it runs.
fn survive_other_signals() -> anyhow::Result<()> {
    for signal in [SIGHUP, SIGUSR1, SIGUSR2] {
        // Nobody looks at the flag: that there is something to do is enough.
        flag::register(signal, Arc::default()).context("cannot listen for signals")?;
    }
    Ok(())
}

/// From here on a signal ends the process at once with this code: the traffic has ended, and who asks again does not
/// want to wait.
fn end_at_next_signal(code: u8) {
    for signal in [SIGTERM, SIGINT] {
        let always = Arc::new(AtomicBool::new(true));
        if let Err(error) = flag::register_conditional_shutdown(signal, code.into(), always) {
            tracing::warn!(%error, "a further signal does not end zoogate at once");
        }
    }
}

fn greet(settings: &Settings) {
    if let Some(chroot) = &settings.chroot {
        tracing::info!(chroot, "the chroot is ignored: clients send it as part of their paths");
    }
}
