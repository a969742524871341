//! What is looked up and told of risks. Where sessions are looked up, the ledger's lock is taken inside the book's, never
//! the other way round.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use foldhash::quality::RandomState;

use super::TrafficState;
use super::change_stream::StateChange;
use super::risk_state::{LateConnection, NodeMeeting, SuspectedDouble};
use crate::diagnose::ClientNetwork;
use crate::diagnose::risk::node_owner::{is_beside, is_registration, judge};
use crate::diagnose::risk::risk_book::RISKS_OPEN;
use crate::diagnose::risk::{
    AwayState, MetNode, NodeOwner, OwnerState, RiskBook, RiskCode, RiskDetail, RiskKey, RiskSubject, SessionRisk,
};
use crate::ids::SessionId;
use crate::lock::lock;
use crate::session::client_profile::profile_of;
use crate::session::identity::HolderIdentity;
use crate::session::ledger::{SessionEnd, SessionLedger, SessionRecord, SessionState};
use crate::session::short_path::ShortPath;
use crate::time::Timestamp;
use crate::wire::handshake::PasswordCheck;

/// Connections that are newly late and are looked up at one look, while others wait for the ledger.
const LATE_LOOKED_UP: usize = 4 * RISKS_OPEN;

/// A session's end and holder, as the risks show them.
fn subject(ledger: &SessionLedger, session: SessionId) -> RiskSubject {
    let record = ledger.session(session);
    RiskSubject {
        session,
        server: record.and_then(SessionRecord::server),
        client: record.and_then(SessionRecord::client),
        identity: record.and_then(SessionRecord::identity).map(Box::new),
    }
}

fn away_state(ledger: &SessionLedger, session: SessionId) -> AwayState {
    match ledger.session(session).map(SessionRecord::state) {
        Some(SessionState::Live) => AwayState::Back,
        Some(SessionState::Pending { .. }) => AwayState::Away,
        Some(SessionState::Ended { how: SessionEnd::Closed | SessionEnd::Replaced, .. }) => AwayState::Left,
        Some(SessionState::Ended { how: SessionEnd::Expired, .. }) => AwayState::Expired,
        // It went another way, or was let go of for want of room.
        Some(SessionState::Ended { how: SessionEnd::Lapsed, .. }) | None => AwayState::Unknown,
    }
}

fn is_over(ledger: &SessionLedger, session: SessionId) -> bool {
    !matches!(away_state(ledger, session), AwayState::Away | AwayState::Back)
}

/// When a session began; None where zoogate did not see that.
fn began_at(record: &SessionRecord) -> Option<Timestamp> {
    let first = record.attachments().next().filter(|_| record.forgotten() == 0)?;
    // Only who asks for a new session needs no password.
    first.claim.attached_at().filter(|_| first.claim.password == PasswordCheck::NotNeeded)
}

/// What is known of a node's owner; `silent` is how long its client has been while it has a connection, and `heard_at`
/// when it was heard last before it lost that, as far as that is known.
fn owner(
    ledger: &SessionLedger,
    session: SessionId,
    silent: Option<Duration>,
    heard_at: Option<Timestamp>,
) -> NodeOwner {
    let record = ledger.session(session);
    let current = record.and_then(SessionRecord::current);
    let timeout = current.map(|one| one.claim.timeout());
    let state = match (record.map(SessionRecord::state), timeout) {
        (Some(SessionState::Live), Some(timeout)) => OwnerState::Alive { silent: silent.unwrap_or_default(), timeout },
        (Some(SessionState::Pending { since }), Some(timeout)) => {
            // The servers count from the last that they heard.
            OwnerState::Away { since, expires_at: heard_at.unwrap_or(since).min(since).after(timeout) }
        }
        (Some(SessionState::Ended { .. }), _) => OwnerState::Over,
        _ => OwnerState::Unknown,
    };
    NodeOwner { session, client: record.and_then(SessionRecord::client), state }
}

impl TrafficState {
    /// Takes the connections that are late now, and looks at everything else that is at risk. `heard_at` tells when a
    /// session's client was heard last, and `paused` how long zoogate itself stood still between a moment and now.
    pub fn look_at_risks(
        &self,
        now: Timestamp,
        late: &[LateConnection],
        heard_at: impl Fn(SessionId) -> Option<Timestamp>,
        paused: impl Fn(Timestamp) -> Duration,
    ) {
        self.risks().looked_at.store(now.0, Ordering::Relaxed);
        // Both are made before anything is locked: in a storm they are long.
        let keys: HashSet<_, RandomState> = late.iter().map(|one| RiskKey::of(one.code, one.session)).collect();
        let suspects = self.take_suspects(now, heard_at);
        let changes = {
            let mut book = lock(&self.risks().book);
            // Twice a second for as long as zoogate runs: without anything at risk the ledger is left alone.
            if late.is_empty() && suspects.is_empty() && !book.is_waiting() {
                return;
            }
            let ledger = self.ledger();
            for (key, _) in book.late_connections() {
                if !keys.contains(&key) {
                    book.settle_late(now, key, away_state(&ledger, key.session), &paused);
                }
            }
            let (known, new): (Vec<&LateConnection>, Vec<&LateConnection>) =
                late.iter().partition(|one| book.is_open(RiskKey::of(one.code, one.session)));
            // More than find room: the first of them may be strangers, who leave room for others.
            let looked_up = if book.room(true) > 0 { LATE_LOOKED_UP } else { 0 };
            for one in known.into_iter().chain(new.into_iter().take(looked_up)) {
                let whose = || subject(&ledger, one.session);
                let sign = ledger.session(one.session).and_then(SessionRecord::client_sign);
                let budget = one.budget.of_client(profile_of(sign));
                book.late(now, one.code, one.connection, budget, whose, one.session);
            }
            book.end_look(late.len() as u64);
            for (double, code, expires_at) in suspects {
                let detail = RiskDetail::Node { path: double.path, owner: Some(double.owner), expires_at };
                book.met(now, code, double.session, detail, || subject(&ledger, double.session));
            }
            let whose = |session| subject(&ledger, session);
            book.look_at_away(now, |session| away_state(&ledger, session), whose, &paused);
            book.look_at_nodes(now, |session| is_over(&ledger, session));
            book.take_changes()
        };
        self.tell_risks(&changes);
    }

    /// Names that two sessions seemed to have and of which it is known by now: the other one was heard again, or has lost
    /// its connection. Those of which nothing can come any more are forgotten.
    fn take_suspects(
        &self,
        now: Timestamp,
        heard_at: impl Fn(SessionId) -> Option<Timestamp>,
    ) -> Vec<(SuspectedDouble, RiskCode, Option<Timestamp>)> {
        let mut known = Vec::new();
        let mut suspects = lock(&self.risks().suspects);
        if suspects.is_empty() {
            return known;
        }
        let heard: Vec<bool> =
            suspects.iter().map(|one| heard_at(one.owner).is_some_and(|heard_at| heard_at > one.at)).collect();
        let heard_before =
            self.with_risks(|book| suspects.iter().map(|one| book.heard_at(one.owner)).collect::<Vec<_>>());
        let ledger = self.ledger();
        let mut heard = heard.into_iter().zip(heard_before);
        suspects.retain(|one| {
            // The session that met the node may be over by now: who cannot register ends, and the name is doubled still.
            let (is_heard, before) = heard.next().unwrap_or_default();
            match owner(&ledger, one.owner, None, before).state {
                OwnerState::Alive { .. } if is_heard => {
                    known.push((one.clone(), RiskCode::DuplicateIdentity, None));
                    false
                }
                // A client that lives is heard every third of its timeout.
                OwnerState::Alive { timeout, .. } => now.since(one.at) <= timeout,
                OwnerState::Away { expires_at, .. } => {
                    known.push((one.clone(), RiskCode::OrphanEphemeral, Some(expires_at)));
                    false
                }
                OwnerState::Over | OwnerState::Unknown => false,
            }
        });
        known
    }

    /// A client met a node that may be an older session's of its own. `silent` tells how long a session's client has
    /// been silent.
    pub fn note_meeting(
        &self,
        now: Timestamp,
        session: SessionId,
        meeting: NodeMeeting<'_>,
        silent: impl Fn(SessionId) -> Option<Duration>,
    ) {
        let (names, owned_by) = match meeting {
            // Who loses the race for a lock or an election has lost nothing.
            // But what it reads then may be its own from before.
            NodeMeeting::Registered(names) if !is_registration(&names) => {
                return self.risks().note_try(now, session, self.network_of(session), names);
            }
            NodeMeeting::Registered(names) => (Some(names), self.ledger().holder(&names)),
            NodeMeeting::Read { owner, .. } if owner == session => return,
            NodeMeeting::Read { path, owner } => (HolderIdentity::of_ephemeral(path), Some(owner)),
        };
        let Some(names) = names else { return };
        let Some(owned_by) = owned_by.filter(|owner| *owner != session) else {
            // Clients that meet such a node read it next (Kafka does), and the answer names its owner.
            return self.risks().await_owner(now, session, self.network_of(session), names);
        };
        let registers = matches!(meeting, NodeMeeting::Registered(_)) || self.risks().registers(now, session, &names);
        // Asked before the ledger is locked: the meters have locks of their own.
        let silent = silent(owned_by);
        let heard_at = self.with_risks(|book| book.heard_at(owned_by));
        let tried = registers || self.risks().tried(now, session, &names);
        let (found, whose) = {
            let ledger = self.ledger();
            let Some(record) = ledger.session(session) else { return };
            let Some(client) = record.client() else { return };
            let known = record.identity();
            let has_same = known.is_some() && known == ledger.session(owned_by).and_then(SessionRecord::identity);
            let is_alike = tried || has_same || known.is_some_and(|known| is_beside(&known, &names));
            let met = MetNode { session, client, began_at: began_at(record), names: &names, registers, is_alike };
            (judge(&met, &owner(&ledger, owned_by, silent, heard_at), now), subject(&ledger, session))
        };
        let Some((code, expires_at)) = found else { return };
        let path = Box::new(match meeting {
            NodeMeeting::Read { path, .. } => ShortPath::new(path),
            NodeMeeting::Registered(_) => names.node(),
        });
        if code == RiskCode::DuplicateIdentity {
            // A host that died without a word has its connection still: the other one is to be heard first.
            let client = whose.client.map(|client| ClientNetwork::of(client.ip()));
            return self.risks().suspect(SuspectedDouble { session, client, owner: owned_by, at: now, path });
        }
        let detail = RiskDetail::Node { path, owner: Some(owned_by), expires_at };
        let changes = {
            let mut book = lock(&self.risks().book);
            book.met(now, code, session, detail, || whose);
            book.take_changes()
        };
        self.tell_risks(&changes);
    }

    /// The client that a session is of, or was last.
    fn network_of(&self, session: SessionId) -> Option<ClientNetwork> {
        let client = self.ledger().session(session).and_then(SessionRecord::client);
        client.map(|client| ClientNetwork::of(client.ip()))
    }

    fn tell_risks(&self, changes: &[SessionRisk]) {
        for risk in changes {
            self.tell(StateChange::Risk(risk));
        }
    }

    /// When the risks were looked at last: a moment ago.
    pub fn risks_looked_at(&self) -> Timestamp {
        Timestamp(self.risks().looked_at.load(Ordering::Relaxed))
    }

    /// Reads of the risks. Nothing is formatted meanwhile.
    pub fn with_risks<T>(&self, read: impl FnOnce(&RiskBook) -> T) -> T {
        read(&lock(&self.risks().book))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::risk::HeartbeatBudget;
    use crate::ids::{ConnectionId, ServerId, Zxid};
    use crate::session::client_profile::ClientProfile;
    use crate::session::ledger::LedgerLimits;
    use crate::session::transition::SessionTransition;
    use crate::session::verdict::RouteReason;
    use crate::wire::Dialect;
    use crate::wire::handshake::{ConnectRequest, ConnectResponse};

    const SESSION: SessionId = SessionId(0x0100_0000_0000_0001);
    const CONNECTION: ConnectionId = ConnectionId(1);

    fn late(session: SessionId, connection: ConnectionId) -> LateConnection {
        let [client_silent, timeout] = [3, 6].map(Duration::from_secs);
        let budget = HeartbeatBudget {
            client_silent,
            server_silent: client_silent,
            is_owed: false,
            client_held: false,
            timeout,
            profile: ClientProfile::Unknown,
        };
        LateConnection { session, connection, code: RiskCode::ClientSilent, budget }
    }

    #[test]
    fn a_late_session_whose_holder_is_known_is_told_behind_as_many_strangers_as_there_are_places() {
        let state = TrafficState::new(&["a:1".to_owned()], LedgerLimits::default(), Vec::new());
        let (now, connection) = (Timestamp(1), CONNECTION);
        let (client, server, routed) = (([127, 0, 0, 1], 4000).into(), ServerId(0), RouteReason::Mirror);
        let request = ConnectRequest {
            last_zxid: Zxid(0),
            timeout_ms: 6_000,
            session: SessionId::NEW,
            password: PasswordCheck::NotNeeded,
            read_only: None,
            dialect: Dialect::ZOOKEEPER,
        };
        let response = ConnectResponse { timeout_ms: 6_000, session: SESSION, ..ConnectResponse::default() };
        state.apply(now, SessionTransition::Claimed { connection, client, server, request, routed });
        state.apply(now, SessionTransition::Answered { connection, response });
        state.apply(now, SessionTransition::Identified { connection, identity: HolderIdentity::broker(1) });
        let mut all: Vec<LateConnection> =
            (2..2 + RISKS_OPEN as u64).map(|number| late(SessionId(number as i64), ConnectionId(number))).collect();
        all.push(late(SESSION, CONNECTION));
        state.look_at_risks(Timestamp(2), &all, |_| None, |_| Duration::ZERO);
        let told: Vec<SessionId> =
            state.with_risks(|book| book.risks().iter().map(|risk| risk.subject.session).collect());
        assert_eq!((told.len(), told.contains(&SESSION)), (RISKS_OPEN / 2 + 1, true));
    }
}
