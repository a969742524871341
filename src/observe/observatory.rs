//! Everything known about the traffic, in one place that relays write and the admin thread reads.
//!
//! The ledger stands behind one mutex, which is taken when a connection begins, changes or ends, and by
//! readers who copy rows out; nothing is formatted while it is held. What happens per operation does not
//! come here: it goes to the meters and counters that were handed out.

mod claims;
mod notes;
pub(crate) mod reading;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use foldhash::quality::RandomState;
use smallvec::SmallVec;

use self::claims::ClaimState;
pub use self::claims::SeekingClaim;
use super::counters::ServerCounters;
use super::event_counters::EventCounters;
use super::finding_log::FindingLog;
use super::log_throttle::LogThrottle;
use super::logging::LogControl;
use super::meters::MeterRegistry;
use super::rows::UndecidedConnection;
use super::scrape::MetricsExporter;
use super::wall_clock::WallClock;
use super::wording::FactWording;
use crate::config::Settings;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::lock::lock;
use crate::route::ServerRoster;
use crate::session::ledger::{LedgerLimits, SessionLedger, SessionRecord};
use crate::session::own_pause::ThreadPlace;
use crate::session::transition::{LedgerFinding, SessionTransition};
use crate::session::verdict::EndReason;
use crate::time::Timestamp;

/// Ended connections that are shown as undecided; the ledger itself decides the oldest beyond 50,000.
const UNDECIDED_CAP: usize = 65_536;
/// Between two searches for meters whose session is forgotten, in nanoseconds.
const SWEEP_INTERVAL: u64 = 10_000_000_000;

/// What an observatory is made for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
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
}

impl Scope {
    fn of(settings: &Settings) -> Self {
        let sessions = settings.ledger.sessions.get();
        Self {
            servers: settings.servers.iter().map(ToString::to_string).collect(),
            workers: settings.workers.get(),
            limits: LedgerLimits { sessions, keep_ended: settings.ledger.keep_ended, ..LedgerLimits::default() },
            series: settings.metrics.sessions,
            jute_maxbuffer: u32::try_from(settings.jute_maxbuffer).unwrap_or(u32::MAX),
        }
    }
}

/// The state that the relay writes and the admin address shows.
#[derive(Debug)]
pub struct Observatory {
    wall_clock: ArcSwap<WallClock>,
    started_at: Timestamp,
    ready: AtomicBool,
    books: Mutex<Books>,
    meters: MeterRegistry,
    /// By worker, then by server.
    counters: Vec<Vec<Arc<ServerCounters>>>,
    roster: ArcSwap<ServerRoster>,
    loads: Vec<AtomicU32>,
    journal: FindingLog,
    exporter: MetricsExporter,
    log: OnceLock<LogControl>,
    /// Kinds of strangers and faults that were logged already.
    named: Mutex<Vec<&'static str>>,
    log_throttle: LogThrottle,
    claims: ClaimState,
}

/// What the mutex guards.
#[derive(Debug)]
struct Books {
    ledger: SessionLedger,
    /// Ended connections without a final reason; <= [`UNDECIDED_CAP`].
    undecided: HashMap<ConnectionId, UndecidedConnection, RandomState>,
    swept_at: Timestamp,
}

/// Where a session is, or was last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionHome {
    /// The server.
    pub server: ServerId,
    /// The connection that carries it, or did.
    pub connection: ConnectionId,
    /// Whether that is open.
    pub is_open: bool,
    /// Whether it ended because the server answered nothing: then its session does not go back there.
    pub fell_silent: bool,
}

/// Findings to publish, each with what its connection's meter showed, and
/// servers to look at.
#[derive(Default)]
struct ApplyOutcome {
    findings: SmallVec<[(LedgerFinding, Option<UndecidedConnection>); 1]>,
    inquiries: Vec<ServerId>,
    /// Sessions that the ledger has forgotten.
    gone: Vec<SessionId>,
}

impl Observatory {
    /// An observatory for what is configured; it is `now` by the driver's clock.
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        Self::of_scope(Scope::of(settings), WallClock::start(now), now)
    }

    /// An observatory for a scope that was made by hand.
    pub fn of_scope(scope: Scope, wall_clock: WallClock, now: Timestamp) -> Self {
        let servers = scope.servers.len();
        let server_counters =
            || scope.servers.iter().map(|_| Arc::new(ServerCounters::new(scope.jute_maxbuffer))).collect();
        Self {
            wall_clock: ArcSwap::from_pointee(wall_clock),
            started_at: now,
            ready: AtomicBool::new(false),
            books: Mutex::new(Books {
                ledger: SessionLedger::new(scope.limits),
                undecided: HashMap::default(),
                swept_at: now,
            }),
            meters: MeterRegistry::default(),
            counters: (0..scope.workers).map(|_| server_counters()).collect(),
            roster: ArcSwap::from_pointee(ServerRoster::new(scope.servers.iter().cloned())),
            loads: scope.servers.iter().map(|_| AtomicU32::new(0)).collect(),
            exporter: MetricsExporter::new(&scope.servers, scope.series),
            journal: FindingLog::new(scope.servers),
            log: OnceLock::new(),
            named: Mutex::default(),
            log_throttle: LogThrottle::default(),
            claims: ClaimState::new(servers),
        }
    }

    /// Applies a transition to the ledger and publishes what it finds. Returns the servers to probe.
    pub fn apply(&self, now: Timestamp, transition: SessionTransition) -> Vec<ServerId> {
        self.apply_from(ThreadPlace::default(), now, transition)
    }

    /// As [`apply`](Self::apply), from the thread that carries the connection.
    pub fn apply_from(&self, thread: ThreadPlace, now: Timestamp, transition: SessionTransition) -> Vec<ServerId> {
        if let SessionTransition::ServerSeen { server, probe_result, .. } = transition {
            self.roster.rcu(|roster| roster.seen(server, probe_result, now));
            self.events().probed(server, probe_result.health);
        }
        let outcome = {
            let mut books = lock(&self.books);
            // Before it is applied: an end takes the connection out of the ledger, and with it which server it was
            // on.
            self.count(&books.ledger, &transition);
            let ended = match &transition {
                SessionTransition::Ended { connection, end } => Some((*connection, end.unanswered_count)),
                _ => None,
            };
            if let Some((connection, unanswered)) = ended {
                // For the same reason: its meters are dropped with it, but its row is shown until the reason is
                // found.
                books.close(connection, now, unanswered, &self.meters);
            }
            books.ledger.apply_from(thread, now, transition);
            books.outcome()
        };
        self.tell(outcome)
    }

    /// Decides what is due and publishes what is found. Returns the servers to probe.
    pub fn tick(&self, now: Timestamp) -> Vec<ServerId> {
        let (outcome, sweep) = {
            let mut books = lock(&self.books);
            books.ledger.tick(now);
            let outcome = books.outcome();
            if books.ledger.undecided() == 0 && books.undecided.capacity() > 0 {
                // After a storm the empty table would keep the room of 50,000 entries.
                books.undecided = HashMap::default();
            }
            let sweep = now.0.saturating_sub(books.swept_at.0) >= SWEEP_INTERVAL;
            if sweep {
                books.swept_at = now;
            }
            (outcome, sweep)
        };
        if sweep {
            self.sweep();
        }
        self.journal.tell_left_out();
        self.tell(outcome)
    }

    /// Forgets the meters of sessions that the ledger never knew for want of room.
    fn sweep(&self) {
        for some in self.meters.dormant().chunks(reading::ROWS_AT_ONCE) {
            let books = lock(&self.books);
            for session in some.iter().filter(|session| books.ledger.session(**session).is_none()) {
                self.meters.drop_dormant(*session);
            }
        }
    }

    fn tell(&self, outcome: ApplyOutcome) -> Vec<ServerId> {
        for session in outcome.gone {
            self.meters.drop_dormant(session);
        }
        for (finding, undecided) in &outcome.findings {
            self.journal.tell(finding, undecided.as_ref().map(|undecided| &undecided.reading), self.events());
        }
        outcome.inquiries
    }

    fn count(&self, ledger: &SessionLedger, transition: &SessionTransition) {
        match transition {
            SessionTransition::Answered { connection, response } => {
                if let Some(open) = ledger.open_connection(*connection) {
                    if response.accepted() {
                        self.events().attached(open.claim.server, open.claim.routed);
                    } else {
                        self.events().refused(open.claim.server);
                    }
                }
            }
            SessionTransition::Ended { connection, end } => {
                if let Some(open) = ledger.open_connection(*connection) {
                    self.events().unanswered(open.claim.server, end.unanswered_count);
                    if end.oversized.is_some() {
                        self.events().oversized(open.claim.server);
                    }
                }
            }
            SessionTransition::Claimed { .. }
            | SessionTransition::LateAnswer { .. }
            | SessionTransition::Identified { .. }
            | SessionTransition::MoveRefused { .. }
            | SessionTransition::ServerSeen { .. }
            | SessionTransition::ControllerGone { .. }
            | SessionTransition::ProxyPaused(_) => {}
        }
    }

    /// The servers as last seen.
    pub fn roster(&self) -> Arc<ServerRoster> {
        self.roster.load_full()
    }

    /// How many client connections are open towards a server; its relays count it up and down.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn load(&self, server: ServerId) -> &AtomicU32 {
        &self.loads[server.index()]
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

    /// What all workers count, by worker and server.
    pub(super) fn all_counters(&self) -> &[Vec<Arc<ServerCounters>>] {
        &self.counters
    }

    /// How many operations a server has answered through all workers, and how many of those `wanted` picks by
    /// [`OpCode::slot`](crate::wire::OpCode::slot).
    pub fn answered(&self, server: ServerId, wanted: impl Fn(usize) -> bool) -> (u64, u64) {
        let mut sums = (0, 0);
        for counters in self.counters.iter().filter_map(|servers| servers.get(server.index())) {
            for (slot, op) in counters.ops().iter().enumerate() {
                let operations = op.operations();
                sums.0 += operations;
                sums.1 += if wanted(slot) { operations } else { 0 };
            }
        }
        sums
    }

    /// The open connections that carry a session.
    pub fn carriers(&self, session: SessionId) -> SmallVec<[(ConnectionId, ServerId); 2]> {
        let books = lock(&self.books);
        let attached = books.ledger.session(session).into_iter().flat_map(SessionRecord::attachments);
        attached.filter(|one| one.is_attached()).map(|one| (one.connection, one.claim.server)).collect()
    }

    /// Whether a server's name was seen to stand for several servers.
    pub fn stands_for_many(&self, server: ServerId) -> bool {
        lock(&self.books).ledger.stands_for_many(server)
    }

    /// Where a session is, or was last.
    pub fn home(&self, session: SessionId) -> Option<SessionHome> {
        let books = lock(&self.books);
        let current = books.ledger.session(session)?.current()?;
        let silent = |reason| matches!(reason, EndReason::ClientReadTimeout | EndReason::ServerUnresponsive);
        Some(SessionHome {
            server: current.claim.server,
            connection: current.connection,
            is_open: current.end.is_none(),
            fell_silent: current.end.and_then(|end| end.reason).is_some_and(silent),
        })
    }

    /// Says whether traffic is served.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Why traffic is not served now; None when it is.
    pub fn unready(&self) -> Option<&'static str> {
        if !self.ready.load(Ordering::Relaxed) {
            return Some("starting or stopping");
        }
        (!self.roster.load().any_serves()).then_some("no server serves, as last seen")
    }

    /// Gives the log whose level may be changed.
    pub fn set_log(&self, log: LogControl) {
        let _ = self.log.set(log);
    }

    /// The log, if there is one.
    pub fn log(&self) -> Option<&LogControl> {
        self.log.get()
    }

    /// Calendar times of this observatory's moments.
    pub fn wall_clock(&self) -> Arc<WallClock> {
        self.wall_clock.load_full()
    }

    /// When it began.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The address of a server as configured.
    pub fn server_name(&self, server: ServerId) -> &str {
        self.journal.name(server)
    }

    /// The words for facts about a connection to this server that ended at that moment.
    pub fn wording(&self, server: ServerId, ended_at: Timestamp) -> FactWording<'_> {
        self.journal.wording(server, ended_at)
    }

    /// What is noted of claims on their way.
    pub(in crate::observe) fn claims(&self) -> &ClaimState {
        &self.claims
    }

    fn events(&self) -> &EventCounters {
        self.exporter.events()
    }
}

impl Books {
    /// Remembers a connection that ends until its reason is found.
    fn close(&mut self, connection: ConnectionId, now: Timestamp, unanswered: u32, meters: &MeterRegistry) {
        let Some(open) = self.ledger.open_connection(connection).copied() else { return };
        if self.undecided.len() < UNDECIDED_CAP {
            let reading = meters.connection(open.session, connection).unwrap_or_default();
            self.undecided.insert(connection, UndecidedConnection { open, ended_at: now, unanswered, reading });
        }
    }

    fn outcome(&mut self) -> ApplyOutcome {
        let mut outcome = ApplyOutcome::default();
        while let Some(finding) = self.ledger.poll_finding() {
            let undecided = match &finding {
                LedgerFinding::Ended(ended) => self.undecided.remove(&ended.connection),
                LedgerFinding::Moved(_)
                | LedgerFinding::MoveExplained(_)
                | LedgerFinding::SessionMoved(_)
                | LedgerFinding::SharedSession { .. }
                | LedgerFinding::ManyServers { .. } => None,
            };
            outcome.findings.push((finding, undecided));
        }
        outcome.gone.extend(std::iter::from_fn(|| self.ledger.poll_gone()));
        while let Some(server) = self.ledger.poll_probe_request() {
            outcome.inquiries.push(server);
        }
        outcome
    }
}
