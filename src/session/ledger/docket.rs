//! The cases that wait for evidence, and until when.
//!
//! Bounded: when too many wait, the one whose time runs out first is to be decided with what is known.

use std::collections::{BTreeSet, HashMap};

use foldhash::quality::RandomState;

use super::case::Case;
use super::exodus::Testimony;
use crate::ids::ConnectionId;
use crate::time::Timestamp;

/// How many cases may wait at once. A storm of 10,000 sessions fits several times; one case is some 300 bytes.
pub const CASES: usize = 50_000;

/// What a case waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// A look at the server that did not answer its claim.
    Look,
    /// The end of its server's exodus.
    Exodus,
    /// The next attach of its session; its server went on serving, as somebody said.
    Return(Testimony),
}

#[derive(Debug, Default)]
pub(super) struct Docket {
    cases: HashMap<ConnectionId, (Case, Stage, Timestamp), RandomState>,
    /// The same cases by the moment when they must be decided.
    due: BTreeSet<(Timestamp, ConnectionId)>,
}

impl Docket {
    pub(super) fn put(&mut self, case: Case, stage: Stage, due: Timestamp) {
        self.due.insert((due, case.connection));
        self.cases.insert(case.connection, (case, stage, due));
    }

    pub(super) fn take(&mut self, connection: ConnectionId) -> Option<(Case, Stage, Timestamp)> {
        let (case, stage, due) = self.cases.remove(&connection)?;
        self.due.remove(&(due, connection));
        Some((case, stage, due))
    }

    pub(super) fn stage(&self, connection: ConnectionId) -> Option<Stage> {
        self.cases.get(&connection).map(|(_, stage, _)| *stage)
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// The next one that must be decided now: its time has run out, or there are too many.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<ConnectionId> {
        let &(due, connection) = self.due.first()?;
        (due <= now || self.cases.len() > CASES).then_some(connection)
    }
}
