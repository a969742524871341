//! The risks as state: a book, and registrations that wait for their node's owner, behind locks of their own.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use crate::diagnose::risk::{AwaySession, HeartbeatBudget, RiskBook, RiskCode};
use crate::ids::{ConnectionId, SessionId};
use crate::lock::lock;
use crate::session::identity::HolderIdentity;
use crate::session::transition::LedgerFinding;

/// Registrations that met a node whose owner is not known yet, the newest.
pub(crate) const REGISTRATIONS: usize = 64;

/// A session and the node that it wanted to register, by whom it tells of.
type MetRegistration = (SessionId, Box<HolderIdentity>);

/// Risks, and registrations that wait for their node's owner.
#[derive(Debug, Default)]
pub(super) struct RiskState {
    pub(super) book: Mutex<RiskBook>,
    /// `len() <= REGISTRATIONS`
    registrations: Mutex<Vec<MetRegistration>>,
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
            let (since, timeout) = (ended.ended_at, close.timeout);
            Some(AwaySession { session, since, heard_at: since.before(close.client_silence), timeout })
        });
        // Most findings leave nobody away, and then the book is not locked.
        let mut book = None;
        away.for_each(|one| book.get_or_insert_with(|| lock(&self.book)).lost_connection(one));
    }

    /// A registration met a node whose owner is not known.
    pub(super) fn await_owner(&self, session: SessionId, names: HolderIdentity) {
        let mut waiting = lock(&self.registrations);
        waiting.retain(|(whose, _)| *whose != session);
        if waiting.len() >= REGISTRATIONS {
            waiting.remove(0);
        }
        waiting.push((session, Box::new(names)));
    }

    /// Whether a session wanted to register that node a moment ago.
    pub(super) fn registers(&self, session: SessionId, names: &HolderIdentity) -> bool {
        lock(&self.registrations).iter().any(|(whose, node)| *whose == session && **node == *names)
    }
}
