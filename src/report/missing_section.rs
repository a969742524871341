//! What is missing from this view.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;

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
    if missing.is_empty() {
        missing.push("Nothing that zoogate knows of".to_owned());
    }
    text.list(missing);
    text.paragraph(
        "zoogate sees what passes through it and what its probes are told. What happened inside the servers and the clients \
         is in their own logs.",
    );
}
