//! What a failure cost: connections, sessions, unanswered operations, time.

use std::time::Duration;

use crate::session::connection_end::UnansweredRequest;
use crate::session::identity::HolderIdentity;
use crate::wire::OpCode;

/// Unanswered operations of one incident that are described; the rest are counted.
pub const OPERATIONS_SHOWN: usize = 16;

/// Holders of sessions of one incident that are named.
pub const HOLDERS_SHOWN: usize = 16;

/// An operation that never got its reply: it may have been carried out, or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostOperation {
    /// What it was.
    pub op: OpCode,
    /// On which path; empty when that is not known.
    pub path: String,
    /// Whether it was to make an ephemeral node.
    pub ephemeral: bool,
}

/// What was lost or delayed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Impact {
    /// Connections that ended.
    pub connections: u32,
    /// Sessions that lost a connection, each counted once.
    pub sessions: u32,
    /// Of those: back by now.
    pub back: u32,
    /// Of those: on another server.
    pub moved: u32,
    /// Of those: over.
    pub expired: u32,
    /// Refusals because a session had moved.
    pub refused: u32,
    /// Who holds those sessions, as far as that is known: the first of them.
    pub holders: Vec<HolderIdentity>,
    /// Requests that never got a reply.
    pub unanswered: u32,
    /// The first of them.
    pub operations: Vec<LostOperation>,
    /// Longest time that a session was without a connection.
    pub longest_gap: Duration,
    /// Sessions that made ephemeral nodes and are not back: those nodes vanish with them.
    pub ephemerals_at_risk: u32,
}

impl Impact {
    /// Adds the unanswered requests of a connection, of which there were so many.
    pub(super) fn add_unanswered(&mut self, requests: &[UnansweredRequest], count: u32) {
        self.unanswered = self.unanswered.saturating_add(count);
        let room = OPERATIONS_SHOWN.saturating_sub(self.operations.len());
        self.operations.extend(requests.iter().take(room).map(|request| LostOperation {
            op: request.op,
            path: request.path.clone(),
            ephemeral: request.ephemeral,
        }));
    }

    /// Takes those out again: the connection belongs elsewhere.
    pub(super) fn take_unanswered(&mut self, requests: &[UnansweredRequest], count: u32) {
        self.unanswered = self.unanswered.saturating_sub(count);
        for request in requests {
            let is_it = |lost: &LostOperation| (lost.op, &lost.path) == (request.op, &request.path);
            if let Some(place) = self.operations.iter().position(is_it) {
                self.operations.remove(place);
            }
        }
    }

    /// Adds who holds a session.
    pub(super) fn add_holder(&mut self, holder: HolderIdentity) {
        if self.holders.len() < HOLDERS_SHOWN && !self.holders.contains(&holder) {
            self.holders.push(holder);
        }
    }

    /// Adds what another incident cost that turned out to be the same.
    pub(super) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.sessions += other.sessions;
        self.back += other.back;
        self.moved += other.moved;
        self.expired += other.expired;
        self.refused += other.refused;
        other.holders.iter().for_each(|holder| self.add_holder(*holder));
        self.unanswered += other.unanswered;
        let room = OPERATIONS_SHOWN.saturating_sub(self.operations.len());
        self.operations.extend(other.operations.iter().take(room).cloned());
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.ephemerals_at_risk += other.ephemerals_at_risk;
    }
}

/// One more, or one less.
pub(super) fn change(count: &mut u32, counts: bool) {
    *count = if counts { count.saturating_add(1) } else { count.saturating_sub(1) };
}

/// What zoogate itself did about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum OwnAction {
    /// Ended a connection to a server that answered nothing.
    GaveUpServer,
    /// Left a claim that was not answered.
    GaveUpClaim,
    /// Brought a session to another server than its own.
    PassedOver,
    /// Ended a connection so that its client owns its session again.
    EndedForLateClaim,
    /// Closed an older connection of a session that came back.
    ClosedOlder,
    /// Held back a claim, as no server was known to serve.
    Held,
    /// Ended a connection as it was being stopped.
    Drained,
    /// Ended a connection for an operator.
    Disconnected,
}

impl OwnAction {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its word in JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Xid;
    use crate::time::Timestamp;

    #[test]
    fn the_first_operations_are_described_and_all_are_counted() {
        let lost = |number: i64| UnansweredRequest {
            xid: Xid(number),
            op: OpCode::CREATE,
            path: format!("/{number}"),
            ephemeral: number == 1,
            sent_at: Timestamp::ZERO,
        };
        let mut impact = Impact::default();
        let requests: Vec<UnansweredRequest> = (0..10).map(lost).collect();
        (0..3).for_each(|_| impact.add_unanswered(&requests, 1_000));
        assert_eq!((impact.unanswered, impact.operations.len()), (3_000, OPERATIONS_SHOWN));
        assert!(impact.operations[1].ephemeral && !impact.operations[0].ephemeral);
        let mut both = impact.clone();
        both.add(&impact);
        assert_eq!((both.unanswered, both.operations.len()), (6_000, OPERATIONS_SHOWN));
        both.take_unanswered(&requests[..2], 1_000);
        assert_eq!((both.unanswered, both.operations.len()), (5_000, OPERATIONS_SHOWN - 2));
        (0..40).for_each(|number| both.add_holder(HolderIdentity::broker(number / 2)));
        assert_eq!(both.holders.len(), HOLDERS_SHOWN);
        assert_eq!(both.holders[1], HolderIdentity::broker(1), "each once");
    }
}
