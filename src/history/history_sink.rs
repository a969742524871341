//! The history among those who are told of every change.

use std::sync::Arc;

use super::change_queue::ChangeQueue;
use super::history_change::HistoryChange;
use crate::session::transition::LedgerFinding;
use crate::state::{ChangeSink, SinkOutcome, StateChange};

/// Copies what the history keeps to the thread that writes it.
#[derive(Debug)]
pub(crate) struct HistorySink {
    name: &'static str,
    queue: Arc<ChangeQueue>,
}

impl HistorySink {
    /// `name` is the one under which its drops are counted.
    pub(crate) fn new(name: &'static str, queue: Arc<ChangeQueue>) -> Self {
        Self { name, queue }
    }
}

impl ChangeSink for HistorySink {
    fn name(&self) -> &'static str {
        self.name
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        use LedgerFinding as F;
        // Copied as it is: words and calendar times are made where nobody waits for them.
        let kept = match change {
            StateChange::Found(F::Moved(one) | F::MoveExplained(one)) => HistoryChange::Move(Box::new(one.clone())),
            StateChange::Found(F::SessionMoved(one)) => HistoryChange::Refusal(Box::new(one.clone())),
            StateChange::Incident(_, incident) => HistoryChange::Incident(Box::new(incident.clone())),
            StateChange::Risk(risk) => HistoryChange::Risk(Box::new(risk.clone())),
            StateChange::EnsembleChanged { event, lasted } => HistoryChange::Ensemble(event, lasted),
            _ => return SinkOutcome::Taken,
        };
        if self.queue.put(kept) { SinkOutcome::Taken } else { SinkOutcome::Dropped }
    }
}
