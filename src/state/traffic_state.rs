//! The owner of what is known of the traffic.
//!
//! The ledger stands behind one mutex, which is taken when a connection begins, changes or ends, and by readers who
//! copy rows out; nobody formats anything while holding it, and no sink is told under it. What happens per operation
//! does not come here.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use smallvec::SmallVec;

use super::answered_work::AnsweredWork;
use super::change_stream::{ChangeSink, ChangeStream, SinkDrops, StateChange};
use super::diagnosis_state::DiagnosisState;
use super::risk_state::RiskState;
use super::rows::SeekingClient;
use super::seeking::{SeekingClaim, SeekingClients};
use crate::diagnose::{
    CauseCode, ClientLeg, ClientPaths, Diagnosis, EarlierIncidents, EnsembleEvent, EnsembleWatch, PathSample,
    ServerDetails, ServerSighting,
};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::lock::lock;
use crate::route::ServerRoster;
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::ledger::{LedgerLimits, PARTS_OF_A_TICK, SessionLedger, SessionRecord};
use crate::session::own_pause::ThreadPlace;
use crate::session::transition::{LedgerFinding, SessionTransition};
use crate::session::verdict::EndReason;
use crate::time::Timestamp;

/// What the proxy has seen, and decides by.
#[derive(Debug)]
pub struct TrafficState {
    ledger: Mutex<SessionLedger>,
    /// The ensemble over time. Its lock is never taken together with the ledger's.
    watch: Mutex<EnsembleWatch>,
    diagnosis: DiagnosisState,
    risks: RiskState,
    /// The servers as routes are chosen by them: what looks at them have shown.
    roster: ArcSwap<ServerRoster>,
    /// Client connections that are open towards each server.
    loads: Vec<AtomicU32>,
    /// What each server has answered of late.
    answered: Vec<Arc<AnsweredWork>>,
    ready: AtomicBool,
    seeking: SeekingClients,
    changes: ChangeStream,
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

/// Findings that are taken out of the ledger before the sinks are told, half a kilobyte each: a storm makes thousands.
const FINDINGS_AT_ONCE: usize = 64;

/// What came of a transition or of time.
#[derive(Default)]
struct StateOutcome {
    findings: SmallVec<[LedgerFinding; 1]>,
    /// Servers to look at.
    inquiries: Vec<ServerId>,
    /// Sessions that the ledger has forgotten.
    forgotten: Vec<SessionId>,
    /// Whether there are more findings, which are still the ledger's.
    more: bool,
}

impl TrafficState {
    /// Nothing is known yet of these servers; changes will go to these sinks.
    pub fn new(servers: &[String], limits: LedgerLimits, sinks: Vec<Box<dyn ChangeSink>>) -> Self {
        Self {
            ledger: Mutex::new(SessionLedger::new(limits)),
            watch: Mutex::new(EnsembleWatch::new(servers.len())),
            diagnosis: DiagnosisState::default(),
            risks: RiskState::default(),
            roster: ArcSwap::from_pointee(ServerRoster::new(servers.iter().cloned())),
            loads: servers.iter().map(|_| AtomicU32::new(0)).collect(),
            answered: servers.iter().map(|_| Arc::default()).collect(),
            ready: AtomicBool::new(false),
            seeking: SeekingClients::default(),
            changes: ChangeStream::new(sinks),
        }
    }

    /// Applies a transition to the ledger and publishes what it finds. Returns the servers to probe.
    pub fn apply(&self, now: Timestamp, transition: SessionTransition) -> Vec<ServerId> {
        self.apply_from(ThreadPlace::default(), now, transition)
    }

    /// As [`apply`](Self::apply), from the thread that carries the connection.
    pub fn apply_from(&self, thread: ThreadPlace, now: Timestamp, transition: SessionTransition) -> Vec<ServerId> {
        if let SessionTransition::ServerSeen { server, asked_at, connected_at, timing, probe_result: result } =
            transition
        {
            self.roster.rcu(|roster| roster.seen(server, result, now));
            let sighting = ServerSighting { server, asked_at, told_at: now, connected_at, timing, result };
            self.watch_changes(|watch| watch.see(sighting));
        }
        let ended = transition.ended();
        let by_server = is_server_close(&transition);
        let (change, news, outcome) = {
            let mut ledger = self.ledger();
            let connection = transition.connection().and_then(|connection| ledger.open_connection(connection));
            // Asked before the ledger takes it: an end takes its connection away.
            let change = StateChange::of(&transition, connection);
            let news = self.diagnosis.news(&transition, connection);
            ledger.apply_from(thread, now, transition);
            let news = news.or_else(|| DiagnosisState::undecided(&ledger, ended));
            (change, news, ledger.has_news().then(|| StateOutcome::take(&mut ledger)))
        };
        if let Some(change) = change {
            if let (StateChange::ConnectionEnded { server, .. }, true) = (change, by_server) {
                self.watch_changes(|watch| watch.note_close(server, now));
            }
            self.changes.send(change);
        }
        if let Some(news) = news {
            self.diagnosis.take_news(now, news);
        }
        outcome.map_or_else(Vec::new, |outcome| self.publish(now, outcome))
    }

    /// Decides what is due and publishes what is found. Returns the servers to probe.
    pub fn tick(&self, now: Timestamp) -> Vec<ServerId> {
        let mut inquiries = Vec::new();
        for _ in 0..PARTS_OF_A_TICK {
            let (outcome, more) = {
                let mut ledger = self.ledger();
                let more = ledger.tick_part(now);
                (StateOutcome::take(&mut ledger), more)
            };
            inquiries.append(&mut self.publish(now, outcome));
            if !more {
                break;
            }
        }
        self.diagnosis.tick(now, self.seeking.take_held(), &self.watch, |change| self.changes.send(change));
        self.enter_listed(now);
        inquiries
    }

    /// Gives first causes that are due of ends that the ledger still waits to decide.
    fn enter_listed(&self, now: Timestamp) {
        loop {
            let due = self.diagnosis.due_listed(now);
            if due.is_empty() {
                return;
            }
            let ends = {
                let ledger = self.ledger();
                due.into_iter().filter_map(|connection| ledger.undecided_end(connection)).collect()
            };
            self.diagnosis.enter_listed(now, ends, &self.watch, |change| self.changes.send(change));
        }
    }

    /// Decides everything that waits and closes every incident, and publishes that: zoogate stops.
    pub fn conclude(&self, now: Timestamp) {
        loop {
            let (outcome, more) = {
                let mut ledger = self.ledger();
                let more = ledger.conclude_part();
                (StateOutcome::take(&mut ledger), more)
            };
            self.publish(now, outcome);
            if !more {
                break;
            }
        }
        self.diagnosis.conclude(now, &self.watch, |change| self.changes.send(change));
    }

    /// Publishes to the sinks what came of something, and then what there was more of.
    fn publish(&self, now: Timestamp, mut outcome: StateOutcome) -> Vec<ServerId> {
        let mut inquiries = Vec::new();
        loop {
            outcome.forgotten.iter().for_each(|session| self.changes.send(StateChange::Forgotten(*session)));
            outcome.findings.iter().for_each(|finding| self.changes.send(StateChange::Found(finding)));
            self.risks.take(&outcome.findings);
            self.diagnosis.take(now, outcome.findings.drain(..), &self.watch, |change| self.changes.send(change));
            inquiries.append(&mut outcome.inquiries);
            if !outcome.more {
                return inquiries;
            }
            outcome = StateOutcome::take(&mut self.ledger());
        }
    }

    /// Takes how often there was an incident of a cause, at a server where that makes the difference, in earlier runs.
    pub fn remember_incidents(&self, earlier: impl Iterator<Item = (CauseCode, Option<ServerId>, EarlierIncidents)>) {
        self.diagnosis.remember(earlier);
    }

    /// Reads of causes and incidents. Nothing is formatted meanwhile, for connections that end wait for it.
    pub fn with_diagnosis<T>(&self, read: impl FnOnce(&Diagnosis) -> T) -> T {
        self.diagnosis.with(read)
    }

    pub(super) fn risks(&self) -> &RiskState {
        &self.risks
    }

    pub(super) fn tell(&self, change: StateChange<'_>) {
        self.changes.send(change);
    }

    /// Whether nobody reads or changes the ledger at the moment.
    #[cfg(test)]
    pub(crate) fn is_ledger_free(&self) -> bool {
        self.ledger.try_lock().is_ok()
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, SessionLedger> {
        lock(&self.ledger)
    }

    /// Changes what is known of the ensemble, and tells the sinks what that shows.
    fn watch_changes(&self, change: impl FnOnce(&mut EnsembleWatch)) {
        let news: SmallVec<[(EnsembleEvent, Option<Duration>); 4]> = {
            let mut watch = lock(&self.watch);
            let before = watch.told();
            change(&mut watch);
            watch.told_since(before).map(|event| (*event, watch.lasted(event))).collect()
        };
        news.into_iter().for_each(|(event, lasted)| self.changes.send(StateChange::EnsembleChanged { event, lasted }));
    }

    /// Reads of the ensemble over time. Nothing is formatted meanwhile, for probes wait for it.
    pub fn with_watch<T>(&self, read: impl FnOnce(&EnsembleWatch) -> T) -> T {
        read(&lock(&self.watch))
    }

    /// Takes what a server told of itself.
    pub fn note_details(&self, server: ServerId, at: Timestamp, details: ServerDetails) {
        lock(&self.watch).note_details(server, at, details);
    }

    /// Takes a server's own count of its connections, and how many of those are zoogate's.
    pub fn note_connections(&self, server: ServerId, theirs: u64, own: u64) {
        lock(&self.watch).note_connections(server, theirs, own);
    }

    /// Takes what the kernel knows of the way to a server.
    pub fn note_path(&self, server: ServerId, at: Timestamp, sample: PathSample) {
        self.watch_changes(|watch| watch.note_path(server, at, sample));
    }

    /// Clients whose connections end, and about whose way the kernel may know something that decides why.
    pub fn clients_in_question(&self, now: Timestamp) -> Vec<SocketAddr> {
        self.diagnosis.clients_in_question(now)
    }

    /// Takes what the kernel knows of the ways to such clients.
    pub fn note_client_paths(&self, looked_at: &ClientPaths) {
        self.diagnosis.note_client_paths(looked_at);
    }

    /// Takes looks at the ways to clients that are connected.
    pub fn note_client_legs(&self, now: Timestamp, legs: &[(SocketAddr, ClientLeg)]) {
        self.diagnosis.note_client_legs(now, legs);
    }

    /// Takes an answer that came when its probe had been given up.
    pub fn note_late_answer(&self, server: ServerId, at: Timestamp, took: Duration) {
        lock(&self.watch).note_late_answer(server, at, took);
    }

    /// Takes the time from a client's ping to its reply.
    pub fn note_ping(&self, server: ServerId, at: Timestamp, round_trip: Duration) {
        lock(&self.watch).note_ping(server, at, round_trip);
    }

    /// Lists a client whose claim waits while no server has been asked for it.
    pub fn seeking_claim(&self, client: SeekingClient) -> SeekingClaim<'_> {
        self.seeking.add(client)
    }

    pub(super) fn seeking_clients(&self) -> &SeekingClients {
        &self.seeking
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

    /// What a server has answered of late; its relays note it there.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn answered_work(&self, server: ServerId) -> &Arc<AnsweredWork> {
        &self.answered[server.index()]
    }

    /// The open connections that carry a session.
    pub fn carriers(&self, session: SessionId) -> SmallVec<[(ConnectionId, ServerId); 2]> {
        let ledger = self.ledger();
        let attached = ledger.session(session).into_iter().flat_map(SessionRecord::attachments);
        attached.filter(|one| one.is_attached()).map(|one| (one.connection, one.claim.server)).collect()
    }

    /// Whether a server's name was seen to stand for several servers.
    pub fn stands_for_many(&self, server: ServerId) -> bool {
        self.ledger().stands_for_many(server)
    }

    /// The number (`myid`) of the server that new sessions were born on here; None before there was one.
    pub fn born_on(&self, server: ServerId) -> Option<u8> {
        self.ledger().born_on(server)
    }

    /// Where a session is, or was last.
    pub fn home(&self, session: SessionId) -> Option<SessionHome> {
        let ledger = self.ledger();
        let current = ledger.session(session)?.current()?;
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

    /// What each sink has dropped.
    pub fn sink_drops(&self) -> impl Iterator<Item = SinkDrops> {
        self.changes.drops()
    }

    pub(super) fn servers(&self) -> usize {
        self.loads.len()
    }
}

/// Whether a connection ended because its server closed it.
fn is_server_close(transition: &SessionTransition) -> bool {
    let by_server = ConnectionCloser::Server;
    matches!(transition, SessionTransition::Ended { end, .. }
        if end.closer == by_server(CloseKind::Fin) || end.closer == by_server(CloseKind::Reset))
}

impl StateOutcome {
    /// What the ledger has to say.
    fn take(ledger: &mut SessionLedger) -> Self {
        let mut outcome = Self::default();
        outcome.findings.extend(std::iter::from_fn(|| ledger.poll_finding()).take(FINDINGS_AT_ONCE));
        outcome.more = ledger.has_findings();
        outcome.forgotten.extend(std::iter::from_fn(|| ledger.poll_gone()));
        outcome.inquiries.extend(std::iter::from_fn(|| ledger.poll_probe_request()));
        outcome
    }
}
