//! The lists of the admin API as tables.

use std::io::Write;

use anyhow::bail;
use serde_json::Value;

use super::Finding;
use super::admin_client::{Answer, get};
use super::arguments::ListQuery;
use super::table::Table;

/// One list of the API: the member that holds it, and the columns shown of it.
struct List {
    path: &'static str,
    member: &'static str,
    columns: &'static [(&'static str, Column)],
}

/// How a column comes from an element.
#[derive(Clone, Copy)]
enum Column {
    /// A field as it is.
    Field(&'static str),
    /// A field that counts milliseconds.
    Millis(&'static str),
}

const SESSIONS: List = List {
    path: "/api/sessions",
    member: "sessions",
    columns: &[
        ("SESSION", Column::Field("session")),
        ("IDENTITY", Column::Field("identity")),
        ("CLIENT", Column::Field("client")),
        ("SERVER", Column::Field("server")),
        ("STATE", Column::Field("state")),
        ("TIMEOUT", Column::Millis("timeout_ms")),
        ("OPERATIONS", Column::Field("operations")),
        ("IN FLIGHT", Column::Field("in_flight")),
        ("UNANSWERED", Column::Field("unanswered")),
        ("MOVES", Column::Field("moves")),
    ],
};

const MOVES: List = List {
    path: "/api/moves",
    member: "moves",
    columns: &[
        ("AT", Column::Field("at")),
        ("SESSION", Column::Field("session")),
        ("IDENTITY", Column::Field("identity")),
        ("FROM", Column::Field("from")),
        ("TO", Column::Field("to")),
        ("GAP", Column::Millis("gap_ms")),
        ("UNANSWERED", Column::Field("unanswered")),
    ],
};

const SESSION_MOVED: List = List {
    path: "/api/session-moved",
    member: "session_moved",
    columns: &[
        ("AT", Column::Field("at")),
        ("SESSION", Column::Field("session")),
        ("IDENTITY", Column::Field("identity")),
        ("SERVER", Column::Field("server")),
        ("EVIDENCE", Column::Field("evidence")),
        ("CONFIDENCE", Column::Field("confidence")),
    ],
};

const SERVERS: List = List {
    path: "/api/servers",
    member: "servers",
    columns: &[
        ("SERVER", Column::Field("server")),
        ("STATE", Column::Field("state")),
        ("ROLE", Column::Field("role")),
        ("SESSIONS", Column::Field("sessions")),
        ("CONNECTIONS", Column::Field("connections")),
        ("LAST ZXID", Column::Field("last_zxid")),
    ],
};

const CONNECTIONS: List = List {
    path: "/api/connections",
    member: "connections",
    columns: &[
        ("CONNECTION", Column::Field("connection")),
        ("CLIENT", Column::Field("client")),
        ("LISTENER", Column::Field("listener")),
        ("SERVER", Column::Field("server")),
        ("SESSION", Column::Field("session")),
        ("STATE", Column::Field("state")),
    ],
};

pub(super) fn sessions(query: &ListQuery, out: &mut dyn Write) -> anyhow::Result<Finding> {
    SESSIONS.print(query, out)
}

pub(super) fn moves(query: &ListQuery, out: &mut dyn Write) -> anyhow::Result<Finding> {
    MOVES.print(query, out)
}

pub(super) fn session_moved(query: &ListQuery, out: &mut dyn Write) -> anyhow::Result<Finding> {
    SESSION_MOVED.print(query, out)
}

pub(super) fn servers(query: &ListQuery, out: &mut dyn Write) -> anyhow::Result<Finding> {
    SERVERS.print(query, out)
}

pub(super) fn connections(query: &ListQuery, out: &mut dyn Write) -> anyhow::Result<Finding> {
    CONNECTIONS.print(query, out)
}

impl List {
    fn print(&self, query: &ListQuery, out: &mut dyn Write) -> anyhow::Result<Finding> {
        let limit = query.limit.map(|limit| format!("?limit={limit}")).unwrap_or_default();
        let admin = &query.asking.admin;
        let answer = match get(admin, &format!("{}{limit}", self.path))? {
            Answer::Found(answer) => answer,
            Answer::NotFound(reason) => bail!("{admin} has no {}: {reason}", self.path),
        };
        if query.asking.json {
            writeln!(out, "{answer:#}")?;
            return Ok(Finding::Good);
        }
        let Some(elements) = answer.get(self.member).and_then(Value::as_array) else {
            bail!("what answers at {admin} is no zoogate: no `{}` in its answer to {}", self.member, self.path);
        };
        if elements.is_empty() {
            writeln!(out, "none")?;
            return Ok(Finding::Good);
        }
        self.table(elements).write(out)?;
        Ok(Finding::Good)
    }

    /// A row for each element, and below it what it has to say in whole lines (`why`).
    fn table(&self, elements: &[Value]) -> Table {
        let titles: Vec<_> = self.columns.iter().map(|(title, _)| *title).collect();
        let mut table = Table::new(&titles);
        for element in elements {
            table.row(self.columns.iter().map(|(_, column)| column.text(element)));
        }
        table
    }
}

impl Column {
    fn text(self, element: &Value) -> String {
        match self {
            Self::Field(field) => plain(element.get(field)),
            Self::Millis(field) => {
                element.get(field).and_then(Value::as_u64).map_or("-".to_owned(), |millis| format!("{millis} ms"))
            }
        }
    }
}

/// A value in few words: nothing as a dash, a list by its length.
fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.len().to_string(),
        Some(other) => other.to_string(),
    }
}
