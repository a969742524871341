//! What the ledger keeps of what has happened: the newest of it, bounded by number and by bytes; and what each thing
//! weighs.

use std::mem::size_of;

use super::SessionLedger;
use super::case::Case;
use super::ring::{Ring, RingBound};
use crate::ids::SessionId;
use crate::session::ending::Unanswered;
use crate::session::fact::Fact;
use crate::session::transition::{EndedConnection, Finding};
use crate::session::verdict::{MoveVerdict, SessionMove};

/// Bytes of the moves that are kept.
pub const MOVES_BYTES: usize = 3 << 20;
/// Bytes of the refusals that are kept, their facts and paths included.
pub const VERDICTS_BYTES: usize = 2 << 20;
/// Bytes of the ended connections that are kept, their facts included.
pub const ENDED_BYTES: usize = 3 << 20;
/// Bytes of the findings that wait to be polled.
pub const FINDINGS_BYTES: usize = 8 << 20;

/// Sessions that are no longer remembered and wait to be polled.
const GONE: usize = 65_536;

/// What the allocator takes beside what was asked for, about.
const ALLOCATION: usize = 16;

pub(super) fn moves(items: usize) -> Ring<SessionMove> {
    Ring::new(RingBound { items, bytes: MOVES_BYTES }, |_| size_of::<SessionMove>())
}

pub(super) fn verdicts(items: usize) -> Ring<MoveVerdict> {
    Ring::new(RingBound { items, bytes: VERDICTS_BYTES }, verdict_weight)
}

pub(super) fn ended(items: usize) -> Ring<EndedConnection> {
    Ring::new(RingBound { items, bytes: ENDED_BYTES }, ended_weight)
}

pub(super) fn findings(items: usize) -> Ring<Finding> {
    Ring::new(RingBound { items, bytes: FINDINGS_BYTES }, |finding| match finding {
        Finding::SessionMoved(verdict) => size_of::<Finding>() + verdict_weight(verdict),
        Finding::Ended(ended) => size_of::<Finding>() + ended_weight(ended),
        Finding::Moved(_) | Finding::MoveExplained(_) | Finding::SharedSession { .. } | Finding::ManyServers { .. } => {
            size_of::<Finding>()
        }
    })
}

pub(super) fn gone() -> Ring<SessionId> {
    // Its items have one size, so their number bounds the bytes.
    Ring::new(RingBound { items: GONE, bytes: usize::MAX }, |_| size_of::<SessionId>())
}

fn verdict_weight(verdict: &MoveVerdict) -> usize {
    size_of::<MoveVerdict>() + facts_weight(&verdict.facts) + unanswered_weight(&verdict.unanswered)
}

fn ended_weight(ended: &EndedConnection) -> usize {
    size_of::<EndedConnection>() + facts_weight(&ended.facts)
}

fn facts_weight(facts: &[Fact]) -> usize {
    Fact::bytes_of(facts) + (facts.len() + 1) * ALLOCATION
}

fn unanswered_weight(requests: &[Unanswered]) -> usize {
    requests.iter().map(|request| size_of::<Unanswered>() + request.path.capacity() + ALLOCATION).sum()
}

/// What an undecided case weighs.
pub(super) fn case_weight(case: &Case) -> usize {
    size_of::<Case>() + unanswered_weight(&case.end.unanswered)
}

impl SessionLedger {
    /// Moves with their numbers, newest last. A move keeps its number.
    pub fn numbered_moves(&self) -> impl DoubleEndedIterator<Item = (u64, &SessionMove)> {
        self.moves.numbered()
    }

    /// The move of this number, while it is kept.
    pub fn move_numbered(&self, number: u64) -> Option<&SessionMove> {
        self.moves.get(number)
    }

    /// Verdicts with their numbers, newest last. A verdict keeps its number.
    pub fn numbered_verdicts(&self) -> impl DoubleEndedIterator<Item = (u64, &MoveVerdict)> {
        self.verdicts.numbered()
    }

    /// The verdict of this number, while it is kept.
    pub fn verdict_numbered(&self, number: u64) -> Option<&MoveVerdict> {
        self.verdicts.get(number)
    }

    /// Ended connections with their numbers, newest last. Each keeps its number.
    pub fn numbered_ends(&self) -> impl DoubleEndedIterator<Item = (u64, &EndedConnection)> {
        self.ended.numbered()
    }

    /// The ended connection of this number, while it is kept.
    pub fn end_numbered(&self, number: u64) -> Option<&EndedConnection> {
        self.ended.get(number)
    }
}
