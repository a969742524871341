//! The lists of the admin API as tables.

use std::io::Write;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::cell::CellValue as _;
use super::list_options::ListOptions;
use super::table::{Column, TextTable};
use crate::api::{
    ApiList, ConnectionList, IncidentList, MoveList, RefusalList, RiskList, ServerList, SessionList, SlowList,
};

/// How one list of the API is shown: a row for each element, and below it what it has to say in whole lines.
pub(super) struct ListTable<L: ApiList> {
    columns: &'static [Column<L::Element>],
    lines: fn(&L::Element) -> &[String],
}

pub(super) const SESSIONS: ListTable<SessionList> = ListTable {
    columns: &[
        ("SESSION", |one| one.session.cell()),
        ("IDENTITY", |one| one.identity.cell()),
        ("CLIENT", |one| one.client.cell()),
        ("SERVER", |one| one.server.server.cell()),
        ("STATE", |one| one.state.cell()),
        ("ENDED", |one| one.ended.cell()),
        ("TIMEOUT MS", |one| one.timeout_ms.cell()),
        ("OPERATIONS", |one| one.operations.cell()),
        ("IN FLIGHT", |one| one.in_flight.cell()),
        ("UNANSWERED", |one| one.unanswered.cell()),
        ("MOVES", |one| one.moves.cell()),
        ("REFUSED", |one| one.session_moved.cell()),
    ],
    lines: |_| &[],
};

pub(super) const MOVES: ListTable<MoveList> = ListTable {
    columns: &[
        ("AT", |one| one.at.at.cell()),
        ("SESSION", |one| one.session.cell()),
        ("IDENTITY", |one| one.identity.cell()),
        ("FROM", |one| one.from.cell()),
        ("TO", |one| one.to.cell()),
        ("GAP MS", |one| one.gap_ms.cell()),
        ("UNANSWERED", |one| one.unanswered.cell()),
        ("REASON", |one| one.reason.cell()),
        ("ROUTED", |one| one.routed.cell()),
    ],
    lines: |_| &[],
};

pub(super) const SESSION_MOVED: ListTable<RefusalList> = ListTable {
    columns: &[
        ("AT", |one| one.at.at.cell()),
        ("SESSION", |one| one.session.cell()),
        ("IDENTITY", |one| one.identity.cell()),
        ("SERVER", |one| one.server.server.cell()),
        ("EVIDENCE", |one| one.evidence.cell()),
        ("CONFIDENCE", |one| one.confidence.cell()),
        ("UNANSWERED", |one| one.unanswered.cell()),
    ],
    lines: |one| &one.why,
};

pub(super) const SERVERS: ListTable<ServerList> = ListTable {
    columns: &[
        ("SERVER", |one| one.server.server.cell()),
        ("STATE", |one| one.state.cell()),
        ("SINCE", |one| one.since.since.cell()),
        ("ROLE", |one| one.role.cell()),
        ("SESSIONS", |one| one.sessions.cell()),
        ("CONNECTIONS", |one| one.connections.cell()),
        ("LAST ZXID", |one| one.last_zxid.cell()),
    ],
    lines: |_| &[],
};

pub(super) const CONNECTIONS: ListTable<ConnectionList> = ListTable {
    columns: &[
        ("CONNECTION", |one| one.connection.cell()),
        ("CLIENT", |one| one.client.cell()),
        ("LISTENER", |one| one.listener.cell()),
        ("SERVER", |one| one.server.server.cell()),
        ("ROUTED", |one| one.routed.cell()),
        ("SESSION", |one| one.session.cell()),
        ("STATE", |one| one.state.cell()),
        ("REASON", |one| one.reason.cell()),
        ("UNANSWERED", |one| one.unanswered.cell()),
    ],
    lines: |_| &[],
};

pub(super) const INCIDENTS: ListTable<IncidentList> = ListTable {
    columns: &[
        ("INCIDENT", |one| one.id.cell()),
        ("FROM", |one| one.at.at.cell()),
        ("UNTIL", |one| one.until.until.clone().unwrap_or_else(|| "open".to_owned())),
        ("CAUSE", |one| one.cause.code.cell()),
        ("CONFIDENCE", |one| one.cause.confidence.cell()),
        ("FIRST", |one| one.first.cell()),
        ("CONNECTIONS", |one| one.impact.connections.cell()),
        ("SESSIONS", |one| one.impact.sessions.cell()),
        ("MOVED", |one| one.impact.moved.cell()),
        ("EXPIRED", |one| one.impact.expired.cell()),
        ("UNANSWERED", |one| one.impact.unanswered.cell()),
    ],
    lines: |one| std::slice::from_ref(&one.summary),
};

pub(super) const SLOW: ListTable<SlowList> = ListTable {
    columns: &[
        ("AT", |one| one.operation.at.cell()),
        ("KEPT", |one| one.because.cell()),
        ("LATENCY US", |one| one.operation.latency_us.cell()),
        ("OP", |one| one.operation.op.cell()),
        ("PATH", |one| one.operation.path.cell()),
        ("ERROR", |one| one.operation.error.cell()),
        ("SERVER", |one| one.operation.server.cell()),
        ("SESSION", |one| one.operation.session.cell()),
        ("IDENTITY", |one| one.operation.identity.cell()),
        ("CLIENT", |one| one.operation.client.cell()),
        ("REQUEST", |one| one.operation.request_bytes.cell()),
        ("REPLY", |one| one.operation.reply_bytes.cell()),
        ("IN FLIGHT", |one| one.in_flight.cell()),
    ],
    lines: |_| &[],
};

pub(super) const RISKS: ListTable<RiskList> = ListTable {
    columns: &[
        ("RISK", |one| one.id.cell()),
        ("SINCE", |one| one.at.at.cell()),
        ("STATE", |one| one.state.cell()),
        ("CODE", |one| one.code.cell()),
        ("SESSION", |one| one.session.cell()),
        ("IDENTITY", |one| one.identity.cell()),
        ("CLIENT", |one| one.client.cell()),
        ("SERVER", |one| one.server.server.cell()),
    ],
    lines: |one| std::slice::from_ref(&one.summary),
};

impl<L: ApiList> ListTable<L> {
    /// Asks for the list and prints it.
    pub(super) fn print(&self, query: &ListOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
        let answer = AdminClient::of(&query.asking.at)?.get(L::PATH, &query.parameters().pairs())?;
        if query.asking.json {
            writeln!(out, "{}", answer.json()?)?;
            return Ok(CommandOutcome::Success);
        }
        let (elements, more) = answer.good::<L>()?.into_elements();
        if elements.is_empty() {
            writeln!(out, "none")?;
        } else {
            self.table(&elements).write(out)?;
        }
        if more {
            writeln!(out, "there is more than these {}: see --limit", elements.len())?;
        }
        Ok(CommandOutcome::Success)
    }

    fn table(&self, elements: &[L::Element]) -> TextTable {
        let mut table = TextTable::new(self.columns.iter().map(|(title, _)| *title));
        for element in elements {
            table.element(self.columns, element);
            for line in (self.lines)(element) {
                table.note(line);
            }
        }
        table
    }
}
