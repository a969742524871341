//! The diagnosis: takes what the ledger finds out and what is watched, and keeps causes and incidents.
//!
//! It has no clock. The driver hands in findings as they come and calls [`Diagnosis::tick`] now and then: a first cause
//! is given after [`FIRST_CAUSE`] at the latest, and revised while its incident is open.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use foldhash::quality::RandomState;

use super::cause_code::{CauseCode, CauseScope};
use super::cause_rules;
use super::client_leg::ClientLegs;
use super::client_path::ClientPaths;
use super::diagnosis_losses::DiagnosisLosses;
use super::end_case::{EndCase, LaterSigns, SessionReturn, is_client_silent, phase_of};
use super::end_cause::EndCause;
use super::ensemble_watch::EnsembleWatch;
use super::incident::{EarlierIncidents, Incident, JudgedEnd};
use super::incident_book::{IncidentBook, IncidentChange};
use super::kept_causes::KeptCauses;
use super::said_refusal::said_refusal;
use super::verdict::{CapReason, ConnectionPhase, Diagnosed, JudgedCause};
use super::watch_completeness::WatchCompleteness;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::probe_result::ServerHealth;
use crate::session::transition::{CloseDetails, EndedConnection, LedgerFinding};
use crate::session::verdict::{EndReason, RouteReason, SessionMovedRefusal};
use crate::time::Timestamp;

/// How long a first cause waits for more to be seen.
pub const FIRST_CAUSE: Duration = Duration::from_millis(1_500);
/// Between two looks at what is open.
const LOOKS: Duration = Duration::from_millis(250);
/// Ends whose first cause waits, of each kind; further ones are judged at once.
pub const WAITING_ENDS: usize = 448;
/// Further undecided ends of which is kept when their first cause is due, and no more: the ledger knows the rest. They and
/// those that wait find room among the causes that are kept, where it is looked up which ends had a first cause.
pub const LISTED_ENDS: usize = 2_048;
/// How long after an end the kernel is asked about the way to its client.
pub const KERNEL_KNOWS: Duration = Duration::from_secs(10);
/// Causes of ended connections that are kept, the newest.
pub const CAUSES_KEPT: usize = 3_072;
/// Causes of refusals in words that are kept, the newest.
pub const REFUSAL_CAUSES_KEPT: usize = 256;

/// Causes and incidents.
#[derive(Debug, Default)]
pub struct Diagnosis {
    pub(super) book: IncidentBook,
    /// The ways to clients that are connected.
    pub client_legs: ClientLegs,
    pub(super) causes: KeptCauses<ConnectionId, CAUSES_KEPT>,
    /// Those of refusals in words, whose connections stay open.
    pub(super) refusal_causes: KeptCauses<(ConnectionId, Timestamp), REFUSAL_CAUSES_KEPT>,
    /// Ends that are not decided, or whose client may come back in a moment.
    waiting: HashMap<ConnectionId, JudgedEnd, RandomState>,
    /// When each of them is due, in order; those that are decided meanwhile are passed over.
    due: VecDeque<(Timestamp, ConnectionId)>,
    /// Undecided ends beyond those, and when each is due, in order; those that are decided meanwhile are passed over.
    listed: VecDeque<(Timestamp, ConnectionId)>,
    looked_at: Timestamp,
    /// Ends that there was no room to keep waiting.
    unwaited: u64,
    /// First causes that nobody has taken yet.
    entered: Vec<(ConnectionId, CauseCode)>,
}

impl Diagnosis {
    /// A connection has ended and the ledger waits for more before it decides why.
    pub fn end_undecided(&mut self, now: Timestamp, ended: EndedConnection, close: CloseDetails) {
        if !self.is_full() {
            let later = self.known_before(&ended);
            self.wait(now, JudgedEnd { ended, close, later, undecided: true, stays_open: false });
        } else if self.listed.len() < LISTED_ENDS {
            self.listed.push_back((now.after(FIRST_CAUSE), ended.connection));
        } else {
            // Its cause is found when its reason is decided.
            self.unwaited += 1;
        }
    }

    /// So many at most of the listed ends whose first cause is due: whoever has the ledger gives them to
    /// [`enter_listed`](Self::enter_listed).
    pub fn due_listed(&mut self, now: Timestamp, most: usize) -> Vec<ConnectionId> {
        let mut all = Vec::new();
        while all.len() < most
            && let Some((_, connection)) = self.listed.pop_front_if(|(due, _)| *due <= now)
        {
            if self.causes.get(&connection).is_none() {
                all.push(connection);
            }
        }
        all
    }

    /// Gives the first cause of a listed end that is not decided.
    pub fn enter_listed(&mut self, now: Timestamp, ended: EndedConnection, close: CloseDetails, watch: &EnsembleWatch) {
        // It may have been decided since it was found.
        if self.causes.get(&ended.connection).is_none() {
            let later = self.known_before(&ended);
            let event = JudgedEnd { ended, close, later, undecided: true, stays_open: false };
            let diagnosed = judge(&event, watch, now);
            self.enter(now, event, diagnosed, watch);
        }
    }

    /// What is known of an end before anything was seen behind it.
    fn known_before(&self, ended: &EndedConnection) -> LaterSigns {
        LaterSigns { client_leg: self.client_legs.of(ended.ended_at, ended.client), ..LaterSigns::default() }
    }

    /// Whether no further end can be kept until its first cause is due.
    fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_ENDS || self.due.len() >= 2 * WAITING_ENDS
    }

    /// Keeps an end until its first cause is due.
    fn wait(&mut self, now: Timestamp, event: JudgedEnd) {
        let connection = event.ended.connection;
        self.due.push_back((now.after(FIRST_CAUSE), connection));
        self.waiting.insert(connection, event);
    }

    /// zoogate has held back so many claims since it said so last, as no server was known to serve.
    pub fn note_held(&mut self, now: Timestamp, held: u32) {
        self.book.note_held(now, held);
    }

    /// Takes what the ledger found out.
    pub fn take(&mut self, now: Timestamp, finding: LedgerFinding, watch: &EnsembleWatch) {
        match finding {
            LedgerFinding::Ended(ended, Some(close)) => self.ended(now, ended, *close, watch),
            LedgerFinding::Ended(ended, None) => self.closed(&ended),
            // A session that moves was given again before that is told.
            LedgerFinding::Moved(one) => {
                if let Some(former) = one.former {
                    self.book.replaced(former, &one);
                }
            }
            LedgerFinding::SharedSession { session, .. } => {
                self.change_later(session, |event| event.later.shared = true);
            }
            // What other refusals show is told by their ends.
            LedgerFinding::SessionMoved(one) if one.evidence.is_said() => self.refused(now, one, watch),
            LedgerFinding::SessionMoved(_) | LedgerFinding::MoveExplained(_) | LedgerFinding::ManyServers { .. } => {}
        }
    }

    /// Whether a session's return or claim would change anything.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.book.is_anyone_away()
    }

    /// A session was claimed.
    pub fn session_claimed(&mut self, now: Timestamp, session: SessionId) {
        self.change_later(session, |event| event.later.claimed_at = event.later.claimed_at.or(Some(now)));
    }

    /// A session was given again.
    pub fn session_given(
        &mut self,
        now: Timestamp,
        session: SessionId,
        server: ServerId,
        client: SocketAddr,
        routed: RouteReason,
    ) {
        let back = |same_client| SessionReturn { at: now, server, same_client, routed };
        self.change_later(session, |event| {
            let same_client = event.ended.client.ip() == client.ip();
            event.later.back = event.later.back.or(Some(back(same_client)));
        });
        self.book.came_back(session, back(true));
    }

    fn change_later(&mut self, session: SessionId, change: impl Fn(&mut JudgedEnd)) {
        let waiting = self.waiting.values_mut();
        waiting.filter(|event| event.ended.session == Some(session)).for_each(&change);
        self.book.change_later(session, change);
    }

    /// A client has closed its session. By far the most ends are these, and they need no rule.
    fn closed(&mut self, ended: &EndedConnection) {
        let connection = ended.connection;
        self.waiting.remove(&connection);
        let (code, phase) = (CauseCode::SessionClosed, ConnectionPhase::Closing);
        let (since, confidence) = (ended.ended_at, ended.confidence);
        let cause = JudgedCause { code, since, confidence, capped_because: None };
        let known = self.causes.get(&connection).and_then(|known| known.incident);
        self.note_cause(connection, EndCause { cause, ended_at: since, phase, incident: known });
    }

    /// Clients of ended connections about whose way the kernel may know something that decides the cause.
    pub fn clients_in_question(&self, now: Timestamp) -> Vec<SocketAddr> {
        let judged = self.book.open().iter().filter_map(|incident| incident.judged.as_deref());
        let ends = self.waiting.values().chain(judged);
        ends.filter(|event| is_client_in_question(event, now)).map(|event| event.ended.client).collect()
    }

    /// Takes what the kernel knows of the ways to such clients.
    pub fn note_client_paths(&mut self, looked_at: &ClientPaths) {
        for event in self.waiting.values_mut().chain(self.book.judged_mut()) {
            match looked_at.get(&event.ended.client) {
                Some(Some(path)) => event.later.client_path = Some(path.or_earlier(event.later.client_path)),
                // A connection that its client has ended is looked for until it is no more.
                Some(None) => event.later.path_is_over = event.is_ended_by_client(),
                None => {}
            }
        }
    }

    fn ended(&mut self, now: Timestamp, ended: EndedConnection, close: CloseDetails, watch: &EnsembleWatch) {
        let connection = ended.connection;
        // What it waited for has come; what was seen of its session meanwhile stays.
        let later = self.waiting.remove(&connection).map(|event| event.later);
        let later = later.or_else(|| self.book.later_of(connection)).unwrap_or_else(|| self.known_before(&ended));
        let known = self.causes.get(&connection);
        // A client that leaves may be back in a moment, and then there is nothing to tell; of one that was silent the
        // kernel knows in a moment whether it is reached.
        let may_return = matches!(ended.reason, EndReason::ClientGone | EndReason::ClientSilent)
            || (ended.reason == EndReason::SessionExpired && is_client_silent(&close));
        let may_return = may_return && ended.attached_at.is_some();
        // Why the connection before it ended is known in a moment, and this one is over because of that.
        let follows = ended.reason == EndReason::SessionExpired && self.is_undecided(ended.session);
        let is_early = known.is_none() && (may_return || follows);
        let event = JudgedEnd { ended, close, later, undecided: false, stays_open: false };
        if is_early && !self.is_full() {
            return self.wait(now, event);
        }
        self.unwaited += u64::from(is_early);
        let diagnosed = judge(&event, watch, now);
        match known {
            Some(known) => self.decided(now, known, event, diagnosed, watch),
            None => self.enter(now, event, diagnosed, watch),
        }
    }

    /// An end that had a first cause has been decided by the ledger.
    fn decided(
        &mut self,
        now: Timestamp,
        known: EndCause,
        event: JudgedEnd,
        diagnosed: Diagnosed,
        watch: &EnsembleWatch,
    ) {
        let (connection, cause) = (event.ended.connection, diagnosed.cause);
        let Some(id) = known.incident else { return self.enter(now, event, diagnosed, watch) };
        let incident = self.book.decide(now, id, event, diagnosed, known.phase);
        self.causes.put(connection, EndCause { cause, incident, ..known });
    }

    /// Whether an end of the session waits for its reason.
    fn is_undecided(&self, session: Option<SessionId>) -> bool {
        session.is_some() && self.waiting.values().any(|event| event.undecided && event.ended.session == session)
    }

    /// Gives the causes that are waited for of a session's earlier connections: it is over because of them.
    fn enter_former(&mut self, now: Timestamp, over: &EndedConnection, watch: &EnsembleWatch) {
        let of_session = |event: &JudgedEnd| {
            let is_earlier = event.ended.claimed_at < over.claimed_at && !event.undecided;
            is_earlier && over.session.is_some() && event.ended.session == over.session
        };
        for (_, event) in self.waiting.extract_if(|_, event| of_session(event)).collect::<Vec<_>>() {
            let diagnosed = judge(&event, watch, now);
            self.enter(now, event, diagnosed, watch);
        }
    }

    fn enter(&mut self, now: Timestamp, event: JudgedEnd, diagnosed: Diagnosed, watch: &EnsembleWatch) {
        if event.ended.reason == EndReason::SessionExpired {
            self.enter_former(now, &event.ended, watch);
        }
        let (connection, cause, ended_at) = (event.ended.connection, diagnosed.cause, event.ended.ended_at);
        let phase = phase_of(&event.ended, &event.close);
        let incident = self.book.enter(now, event, diagnosed, phase);
        let cause = EndCause { cause, ended_at, phase, incident };
        self.note_cause(connection, cause);
    }

    fn note_cause(&mut self, connection: ConnectionId, cause: EndCause) {
        if self.causes.put(connection, cause) {
            self.entered.push((connection, cause.cause.code));
        }
    }

    /// A server has refused a session in words, and its connection stays open.
    fn refused(&mut self, now: Timestamp, one: SessionMovedRefusal, watch: &EnsembleWatch) {
        let (key, ended_at, phase) = ((one.connection, one.at), one.at, ConnectionPhase::InFlight);
        let event = said_refusal(one);
        let diagnosed = judge(&event, watch, now);
        let cause = diagnosed.cause;
        let incident = self.book.enter(now, event, diagnosed, phase);
        self.refusal_causes.put(key, EndCause { cause, ended_at, phase, incident });
    }

    /// Gives first causes that are due, looks at the open incidents again, and closes those that are over.
    pub fn tick(&mut self, now: Timestamp, watch: &EnsembleWatch) {
        while self.due.front().is_some_and(|(due, _)| *due <= now) {
            let Some(event) = self.due.pop_front().and_then(|(_, connection)| self.waiting.remove(&connection)) else {
                continue;
            };
            let diagnosed = judge(&event, watch, now);
            self.enter(now, event, diagnosed, watch);
        }
        if now.since(self.looked_at) < LOOKS {
            return;
        }
        self.looked_at = now;
        self.book.seen_by = WatchCompleteness::of(watch);
        let open: Vec<(u64, Diagnosed)> = self
            .book
            .open()
            .iter()
            .filter_map(|incident| Some((incident.id, judge(incident.judged.as_ref()?, watch, now))))
            .collect();
        for (id, diagnosed) in open {
            // What more is seen makes a verdict better; that something is over does not make it worse.
            let better = self.book.get(id).is_some_and(|incident| is_better(incident, &diagnosed));
            if better {
                self.book.revise(now, id, diagnosed);
            }
        }
        self.book.close_over(now, |incident| is_over(incident, watch, now));
    }

    /// Gives every cause that is waited for, and closes every incident: nothing more will be seen.
    pub fn conclude(&mut self, now: Timestamp, watch: &EnsembleWatch) {
        for (_, connection) in std::mem::take(&mut self.due) {
            let Some(event) = self.waiting.remove(&connection) else { continue };
            let diagnosed = judge(&event, watch, now);
            self.enter(now, event, diagnosed, watch);
        }
        self.book.close_all(now);
    }

    /// First causes since this was asked last, each with its connection.
    pub fn take_entered(&mut self) -> impl Iterator<Item = (ConnectionId, CauseCode)> {
        self.entered.drain(..)
    }

    /// The next change of an incident.
    pub fn poll_change(&mut self) -> Option<(IncidentChange, Incident)> {
        self.book.poll_change()
    }

    /// Takes how often there was an incident of a cause, at a server where that makes the difference, in earlier runs. To
    /// be called once for each, as there are as many as causes and servers.
    pub fn remember(&mut self, code: CauseCode, server: Option<ServerId>, earlier: EarlierIncidents) {
        self.book.remember(code, server, earlier);
    }

    /// How many incidents are open.
    pub fn open_incidents(&self) -> usize {
        self.book.open().len()
    }

    /// What there was no room for.
    pub fn losses(&self) -> DiagnosisLosses {
        DiagnosisLosses { waiting: self.unwaited, ..self.book.losses() }
    }
}

/// Whether what the kernel knows of the way to the client may tell why a connection ended: its client had been silent, or
/// left while the server was there.
fn is_client_in_question(event: &JudgedEnd, now: Timestamp) -> bool {
    let JudgedEnd { ended, close, later, .. } = event;
    let is_known = later.path_is_over || later.client_path.is_some_and(|path| path.is_stuck());
    now.since(ended.ended_at) < KERNEL_KNOWS && !is_known && (event.is_ended_by_client() || is_client_silent(close))
}

fn case<'a>(event: &'a JudgedEnd, watch: &'a EnsembleWatch, now: Timestamp) -> EndCase<'a> {
    let JudgedEnd { ended, close, later, undecided, .. } = event;
    EndCase { ended, close, watch, later: *later, undecided: *undecided, now }
}

fn judge(event: &JudgedEnd, watch: &EnsembleWatch, now: Timestamp) -> Diagnosed {
    cause_rules::diagnose(case(event, watch, now))
}

/// Whether a later verdict on the same end says more than the one before.
fn is_better(incident: &Incident, after: &Diagnosed) -> bool {
    let before = &incident.diagnosed;
    if before == after {
        return false;
    }
    let (old, new) = (before.cause, after.cause);
    new.code.rank() < old.code.rank()
        || (new.code.rank() == old.code.rank() && new.confidence >= old.confidence)
        || old.capped_because == Some(CapReason::EvidencePending)
        || (old.code == CauseCode::QuorumLost && after.ruled_out.iter().any(|(code, _)| *code == old.code))
        || (old.code.scope() == CauseScope::Client && new.code.scope() == CauseScope::Client)
}

/// Whether what caused an incident lasts no longer.
fn is_over(incident: &Incident, watch: &EnsembleWatch, now: Timestamp) -> bool {
    let serves = |health| matches!(health, ServerHealth::Serving | ServerHealth::Unknown);
    let pending = incident.cause().capped_because == Some(CapReason::EvidencePending);
    if pending && now.since(incident.last_at) < Duration::from_mins(1) {
        return false;
    }
    match incident.cause().code.scope() {
        CauseScope::Ensemble => watch.servers().any(|(_, server)| serves(server.health())),
        CauseScope::Server if incident.key.is_server_state() => serves(watch.server(incident.server).health()),
        _ => true,
    }
}
