//! What happened in the ensemble, in order.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::ServerId;
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::time::Timestamp;

/// Events that are kept.
pub const EVENTS_KEPT: usize = 1_024;

/// One thing that happened in the ensemble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnsembleEvent {
    /// When it was seen: of a probe, when it was begun.
    pub at: Timestamp,
    /// The server that it is about; None when it is about all of them.
    pub server: Option<ServerId>,
    /// What happened.
    pub change: EnsembleChange,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum EnsembleChange {
    /// A server's state changed.
    Health {
        /// The state before.
        before: ServerHealth,
        /// The state since.
        now: ServerHealth,
    },
    /// A server told another role.
    Role {
        /// The role that it told before.
        before: ServerRole,
        /// The role that it tells now.
        now: ServerRole,
    },
    /// Another server leads, or nobody is known to lead any more.
    LeaderChanged {
        /// Who was the last to lead before, also when nobody has led for a time.
        before: Option<ServerId>,
        /// Who leads; None when the leader stopped leading.
        now: Option<ServerId>,
    },
    /// A zxid has a higher epoch than all before: a new leader was elected (`ZxidUtils.getEpochFromZxid`).
    NewEpoch {
        /// The highest epoch before.
        before: i64,
        /// The epoch.
        now: i64,
    },
    /// A server's process was started again.
    Restarted {
        /// For how long it had not served.
        down: Duration,
    },
    /// A server ended many connections together.
    Disconnects {
        /// How many.
        connections: u32,
        /// Between the first and the last.
        within: Duration,
    },
    /// A probe was answered far later than usual.
    ProbeSlow {
        /// What is usual.
        usual: Duration,
        /// What it took.
        now: Duration,
    },
    /// Probes are answered as usual again.
    ProbeUsual {
        /// What is usual.
        usual: Duration,
    },
    /// A TCP connect to a server took far longer than usual.
    ConnectSlow {
        /// What is usual.
        usual: Duration,
        /// What it took.
        now: Duration,
    },
    /// Connects take as long as usual again.
    ConnectUsual {
        /// What is usual.
        usual: Duration,
    },
    /// The kernel's round trip to a server is far longer than usual.
    PathSlow {
        /// What is usual.
        usual: Duration,
        /// What it is.
        now: Duration,
    },
    /// The round trip is as usual again.
    PathUsual {
        /// What is usual.
        usual: Duration,
    },
    /// A server is behind what another one had reached before.
    Lagging {
        /// Transactions that it lacks.
        behind: u64,
    },
    /// A server that was behind no longer is.
    CaughtUp {},
    /// Segments to a server were sent again.
    PathLossy {
        /// How many, in the connections that were sampled.
        retransmissions: u32,
    },
}

impl EnsembleChange {
    /// A short name for labels and JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Whether it is about who leads. That a leader is seen for the first time changes nothing, and neither does that it is
    /// seen again; if it was elected again, the epoch says so.
    pub fn is_about_leader(self) -> bool {
        match self {
            Self::LeaderChanged { before, now } => before.is_some() && before != now,
            change => matches!(change, Self::NewEpoch { .. }),
        }
    }
}

/// The newest events; what is pushed out is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct EnsembleTimeline {
    /// `len() <= EVENTS_KEPT`, in the order in which they were told.
    events: VecDeque<EnsembleEvent>,
    forgotten: u64,
}

impl EnsembleTimeline {
    pub(super) fn push(&mut self, event: EnsembleEvent) {
        if self.events.len() >= EVENTS_KEPT {
            self.events.pop_front();
            self.forgotten += 1;
        }
        self.events.push_back(event);
    }

    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &EnsembleEvent> {
        self.events.iter()
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Events of all time.
    pub(super) fn told(&self) -> u64 {
        self.forgotten + self.events.len() as u64
    }

    /// The nearest event about the leader within that distance; of two that are as near the later one.
    pub(super) fn leader_change_around(&self, moment: Timestamp, within: Duration) -> Option<&EnsembleEvent> {
        let distance = |event: &EnsembleEvent| event.at.since(moment).max(moment.since(event.at));
        let leaders = self.events.iter().rev().filter(|event| event.change.is_about_leader());
        leaders.filter(|event| distance(event) <= within).min_by_key(|event| distance(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: u64, change: EnsembleChange) -> EnsembleEvent {
        EnsembleEvent { at: Timestamp(at), server: None, change }
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let mut timeline = EnsembleTimeline::default();
        let many = EVENTS_KEPT as u64 + 10;
        (0..many).for_each(|at| timeline.push(event(at, EnsembleChange::CaughtUp {})));
        assert_eq!((timeline.events().count(), timeline.forgotten(), timeline.told()), (EVENTS_KEPT, 10, many));
        assert_eq!(timeline.events().next().map(|event| event.at), Some(Timestamp(10)));
    }

    #[test]
    fn the_nearest_event_about_the_leader_is_found() {
        let mut timeline = EnsembleTimeline::default();
        timeline.push(event(100, EnsembleChange::NewEpoch { before: 1, now: 2 }));
        timeline.push(event(150, EnsembleChange::CaughtUp {}));
        let change = |before| EnsembleChange::LeaderChanged { before, now: Some(ServerId(1)) };
        timeline.push(event(200, change(Some(ServerId(0)))));
        timeline.push(event(400, change(None)));
        let around = |moment, within| {
            timeline.leader_change_around(Timestamp(moment), Duration::from_nanos(within)).map(|event| event.at.0)
        };
        assert_eq!([around(149, 500), around(150, 50), around(151, 48)], [Some(100), Some(200), None]);
        assert_eq!(around(400, 50), None, "the first sight of a leader");
    }

    #[test]
    fn every_change_has_a_name() {
        assert_eq!(EnsembleChange::CaughtUp {}.label(), "caught_up");
        assert_eq!(EnsembleChange::LeaderChanged { before: None, now: None }.label(), "leader_changed");
    }
}
