//! `zoogate report`: a post-mortem as one Markdown text, or as one HTML file.

use std::io::Write;

use anyhow::{Context as _, bail};
use ureq::http::StatusCode;

use super::admin_client::AdminClient;
use super::report_options::{ReportFormat, ReportOptions};
use super::report_page::saved_page;
use super::{CommandOutcome, print_error, private_file};
use crate::api::{
    ApiList, ConnectionList, EnsembleView, IncidentList, IncidentView, LatencyList, MoveList, RefusalList, RiskList,
    ServerList, SessionDetail, SessionList,
};
use crate::observe::WallClock;
use crate::report::{ReportFacts, ReportWindow, markdown};
use crate::text::one_line;

/// Elements of each list that are asked for.
const ELEMENTS: usize = 20_000;
/// Sessions whose detail is asked for.
const DETAILS: usize = 50;
/// How much of the time before and behind an incident belongs to its report, in milliseconds.
const AROUND_MS: u64 = 120_000;

pub(super) fn report(options: &ReportOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let client = AdminClient::of(&options.at)?;
    let now = WallClock::unix_now();
    let Some((window, incident)) = window(&client, options, now)? else { return Ok(CommandOutcome::Negative) };
    let mut missing = Vec::new();
    let mut facts = ReportFacts {
        admin: client.address().to_owned(),
        made_at: WallClock::text(now),
        window,
        window_text: [window.from_ms, window.until_ms].map(WallClock::text),
        incidents: list::<IncidentList>(&client, &mut missing)?,
        moves: list::<MoveList>(&client, &mut missing)?,
        refusals: list::<RefusalList>(&client, &mut missing)?,
        ends: list::<ConnectionList>(&client, &mut missing)?,
        risks: list::<RiskList>(&client, &mut missing)?,
        ensemble: client.get(EnsembleView::PATH, &[])?.good()?,
        sessions: list::<SessionList>(&client, &mut missing)?,
        details: Vec::new(),
        latency: list::<LatencyList>(&client, &mut missing)?,
        missing,
    }
    .within();
    if let Some(id) = incident {
        facts.incidents.retain(|one| one.id == id);
    }
    details(&client, &mut facts)?;
    let text = match options.format {
        ReportFormat::Markdown => markdown(&facts),
        ReportFormat::Html => {
            // Asked for here alone: the text takes the servers from the ensemble.
            let (servers, _) = client.get(ServerList::PATH, &[])?.good::<ServerList>()?.into_elements();
            saved_page(&facts, &servers, now)?.html()
        }
    };
    match &options.out {
        Some(path) => {
            let written = private_file::create(path).and_then(|mut file| file.write_all(text.as_bytes()));
            written.with_context(|| format!("cannot write the report to {}", path.display()))?;
            writeln!(out, "{}", one_line(&path.to_string_lossy()))?;
        }
        None => out.write_all(text.as_bytes())?,
    }
    Ok(CommandOutcome::Success)
}

/// The time of the report, and the incident that it is about, if it is about one. None when that is not known.
fn window(
    client: &AdminClient<'_>,
    options: &ReportOptions,
    now: u64,
) -> anyhow::Result<Option<(ReportWindow, Option<u64>)>> {
    let Some(id) = options.incident else {
        let length = u64::try_from(options.since.0.as_millis()).unwrap_or(u64::MAX);
        return Ok(Some((ReportWindow { from_ms: now.saturating_sub(length), until_ms: now }, None)));
    };
    let answer = client.get(&IncidentView::path(id), &[])?;
    if answer.status == StatusCode::NOT_FOUND {
        print_error(&answer.refusal());
        return Ok(None);
    }
    let one: IncidentView = answer.good()?;
    let Some(from) = one.at.at_ms else { bail!("incident {id} has no beginning") };
    // What led to it, and how the last sessions came back, lies outside of the incident itself.
    let until = one.until.until_ms.unwrap_or(now);
    let window =
        ReportWindow { from_ms: from.saturating_sub(AROUND_MS), until_ms: until.saturating_add(AROUND_MS).min(now) };
    Ok(Some((window, Some(id))))
}

/// The elements of a list; notes where there are more.
fn list<L: ApiList>(client: &AdminClient<'_>, missing: &mut Vec<String>) -> anyhow::Result<Vec<L::Element>> {
    let (elements, more) = client.get(L::PATH, &[("limit", ELEMENTS.to_string())])?.good::<L>()?.into_elements();
    if more {
        missing.push(format!("{} has more than the {ELEMENTS} elements that were read", L::PATH));
    }
    Ok(elements)
}

/// Asks for the detail of the sessions that were hit or at risk.
fn details(client: &AdminClient<'_>, facts: &mut ReportFacts) -> anyhow::Result<()> {
    let hit = facts.hit_sessions();
    if hit.len() > DETAILS {
        let of = hit.len();
        facts.missing.push(format!("Timeouts are reviewed of {DETAILS} of the {of} sessions that were hit or at risk"));
    }
    for session in hit.iter().take(DETAILS) {
        let answer = client.get(&SessionDetail::path(session), &[])?;
        // Forgotten since the list was made, or never given by a server.
        if answer.status == StatusCode::OK {
            facts.details.push(answer.good()?);
        }
    }
    Ok(())
}
