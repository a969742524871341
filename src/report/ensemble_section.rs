//! The ensemble as it is when the report is made.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "The ensemble when this was made");
    let ensemble = &facts.ensemble;
    text.paragraph(&format!(
        "Leader: {}; epoch {}; {} changes of the leader since zoogate was started.",
        ensemble.leader.as_deref().unwrap_or("none that is known"),
        shown(ensemble.epoch),
        ensemble.leader_changes
    ));
    let rows = ensemble.servers.iter().map(|one| {
        let details = one.details.clone().unwrap_or_default();
        vec![
            shown(one.server.server.clone()),
            one.state.to_string(),
            shown(one.since.since.clone()),
            one.role.to_string(),
            shown(one.myid),
            shown(details.version),
            shown(one.behind),
            shown(one.probe_ms.usual.map(|usual| format!("{usual:.1}"))),
            shown(one.path.as_ref().map(|path| format!("{:.1}", path.rtt_ms))),
            one.connections.to_string(),
            shown(one.bypassing),
        ]
    });
    text.table(
        &[
            "server",
            "state",
            "since",
            "role",
            "myid",
            "version",
            "behind",
            "probe ms",
            "round trip ms",
            "connections",
            "bypassing zoogate",
        ],
        rows.collect(),
        "No server is configured.",
    );
}
