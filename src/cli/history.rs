//! `zoogate history`: what happened earlier.

use std::io::Write;
use std::ops::ControlFlow;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::cell::CellValue as _;
use super::history_export::export;
use super::history_options::{HistoryAction, HistoryOptions};
use super::history_question::{filter, parameters, warn};
use super::table::{Column, TextTable};
use crate::api::{HistoryAnswer, HistoryEntryView, HistorySummaryView, NamedCount};
use crate::history::{HistoryFilter, HistoryReader};
use crate::text;

const SUMMARY: &[Column<HistorySummaryView>] = &[
    ("KIND", |one| one.kind.cell()),
    ("CAUSE", |one| one.cause.cell()),
    ("COUNT", |one| one.count.cell()),
    ("FIRST", |one| one.first.first.cell()),
    ("LAST", |one| one.last.last.cell()),
    ("SHORTEST MS", |one| one.shortest_ms.cell()),
    ("MEAN MS", |one| one.mean_ms.cell()),
    ("LONGEST MS", |one| one.longest_ms.cell()),
];

const ENTRIES: &[Column<HistoryEntryView>] = &[
    ("AT", |one| one.at.at.cell()),
    ("KIND", |one| one.kind.cell()),
    ("CAUSE", |one| one.cause.cell()),
    ("IDENTITY", |one| one.identity.cell()),
    ("SESSION", |one| one.session.cell()),
    ("SERVER", |one| one.server.cell()),
    ("LASTED MS", |one| one.lasted_ms.cell()),
];

pub(super) fn history(
    asked: &HistoryOptions,
    action: Option<&HistoryAction>,
    out: &mut dyn Write,
) -> anyhow::Result<CommandOutcome> {
    match action {
        Some(HistoryAction::Export { format, asked }) => export(asked, *format, out),
        None => show(asked, out),
    }
}

fn show(asked: &HistoryOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let answer = if let Some(dir) = &asked.dir {
        read(&HistoryReader::new(dir), &filter(&parameters(asked))?)?
    } else {
        let client = AdminClient::of(&asked.asking.at)?;
        client.get(HistoryAnswer::PATH, &parameters(asked).pairs())?.good()?
    };
    if asked.asking.json {
        writeln!(out, "{}", text::json(&serde_json::to_string_pretty(&answer)?))?;
    } else {
        print(&answer, out)?;
    }
    Ok(if answer.entries.is_empty() { CommandOutcome::Negative } else { CommandOutcome::Success })
}

/// The same as the API answers.
fn read(reader: &HistoryReader, filter: &HistoryFilter) -> anyhow::Result<HistoryAnswer> {
    let (summary, unread) = reader.summary(filter)?;
    let mut entries = Vec::new();
    let outcome = reader.entries(filter, |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    })?;
    let outcome = outcome.and_before(unread);
    Ok(HistoryAnswer { summary, unread: outcome.unread, entries, more: outcome.more })
}

fn print(answer: &HistoryAnswer, out: &mut dyn Write) -> anyhow::Result<()> {
    warn(&answer.unread);
    if answer.entries.is_empty() {
        writeln!(out, "none")?;
        return Ok(());
    }
    let mut table = TextTable::new(SUMMARY.iter().map(|(title, _)| *title));
    for one in &answer.summary {
        table.element(SUMMARY, one);
        for (what, counts) in [("servers", &one.servers), ("identities", &one.identities)] {
            if !counts.is_empty() {
                table.note(&format!("{what}: {}", in_line(counts)));
            }
        }
        one.different.iter().for_each(|line| table.note(&format!("different: {line}")));
    }
    if !answer.summary.is_empty() {
        table.write(out)?;
        writeln!(out)?;
    }
    let mut table = TextTable::new(ENTRIES.iter().map(|(title, _)| *title));
    for one in &answer.entries {
        table.element(ENTRIES, one);
        table.note(&one.text);
    }
    table.write(out)?;
    if answer.more {
        let why = if answer.unread.is_empty() { ": see --limit" } else { ", and not all could be read" };
        writeln!(out, "there is more than these {}{why}", answer.entries.len())?;
    }
    Ok(())
}

fn in_line(counts: &[NamedCount]) -> String {
    counts.iter().map(|one| format!("{} ({})", one.name, one.count)).collect::<Vec<_>>().join(", ")
}
