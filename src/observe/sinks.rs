//! What becomes of the state's changes: counters, log lines, and meters that are let go of.

use std::sync::Arc;

use super::exposition::event_counters::EventCounters;
use super::logs::finding_log::FindingLog;
use super::storage::meters::MeterRegistry;
use crate::session::transition::LedgerFinding;
use crate::state::{ChangeSink, SinkOutcome, StateChange};

/// Counts.
#[derive(Debug)]
pub(super) struct CounterSink(Arc<EventCounters>);

impl CounterSink {
    pub(super) fn new(events: Arc<EventCounters>) -> Self {
        Self(events)
    }

    fn count(&self, finding: &LedgerFinding) {
        match finding {
            LedgerFinding::Moved(one) => self.0.moved(one.from, one.to),
            LedgerFinding::SessionMoved(one) => self.0.session_moved(one.server, one.evidence, one.confidence),
            LedgerFinding::Ended(one) => self.0.ended(one.server, one.reason),
            LedgerFinding::SharedSession { .. } => self.0.shared(),
            LedgerFinding::MoveExplained(_) | LedgerFinding::ManyServers { .. } => {}
        }
    }
}

impl ChangeSink for CounterSink {
    fn name(&self) -> &'static str {
        "counters"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        match change {
            StateChange::SessionGiven { server, routed } => self.0.attached(server, routed),
            StateChange::ClaimRefused { server } => self.0.refused(server),
            StateChange::ConnectionEnded { server, unanswered, oversized } => {
                self.0.unanswered(server, unanswered);
                if oversized {
                    self.0.oversized(server);
                }
            }
            StateChange::ServerSeen { server, health } => self.0.probed(server, health),
            StateChange::Found(finding) => self.count(finding),
            StateChange::Forgotten(_) => {}
        }
        SinkOutcome::Taken
    }
}

/// Writes findings to the log. Of one kind and server a line every ten seconds: the others are dropped, and the next
/// line says how many.
#[derive(Debug)]
pub(super) struct LogSink(Arc<FindingLog>);

impl LogSink {
    pub(super) fn new(journal: Arc<FindingLog>) -> Self {
        Self(journal)
    }
}

impl ChangeSink for LogSink {
    fn name(&self) -> &'static str {
        "log_lines"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        match change {
            StateChange::Found(finding) => self.0.tell(finding),
            _ => SinkOutcome::Taken,
        }
    }
}

/// Lets go of the meters of sessions that are no longer remembered.
#[derive(Debug)]
pub(super) struct MeterSink(Arc<MeterRegistry>);

impl MeterSink {
    pub(super) fn new(meters: Arc<MeterRegistry>) -> Self {
        Self(meters)
    }
}

impl ChangeSink for MeterSink {
    fn name(&self) -> &'static str {
        "meters"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        if let StateChange::Forgotten(session) = change {
            self.0.drop_dormant(session);
        }
        SinkOutcome::Taken
    }
}
