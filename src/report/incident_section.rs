//! Each incident with its evidence.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;
use crate::api::{CauseView, IncidentView};

fn cause(one: &CauseView) -> String {
    let capped = one.capped_because.as_ref().map_or_else(String::new, |because| format!(", because {because}"));
    format!("{} ({}{capped})", one.code, one.confidence)
}

fn cited(by: &[u32]) -> String {
    by.iter().map(|n| format!("[{n}]")).collect::<Vec<_>>().join(" ")
}

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    if facts.incidents.is_empty() {
        return;
    }
    text.title(2, "Why: incidents and their evidence");
    facts.incidents.iter().for_each(|one| incident(text, one));
}

fn incident(text: &mut MarkdownText, one: &IncidentView) {
    text.title(3, &format!("Incident {}: {}", one.id, one.cause.code));
    text.paragraph(&one.summary);
    let mut values = vec![
        format!("Cause: {}", cause(&one.cause)),
        format!("Who failed first: {}", one.first),
        format!(
            "When: from {} to {}",
            one.at.at.as_deref().unwrap_or("?"),
            one.until.until.as_deref().unwrap_or("now, it is open")
        ),
    ];
    let impact = &one.impact;
    values.push(format!(
        "Cost: {} connections of {} sessions; {} back, {} moved, {} expired, {} refused by SESSION_MOVED; {} requests \
         without a reply; longest without a connection {} ms",
        impact.connections,
        impact.sessions,
        impact.back,
        impact.moved,
        impact.expired,
        impact.refused,
        impact.unanswered,
        impact.gap_ms
    ));
    if impact.ephemerals_at_risk > 0 {
        values.push(format!("Sessions with ephemeral nodes that were not back: {}", impact.ephemerals_at_risk));
    }
    if !impact.holders.is_empty() {
        values.push(format!("To whom: {}", impact.holders.join(", ")));
    }
    if one.times > 1 {
        values.push(format!("It came {} times", one.times));
    }
    if let Some(before) = &one.seen_before {
        values.push(format!("Before: {} times, last {}", before.count, before.last.as_deref().unwrap_or("?")));
    }
    let own: Vec<String> = one.own_actions.iter().map(|own| format!("{} {}", own.what, own.count)).collect();
    if !own.is_empty() {
        values.push(format!("What zoogate itself did: {}", own.join(", ")));
    }
    text.list(values);
    let evidence = one.evidence.iter().map(|item| {
        vec![
            format!("[{}]", item.n),
            item.at.at.clone().unwrap_or_default(),
            item.source.to_string(),
            item.text.clone(),
        ]
    });
    text.table(&["evidence", "at", "seen by", "what"], evidence.collect(), "Nothing was seen that shows the cause.");
    text.list(one.ruled_out.iter().map(|out| format!("It was not {}: {}", out.cause, cited(&out.by))));
    text.list(one.remaining.iter().map(|code| format!("It may also have been {code}")));
    text.list(one.impact.operations.iter().map(|lost| {
        let ephemeral = if lost.ephemeral { ", which makes an ephemeral node" } else { "" };
        format!("Without a reply: {} {}{ephemeral}", lost.op, lost.path)
    }));
    text.list(one.revisions.iter().map(|earlier| {
        format!("Until {} it was held to be {}", earlier.at.at.as_deref().unwrap_or("?"), cause(&earlier.cause))
    }));
}
