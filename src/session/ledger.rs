//! The ledger: which session is on which server, how it came there, and why it left.
//!
//! It takes transitions (a claim, an answer, an end, a probe of a server) and returns findings. It has no clock: the
//! driver says what time it is, and calls [`SessionLedger::tick`] now and then for what waits. Ends that cannot be
//! explained by themselves wait for other connections, a probe of the server or the session's next attach, each for
//! a bounded time: [`BURST_LONGEST`], [`PROBE_BOUND`], [`RETURN_BOUND`].
//!
//! It never sees an operation: its cost is per connection, not per request.

mod apply;
mod attachment;
mod bounded_ring;
mod burst_cause;
mod claim_dialect;
pub(crate) mod controller_roles;
mod decide;
pub(crate) mod decision_queue;
mod disconnect_burst;
mod ensemble_state;
mod holders;
mod open_connection;
mod placement;
mod reason_rules;
mod renewal;
pub(crate) mod retention;
mod server_bursts;
mod session_record;
mod session_table;
mod shared_sessions;
mod successor;
mod unexplained_close;
mod waiting_sessions;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use foldhash::quality::RandomState;

pub use attachment::{Attachment, AttachmentEnd, Claim, ClaimOutcome, ClaimRefusal};
pub use claim_dialect::ClaimDialect;
pub use decision_queue::{UNDECIDED_BYTES, UNDECIDED_BYTES_A_SESSION, UNDECIDED_CLOSES};
pub use disconnect_burst::{BURST_LONGEST, BURST_QUIET, PROBE_BOUND};
pub use open_connection::OpenConnection;
pub use placement::Placement;
pub use retention::{ENDED_BYTES, FINDINGS_BYTES, MOVES_BYTES, VERDICTS_BYTES};
pub use session_record::{SessionEnd, SessionRecord, SessionState};
pub use shared_sessions::SHARED_PAUSE;
pub use unexplained_close::{RETURN_BOUND, UndecidedConnection};

use super::identity::HolderIdentity;
use super::own_pause::{ThreadPauses, ThreadPlace};
use super::transition::{EndedConnection, LedgerFinding, SessionTransition};
use super::verdict::{SessionMove, SessionMovedRefusal};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::time::Timestamp;
use bounded_ring::BoundedRing;
use burst_cause::BurstCause;
use controller_roles::ControllerRoles;
use decision_queue::{DecisionQueue, ProbedCloses};
use ensemble_state::{EnsembleState, ProbeRecord};
use holders::HolderSessions;
use server_bursts::ServerBursts;
use session_table::{ForgottenSession, SessionTable};
use unexplained_close::UnexplainedClose;

/// How much the ledger remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LedgerLimits {
    /// Sessions, living or not.
    pub sessions: usize,
    /// Claims of one session.
    pub history: usize,
    /// Moves of all sessions.
    pub moves: usize,
    /// Verdicts of all sessions.
    pub verdicts: usize,
    /// Ended connections of all sessions.
    pub ended_connections: usize,
    /// How long a session that is over stays visible.
    pub keep_ended: Duration,
}

impl Default for LedgerLimits {
    fn default() -> Self {
        Self {
            sessions: 100_000,
            history: HISTORY,
            moves: KEPT_OF_EACH,
            verdicts: KEPT_OF_EACH,
            ended_connections: KEPT_OF_EACH,
            keep_ended: Duration::from_mins(10),
        }
    }
}

/// Claims of one session that are kept. With them, its unanswered requests and its meters a session stays below 8 KiB.
pub const HISTORY: usize = 32;

/// Moves, refusals and ended connections that are kept, of each.
pub const KEPT_OF_EACH: usize = 10_000;
/// How many findings wait to be polled before the oldest is dropped: a storm of 10,000 sessions makes 20,000.
pub const FINDINGS: usize = 65_536;

/// Sessions that were claimed and that no server has given here: this many are remembered for what their claims show.
/// Strangers can fill this, and nothing else with it.
pub const CLAIMANTS: usize = 4_096;
/// Claims that are kept of one of them.
pub(crate) const CLAIMANT_HISTORY: usize = 8;

/// How many cases are heard or decided at once: some microseconds each, during which the ledger cannot be asked anything
/// else, and half a kilobyte for what was found out.
const RESOLVED_AT_ONCE: usize = 64;
/// Parts of a tick: what is left then waits for the next one.
pub const PARTS_OF_A_TICK: usize = 32;

/// What the ledger could not keep or place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LedgerLosses {
    /// Transitions of connections that it does not know, or knows already.
    pub misplaced: u64,
    /// Findings that were not polled in time.
    pub findings: u64,
    /// Sessions that found no room.
    pub sessions: u64,
    /// Sessions that were forgotten before their time, to make room.
    pub evicted: u64,
    /// Sessions that were only claimed and whose claims were forgotten before their time.
    pub claimants: u64,
}

/// The ledger of all sessions.
#[derive(Debug)]
pub struct SessionLedger {
    limits: LedgerLimits,
    sessions: SessionTable,
    open: HashMap<ConnectionId, Box<OpenConnection>, RandomState>,
    /// Claims of sessions that no server has given here; one that is given moves on with them.
    claimants: SessionTable,
    /// Sessions that are no longer remembered, for those that keep something of them.
    gone: BoundedRing<SessionId>,
    holders: HolderSessions,
    ensemble: EnsembleState,
    bursts: ServerBursts,
    queue: DecisionQueue,
    own_pauses: ThreadPauses,
    /// The thread that reports just now.
    thread: ThreadPlace,
    roles: ControllerRoles,
    /// Servers that were probed, and the closes that the probes are not held against yet; at most one entry a server.
    probed: VecDeque<ProbedCloses>,
    /// Bursts that are over and whose closes are not all resolved.
    over: VecDeque<(BurstCause, Vec<ConnectionId>)>,
    findings: BoundedRing<LedgerFinding>,
    moves: BoundedRing<SessionMove>,
    /// Moves whose reason is not known yet, by the connection that was left: open, or not decided.
    unexplained: HashMap<ConnectionId, u64, RandomState>,
    verdicts: BoundedRing<SessionMovedRefusal>,
    ended: BoundedRing<EndedConnection>,
    misplaced: u64,
}

impl SessionLedger {
    /// A ledger that knows nothing yet.
    pub fn new(limits: LedgerLimits) -> Self {
        Self {
            limits,
            sessions: SessionTable::new(limits.sessions, limits.keep_ended),
            open: HashMap::default(),
            claimants: SessionTable::new(CLAIMANTS, RETURN_BOUND),
            gone: retention::gone(),
            holders: HolderSessions::default(),
            ensemble: EnsembleState::default(),
            bursts: ServerBursts::default(),
            queue: DecisionQueue::default(),
            own_pauses: ThreadPauses::default(),
            thread: ThreadPlace::default(),
            roles: ControllerRoles::default(),
            probed: VecDeque::new(),
            over: VecDeque::new(),
            findings: retention::findings(FINDINGS),
            moves: retention::moves(limits.moves),
            unexplained: HashMap::default(),
            verdicts: retention::verdicts(limits.verdicts),
            ended: retention::ended(limits.ended_connections),
            misplaced: 0,
        }
    }

    /// Takes one transition that happened at `now`, from the only thread that there is.
    pub fn apply(&mut self, now: Timestamp, transition: SessionTransition) {
        self.apply_from(ThreadPlace::default(), now, transition);
    }

    /// Takes one transition that happened at `now`, from the thread that carries the connection. Its own pauses excuse
    /// the peers of its own connections.
    pub fn apply_from(&mut self, thread: ThreadPlace, now: Timestamp, transition: SessionTransition) {
        self.thread = thread;
        match transition {
            SessionTransition::Claimed { connection, client, server, request, routed } => {
                let claim = Claim {
                    client,
                    server,
                    claimed_at: now,
                    requested_ms: request.timeout_ms,
                    routed,
                    password: request.password,
                    outcome: ClaimOutcome::Unanswered,
                };
                self.claimed(now, connection, claim, request);
            }
            SessionTransition::Answered { connection, response } => self.answered(now, connection, response),
            SessionTransition::LateAnswer { connection, session, response } => {
                self.answered_late(now, connection, session, response);
            }
            SessionTransition::Identified { connection, identity } => self.identified(now, connection, identity),
            SessionTransition::Recognised { connection, sign } => self.recognised(connection, sign),
            SessionTransition::ControllerGone { chroot, watched } => self.controller_gone(now, chroot, watched),
            SessionTransition::MoveRefused { connection, form, refused } => {
                self.move_refused(now, connection, form, refused);
            }
            SessionTransition::Ended { connection, end } => self.ended(now, connection, end),
            SessionTransition::ServerSeen { server, asked_at, connected_at, probe_result, .. } => {
                let sign = self
                    .ensemble
                    .record_probe(server, ProbeRecord { connected_at, asked_at, told_at: now, probe_result });
                self.report_shared_name(server, sign);
                self.server_seen(now, server);
            }
            SessionTransition::ProxyPaused(pause) => self.proxy_paused(pause),
        }
        if !self.probed.is_empty() {
            self.resolve_probed(RESOLVED_AT_ONCE);
        }
        if !self.over.is_empty() {
            self.resolve_finished_bursts(RESOLVED_AT_ONCE);
        }
        self.make_room();
        self.let_go();
    }

    /// Decides what has waited long enough. Nearly free when nothing waits.
    pub fn tick(&mut self, now: Timestamp) {
        let _left = (0..PARTS_OF_A_TICK).find(|_| !self.tick_part(now));
    }

    /// A part of a [`tick`](Self::tick) that takes no time to speak of, so that others may ask and be told between two of
    /// them; whether another one is due.
    pub fn tick_part(&mut self, now: Timestamp) -> bool {
        // Probes before deadlines, as bursts are: what one explains must not run out of time a moment before.
        self.resolve_probed(RESOLVED_AT_ONCE);
        let overdue = self.expire_deadlines(now, RESOLVED_AT_ONCE);
        self.resolve_finished_bursts(RESOLVED_AT_ONCE);
        let sessions = self.sessions.tick(now, RESOLVED_AT_ONCE);
        let claimants = self.claimants.tick(now, RESOLVED_AT_ONCE);
        self.let_go();
        overdue || sessions || claimants || !self.probed.is_empty() || !self.over.is_empty()
    }

    /// Decides a part of what waits, with what is known: nothing more will be seen. Whether there is more.
    pub fn conclude_part(&mut self) -> bool {
        let more = self.expire_deadlines(Timestamp(u64::MAX), RESOLVED_AT_ONCE);
        self.resolve_finished_bursts(RESOLVED_AT_ONCE);
        more || !self.over.is_empty()
    }

    /// Whether something was found out and not polled yet.
    pub fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Whether there is anything to poll: a finding, a forgotten session, a server to probe.
    pub fn has_news(&self) -> bool {
        self.has_findings() || !self.gone.is_empty() || self.ensemble.has_probe_requests()
    }

    /// The next thing that was found out.
    pub fn poll_finding(&mut self) -> Option<LedgerFinding> {
        self.findings.pop()
    }

    /// The next session that is no longer remembered.
    pub fn poll_gone(&mut self) -> Option<SessionId> {
        self.gone.pop()
    }

    /// The next server that should be probed now: an unexplained close waits for it.
    pub fn poll_probe_request(&mut self) -> Option<ServerId> {
        self.ensemble.poll_probe_request()
    }

    /// Whether a server's name was seen to stand for several servers.
    pub fn stands_for_many(&self, server: ServerId) -> bool {
        self.ensemble.get(server).is_some_and(|view| view.many)
    }

    /// The number (`myid`) of the server that new sessions were born on here; None before there was one.
    pub fn born_on(&self, server: ServerId) -> Option<u8> {
        self.ensemble.get(server)?.born_on
    }

    /// The latest session of a holder that keeps its name over its sessions.
    pub fn holder(&self, identity: &HolderIdentity) -> Option<SessionId> {
        self.holders.session(identity)
    }

    /// Where a session is, or was last.
    pub fn placement(&self, session: SessionId) -> Option<Placement> {
        self.session(session)?.placement()
    }

    /// What is known of one session that a server gave here.
    pub fn session(&self, id: SessionId) -> Option<&SessionRecord> {
        self.sessions.get(id)
    }

    /// What is known of one session, be it only that it was claimed.
    fn record(&self, id: SessionId) -> Option<&SessionRecord> {
        self.session(id).or_else(|| self.claimants.get(id))
    }

    /// Changes what is known of one session, be it only that it was claimed.
    fn change<R>(&mut self, id: SessionId, change: impl FnOnce(&mut SessionRecord) -> R) -> Option<R> {
        self.sessions.change_known(id, change).or_else(|change| self.claimants.change_known(id, change)).ok()
    }

    /// Lets go of what belonged to sessions that are no longer remembered.
    fn let_go(&mut self) {
        if !self.sessions.has_forgotten() && !self.claimants.has_forgotten() {
            return;
        }
        for ForgottenSession { session, identity } in self.sessions.take_forgotten() {
            self.holders.forget(session, identity);
            self.gone.push(session);
        }
        self.claimants.take_forgotten();
    }

    /// All sessions, in no order.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &SessionRecord> {
        self.sessions.iter()
    }

    /// Moves, newest last.
    pub fn moves(&self) -> impl DoubleEndedIterator<Item = &SessionMove> + ExactSizeIterator {
        self.moves.iter()
    }

    /// Verdicts, newest last.
    pub fn verdicts(&self) -> impl DoubleEndedIterator<Item = &SessionMovedRefusal> + ExactSizeIterator {
        self.verdicts.iter()
    }

    /// Ended connections in the order of their decisions, newest last.
    pub fn ended_connections(&self) -> impl DoubleEndedIterator<Item = &EndedConnection> + ExactSizeIterator {
        self.ended.iter()
    }

    /// Connections that have claimed a session and are open, in no order.
    pub fn open_connections(&self) -> impl ExactSizeIterator<Item = (ConnectionId, &OpenConnection)> {
        self.open.iter().map(|(connection, open)| (*connection, open.as_ref()))
    }

    /// An open connection that has claimed a session.
    pub fn open_connection(&self, connection: ConnectionId) -> Option<&OpenConnection> {
        self.open.get(&connection).map(AsRef::as_ref)
    }

    /// The ids of all sessions, in no order; cheaper than going through the sessions themselves.
    pub fn session_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.sessions.ids()
    }

    /// Ended connections that wait for their reason, in no order.
    pub fn undecided_connections(&self) -> impl ExactSizeIterator<Item = UndecidedConnection> {
        self.queue.closes().map(UnexplainedClose::undecided)
    }

    /// An ended connection that waits for its reason.
    pub fn undecided_connection(&self, connection: ConnectionId) -> Option<UndecidedConnection> {
        self.queue.get(connection).map(UnexplainedClose::undecided)
    }

    /// What could not be kept or placed.
    pub fn losses(&self) -> LedgerLosses {
        LedgerLosses {
            misplaced: self.misplaced,
            findings: self.findings.forgotten(),
            sessions: self.sessions.turned_away(),
            evicted: self.sessions.evicted(),
            claimants: self.claimants.evicted(),
        }
    }
}
