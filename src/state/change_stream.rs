//! The stream of everything that changes or is found out, and who takes it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::diagnose::risk::SessionRisk;
use crate::diagnose::{CauseCode, EnsembleEvent, Incident, IncidentChange};
use crate::ids::{ServerId, SessionId};
use crate::session::ledger::OpenConnection;
use crate::session::probe_result::ServerHealth;
use crate::session::transition::{LedgerFinding, SessionTransition};
use crate::session::verdict::RouteReason;

/// One thing that happened to the state.
#[derive(Clone, Copy, Debug)]
pub enum StateChange<'a> {
    /// A server gave a session.
    SessionGiven {
        /// The server.
        server: ServerId,
        /// Why it was asked.
        routed: RouteReason,
    },
    /// A server refused a claim.
    ClaimRefused {
        /// The server.
        server: ServerId,
    },
    /// A connection that had claimed a session ended; why is found later.
    ConnectionEnded {
        /// Its server.
        server: ServerId,
        /// Requests that were never answered.
        unanswered: u32,
        /// Whether one of those is longer than servers accept.
        oversized: bool,
    },
    /// A server was looked at.
    ServerSeen {
        /// The server.
        server: ServerId,
        /// What was seen.
        health: ServerHealth,
    },
    /// An incident was opened, revised or closed.
    Incident(IncidentChange, &'a Incident),
    /// A risk was seen, or went out.
    Risk(&'a SessionRisk),
    /// A connection's end has its first cause.
    Caused(CauseCode),
    /// Something happened in the ensemble.
    EnsembleChanged {
        /// What, and when.
        event: EnsembleEvent,
        /// For how long a server had not served that serves again, or nobody had led.
        lasted: Option<Duration>,
    },
    /// The ledger has found something out.
    Found(&'a LedgerFinding),
    /// A session is no longer remembered: whoever keeps something of it lets go of that.
    Forgotten(SessionId),
}

impl StateChange<'_> {
    /// What a transition changes that the ledger's findings do not say, or say later. `connection` is its connection as
    /// it was before.
    pub(super) fn of(transition: &SessionTransition, connection: Option<&OpenConnection>) -> Option<Self> {
        let claim = connection.map(|open| open.claim);
        Some(match transition {
            SessionTransition::Answered { response, .. } if response.accepted() => {
                Self::SessionGiven { server: claim?.server, routed: claim?.routed }
            }
            SessionTransition::Answered { .. } => Self::ClaimRefused { server: claim?.server },
            SessionTransition::Ended { end, .. } => Self::ConnectionEnded {
                server: claim?.server,
                unanswered: end.unanswered_count,
                oversized: end.oversized.is_some(),
            },
            SessionTransition::ServerSeen { server, probe_result, .. } => {
                Self::ServerSeen { server: *server, health: probe_result.health }
            }
            SessionTransition::Claimed { .. }
            | SessionTransition::LateAnswer { .. }
            | SessionTransition::Identified { .. }
            | SessionTransition::Recognised { .. }
            | SessionTransition::MoveRefused { .. }
            | SessionTransition::ControllerGone { .. }
            | SessionTransition::ProxyPaused(_) => return None,
        })
    }
}

/// What a sink did with a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SinkOutcome {
    /// It took it, or has no use for its kind.
    Taken,
    /// It had no room for it.
    Dropped,
}

/// Who takes changes. It is called on the thread of the traffic: it never waits, and drops what it has no room for.
pub trait ChangeSink: fmt::Debug + Send + Sync {
    /// The name under which its drops are counted.
    fn name(&self) -> &'static str;

    /// Takes a change.
    fn take(&self, change: StateChange<'_>) -> SinkOutcome;
}

/// How many changes a sink has dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SinkDrops {
    /// The sink.
    pub sink: &'static str,
    /// Changes that it had no room for, of all time.
    pub dropped: u64,
}

/// All sinks, in the order in which they are told.
#[derive(Debug)]
pub(super) struct ChangeStream {
    sinks: Vec<(Box<dyn ChangeSink>, AtomicU64)>,
}

impl ChangeStream {
    pub(super) fn new(sinks: Vec<Box<dyn ChangeSink>>) -> Self {
        Self { sinks: sinks.into_iter().map(|sink| (sink, AtomicU64::new(0))).collect() }
    }

    /// Gives a change to every sink.
    pub(super) fn send(&self, change: StateChange<'_>) {
        for (sink, dropped) in &self.sinks {
            if sink.take(change) == SinkOutcome::Dropped {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What each sink has dropped.
    pub(super) fn drops(&self) -> impl Iterator<Item = SinkDrops> {
        self.sinks
            .iter()
            .map(|(sink, dropped)| SinkDrops { sink: sink.name(), dropped: dropped.load(Ordering::Relaxed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has room for sessions below its number only.
    #[derive(Debug)]
    struct SmallSink(i64);

    impl ChangeSink for SmallSink {
        fn name(&self) -> &'static str {
            "small"
        }

        fn take(&self, change: StateChange<'_>) -> SinkOutcome {
            match change {
                StateChange::Forgotten(SessionId(number)) if number >= self.0 => SinkOutcome::Dropped,
                _ => SinkOutcome::Taken,
            }
        }
    }

    #[test]
    fn every_sink_is_given_everything_and_its_drops_are_its_own() {
        let stream = ChangeStream::new(vec![Box::new(SmallSink(1)), Box::new(SmallSink(8))]);
        (0..10).for_each(|number| stream.send(StateChange::Forgotten(SessionId(number))));
        assert_eq!(stream.drops().map(|drops| drops.dropped).collect::<Vec<_>>(), [9, 2]);
    }
}
