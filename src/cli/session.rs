//! `zoogate session ID`: all that is known of one session.
//!
//! Single values first, then what has happened, one line an event, then latencies by class.

use std::io::Write;

use ureq::http::StatusCode;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::cell::{CellValue as _, in_line, members};
use super::query_options::QueryOptions;
use super::table::TextTable;
use crate::api::{
    HeartbeatView, LatencyByClass, LatencyView, SessionDetail, TimelineEvent, TimeoutAdviceView, UnknownEvent,
};
use crate::ids::SessionId;

pub(super) fn session(asking: &QueryOptions, id: SessionId, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let answer = AdminClient::of(&asking.at)?.get(&SessionDetail::path(id), &[])?;
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

pub(super) fn print(detail: &SessionDetail, out: &mut dyn Write) -> anyhow::Result<()> {
    values(detail).write(out)?;
    if !detail.last_unanswered.is_empty() {
        writeln!(out, "\nlast unanswered")?;
        let mut table = TextTable::without_titles();
        detail.last_unanswered.iter().for_each(|request| table.row([format!("  {}", request.cell())]));
        table.write(out)?;
    }
    if !detail.timeline.is_empty() {
        writeln!(out, "\ntimeline")?;
        timeline(&detail.timeline).write(out)?;
    }
    writeln!(out, "\nlatency")?;
    latencies(&detail.latency).write(out)?;
    Ok(())
}

/// What has a single value, one a line.
fn values(detail: &SessionDetail) -> TextTable {
    let mut shown = members!(detail.session;
        session, state, ended, identity, client, server.server, born_on, client_kind, client_recognised_by,
        client_gives_up_after_ms, protocol_version, xid_bits, compressed, timeout_ms, requested_timeout_ms, in_flight,
        unanswered, operations, errors, p50_us, p99_us, client_silent_ms, server_silent_ms, waits_for, client_bytes,
        server_bytes, moves, session_moved, last_zxid, watches, attached_at.attached_at, active_at.active_at,
    );
    shown.extend(members!(detail; forgotten));
    let heartbeat = detail.heartbeat.as_ref().map(heartbeat);
    let advice = detail.timeout_advice.as_ref().map(advice);
    let mut table = TextTable::without_titles();
    for (name, value) in shown {
        table.row([title(name), value.cell()]);
    }
    let client_path = detail.client_path.as_ref();
    let client_path = client_path.map(|path| in_line(members!(path; rtt_ms, retransmissions, unacked)));
    let server_path = detail.server_path.as_ref();
    let server_path = server_path.map(|path| in_line(members!(path; rtt_ms, retransmissions, unacked, lost)));
    table.row(["path to the client".to_owned(), client_path.cell()]);
    table.row(["path to the server".to_owned(), server_path.cell()]);
    table.row(["silent now".to_owned(), heartbeat.cell()]);
    table.row(["timeout advice".to_owned(), advice.cell()]);
    table
}

/// How long both sides have been silent, in words.
fn heartbeat(one: &HeartbeatView) -> String {
    let owed = if one.owed { ", an answer is owed" } else { "" };
    format!("client {} ms of {} ms, server {} ms{owed}", one.client_silent_ms, one.timeout_ms, one.server_silent_ms)
}

/// How the timeout fits what was seen, in words.
fn advice(one: &TimeoutAdviceView) -> String {
    let longest = one.longest_ms.map_or_else(String::new, |longest| format!(", the longest {longest} ms"));
    let seen = format!("{} of {} outages lasted longer than the client bears{longest}", one.exceeded, one.outages);
    let bear = one.would_bear_ms.map_or_else(String::new, |bear| format!("; {bear} ms would have borne all"));
    let most = one.servers_give_ms.map_or_else(String::new, |most| {
        format!("; servers give {most} ms at most (maxSessionTimeout), which would not have borne all")
    });
    format!("{} ({seen}{bear}{most})", one.fit.replace('_', " "))
}

/// An event: when, what, its values, and its evidence in lines below.
struct EventLines {
    at: String,
    kind: String,
    values: String,
    notes: Vec<String>,
}

impl EventLines {
    fn new(event: &TimelineEvent) -> Self {
        match event {
            TimelineEvent::Attach(one) => {
                let values = members!(one;
                    connection, client, server.server, routed, outcome, requested_timeout_ms, timeout_ms,
                    attached_at.attached_at,
                );
                Self { at: one.at.at.cell(), kind: "attach".to_owned(), values: in_line(values), notes: Vec::new() }
            }
            TimelineEvent::End(one) => {
                let values = members!(one; connection, server.server, reason, confidence, closer, unanswered);
                let notes = one.why.clone().into_iter().collect();
                Self { at: one.at.at.cell(), kind: "end".to_owned(), values: in_line(values), notes }
            }
            TimelineEvent::Move(one) => {
                let values =
                    members!(one; former_session, identity, client, from, to, gap_ms, unanswered, reason, routed);
                Self { at: one.at.at.cell(), kind: "move".to_owned(), values: in_line(values), notes: Vec::new() }
            }
            TimelineEvent::SessionMoved(one) => {
                let values = members!(one;
                    identity, client, connection, server.server, claimed_by, evidence, confidence, unanswered, requests,
                );
                let (at, kind) = (one.at.at.cell(), "session_moved".to_owned());
                Self { at, kind, values: in_line(values), notes: one.why.clone() }
            }
            TimelineEvent::Unknown(UnknownEvent { kind, at, members }) => {
                let values = members.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.shown()?)));
                let values = values.collect::<Vec<_>>().join(" ");
                Self { at: at.at.cell(), kind: kind.clone(), values, notes: Vec::new() }
            }
        }
    }
}

fn timeline(events: &[TimelineEvent]) -> TextTable {
    let mut table = TextTable::without_titles();
    for event in events.iter().map(EventLines::new) {
        table.row([format!("  {}", event.at), event.kind, event.values]);
        event.notes.iter().for_each(|note| table.note(note));
    }
    table
}

fn latencies(all: &LatencyByClass) -> TextTable {
    let values = |one: &LatencyView| members!(one; count, mean_us, p50_us, p90_us, p99_us, p999_us, max_us);
    let classes = [("read", &all.read), ("write", &all.write), ("ping", &all.ping)];
    let titles = values(&all.read).into_iter().map(|(name, _)| title(name));
    let mut table = TextTable::new([String::new()].into_iter().chain(titles));
    for (class, view) in classes {
        let cells = values(view).into_iter().map(|(_, value)| value.cell());
        table.row([format!("  {class}")].into_iter().chain(cells));
    }
    table
}

fn title(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SessionView;

    /// What is added to the API appears here as well; twins for programs (`at_ms`, `server_id`) do not.
    #[test]
    fn every_member_of_a_session_is_shown() {
        let session = serde_json::to_value(SessionView::default()).unwrap();
        let names: Vec<&String> = session.as_object().unwrap().keys().collect();
        let is_twin = |name: &str| {
            ["_ms", "_id"]
                .iter()
                .any(|end| name.strip_suffix(end).is_some_and(|other| names.iter().any(|name| *name == other)))
        };
        let mut text = Vec::new();
        values(&SessionDetail::default()).write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(names.len() > 25);
        for name in names.iter().filter(|name| !is_twin(name)) {
            let shows_it = |line: &str| {
                line.strip_prefix(&title(name)).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            assert!(text.lines().any(shows_it), "{name} is not in {text}");
        }
    }
}
