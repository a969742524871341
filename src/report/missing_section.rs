//! What is missing from this view.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;

/// How long a slot of latency is, in milliseconds.
const SLOT_MS: u64 = 10_000;

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "What is missing from this view");
    let mut missing = facts.missing.clone();
    for server in &facts.ensemble.servers {
        let name = server.server.server.as_deref().unwrap_or("?");
        match server.bypassing {
            Some(0) => {}
            Some(count) => missing.push(format!("{count} connections to {name} do not come through zoogate")),
            None => missing.push(format!("{name} does not tell how many connections it has: some may bypass zoogate")),
        }
    }
    if facts.ensemble.forgotten > 0 {
        missing.push(format!("{} older events of the ensemble are forgotten", facts.ensemble.forgotten));
    }
    missing.extend(before_its_memory(facts));
    if missing.is_empty() {
        missing.push("Nothing that zoogate knows of".to_owned());
    }
    text.list(missing);
    text.paragraph(
        "zoogate sees what passes through it and what its probes are told. What happened inside the servers and the clients \
         is in their own logs.",
    );
}

/// Where the time that the report is about begins before what the running zoogate knows.
fn before_its_memory(facts: &ReportFacts) -> Vec<String> {
    let mut lines = Vec::new();
    let begins = facts.window.from_ms;
    let started = &facts.ensemble.since;
    if let (Some(text), Some(millis)) = (&started.since, started.since_ms)
        && millis > begins
    {
        lines.push(format!(
            "zoogate was started at {text}, within this time: of what was before it knows nothing here. With a state directory \
             `zoogate history --since …` tells what it kept"
        ));
        return lines;
    }
    // A slot is there for each ten seconds in which something was asked for.
    let oldest = facts.latency.iter().filter_map(|slot| slot.at.at_ms.map(|at| (at, &slot.at.at))).min();
    if let Some((millis, Some(text))) = oldest
        && millis > begins.saturating_add(SLOT_MS)
    {
        lines.push(format!("Latency is known from {text} on"));
    }
    lines
}
