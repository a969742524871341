use super::*;
use crate::api::{
    ActionView, ConnectionView, EnsembleEventView, EnsembleView, EvidenceView, IncidentView, LatencySlotView, MoveView,
    NamedServer, RefusalView, RiskView, RuledOutView, SessionView, WatchedServerView,
};

fn server(name: &str) -> NamedServer {
    NamedServer { server: Some(name.to_owned()), server_id: Some(0) }
}

fn incident(id: u64, from: u64, until: Option<u64>) -> IncidentView {
    let mut one = IncidentView { id, summary: format!("what incident {id} was"), ..IncidentView::default() };
    one.cause.code = "leader_stopped".into();
    one.cause.confidence = "certain".into();
    one.first = "server".into();
    (one.at.at_ms, one.at.at) = (Some(from), Some(format!("t{from}")));
    (one.until.until_ms, one.until.until) = (until, until.map(|until| format!("t{until}")));
    one.evidence =
        vec![EvidenceView { n: 1, source: "probe".into(), text: "it refused".into(), ..EvidenceView::default() }];
    one.ruled_out = vec![RuledOutView { cause: "client_paused".into(), by: vec![1] }];
    one.actions = vec![ActionView {
        text: "read the log".into(),
        setting: Some("tickTime".into()),
        why: "it says who did it".into(),
    }];
    one
}

fn ended(session: &str, reason: &str, at: u64) -> ConnectionView {
    let mut one = ConnectionView { session: Some(session.to_owned()), ..ConnectionView::default() };
    (one.reason, one.ended_at.ended_at_ms, one.unanswered) = (Some(reason.to_owned().into()), Some(at), 2);
    one
}

fn slot(from: u64, p99_us: u32) -> LatencySlotView {
    let mut one = LatencySlotView { server: server("zk1:2181"), class: "write".into(), ..LatencySlotView::default() };
    (one.at.at_ms, one.count, one.p50_us, one.p99_us, one.max_us) = (Some(from), 10, 1_000, p99_us, p99_us);
    one
}

fn facts() -> ReportFacts {
    let mut moved =
        MoveView { session: "0xa".into(), from: "zk1:2181".into(), to: "zk2:2181".into(), ..MoveView::default() };
    (moved.at.at_ms, moved.gap_ms, moved.reason) = (Some(1_001_000), 640, "server_gone".into());
    let mut refused = RefusalView { session: "0xb".into(), server: server("zk1:2181"), ..RefusalView::default() };
    refused.at.at_ms = Some(1_002_000);
    let mut risk = RiskView { code: "session_away".into(), advice: "look at it".into(), ..RiskView::default() };
    (risk.at.at_ms, risk.session, risk.owner) = (Some(1_001_500), "0xe".into(), Some("0xf".into()));
    let mut stranger = RiskView { session: "0x9".into(), ..RiskView::default() };
    (stranger.at.at_ms, stranger.until.until_ms) = (Some(5), Some(6));
    let mut event =
        EnsembleEventView { text: "no longer leads".into(), server: server("zk1:2181"), ..Default::default() };
    event.at.at_ms = Some(1_000_100);
    let mut old = event.clone();
    (old.at.at_ms, old.text) = (Some(5), "an old event".into());
    ReportFacts {
        admin: "127.0.0.1:9180".into(),
        made_at: "now".into(),
        window: ReportWindow { from_ms: 900_000, until_ms: 1_100_000 },
        window_text: ["begin".into(), "end".into()],
        incidents: vec![incident(7, 1_000_000, Some(1_010_000)), incident(3, 10, Some(20))],
        moves: vec![moved],
        refusals: vec![refused],
        ends: vec![ended("0xa", "server_gone", 1_000_200), ended("0xc", "closed", 1_000_300), ended("0xd", "x", 7)],
        risks: vec![risk, stranger],
        ensemble: EnsembleView {
            servers: vec![WatchedServerView { server: server("zk1:2181"), bypassing: Some(4), ..Default::default() }],
            timeline: vec![old, event],
            ..EnsembleView::default()
        },
        sessions: vec![SessionView { session: "0xa".into(), identity: Some("broker-1".into()), ..Default::default() }],
        details: Vec::new(),
        latency: vec![slot(950_000, 2_000), slot(1_000_000, 900_000), slot(1_030_000, 3_000)],
        missing: vec!["/api/moves has more than was read".into()],
    }
    .within()
}

/// The part of a report under a title, up to the next of its level.
fn section<'t>(text: &'t str, title: &str) -> &'t str {
    let begin = text.find(&format!("## {title}\n")).unwrap_or_else(|| panic!("no {title} in\n{text}"));
    let rest = &text[begin + 3..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn a_report_says_what_happened_to_whom_why_and_what_to_change() {
    let text = markdown(&facts());
    let happened = section(&text, "What happened");
    assert!(happened.contains("Incident 7 (t1000000 to t1010000): what incident 7 was"), "{text}");
    assert!(happened.contains("1 incident, 1 move, 1 refusal by SESSION_MOVED, 2 ended connections"), "{text}");
    assert!(!text.contains("incident 3") && !text.contains("an old event"), "what was at another time\n{text}");
    let why = section(&text, "Why: incidents and their evidence");
    for said in
        ["Cause: leader_stopped (certain)", "| \\[1\\] |  | probe | it refused |", "It was not client_paused: \\[1\\]"]
    {
        assert!(why.contains(said), "{said} in\n{why}");
    }
    let timeline = section(&text, "Timeline");
    let order =
        ["incident 7 opens", "no longer leads", "session 0xa of", "session_away", "refused session 0xb", "is over"];
    let places: Vec<usize> =
        order.iter().map(|said| timeline.find(said).unwrap_or_else(|| panic!("{said} in\n{timeline}"))).collect();
    assert!(places.is_sorted(), "{timeline}");
    let hit = section(&text, "Sessions that were hit or at risk");
    assert!(hit.contains("| 0xa | broker-1 |") && hit.contains("| 640 |"), "{hit}");
    assert!(hit.contains("| 0xb |") && !hit.contains("0xc"), "who closed was not hit\n{hit}");
    assert!(hit.contains("| 0xe |") && hit.contains("| 0xf |"), "at risk, and the owner that the risk names\n{hit}");
    assert!(!text.contains("0x9"), "at risk at another time\n{text}");
    let latency = section(&text, "Latency");
    assert!(
        latency.contains("| 10 | 1.0 | 2.0 | 2.0 | 10 | 1.0 | 900.0 | 900.0 | 10 | 1.0 | 3.0 | 3.0 |"),
        "{latency}"
    );
    let change = section(&text, "What to change");
    for said in [
        "read the log (tickTime): it says who did it. For incident 7 (leader_stopped)",
        "look at it. For the risk session_away of ",
    ] {
        assert!(change.contains(said), "{said} in\n{change}");
    }
    let missing = section(&text, "What is missing from this view");
    assert!(missing.contains("4 connections to zk1:2181") && missing.contains("more than was read"), "{missing}");
    assert!(!missing.contains("zoogate was started") && !missing.contains("Nothing that"), "{missing}");
}

#[test]
fn what_was_before_it_was_started_is_said_to_be_unknown() {
    let mut facts = facts();
    let missing = |facts: &ReportFacts| section(&markdown(facts), "What is missing from this view").to_owned();
    facts.ensemble.since.since = Some("T0".into());
    for (since, is_said) in [(facts.window.from_ms, false), (facts.window.from_ms + 1, true)] {
        facts.ensemble.since.since_ms = Some(since);
        let text = missing(&facts);
        assert_eq!(
            text.contains("zoogate was started at T0, within this time") && text.contains("zoogate history"),
            is_said,
            "{text}"
        );
    }
    facts.ensemble.since.since_ms = Some(1);
    let mut first = slot(facts.window.from_ms + 60_000, 1);
    first.at.at = Some("T1".into());
    facts.latency = vec![first];
    assert!(missing(&facts).contains("Latency is known from T1 on"));
}

#[test]
fn a_report_of_nothing_says_so() {
    let window = ReportWindow { from_ms: 1, until_ms: 2 };
    let facts = ReportFacts { window, ..facts() }.within();
    let text = markdown(&facts);
    assert!(section(&text, "What happened").contains("No incident is known"), "{text}");
    assert!(section(&text, "Timeline").contains("Nothing happened."), "{text}");
    assert!(section(&text, "What to change").contains("Nothing that was seen"), "{text}");
}

#[test]
fn nothing_from_the_network_becomes_markup() {
    let evil = "x|y`<b>\n# z\u{1b}[2J\u{202e}".to_owned();
    let mut facts = facts();
    facts.incidents[0].summary.clone_from(&evil);
    facts.incidents[0].evidence[0].text.clone_from(&evil);
    facts.incidents[0].impact.holders = vec![evil.clone()];
    facts.sessions[0].identity = Some(evil.clone());
    facts.ensemble.timeline[0].text.clone_from(&evil);
    facts.moves[0].client.clone_from(&evil);
    facts.risks[0].summary = evil;
    let text = markdown(&facts);
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    assert!(!text.contains('\u{202e}') && !text.contains("\n# z"), "{text}");
    assert!(text.match_indices("<b>").all(|(at, _)| text[..at].ends_with('\\')), "{text}");
    for table in text.lines().filter(|line| line.starts_with("| ")) {
        assert!(table.ends_with(" |"), "{table}");
    }
}
