//! What operators see of the traffic: counters, meters, log lines and the page of metrics, over the state that they are
//! of. Nothing is decided by what is here.

mod claims;
mod latencies;
mod notes;
#[cfg(test)]
mod tests;
mod trend;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;

use super::exposition::event_counters::EventCounters;
use super::exposition::metrics_page::{MetricsExporter, PageSources};
use super::logs::finding_log::FindingLog;
use super::logs::incident_log::IncidentLog;
use super::logs::log_throttle::LogThrottle;
use super::logs::logging::LogControl;
use super::logs::risk_log::RiskLog;
use super::sinks::{CounterSink, LogSink, MeterSink};
use super::slow::SlowLog;
use super::storage::claim_counts::ClaimCounts;
use super::storage::counters::ServerCounters;
use super::storage::latency_trend::LatencyTrend;
use super::storage::meters::MeterRegistry;
use super::tap::{TapHub, TapSink};
use super::wall_clock::WallClock;
use super::wording::FactWording;
use crate::config::{Settings, SlowLogSettings};
use crate::ids::ServerId;
use crate::session::ledger::LedgerLimits;
use crate::state::{ChangeSink, TrafficState};
use crate::time::Timestamp;

/// Between two searches for meters whose session is forgotten, in nanoseconds.
const SWEEP_INTERVAL: u64 = 10_000_000_000;

/// What is observed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TelemetryScope {
    /// Addresses of the servers, by [`ServerId`].
    pub servers: Vec<String>,
    /// Worker threads.
    pub workers: usize,
    /// How much the ledger remembers.
    pub limits: LedgerLimits,
    /// Sessions with metric series of their own.
    pub series: usize,
    /// The largest frame that the servers accept, in bytes.
    pub jute_maxbuffer: u32,
    /// From which latency on operations are kept.
    pub slow_log: SlowLogSettings,
}

impl TelemetryScope {
    fn of(settings: &Settings) -> Self {
        let sessions = settings.ledger.sessions.get();
        Self {
            servers: settings.servers.iter().map(ToString::to_string).collect(),
            workers: settings.workers.get(),
            limits: LedgerLimits { sessions, keep_ended: settings.ledger.keep_ended, ..LedgerLimits::default() },
            series: settings.metrics.sessions,
            jute_maxbuffer: u32::try_from(settings.jute_maxbuffer).unwrap_or(u32::MAX),
            slow_log: settings.slow_log,
        }
    }
}

/// What operators see, and the state that it is of.
#[derive(Debug)]
pub struct ProxyTelemetry {
    state: Arc<TrafficState>,
    wall_clock: ArcSwap<WallClock>,
    started_at: Timestamp,
    meters: Arc<MeterRegistry>,
    /// By worker, then by server.
    counters: Vec<Vec<Arc<ServerCounters>>>,
    finding_log: Arc<FindingLog>,
    events: Arc<EventCounters>,
    exporter: MetricsExporter,
    log: OnceLock<LogControl>,
    /// Kinds of strangers and faults that were logged already.
    named: Mutex<Vec<&'static str>>,
    log_throttle: Arc<LogThrottle>,
    claims: ClaimCounts,
    /// When meters were last searched for sessions that nobody knows, in nanoseconds.
    swept_at: AtomicU64,
    trend: Mutex<LatencyTrend>,
    tap: Arc<TapHub>,
    slow_log: SlowLog,
    /// Streams of the admin address that found no place.
    refused_streams: AtomicU64,
}

impl ProxyTelemetry {
    /// For what is configured; it is `now` by the driver's clock.
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        Self::with_sinks(settings, now, Vec::new())
    }

    /// The same, with further sinks for what changes or is found out.
    pub fn with_sinks(settings: &Settings, now: Timestamp, others: Vec<Box<dyn ChangeSink>>) -> Self {
        let telemetry = Self::of_scope_with(&TelemetryScope::of(settings), WallClock::start(now), now, others);
        if settings.tap_data {
            telemetry.tap.show_data();
        }
        telemetry
    }

    /// For a scope that was made by hand.
    pub fn of_scope(scope: &TelemetryScope, wall_clock: WallClock, now: Timestamp) -> Self {
        Self::of_scope_with(scope, wall_clock, now, Vec::new())
    }

    /// The same, with further sinks.
    pub fn of_scope_with(
        scope: &TelemetryScope,
        wall_clock: WallClock,
        now: Timestamp,
        others: Vec<Box<dyn ChangeSink>>,
    ) -> Self {
        let (exporter, events) = MetricsExporter::new(&scope.servers, scope.series);
        let meters = Arc::<MeterRegistry>::default();
        let log_throttle = Arc::<LogThrottle>::default();
        let finding_log = Arc::new(FindingLog::new(scope.servers.clone(), Arc::clone(&log_throttle)));
        let tap = Arc::<TapHub>::default();
        let mut sinks: Vec<Box<dyn ChangeSink>> = vec![
            Box::new(CounterSink::new(Arc::clone(&events))),
            Box::new(LogSink::new(
                Arc::clone(&finding_log),
                IncidentLog::new(scope.servers.clone(), Arc::clone(&log_throttle)),
                RiskLog::new(scope.servers.clone(), Arc::clone(&log_throttle)),
            )),
            Box::new(MeterSink::new(Arc::clone(&meters))),
            Box::new(TapSink::new(Arc::clone(&tap), scope.servers.clone())),
        ];
        sinks.extend(others);
        let state = Arc::new(TrafficState::new(&scope.servers, scope.limits, sinks));
        let counters = |server: usize| {
            let work = Arc::clone(state.answered_work(ServerId(server as u16)));
            Arc::new(ServerCounters::new(scope.jute_maxbuffer, work))
        };
        let counters = (0..scope.workers).map(|_| (0..scope.servers.len()).map(counters).collect()).collect();
        Self {
            state,
            wall_clock: ArcSwap::from_pointee(wall_clock),
            started_at: now,
            meters,
            counters,
            claims: ClaimCounts::new(scope.servers.len()),
            finding_log,
            events,
            exporter,
            log: OnceLock::new(),
            named: Mutex::default(),
            swept_at: AtomicU64::new(now.0),
            trend: Mutex::default(),
            tap,
            slow_log: SlowLog::new(scope.slow_log, scope.servers.clone(), Arc::clone(&log_throttle)),
            log_throttle,
            refused_streams: AtomicU64::new(0),
        }
    }

    /// The state that all of it is of.
    pub fn state(&self) -> &Arc<TrafficState> {
        &self.state
    }

    /// Those who look at what happens.
    #[inline]
    pub fn tap(&self) -> &TapHub {
        &self.tap
    }

    /// What spares lines of the log that repeat. There is one for all lines of this proxy, and every tick says what it
    /// has suppressed.
    pub fn log_throttle(&self) -> &Arc<LogThrottle> {
        &self.log_throttle
    }

    /// Operations that took long.
    pub fn slow_log(&self) -> &SlowLog {
        &self.slow_log
    }

    /// The page of all metrics.
    pub fn metrics(&self) -> String {
        self.metrics_page(true)
    }

    /// The same without the series of single sessions, whose ids are as good as their passwords.
    pub fn metrics_without_sessions(&self) -> String {
        self.metrics_page(false)
    }

    fn metrics_page(&self, by_session: bool) -> String {
        self.exporter.page(&PageSources {
            state: &self.state,
            counters: &self.counters,
            meters: &self.meters,
            claims: &self.claims,
            dropped_lines: self.log().map_or(0, LogControl::dropped_lines),
            dropped_events: self.tap.dropped(),
            dropped_data: self.tap.room().dropped(),
            dropped_slow: self.slow_log.dropped(),
            refused_streams: self.refused_streams.load(Ordering::Relaxed),
            by_session,
        })
    }

    /// Does what time brings: says how many lines were left out, and forgets the meters of sessions that the ledger never
    /// knew for want of room.
    pub fn tick(&self, now: Timestamp) {
        self.finding_log.write_suppressed(Instant::now());
        self.tap.tick(now);
        self.note_latency(now);
        if now.0.saturating_sub(self.swept_at.load(Ordering::Relaxed)) >= SWEEP_INTERVAL {
            self.swept_at.store(now.0, Ordering::Relaxed);
            self.state.unknown_sessions(&self.meters.dormant()).into_iter().for_each(|session| {
                self.meters.drop_dormant(session);
            });
        }
    }

    /// Says how many lines were suppressed of which nothing was said yet: for a stop, when there is no further tick.
    pub fn write_all_suppressed(&self) {
        self.finding_log.write_all_suppressed(Instant::now());
    }

    /// The meters of all sessions.
    pub fn meters(&self) -> &MeterRegistry {
        &self.meters
    }

    /// What a worker counts about a server. Only that worker may write there.
    ///
    /// # Panics
    /// When there is no such worker or server.
    pub fn counters(&self, worker: usize, server: ServerId) -> Arc<ServerCounters> {
        Arc::clone(&self.counters[worker][server.index()])
    }

    /// Gives the log whose level may be changed.
    pub fn set_log(&self, log: LogControl) {
        let _ = self.log.set(log);
    }

    /// The log, if there is one.
    pub fn log(&self) -> Option<&LogControl> {
        self.log.get()
    }

    /// Calendar times of moments.
    pub fn wall_clock(&self) -> Arc<WallClock> {
        self.wall_clock.load_full()
    }

    /// When it began.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The address of a server as configured.
    pub fn server_name(&self, server: ServerId) -> &str {
        self.finding_log.name(server)
    }

    /// The server with this address as configured.
    pub fn server_id(&self, name: &str) -> Option<ServerId> {
        self.server_names().iter().position(|known| known == name).map(|place| ServerId(place as u16))
    }

    /// The addresses of all servers as configured, by [`ServerId`].
    pub fn server_names(&self) -> &[String] {
        self.finding_log.names()
    }

    /// The words for facts about a connection to this server that ended at that moment.
    pub fn wording(&self, server: ServerId, ended_at: Timestamp) -> FactWording<'_> {
        self.finding_log.wording(server, ended_at)
    }

    fn events(&self) -> &EventCounters {
        &self.events
    }
}
