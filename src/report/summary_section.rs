//! What happened, in a few sentences.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;
use crate::api::IncidentView;

fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// The worst incidents come first: by sessions lost, then by sessions hit.
fn worst_first(incidents: &[IncidentView]) -> Vec<&IncidentView> {
    let mut all: Vec<&IncidentView> = incidents.iter().collect();
    all.sort_by_key(|one| std::cmp::Reverse((one.impact.expired, one.impact.sessions, one.impact.unanswered)));
    all
}

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(1, "ZooKeeper sessions: report");
    let [from, until] = &facts.window_text;
    text.paragraph(&format!(
        "From {from} to {until}, as zoogate at {} saw it. Made at {}. All times are UTC.",
        facts.admin, facts.made_at
    ));
    text.title(2, "What happened");
    if facts.incidents.is_empty() {
        text.paragraph("No incident is known within this time.");
    }
    text.list(worst_first(&facts.incidents).into_iter().take(10).map(|one| {
        let until = one.until.until.as_deref().unwrap_or("now, it is open");
        let from = one.at.at.as_deref().unwrap_or("?");
        format!("Incident {} ({from} to {until}): {}", one.id, one.summary)
    }));
    let expired = facts.ends.iter().filter(|one| one.reason.as_deref() == Some("session_expired")).count();
    let unanswered: u64 = facts.ends.iter().map(|one| u64::from(one.unanswered)).sum();
    text.paragraph(&format!(
        "In numbers: {}, {}, {} by SESSION_MOVED, {}, {} for an expired session, {} without a reply, {}.",
        count(facts.incidents.len(), "incident"),
        count(facts.moves.len(), "move"),
        count(facts.refusals.len(), "refusal"),
        count(facts.ends.len(), "ended connection"),
        expired,
        count(unanswered as usize, "request"),
        count(facts.risks.len(), "risk"),
    ));
}
