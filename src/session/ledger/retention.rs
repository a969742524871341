//! What the ledger keeps of what has happened: the newest of it, bounded by number and by bytes; and what each thing
//! weighs.

use std::mem::size_of;

use super::SessionLedger;
use super::bounded_ring::{BoundedRing, RingBound};
use super::unexplained_close::UnexplainedClose;
use crate::ids::SessionId;
use crate::session::connection_end::UnansweredRequest;
use crate::session::fact::{Fact, FactList};
use crate::session::transition::{CloseDetails, EndedConnection, LedgerFinding};
use crate::session::verdict::{SessionMove, SessionMovedRefusal};

/// Bytes of the moves that are kept.
pub const MOVES_BYTES: usize = 5 << 19;
/// Bytes of the refusals that are kept, their facts and paths included.
pub const VERDICTS_BYTES: usize = 2 << 20;
/// Bytes of the ended connections that are kept, their facts included.
pub const ENDED_BYTES: usize = 2 << 20;
/// Bytes of the findings that wait to be polled.
pub const FINDINGS_BYTES: usize = 8 << 20;

/// Sessions that are no longer remembered and wait to be polled.
const GONE: usize = 65_536;

/// What the allocator takes beside what was asked for, about.
const ALLOCATION: usize = 16;

pub(super) fn moves(items: usize) -> BoundedRing<SessionMove> {
    BoundedRing::new(RingBound { items, bytes: MOVES_BYTES }, |_| size_of::<SessionMove>())
}

pub(super) fn verdicts(items: usize) -> BoundedRing<SessionMovedRefusal> {
    BoundedRing::new(RingBound { items, bytes: VERDICTS_BYTES }, verdict_weight)
}

pub(super) fn ended(items: usize) -> BoundedRing<EndedConnection> {
    BoundedRing::new(RingBound { items, bytes: ENDED_BYTES }, ended_weight)
}

pub(super) fn findings(items: usize) -> BoundedRing<LedgerFinding> {
    BoundedRing::new(RingBound { items, bytes: FINDINGS_BYTES }, |finding| match finding {
        LedgerFinding::SessionMoved(verdict) => size_of::<LedgerFinding>() + verdict_weight(verdict),
        LedgerFinding::Ended(ended, close) => {
            let close = close
                .as_ref()
                .map_or(0, |close| size_of::<CloseDetails>() + ALLOCATION + unanswered_weight(&close.unanswered));
            size_of::<LedgerFinding>() + ended_weight(ended) + close
        }
        LedgerFinding::Moved(_)
        | LedgerFinding::MoveExplained(_)
        | LedgerFinding::SharedSession { .. }
        | LedgerFinding::ManyServers { .. } => size_of::<LedgerFinding>(),
    })
}

pub(super) fn gone() -> BoundedRing<SessionId> {
    // Its items have one size, so their number bounds the bytes.
    BoundedRing::new(RingBound { items: GONE, bytes: usize::MAX }, |_| size_of::<SessionId>())
}

fn verdict_weight(verdict: &SessionMovedRefusal) -> usize {
    size_of::<SessionMovedRefusal>() + facts_weight(&verdict.facts) + unanswered_weight(&verdict.unanswered)
}

fn ended_weight(ended: &EndedConnection) -> usize {
    size_of::<EndedConnection>() + facts_weight(&ended.facts)
}

fn facts_weight(facts: &FactList) -> usize {
    match facts {
        FactList::Borrowed(_) => 0,
        FactList::Owned(facts) => Fact::bytes_of(facts) + (facts.len() + 1) * ALLOCATION,
    }
}

fn unanswered_weight(requests: &[UnansweredRequest]) -> usize {
    requests.iter().map(|request| size_of::<UnansweredRequest>() + request.path.capacity() + ALLOCATION).sum()
}

/// What an undecided close weighs.
pub(super) fn close_weight(close: &UnexplainedClose) -> usize {
    size_of::<UnexplainedClose>() + unanswered_weight(&close.end.unanswered)
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
    pub fn numbered_verdicts(&self) -> impl DoubleEndedIterator<Item = (u64, &SessionMovedRefusal)> {
        self.verdicts.numbered()
    }

    /// The verdict of this number, while it is kept.
    pub fn verdict_numbered(&self, number: u64) -> Option<&SessionMovedRefusal> {
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
