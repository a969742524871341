//! The ledger: which session is on which server, how it came there, and why it left.
//!
//! It is told transitions (a claim, an answer, an end, a look at a server) and tells findings. It has no clock: the
//! driver says what time it is, and calls [`SessionLedger::tick`] now and then for what waits. Ends that cannot be
//! explained by themselves wait for other connections, a look at the server or the session's next attach, each for
//! a bounded time: [`EXODUS_LONGEST`], [`LOOK_BOUND`], [`RETURN_BOUND`].
//!
//! It never sees an operation: its cost is per connection, not per request.

mod attachment;
mod case;
mod court;
mod docket;
mod ensemble;
mod exodus;
mod judge;
mod open;
mod placement;
mod record;
mod ring;
mod sharing;
mod table;

use std::collections::HashMap;
use std::time::Duration;

use foldhash::quality::RandomState;

pub use attachment::{Attachment, AttachmentEnd, Claim, Outcome};
pub use case::RETURN_BOUND;
pub use docket::CASES;
pub use exodus::{EXODUS_LONGEST, EXODUS_QUIET, LOOK_BOUND};
pub use open::OpenConnection;
pub use placement::Placement;
pub use record::{SessionEnd, SessionRecord, SessionState};
pub use sharing::SHARED_PAUSE;

use super::ending::{ConnectionEnd, Unanswered};
use super::event::MovedForm;
use super::identity::Identity;
use super::transition::{EndedConnection, Finding, Transition};
use super::verdict::{MoveVerdict, SessionMove};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::time::Timestamp;
use crate::wire::handshake::{ConnectRequest, ConnectResponse, Password};
use case::Case;
use docket::Docket;
use ensemble::{Ensemble, Look};
use ring::Ring;
use sharing::sharers;
use table::SessionTable;

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
            history: 64,
            moves: 10_000,
            verdicts: 10_000,
            ended_connections: 10_000,
            keep_ended: Duration::from_mins(10),
        }
    }
}

/// How many findings wait to be polled before the oldest is dropped: a storm of 10,000 sessions makes 20,000.
pub const FINDINGS: usize = 65_536;

/// What the ledger could not keep or place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LedgerLosses {
    /// Transitions of connections that it does not know, or knows already.
    pub misplaced: u64,
    /// Findings that nobody polled in time.
    pub findings: u64,
    /// Sessions that found no room.
    pub sessions: u64,
}

/// The ledger of all sessions.
#[derive(Debug)]
pub struct SessionLedger {
    limits: LedgerLimits,
    sessions: SessionTable,
    open: HashMap<ConnectionId, OpenConnection, RandomState>,
    /// The latest session of every Kafka broker that was recognised; as bounded as the sessions.
    brokers: HashMap<u32, SessionId, RandomState>,
    ensemble: Ensemble,
    docket: Docket,
    findings: Ring<Finding>,
    moves: Ring<SessionMove>,
    verdicts: Ring<MoveVerdict>,
    ended: Ring<EndedConnection>,
    misplaced: u64,
}

impl SessionLedger {
    /// A ledger that knows nothing yet.
    pub fn new(limits: LedgerLimits) -> Self {
        Self {
            limits,
            sessions: SessionTable::new(limits.sessions, limits.keep_ended),
            open: HashMap::default(),
            brokers: HashMap::default(),
            ensemble: Ensemble::default(),
            docket: Docket::default(),
            findings: Ring::new(FINDINGS),
            moves: Ring::new(limits.moves),
            verdicts: Ring::new(limits.verdicts),
            ended: Ring::new(limits.ended_connections),
            misplaced: 0,
        }
    }

    /// Takes one transition that happened at `now`.
    pub fn apply(&mut self, now: Timestamp, transition: Transition) {
        match transition {
            Transition::Claimed { connection, client, server, request, routed } => {
                let claim = Claim {
                    client,
                    server,
                    claimed_at: now,
                    requested_ms: request.timeout_ms,
                    routed,
                    password: request.password,
                    outcome: Outcome::Unanswered,
                };
                self.claimed(now, connection, claim, request);
            }
            Transition::Answered { connection, response } => self.answered(now, connection, response),
            Transition::Identified { connection, identity } => self.identified(now, connection, identity),
            Transition::MoveRefused { connection, form, refused } => {
                self.move_refused(now, connection, form, refused);
            }
            Transition::Ended { connection, end } => self.ended(now, connection, end),
            Transition::ServerSeen { server, asked_at, sighting } => {
                self.ensemble.saw(server, Look { asked_at, sighting });
                self.server_seen(now, server);
            }
        }
    }

    /// Decides what has waited long enough. Nearly free when nothing waits.
    pub fn tick(&mut self, now: Timestamp) {
        self.settle(now);
        self.sessions.tick(now);
    }

    /// The next thing that was found out.
    pub fn poll_finding(&mut self) -> Option<Finding> {
        self.findings.pop()
    }

    /// The next server that should be looked at now: a case waits for it.
    pub fn poll_inquiry(&mut self) -> Option<ServerId> {
        self.ensemble.poll_inquiry()
    }

    /// Where a session is, or was last.
    pub fn placement(&self, session: SessionId) -> Option<Placement> {
        self.session(session)?.placement()
    }

    /// What is known of one session.
    pub fn session(&self, id: SessionId) -> Option<&SessionRecord> {
        self.sessions.get(id)
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
    pub fn verdicts(&self) -> impl DoubleEndedIterator<Item = &MoveVerdict> + ExactSizeIterator {
        self.verdicts.iter()
    }

    /// Ended connections in the order of their decisions, newest last.
    pub fn ended_connections(&self) -> impl DoubleEndedIterator<Item = &EndedConnection> + ExactSizeIterator {
        self.ended.iter()
    }

    /// Connections that have claimed a session and are open, in no order.
    pub fn open_connections(&self) -> impl ExactSizeIterator<Item = (ConnectionId, &OpenConnection)> {
        self.open.iter().map(|(connection, open)| (*connection, open))
    }

    /// An open connection that has claimed a session.
    pub fn open_connection(&self, connection: ConnectionId) -> Option<&OpenConnection> {
        self.open.get(&connection)
    }

    /// The ids of all sessions, in no order; cheaper than going through the sessions themselves.
    pub fn session_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.sessions.ids()
    }

    /// How many ended connections wait for their reason.
    pub fn undecided(&self) -> usize {
        self.docket.len()
    }

    /// What could not be kept or placed.
    pub fn losses(&self) -> LedgerLosses {
        LedgerLosses {
            misplaced: self.misplaced,
            findings: self.findings.forgotten(),
            sessions: self.sessions.turned_away(),
        }
    }

    fn claimed(&mut self, now: Timestamp, connection: ConnectionId, claim: Claim, request: ConnectRequest) {
        if self.open.contains_key(&connection) || self.docket.stage(connection).is_some() {
            self.misplaced += 1;
            return;
        }
        let ConnectRequest { session, last_zxid, read_only, .. } = request;
        self.open.insert(connection, OpenConnection { session, claim, last_zxid, read_only });
        self.ensemble.view(claim.server);
        if !session.is_new() && self.sessions.ensure(session, now) {
            let cap = self.limits.history;
            self.sessions.change(session, |record| record.push(Attachment { connection, claim, end: None }, cap));
        }
    }

    fn answered(&mut self, now: Timestamp, connection: ConnectionId, response: ConnectResponse) {
        let Some(open) = self.open.get_mut(&connection).filter(|open| open.claim.outcome == Outcome::Unanswered) else {
            self.misplaced += 1;
            return;
        };
        open.claim.outcome = if response.accepted() {
            Outcome::Accepted { at: now, timeout_ms: response.timeout_ms }
        } else {
            Outcome::Refused { at: now }
        };
        let claim = open.claim;
        if open.session.is_new() {
            open.session = response.session;
        }
        let session = open.session;
        if response.accepted() {
            self.ensemble.view(claim.server).attached += 1;
            self.attached(now, connection, session, claim);
        } else if !session.is_new() {
            self.refused(now, connection, session, claim);
        }
        self.session_came_back(session);
    }

    fn attached(&mut self, now: Timestamp, connection: ConnectionId, session: SessionId, claim: Claim) {
        if !self.sessions.ensure(session, now) {
            return;
        }
        let before = self.sessions.get(session).and_then(SessionRecord::last_accepted).copied();
        let cap = self.limits.history;
        self.sessions.change(session, |record| {
            record.answer(Attachment { connection, claim, end: None }, cap);
            record.set_state(SessionState::Live);
        });
        if let Some(before) = before.filter(|before| before.claim.server != claim.server) {
            self.moved(now, session, &claim, &before);
        }
        let clients = self.sessions.get(session).and_then(sharers);
        if let Some(clients) = clients
            && self.sessions.change(session, |record| record.note_shared(clients, now, SHARED_PAUSE)) == Some(true)
        {
            self.findings.push(Finding::SharedSession { session, clients, at: now });
        }
    }

    fn moved(&mut self, now: Timestamp, session: SessionId, claim: &Claim, before: &Attachment) {
        self.sessions.change(session, SessionRecord::count_move);
        let one = SessionMove {
            session,
            from: before.claim.server,
            to: claim.server,
            at: now,
            gap: before.end.map_or(Duration::ZERO, |end| now.since(end.at)),
            unanswered_count: before.end.map_or(0, |end| end.unanswered),
            client: claim.client,
            reason: before.end.and_then(|end| end.reason),
            routed: claim.routed,
            identity: self.session(session).and_then(SessionRecord::identity),
        };
        self.moves.push(one.clone());
        self.findings.push(Finding::Moved(one));
    }

    fn refused(&mut self, now: Timestamp, connection: ConnectionId, session: SessionId, claim: Claim) {
        let cap = self.limits.history;
        self.sessions.change(session, |record| {
            record.answer(Attachment { connection, claim, end: None }, cap);
            let ended = matches!(record.state(), SessionState::Ended { .. });
            if claim.password == Password::Right && !record.is_attached() && !ended {
                record.set_state(SessionState::Ended { at: now, how: SessionEnd::Expired });
            }
        });
    }

    fn identified(&mut self, now: Timestamp, connection: ConnectionId, identity: Identity) {
        let Some(open) = self.open.get(&connection) else {
            self.misplaced += 1;
            return;
        };
        let session = open.session;
        let joined = self.sessions.change(session, |record| record.join_identity(identity));
        if let Some(Identity::Broker(broker) | Identity::Controller(Some(broker))) = joined {
            self.replace(now, broker, session);
        }
    }

    /// A broker registers with a new session: the one that it had is over, when it is not connected and came from
    /// the same address. Two clusters may have brokers of one number.
    fn replace(&mut self, now: Timestamp, broker: u32, session: SessionId) {
        if self.brokers.len() >= self.limits.sessions && !self.brokers.contains_key(&broker) {
            return;
        }
        let Some(former) = self.brokers.insert(broker, session).filter(|former| *former != session) else { return };
        let address = |id| self.session(id).and_then(SessionRecord::client).map(|client| client.ip());
        if address(former) == address(session) {
            self.sessions.change(former, |record| {
                if matches!(record.state(), SessionState::Pending { .. }) {
                    record.set_state(SessionState::Ended { at: now, how: SessionEnd::Replaced });
                }
            });
        }
    }

    fn move_refused(&mut self, now: Timestamp, connection: ConnectionId, form: MovedForm, refused: Option<Unanswered>) {
        let Some(open) = self.open.get(&connection) else {
            self.misplaced += 1;
            return;
        };
        let (session, claim) = (open.session, open.claim);
        let own = Attachment { connection, claim, end: None };
        let flag = judge::refused_in_words(form, refused.as_ref(), self.session(session), &own, now);
        let unanswered: Vec<_> = refused.into_iter().collect();
        self.pronounce(MoveVerdict {
            session,
            connection,
            client: claim.client,
            server: claim.server,
            claimed_by: flag.claimed_by,
            at: now,
            evidence: flag.evidence,
            confidence: flag.confidence,
            why: flag.why,
            identity: self.session(session).and_then(SessionRecord::identity),
            unanswered_count: unanswered.len() as u32,
            unanswered,
        });
    }

    fn pronounce(&mut self, verdict: MoveVerdict) {
        self.sessions.change(verdict.session, SessionRecord::count_verdict);
        self.verdicts.push(verdict.clone());
        self.findings.push(Finding::SessionMoved(verdict));
    }

    fn ended(&mut self, now: Timestamp, connection: ConnectionId, end: ConnectionEnd) {
        let Some(open) = self.open.remove(&connection) else {
            self.misplaced += 1;
            return;
        };
        let OpenConnection { session, claim, last_zxid, read_only } = open;
        let mark = AttachmentEnd { at: now, closer: end.closer, reason: None, unanswered: end.unanswered_count };
        self.sessions.change(session, |record| {
            record.end(connection, mark);
            record.set_last_unanswered(&end.unanswered);
            if end.closing && claim.attached_at().is_some() {
                record.set_closed(now);
                record.set_state(SessionState::Ended { at: now, how: SessionEnd::Closed });
            } else if record.state() == SessionState::Live && !record.is_attached() {
                record.set_state(SessionState::Pending { since: now });
            }
        });
        let case = Case { connection, session, claim, last_zxid, read_only, end, ended_at: now };
        self.open_case(now, case);
    }
}
