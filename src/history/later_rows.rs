//! What is found out of rows that are written already: causes of moves and refusals, and what open incidents go on to
//! cost.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::calendar_week::CalendarWeek;
use super::history_row::{CauseRow, CausedTable, HistoryRow, RowBody};
use super::row_maker::RowMaker;
use crate::diagnose::incident_book::OPEN_INCIDENTS;
use crate::diagnose::{Impact, Incident};
use crate::ids::ConnectionId;
use crate::time::Timestamp;

/// When a first cause is there for certain: it is given after 1.5 s at the latest.
const CAUSE_AFTER: Duration = Duration::from_secs(3);
/// Moves and refusals whose cause is looked up; further ones stay without.
pub(crate) const CAUSES_AWAITED: usize = 4_096;

/// A row whose cause is to be looked up.
#[derive(Clone, Copy, Debug)]
struct AwaitedCause {
    due: Instant,
    at_ms: u64,
    table: CausedTable,
    connection: ConnectionId,
}

/// By what it is seen that more has become of an incident.
type IncidentState = (Timestamp, Impact, Option<Timestamp>, usize);

/// What is still to be written of earlier rows.
#[derive(Debug, Default)]
pub(super) struct LaterRows {
    awaited: VecDeque<AwaitedCause>,
    /// Open incidents as they were last written, with the moment by which their file is chosen.
    open: HashMap<u64, (IncidentState, u64)>,
    /// By which moments the files of incidents that are open were chosen, as rows of them came.
    begun: HashMap<u64, u64>,
}

fn state_of(one: &Incident) -> IncidentState {
    (one.last_at, one.impact.clone(), one.until, one.revisions.len())
}

impl LaterRows {
    /// Notes a row that is written now.
    pub(super) fn note(&mut self, row: &HistoryRow) {
        let (table, connection) = match &row.body {
            RowBody::Move(one) => (CausedTable::Moves, one.connection),
            RowBody::Refusal(one) => (CausedTable::Refusals, one.connection),
            _ => return,
        };
        // A move is told twice: when it happens, and when its reason is known, often in the same moment.
        let known = self.awaited.iter().rev().take(16).any(|one| one.table == table && one.connection == connection);
        if self.awaited.len() < CAUSES_AWAITED && !known {
            let due = Instant::now() + CAUSE_AFTER;
            self.awaited.push_back(AwaitedCause { due, at_ms: row.at_ms, table, connection });
        }
    }

    /// What takes the former row of an incident out of its file. It can turn out to have begun in an earlier week: its row
    /// goes to the file of that one.
    pub(super) fn former(&mut self, row: &HistoryRow) -> Option<HistoryRow> {
        let (incident, before) = match &row.body {
            RowBody::Incident(one) if one.until_ms.is_none() => {
                (one.incident, self.begun.insert(one.incident, row.at_ms))
            }
            RowBody::Incident(one) => (one.incident, self.begun.remove(&one.incident)),
            RowBody::Absorbed(incident) => (*incident, self.begun.remove(incident)),
            _ => return None,
        };
        let at_ms = before.filter(|at_ms| CalendarWeek::of(*at_ms) != row.week())?;
        Some(HistoryRow { at_ms, body: RowBody::Absorbed(incident) })
    }

    /// Rows of what has become of earlier ones. At the end everything is due.
    pub(super) fn take(&mut self, maker: &RowMaker, is_end: bool) -> Vec<HistoryRow> {
        let mut rows = self.causes(maker, is_end);
        self.open_incidents(maker, &mut rows);
        rows
    }

    fn causes(&mut self, maker: &RowMaker, is_end: bool) -> Vec<HistoryRow> {
        let now = Instant::now();
        let mut rows = Vec::new();
        while let Some(one) = self.awaited.pop_front_if(|one| is_end || one.due <= now) {
            let found = maker.telemetry().state().with_diagnosis(|diagnosis| match one.table {
                CausedTable::Moves => diagnosis.cause(one.connection),
                CausedTable::Refusals => diagnosis.cause_of_newest_refusal(one.connection),
            });
            let Some(found) = found else { continue };
            let (table, connection) = (one.table, one.connection);
            let cause = CauseRow { table, connection, cause: found.cause.code.label(), incident: found.incident };
            rows.push(HistoryRow { at_ms: one.at_ms, body: RowBody::Cause(cause) });
        }
        rows
    }

    /// Most of what an incident costs comes after it was opened, without a change of its cause.
    fn open_incidents(&mut self, maker: &RowMaker, rows: &mut Vec<HistoryRow>) {
        let state = maker.telemetry().state();
        let is_new = |one: &Incident| self.open.get(&one.id).is_none_or(|(known, _)| *known != state_of(one));
        let (ids, changed) = state.with_diagnosis(|diagnosis| {
            let (ids, _) = diagnosis.incident_ids(OPEN_INCIDENTS, |one| one.until.is_none());
            let (changed, _) = diagnosis.incident_ids(OPEN_INCIDENTS, |one| one.until.is_none() && is_new(one));
            (ids, changed)
        });
        self.begun.retain(|id, _| ids.contains(id));
        // One that is open no longer is over or part of another one: where the queue was full, that was not told.
        let gone: Vec<u64> = self.open.keys().copied().filter(|id| !ids.contains(id)).collect();
        for id in gone {
            let Some((_, at_ms)) = self.open.remove(&id) else { continue };
            match state.with_diagnosis(|diagnosis| diagnosis.incident(id)) {
                Some(report) if report.incident.id == id => rows.push(maker.incident(&report.incident)),
                Some(_) => rows.push(HistoryRow { at_ms, body: RowBody::Absorbed(id) }),
                None => {}
            }
        }
        for id in changed {
            let Some(report) = state.with_diagnosis(|diagnosis| diagnosis.incident(id)) else { continue };
            let row = maker.incident(&report.incident);
            self.open.insert(report.incident.id, (state_of(&report.incident), row.at_ms));
            rows.push(row);
        }
    }
}
