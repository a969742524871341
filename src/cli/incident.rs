//! `zoogate incident N`: one incident with its evidence, and what to do about it.

use std::io::Write;

use ureq::http::StatusCode;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::cell::{CellValue as _, in_line, members};
use super::query_options::QueryOptions;
use super::table::TextTable;
use crate::api::{CauseView, IncidentView};
use crate::text;

pub(super) fn incident(asking: &QueryOptions, id: u64, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let answer = AdminClient::of(&asking.at)?.get(&IncidentView::path(id), &[])?;
    if answer.status == StatusCode::NOT_FOUND {
        writeln!(out, "{}", answer.refusal())?;
        return Ok(CommandOutcome::Negative);
    }
    if asking.json {
        writeln!(out, "{}", answer.json()?)?;
    } else {
        print(&answer.good()?, out)?;
    }
    Ok(CommandOutcome::Success)
}

pub(super) fn print(one: &IncidentView, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", text::one_line(&one.summary))?;
    let mut table = TextTable::without_titles();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("incident", one.id.cell());
    row("from", one.at.at.cell());
    row("until", one.until.until.clone().unwrap_or_else(|| "open".to_owned()));
    row("cause", cause(&one.cause));
    row("failed first", one.first.cell());
    row("phase", one.phase.cell());
    let impact = &one.impact;
    row(
        "impact",
        in_line(
            members!(impact; connections, sessions, back, moved, expired, refused, unanswered, gap_ms, ephemerals_at_risk),
        ),
    );
    if !impact.holders.is_empty() {
        row("held by", impact.holders.join(", "));
    }
    if !one.own_actions.is_empty() {
        let actions = one.own_actions.iter().map(|action| format!("{} {}", action.what, action.count));
        row("zoogate itself", actions.collect::<Vec<_>>().join(", "));
    }
    if let Some(before) = &one.seen_before {
        row("before", format!("{} times, last {}", before.count, before.last.cell()));
    }
    let bypassing = one.completeness.bypassing.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
    let (seen, servers) = (one.completeness.servers_seen, one.completeness.servers);
    row("seen", format!("{seen} of {servers} servers, connections past zoogate: {bypassing}"));
    table.write(out)?;
    section(out, "evidence", one.evidence.iter().map(|item| format!("[{}] {}: {}", item.n, item.source, item.text)))?;
    let cited = |by: &[u32]| by.iter().map(|n| format!("[{n}]")).collect::<Vec<_>>().join(" ");
    section(out, "ruled out", one.ruled_out.iter().map(|item| format!("{} by {}", item.cause, cited(&item.by))))?;
    section(out, "may also have been", one.remaining.iter().map(ToString::to_string))?;
    let operations = one.impact.operations.iter();
    section(
        out,
        "without a reply",
        operations.map(|lost| {
            let ephemeral = if lost.ephemeral { " (ephemeral)" } else { "" };
            format!("{} {}{ephemeral}", lost.op, lost.path)
        }),
    )?;
    section(
        out,
        "what to do",
        one.actions.iter().map(|action| {
            let setting = action.setting.as_ref().map_or_else(String::new, |setting| format!(" ({setting})"));
            format!("{}{setting}: {}", action.text, action.why)
        }),
    )?;
    let revisions = one.revisions.iter();
    section(
        out,
        "held to be before",
        revisions.map(|earlier| format!("{} until {}", cause(&earlier.cause), earlier.at.at.cell())),
    )
}

/// A cause in one line.
fn cause(one: &CauseView) -> String {
    let capped = one.capped_because.as_ref().map_or_else(String::new, |because| format!(", {because}"));
    format!("{} ({}{capped})", one.code, one.confidence)
}

/// A titled list; nothing when it is empty.
fn section(out: &mut dyn Write, title: &str, lines: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(out, "\n{title}")?;
    }
    for line in lines {
        writeln!(out, "  {}", text::one_line(&line))?;
    }
    Ok(())
}
