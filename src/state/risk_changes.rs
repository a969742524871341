//! What is looked up and told of risks. Where sessions are looked up, the ledger's lock is taken inside the book's, never
//! the other way round.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::TrafficState;
use super::change_stream::StateChange;
use super::risk_state::{LateConnection, NodeMeeting};
use crate::diagnose::risk::node_owner::judge;
use crate::diagnose::risk::{
    AwayState, MetNode, NodeOwner, OwnerState, RiskBook, RiskDetail, RiskSubject, SessionRisk,
};
use crate::ids::{ConnectionId, SessionId};
use crate::lock::lock;
use crate::session::identity::HolderIdentity;
use crate::session::ledger::{SessionLedger, SessionRecord, SessionState};
use crate::session::short_path::ShortPath;
use crate::time::Timestamp;

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
        Some(SessionState::Ended { .. }) | None => AwayState::Over,
    }
}

/// What is known of a node's owner; `silent` is how long its client has been.
fn owner(ledger: &SessionLedger, session: SessionId, silent: Option<Duration>) -> NodeOwner {
    let record = ledger.session(session);
    let current = record.and_then(SessionRecord::current);
    let timeout = current.map(|one| one.claim.timeout());
    let state = match (record.map(SessionRecord::state), timeout) {
        (Some(SessionState::Live), Some(timeout)) => OwnerState::Alive { silent: silent.unwrap_or_default(), timeout },
        (Some(SessionState::Pending { since }), Some(timeout)) => {
            OwnerState::Away { since, expires_at: since.after(timeout) }
        }
        (Some(SessionState::Ended { .. }), _) => OwnerState::Over,
        _ => OwnerState::Unknown,
    };
    NodeOwner { session, client: record.and_then(SessionRecord::client), state }
}

impl TrafficState {
    /// Takes the connections that are late now, and looks at everything else that is at risk. `is_open` tells of a
    /// connection that was late whether it is open still.
    pub fn look_at_risks(
        &self,
        now: Timestamp,
        late: &[LateConnection],
        is_open: impl Fn(SessionId, ConnectionId) -> bool,
    ) {
        self.risks().looked_at.store(now.0, Ordering::Relaxed);
        let changes = {
            let mut book = lock(&self.risks().book);
            // Four times a second for as long as zoogate runs: without anything at risk the ledger is left alone.
            if late.is_empty() && !book.is_waiting() {
                return;
            }
            for (key, connection) in book.late_connections() {
                if !late.iter().any(|one| (one.code, one.session) == key) {
                    book.settle_late(now, key, !is_open(key.1, connection));
                }
            }
            let ledger = self.ledger();
            for one in late {
                let whose = || subject(&ledger, one.session);
                book.late(now, one.code, one.connection, one.budget, whose, one.session);
            }
            book.look_at_away(now, |session| away_state(&ledger, session), |session| subject(&ledger, session));
            book.look_at_nodes(now, |session| away_state(&ledger, session) == AwayState::Over);
            book.take_changes()
        };
        self.tell_risks(&changes);
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
            NodeMeeting::Registered(names) => (Some(names), self.ledger().holder(&names)),
            NodeMeeting::Read { owner, .. } if owner == session => return,
            NodeMeeting::Read { path, owner } => (HolderIdentity::of_ephemeral(path), Some(owner)),
        };
        let Some(names) = names else { return };
        let Some(owned_by) = owned_by.filter(|owner| *owner != session) else {
            // Clients that meet such a node read it next (Kafka does), and the answer names its owner.
            return self.risks().await_owner(session, names);
        };
        let registers = matches!(meeting, NodeMeeting::Registered(_)) || self.risks().registers(session, &names);
        // Asked before the ledger is locked: the meters have locks of their own.
        let silent = silent(owned_by);
        let (found, whose) = {
            let ledger = self.ledger();
            let Some(record) = ledger.session(session) else { return };
            let given_at = record.current().and_then(|one| one.claim.attached_at());
            let (Some(client), Some(given_at)) = (record.client(), given_at) else { return };
            let met = MetNode { session, client, given_at, names: &names, registers };
            (judge(&met, &owner(&ledger, owned_by, silent), now), subject(&ledger, session))
        };
        let Some((code, expires_at)) = found else { return };
        let path = Box::new(match meeting {
            NodeMeeting::Read { path, .. } => ShortPath::new(path),
            NodeMeeting::Registered(_) => names.node(),
        });
        let detail = RiskDetail::Node { path, owner: Some(owned_by), expires_at };
        let changes = {
            let mut book = lock(&self.risks().book);
            book.met(now, code, session, detail, || whose);
            book.take_changes()
        };
        self.tell_risks(&changes);
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
