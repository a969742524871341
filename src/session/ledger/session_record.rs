//! What is known of one session: where it is and has been, who holds it, and how it ended.
//!
//! It is kept in one box whose size counts: 100,000 of them may be alive. What few sessions have (an identity,
//! unanswered requests) is allocated only when it is there.

use std::net::SocketAddr;
use std::time::Duration;

use super::attachment::{Attachment, AttachmentEnd, ClaimOutcome};
use super::placement::Placement;
use smallvec::SmallVec;

use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::client_profile::ClientSign;
use crate::session::connection_end::UnansweredRequest;
use crate::session::identity::HolderIdentity;
use crate::session::verdict::EndReason;
use crate::time::Timestamp;
use crate::wire::Dialect;
use crate::wire::handshake::PasswordCheck;

/// Whether a session lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionState {
    /// A connection carries it.
    Live,
    /// No connection here carries it; it may come back.
    Pending {
        /// Since when.
        since: Timestamp,
    },
    /// It is over.
    Ended {
        /// Since when.
        at: Timestamp,
        /// How.
        how: SessionEnd,
    },
}

impl SessionState {
    /// Its name in JSON and tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Live => "attached",
            Self::Pending { .. } => "pending",
            Self::Ended { .. } => "ended",
        }
    }
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SessionEnd {
    /// Its client closed it.
    Closed,
    /// A server said that it is over, or dropped it after a silence of its whole timeout.
    Expired,
    /// Its holder has a newer one.
    Replaced,
    /// It left and has not been seen here for twice its timeout: expired, or it goes another way.
    Lapsed,
}

impl SessionEnd {
    /// Its name in JSON and tables.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// One session.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    id: SessionId,
    state: SessionState,
    /// How long zoogate itself had stood still when it came to its state, in nanoseconds: what came after that it is
    /// allowed.
    paused_before: u64,
    /// Claims, oldest first, at most as many as the limits say. The newest accepted one is always among them.
    history: SmallVec<[Attachment; 1]>,
    /// How many of `history` are attached.
    attached: u32,
    moves: u32,
    verdicts: u32,
    forgotten: u32,
    /// When the client asked to close the session through a connection of ours; zero when it did not.
    closed_at: Timestamp,
    identity: Option<Box<HolderIdentity>>,
    last_unanswered: Box<[UnansweredRequest]>,
    /// How its last connection speaks.
    dialect: Dialect,
    /// Whether its server makes ids and passwords of its own.
    own_id: bool,
    /// What the client library was recognised by, on any of its connections.
    client_sign: Option<ClientSign>,
    /// Pairs of clients that were reported to share this session, and when; at most [`SHARED_PAIRS`].
    shared: Box<[([SocketAddr; 2], Timestamp)]>,
}

/// Fewest claims that are kept of a session: the current one and the newest.
const LEAST_HISTORY: usize = 2;

/// Pairs of clients sharing a session that are remembered; more are reported again and again.
const SHARED_PAIRS: usize = 4;

impl SessionRecord {
    pub(super) fn new(id: SessionId, now: Timestamp) -> Self {
        Self {
            id,
            state: SessionState::Pending { since: now },
            paused_before: 0,
            history: SmallVec::new(),
            attached: 0,
            moves: 0,
            verdicts: 0,
            forgotten: 0,
            closed_at: Timestamp::ZERO,
            identity: None,
            last_unanswered: Box::default(),
            dialect: Dialect::ZOOKEEPER,
            own_id: false,
            client_sign: None,
            shared: Box::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whether it lives.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// The myid of the server that created it; None when its id is of another making.
    pub fn born_on(&self) -> Option<u8> {
        (!self.own_id).then(|| self.id.born_on())
    }

    /// Whether its id and password are not of ZooKeeper's making.
    pub(super) fn has_own_id(&self) -> bool {
        self.own_id
    }

    /// How its last connection speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn set_speech(&mut self, dialect: Dialect, own_id: bool) {
        (self.dialect, self.own_id) = (dialect, own_id);
    }

    /// What its client library was recognised by: what the client did says more than how it pings. A node's name is no
    /// proof, so it counts for nothing against how the client begins; and many programs have a `controller`.
    pub fn client_sign(&self) -> Option<ClientSign> {
        let denied = self.client_sign.is_some_and(ClientSign::is_by_numbers);
        match self.identity.as_deref() {
            Some(HolderIdentity::ClickHouse(_)) => Some(ClientSign::ClickHouseNode),
            _ if self.dialect.is_clickhouse() => Some(ClientSign::ClickHouseDialect),
            Some(HolderIdentity::Broker { .. } | HolderIdentity::Controller { broker: Some(_), .. }) if !denied => {
                Some(ClientSign::KafkaNode)
            }
            _ => self.client_sign,
        }
    }

    pub(super) fn recognise(&mut self, sign: Option<ClientSign>) {
        self.client_sign = sign.or(self.client_sign);
    }

    /// The client that was given it last, or claimed it last when none was.
    pub fn client(&self) -> Option<SocketAddr> {
        self.current().or(self.history.last()).map(|entry| entry.claim.client)
    }

    /// The server that it is on, or was on last.
    pub fn server(&self) -> Option<ServerId> {
        self.current().map(|entry| entry.claim.server)
    }

    /// Where it is, or was last; None when no server has given it here.
    pub fn placement(&self) -> Option<Placement> {
        let entry = self.current()?;
        Some(Placement {
            server: entry.claim.server,
            connection: entry.connection,
            since: entry.claim.attached_at()?,
            live: entry.end.is_none(),
        })
    }

    /// The attachment that was accepted last, open ones first.
    pub fn current(&self) -> Option<&Attachment> {
        self.history.get(self.current_index()?)
    }

    fn current_index(&self) -> Option<usize> {
        let accepted =
            || (0..self.history.len()).rev().filter(|index| self.history[*index].claim.attached_at().is_some());
        // An open connection is where the session is, even when a later claim was given it and has ended again.
        accepted().find(|index| self.history[*index].end.is_none()).or_else(|| accepted().next())
    }

    /// The claim that was accepted last, whether its connection is open or not.
    pub(super) fn last_accepted(&self) -> Option<&Attachment> {
        self.history
            .iter()
            .filter(|entry| entry.claim.attached_at().is_some())
            .max_by_key(|entry| entry.claim.attached_at())
    }

    /// Every claim that is still remembered, oldest first.
    pub fn attachments(&self) -> impl DoubleEndedIterator<Item = &Attachment> + ExactSizeIterator {
        self.history.iter()
    }

    /// How many older claims are no longer remembered.
    pub fn forgotten(&self) -> u32 {
        self.forgotten
    }

    /// Whether it is known who holds it.
    pub(super) fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// Whether no claim of it can have been granted: each was refused, or is unanswered and had a wrong password.
    pub(super) fn is_claimed_in_vain(&self) -> bool {
        self.history.iter().all(|entry| match entry.claim.outcome {
            ClaimOutcome::Accepted { .. } => false,
            ClaimOutcome::Refused { .. } => true,
            ClaimOutcome::Unanswered => entry.claim.password == PasswordCheck::Wrong,
        })
    }

    /// Who holds it, when that is known.
    pub fn identity(&self) -> Option<HolderIdentity> {
        self.identity.as_deref().copied()
    }

    /// How often it came to another server than before.
    pub fn moves(&self) -> u32 {
        self.moves
    }

    /// How often ZooKeeper refused it because it had moved.
    pub fn verdicts(&self) -> u32 {
        self.verdicts
    }

    /// The unanswered requests of the connection that ended last with any.
    pub fn last_unanswered(&self) -> &[UnansweredRequest] {
        &self.last_unanswered
    }

    /// When the client asked to close the session, if it did.
    pub fn closed_at(&self) -> Option<Timestamp> {
        (self.closed_at > Timestamp::ZERO).then_some(self.closed_at)
    }

    /// When a session that is not live leaves that state: it lapses, if zoogate does not stand still meanwhile.
    pub(super) fn lapses_at(&self, since: Timestamp) -> Timestamp {
        // Twice the timeout: the server counts from the last byte that it got, and only it knows when that was.
        let timeout = self.current().or(self.history.last()).map_or(Duration::ZERO, |entry| entry.claim.timeout());
        since.after(timeout * 2)
    }

    /// How long zoogate itself had stood still when it came to its state.
    pub(super) fn paused_before(&self) -> Duration {
        Duration::from_nanos(self.paused_before)
    }

    /// It came to its state just now, when zoogate had stood still for so long.
    pub(super) fn set_paused_before(&mut self, paused: Duration) {
        self.paused_before = paused.as_nanos() as u64;
    }

    pub(super) fn set_state(&mut self, state: SessionState) {
        self.state = state;
        if matches!(state, SessionState::Ended { .. }) {
            self.end_role();
        }
    }

    /// It holds no role any more.
    pub(super) fn end_role(&mut self) {
        if let Some(identity) = &mut self.identity {
            **identity = identity.without_role();
        }
    }

    pub(super) fn set_closed(&mut self, at: Timestamp) {
        self.closed_at = at;
    }

    pub(super) fn join_identity(&mut self, identity: HolderIdentity) -> HolderIdentity {
        let joined = self.identity().map_or(identity, |known| known.join(identity));
        self.identity = Some(Box::new(joined));
        joined
    }

    pub(super) fn set_last_unanswered(&mut self, unanswered: &[UnansweredRequest]) {
        if !unanswered.is_empty() {
            // Kept over ends without any, because this is what an operator looks for after a move.
            self.last_unanswered = unanswered.into();
        }
    }

    pub(super) fn count_move(&mut self) {
        self.moves = self.moves.saturating_add(1);
    }

    pub(super) fn count_verdict(&mut self) {
        self.verdicts = self.verdicts.saturating_add(1);
    }

    pub(super) fn is_attached(&self) -> bool {
        self.attached > 0
    }

    /// Adds a claim; at `cap` another makes room.
    pub(super) fn push(&mut self, attachment: Attachment, cap: usize) {
        // A setting of 0 or 1 would lose the current claim to the next one that comes.
        if self.history.len() >= cap.max(LEAST_HISTORY) {
            self.forget_one();
        }
        self.attached += u32::from(attachment.is_attached());
        self.history.push(attachment);
    }

    /// Notes the answer to a claim; it may be new here, or have been put out since.
    pub(super) fn answer(&mut self, answered: Attachment, cap: usize) {
        match self.entry(answered.connection) {
            Some(entry) => {
                let was = entry.is_attached();
                *entry = answered;
                // Counted along, since counting anew would read the whole history for every answer of a storm.
                self.attached = self.attached + u32::from(answered.is_attached()) - u32::from(was);
            }
            None => self.push(answered, cap),
        }
    }

    /// Notes the answer to a claim whose connection has ended.
    pub(super) fn answer_late(&mut self, connection: ConnectionId, outcome: ClaimOutcome) {
        // An answer that came in time is not overwritten by one that comes late on another watch.
        let ended = |entry: &&mut Attachment| entry.end.is_some() && entry.claim.outcome == ClaimOutcome::Unanswered;
        if let Some(entry) = self.entry(connection).filter(ended) {
            entry.claim.outcome = outcome;
        }
    }

    /// Notes a connection's end; false when its claim is not known here.
    pub(super) fn end(&mut self, connection: ConnectionId, end: AttachmentEnd) -> bool {
        let Some(entry) = self.entry(connection) else { return false };
        let was = entry.is_attached();
        entry.end = Some(end);
        self.attached -= u32::from(was);
        true
    }

    pub(super) fn decide(&mut self, connection: ConnectionId, reason: EndReason) {
        if let Some(end) = self.entry(connection).and_then(|entry| entry.end.as_mut()) {
            end.reason = Some(reason);
        }
    }

    /// Whether to report this pair of clients now: not again within `pause`. Pairs are distinguished by address
    /// alone, for the port changes with every connection.
    pub(super) fn note_shared(&mut self, clients: [SocketAddr; 2], now: Timestamp, pause: Duration) -> bool {
        let key = |clients: &[SocketAddr; 2]| {
            let [one, other] = clients.map(|client| client.ip());
            (one.min(other), one.max(other))
        };
        if let Some(known) = self.shared.iter_mut().find(|known| key(&known.0) == key(&clients)) {
            let due = now.since(known.1) >= pause;
            *known = (clients, if due { now } else { known.1 });
            return due;
        }
        let oldest_goes = usize::from(self.shared.len() >= SHARED_PAIRS);
        self.shared = self.shared.iter().skip(oldest_goes).copied().chain([(clients, now)]).collect();
        true
    }

    /// The client that was last found to use this session in turn with `client`.
    pub(super) fn shares_with(&self, client: SocketAddr) -> Option<SocketAddr> {
        self.shared.iter().rev().find_map(|(clients, _)| match clients {
            [one, other] if one.ip() == client.ip() && *one == client => Some(*other),
            [one, other] if other.ip() == client.ip() => Some(*one),
            [one, other] if one.ip() == client.ip() => Some(*other),
            _ => None,
        })
    }

    /// Forgets the oldest claim that came to nothing and whose password is not known to be right (strangers can make
    /// any number of those), or else the oldest that is over, or else the oldest that was not given the session, or
    /// else the oldest; never the current one.
    fn forget_one(&mut self) {
        let current = self.current_index();
        let first = |fits: fn(&Attachment) -> bool| {
            (0..self.history.len()).find(|index| Some(*index) != current && fits(&self.history[*index]))
        };
        // Forged claims go first: otherwise a stranger could push out the evidence of who took the session.
        let forged = first(|entry| {
            let is_refused = matches!(entry.claim.outcome, ClaimOutcome::Refused { .. });
            match entry.claim.password {
                PasswordCheck::Wrong => (entry.end.is_some() || is_refused) && !entry.is_attached(),
                // Where servers make their own, only what the server said tells a stranger.
                PasswordCheck::Unjudged => is_refused,
                PasswordCheck::Right | PasswordCheck::NotNeeded => false,
            }
        });
        let over =
            forged.or_else(|| first(|entry| entry.end.is_some())).or_else(|| first(|entry| !entry.is_attached()));
        let Some(index) = over.or_else(|| first(|_| true)) else { return };
        let gone = self.history.remove(index);
        self.attached -= u32::from(gone.is_attached());
        self.forgotten = self.forgotten.saturating_add(1);
    }

    fn entry(&mut self, connection: ConnectionId) -> Option<&mut Attachment> {
        self.history.iter_mut().rev().find(|entry| entry.connection == connection)
    }
}

#[cfg(test)]
#[path = "session_record_tests.rs"]
mod tests;
