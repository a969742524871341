//! The page of metrics: what the exporter renders, and the histograms and sessions that it does not know.

use std::sync::{Arc, Mutex};

use metrics::{Key, Label, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::catalog::{self, CATALOG, Metric, MetricKind};
use super::event_counters::{EventCounters, METADATA};
use super::prometheus_text::{COARSE, FINE, PrometheusText};
use super::session_series::{ClassHistograms, SeriesCandidate, SessionSeries};
use crate::diagnose::risk::{RiskBook, RiskCode};
use crate::diagnose::{Diagnosis, DiagnosisLosses};
use crate::ids::SessionId;
use crate::lock::lock;
use crate::observe::storage::claim_counts::ClaimCounts;
use crate::observe::storage::counters::{Direction, EVENT_TYPES, LARGE_SIZES, ServerCounters};
use crate::observe::storage::histogram_snapshot::HistogramSnapshot;
use crate::observe::storage::meter::LatencyClass;
use crate::observe::storage::meters::MeterRegistry;
use crate::session::ledger::{LedgerLosses, SessionState};
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::state::{SessionPlace, SinkDrops, TrafficState};
use crate::wire::{ErrorCode, OpCode};

/// How the exporter announces the processor time, and what it is.
const CPU_GAUGE: &str = "# TYPE process_cpu_seconds_total gauge\n";
const CPU_COUNTER: &str = "# TYPE process_cpu_seconds_total counter\n";

/// What the page is made of.
pub(in crate::observe) struct PageSources<'a> {
    /// Sessions, servers, connections.
    pub(in crate::observe) state: &'a TrafficState,
    /// What is counted by operation, by worker and by server.
    pub(in crate::observe) counters: &'a [Vec<Arc<ServerCounters>>],
    /// The meters of sessions.
    pub(in crate::observe) meters: &'a MeterRegistry,
    /// What is counted of claims on their way.
    pub(in crate::observe) claims: &'a ClaimCounts,
    /// Log lines that were dropped.
    pub(in crate::observe) dropped_lines: u64,
    /// Events that those who look had no room for.
    pub(in crate::observe) dropped_events: u64,
    /// Requests whose node data those who look were not shown.
    pub(in crate::observe) dropped_data: u64,
    /// Slow operations that were not written down.
    pub(in crate::observe) dropped_slow: u64,
    /// Streams of the admin address that found no place.
    pub(in crate::observe) refused_streams: u64,
    /// Whether single sessions have series.
    pub(in crate::observe) by_session: bool,
}

/// Makes the page of metrics. Belongs to one from; nothing of it is global.
#[derive(Debug)]
pub(in crate::observe) struct MetricsExporter {
    recorder: PrometheusRecorder,
    events: Arc<EventCounters>,
    process: metrics_process::Collector,
    servers: Vec<String>,
    series: Mutex<SessionSeries>,
}

impl MetricsExporter {
    pub(in crate::observe) fn new(servers: &[String], series: usize) -> (Self, Arc<EventCounters>) {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in CATALOG {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                MetricKind::Counter => recorder.describe_counter(name, None, help),
                MetricKind::Gauge => recorder.describe_gauge(name, None, help),
                MetricKind::Histogram => {}
            }
        }
        let process = metrics_process::Collector::default();
        metrics::with_local_recorder(&recorder, || process.describe());
        let events = Arc::new(EventCounters::new(&recorder, servers));
        let exporter = Self {
            events: Arc::clone(&events),
            recorder,
            process,
            servers: servers.to_vec(),
            series: Mutex::new(SessionSeries::new(series)),
        };
        exporter.history_size(0);
        (exporter, events)
    }

    /// The whole page as it is now.
    pub(in crate::observe) fn page(&self, from: &PageSources<'_>) -> String {
        // Copied out in portions first: the ledger's lock is not held while text is made.
        let sessions = from.state.session_places(&from.state.session_ids());
        let losses = from.state.losses();
        let (unwatched, unremembered) = (from.claims.unwatched(), from.claims.unremembered());
        let DiagnosisLosses { incidents, closed_early, away, waiting, changes } =
            from.state.with_diagnosis(Diagnosis::losses);
        let lines = from.dropped_lines;
        let risks = from.state.with_risks(RiskBook::losses);
        let LedgerLosses { findings, sessions: unknown, evicted, claimants, .. } = losses;
        self.events.set_dropped([
            lines,
            findings,
            unknown,
            evicted,
            claimants,
            unwatched,
            unremembered,
            incidents,
            risks.risks,
            risks.away,
            away,
            waiting,
            changes,
            from.dropped_events,
            from.dropped_data,
            from.refused_streams,
            from.dropped_slow,
            closed_early,
        ]);
        for SinkDrops { sink, dropped } in from.state.sink_drops() {
            self.counter(&catalog::SINK_DROPS, &[sink], dropped);
        }
        for place in 0..self.servers.len() {
            self.pour(place, from);
        }
        self.state(from, &sessions);
        self.ensemble(from.state);
        metrics::with_local_recorder(&self.recorder, || self.process.collect());
        let handle = self.recorder.handle();
        // Without it the exporter keeps every sample of its own histograms until it is asked.
        handle.run_upkeep();
        // The exporter's counters are whole numbers, these seconds are not: it has them as a gauge.
        let rendered = handle.render().replacen(CPU_GAUGE, CPU_COUNTER, 1);
        let mut page = PrometheusText::new(rendered);
        page.time(&catalog::OWN_PAUSE_TIME, self.events.own_pause_time());
        let all = self.durations(from, &mut page);
        self.claim_waits(from, &mut page);
        if from.by_session {
            self.sessions(from, &sessions, &all, &mut page);
        }
        page.finish()
    }

    /// Counts how often the kernel has put clients of a listener off.
    pub(in crate::observe) fn put_off(&self, listener: &str, times: u64) {
        self.recorder.register_counter(&key(&catalog::PUT_OFF, &[listener]), &METADATA).increment(times);
    }

    /// Sets how many bytes the files of the history have.
    pub(in crate::observe) fn history_size(&self, bytes: u64) {
        self.gauge(&catalog::HISTORY_SIZE, &[], bytes as f64);
    }

    pub(super) fn counter(&self, metric: &Metric, values: &[&str], total: u64) {
        self.recorder.register_counter(&key(metric, values), &METADATA).absolute(total);
    }

    pub(super) fn gauge(&self, metric: &Metric, values: &[&str], value: f64) {
        self.recorder.register_gauge(&key(metric, values), &METADATA).set(value);
    }

    /// Pours what the workers have counted about one server into the exporter's counters.
    fn pour(&self, place: usize, from: &PageSources<'_>) {
        let server = self.servers[place].as_str();
        let workers: Vec<&Arc<ServerCounters>> = from.counters.iter().filter_map(|worker| worker.get(place)).collect();
        let sum = |count: &dyn Fn(&ServerCounters) -> u64| workers.iter().map(|worker| count(worker)).sum::<u64>();
        for slot in 0..OpCode::SLOTS {
            let operations = sum(&|worker| worker.ops()[slot].operations());
            // A series for each operation that never came would multiply the page by fifty.
            if operations == 0 {
                continue;
            }
            let labels = [server, OpCode::slot_name(slot)];
            self.counter(&catalog::OPERATIONS, &labels, operations);
            let bytes = |direction| sum(&|worker| worker.ops()[slot].bytes(direction));
            self.counter(&catalog::REQUEST_BYTES, &labels, bytes(Direction::Request));
            self.counter(&catalog::REPLY_BYTES, &labels, bytes(Direction::Reply));
            let mut errors = [0; ErrorCode::SLOTS];
            for (code, count) in workers.iter().flat_map(|worker| worker.ops()[slot].errors()) {
                errors[code] += count;
            }
            for (code, count) in errors.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let labels = [server, OpCode::slot_name(slot), ErrorCode::slot_name(code)];
                self.counter(&catalog::OPERATION_ERRORS, &labels, count);
            }
        }
        for (kind, name) in EVENT_TYPES.into_iter().enumerate() {
            self.counter(&catalog::WATCH_EVENTS, &[server, name], sum(&|worker| worker.events()[kind]));
        }
        self.counter(&catalog::UNTRACKED, &[server], sum(&ServerCounters::untracked));
        for &direction in Direction::ALL {
            for (size, name) in LARGE_SIZES.into_iter().enumerate() {
                let frames = sum(&|worker| worker.large_frames(direction)[size]);
                self.counter(&catalog::LARGE_FRAMES, &[server, direction.label(), name], frames);
            }
            let largest = workers.iter().map(|worker| worker.largest_frame(direction)).max().unwrap_or(0);
            let pauses = sum(&|worker| worker.pauses(direction));
            self.counter(&catalog::PAUSES, &[server, direction.label()], pauses);
            let blocks = sum(&|worker| worker.blocks(direction));
            self.counter(&catalog::COMPRESSED_BLOCKS, &[server, direction.label()], blocks);
            self.gauge(&catalog::LARGEST_FRAME, &[server, direction.label()], largest as f64);
        }
    }

    /// What there is now: sessions, connections, servers.
    fn state(&self, from: &PageSources<'_>, sessions: &[SessionPlace]) {
        let attached = from.state.count_attached(sessions);
        for entry in &from.state.roster().servers {
            let labels = [entry.address.as_str()];
            self.gauge(&catalog::SESSIONS, &labels, attached[entry.id.index()] as f64);
            let open = from.state.load(entry.id).load(std::sync::atomic::Ordering::Relaxed);
            self.gauge(&catalog::CONNECTIONS, &labels, f64::from(open));
            self.gauge(&catalog::SERVER_SERVING, &labels, flag(entry.health == ServerHealth::Serving));
            let leads = entry.role == ServerRole::Leader && entry.health == ServerHealth::Serving;
            self.gauge(&catalog::SERVER_LEADER, &labels, flag(leads));
        }
        for entry in &from.state.roster().servers {
            let aside = flag(from.claims.is_set_aside(entry.id));
            self.gauge(&catalog::SET_ASIDE, &[entry.address.as_str()], aside);
        }
        self.gauge(&catalog::WAITING_CLAIMS, &[], f64::from(from.claims.waiting()));
        for state in ["attached", "pending", "ended"] {
            let count = sessions.iter().filter(|place| place.state.label() == state).count();
            self.gauge(&catalog::SESSIONS_KNOWN, &[state], count as f64);
        }
        let open = from.state.with_diagnosis(Diagnosis::open_incidents);
        self.gauge(&catalog::INCIDENTS_OPEN, &[], open as f64);
        let risks = from.state.with_risks(RiskBook::standing);
        for (code, count) in RiskCode::ALL.iter().zip(risks) {
            self.gauge(&catalog::RISKS_OPEN, &[code.label()], count as f64);
        }
        self.gauge(&catalog::READY, &[], flag(from.state.unready().is_none()));
        self.gauge(&catalog::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
    }

    /// Latencies by server and operation. Returns all of them by class.
    fn durations(&self, from: &PageSources<'_>, page: &mut PrometheusText) -> ClassHistograms {
        let mut all = ClassHistograms::default();
        page.family(&catalog::OPERATION_DURATION);
        for (place, server) in self.servers.iter().enumerate() {
            for slot in 0..OpCode::SLOTS {
                let mut latency = HistogramSnapshot::default();
                for worker in from.counters {
                    latency.merge(worker[place].ops()[slot].latency());
                }
                // As above: an empty histogram is some thirty lines.
                if latency.is_empty() {
                    continue;
                }
                page.histogram(&catalog::OPERATION_DURATION, &[server, OpCode::slot_name(slot)], &latency, &FINE);
                if let Some(class) = LatencyClass::of(OpCode::slot_class(slot)) {
                    all[class as usize].merge(latency);
                }
            }
        }
        all
    }

    /// How long claims waited, by the server that took them.
    fn claim_waits(&self, from: &PageSources<'_>, page: &mut PrometheusText) {
        page.family(&catalog::CLAIM_WAIT);
        for (place, server) in self.servers.iter().enumerate() {
            let mut waits = HistogramSnapshot::default();
            from.counters.iter().for_each(|worker| waits.merge(worker[place].claim_waits()));
            if !waits.is_empty() {
                page.histogram(&catalog::CLAIM_WAIT, &[server], &waits, &COARSE);
            }
        }
    }

    /// The sessions with series of their own, and all others together.
    fn sessions(
        &self,
        from: &PageSources<'_>,
        places: &[SessionPlace],
        all: &ClassHistograms,
        page: &mut PrometheusText,
    ) {
        let mut series = lock(&self.series);
        if series.is_off() {
            return;
        }
        // Ended sessions give their places up at once, or a restart of all clients would fill the series with the
        // past.
        let alive = places.iter().filter(|place| !matches!(place.state, SessionState::Ended { .. }));
        let mut candidates: Vec<SeriesCandidate> = alive.filter_map(|place| candidate(place.session, from)).collect();
        let shown = series.choose(&mut candidates, from.meters);
        page.family(&catalog::SESSION_INFO);
        let ids: Vec<SessionId> = shown.iter().map(|(session, _)| *session).collect();
        for row in from.state.session_rows(&ids) {
            let server =
                row.server.map_or("", |server| self.servers.get(server.index()).map_or("unknown", String::as_str));
            let client = row.client.map(|client| client.to_string()).unwrap_or_default();
            let identity = row.identity.map_or_else(|| client.clone(), |identity| identity.to_string());
            page.sample(&catalog::SESSION_INFO, &[&row.session.to_string(), server, &client, &identity], 1);
        }
        page.family(&catalog::SESSION_IN_FLIGHT);
        for (session, meters) in &shown {
            let in_flight = u64::from(meters.reading.in_flight);
            page.sample(&catalog::SESSION_IN_FLIGHT, &[&session.to_string()], in_flight);
        }
        page.family(&catalog::SESSION_LATENCY);
        let mut show = |session: &str, latency: &ClassHistograms| {
            for &class in LatencyClass::ALL.iter().filter(|class| !latency[**class as usize].is_empty()) {
                let labels = [session, class.label()];
                page.histogram(&catalog::SESSION_LATENCY, &labels, &latency[class as usize], &COARSE);
            }
        };
        for (session, meters) in &shown {
            show(&session.to_string(), &meters.latency);
        }
        show("other", &series.other(all));
    }
}

fn candidate(session: SessionId, from: &PageSources<'_>) -> Option<SeriesCandidate> {
    let (operations, worst) = from.meters.merit(session)?;
    Some(SeriesCandidate { session, operations, worst })
}

fn key(metric: &Metric, values: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
    let labels = metric.labels.iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}
