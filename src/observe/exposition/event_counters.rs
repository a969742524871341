//! Counters of what is rare: everything but operations. All handles are fetched once, here.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Key, Label, Level, Metadata, Recorder};
use rustix::io::Errno;

use super::catalog::{self, Metric};
use crate::diagnose::CauseCode;
use crate::diagnose::risk::RiskCode;
use crate::ids::ServerId;
use crate::session::own_pause::AddedPause;
use crate::session::probe_result::ServerHealth;
use crate::session::verdict::{Confidence, EndReason, Evidence, RouteReason};
use crate::wire::first_frame::{ForeignProtocol, WORDS};
use crate::wire::{DecodeFault, FaultKind};

/// What is registered says nothing about where in the code; the exporter does not look.
pub(super) const METADATA: Metadata<'static> = Metadata::new("zoogate", Level::INFO, None);

/// A multi with an operation of no known layout.
const UNKNOWN_PART: &str = "unknown_sub_operation";
/// The words that [`first_frame`](crate::wire::first_frame) knows, the end of a telnet session, and the place of any
/// other.
const WORD_LABELS: [&str; WORDS.len() + 2] = {
    let mut labels = [OTHER; WORDS.len() + 2];
    let (known, rest) = labels.split_at_mut(WORDS.len());
    known.copy_from_slice(&WORDS);
    rest[0] = "telnet_close";
    labels
};
/// Why a conversation is opaque when a frame of it could not be read.
const DECODE_FAULT: &str = "decode_fault";
/// Why a conversation is opaque whose two sides agreed to compress it.
const COMPRESSION: &str = "compression";

/// Why a server could not be connected to: three by the server, one by its name, one since it is this proxy, three by
/// what this machine lacks.
const CONNECT_FAILURES: [&str; 9] =
    ["refused", "closed", "timeout", "resolve", "leads_back", "descriptors", "memory", "ports", OTHER];
/// Why a client connection was closed instead of relayed: as many as are allowed are open, of all or of
/// one address, its first frame did not come (four ways), no server was left to try.
const REJECTIONS: [&str; 8] =
    ["too_many", "too_many_of_address", "left_silent", "left", "deadline", "failed", "no_server", OTHER];
/// What a listener was doing when it failed.
const OPERATIONS: [&str; 3] = ["accept", "listen", OTHER];
/// Why a listener failed.
const LISTENER_ERRORS: [&str; 5] = ["process_descriptors", "system_descriptors", "memory", "address_in_use", OTHER];
/// Why the admin address refused a request, or a connection.
const ADMIN_REFUSALS: [&str; 7] =
    ["no_token", "wrong_token", "read_only_token", "foreign_page", "rate", "connections", OTHER];
/// The bounded queues whose overflow is counted.
const QUEUES: [&str; 18] = [
    "log",
    "findings",
    "sessions",
    "evicted_sessions",
    "claims",
    "left_claims",
    "unanswered_claims",
    "incidents",
    "risks",
    "watched_absences",
    "away_sessions",
    "waiting_ends",
    "incident_changes",
    "tap",
    "tap_data",
    "streams",
    "slow_log",
    "open_incidents",
];
/// The place of every word that a table does not have.
const OTHER: &str = "other";

/// A counter for each combination of its labels' values.
#[derive(Debug)]
struct CounterGrid {
    /// In the order of the combinations, the last label's values running fastest.
    counters: Vec<Counter>,
    /// Number of values of each label.
    sizes: Vec<usize>,
}

impl CounterGrid {
    /// Registers every combination of the given values that `wanted` says yes to.
    fn new(recorder: &dyn Recorder, metric: &Metric, values: &[&[&str]], wanted: fn(&[usize]) -> bool) -> Self {
        let sizes: Vec<usize> = values.iter().map(|values| values.len()).collect();
        let counters = (0..sizes.iter().product()).map(|mut number: usize| {
            let mut place = vec![0; sizes.len()];
            for (digit, size) in place.iter_mut().zip(&sizes).rev() {
                (*digit, number) = (number % size, number / size);
            }
            if !wanted(&place) {
                return Counter::noop();
            }
            let chosen = place.iter().zip(values).map(|(place, values)| values[*place].to_owned());
            let labels: Vec<Label> =
                metric.labels.iter().zip(chosen).map(|(name, value)| Label::new(*name, value)).collect();
            recorder.register_counter(&Key::from_parts(metric.name, labels), &METADATA)
        });
        Self { counters: counters.collect(), sizes }
    }

    fn add(&self, place: &[usize], more: u64) {
        if let Some(counter) = self.at(place) {
            counter.increment(more);
        }
    }

    fn at(&self, place: &[usize]) -> Option<&Counter> {
        let inside = place.iter().zip(&self.sizes).all(|(place, size)| place < size);
        debug_assert!(inside, "{place:?} of {:?}", self.sizes);
        let number = place.iter().zip(&self.sizes).fold(0, |number, (place, size)| number * size + place);
        self.counters.get(number).filter(|_| inside)
    }
}

/// All counters of rare events. Methods are cheap enough for anything but an operation.
#[derive(Debug)]
pub(in crate::observe) struct EventCounters {
    attaches: CounterGrid,
    refusals: CounterGrid,
    moves: CounterGrid,
    session_moved: CounterGrid,
    shared: CounterGrid,
    ends: CounterGrid,
    incidents: CounterGrid,
    risks: CounterGrid,
    causes: CounterGrid,
    unanswered: CounterGrid,
    oversized: CounterGrid,
    opaque: CounterGrid,
    faults: CounterGrid,
    words: CounterGrid,
    connect_failures: CounterGrid,
    probes: CounterGrid,
    rejected: CounterGrid,
    listener_errors: CounterGrid,
    clock_steps: CounterGrid,
    own_pauses: CounterGrid,
    /// In nanoseconds.
    own_pause_time: AtomicU64,
    late_claims: CounterGrid,
    orphans: CounterGrid,
    admin_waits: CounterGrid,
    admin_refused: CounterGrid,
    history_failures: CounterGrid,
    otlp_unsent: CounterGrid,
    dropped: CounterGrid,
}

impl EventCounters {
    /// Registers every counter, so that each is there with 0 before its first event. `servers` are their
    /// addresses by [`ServerId`].
    pub(in crate::observe) fn new(recorder: &dyn Recorder, servers: &[String]) -> Self {
        let all = |_: &[usize]| true;
        let grid = |metric: &Metric, values: &[&[&str]]| CounterGrid::new(recorder, metric, values, all);
        let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
        let servers = servers.as_slice();
        let opaque: Vec<&str> = labels(ForeignProtocol::ALL).into_iter().chain([DECODE_FAULT, COMPRESSION]).collect();
        let faults: Vec<&str> = labels(FaultKind::ALL).into_iter().chain([UNKNOWN_PART]).collect();
        Self {
            attaches: grid(&catalog::ATTACHES, &[servers, &labels(RouteReason::ALL)]),
            refusals: grid(&catalog::REFUSALS, &[servers]),
            moves: CounterGrid::new(recorder, &catalog::MOVES, &[servers, servers], |place| place[0] != place[1]),
            session_moved: grid(&catalog::SESSION_MOVED, &[servers, &labels(Evidence::ALL), &labels(Confidence::ALL)]),
            shared: grid(&catalog::SHARED_SESSIONS, &[]),
            ends: grid(&catalog::CONNECTION_ENDS, &[servers, &labels(EndReason::ALL)]),
            incidents: grid(&catalog::INCIDENTS, &[&labels(CauseCode::ALL)]),
            risks: grid(&catalog::RISKS, &[&labels(RiskCode::ALL)]),
            causes: grid(&catalog::END_CAUSES, &[&labels(CauseCode::ALL)]),
            unanswered: grid(&catalog::UNANSWERED, &[servers]),
            oversized: grid(&catalog::OVERSIZED_FRAMES, &[servers]),
            opaque: grid(&catalog::OPAQUE, &[&opaque]),
            faults: grid(&catalog::DECODE_FAULTS, &[&faults]),
            words: grid(&catalog::WORDS, &[&WORD_LABELS]),
            connect_failures: grid(&catalog::CONNECT_FAILURES, &[servers, &CONNECT_FAILURES]),
            probes: grid(&catalog::PROBES, &[servers, &labels(ServerHealth::ALL)]),
            rejected: grid(&catalog::REJECTED, &[&REJECTIONS]),
            listener_errors: grid(&catalog::LISTENER_ERRORS, &[&OPERATIONS, &LISTENER_ERRORS]),
            clock_steps: grid(&catalog::CLOCK_STEPS, &[]),
            own_pauses: grid(&catalog::OWN_PAUSES, &[]),
            own_pause_time: AtomicU64::new(0),
            late_claims: grid(&catalog::LATE_CLAIMS, &[servers]),
            orphans: grid(&catalog::ORPHANS, &[servers]),
            admin_waits: grid(&catalog::ADMIN_WAITS, &[]),
            admin_refused: grid(&catalog::ADMIN_REFUSED, &[&ADMIN_REFUSALS]),
            history_failures: grid(&catalog::HISTORY_FAILURES, &[]),
            otlp_unsent: grid(&catalog::OTLP_UNSENT, &[]),
            dropped: grid(&catalog::DROPPED, &[&QUEUES]),
        }
    }

    pub(in crate::observe) fn rejected(&self, why: &str) {
        self.rejected.add(&[word(&REJECTIONS, why)], 1);
    }

    pub(in crate::observe) fn listener_failed(&self, operation: &str, error: &io::Error) {
        self.listener_errors.add(&[word(&OPERATIONS, operation), word(&LISTENER_ERRORS, reason_of(error))], 1);
    }

    /// Items that were lost for want of room, of all time: lines of the log, findings of the ledger, sessions that
    /// found no room, those that were forgotten early, claims of unknown sessions, claims left behind that are not
    /// watched, claims that are out and not remembered, events that those who look had no room for, streams that found
    /// no place, slow operations that were not written down, incidents that were closed early.
    pub(super) fn set_dropped(&self, totals: [u64; QUEUES.len()]) {
        for (queue, total) in totals.into_iter().enumerate() {
            if let Some(counter) = self.dropped.at(&[queue]) {
                counter.absolute(total);
            }
        }
    }

    pub(in crate::observe) fn connect_failed(&self, server: ServerId, why: &str) {
        self.connect_failures.add(&[server.index(), word(&CONNECT_FAILURES, why)], 1);
    }

    pub(in crate::observe) fn probed(&self, server: ServerId, health: ServerHealth) {
        self.probes.add(&[server.index(), health as usize], 1);
    }

    pub(in crate::observe) fn word(&self, name: &str) {
        self.words.add(&[word(&WORD_LABELS, name)], 1);
    }

    /// A connection does not speak ZooKeeper, or not in the clear.
    pub(in crate::observe) fn foreign(&self, what: ForeignProtocol) {
        self.opaque.add(&[what as usize], 1);
    }

    /// A conversation became opaque because a frame could not be read.
    pub(in crate::observe) fn fault(&self, fault: DecodeFault) {
        self.opaque.add(&[ForeignProtocol::ALL.len()], 1);
        self.faults.add(&[fault.kind() as usize], 1);
    }

    pub(in crate::observe) fn attached(&self, server: ServerId, routed: RouteReason) {
        self.attaches.add(&[server.index(), routed as usize], 1);
    }

    pub(in crate::observe) fn refused(&self, server: ServerId) {
        self.refusals.add(&[server.index()], 1);
    }

    pub(in crate::observe) fn moved(&self, from: ServerId, to: ServerId) {
        self.moves.add(&[from.index(), to.index()], 1);
    }

    pub(in crate::observe) fn session_moved(&self, server: ServerId, evidence: Evidence, confidence: Confidence) {
        let place = [server.index(), evidence as usize, confidence as usize];
        self.session_moved.add(&place, 1);
    }

    pub(in crate::observe) fn shared(&self) {
        self.shared.add(&[], 1);
    }

    /// A frame was read in part only.
    pub(in crate::observe) fn unknown_part(&self) {
        self.faults.add(&[FaultKind::ALL.len()], 1);
    }

    pub(in crate::observe) fn compressed(&self) {
        self.opaque.add(&[ForeignProtocol::ALL.len() + 1], 1);
    }

    /// A claim was carried out that had been left behind.
    pub(in crate::observe) fn late_claim(&self, server: ServerId) {
        self.late_claims.add(&[server.index()], 1);
    }

    /// A new session was given after its client had left.
    pub(in crate::observe) fn orphaned(&self, server: ServerId) {
        self.orphans.add(&[server.index()], 1);
    }

    pub(in crate::observe) fn clock_stepped(&self) {
        self.clock_steps.add(&[], 1);
    }

    /// zoogate paused; `added` is what no other thread had reported.
    pub(in crate::observe) fn paused(&self, added: AddedPause) {
        self.own_pauses.add(&[], u64::from(added.is_new));
        self.own_pause_time.fetch_add(added.time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How long zoogate itself stood still, in nanoseconds.
    pub(super) fn own_pause_time(&self) -> u64 {
        self.own_pause_time.load(Ordering::Relaxed)
    }

    pub(in crate::observe) fn admin_waited(&self) {
        self.admin_waits.add(&[], 1);
    }

    pub(in crate::observe) fn admin_refused(&self, reason: &str) {
        self.admin_refused.add(&[word(&ADMIN_REFUSALS, reason)], 1);
    }

    pub(in crate::observe) fn otlp_unsent(&self, findings: u64) {
        self.otlp_unsent.add(&[], findings);
    }

    pub(in crate::observe) fn history_failed(&self) {
        self.history_failures.add(&[], 1);
    }

    pub(in crate::observe) fn ended(&self, server: ServerId, reason: EndReason) {
        self.ends.add(&[server.index(), reason as usize], 1);
    }

    /// An incident is over.
    pub(in crate::observe) fn incident(&self, cause: CauseCode) {
        self.incidents.add(&[cause as usize], 1);
    }

    /// Something is at risk.
    pub(in crate::observe) fn risk(&self, code: RiskCode) {
        self.risks.add(&[code as usize], 1);
    }

    /// A connection's end has its first cause.
    pub(in crate::observe) fn caused(&self, cause: CauseCode) {
        self.causes.add(&[cause as usize], 1);
    }

    pub(in crate::observe) fn unanswered(&self, server: ServerId, requests: u32) {
        self.unanswered.add(&[server.index()], u64::from(requests));
    }

    pub(in crate::observe) fn oversized(&self, server: ServerId) {
        self.oversized.add(&[server.index()], 1);
    }
}

/// The place of a word in a table that ends with the place of all others.
fn word(table: &[&str], word: &str) -> usize {
    table.iter().position(|known| *known == word).unwrap_or(table.len() - 1)
}

/// The name of an error that a listener can meet.
fn reason_of(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => "process_descriptors",
        Some(Errno::NFILE) => "system_descriptors",
        Some(Errno::NOBUFS | Errno::NOMEM) => "memory",
        Some(Errno::ADDRINUSE) => "address_in_use",
        _ => OTHER,
    }
}

/// The labels of all values of an enum, each at the place of its number.
fn labels<T: Copy + Into<&'static str>>(all: &[T]) -> Vec<&'static str> {
    all.iter().map(|value| (*value).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    fn page_after(work: impl FnOnce(&EventCounters)) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let servers = ["zk1:2181", "zk2:2181", "zk3:2181"].map(str::to_owned);
        work(&EventCounters::new(&recorder, &servers));
        recorder.handle().render()
    }

    #[test]
    fn every_combination_has_a_counter_of_its_own() {
        let page = page_after(|events| {
            events.ended(ServerId(1), EndReason::LaggingServer);
            events.moved(ServerId(2), ServerId(0));
            events.session_moved(ServerId(2), Evidence::Inferred, Confidence::Weak);
            events.shared();
            events.word("srvr");
            events.word("nope");
            events.fault(DecodeFault::HandshakePassword(-2));
            events.unknown_part();
            events.compressed();
            events.set_dropped([7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
            events.connect_failed(ServerId(0), "no such reason");
            events.admin_refused("wrong_token");
            events.listener_failed("accept", &Errno::MFILE.into());
        });
        for line in [
            r#"zoogate_connection_ends_total{server="zk2:2181",reason="lagging_server"} 1"#,
            r#"zoogate_moves_total{from="zk3:2181",to="zk1:2181"} 1"#,
            r#"zoogate_session_moved_total{server="zk3:2181",evidence="inferred",confidence="weak"} 1"#,
            "zoogate_shared_sessions_total 1",
            r#"zoogate_four_letter_words_total{word="srvr"} 1"#,
            r#"zoogate_four_letter_words_total{word="other"} 1"#,
            r#"zoogate_opaque_connections_total{reason="decode_fault"} 1"#,
            r#"zoogate_decode_faults_total{fault="handshake_password"} 1"#,
            r#"zoogate_decode_faults_total{fault="unknown_sub_operation"} 1"#,
            r#"zoogate_opaque_connections_total{reason="compression"} 1"#,
            r#"zoogate_dropped_total{queue="log"} 7"#,
            r#"zoogate_dropped_total{queue="findings"} 8"#,
            r#"zoogate_dropped_total{queue="sessions"} 9"#,
            r#"zoogate_dropped_total{queue="evicted_sessions"} 10"#,
            r#"zoogate_dropped_total{queue="claims"} 11"#,
            r#"zoogate_dropped_total{queue="left_claims"} 12"#,
            r#"zoogate_dropped_total{queue="unanswered_claims"} 13"#,
            r#"zoogate_dropped_total{queue="incidents"} 14"#,
            r#"zoogate_dropped_total{queue="risks"} 15"#,
            r#"zoogate_dropped_total{queue="watched_absences"} 16"#,
            r#"zoogate_dropped_total{queue="away_sessions"} 17"#,
            r#"zoogate_dropped_total{queue="waiting_ends"} 18"#,
            r#"zoogate_dropped_total{queue="incident_changes"} 19"#,
            r#"zoogate_dropped_total{queue="tap"} 20"#,
            r#"zoogate_dropped_total{queue="tap_data"} 21"#,
            r#"zoogate_dropped_total{queue="streams"} 22"#,
            r#"zoogate_dropped_total{queue="slow_log"} 23"#,
            r#"zoogate_dropped_total{queue="open_incidents"} 24"#,
            r#"zoogate_connect_failures_total{server="zk1:2181",reason="other"} 1"#,
            r#"zoogate_admin_refused_total{reason="wrong_token"} 1"#,
            r#"zoogate_listener_errors_total{operation="accept",reason="process_descriptors"} 1"#,
        ] {
            assert!(page.lines().any(|seen| seen == line), "{line} is missing in\n{page}");
        }
        let counted: Vec<&str> =
            page.lines().filter(|line| !line.starts_with('#') && !line.is_empty() && !line.ends_with(" 0")).collect();
        assert_eq!(counted.len(), 31, "{counted:#?}");
    }

    #[test]
    fn a_server_does_not_move_to_itself() {
        let page = page_after(|_| {});
        assert_eq!(page.lines().filter(|line| line.starts_with("zoogate_moves_total{")).count(), 6);
        assert_eq!(
            page.lines().filter(|line| line.starts_with("zoogate_connection_ends_total{")).count(),
            3 * EndReason::ALL.len()
        );
    }
}
