//! The risks as state: a book, and registrations that wait for their node's owner, behind locks of their own.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::diagnose::risk::{AwaySession, HeartbeatBudget, RiskBook, RiskCode};
use crate::ids::{ConnectionId, SessionId};
use crate::lock::lock;
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;
use crate::session::transition::LedgerFinding;
use crate::time::Timestamp;

/// Registrations that met a node whose owner is not known yet, the newest.
pub(crate) const REGISTRATIONS: usize = 64;

/// How long a registration waits for its node's owner: a client reads it at once.
pub(crate) const REGISTRATION_WAITS: Duration = Duration::from_mins(1);
/// Names that two sessions seem to have, until the other one is heard again.
pub(crate) const SUSPECTS: usize = 64;

/// A node that a session wanted to make, and that was there: a registration whose node's owner is not known yet, or
/// another one.
#[derive(Debug)]
struct MetRegistration {
    session: SessionId,
    names: Box<HolderIdentity>,
    at: Timestamp,
}

/// A name that two sessions seem to have: the other one's connection stands, and its client may be dead all the same.
#[derive(Clone, Debug)]
pub(super) struct SuspectedDouble {
    /// The session that met the node.
    pub(super) session: SessionId,
    /// The one that has it.
    pub(super) owner: SessionId,
    /// When they met.
    pub(super) at: Timestamp,
    /// The node.
    pub(super) path: Box<ShortPath>,
}

/// Risks, and registrations that wait for their node's owner.
#[derive(Debug, Default)]
pub(super) struct RiskState {
    pub(super) book: Mutex<RiskBook>,
    /// `len() <= REGISTRATIONS`
    registrations: Mutex<Vec<MetRegistration>>,
    /// Locks and elections, of which there may be many. `len() <= REGISTRATIONS`
    tries: Mutex<Vec<MetRegistration>>,
    /// `len() <= SUSPECTS`
    pub(super) suspects: Mutex<Vec<SuspectedDouble>>,
    /// When the risks were looked at last, in nanoseconds.
    pub(super) looked_at: AtomicU64,
}

/// A connection one side of which is late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LateConnection {
    /// The session.
    pub session: SessionId,
    /// The connection.
    pub connection: ConnectionId,
    /// What is at risk.
    pub code: RiskCode,
    /// What is left.
    pub budget: HeartbeatBudget,
}

/// A node that a client met on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeMeeting<'a> {
    /// It wanted to register the node, which exists.
    Registered(HolderIdentity),
    /// It read the node, which has this owner.
    Read {
        /// The node's path.
        path: &'a [u8],
        /// Its owner.
        owner: SessionId,
    },
}

impl RiskState {
    /// Takes what the ledger found: a session that has lost its connection is watched.
    pub(super) fn take(&self, findings: &[LedgerFinding]) {
        let away = findings.iter().filter_map(|finding| {
            let LedgerFinding::Ended(ended, Some(close)) = finding else { return None };
            let lost = ended.attached_at.is_some() && !close.closing;
            // A session that another connection carries on is not away, whatever became of this one.
            let session = ended.session.filter(|_| lost && close.lives_at.is_none())?;
            // While zoogate itself stood still, the servers heard nothing either.
            let (since, heard_at, timeout) = (ended.ended_at, close.client_heard_at, close.timeout);
            Some(AwaySession { session, since, heard_at, timeout })
        });
        // Most findings leave nobody away, and then the book is not locked.
        let mut book = None;
        away.for_each(|one| book.get_or_insert_with(|| lock(&self.book)).lost_connection(one));
    }

    /// A registration met a node whose owner is not known.
    pub(super) fn await_owner(&self, at: Timestamp, session: SessionId, names: HolderIdentity) {
        keep(&self.registrations, MetRegistration { session, names: Box::new(names), at });
    }

    /// A session wanted to make a node that is no registration, and it was there.
    pub(super) fn note_try(&self, at: Timestamp, session: SessionId, names: HolderIdentity) {
        keep(&self.tries, MetRegistration { session, names: Box::new(names), at });
    }

    /// Two sessions seem to have one name.
    pub(super) fn suspect(&self, double: SuspectedDouble) {
        let mut suspects = lock(&self.suspects);
        suspects.retain(|one| one.session != double.session);
        if suspects.len() >= SUSPECTS {
            suspects.remove(0);
        }
        suspects.push(double);
    }

    /// Whether a session wanted to register that node a moment ago.
    pub(super) fn registers(&self, now: Timestamp, session: SessionId, names: &HolderIdentity) -> bool {
        has(&self.registrations, now, session, names)
    }

    /// Whether a session wanted to make that node a moment ago, which is no registration.
    pub(super) fn tried(&self, now: Timestamp, session: SessionId, names: &HolderIdentity) -> bool {
        has(&self.tries, now, session, names)
    }
}

/// Keeps the newest of each session.
fn keep(waiting: &Mutex<Vec<MetRegistration>>, one: MetRegistration) {
    let mut waiting = lock(waiting);
    waiting.retain(|other| other.session != one.session && one.at.since(other.at) < REGISTRATION_WAITS);
    if waiting.len() >= REGISTRATIONS {
        waiting.remove(0);
    }
    waiting.push(one);
}

fn has(waiting: &Mutex<Vec<MetRegistration>>, now: Timestamp, session: SessionId, names: &HolderIdentity) -> bool {
    let fits = |one: &MetRegistration| one.session == session && *one.names == *names;
    lock(waiting).iter().any(|one| fits(one) && now.since(one.at) < REGISTRATION_WAITS)
}
