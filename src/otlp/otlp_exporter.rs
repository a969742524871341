//! The thread that sends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::Level;

use super::collector_client::{CollectorClient, SendError};
use super::exporter_error::ExporterError;
use super::finding_records::FindingRecords;
use super::metric_points::{self, PageMoment};
use crate::config::OtlpSettings;
use crate::history::{ChangeQueue, HistorySink, HistoryViews};
use crate::observe::{LogThrottle, ProxyTelemetry, WallClock};
use crate::state::ChangeSink;

/// Between two looks for findings to be sent.
pub(crate) const FINDINGS_EVERY: Duration = Duration::from_secs(1);
/// How often one request is tried before what it holds is dropped.
pub(crate) const ATTEMPTS: u32 = 4;
/// Records of one request: collectors bound what they take at once.
pub(crate) const RECORDS_AT_ONCE: usize = 1_000;
/// Pause before the second attempt; each further one is twice as long.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a stop waits for the last request.
pub(crate) const STOPS_WITHIN: Duration = Duration::from_secs(3);

/// An exporter that does not send yet.
#[derive(Debug)]
pub struct OtlpExporter {
    settings: OtlpSettings,
    queue: Arc<ChangeQueue>,
}

impl OtlpExporter {
    /// For what is configured.
    pub fn new(settings: &OtlpSettings) -> Self {
        Self { settings: settings.clone(), queue: Arc::default() }
    }

    /// Who takes what is to be sent.
    pub fn sink(&self) -> Box<dyn ChangeSink> {
        Box::new(HistorySink::new("otlp", Arc::clone(&self.queue)))
    }

    /// Begins to send.
    ///
    /// # Errors
    /// [`ExporterError::Thread`] when there is none to be had.
    pub fn start(self, telemetry: Arc<ProxyTelemetry>, views: HistoryViews) -> Result<RunningExporter, ExporterError> {
        let (stop, stopped) = channel();
        let (ending, ended) = channel();
        let started_nanos = telemetry.wall_clock().unix_millis(telemetry.started_at()).saturating_mul(1_000_000);
        let thread = ExportThread {
            client: CollectorClient::new(&self.settings.endpoint),
            // A run of its own: counters begin anew with it.
            instance: format!("{}-{started_nanos}", std::process::id()),
            records: FindingRecords::new(Arc::clone(&telemetry), views),
            failing: FailingSignals::new(&self.settings.endpoint, telemetry.log_throttle()),
            telemetry,
            settings: self.settings,
            queue: self.queue,
            stopped,
            started_nanos,
            stops: false,
        };
        let run = move || {
            thread.run();
            // Nobody waits any more where this fails.
            let _ = ending.send(());
        };
        thread::Builder::new().name("otlp".to_owned()).spawn(run).map_err(ExporterError::Thread)?;
        Ok(RunningExporter { stop, ended })
    }
}

/// An exporter that sends. What waits is sent once more when this is dropped.
#[derive(Debug)]
pub struct RunningExporter {
    stop: Sender<()>,
    ended: Receiver<()>,
}

impl Drop for RunningExporter {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if self.ended.recv_timeout(STOPS_WITHIN).is_err() {
            tracing::warn!(waited = ?STOPS_WITHIN, "the collector did not take the last telemetry in time");
        }
    }
}

struct ExportThread {
    client: CollectorClient,
    instance: String,
    records: FindingRecords,
    telemetry: Arc<ProxyTelemetry>,
    settings: OtlpSettings,
    queue: Arc<ChangeQueue>,
    stopped: Receiver<()>,
    started_nanos: u64,
    failing: FailingSignals,
    /// Whether it is to stop: what waits is then sent once more and not again.
    stops: bool,
}

impl ExportThread {
    fn run(mut self) {
        let mut metrics_due = Instant::now();
        while !self.stops {
            self.pause(FINDINGS_EVERY);
            self.send_findings();
            if self.stops || Instant::now() >= metrics_due {
                metrics_due = Instant::now() + self.settings.interval;
                self.send_metrics();
            }
        }
        // What came while the last page of metrics was sent.
        self.send_findings();
    }

    /// Waits, until it is to stop at most.
    fn pause(&mut self, time: Duration) {
        // It is said once, and may come between two attempts.
        self.stops |= !matches!(self.stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout));
    }

    fn send_findings(&mut self) {
        let taken = self.queue.take();
        if taken.changes.is_empty() {
            return;
        }
        for some in taken.changes.chunks(RECORDS_AT_ONCE) {
            let request = self.records.request(&self.instance, some);
            if !self.send("logs", &request) {
                self.telemetry.note_unsent(some.len() as u64);
            }
        }
        self.queue.give_back(taken.room);
    }

    fn send_metrics(&mut self) {
        let made_nanos = WallClock::unix_now().saturating_mul(1_000_000);
        let moment = PageMoment { started_nanos: self.started_nanos, made_nanos };
        let request = metric_points::request(&self.instance, &self.telemetry.metrics(), moment);
        // A page that is lost is made good by the next one: its numbers are sums.
        self.send("metrics", &request);
    }

    /// Sends a request of a signal, some times where that may help; whether it arrived.
    fn send(&mut self, signal: &'static str, request: &impl prost::Message) -> bool {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            match self.client.send(&format!("/v1/{signal}"), request) {
                Ok(()) => {
                    self.failing.taken(signal);
                    return true;
                }
                Err(error) => {
                    self.failing.not_taken(signal, &error);
                    if !matches!(error, SendError::Passing { .. }) || attempt == ATTEMPTS || self.stops {
                        return false;
                    }
                    self.pause(pause);
                    pause *= 2;
                }
            }
        }
        false
    }
}

/// What the log says of signals that the collector does not take. It may take the one and not the other.
struct FailingSignals {
    endpoint: String,
    log_throttle: Arc<LogThrottle>,
    /// Those that the log last said are not taken. A change that may not be written yet is written with a later request,
    /// if it still holds then.
    failing: BTreeSet<&'static str>,
}

impl FailingSignals {
    fn new(endpoint: &str, log_throttle: &Arc<LogThrottle>) -> Self {
        Self { endpoint: endpoint.to_owned(), log_throttle: Arc::clone(log_throttle), failing: BTreeSet::new() }
    }

    fn taken(&mut self, signal: &'static str) {
        if self.failing.contains(signal) && self.log_throttle.pass_state(Level::INFO, "telemetry taken again", signal) {
            self.failing.remove(signal);
            let endpoint = &self.endpoint;
            tracing::info!(%endpoint, signal, "the collector takes telemetry again");
        }
    }

    fn not_taken(&mut self, signal: &'static str, error: &SendError) {
        if !self.failing.contains(signal) && self.log_throttle.pass_state(Level::WARN, "telemetry not taken", signal) {
            self.failing.insert(signal);
            tracing::warn!(%error, signal, "the collector does not take telemetry");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;

    #[test]
    fn a_collector_that_takes_every_other_request_is_a_line_of_each_kind_in_a_while() {
        let mut signals = FailingSignals::new("http://127.0.0.1:4318", &Arc::default());
        let error = SendError::Refused { url: "http://127.0.0.1:4318/v1/logs".to_owned(), status: 400 };
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            for _ in 0..50 {
                for signal in ["logs", "metrics"] {
                    signals.not_taken(signal, &error);
                    signals.taken(signal);
                }
            }
        });
        assert_eq!(text.lines().count(), 4, "two lines for each signal\n{text}");
    }

    #[test]
    fn an_outage_whose_line_was_put_off_is_written_when_its_turn_comes() {
        let mut signals = FailingSignals::new("http://127.0.0.1:4318", &Arc::default());
        let error = SendError::Refused { url: "http://127.0.0.1:4318/v1/logs".to_owned(), status: 400 };
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            for _ in 0..2 {
                signals.not_taken("logs", &error);
                signals.taken("logs");
            }
            signals.not_taken("logs", &error);
            // As if the pause between two lines were over.
            signals.log_throttle = Arc::default();
            signals.not_taken("logs", &error);
            signals.not_taken("logs", &error);
        });
        let warned = text.lines().filter(|line| line.contains("does not take telemetry")).count();
        assert_eq!((warned, text.lines().count()), (2, 3), "{text}");
    }
}
