//! What happens on the stage of a story, each at its time.

use std::cmp::Ordering;

use super::ensemble::LinkId;
use crate::ids::ServerId;
use crate::session::connection_end::CloseKind;
use crate::time::Timestamp;

/// One piece of a conversation on its way.
#[derive(Clone, Debug)]
pub(super) enum ConversationItem {
    Bytes(Vec<u8>),
    End(CloseKind),
}

impl ConversationItem {
    /// Whether a server that says this has dealt with the claim before it. A path that broke shows nothing.
    pub(super) fn settles(&self) -> bool {
        matches!(self, Self::Bytes(_) | Self::End(CloseKind::Fin))
    }
}

#[derive(Debug)]
pub(super) enum StageEvent {
    Step(usize),
    Glance(usize),
    LedgerTick,
    Probe(ServerId),
    ProbeArrives(u64),
    ProbeEnds(u64),
    /// A search decides again, if it has not done so since.
    Seek(usize, u64),
    /// A claim that was left behind is no longer watched.
    Unwatched(usize),
    /// The proxy goes on that has stood still since then.
    GoesOn(Timestamp),
    /// Something came on a connection of the prober's.
    ToProber(LinkId, ConversationItem),
    FromClient(usize, ConversationItem),
    AtServer(usize, ConversationItem),
    FromServer(usize, ConversationItem),
    AtClient(usize, ConversationItem),
}

/// Something, when it is due, and its place among what is due at the same time.
pub(super) struct DueEvent(pub(super) Timestamp, pub(super) u64, pub(super) StageEvent);

impl PartialEq for DueEvent {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}
impl Eq for DueEvent {}
impl PartialOrd for DueEvent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for DueEvent {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}
