//! `zoogate session ID`: all that is known of one session.
//!
//! Shown as the API gives it, whatever it contains: single values first, then what has several (latency by class),
//! then what has happened, one line an event. A field that is added there appears here.

use std::io::Write;

use serde_json::{Map, Value};
use ureq::http::StatusCode;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::arguments::QueryOptions;
use super::table::{TextTable, cell, is_twin};
use crate::ids::SessionId;
use crate::text;

pub(super) fn session(asking: &QueryOptions, id: SessionId, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let answer = AdminClient::new(&asking.at.admin).get(&format!("/api/sessions/{id}"), &[])?;
    if answer.status == StatusCode::NOT_FOUND {
        writeln!(out, "{}", answer.refusal())?;
        return Ok(CommandOutcome::Negative);
    }
    match answer.good()? {
        Value::Object(session) if !asking.json => print(&session, out)?,
        session => writeln!(out, "{}", text::json(&format!("{session:#}")))?,
    }
    Ok(CommandOutcome::Success)
}

fn print(session: &Map<String, Value>, out: &mut dyn Write) -> anyhow::Result<()> {
    let shown = || session.iter().filter(|(name, _)| !is_twin(session, name));
    let mut single = TextTable::new(&[]);
    for (name, value) in shown().filter(|(_, value)| !has_rows(value)) {
        let shown = if value.as_array().is_some_and(Vec::is_empty) { "none".to_owned() } else { cell(Some(value)) };
        single.row([title(name), shown]);
    }
    single.write(out)?;
    for (name, value) in shown().filter(|(_, value)| has_rows(value)) {
        writeln!(out, "\n{}", text::one_line(&title(name)))?;
        match value {
            Value::Object(members) => by_member(members).write(out)?,
            Value::Array(events) => events_table(events).write(out)?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a value is a table of its own: a list of objects, or objects by name.
fn has_rows(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.values().any(Value::is_object),
        Value::Array(items) => items.iter().any(Value::is_object),
        _ => false,
    }
}

/// Objects by name as rows under the names that their members share.
fn by_member(members: &Map<String, Value>) -> TextTable {
    let mut columns: Vec<&str> = Vec::new();
    for inner in members.values().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&inner.as_str()) {
            columns.push(inner);
        }
    }
    let titles: Vec<String> = columns.iter().map(|column| title(column)).collect();
    let mut table = TextTable::new(&[]);
    table.row([String::new()].into_iter().chain(titles));
    for (name, value) in members {
        let cells = columns.iter().map(|column| cell(value.get(*column)));
        table.row([format!("  {}", title(name))].into_iter().chain(cells));
    }
    table
}

/// When and what in columns, the rest behind as name=value, reasons in lines below.
fn events_table(events: &[Value]) -> TextTable {
    let mut table = TextTable::new(&[]);
    for event in events {
        let Value::Object(members) = event else {
            table.row([format!("  {}", cell(Some(event)))]);
            continue;
        };
        let in_columns = |name: &str| ["at", "kind", "session", "why"].contains(&name);
        let rest = members.iter().filter(|(name, value)| {
            !in_columns(name) && !is_twin(members, name) && !value.is_null() && *value != &Value::Array(Vec::new())
        });
        let rest: Vec<String> = rest.map(|(name, value)| format!("{name}={}", cell(Some(value)))).collect();
        let columns = ["at", "kind"].into_iter().filter_map(|name| members.get(name)).map(|value| cell(Some(value)));
        let mut row: Vec<String> = columns.chain([rest.join(" ")]).collect();
        row[0].insert_str(0, "  ");
        table.row(row);
        match members.get("why") {
            Some(Value::Array(lines)) => lines.iter().for_each(|line| table.note(&cell(Some(line)))),
            Some(Value::String(line)) => table.note(line),
            _ => {}
        }
    }
    table
}

fn title(name: &str) -> String {
    name.replace('_', " ")
}
