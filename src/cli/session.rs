//! `zoogate session ID`: all that is known of one session.
//!
//! Shown as the API tells it, whatever it tells: single values first, then what has several (latency by class),
//! then what has happened, one line an event. A field that is added there appears here.

use std::io::Write;

use serde_json::{Map, Value};

use super::Finding;
use super::admin_client::{Answer, get};
use super::arguments::Asking;
use super::table::Table;
use crate::ids::SessionId;

pub(super) fn session(asking: &Asking, id: SessionId, out: &mut dyn Write) -> anyhow::Result<Finding> {
    match get(&asking.admin, &format!("/api/sessions/{id}"))? {
        Answer::NotFound(reason) => {
            writeln!(out, "{reason}")?;
            Ok(Finding::Bad)
        }
        Answer::Found(Value::Object(session)) if !asking.json => {
            print(&session, out)?;
            Ok(Finding::Good)
        }
        Answer::Found(session) => {
            writeln!(out, "{session:#}")?;
            Ok(Finding::Good)
        }
    }
}

fn print(session: &Map<String, Value>, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut single = Table::new(&[]);
    for (name, value) in session {
        if let Some(text) = scalar(value) {
            single.row([title(name), text]);
        }
    }
    single.write(out)?;
    for (name, value) in session {
        match value {
            Value::Object(members) if !members.is_empty() => {
                writeln!(out, "\n{}", title(name))?;
                members_table(members).write(out)?;
            }
            Value::Array(events) if !events.is_empty() => {
                writeln!(out, "\n{}", title(name))?;
                events_table(events).write(out)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Objects in objects as rows under the names that their members share, others as single values.
fn members_table(members: &Map<String, Value>) -> Table {
    let mut columns: Vec<&str> = Vec::new();
    for inner in members.values().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&inner.as_str()) {
            columns.push(inner);
        }
    }
    let titles: Vec<String> = columns.iter().map(|column| title(column)).collect();
    let mut head = vec![""];
    head.extend(titles.iter().map(String::as_str));
    let mut table = Table::new(if columns.is_empty() { &[] } else { &head });
    for (name, value) in members {
        let mut row = vec![format!("  {}", title(name))];
        match value.as_object() {
            Some(inner) => row.extend(columns.iter().map(|column| short(inner.get(*column).unwrap_or(&Value::Null)))),
            None => row.push(short(value)),
        }
        table.row(row);
    }
    table
}

/// When and what in columns, all else behind as name=value.
fn events_table(events: &[Value]) -> Table {
    let mut table = Table::new(&[]);
    for event in events {
        let Value::Object(members) = event else {
            table.row([format!("  {}", short(event))]);
            continue;
        };
        let first = |name: &str| members.get(name).map(short).unwrap_or_default();
        let rest = members.iter().filter(|(name, value)| !["at", "event"].contains(&name.as_str()) && !value.is_null());
        let rest: Vec<String> = rest.map(|(name, value)| format!("{name}={}", short(value))).collect();
        table.row([format!("  {}", first("at")), first("event"), rest.join(" ")]);
    }
    table
}

/// A value that is none of several.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("-".to_owned()),
        Value::Object(_) | Value::Array(_) => None,
        other => Some(short(other)),
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(short).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

fn title(name: &str) -> String {
    name.replace('_', " ")
}
