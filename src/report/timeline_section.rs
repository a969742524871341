//! What happened when, over everything.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;

/// One line of the timeline: milliseconds, moment, kind, what.
type TimelineLine = (Option<u64>, Option<String>, &'static str, String);

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "Timeline");
    let mut lines = lines(facts);
    // Stable, so that what happened in one millisecond stays in the order of the lists it comes from.
    lines.sort_by_key(|(at_ms, ..)| *at_ms);
    let rows = lines.into_iter().map(|(_, at, kind, what)| vec![at.unwrap_or_default(), kind.to_owned(), what]);
    text.table(&["at", "kind", "what"], rows.collect(), "Nothing happened.");
}

fn lines(facts: &ReportFacts) -> Vec<TimelineLine> {
    let mut lines: Vec<TimelineLine> = Vec::new();
    for one in &facts.ensemble.timeline {
        let server = one.server.server.as_deref().unwrap_or("ensemble");
        lines.push((one.at.at_ms, one.at.at.clone(), "ensemble", format!("{server}: {}", one.text)));
    }
    for one in &facts.incidents {
        let opened = format!("incident {} opens: {}", one.id, one.cause.code);
        lines.push((one.at.at_ms, one.at.at.clone(), "incident", opened));
        if one.until.until_ms.is_some() {
            let closed = format!("incident {} is over", one.id);
            lines.push((one.until.until_ms, one.until.until.clone(), "incident", closed));
        }
    }
    for one in &facts.moves {
        let who = one.identity.as_deref().unwrap_or(&one.client);
        let what = format!(
            "session {} of {who} from {} to {} after {} ms: {}",
            one.session, one.from, one.to, one.gap_ms, one.reason
        );
        lines.push((one.at.at_ms, one.at.at.clone(), "move", what));
    }
    for one in &facts.refusals {
        let server = one.server.server.as_deref().unwrap_or("?");
        let what = format!("{server} refused session {}: {} ({})", one.session, one.evidence, one.confidence);
        lines.push((one.at.at_ms, one.at.at.clone(), "session_moved", what));
    }
    for one in &facts.risks {
        lines.push((one.at.at_ms, one.at.at.clone(), "risk", format!("{}: {} ({})", one.code, one.summary, one.state)));
    }
    lines
}
