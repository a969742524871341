//! What waits to be written, as it came from the thread of the traffic: nothing is put into words there.

use std::time::Duration;

use crate::diagnose::risk::SessionRisk;
use crate::diagnose::{EnsembleEvent, Incident};
use crate::session::connection_end::UnansweredRequest;
use crate::session::fact::Fact;
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;
use crate::session::verdict::{SessionMove, SessionMovedRefusal};

/// One thing to be written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum HistoryChange {
    /// A session moved, or the reason of its move is known.
    Move(Box<SessionMove>),
    /// A session was refused because it had moved.
    Refusal(Box<SessionMovedRefusal>),
    /// An incident was opened, revised or closed.
    Incident(Box<Incident>),
    /// Something happened in the ensemble; it had lasted so long where that is known.
    Ensemble(EnsembleEvent, Option<Duration>),
    /// A risk was seen, or went out.
    Risk(Box<SessionRisk>),
}

impl HistoryChange {
    /// Bytes that it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let boxed = match self {
            Self::Move(_) => size_of::<SessionMove>(),
            Self::Refusal(one) => size_of::<SessionMovedRefusal>() + facts(&one.facts) + requests(&one.unanswered),
            Self::Incident(one) => incident(one),
            Self::Ensemble(..) => 0,
            // Its path and its holder have a fixed length each.
            Self::Risk(_) => size_of::<SessionRisk>() + size_of::<ShortPath>() + size_of::<HolderIdentity>(),
        };
        size_of::<Self>() + boxed
    }
}

fn facts(facts: &[Fact]) -> usize {
    size_of_val(facts)
}

fn requests(requests: &[UnansweredRequest]) -> usize {
    size_of_val(requests) + requests.iter().map(|one| one.path.len()).sum::<usize>()
}

fn incident(one: &Incident) -> usize {
    let operations = &one.impact.operations;
    size_of::<Incident>()
        + facts(&one.diagnosed.facts)
        + size_of_val(one.revisions.as_slice())
        + size_of_val(one.impact.holders.as_slice())
        + size_of_val(operations.as_slice())
        + operations.iter().map(|lost| lost.path.len()).sum::<usize>()
}
