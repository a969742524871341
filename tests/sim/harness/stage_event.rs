//! What happens on the stage of a story, each at its time.

use zoogate::ids::ServerId;
use zoogate::session::connection_end::CloseKind;
use zoogate::sim::LinkId;
use zoogate::time::Timestamp;

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
