//! One leader's time in office: what only the leader knows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::data_tree::DataTree;
use super::link::LinkId;
use super::session_tracker::{SessionOwner, SessionTracker, TrackerRefusal};
use super::transaction::{RequestOrigin, Txn};

/// One leader's time in office.
#[derive(Debug)]
pub(super) struct LeaderTerm {
    pub(super) server: usize,
    pub(super) tracker: SessionTracker,
    /// The connection by which each session came to its owner.
    pub(super) holders: BTreeMap<i64, LinkId>,
    /// The tree with everything that is proposed.
    pub(super) ahead: DataTree,
    pub(super) zxid: i64,
    /// Link of each server, the leader's own included; None while it has not joined.
    pub(super) handlers: Vec<Option<u64>>,
    /// Proposed, and not yet acknowledged by a majority.
    pub(super) proposed: VecDeque<Arc<Txn>>,
    /// Committed, and perhaps not yet heard of by all.
    pub(super) recent: VecDeque<Arc<Txn>>,
}

impl LeaderTerm {
    /// Whose requests those are; None for one of an earlier term.
    pub(super) fn owner(&self, origin: RequestOrigin) -> Option<SessionOwner> {
        let current = self.handlers[origin.server] == Some(origin.handler);
        current.then_some(if origin.server == self.server {
            SessionOwner::Leader
        } else {
            SessionOwner::Learner(origin.handler)
        })
    }

    /// Whether `owner` may speak for the session, by a request on this connection.
    pub(super) fn check(&mut self, session: i64, owner: SessionOwner, link: LinkId) -> Result<(), TrackerRefusal> {
        self.tracker.check(session, owner)?;
        self.holders.entry(session).or_insert(link);
        Ok(())
    }
}
