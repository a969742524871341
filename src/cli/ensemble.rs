//! `zoogate ensemble`: the servers over time, and what happened to them.

use std::io::Write;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::cell::{CellValue as _, in_line, members};
use super::query_options::QueryOptions;
use super::table::{Column, TextTable};
use crate::api::{BaselineView, DetailsView, EnsembleView, WatchedServerView};

const COLUMNS: &[Column<WatchedServerView>] = &[
    ("SERVER", |one| one.server.server.cell()),
    ("STATE", |one| one.state.cell()),
    ("SINCE", |one| one.since.since.cell()),
    ("ROLE", |one| one.role.cell()),
    ("MYID", |one| one.myid.cell()),
    ("ZXID", |one| one.zxid.cell()),
    ("BEHIND", |one| one.behind.cell()),
    ("PROBE MS", |one| usual_and_last(&one.probe_ms)),
    ("CONNECT MS", |one| usual_and_last(&one.connect_ms)),
    ("PING MS", |one| usual_and_last(&one.ping_ms)),
    ("RTT MS", |one| one.path.as_ref().map(|path| path.rtt_ms).cell()),
    ("RESENT", |one| one.path.as_ref().map(|path| path.retransmissions).cell()),
    ("CONNECTIONS", |one| one.connections.cell()),
    ("BYPASSING", |one| one.bypassing.cell()),
];

pub(super) fn ensemble(asking: &QueryOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let answer = AdminClient::of(&asking.at)?.get(EnsembleView::PATH, &[])?;
    if asking.json {
        writeln!(out, "{}", answer.json()?)?;
    } else {
        print(&answer.good()?, out)?;
    }
    Ok(CommandOutcome::Success)
}

pub(super) fn print(ensemble: &EnsembleView, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = TextTable::new(COLUMNS.iter().map(|(title, _)| *title));
    for server in &ensemble.servers {
        table.element(COLUMNS, server);
        if let Some(details) = &server.details {
            table.note(&told(details));
        }
    }
    table.write(out)?;
    let mut values = TextTable::without_titles();
    for (name, value) in members!(ensemble; leader, epoch, leader_changes) {
        values.row([name.replace('_', " "), value.cell()]);
    }
    writeln!(out)?;
    values.write(out)?;
    if !ensemble.timeline.is_empty() {
        writeln!(out, "\ntimeline")?;
        let mut timeline = TextTable::without_titles();
        for event in &ensemble.timeline {
            timeline.row([format!("  {}", event.at.at.cell()), event.change.cell(), event.text.cell()]);
        }
        timeline.write(out)?;
    }
    if ensemble.forgotten > 0 {
        writeln!(out, "{} older events are no longer remembered", ensemble.forgotten)?;
    }
    Ok(())
}

/// What is usual, and what was seen last: `1.2 (1.4)`.
fn usual_and_last(baseline: &BaselineView) -> String {
    match (baseline.usual, baseline.last) {
        (Some(usual), Some(last)) => format!("{} ({})", usual.cell(), last.cell()),
        (_, last) => last.map(|last| format!("({})", last.cell())).cell(),
    }
}

/// What a server tells of itself, in one line.
fn told(details: &DetailsView) -> String {
    in_line(members!(details;
        version, tick_ms, min_session_timeout_ms, max_session_timeout_ms, max_client_connections, connections,
        outstanding_requests, synced_followers, followers, uptime_ms,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{EnsembleEventView, NamedServer, PathView};

    #[test]
    fn servers_come_first_and_then_what_happened() {
        let server = WatchedServerView {
            server: NamedServer { server: Some("zk1:2181".to_owned()), server_id: Some(0) },
            state: "serving".into(),
            role: "leader".into(),
            myid: Some(1),
            probe_ms: BaselineView { usual: Some(1.25), last: Some(2.0), worst_recent: None, samples: 9 },
            ping_ms: BaselineView { last: Some(3.0), ..BaselineView::default() },
            path: Some(PathView { rtt_ms: 0.5, retransmissions: 4, ..PathView::default() }),
            details: Some(DetailsView {
                version: Some("3.9.3".to_owned()),
                tick_ms: Some(2_000),
                ..DetailsView::default()
            }),
            connections: 2,
            bypassing: Some(7),
            ..WatchedServerView::default()
        };
        let event = EnsembleEventView {
            change: "health".into(),
            text: "server zk1:2181 serves \u{1b}[2J".to_owned(),
            ..EnsembleEventView::default()
        };
        let view = EnsembleView {
            servers: vec![server],
            leader: Some("zk1:2181".to_owned()),
            epoch: Some(3),
            leader_changes: 2,
            timeline: vec![event],
            forgotten: 5,
            ..EnsembleView::default()
        };
        let mut text = Vec::new();
        print(&view, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let words: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "SERVER STATE SINCE ROLE MYID ZXID BEHIND PROBE MS CONNECT MS PING MS RTT MS RESENT CONNECTIONS BYPASSING",
            "zk1:2181 serving - leader 1 - - 1.2 (2.0) - (3.0) 0.5 4 2 7",
            "version=3.9.3 tick_ms=2000",
            "",
            "leader zk1:2181",
            "epoch 3",
            "leader changes 2",
            "",
            "timeline",
            "- health server zk1:2181 serves \\u{1b}[2J",
            "5 older events are no longer remembered",
        ];
        assert_eq!(words, expected, "{text}");
    }
}
