//! The lists of the admin API as tables.

use std::io::Write;

use anyhow::bail;
use serde_json::Value;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::arguments::ListOptions;
use super::table::{TextTable, cell};
use crate::text;

/// One list of the API: where it is, the member that holds it, and the columns shown of it.
pub(super) struct ListCommand {
    path: &'static str,
    member: &'static str,
    /// Title and field.
    columns: &'static [(&'static str, &'static str)],
}

pub(super) const SESSIONS: ListCommand = ListCommand {
    path: "/api/sessions",
    member: "sessions",
    columns: &[
        ("SESSION", "session"),
        ("IDENTITY", "identity"),
        ("CLIENT", "client"),
        ("SERVER", "server"),
        ("STATE", "state"),
        ("ENDED", "ended"),
        ("TIMEOUT MS", "timeout_ms"),
        ("OPERATIONS", "operations"),
        ("IN FLIGHT", "in_flight"),
        ("UNANSWERED", "unanswered"),
        ("MOVES", "moves"),
        ("REFUSED", "session_moved"),
    ],
};

pub(super) const MOVES: ListCommand = ListCommand {
    path: "/api/moves",
    member: "moves",
    columns: &[
        ("AT", "at"),
        ("SESSION", "session"),
        ("IDENTITY", "identity"),
        ("FROM", "from"),
        ("TO", "to"),
        ("GAP MS", "gap_ms"),
        ("UNANSWERED", "unanswered"),
        ("REASON", "reason"),
        ("ROUTED", "routed"),
    ],
};

pub(super) const SESSION_MOVED: ListCommand = ListCommand {
    path: "/api/session-moved",
    member: "session_moved",
    columns: &[
        ("AT", "at"),
        ("SESSION", "session"),
        ("IDENTITY", "identity"),
        ("SERVER", "server"),
        ("EVIDENCE", "evidence"),
        ("CONFIDENCE", "confidence"),
        ("UNANSWERED", "unanswered"),
    ],
};

pub(super) const SERVERS: ListCommand = ListCommand {
    path: "/api/servers",
    member: "servers",
    columns: &[
        ("SERVER", "server"),
        ("STATE", "state"),
        ("SINCE", "since"),
        ("ROLE", "role"),
        ("SESSIONS", "sessions"),
        ("CONNECTIONS", "connections"),
        ("LAST ZXID", "last_zxid"),
    ],
};

pub(super) const CONNECTIONS: ListCommand = ListCommand {
    path: "/api/connections",
    member: "connections",
    columns: &[
        ("CONNECTION", "connection"),
        ("CLIENT", "client"),
        ("LISTENER", "listener"),
        ("SERVER", "server"),
        ("ROUTED", "routed"),
        ("SESSION", "session"),
        ("STATE", "state"),
        ("REASON", "reason"),
        ("UNANSWERED", "unanswered"),
    ],
};

impl ListCommand {
    /// Asks for the list and prints it.
    pub(super) fn print(&self, query: &ListOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
        let admin = query.asking.at.admin.as_str();
        let answer = AdminClient::new(admin).get(self.path, &query.pairs())?.good()?;
        if query.asking.json {
            writeln!(out, "{}", text::json(&format!("{answer:#}")))?;
            return Ok(CommandOutcome::Success);
        }
        let Some(elements) = answer.get(self.member).and_then(Value::as_array) else {
            bail!("what answers at {admin} is no zoogate: no `{}` in its answer to {}", self.member, self.path);
        };
        if elements.is_empty() {
            writeln!(out, "none")?;
        } else {
            self.table(elements).write(out)?;
        }
        if answer.get("more") == Some(&Value::Bool(true)) {
            writeln!(out, "there is more than these {}: see --limit", elements.len())?;
        }
        Ok(CommandOutcome::Success)
    }

    /// A row for each element, and below it what it has to say in whole lines.
    fn table(&self, elements: &[Value]) -> TextTable {
        let titles: Vec<_> = self.columns.iter().map(|(title, _)| *title).collect();
        let mut table = TextTable::new(&titles);
        for element in elements {
            table.row(self.columns.iter().map(|(_, field)| cell(element.get(field))));
            for line in element.get("why").and_then(Value::as_array).into_iter().flatten() {
                table.note(&cell(Some(line)));
            }
        }
        table
    }
}
